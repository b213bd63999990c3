import pg from 'pg';

/** Creates the database `target.database` if it is missing. Throws pg's error when the server refuses. */
export async function ensureDatabase(target: pg.ClientConfig & { database: string }): Promise<void> {
  const client = new pg.Client({
    ...target,
    database: 'postgres',
    connectionTimeoutMillis: 10_000,
    query_timeout: 30_000,
  });
  // A lost connection fails the query under way, and must not end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [target.database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(target.database)}`);
  } finally {
    await client.end();
  }
}
