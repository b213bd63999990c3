import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import bcrypt from 'bcrypt';
import { extendDeadline, withDeadline } from '../src/database/deadline.js';
import { Limits } from '../src/limits/limits.service.js';
import { HashingThreads } from '../src/passwords/hashing-threads.js';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bearer, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';

/** The defaults of LOGIN_MAX_FAILURES (ten times that per account) and LOGIN_FAILURE_WINDOW. */
const PER_ADDRESS = 10;
const PER_ACCOUNT = 100;
const WINDOW = 900;

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

/** What is stored about attempts: those that count by address, and those that do not. */
async function attempts() {
  const rows = await database.query<{ key: string; count: number; seconds: number }>(
    `SELECT key, count, extract(epoch FROM window_ends_at - now())::float8 AS seconds FROM attempt_limits ORDER BY key`,
  );
  const signIns = rows.filter(({ key }) => key.startsWith('sign-in '));
  return {
    narrow: signIns.filter(({ key }) => key.split(' ').length === 3),
    wide: signIns.filter(({ key }) => key.split(' ').length === 2),
    requests: rows.filter(({ key }) => key.startsWith('requests ')),
  };
}

const countsOf = (rows: { count: number }[]) => rows.map(({ count }) => count);

/** What an answer says, but for the request's own id and times. */
function essence({ status, headers, body }: Answer) {
  const own = ['x-request-id', 'date', 'retry-after'];
  return { status, headers: [...headers].filter(([name]) => !own.includes(name)), body: body as unknown };
}

describe('After LOGIN_MAX_FAILURES wrong passwords on an account from an address', () => {
  it('every attempt is 429 for a while: right, wrong or for nobody, all with the same words', async () => {
    const { email, password } = await signUp(server);
    const nobody = newEmail();
    const known = await statusesOf(PER_ADDRESS, () => signIn(email, 'wrong password'));
    const unknown = await statusesOf(PER_ADDRESS, () => signIn(nobody, 'wrong password'));
    expect([known, unknown]).toEqual([times(PER_ADDRESS, 401), times(PER_ADDRESS, 401)]);
    const refusals = [
      await signIn(email, password),
      await signIn(email, 'wrong password'),
      await signIn(nobody, 'wrong password'),
    ];
    for (const refusal of refusals) {
      expect(refusal.status).toBe(429);
      expect(refusal.body).toEqual({ id: 'rate_limited', message: expect.any(String) });
      expect(essence(refusal)).toEqual(essence(refusals[0] ?? refusal));
      const wait = refusal.headers.get('retry-after') ?? '';
      expect(wait).toMatch(/^\d+$/);
      expect(Number(wait)).toBeGreaterThan(WINDOW - 60);
      expect(Number(wait)).toBeLessThanOrEqual(WINDOW);
    }
    expect(
      await database.query('SELECT 1 FROM sessions s JOIN accounts a ON a.id = account_id WHERE email = $1', [email]),
    ).toHaveLength(1);
  });

  it('no email and no whole address of IPv6 is stored', async () => {
    const email = newEmail();
    await signIn(email, 'wrong password', { from: '2001:db8:1:2:3:4:5:6' });
    const { narrow, wide } = await attempts();
    expect(narrow).toEqual([
      expect.objectContaining({ key: expect.stringMatching(/^sign-in [\w-]{43} 2001:db8:1:2::\/64$/) }),
    ]);
    expect(wide).toEqual([expect.objectContaining({ key: narrow[0]?.key.split(' ').slice(0, 2).join(' ') })]);
  });

  it('the same account still opens from elsewhere, and other accounts from here', async () => {
    const [locked, other] = [await signUp(server), await signUp(server)];
    await statusesOf(PER_ADDRESS, () => signIn(locked.email, 'wrong password'));
    expect((await signIn(locked.email, locked.password)).status).toBe(429);
    expect((await signIn(locked.email, locked.password, { from: '192.0.2.2' })).status).toBe(200);
    expect((await signIn(other.email, other.password)).status).toBe(200);
  });

  it('the lock ends by itself, and nothing that was refused prolongs it', async () => {
    const { email, password } = await signUp(server);
    await statusesOf(PER_ADDRESS, () => signIn(email, 'wrong password'));
    await database.query(`UPDATE attempt_limits SET window_ends_at = window_ends_at - interval '800 seconds'`);
    const refused = await signIn(email, password);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(WINDOW - 800);
    await letPass(101);
    expect((await signIn(email, password)).status).toBe(200);
    expect((await signIn(email, 'wrong password')).status).toBe(401);
    const { narrow, wide } = await attempts();
    expect([countsOf(narrow), countsOf(wide)]).toEqual([[1], [1]]);
    expect(narrow[0]?.seconds).toBeGreaterThan(WINDOW - 60);
  });

  it('an attempt that succeeds is given back', async () => {
    const { email, password } = await signUp(server);
    await statusesOf(PER_ADDRESS - 1, () => signIn(email, 'wrong password'));
    expect(await statusesOf(5, () => signIn(email, password))).toEqual(times(5, 200));
    const { narrow, wide } = await attempts();
    expect([countsOf(narrow), countsOf(wide)]).toEqual([[PER_ADDRESS - 1], [PER_ADDRESS - 1]]);
    expect((await signIn(email, 'wrong password')).status).toBe(401);
    expect((await signIn(email, password)).status).toBe(429);
  });

  it('two servers on one database agree', async () => {
    const other = await another({});
    const { email, password } = await signUp(server);
    const alternately = (index: number) => signIn(email, 'wrong password', { at: index % 2 ? other : server });
    expect(await statusesOf(PER_ADDRESS, alternately)).toEqual(times(PER_ADDRESS, 401));
    expect((await signIn(email, password)).status).toBe(429);
    expect((await signIn(email, password, { at: other })).status).toBe(429);
  });

  it('the case of the email makes no difference, in whatever script', async () => {
    const email = `info.iii.ισ-${newEmail()}`;
    const { password } = await signUp(server, { email });
    // Where PostgreSQL and JavaScript disagree: İ, and Σ at the end of a word.
    const spellings = [email, email.toUpperCase(), email.replaceAll('i', 'İ'), email.replace('i', 'İ')];
    for (const spelling of spellings) expect((await signIn(spelling, password)).status).toBe(200);
    await statusesOf(PER_ADDRESS, (index) => signIn(spellings[index % spellings.length] ?? '', 'wrong password'));
    const { narrow, wide } = await attempts();
    expect([countsOf(narrow), countsOf(wide)]).toEqual([[PER_ADDRESS], [PER_ADDRESS]]);
    for (const spelling of spellings) expect((await signIn(spelling, password)).status).toBe(429);
  });

  it('all addresses of one /64 are one', async () => {
    const { email, password } = await signUp(server);
    const from = (index: number) => `2001:db8:0:7:${(index + 1).toString(16)}::${index.toString(16)}`;
    await statusesOf(PER_ADDRESS, (index) => signIn(email, 'wrong password', { from: from(index) }));
    expect((await signIn(email, password, { from: '2001:DB8::7:ffff:1:2:3' })).status).toBe(429);
    expect((await signIn(email, password, { from: '2001:db8:0:8::1' })).status).toBe(200);
  });

  it('thirty wrong passwords at once are ten failures and twenty refusals', async () => {
    const { email } = await signUp(server);
    const answers = await Promise.all(times(30, 'wrong password').map((password) => signIn(email, password)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...times(PER_ADDRESS, 401), ...times(30 - PER_ADDRESS, 429)]);
    expect(countsOf((await attempts()).wide)).toEqual([PER_ADDRESS]);
  });
});

describe('The ceiling of an account', () => {
  const address = (index: number) => `198.51.100.${index}`;

  it.each([true, false])('is ten times as high, over all addresses (the account exists: %s)', async (exists) => {
    const { email, password } = exists ? await signUp(server) : { email: newEmail(), password: 'example' };
    for (let index = 0; index < PER_ACCOUNT / PER_ADDRESS; index += 1) {
      const statuses = await statusesOf(PER_ADDRESS, () => signIn(email, 'wrong password', { from: address(index) }));
      expect(statuses).toEqual(times(PER_ADDRESS, 401));
    }
    const refused = await signIn(email, password, { from: address(200) });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await letPass(WINDOW + 1);
    expect((await signIn(email, password, { from: address(200) })).status).toBe(exists ? 200 : 401);
  });

  it('is not reached by attempts that the address alone is refused', async () => {
    const { email, password } = await signUp(server);
    const statuses = await statusesOf(PER_ADDRESS + PER_ACCOUNT, () => signIn(email, 'wrong password'));
    expect(statuses.filter((status) => status === 429)).toHaveLength(PER_ACCOUNT);
    expect(countsOf((await attempts()).wide)).toEqual([PER_ADDRESS]);
    expect((await signIn(email, password, { from: '192.0.2.99' })).status).toBe(200);
  });
});

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
    expect(refused.body).toEqual({ id: 'rate_limited', message: expect.any(String) });
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

  it('is not counted at all when it is 0', async () => {
    const answers = await Promise.all(
      times(200, {}).map((account) =>
        server.call('POST', '/account/session', { account }, { 'x-forwarded-for': HOME }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([422]));
    expect(await attempts()).toEqual({ narrow: [], wide: [], requests: [] });
  });
});

describe('Mails', () => {
  it('go out once a minute for an email, in whatever case it is written', async () => {
    const email = `iris.${newEmail()}`;
    const { id } = await signUp(server, { email });
    for (const spelling of [email, email.toUpperCase(), email.replaceAll('i', 'İ')]) {
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
    // One hash at a time, of a quarter of a second: twelve wait for at most three seconds.
    const slow = await another({ hashingThreads: 1 });
    const slowly = <T>(value: T) => new Promise<T>((resolve) => setTimeout(resolve, 250, value));
    const hashing = [
      jest.spyOn(HashingThreads.prototype, 'compare').mockImplementation(() => slowly(false)),
      jest.spyOn(HashingThreads.prototype, 'hash').mockImplementation(() => slowly('a hash')),
    ];
    const { id, token, refreshToken } = await signUp(slow, { remember: true });
    const countAccounts = async () => (await database.query('SELECT id FROM accounts')).length;
    const before = await countAccounts();
    const emails = Array.from({ length: 40 }, newEmail);
    let finished = 0;
    const signIns = emails.map(async (email) => {
      const answer = await signIn(email, 'wrong password', { at: slow });
      if (answer.status === 401) finished += 1;
      return answer;
    });
    await Promise.race(signIns);
    // A place may become free meanwhile, but not one for each of these.
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
    // All of that while others still waited.
    const meanwhile = finished;
    const answers = await Promise.all(signIns);
    const refused = answers.filter(({ status }) => status === 503);
    const failed = answers.filter(({ status }) => status === 401);
    expect(refused.length + failed.length).toBe(emails.length);
    expect(failed.length).toBeGreaterThanOrEqual(5);
    expect(meanwhile).toBeLessThan(failed.length);
    expect(refused.length).toBeGreaterThan(5);
    const refusedSignUps = (await Promise.all(signUps)).filter(({ status }) => status !== 201);
    expect(refusedSignUps.length).toBeGreaterThan(0);
    for (const answer of [...refused, ...refusedSignUps]) {
      expect({ status: answer.status, body: answer.body as unknown }).toEqual({
        status: 503,
        body: { id: 'unavailable', message: expect.any(String) },
      });
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    }
    const { narrow, wide } = await attempts();
    for (const rows of [narrow, wide]) {
      expect(countsOf(rows)).toEqual(times(failed.length, 1));
    }
    expect(await countAccounts()).toBe(before + signUps.length - refusedSignUps.length);
    for (const spy of hashing) spy.mockRestore();
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
        const costs = compare.mock.calls.map(([, hash]) => bcrypt.getRounds(hash));
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

describe('A lock', () => {
  it('is not brought about by right passwords, however many come at once', async () => {
    const { email, password } = await signUp(server);
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 2 * PER_ADDRESS }, () => signIn(email, password)));
    }
    expect((await signIn(email, password)).status).toBe(200);
    expect(countsOf((await attempts()).narrow)).toEqual([0]);
  });

  it('is not brought about by a right password that has used up the time of its request', async () => {
    const limit = { key: `late ${newEmail()}`, most: 1, seconds: 600 };
    const isRight = () => {
      extendDeadline(-Infinity);
      return Promise.resolve(true);
    };
    for (let time = 0; time < 3; time += 1) {
      expect(await withDeadline(60_000, () => server.app.get(Limits).attempt([limit], isRight))).toBe(true);
    }
  });

  it('is lifted by a password reset, for the address that it comes from', async () => {
    const { id, email, password } = await signUp(server);
    await statusesOf(PER_ADDRESS, () => signIn(email, 'wrong password'));
    expect((await signIn(email, password)).status).toBe(429);
    await server.call('POST', '/account/password', { account: { email } });
    const [reset] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [id]);
    const reset_password_token = server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
    const account = { password: 'another example', reset_password_token };
    const from = { 'x-forwarded-for': HOME };
    expect((await server.call('PUT', '/account/password', { account }, from)).status).toBe(200);
    expect((await signIn(email, 'another example')).status).toBe(200);
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
