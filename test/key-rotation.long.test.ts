import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EntityManager } from 'typeorm';
import { KeyRotation } from '../src/keys/key-rotation.service.js';
import { SigningKeys } from '../src/keys/signing-keys.service.js';
import { SigningKeyStore } from '../src/keys/signing-keys.store.js';
import { Revocations } from '../src/revocations/revocations.service.js';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { cleanUp, eventually, ServerProcess } from './support/process.js';
import {
  bearer,
  call,
  claimsOf,
  newEmail,
  signUp,
  startServer,
  TEST_SECRET_KEY,
  type TestServer,
} from './support/server.js';

const PROGRAM = resolve('dist/src/commands/latchkey.js');
const NEXT_SECRET_KEY = 'the next secret key of the tests that is long enough';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(async () => {
  await cleanUp();
  await database.drop();
});

const settings = () => ({
  DATABASE_URL: urlOf(database.connection),
  SECRET_KEY: TEST_SECRET_KEY,
  PUBLIC_URL: 'http://latchkey.test',
  BCRYPT_COST: '4',
  RATE_LIMIT_PER_MINUTE: '0',
});

async function latchkey(args: string[], env: Record<string, string> = {}) {
  const run = await ServerProcess.start(
    { ...settings(), LOG_LEVEL: 'warn', ...env },
    { command: [process.execPath, PROGRAM, ...args] },
  );
  const { code } = await run.exited;
  return { code, stdout: run.stdout, stderr: run.stderr };
}

const kids = async () =>
  (await database.query<{ kid: string }>('SELECT kid FROM signing_keys ORDER BY signs_from, kid')).map(
    ({ kid }) => kid,
  );

const kidOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;

async function statusAt(url: string, token: string): Promise<number> {
  return (await call(`${url}/accounts/${claimsOf(token).data.id}`, 'GET', undefined, bearer(token))).status;
}

describe('Rotating on two servers of one process', () => {
  let one: TestServer;
  let two: TestServer;

  beforeAll(async () => {
    [one, two] = await Promise.all([startServer(database.connection), startServer(database.connection)]);
  });

  /** A key that signs, and no other. */
  beforeEach(async () => {
    await rotation(one).replaceCompromised();
    await heard();
  });

  afterAll(() => Promise.all([one.close(), two.close()]));

  const rotation = (server: TestServer) => server.app.get(KeyRotation);

  /** Every server looks again. */
  async function heard(): Promise<void> {
    for (const server of [one, two]) await server.app.get(Revocations).during('signing keys', () => Promise.resolve());
  }

  const statusesOf = (token: string) => Promise.all([one, two].map(({ url }) => statusAt(url, token)));

  it('publishes one key, however often it is asked for at once on two servers', async () => {
    const twenty = Array.from({ length: 20 }, (_, index) => rotation(index % 2 === 0 ? one : two).rotate());
    const done = await Promise.all(twenty);
    expect(await kids()).toHaveLength(2);
    const [, published] = await kids();
    expect(done.filter((one) => one.outcome === 'published')).toHaveLength(1);
    expect(done.filter((one) => one.outcome === 'unchanged')).toHaveLength(19);
    expect(new Set(done.map((one) => one.key.kid))).toEqual(new Set([published]));
  });

  it('names the key that another server has published, also before it has heard of it', async () => {
    const { key: last } = await rotation(two).rotate({ now: true });
    await heard();
    const keys = two.app.get(SigningKeys);
    expect((await keys.ring()).last?.kid).toBe(last.kid);
    const made = await keys.make();
    await two.app.get(EntityManager).transaction((tx) => one.app.get(SigningKeyStore).add(tx, made, last.kid, 86_400));
    expect(await rotation(two).rotate()).toMatchObject({ outcome: 'unchanged', key: { kid: made.kid } });
  });

  it('with --now, at once twenty times on two servers, leaves a key for each time that says so, and refuses nobody', async () => {
    const before = await signUp(one);
    const twenty = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : two));
    const done = await Promise.all(
      twenty.map(async (server) => {
        const { outcome } = await rotation(server).rotate({ now: true });
        return { outcome, token: (await signUp(server)).token };
      }),
    );
    const made = done.filter(({ outcome }) => outcome === 'signing').length;
    expect(made).toBeGreaterThanOrEqual(1);
    expect(await kids()).toHaveLength(1 + made);
    for (const { token } of [before, ...done]) expect(await statusesOf(token)).toEqual([200, 200]);
  });

  it('with --now, beside others without it, at once on two servers, leaves one of its keys to sign and none that waits', async () => {
    const all = Array.from({ length: 20 }, (_, index) =>
      rotation(index % 2 === 0 ? one : two).rotate({ now: index % 4 < 2 }),
    );
    const done = await Promise.all(all);
    const now = done.filter((_, index) => index % 4 < 2);
    expect(now.some(({ outcome }) => outcome === 'signing')).toBe(true);
    const { key, outcome } = await rotation(one).rotate({ now: true });
    expect(outcome).toBe('signing');
    const waiting = 'SELECT kid FROM signing_keys WHERE signs_from > now()';
    expect(await database.query(waiting)).toEqual([]);
    expect((await kids()).at(-1)).toBe(key.kid);
  });

  it('are replaced once, however often that is asked for at once on two servers', async () => {
    const [kid = ''] = await kids();
    const twenty = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : two));
    const mixed = [...twenty.map((server) => rotation(server).replaceCompromised(kid)), rotation(two).rotate()];
    const outcomes = (await Promise.all(mixed)).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'signing')).toHaveLength(1);
    const left = await kids();
    expect(left).not.toContain(kid);
    await heard();
    expect(await statusesOf((await signUp(two)).token)).toEqual([200, 200]);
  });
});

/** Clients that sign up at one replica and show their token at the other, at once. */
class Load {
  readonly statuses = new Map<string, number>();
  /** The keys that had signed what was refused. */
  readonly refusedKids = new Set<string>();
  private stopped = false;
  private readonly loops: Promise<unknown>;

  constructor(private readonly urls: [string, string]) {
    this.loops = Promise.all([0, 1, 2, 3].map((turn) => this.run(turn)));
  }

  async stop(): Promise<Map<string, number>> {
    this.stopped = true;
    await this.loops;
    return this.statuses;
  }

  private async run(start: number): Promise<void> {
    for (let turn = start; !this.stopped; turn += 1) {
      const [here, there] = turn % 2 === 0 ? this.urls : [this.urls[1], this.urls[0]];
      const account = { email: newEmail(), password: 'an example', remember_me: true };
      const { status, body } = await call(`${here}/accounts`, 'POST', { account });
      this.note(`sign-up ${status}`);
      const { token = '', refresh_token = '' } = body as { token?: string; refresh_token?: string };
      if (status !== 201) continue;
      await this.check(there, token);
      const shown = { account: { refresh_token, remember_me: true } };
      const refreshed = await call(`${there}/account/session`, 'PUT', shown);
      this.note(`refresh ${refreshed.status}`);
      if (refreshed.status === 200) await this.check(here, (refreshed.body as { token: string }).token);
    }
  }

  private async check(url: string, token: string): Promise<void> {
    const status = await statusAt(url, token);
    this.note(`check ${status}`);
    if (status !== 200) this.refusedKids.add(kidOf(token));
  }

  private note(what: string): void {
    this.statuses.set(what, (this.statuses.get(what) ?? 0) + 1);
  }
}

describe('The commands, beside two replicas', () => {
  let one: ServerProcess;
  let two: ServerProcess;

  beforeAll(async () => {
    [one, two] = await Promise.all([ServerProcess.start(settings()), ServerProcess.start(settings())]);
    await Promise.all([one.ready(), two.ready()]);
  });

  /** They would go on noting that the old SECRET_KEY is in use. */
  afterAll(() => Promise.all([one.stop(), two.stop()]), 60_000);

  it('rotate the keys under load, again and again, and no request is refused', async () => {
    const load = new Load([one.url, two.url]);
    expect(await latchkey(['keys', 'rotate'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is published'),
    });
    expect(await latchkey(['keys', 'rotate'])).toMatchObject({ code: 0, stdout: expect.stringContaining('before') });
    const before = await kids();
    // As though the hour had gone by: both replicas change over at the same moment, a second from now.
    await database.query(`UPDATE signing_keys SET signs_from = now() + interval '1 second' WHERE signs_from > now()`);
    await database.query(`SELECT pg_notify('latchkey_revocations', 'signing keys')`);
    await sleep(2_000);
    for (let round = 0; round < 2; round += 1) {
      const { code, stdout } = await latchkey(['keys', 'rotate', '--now']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/signs from now on\.\n.*\nOther services .* refuse new JWTs until they fetch it again/);
    }
    const statuses = await load.stop();
    expect([...statuses.keys()].sort()).toEqual(['check 200', 'refresh 200', 'sign-up 201']);
    expect((await kids()).slice(0, before.length)).toEqual(before);
    expect(await kids()).toHaveLength(before.length + 2);
  });

  it('show the keys, as a table and as JSON', async () => {
    const { stdout } = await latchkey(['keys', 'list']);
    const [head, ...lines] = stdout.trim().split('\n');
    expect(head).toMatch(/^KID +STATE +ALGORITHM +PUBLISHED +SIGNS FROM +GONE$/);
    expect(lines.map((line) => line.split(/ +/).slice(0, 2))).toEqual(
      (await kids()).map((kid, index, all) => [kid, index === all.length - 1 ? 'signing' : 'retiring']),
    );
    const json = JSON.parse((await latchkey(['keys', 'list', '--json'])).stdout) as object[];
    expect(json.at(-1)).toMatchObject({ state: 'signing', algorithm: 'RS512', bits: 3_072, gone_at: null });
    expect(stdout + JSON.stringify(json)).not.toMatch(/private/i);
  });

  it('end compromised keys on both replicas, whose sessions go on by refreshing', async () => {
    const account = { email: newEmail(), password: 'an example', remember_me: true };
    const { body } = await one.call('POST', '/accounts', { account });
    const { token, refresh_token } = body as { token: string; refresh_token: string };
    for (const { url } of [one, two]) expect(await statusAt(url, token)).toBe(200);
    const before = await kids();
    const { code, stdout } = await latchkey(['keys', 'rotate', '--compromised', '--json']);
    expect(code).toBe(0);
    const { kid, ended } = JSON.parse(stdout) as { kid: string; ended: string[] };
    expect(ended.sort()).toEqual([...before].sort());
    expect(await kids()).toEqual([kid]);
    for (const { url } of [one, two]) expect(await statusAt(url, token)).toBe(401);
    const shown = { account: { refresh_token, remember_me: true } };
    const refreshed = await two.call('PUT', '/account/session', shown);
    expect(refreshed.status).toBe(200);
    for (const { url } of [one, two])
      expect(await statusAt(url, (refreshed.body as { token: string }).token)).toBe(200);
  });

  it('end compromised keys under load, and refuse nothing but the JWTs that those keys have signed', async () => {
    const load = new Load([one.url, two.url]);
    const ended: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { code, stdout } = await latchkey(['keys', 'rotate', '--compromised', '--json']);
      expect(code).toBe(0);
      ended.push(...(JSON.parse(stdout) as { ended: string[] }).ended);
    }
    await sleep(2_000);
    const { statuses, refusedKids } = load;
    await load.stop();
    const seen = [...statuses.keys()].filter((status) => status !== 'check 401').sort();
    expect(seen).toEqual(['check 200', 'refresh 200', 'sign-up 201']);
    expect([...refusedKids].filter((kid) => !ended.includes(kid))).toEqual([]);
    // And nothing more is refused once every replica knows.
    const after = new Load([one.url, two.url]);
    await sleep(1_000);
    expect([...(await after.stop()).keys()].sort()).toEqual(['check 200', 'refresh 200', 'sign-up 201']);
  });

  it('leave one key that signs, whenever they are killed', async () => {
    for (const after of [0, 300, 600, 900, 1_200, 1_500, 1_800, 2_100]) {
      const run = await ServerProcess.start(
        { ...settings(), LOG_LEVEL: 'warn' },
        { command: [process.execPath, PROGRAM, 'keys', 'rotate', '--compromised'] },
      );
      await sleep(after);
      run.kill('SIGKILL');
      await run.exited;
      expect(await kids()).toHaveLength(1);
      const account = { email: newEmail(), password: 'an example' };
      const { status, body } = await one.call('POST', '/accounts', { account });
      expect(status).toBe(201);
      expect(await statusAt(two.url, (body as { token: string }).token)).toBe(200);
    }
  });

  it('say so when there is no database', async () => {
    const run = await ServerProcess.start(
      { ...settings(), DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing', LOG_LEVEL: 'warn' },
      { command: [process.execPath, PROGRAM, 'keys', 'rotate'] },
    );
    await eventually(() => {
      expect(run.stderr).toContain('waiting for the database: ');
    });
    const { code } = await run.stop();
    expect(code).toBe(143);
    expect(run.stderr).toContain('Stopped by SIGTERM');
    expect(run.stdout + run.stderr).not.toContain(TEST_SECRET_KEY);
  });
});

describe('latchkey secret rotate --check', () => {
  const both = { SECRET_KEY: `${NEXT_SECRET_KEY},${TEST_SECRET_KEY}` };
  const old = 'secret_keys WHERE id = (SELECT id FROM secret_keys ORDER BY current_from LIMIT 1)';

  it('says what still needs the old one, and when nothing does any more', async () => {
    expect(await latchkey(['secret', 'rotate', '--check'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('no old'),
    });
    const server = await ServerProcess.start(settings());
    await server.ready();
    const account = { email: newEmail(), password: 'an example', remember_me: true };
    const { body } = await server.call('POST', '/accounts', { account });
    await server.call('POST', '/account/password', { account: { email: account.email } });
    const inUse = await latchkey(['secret', 'rotate', '--check'], both);
    expect(inUse).toMatchObject({ code: 1, stdout: expect.stringContaining('a server signs with it') });
    await server.stop();

    const next = await ServerProcess.start({ ...settings(), ...both });
    await next.ready();
    await database.query(`UPDATE secret_keys SET current_until = now() - interval '1 hour' FROM (SELECT id FROM ${old}) AS o
      WHERE secret_keys.id = o.id`);
    // What was made since then needs the new one only; what was made before, the old one.
    await database.query(
      `UPDATE password_resets SET created_at = now() - interval '2 hours', expires_at = now() + interval '1 hour'`,
    );
    const shown = { account: { refresh_token: (body as { refresh_token: string }).refresh_token, remember_me: true } };
    await database.query(`UPDATE sessions SET created_at = now() - interval '2 hours', refreshed_at = NULL`);
    const needed = await latchkey(['secret', 'rotate', '--check', '--json'], both);
    expect(needed.code).toBe(1);
    const [report] = JSON.parse(needed.stdout) as { canBeDropped: boolean; uses: { what: string; count: number }[] }[];
    const counted = await database.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM sessions WHERE revoked_at IS NULL AND refresh_expires_at > now()',
    );
    expect(report?.canBeDropped).toBe(false);
    expect(report?.uses).toContainEqual(expect.objectContaining({ what: 'refresh tokens', count: counted[0]?.count }));
    expect(report?.uses).toContainEqual(
      expect.objectContaining({ what: 'links that reset a password or invite', count: 1 }),
    );
    // The signing keys were encrypted anew at the start.
    expect(report?.uses.map(({ what }) => what)).not.toContain('signing keys');

    expect((await next.call('PUT', '/account/session', shown)).status).toBe(200);
    await database.query('UPDATE sessions SET revoked_at = now() WHERE refreshed_at IS NULL');
    await database.query('UPDATE password_resets SET ended_at = now()');
    const free = await latchkey(['secret', 'rotate', '--check'], both);
    expect(free).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing needs it any more') });
    for (const { stdout } of [inUse, needed, free])
      expect(stdout).not.toMatch(new RegExp(`${TEST_SECRET_KEY}|${NEXT_SECRET_KEY}`));
    await next.stop();
    // And it is so.
    const alone = await ServerProcess.start({ ...settings(), SECRET_KEY: NEXT_SECRET_KEY });
    await alone.ready();
    const { status } = await alone.call('POST', '/account/session', { account });
    expect(status).toBe(200);
    await alone.stop();
  });
});

it('After a leak of SECRET_KEY, the steps of docs/operations.md leave nothing that is encrypted with it', async () => {
  const [leakedKey, nextKey] = [NEXT_SECRET_KEY, `not ${NEXT_SECRET_KEY}`];
  const start = async (secretKey: string) => {
    const server = await ServerProcess.start({ ...settings(), SECRET_KEY: secretKey });
    await server.ready();
    return server;
  };
  const leaked = await start(leakedKey);
  const account = { email: newEmail(), password: 'an example', remember_me: true };
  const { body } = await leaked.call('POST', '/accounts', { account });
  const { token, refresh_token } = body as { token: string; refresh_token: string };
  await leaked.stop();
  const both = await start(`${nextKey},${leakedKey}`);
  expect(await statusAt(both.url, token)).toBe(200);
  await both.stop();
  const alone = await start(nextKey);
  expect(await statusAt(alone.url, token)).toBe(200);
  const shown = { account: { refresh_token, remember_me: true } };
  expect((await alone.call('PUT', '/account/session', shown)).status).toBe(401);
  const before = await kids();
  const { code } = await latchkey(['keys', 'rotate', '--compromised'], { SECRET_KEY: nextKey });
  expect(code).toBe(0);
  expect(await kids()).toHaveLength(1);
  expect(before).not.toContain((await kids())[0]);
  expect(await statusAt(alone.url, token)).toBe(401);
  expect((await alone.call('POST', '/account/session', { account })).status).toBe(200);
  const encryptedWith = await database.query('SELECT DISTINCT secret_key_id AS id FROM signing_keys');
  const secretKeys = await database.query('SELECT id FROM secret_keys ORDER BY current_until DESC LIMIT 1');
  expect(encryptedWith).toEqual(secretKeys);
  await alone.stop();
});
