// Plain JavaScript on the built server: Jest does not resolve our imports in a global setup.
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../dist/src/database/embedded-postgres.js';
import { migrate } from '../../dist/src/database/migrate.js';

const GIB = 2 ** 30;
/** What suites provoke: they keep a database from being reached, and its server tries again and again. */
const PROVOKED = /database "test_\w+" is not currently accepting connections/;

/** One PostgreSQL for all suites, with a migrated template that each suite copies. */
export default async function setUp() {
  const folder = makeFolder();
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  const postgres = await startEmbeddedPostgres({
    dataDir: join(folder, 'cluster'),
    log: {
      info() {},
      warn() {},
      error: (line) => {
        if (!PROVOKED.test(line)) process.stderr.write(`${line}\n`);
      },
    },
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_wal_size: '128MB',
      max_connections: '300',
    },
  });
  globalThis.testRun = {
    tearDown: async () => {
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    },
  };
  const client = new pg.Client(postgres.connection);
  await client.connect();
  await client.query('CREATE DATABASE template_latchkey');
  await client.end();
  await migrate({ ...postgres.connection, database: 'template_latchkey' });
  process.env.TEST_CLUSTER = JSON.stringify(postgres.connection);
}

/** A folder for all that this run puts down: in memory, where there is plenty, as disks are slow. */
function makeFolder() {
  const root = isRoomy('/dev/shm') ? '/dev/shm' : tmpdir();
  // A run that was killed could not clean up. Those of other users are theirs to remove.
  for (const name of readdirSync(root)) {
    const pid = Number(/^latchkey-tests-(\d+)$/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid) && isOurs(join(root, name)))
      rmSync(join(root, name), { recursive: true, force: true });
  }
  const folder = join(root, `latchkey-tests-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  // Like /tmp: suites start programs as other users.
  chmodSync(folder, 0o1777);
  return folder;
}

function isRoomy(folder) {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize > 2 * GIB && freemem() > 4 * GIB;
  } catch {
    return false;
  }
}

function isOurs(folder) {
  const user = process.getuid?.();
  return user === undefined || user === 0 || statSync(folder, { throwIfNoEntry: false })?.uid === user;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
