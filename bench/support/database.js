// The database of a run: an embedded PostgreSQL with durable commits.
import pg from 'pg';
import { startEmbeddedPostgres } from '../../dist/src/database/embedded-postgres.js';
import { cpuOfTree, parentOf } from './cpu.js';
import { inDataDir } from './start.js';

const silent = { info() {}, warn() {}, error() {} };
const SETTINGS = {
  synchronous_commit: 'on',
  fsync: 'on',
  shared_buffers: process.env.SHARED_BUFFERS ?? '1GB',
  max_wal_size: '8GB',
  max_connections: '200',
  maintenance_work_mem: '512MB',
  shared_preload_libraries: 'pg_stat_statements',
};

/** Calls `work` with a new database, and removes it afterwards. */
export function inDatabase(work) {
  return inDataDir(async (dataDir) => {
    const postgres = await startEmbeddedPostgres({ dataDir, log: silent, settings: SETTINGS });
    const client = new pg.Client(postgres.connection);
    try {
      await client.connect();
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid, version()');
      const { host, port, user, password, database } = postgres.connection;
      const url = `postgres://${user}:${password}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`;
      const postmaster = parentOf(rows[0].pid);
      const cpu = () => cpuOfTree(postmaster);
      return await work({ client, url, dataDir, cpu, version: rows[0].version, settings: SETTINGS });
    } finally {
      await client.end().catch(() => undefined);
      await postgres.stop();
    }
  });
}
