import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { runningPostgres } from '@latchkey/supervised-postgres';
import {
  cleanUp,
  eventually,
  isAlive,
  newFolder,
  postmasterOf,
  processesNaming,
  ServerProcess,
} from './support/process.js';
import { claimsOf, TEST_SECRET_KEY } from './support/server.js';

const CHEAP = { BCRYPT_COST: '4', LOG_LEVEL: 'info' };

afterAll(cleanUp);

async function seed(env: Record<string, string>, ...args: string[]) {
  const command = [process.execPath, resolve('dist/src/commands/seed.js'), ...args];
  const run = await ServerProcess.start({ ...CHEAP, ...env }, { command });
  const { code } = await run.exited;
  return { code, stdout: run.stdout, stderr: run.stderr };
}

/** @returns what stands behind a label in `seed.txt` */
function valueOf(dataDir: string, label: string): string {
  const lines = readFileSync(join(dataDir, 'seed.txt'), 'utf8').split('\n');
  return (
    lines
      .find((line) => line.startsWith(`${label} `))
      ?.slice(label.length)
      .trim() ?? ''
  );
}

it('a seed that is told to stop stops its database first', async () => {
  const dataDir = join(newFolder(), 'data');
  const command = [process.execPath, resolve('dist/src/commands/seed.js')];
  const run = await ServerProcess.start({ ...CHEAP, DATA_DIR: dataDir }, { command });
  const postmaster = await eventually(() => {
    const pid = postmasterOf(dataDir);
    expect(pid).toBeGreaterThan(0);
    return pid;
  });
  const { code } = await run.stop();
  // Its PostgreSQL may say before that it has lost a statement that was under way.
  expect([code, run.stderr]).toEqual([143, expect.stringMatching(/^Stopped by SIGTERM\.\n$(?![^])/m)]);
  expect(isAlive(postmaster)).toBe(false);
  expect(run.stdout).not.toContain('Created');
});

describe('npm run seed', () => {
  let dataDir: string;
  let server: ServerProcess;
  let first: Awaited<ReturnType<typeof seed>>;

  beforeAll(async () => {
    dataDir = join(newFolder(), 'data');
    server = await ServerProcess.start({ ...CHEAP, DATA_DIR: dataDir });
    await server.ready();
    first = await seed({ DATA_DIR: dataDir });
  });

  async function rows(): Promise<Record<string, number>> {
    const connection = await runningPostgres({ id: 'latchkey' }, dataDir);
    const client = new pg.Client(connection);
    await client.connect();
    try {
      const tables = ['accounts', 'account_networks', 'account_email_domains', 'oauth_clients', 'oauth_client_secrets'];
      tables.push('tokens', 'identifications', 'audit_events');
      const counts = tables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
      const result = await client.query<Record<string, number>>(`SELECT ${counts.join(', ')}`);
      return result.rows[0] ?? {};
    } finally {
      await client.end();
    }
  }

  it('fills the database of a running server, and says what it made', async () => {
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('Created 8 organisations with 12 networks, 10 people, 3 OAuth2 clients,');
    // One admin, App-Token and client are of the first start.
    expect(await rows()).toMatchObject({
      accounts: 1 + 8 + 10,
      account_networks: 12,
      account_email_domains: 10,
      oauth_clients: 1 + 3,
      oauth_client_secrets: 1 + 3,
      tokens: 1 + 2 + 3 + 5,
      identifications: 7,
    });
  });

  it('keeps the credentials in a private file', () => {
    const file = join(dataDir, 'seed.txt');
    expect(first.stdout).toContain(readFileSync(file, 'utf8'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('changes nothing when it is run again, and says so', async () => {
    const before = { rows: await rows(), file: readFileSync(join(dataDir, 'seed.txt'), 'utf8') };
    const second = await seed({ DATA_DIR: dataDir });
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(second.stdout).toMatch(/^The database is already seeded\. Nothing was changed\. .*seed\.txt\.\n$/);
    const inJson = await seed({ DATA_DIR: dataDir }, '--json');
    expect(JSON.parse(inJson.stdout)).toEqual({ created: false, file: join(dataDir, 'seed.txt') });
    expect({ rows: await rows(), file: readFileSync(join(dataDir, 'seed.txt'), 'utf8') }).toEqual(before);
  });

  it('makes people who can sign in, by session and by Token', async () => {
    const [email, password] = [valueOf(dataDir, 'Person'), valueOf(dataDir, 'Password of everyone')];
    const session = await server.call('POST', '/account/session', { account: { email, password } });
    expect(session.status).toBe(200);
    expect(claimsOf((session.body as { token: string }).token).data.attributes.email).toBe(email);
    const headers = { 'app-token': valueOf(dataDir, 'App-Token'), token: valueOf(dataDir, 'Token') };
    const { status, body } = await server.call('GET', '/api/v1/tokens/', undefined, headers);
    expect({ status, tokens: (body as { tokens: unknown[] }).tokens.length }).toEqual({ status: 200, tokens: 2 });
  });

  it('makes API tokens that are good', async () => {
    const headers = { authorization: `Bearer ${valueOf(dataDir, 'API token')}` };
    expect((await server.call('GET', '/v1/api/auth', undefined, headers)).body).toMatchObject({ account_id: '1042' });
  });

  it.each([
    ['198.51.100.17', 'Northfield University'],
    ['198.51.100.70', 'Northfield University Library'],
    ['172.16.47.255', 'Ridgeway School District'],
    ['3fff:300::1', 'Calder Institute of Technology'],
  ])('makes networks: a visitor from %s is from %s', async (ip, name) => {
    const secret = valueOf(dataDir, 'reading-room secret');
    const authorization = `Basic ${Buffer.from(`reading-room:${secret}`).toString('base64')}`;
    const visitor = { ip, url: 'https://publisher.example/read', user_agent: 'test' };
    const { body } = await server.call('POST', '/api/identifications', visitor, { authorization });
    expect(body).toMatchObject({ status: 'identified', account: { account_name: name } });
  });

  it.each([
    [{ DATABASE_URL: 'postgres://u:p@127.0.0.1:1/d', SECRET_KEY: TEST_SECRET_KEY }, 'DATABASE_URL is set'],
    [{ PUBLIC_URL: 'https://auth.example.org' }, 'PUBLIC_URL is not a loopback address'],
  ])('is refused where people may be, without --yes: %j', async (env: Record<string, string>, reason) => {
    const { code, stdout, stderr } = await seed({ DATA_DIR: dataDir, ...env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^${reason}: .* latchkey seed --yes\n$`));
  });

  it('takes an outside database with --yes, and wants an admin in it', async () => {
    const connection = await runningPostgres({ id: 'latchkey' }, dataDir);
    const admin = new pg.Client(connection);
    await admin.connect();
    await admin.query('CREATE DATABASE outside');
    await admin.end();
    const { host = '', port = 0, user = '', password = '' } = connection ?? {};
    const url = `postgres://${user}:${password}@localhost/outside?host=${encodeURIComponent(host)}&port=${port}`;
    const env = { DATABASE_URL: url, SECRET_KEY: TEST_SECRET_KEY, DATA_DIR: join(newFolder(), 'data') };
    expect(await seed(env, '--yes')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'There is no enabled admin to own the clients. Run the bootstrap command first.\n',
    });
  });
});

describe('npm run dev', () => {
  it('seeds an empty database, serves, and takes PostgreSQL along when it is stopped', async () => {
    const dataDir = join(newFolder(), 'data');
    const command = [process.execPath, resolve('scripts/dev.js')];
    const dev = await ServerProcess.start({ ...CHEAP, DATA_DIR: dataDir }, { command, group: true });
    await dev.ready();
    expect(existsSync(join(dataDir, 'seed.txt'))).toBe(true);
    const postmaster = postmasterOf(dataDir);
    expect(isAlive(postmaster)).toBe(true);
    // As a terminal does it: to all of them.
    process.kill(-dev.pid, 'SIGINT');
    expect(await dev.exited).toEqual({ code: 0, signal: null });
    expect(isAlive(postmaster)).toBe(false);
    expect(processesNaming(dataDir)).toEqual([]);
  });
});
