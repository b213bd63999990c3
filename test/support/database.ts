import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { PostgresConnection } from '@latchkey/supervised-postgres';

export interface TestDatabase {
  connection: PostgresConnection;
  /** Asks the database behind the server's back. */
  query<Row extends pg.QueryResultRow>(statement: string, parameters?: unknown[]): Promise<Row[]>;
  /** Runs a statement in a transaction that stays open until the connection is ended. */
  hold(statement: string): Promise<{ end(): Promise<void> }>;
  /** Ends every connection to it, and makes another database that has the same rows. */
  copy(): Promise<TestDatabase>;
  drop(): Promise<void>;
}

/** @returns the URL of a database, as DATABASE_URL takes it */
export function urlOf({ user, password, host, port, database }: PostgresConnection): string {
  return `postgres://${user}:${encodeURIComponent(password)}@${encodeURIComponent(host)}:${port}/${database}`;
}

/**
 * A database of the suite's own.
 *
 * @param options.empty without the schema, for tests of migrations and of first starts
 */
export async function createDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  return createFrom(options.empty ? 'template0' : 'template_latchkey');
}

async function createFrom(template: string): Promise<TestDatabase> {
  const cluster = clusterConnection();
  const database = `test_${randomUUID().replaceAll('-', '')}`;
  await asAdmin(cluster, `CREATE DATABASE ${database} TEMPLATE ${template}`);
  const connection = { ...cluster, database };
  const pool = new pg.Pool({ ...connection, max: 5 });
  pool.on('error', () => undefined);
  return {
    connection,
    query: async <Row extends pg.QueryResultRow>(statement: string, parameters: unknown[] = []) =>
      (await pool.query<Row>(statement, parameters)).rows,
    hold: async (statement) => {
      const client = new pg.Client(connection);
      client.on('error', () => undefined);
      await client.connect();
      await client.query('BEGIN');
      await client.query(statement);
      return { end: () => client.end() };
    },
    copy: async () => {
      await asAdmin(
        cluster,
        `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '${database}'`,
      );
      return createFrom(database);
    },
    drop: async () => {
      await pool.end();
      await asAdmin(cluster, `DROP DATABASE ${database} WITH (FORCE)`);
    },
  };
}

function clusterConnection(): PostgresConnection {
  const text = process.env.TEST_CLUSTER;
  if (text === undefined) throw new Error('There is no test cluster: run the tests with npm test.');
  return JSON.parse(text) as PostgresConnection;
}

async function asAdmin(cluster: PostgresConnection, statement: string): Promise<void> {
  const client = new pg.Client(cluster);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
