import { setTimeout as sleep } from 'node:timers/promises';
import { AbstractLogger, DataSource, type Migration, type MigrationInterface } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import type { DatabaseConnection } from '../config/database-url.js';
import { isDatabaseUnavailable, isDeadlock, isLockTimeout, isTlsRefusal } from '../errors/database-errors.js';
import { DatabaseClient, notWritable, sessionSettings } from './clients.js';
import { explainConnectionFailure, explainRefusedMigration, type DatabaseVariable } from './connection-problems.js';
import { ormOptions } from './connection.js';
import { settleTls } from './hosts.js';
import { MIGRATION_LOCK } from './locks.js';

/** The names of all migrations, as TypeORM stores them in its table. */
export const migrationNames: string[] = migrations.map((migration) => migration.name);

/** Another process may be at a long migration. In milliseconds. */
const TURN_LIMIT = 30 * 60_000;
/** For how long the migrations together may be kept from their locks, in milliseconds. */
const LOCK_LIMIT = 30 * 60_000;
/** Between two tries, so that whoever had to wait meanwhile is served. In milliseconds. */
const RETRY_AFTER = 2_000;
/** How often a migration that takes long is told of, in milliseconds. */
const REMINDER = 15_000;
/** How long DDL waits for its lock: everybody who comes later waits behind it. */
const LOCK_TIMEOUT = `'1s'`;

/** TypeORM prints which migration has failed, past our log; here the error says so. */
class MigrationDataSource extends DataSource {
  override async runMigrations(options?: Parameters<DataSource['runMigrations']>[0]): Promise<Migration[]> {
    const log = new MigrationLog();
    this.logger = log;
    try {
      return await super.runMigrations(options);
    } catch (error) {
      if (log.failed !== undefined && error instanceof Error) error.message = `${log.failed}: ${error.message}`;
      throw error;
    }
  }
}

/** Prints nothing, and keeps the name of the migration that has failed. */
class MigrationLog extends AbstractLogger {
  failed?: string;

  override logMigration(message: string): void {
    const [, name] = /^Migration "(\w+)" failed/.exec(message) ?? [];
    if (name !== undefined) this.failed = name;
  }

  protected writeLog = () => undefined;
}

/** A data source for schema work: no entities, no limit on statements, one connection. */
export function migrationDataSource(
  connection: DatabaseConnection,
  list: (new () => MigrationInterface)[] = migrations,
): DataSource {
  const { extra, ...options } = ormOptions(connection);
  const settings = sessionSettings({ statement_timeout: 0, lock_timeout: LOCK_TIMEOUT });
  return new MigrationDataSource({
    ...options,
    extra: { ...extra, onConnect: (client: DatabaseClient) => client.query(settings) },
    migrations: list,
    migrationsTransactionMode: 'each',
    poolSize: 1,
  });
}

export interface MigrateOptions {
  /** All of them, unless given. */
  list?: (new () => MigrationInterface)[];
  /** Told what is waited for. */
  onWait?: (forWhat: string) => void;
  /** Told, before anything is changed, how many there are to apply. */
  onPending?: (count: number) => void;
  /** Breaks off the waiting. */
  signal?: AbortSignal;
}

/**
 * Brings the schema up to date. Replicas that start at the same time wait for each other on an advisory lock: the first
 * one migrates, and the others find nothing to do.
 *
 * What has to wait for the lock of a table lets go after a second, so that nobody is kept waiting behind it, and tries
 * again.
 *
 * @param connection one that keeps its session
 * @throws when a lock cannot be had within half an hour, or a migration fails; a failed one leaves nothing behind, but
 *   for indexes that are built beside the traffic: they are built anew the next time
 */
export async function migrate(
  connection: DatabaseConnection,
  { list = migrations, onWait = () => undefined, onPending = () => undefined, signal }: MigrateOptions = {},
): Promise<void> {
  const turn = new DatabaseClient({
    ...connection,
    application_name: 'latchkey migrations',
    connectionTimeoutMillis: 10_000,
  });
  await turn.connect();
  try {
    await turn.query(sessionSettings({ statement_timeout: 0, idle_session_timeout: 0 }));
    await takeTurn(turn, onWait, signal);
    const dataSource = await migrationDataSource(connection, list).initialize();
    try {
      const pending = list.length - (await countApplied(turn, list));
      if (pending > 0) onPending(pending);
      await runMigrations(dataSource, onWait, signal);
    } catch (error) {
      throw explainRefusedMigration(error, connection);
    } finally {
      await dataSource.destroy();
    }
  } finally {
    // Ending the session gives the lock back.
    await turn.end();
  }
}

async function countApplied(client: DatabaseClient, list: (new () => MigrationInterface)[]): Promise<number> {
  const { rows: found } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('migrations') IS NOT NULL AS there`,
  );
  if (!found[0]?.there) return 0;
  const { rows } = await client.query<{ count: string }>(APPLIED, [list.map(({ name }) => name)]);
  return Number(rows[0]?.count);
}

/** Asks again and again: a statement that waits would keep an index from being built beside the traffic. */
async function takeTurn(client: DatabaseClient, onWait: (forWhat: string) => void, signal?: AbortSignal) {
  const deadline = performance.now() + TURN_LIMIT;
  for (let announced = false; ; announced = true) {
    const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS held', [
      ...MIGRATION_LOCK,
    ]);
    if (rows[0]?.held) return;
    if (performance.now() > deadline) throw new Error('Another Latchkey process has been migrating for half an hour.');
    if (!announced) onWait('another process that migrates the database');
    await pause(200, signal);
  }
}

async function runMigrations(dataSource: DataSource, onWait: (forWhat: string) => void, signal?: AbortSignal) {
  const deadline = performance.now() + LOCK_LIMIT;
  // An index that is built beside the traffic waits for every older transaction, and no lock timeout ends that.
  const reminder = setInterval(() => {
    onWait('a migration that takes long; what it waits for may be found in pg_stat_activity');
  }, REMINDER);
  try {
    while (!(await hasMigrated(dataSource))) {
      if (performance.now() > deadline)
        throw new Error('A migration has not had the lock of a table for half an hour.');
      onWait('the lock of a table that a migration changes; whoever holds it may be found in pg_stat_activity');
      await pause(RETRY_AFTER, signal);
    }
  } finally {
    clearInterval(reminder);
  }
}

/** @returns false when a lock could not be had */
async function hasMigrated(dataSource: DataSource): Promise<boolean> {
  try {
    await dataSource.runMigrations();
    return true;
  } catch (error) {
    if (!isLockTimeout(error) && !isDeadlock(error)) throw error;
    return false;
  }
}

/**
 * Waits until PostgreSQL answers and, with `migrated`, until every migration is applied.
 *
 * @param limit in milliseconds
 * @param variable where the connection was taken from, for what is said
 * @param onWait told at once, and again every ten seconds
 * @throws the last failure after the limit, or as soon as the server refuses the connection for good; the signal's
 *   reason when it aborts
 */
export async function waitForDatabase(
  connection: DatabaseConnection,
  { migrated, limit, variable, onWait, signal }: WaitOptions,
): Promise<void> {
  const deadline = performance.now() + limit;
  for (let told = -Infinity; ;) {
    const found = await probe(connection, migrated);
    if (!found) return;
    const failure = explainConnectionFailure(found, connection, variable);
    if (performance.now() > deadline || !isWorthWaiting(found)) throw failure;
    if (performance.now() - told >= REMIND_OF_WAIT) {
      onWait(failure);
      told = performance.now();
    }
    await pause(500, signal);
  }
}

interface WaitOptions {
  migrated: boolean;
  limit: number;
  variable?: DatabaseVariable | undefined;
  onWait: (why: Error) => void;
  signal?: AbortSignal;
}

/** How often the reason of a wait is told, in milliseconds. */
const REMIND_OF_WAIT = 10_000;

class NotMigratedError extends Error {
  override message =
    'The database is not migrated. Run latchkey migrate, or start one server with RUN_MIGRATIONS=true.';
}

/** Wrong credentials, no such database, no permission to connect: waiting does not help. */
const REFUSALS = /^(28...|3D000|42501)$/;

function isWorthWaiting(failure: Error): boolean {
  return (
    failure instanceof NotMigratedError ||
    (isDatabaseUnavailable(failure) &&
      !isTlsRefusal(failure) &&
      !REFUSALS.test((failure as { code?: string }).code ?? '')) ||
    // The error of a client outside a pool when the server accepts the connection and then does not respond.
    failure.message === 'timeout expired'
  );
}

/** @throws the signal's reason as soon as it aborts */
async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  signal?.throwIfAborted();
}

async function probe(connection: DatabaseConnection, migrated: boolean): Promise<Error | undefined> {
  let client: DatabaseClient | undefined;
  try {
    const settled = await settleTls(connection);
    client = new DatabaseClient({ ...settled, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
    await client.connect();
    const problem = await unsuitable(client);
    if (problem || !migrated) return problem;
    const { rows } = await client.query<{ count: string }>(APPLIED, [migrationNames]);
    return Number(rows[0]?.count) === migrationNames.length ? undefined : new NotMigratedError();
  } catch (error) {
    if ((error as { code?: string }).code === '42P01') return new NotMigratedError();
    if (String(error).includes(NO_PASSWORD))
      return new Error('The database asks for a password, and its URL has none.');
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    await client?.end().catch(() => undefined);
  }
}

/** The end of what `pg` says then. */
const NO_PASSWORD = 'client password must be a string';

/** Checks what Latchkey relies on. @returns what is wrong */
async function unsuitable(client: DatabaseClient): Promise<Error | undefined> {
  const { rows } = await client.query<{ version: number; encoding: string } & Writability>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding,
       ${WRITABILITY}`,
  );
  const { version = 0, encoding = '', isStandby = false, isReadOnly = false } = rows[0] ?? {};
  if (isReadOnly) return notWritable(isStandby);
  if (version < 150_000) return new Error('The database server is too old: Latchkey needs PostgreSQL 15 or later.');
  return encoding === 'UTF8'
    ? undefined
    : new Error(`The encoding of the database is ${encoding}: Latchkey needs UTF8.`);
}

export interface Writability {
  isStandby: boolean;
  isReadOnly: boolean;
}

/** SQL expressions for {@link Writability}. A standby is read-only, too. */
export const WRITABILITY = `pg_is_in_recovery() AS "isStandby", current_setting('transaction_read_only')::bool AS "isReadOnly"`;

/** How many of the given migrations are applied. */
export const APPLIED = 'SELECT count(*) AS count FROM migrations WHERE name = ANY($1)';
