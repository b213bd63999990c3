// Plain JavaScript on the built server: Jest does not resolve our imports in a global setup.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { EmbeddedPostgres } from '../../dist/src/database/embedded/embedded-postgres.js';
import { migrate } from '../../dist/src/database/migrate.js';

/** One PostgreSQL for all suites, with a migrated template that each suite copies. */
export default async function setUp() {
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  const postgres = await EmbeddedPostgres.start({
    dataDir,
    log: { info() {}, warn() {}, error: (line) => process.stderr.write(`${line}\n`) },
    settings: { fsync: 'off', synchronous_commit: 'off', max_connections: '300' },
  });
  globalThis.testCluster = { postgres, dataDir };
  const client = new pg.Client(postgres.connection);
  await client.connect();
  await client.query('CREATE DATABASE template_latchkey');
  await client.end();
  await migrate({ ...postgres.connection, database: 'template_latchkey' });
  process.env.TEST_CLUSTER = JSON.stringify(postgres.connection);
}
