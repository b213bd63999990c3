import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type MigrationInterface } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { DatabaseClient, ormOptions, type DatabaseConnection } from './connection.js';
import { MIGRATION_LOCK } from './locks.js';

/** The names of all migrations, as TypeORM stores them in its table. */
export const migrationNames: string[] = migrations.map((migration) => migration.name);

/** A data source for schema work: no entities, no timeouts, one connection. */
export function migrationDataSource(
  connection: DatabaseConnection,
  list: (new () => MigrationInterface)[] = migrations,
): DataSource {
  return new DataSource({
    ...ormOptions(connection),
    migrations: list,
    migrationsTransactionMode: 'each',
    poolSize: 1,
  });
}

/**
 * Brings the schema up to date. Replicas that start at the same time wait for each other on an advisory lock: the first
 * one migrates, and the others find nothing to do.
 *
 * @throws when the lock cannot be had within a minute, or a migration fails; a failed migration is rolled back
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
    // Ending the session releases the lock.
    await lock.end();
  }
}

/**
 * Waits until PostgreSQL answers and, with `migrated`, until every migration is applied.
 *
 * @param limit in milliseconds
 * @throws the last failure after the limit, or as soon as the server refuses the connection for good; the signal's
 *   reason when it aborts
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
  override message =
    'The database is not migrated. Run `npm run migrate`, or start one server with RUN_MIGRATIONS=true.';
}

/** Wrong credentials, no such database, no permission to connect: waiting does not help. */
const REFUSALS = /^(28...|3D000|42501)$/;

function isWorthWaiting(failure: Error): boolean {
  return (
    failure instanceof NotMigratedError ||
    (isDatabaseUnavailable(failure) && !REFUSALS.test((failure as { code?: string }).code ?? '')) ||
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

/** Checks what Latchkey relies on. @returns what is wrong */
async function unsuitable(client: DatabaseClient): Promise<Error | undefined> {
  const { rows } = await client.query<{ version: number; encoding: string }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding`,
  );
  const { version = 0, encoding = '' } = rows[0] ?? {};
  if (version < 150_000) return new Error('The database server is too old: Latchkey needs PostgreSQL 15 or later.');
  return encoding === 'UTF8'
    ? undefined
    : new Error(`The encoding of the database is ${encoding}: Latchkey needs UTF8.`);
}

/** How many of the given migrations are applied. */
export const APPLIED = 'SELECT count(*) AS count FROM migrations WHERE name = ANY($1)';
