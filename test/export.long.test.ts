import { spawn } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { cleanUp, eventually, newFolder, ServerProcess } from './support/process.js';
import { TEST_SECRET_KEY } from './support/server.js';

const COUNT = 50_000;
const PROGRAM = resolve('dist/src/commands/latchkey.js');
const HASH = `$2b$10$abcdefghijklmnopqrstu.${'h'.repeat(31)}$cut72`;

let database: TestDatabase;
let env: Record<string, string>;
let folder: string;

beforeAll(async () => {
  database = await createDatabase();
  env = { DATABASE_URL: urlOf(database.connection), SECRET_KEY: TEST_SECRET_KEY, DATA_DIR: newFolder() };
  await database.query(
    `INSERT INTO accounts (email, password_hash, name) SELECT 'person' || n || '@example.org', $1, 'Person ' || n
     FROM generate_series(1, ${COUNT}) AS n`,
    [HASH],
  );
  await database.query(
    `INSERT INTO account_networks SELECT a.id, ('10.0.' || n || '.0/24')::cidr
     FROM (SELECT id FROM accounts LIMIT 500) AS a, generate_series(0, 250) AS n`,
  );
});

beforeEach(() => {
  folder = newFolder();
});

afterAll(async () => {
  await cleanUp();
  await database.drop();
});

const start = (...args: string[]) =>
  ServerProcess.start(env, { command: [process.execPath, PROGRAM, 'export', ...args], cwd: folder });

/** The most memory that a process has had, in MiB, as Linux says. */
function peakOf(pid: number): number {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return 0;
  const [, kilobytes = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync(status, 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}

/** A line of the shell, whose pipes may break. */
async function shell(line: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const run = spawn('bash', ['--norc', '-c', `set -o pipefail; ${line}`], {
    env: { PATH: process.env.PATH, ...env },
    cwd: folder,
  });
  let [stdout, stderr] = ['', ''];
  run.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  run.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((done) => run.on('close', done));
  return { code, stdout, stderr };
}

it(`${COUNT} accounts are in a file that only its owner can read, in at most 200 MiB, and nothing is beside it`, async () => {
  const run = await start('--all', '--output', 'all.ndjson');
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, peakOf(run.pid))), 20);
  expect(await run.exited).toMatchObject({ code: 0 });
  clearInterval(watch);
  expect(run.stdout).toBe('');
  expect(run.stderr).toContain('Exported 50,000 accounts');
  expect(readdirSync(folder)).toEqual(['all.ndjson']);
  const path = join(folder, 'all.ndjson');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(COUNT);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ type: 'account', password_hash: HASH });
  expect(peak).toBeGreaterThan(30);
  expect(peak).toBeLessThan(200);
});

it.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('%s in the middle leaves what was there before', async (signal) => {
  writeFileSync(join(folder, 'all.ndjson'), 'before\n');
  const run = await start('--all', '--output', 'all.ndjson');
  await eventually(() => {
    const draft = readdirSync(folder).find((name) => name.endsWith('.part'));
    expect(draft && statSync(join(folder, draft)).size).toBeGreaterThan(10_000);
  });
  process.kill(run.pid, signal);
  const { code } = await run.exited;
  expect(code).toBe({ SIGTERM: 143, SIGINT: 130, SIGKILL: null }[signal]);
  expect(readFileSync(join(folder, 'all.ndjson'), 'utf8')).toBe('before\n');
  if (signal !== 'SIGKILL') {
    expect(readdirSync(folder)).toEqual(['all.ndjson']);
    expect(run.stderr).toBe(`Stopped by ${signal}.\n`);
  }
});

it('The same signal from a terminal and from npm is one: nothing of the export stays', async () => {
  const run = await start('--all', '--output', 'all.ndjson');
  await eventually(() => {
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^all\.ndjson\.\w+\.part$/)]);
  });
  process.kill(run.pid, 'SIGINT');
  await sleep(5);
  process.kill(run.pid, 'SIGINT');
  expect(await run.exited).toEqual({ code: 130, signal: null });
  expect([readdirSync(folder), run.stderr]).toEqual([[], 'Stopped by SIGINT.\n']);
});

it('A reader that takes nothing more does not keep it from stopping', async () => {
  const run = spawn(process.execPath, [PROGRAM, 'export', '--all'], { env: { PATH: process.env.PATH, ...env } });
  await new Promise((begun) => run.stdout.once('readable', begun));
  run.kill('SIGTERM');
  const code = await new Promise((done) => run.once('exit', done));
  expect(code).toBe(143);
  run.stdout.destroy();
});

it.each(['export --all', 'export --account person1@example.org', '--help', 'export --help', 'keys list'])(
  'latchkey %s | head ends without a word',
  async (command) => {
    const run = await shell(`${process.execPath} ${PROGRAM} ${command} | head -c 1 >/dev/null`);
    expect(run).toEqual({ code: expect.any(Number), stdout: '', stderr: expect.not.stringMatching(/EPIPE|at |Error/) });
    expect([0, 141]).toContain(run.code);
    const closed = await shell(`${process.execPath} ${PROGRAM} ${command} > >(exec 0<&-)`);
    expect(closed.stderr).not.toMatch(/EPIPE|\bat |Error/);
  },
);

it.each(['export --all', 'keys list', '--help', 'account --help'])(
  'latchkey %s > /dev/full says that the disk is full, and nothing else',
  async (command) => {
    expect(await shell(`${process.execPath} ${PROGRAM} ${command} > /dev/full`)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Standard output cannot be written: the disk is full.\n',
    });
  },
);

it('A full disk is named with the file that was asked for', async () => {
  const run = await start('--all', '-o', '/dev/full');
  expect([(await run.exited).code, run.stderr]).toEqual([1, '/dev/full cannot be written: the disk is full.\n']);
});

it('An account is on standard output, and what is said of it is not', async () => {
  const { code, stdout, stderr } = await shell(
    `${process.execPath} ${PROGRAM} export --account PERSON7@example.org | cat`,
  );
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { account: { email: 'person7@example.org' } }]);
  expect(stderr).toBe('Exported 1 account.\n');
});

it('A link is followed, and a device or a pipe written to: nothing is put in its place', async () => {
  writeFileSync(join(folder, 'real'), '');
  symlinkSync('real', join(folder, 'link'));
  expect((await (await start('--account', 'person8@example.org', '-o', 'link')).exited).code).toBe(0);
  expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(folder, 'real'), 'utf8')).toContain('person8@example.org');
  const piped = await shell(
    `mkfifo pipe; ${process.execPath} ${PROGRAM} export --account person9@example.org -o pipe & cat pipe; wait`,
  );
  expect(piped.stdout).toContain('person9@example.org');
  expect(lstatSync(join(folder, 'pipe')).isFIFO()).toBe(true);
  expect((await (await start('--account', 'person8@example.org', '-o', '/dev/null')).exited).code).toBe(0);
  expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
});

it.each([
  { what: 'an unknown account', args: ['--account', 'nobody@example.org'], code: 4, says: 'There is no such account.' },
  {
    what: 'a folder that is not there',
    args: ['--all', '-o', 'no/where'],
    code: 2,
    says: 'no/where cannot be written: there is no such folder.\n',
  },
  { what: 'no name', args: ['--all', '-o', ''], code: 2, says: 'A file without a name cannot be written' },
  { what: 'neither', args: [], code: 2, says: 'Specify --all or --account <id or email>.' },
  { what: 'both', args: ['--all', '--account', 'x'], code: 2, says: 'cannot be used with' },
])('$what ends it with $code, and leaves no file', async ({ args, code, says }) => {
  const run = await start(...args, ...(args.includes('-o') ? [] : ['-o', 'out']));
  expect([(await run.exited).code, run.stdout, run.stderr]).toEqual([code, '', expect.stringContaining(says)]);
  expect(readdirSync(folder)).toEqual([]);
});
