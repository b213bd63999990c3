import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import bcrypt from 'bcrypt';
import { HashingThreads } from '../src/passwords/hashing-threads.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { eventually } from './support/process.js';
import { bearer, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';

let database: TestDatabase;
/** Believes X-Forwarded-For, so that tests can come from anywhere. */
let server: TestServer;
const others: TestServer[] = [];

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { trustProxy: 1 });
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

beforeEach(async () => {
  await database.query('DELETE FROM attempt_limits');
  await database.query('DELETE FROM sign_in_failures');
});

afterEach(async () => {
  for (const other of others.splice(0)) await other.close();
});

async function another(overrides: Parameters<typeof startServer>[1]): Promise<TestServer> {
  const started = await startServer(database.connection, { trustProxy: 1, ...overrides });
  others.push(started);
  return started;
}

/** As if so many seconds had passed, for the limits and for what a server remembers of them. */
async function letPass(seconds: number, at = server): Promise<void> {
  await database.query(`UPDATE attempt_limits SET window_ends_at = window_ends_at - $1 * interval '1 second'`, [
    seconds,
  ]);
  at.advanceClock(seconds);
}

const HOME = '192.0.2.1';

function signIn(email: string, password: string, { from = HOME, at = server } = {}): Promise<Answer> {
  return at.call('POST', '/account/session', { account: { email, password } }, { 'x-forwarded-for': from });
}

async function statusesOf(count: number, attempt: (index: number) => Promise<Answer>): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < count; index += 1) statuses.push((await attempt(index)).status);
  return statuses;
}

const times = <T>(count: number, value: T) => Array.from({ length: count }, () => value);

/** What is stored about requests that are counted, and about failures. */
async function attempts() {
  return {
    requests: await database.query<{ key: string; count: number }>(
      `SELECT key, count FROM attempt_limits WHERE key LIKE 'requests %' ORDER BY key`,
    ),
    failures: await database.query<{ place: string; count: number }>('SELECT place, count FROM sign_in_failures'),
  };
}

/** What an answer says, but for the request's own id and times. */
function essence({ status, headers, body }: Answer) {
  const own = ['x-request-id', 'date', 'retry-after'];
  return { status, headers: [...headers].filter(([name]) => !own.includes(name)), body: body as unknown };
}

describe('RATE_LIMIT_PER_MINUTE', () => {
  const PUBLIC = [
    ['POST', '/accounts'],
    ['POST', '/account/session'],
    ['PUT', '/account/session'],
    ['POST', '/account/password'],
    ['PUT', '/account/password'],
  ] as const;

  it('counts all public routes of an address together', async () => {
    const strict = await another({ rateLimitPerMinute: 7 });
    const { id, token } = await signUp(server);
    const ask = (index: number, from = HOME) => {
      const [method, path] = PUBLIC[index % PUBLIC.length] ?? PUBLIC[0];
      return strict.call(method, path, { account: {} }, { 'x-forwarded-for': from });
    };
    expect(await statusesOf(12, ask)).toEqual([...times(7, 422), ...times(5, 429)]);
    const refused = await ask(0);
    expect(refused.body).toEqual({ id: 'rate_limited', message: 'Too many requests. Try again later.' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect((await ask(0, '192.0.2.2')).status).toBe(422);
    const from = { 'x-forwarded-for': HOME };
    for (const path of ['/healthz', '/readyz', '/metrics', '/.well-known/jwks.json', '/docs-json', '/password/reset']) {
      expect([path, (await strict.call('GET', path, undefined, from)).status]).toEqual([path, 200]);
    }
    expect((await strict.call('GET', `/accounts/${id}`, undefined, { ...bearer(token), ...from })).status).toBe(200);
    const { requests } = await attempts();
    expect(requests.map(({ key, count }) => [key, count])).toEqual([
      [`requests ${HOME}`, 7],
      ['requests 192.0.2.2', 1],
    ]);
    await letPass(61, strict);
    expect((await ask(0)).status).toBe(422);
  });

  it('says what is left, in the headers that the IETF has drafted, and Retry-After is true', async () => {
    const strict = await another({ rateLimitPerMinute: 3 });
    const from = { 'x-forwarded-for': HOME };
    const headers: (string | null)[][] = [];
    for (let index = 0; index < 5; index += 1) {
      const answer = await strict.call('POST', '/account/session', { account: {} }, from);
      headers.push(['ratelimit-policy', 'ratelimit', 'retry-after'].map((name) => answer.headers.get(name)));
    }
    expect(headers.map(([policy]) => policy)).toEqual(times(5, '"requests";q=3;w=60'));
    const left = headers.map(([, limit]) =>
      /^"requests";r=(\d+);t=(\d+)$/
        .exec(limit ?? '')
        ?.slice(1)
        .map(Number),
    );
    expect(left.map((numbers) => numbers?.[0])).toEqual([2, 1, 0, 0, 0]);
    for (const [, seconds = 0] of left.map((numbers) => numbers ?? [])) {
      expect([seconds > 0, seconds <= 60]).toEqual([true, true]);
    }
    expect(headers.map(([, , wait]) => wait === null)).toEqual([true, true, true, false, false]);
    for (const index of [3, 4]) expect(Number(headers[index]?.[2])).toBe(left[index]?.[1]);
    await letPass(Number(headers[4]?.[2]), strict);
    expect((await strict.call('POST', '/account/session', { account: {} }, from)).status).toBe(422);
    const free = await strict.call('GET', '/.well-known/jwks.json', undefined, from);
    expect([free.headers.get('ratelimit'), free.headers.get('ratelimit-policy')]).toEqual([null, null]);
  });

  it('is told of writes too, and not of reading', async () => {
    const strict = await another({ writeLimitPerMinute: 3 });
    const { id, token } = await signUp(strict);
    const read = await strict.call('GET', '/account/sessions', undefined, bearer(token));
    expect([read.status, read.headers.get('ratelimit')]).toEqual([200, null]);
    const write = await strict.call('DELETE', `/account/sessions/${id}`, undefined, bearer(token));
    expect(write.headers.get('ratelimit-policy')).toBe('"writes";q=3;w=60');
    expect(write.headers.get('ratelimit')).toMatch(/^"writes";r=2;t=(60|[1-5]?\d)$/);
  });

  it('is not counted at all when it is 0', async () => {
    const answers = await Promise.all(
      times(200, {}).map((account) =>
        server.call('POST', '/account/session', { account }, { 'x-forwarded-for': HOME }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([422]));
    expect(await attempts()).toEqual({ failures: [], requests: [] });
  });
});

describe('Mails', () => {
  it('go out once a minute for an email, in whatever case it is written', async () => {
    const email = `iris.${newEmail()}`;
    const { id } = await signUp(server, { email });
    for (const spelling of [email, email.toUpperCase(), `${email}.`, email.replaceAll('i', 'İ')]) {
      const answer = await server.call('POST', '/account/password', { account: { email: spelling } });
      expect(answer).toMatchObject({ status: 200, body: { id, email: spelling } });
    }
    expect(await database.query('SELECT id FROM outgoing_mails WHERE recipient = $1', [email])).toHaveLength(1);
    expect(await database.query('SELECT id FROM password_resets WHERE account_id = $1', [id])).toHaveLength(1);
  });
});

describe('A hash that was made at another cost', () => {
  interface Stored {
    hash: string;
    credential_epoch: number;
    updated_at: Date;
    sessions: number;
    revoked: number;
  }

  async function stored(id: string): Promise<Stored> {
    const [row] = await database.query<Stored & Record<string, unknown>>(
      `SELECT password_hash AS hash, credential_epoch, updated_at, count(s.id)::int AS sessions,
         count(s.revoked_at)::int AS revoked
       FROM accounts a LEFT JOIN sessions s ON s.account_id = a.id WHERE a.id = $1 GROUP BY a.id`,
      [id],
    );
    if (!row) throw new Error('There is no such account.');
    return row;
  }

  it.each([5, 6])('is renewed at the next sign-in, and nothing else changes (from cost %d)', async (cost) => {
    const old = await another({ bcryptCost: cost });
    const { id, email, password, token } = await signUp(old);
    const before = await stored(id);
    expect(before.hash).toMatch(new RegExp(`^\\$2b\\$0${cost}\\$`));

    expect((await signIn(email, 'wrong password')).status).toBe(401);
    expect(await stored(id)).toEqual(before);

    expect((await signIn(email, password)).status).toBe(200);
    const after = await stored(id);
    expect(after).toEqual({ ...before, hash: expect.stringMatching(/^\$2b\$04\$/), sessions: 2 });
    expect((await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status).toBe(200);

    expect((await signIn(email, password)).status).toBe(200);
    expect((await signIn(email, 'wrong password')).status).toBe(401);
    expect(await stored(id)).toEqual({ ...after, sessions: 3 });
  });
});

describe('When more passwords wait than can be checked', () => {
  it('sign-in and sign-up say 503, no failure is counted, and everything else keeps answering', async () => {
    const slow = await another({ hashingThreads: 1 });
    const { id, token, refreshToken } = await signUp(slow, { remember: true });
    const countAccounts = async () => (await database.query('SELECT id FROM accounts')).length;
    const before = await countAccounts();
    // The only thread hashes until it is told to stop: whoever waits has no turn.
    let finish = (): void => undefined;
    const compare = jest.spyOn(HashingThreads.prototype, 'compare').mockImplementation(
      () =>
        new Promise(
          (resolve) =>
            (finish = () => {
              resolve(false);
            }),
        ),
    );
    const first = signIn(newEmail(), 'wrong password', { at: slow });
    await eventually(() => {
      expect(compare).toHaveBeenCalled();
    });
    const signIns = times(40, 'wrong password').map((password) => signIn(newEmail(), password, { at: slow }));
    const signUps = times(8, 'example').map((password) =>
      slow.call('POST', '/accounts', { account: { email: newEmail(), password } }),
    );

    let refresh = refreshToken;
    for (let round = 0; round < 5; round += 1) {
      expect((await slow.call('GET', '/healthz')).status).toBe(200);
      expect((await slow.call('GET', `/accounts/${id}`, undefined, bearer(token))).status).toBe(200);
      const { status, body } = await slow.call('PUT', '/account/session', {
        account: { refresh_token: refresh, remember_me: true },
      });
      expect(status).toBe(200);
      refresh = (body as { refresh_token: string }).refresh_token;
    }
    for (const answer of await Promise.all([...signIns, ...signUps])) {
      expect({ status: answer.status, body: answer.body as unknown }).toEqual({
        status: 503,
        body: { id: 'unavailable', message: expect.any(String) },
      });
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    }
    expect(compare).toHaveBeenCalledTimes(1);
    finish();
    expect((await first).status).toBe(401);
    for (const place of ['address', 'site', 'everywhere']) {
      const rows = (await attempts()).failures.filter((row) => row.place.startsWith(place));
      expect(rows.map(({ count }) => count)).toEqual([1]);
    }
    expect(await countAccounts()).toBe(before);

    compare.mockRestore();
    expect((await signIn(newEmail(), 'wrong password', { at: slow })).status).toBe(401);
  });
});

describe('A sign-in that fails', () => {
  it('takes as long and says the same whether the account is there, disabled, without a password or not', async () => {
    const one = await another({ loginMaxFailures: 1_000_000 });
    const [there, disabled, bare] = [await signUp(one), await signUp(one), await signUp(one)];
    await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [disabled.id]);
    await database.query('UPDATE accounts SET password_hash = NULL WHERE id = $1', [bare.id]);
    const kinds = { there: there.email, disabled: disabled.email, bare: bare.email, nobody: newEmail() };
    // Time is what bcrypt takes: each does the same of it, whatever the machine does besides.
    const compare = jest.spyOn(HashingThreads.prototype, 'compare');
    const work = new Map<string, Set<string>>();
    const words = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      for (const [kind, email] of Object.entries(kinds)) {
        compare.mockClear();
        // The right password of those that are disabled, which must not be told.
        const answer = await signIn(email, kind === 'there' ? 'wrong password' : 'example', { at: one });
        const costs = compare.mock.calls.map(([, hash]) => bcrypt.getRounds(hash.encoded));
        work.set(kind, (work.get(kind) ?? new Set()).add(costs.join(' ')));
        words.add(JSON.stringify(essence(answer)));
      }
    }
    expect([...words]).toHaveLength(1);
    expect([...words][0]).toContain('"status":401');
    compare.mockRestore();
    for (const kind of Object.keys(kinds)) expect([kind, work.get(kind)]).toEqual([kind, new Set(['4'])]);
  });
});

describe('Changing credentials', () => {
  it('is limited for each account, as each change costs a hash', async () => {
    const { email: taken } = await signUp(server);
    const { id, token } = await signUp(server);
    const account = { email: taken, password: 'another example' };
    const change = () => server.call('PUT', `/accounts/${id}`, { account }, bearer(token));
    expect(await statusesOf(12, change)).toEqual([...times(10, 409), 429, 429]);
    const other = await signUp(server);
    const own = { email: other.email, password: 'another example' };
    expect((await server.call('PUT', `/accounts/${other.id}`, { account: own }, bearer(other.token))).status).toBe(200);
  });
});
