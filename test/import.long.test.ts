import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { readReport } from './support/imports.js';
import { cleanUp, eventually, newFolder, ServerProcess } from './support/process.js';
import { TEST_SECRET_KEY } from './support/server.js';

const COUNT = 20_000;
const HASH = `$2y$10$abcdefghijklmnopqrstu.${'h'.repeat(31)}`;

let database: TestDatabase;
let folder: string;
let file: string;

beforeAll(async () => {
  database = await createDatabase();
  folder = newFolder();
  file = join(folder, 'accounts.ndjson');
  const lines = Array.from({ length: COUNT }, (_, index) => {
    const email = index % 100 === 99 ? 'not an email' : `person${index}@example.org`;
    return JSON.stringify({ id: index.toString(16).padStart(24, '0'), email, password_hash: HASH });
  });
  writeFileSync(file, lines.join('\n'));
});

afterAll(async () => {
  await cleanUp();
  await database.drop();
});

function start(...args: string[]): Promise<ServerProcess> {
  const { host, port, user, password, database: name } = database.connection;
  const at = `host=${encodeURIComponent(host)}&port=${port}`;
  const url = `postgres://${user}:${encodeURIComponent(password)}@/${name}?${at}`;
  const env = { DATABASE_URL: url, SECRET_KEY: TEST_SECRET_KEY, DATA_DIR: folder };
  const command = [process.execPath, resolve('dist/src/commands/latchkey.js'), 'import', ...args];
  return ServerProcess.start(env, { command, cwd: folder });
}

async function counted(): Promise<number> {
  const [row] = await database.query<{ count: number }>('SELECT count(*)::int AS count FROM accounts');
  return row?.count ?? 0;
}

/** The most memory that a process has had, in MiB, as Linux says. */
function peakOf(pid: number): number {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return 0;
  const [, kilobytes = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync(status, 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}

it('20,000 accounts are imported although it is killed again and again: none twice, none lost, in at most 200 MiB', async () => {
  let peak = 0;
  for (const after of [2_000, 9_000, 16_000]) {
    const killed = await start(file);
    await eventually(async () => {
      peak = Math.max(peak, peakOf(killed.pid));
      expect(await counted()).toBeGreaterThan(after);
    }, 180_000);
    killed.kill('SIGKILL');
    await killed.exited;
    const there = await counted();
    expect(there).toBeLessThan(COUNT);
    const [{ counts } = { counts: undefined }] = await database.query<{ counts: any }>('SELECT counts FROM imports');
    expect(counts).toMatchObject({ made: there, changed: 0, unchanged: 0 });
  }
  const last = await start(file);
  const watch = setInterval(() => (peak = Math.max(peak, peakOf(last.pid))), 50);
  const { code } = await last.exited;
  clearInterval(watch);
  expect([code, last.stdout]).toEqual([
    3,
    `20,000 records: 19,800 created, 0 changed, 0 unchanged, 200 refused.\nReasons: ${file}.refused.ndjson\n`,
  ]);
  expect(await counted()).toBe(19_800);
  const refused = readReport(join(folder, 'accounts.ndjson.refused.ndjson'));
  expect(Object.keys(refused)).toEqual(Array.from({ length: 200 }, (_, index) => String(100 * (index + 1))));
  expect(peak).toBeLessThan(200);
  expect(await database.query('SELECT * FROM imports')).toEqual([]);
});

it('3,000 tokens and their accounts are imported although it is killed in between: none twice, none lost', async () => {
  const tokens = join(folder, 'tokens.ndjson');
  const lines = Array.from({ length: 1_500 }, (_, index) => {
    const email = `holder${index}@example.org`;
    const own = { type: 'user_token', token: `own ${index}`, account: email };
    return [{ email }, own, { type: 'api_token', token: `api-${index}`, account_id: String(index) }];
  });
  writeFileSync(
    tokens,
    lines
      .flat()
      .map((record) => JSON.stringify(record))
      .join('\n'),
  );
  const stored = async () => {
    const [row] = await database.query<{ count: number }>('SELECT count(*)::int AS count FROM tokens');
    return row?.count ?? 0;
  };
  const killed = await start(tokens);
  await eventually(async () => {
    expect(await stored()).toBeGreaterThan(500);
  });
  killed.kill('SIGKILL');
  await killed.exited;
  expect(await stored()).toBeLessThan(3_000);
  const last = await start(tokens);
  const { code } = await last.exited;
  expect([code, last.stdout]).toEqual([0, '4,500 records: 4,500 created, 0 changed, 0 unchanged, 0 refused.\n']);
  expect(await stored()).toBe(3_000);
  const again = await start(tokens);
  expect([(await again.exited).code, again.stdout]).toEqual([
    0,
    '4,500 records: 0 created, 0 changed, 4,500 unchanged, 0 refused.\n',
  ]);
  const [row] = await database.query('SELECT count(*)::int AS traces FROM imported_records');
  expect(row).toEqual({ traces: 3_000 });
  await database.query('DELETE FROM tokens');
});

it('A file that has changed since is not gone on with, but can be imported from its beginning', async () => {
  const other = join(folder, 'other.ndjson');
  const lines = Array.from({ length: 2_000 }, (_, index) => `{"email":"other${index}@example.org"}`);
  writeFileSync(other, lines.join('\n'));
  const before = await counted();
  const stopped = await start(other);
  await eventually(async () => {
    expect(await counted()).toBeGreaterThan(before);
  });
  expect((await stopped.stop()).code).toBe(143);
  expect(stopped.stderr).toContain('Stopped by SIGTERM.');
  writeFileSync(other, ['{"email":"first@example.org"}', ...lines].join('\n'));
  const again = await start(other);
  expect([(await again.exited).code, again.stderr]).toEqual([1, expect.stringContaining('--restart')]);
  const restarted = await start(other, '--restart');
  expect([(await restarted.exited).code, restarted.stderr]).toEqual([0, expect.not.stringContaining('Error')]);
  expect(await counted()).toBe(before + 2_001);
});

it('Standard input is imported, and a file that is not there is none', async () => {
  const missing = await start('nothing.ndjson');
  expect([(await missing.exited).code, missing.stderr]).toEqual([2, 'There is no file nothing.ndjson.\n']);
  const empty = await start('-');
  expect([(await empty.exited).code, empty.stdout]).toEqual([
    0,
    '0 records: 0 created, 0 changed, 0 unchanged, 0 refused.\n',
  ]);
});
