import { setTimeout as sleep } from 'node:timers/promises';
import { AbstractLogger, DataSource, type Migration, type MigrationInterface } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { DatabaseClient, ormOptions, type DatabaseConnection } from './connection.js';
import { MIGRATION_LOCK } from './locks.js';

/** TypeORM's name for a migration: what its table of applied ones holds. */
export const migrationNames: string[] = migrations.map((migration) => migration.name);

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

/** A data source for schema work: no entities, no timeouts, one connection. */
export function migrationDataSource(
  connection: DatabaseConnection,
  list: (new () => MigrationInterface)[] = migrations,
): DataSource {
  return new MigrationDataSource({
    ...ormOptions(connection),
    migrations: list,
    migrationsTransactionMode: 'each',
    poolSize: 1,
  });
}

/**
 * Brings the schema up to date. Replicas that start at once wait for each other on an advisory lock; the first
 * one does the work and the others find it done.
 *
 * @throws when the lock cannot be had within a minute, or a migration fails; a failed one leaves nothing behind
 */
export async function migrate(connection: DatabaseConnection): Promise<void> {
  const lock = new DatabaseClient({
    ...connection,
    application_name: 'latchkey migrations',
    connectionTimeoutMillis: 10_000,
  });
  await lock.connect();
  try {
    await lock.query(`SET lock_timeout = '60s'`);
    await lock.query('SELECT pg_advisory_lock($1, $2)', [...MIGRATION_LOCK]);
    const dataSource = await migrationDataSource(connection).initialize();
    try {
      await dataSource.runMigrations();
    } finally {
      await dataSource.destroy();
    }
  } finally {
    // Ending the session gives the lock back.
    await lock.end();
  }
}

/**
 * Waits until PostgreSQL answers and, with `migrated`, until every migration is applied.
 *
 * @param limit in milliseconds
 * @throws the last failure, after the limit; at once when the server answers but refuses us, or the signal comes
 */
export async function waitForDatabase(
  connection: DatabaseConnection,
  { migrated, limit, onWait, signal }: { migrated: boolean; limit: number; onWait: () => void; signal?: AbortSignal },
): Promise<void> {
  const deadline = Date.now() + limit;
  for (let announced = false; ;) {
    const failure = await probe(connection, migrated);
    if (!failure) return;
    if (Date.now() > deadline || !isWorthWaiting(failure)) throw failure;
    if (!announced) onWait();
    announced = true;
    await pause(500, signal);
  }
}

class NotMigratedError extends Error {
  override message = 'The database is not migrated. Start one Latchkey with RUN_MIGRATIONS=true.';
}

/** Wrong credentials, no such database, no right to connect: waiting changes nothing. */
const REFUSALS = /^(28...|3D000|42501)$/;

function isWorthWaiting(failure: Error): boolean {
  return (
    failure instanceof NotMigratedError ||
    (isDatabaseUnavailable(failure) && !REFUSALS.test((failure as { code?: string }).code ?? '')) ||
    // What a client without a pool says when the other end takes the connection and then keeps silent.
    failure.message === 'timeout expired'
  );
}

/** @throws the signal's reason as soon as it comes */
async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  signal?.throwIfAborted();
}

async function probe(connection: DatabaseConnection, migrated: boolean): Promise<Error | undefined> {
  const client = new DatabaseClient({ ...connection, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
  try {
    await client.connect();
    const problem = await unsuitable(client);
    if (problem || !migrated) return problem;
    const { rows } = await client.query<{ count: string }>(APPLIED, [migrationNames]);
    return Number(rows[0]?.count) === migrationNames.length ? undefined : new NotMigratedError();
  } catch (error) {
    if ((error as { code?: string }).code === '42P01') return new NotMigratedError();
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** What Latchkey relies on, and could not make up for. */
async function unsuitable(client: DatabaseClient): Promise<Error | undefined> {
  const { rows } = await client.query<{ version: number; encoding: string }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding`,
  );
  const { version = 0, encoding = '' } = rows[0] ?? {};
  if (version < 150_000) return new Error('The database server is too old: Latchkey needs PostgreSQL 15 or later.');
  return encoding === 'UTF8' ? undefined : new Error(`The database is in ${encoding}: Latchkey needs UTF8.`);
}

/** How many of the given migrations are applied. */
export const APPLIED = 'SELECT count(*) AS count FROM migrations WHERE name = ANY($1)';
