import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { EntityManager } from 'typeorm';
import { AuditLog } from '../src/audit-log/audit-log.service.js';
import { extendDeadline, withDeadline } from '../src/database/deadline.js';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { HashingThreads } from '../src/passwords/hashing-threads.js';
import { SignInAttempts } from '../src/passwords/sign-in-attempts.service.js';
import { Sweeper } from '../src/database/sweeper.service.js';
import { TokenIssuer } from '../src/tokens/token-issuer.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import {
  bearer,
  newEmail,
  signUp,
  startServer,
  TEST_SECRET_KEY,
  type Answer,
  type TestServer,
} from './support/server.js';
import { signedInAdmin, signedInUser } from './support/tokens.js';

/** The defaults of LOGIN_MAX_FAILURES and LOGIN_FAILURE_WINDOW, and the first delay. */
const MOST = 10;
const WINDOW = 900;
const DELAY = 15;
const [PER_HOME, PER_SITE, EVERYWHERE] = [2 * MOST, 5 * MOST, 10 * MOST];

const HOME = '192.0.2.1';
const ELSEWHERE = '198.51.100.1';
const WRONG = 'wrong password';

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
  await database.query('DELETE FROM sign_in_failures');
});

afterEach(async () => {
  jest.restoreAllMocks();
  for (const other of others.splice(0)) await other.close();
});

async function another(overrides: Parameters<typeof startServer>[1]): Promise<TestServer> {
  const started = await startServer(database.connection, { trustProxy: 1, ...overrides });
  others.push(started);
  return started;
}

/** As if so many seconds had passed, for what is stored and for what servers remember of it. */
async function letPass(seconds: number, ...servers: TestServer[]): Promise<void> {
  await database.query(
    `UPDATE sign_in_failures SET blocked_until = blocked_until - s, ends_at = ends_at - s
     FROM (SELECT $1 * interval '1 second' AS s) s`,
    [seconds],
  );
  for (const one of [server, ...servers]) one.advanceClock(seconds);
}

interface From {
  from?: string;
  at?: TestServer;
}

const signIn = (email: string, password: string, { from = HOME, at = server }: From = {}) =>
  at.call('POST', '/account/session', { account: { email, password } }, { 'x-forwarded-for': from });

const statusOf = async (answer: Promise<Answer>) => (await answer).status;

async function statusesOf(count: number, attempt: (index: number) => Promise<Answer>): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < count; index += 1) statuses.push((await attempt(index)).status);
  return statuses;
}

const times = <T>(count: number, value: T) => Array.from({ length: count }, () => value);

const failTimes = (count: number, email: string, where: From = {}) =>
  statusesOf(count, () => signIn(email, WRONG, where));

interface Stored {
  place: string;
  count: number;
  delay: number | null;
}

/** What is stored about failures. */
async function failures(): Promise<Stored[]> {
  return await database.query<Stored & Record<string, unknown>>(
    `SELECT place, count, (extract(epoch FROM blocked_until) - extract(epoch FROM now()))::float8 AS delay
     FROM sign_in_failures ORDER BY place`,
  );
}

const countsByPlace = async () => Object.fromEntries((await failures()).map(({ place, count }) => [place, count]));

const waitOf = ({ headers }: Answer) => Number(headers.get('retry-after'));

const knownOf = (id: string) =>
  database.query<{ digest: Buffer; seen_at: Date }>(
    'SELECT digest, seen_at FROM known_addresses WHERE account_id = $1',
    [id],
  );

const locksOf = (id: string) =>
  database.query<{ subject: string; outcome: string; details: unknown }>(
    `SELECT subject, outcome, details FROM audit_events WHERE kind = 'sign_in.locked' AND subject = $1 ORDER BY at`,
    [id],
  );

/** What an answer says, but for the request's own id and times. */
function essence({ status, headers, body }: Answer) {
  const own = ['x-request-id', 'date', 'retry-after'];
  return { status, headers: [...headers].filter(([name]) => !own.includes(name)), body: body as unknown };
}

async function resetPassword(id: string, email: string, from: string, at = server): Promise<string> {
  await at.call('POST', '/account/password', { account: { email } });
  const [reset] = await database.query<{ id: string }>(
    'SELECT id FROM password_resets WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1',
    [id],
  );
  const reset_password_token = at.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
  const account = { password: 'another example', reset_password_token };
  const answer = await at.call('PUT', '/account/password', { account }, { 'x-forwarded-for': from });
  expect(answer.status).toBe(200);
  return account.password;
}

describe('A right password', () => {
  it('is never an attack: twelve sign-ins at once are twelve sessions, and leave nothing behind', async () => {
    const { id, email, password } = await signUp(server);
    const answers = await Promise.all(times(12, 0).map(() => signIn(email, password)));
    expect(answers.map(({ status }) => status)).toEqual(times(12, 200));
    expect(await failures()).toEqual([]);
    expect(await database.query('SELECT id FROM sessions WHERE account_id = $1', [id])).toHaveLength(13);
  });

  it('makes good what failed from there, and nothing of what failed elsewhere', async () => {
    const { email, password } = await signUp(server);
    await failTimes(MOST - 1, email);
    await failTimes(MOST - 1, email, { from: ELSEWHERE });
    expect(await statusOf(signIn(email, password))).toBe(200);
    expect(await failTimes(MOST, email)).toEqual(times(MOST, 401));
    expect(await statusOf(signIn(email, WRONG, { from: ELSEWHERE }))).toBe(401);
    expect(await statusOf(signIn(email, password, { from: ELSEWHERE }))).toBe(429);
  });

  it('is not counted, however late it is for its request', async () => {
    const { id, email } = await signUp(server);
    const attempts = server.app.get(SignInAttempts);
    const { attempt } = await attempts.begin(email, { address: HOME });
    await withDeadline(60_000, async () => {
      extendDeadline(-Infinity);
      await attempts.succeed(attempt, id);
    });
    expect([await failures(), (await knownOf(id)).length]).toEqual([[], 1]);
  });
});

describe('An attempt that is under way', () => {
  it('stores nothing: what is broken off never was', async () => {
    const { email, password } = await signUp(server);
    const compare = jest.spyOn(HashingThreads.prototype, 'compare');
    compare.mockRejectedValue(new Error('The thread has ended.'));
    for (let index = 0; index < 12; index += 1) expect(await statusOf(signIn(email, password))).toBe(500);
    expect(await failures()).toEqual([]);
    const begun = new Promise<void>((resolve) => {
      compare.mockImplementation(() => {
        resolve();
        return new Promise((_, reject) => setTimeout(reject, 100, new Error('The thread has ended.')));
      });
    });
    const answer = signIn(email, password);
    await begun;
    expect(await failures()).toEqual([]);
    expect(await statusOf(answer)).toBe(500);
    jest.restoreAllMocks();
    expect(await statusOf(signIn(email, password))).toBe(200);
  });

  it('tells nobody of a password when it has taken too long, right or wrong: 503, and nothing is counted', async () => {
    const { id, email } = await signUp(server);
    const attempts = server.app.get(SignInAttempts);
    const begun = async (ago: number) => {
      const { attempt } = await attempts.begin(email, { address: HOME });
      return { ...attempt, begun: attempt.begun - ago };
    };
    await expect(attempts.succeed(await begun(61), id)).rejects.toMatchObject({ status: 503 });
    await expect(attempts.fail(await begun(61), id)).rejects.toMatchObject({ status: 503 });
    expect([await failures(), await knownOf(id)]).toEqual([[], []]);
    await attempts.fail(await begun(50), id);
    expect(await countsByPlace()).toEqual({ [`address ${HOME}`]: 1, 'site 192.0.2.0/24': 1, everywhere: 1 });
  });
});

describe('After LOGIN_MAX_FAILURES wrong passwords for an account from an address', () => {
  it('everybody there waits: right, wrong or for nobody, all with the same words', async () => {
    const { id, email, password } = await signUp(server);
    const nobody = newEmail();
    expect(await failTimes(MOST, email)).toEqual(times(MOST, 401));
    expect(await failTimes(MOST, nobody)).toEqual(times(MOST, 401));
    const refusals = [await signIn(email, password), await signIn(email, WRONG), await signIn(nobody, WRONG)];
    for (const refusal of refusals) {
      expect(refusal.status).toBe(429);
      expect(refusal.body).toEqual({ id: 'rate_limited', message: 'Too many attempts. Try again later.' });
      expect(essence(refusal)).toEqual(essence(refusals[0] ?? refusal));
      expect(refusal.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(waitOf(refusal)).toBeGreaterThan(0);
      expect(waitOf(refusal)).toBeLessThanOrEqual(DELAY);
    }
    expect(await database.query('SELECT id FROM sessions WHERE account_id = $1', [id])).toHaveLength(1);
  });

  it('delays double with each further one, up to LOGIN_FAILURE_WINDOW, and are forgotten that long after', async () => {
    const { email, password } = await signUp(server);
    await failTimes(MOST, email);
    for (const delay of [15, 30, 60, 120, 240, 480, 900, 900]) {
      const refused = await signIn(email, WRONG);
      expect([refused.status, waitOf(refused) > delay - 15, waitOf(refused) <= delay]).toEqual([429, true, true]);
      // What Retry-After says is true.
      await letPass(waitOf(refused));
      expect(await statusOf(signIn(email, WRONG))).toBe(401);
    }
    await letPass(WINDOW);
    expect(await statusOf(signIn(email, WRONG))).toBe(401);
    await letPass(2 * WINDOW + 1);
    expect(await failTimes(MOST, email)).toEqual(times(MOST, 401));
    await letPass(DELAY);
    expect(await statusOf(signIn(email, password))).toBe(200);
  });

  it('nothing that is refused prolongs it', async () => {
    const { email } = await signUp(server);
    await failTimes(MOST, email);
    const before = await failures();
    expect(await failTimes(5, email)).toEqual(times(5, 429));
    const after = await failures();
    for (const [index, { place, count, delay }] of after.entries()) {
      expect({ place, count }).toEqual({ place: before[index]?.place, count: before[index]?.count });
      expect(delay ?? 0).toBeLessThanOrEqual(before[index]?.delay ?? 0);
    }
  });

  it('the account still opens from elsewhere, and other accounts from here', async () => {
    const [locked, other] = [await signUp(server), await signUp(server)];
    await failTimes(MOST, locked.email);
    expect(await statusOf(signIn(locked.email, locked.password))).toBe(429);
    expect(await statusOf(signIn(locked.email, locked.password, { from: ELSEWHERE }))).toBe(200);
    expect(await statusOf(signIn(other.email, other.password))).toBe(200);
  });

  it.each([10, 50])('that limit is one of failures, and exact: %d wrong ones at once', async (count) => {
    const { email } = await signUp(server);
    const second = await another({});
    const answers = await Promise.all(
      times(count, 0).map((_, index) => signIn(email, WRONG, { at: index % 2 ? second : server })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...times(MOST, 401), ...times(count - MOST, 429)]);
    expect(await countsByPlace()).toEqual({ [`address ${HOME}`]: MOST, 'site 192.0.2.0/24': MOST, everywhere: MOST });
  });

  it('of a right password among fifty wrong ones no more is told than of them', async () => {
    const { email } = await signUp(server);
    // The right one is done when all others are.
    let compared = 0;
    jest.spyOn(HashingThreads.prototype, 'compare').mockImplementation(async (password) => {
      compared += 1;
      if (password === WRONG) return false;
      while (compared < 51) await pause(5);
      await pause(20);
      return true;
    });
    const wide = await another({ hashingThreads: 64 });
    const right = signIn(email, 'example', { at: wide });
    const wrong = times(50, 0).map(() => signIn(email, WRONG, { at: wide }));
    await Promise.all(wrong);
    compared = 51;
    expect((await right).status).toBe(429);
    expect(await failures()).toHaveLength(3);
  });

  it('two servers on one database agree', async () => {
    const second = await another({});
    const { email, password } = await signUp(server);
    const alternately = (index: number) => signIn(email, WRONG, { at: index % 2 ? second : server });
    expect(await statusesOf(MOST, alternately)).toEqual(times(MOST, 401));
    for (const at of [server, second]) expect(await statusOf(signIn(email, password, { at }))).toBe(429);
  });

  it('the case of the email makes no difference, in whatever script', async () => {
    const email = `info.iii.ισ-${newEmail()}`;
    const { password } = await signUp(server, { email });
    // Where PostgreSQL and JavaScript disagree: İ, and Σ at the end of a word.
    const spellings = [email, email.toUpperCase(), email.replaceAll('i', 'İ'), email.replace('i', 'İ')];
    await statusesOf(MOST, (index) => signIn(spellings[index % spellings.length] ?? '', WRONG));
    expect(await failures()).toHaveLength(3);
    for (const spelling of spellings) expect(await statusOf(signIn(spelling, password))).toBe(429);
  });

  it('no email and no whole address of IPv6 is stored', async () => {
    const { id, email, password } = await signUp(server);
    const from = '2001:db8:1:2:3:4:5:6';
    await signIn(email, WRONG, { from });
    const rows = await database.query<{ account: string; place: string }>(
      'SELECT account, place FROM sign_in_failures ORDER BY place',
    );
    const places = ['address 2001:db8:1:2::/64', 'everywhere', 'home 2001:db8:1:0::/56', 'site 2001:db8:1::/48'];
    expect(rows.map(({ place }) => place)).toEqual(places);
    for (const { account } of rows) expect(account).toMatch(/^[\w-]{43}$/);
    expect(await statusOf(signIn(email, password, { from }))).toBe(200);
    const [known] = await knownOf(id);
    expect([known?.digest.length, known?.digest.toString('latin1').includes('2001')]).toEqual([32, false]);
  });
});

describe('Nobody locks out somebody else', () => {
  it('with 120 wrong passwords from twelve /64s of one /60', async () => {
    const admin = await signedInAdmin(server);
    const from = (index: number) => `2001:db8:0:${(index % 12).toString(16)}::1`;
    const statuses = await statusesOf(120, (index) => signIn(admin.email, WRONG, { from: from(index) }));
    expect(statuses.filter((status) => status === 401)).toHaveLength(PER_HOME);
    expect(statuses.filter((status) => status === 429)).toHaveLength(120 - PER_HOME);
    expect(await statusOf(signIn(admin.email, admin.password))).toBe(200);
    // Also in the next home of the same site.
    expect(await statusOf(signIn(admin.email, admin.password, { from: '2001:db8:0:100::1' }))).toBe(200);
  });

  it.each([
    ['the /64s of one /48', (index: number) => `2001:db8:0:${(index * 256).toString(16)}::1`],
    ['the addresses of one /24', (index: number) => `203.0.113.${index}`],
  ])('with as many as they like from %s', async (_, from) => {
    const { email, password } = await signUp(server);
    const statuses = await statusesOf(120, (index) => signIn(email, WRONG, { from: from(index) }));
    expect(statuses.filter((status) => status === 401)).toHaveLength(PER_SITE);
    expect(await statusOf(signIn(email, password, { from: from(150) }))).toBe(429);
    expect(await statusOf(signIn(email, password))).toBe(200);
  });

  it.each([true, false])('from all over the world, where the account is known (there is one: %s)', async (exists) => {
    const { email, password } = exists ? await signUp(server) : { email: newEmail(), password: 'example' };
    if (exists) expect(await statusOf(signIn(email, password))).toBe(200);
    const statuses = await statusesOf(EVERYWHERE, (index) => signIn(email, WRONG, { from: `203.0.${index}.1` }));
    expect(statuses).toEqual(times(EVERYWHERE, 401));
    const refused = await signIn(email, password, { from: ELSEWHERE });
    expect([refused.status, waitOf(refused) > 0, waitOf(refused) <= DELAY]).toEqual([429, true, true]);
    expect(await statusOf(signIn(email, password))).toBe(exists ? 200 : 429);
    await letPass(DELAY + 1);
    expect(await statusOf(signIn(email, password, { from: ELSEWHERE }))).toBe(exists ? 200 : 401);
  });

  it('from next to where the account is known, in the same /48', async () => {
    const { email, password } = await signUp(server);
    const home = '2001:db8:0:ff::1';
    expect(await statusOf(signIn(email, password, { from: home }))).toBe(200);
    await statusesOf(60, (index) => signIn(email, WRONG, { from: `2001:db8:0:${(index * 256).toString(16)}::1` }));
    expect(await statusOf(signIn(email, password, { from: '2001:db8:0:fe::1' }))).toBe(429);
    expect(await statusOf(signIn(email, password, { from: home }))).toBe(200);
    // It has a limit of its own, which is as exact.
    expect(await failTimes(MOST + 1, email, { from: home })).toEqual([...times(MOST, 401), 429]);
  });
});

describe('A known address', () => {
  it('is one from which somebody has signed in to this account, within 90 days', async () => {
    const [one, other] = [await signUp(server), await signUp(server)];
    expect(await knownOf(one.id)).toEqual([]);
    for (const { email, password } of [one, one, other]) expect(await statusOf(signIn(email, password))).toBe(200);
    const [[known], [others]] = [await knownOf(one.id), await knownOf(other.id)];
    expect(await knownOf(one.id)).toHaveLength(1);
    // Nobody sees in the database that two accounts are opened from one place.
    expect(known?.digest).not.toEqual(others?.digest);
    await signIn(one.email, WRONG, { from: ELSEWHERE });
    expect(await knownOf(one.id)).toHaveLength(1);

    const lastSeen = (days: number) =>
      database.query(`UPDATE known_addresses SET seen_at = now() - $2 * interval '1 day' WHERE account_id = $1`, [
        one.id,
        days,
      ]);
    await lastSeen(89);
    await server.app.get(Sweeper).sweep();
    expect(await knownOf(one.id)).toHaveLength(1);
    expect(await statusOf(signIn(one.email, one.password))).toBe(200);
    const [renewed] = await knownOf(one.id);
    expect(Date.now() - (renewed?.seen_at.getTime() ?? 0)).toBeLessThan(3_600_000);
    await lastSeen(91);
    await signIn(one.email, WRONG);
    expect(Object.keys(await countsByPlace())).toContain('everywhere');
    await server.app.get(Sweeper).sweep();
    expect(await knownOf(one.id)).toEqual([]);
  });

  it('is one of the twenty from which the account was last signed in to', async () => {
    const { id, email, password } = await signUp(server);
    for (let index = 0; index < 22; index += 1) {
      expect(await statusOf(signIn(email, password, { from: `203.0.113.${index}` }))).toBe(200);
      await database.query(`UPDATE known_addresses SET seen_at = seen_at - interval '1 hour' WHERE account_id = $1`, [
        id,
      ]);
    }
    expect(await knownOf(id)).toHaveLength(20);
    await signIn(email, WRONG, { from: '203.0.113.0' });
    expect(Object.keys(await countsByPlace())).toContain('everywhere');
    await database.query('DELETE FROM sign_in_failures');
    for (const last of [2, 21]) await signIn(email, WRONG, { from: `203.0.113.${last}` });
    expect(await countsByPlace()).toEqual({ 'address 203.0.113.2': 1, 'address 203.0.113.21': 1 });
  });

  it('stays known when SECRET_KEY is rotated', async () => {
    const { id, email } = await signUp(server);
    const old = 'a secret key that has been replaced';
    const [subKey] = new SecretKeys([old]).all('known-address');
    const digest = createHmac('sha256', subKey?.key ?? '')
      .update(`${id} ${HOME}`)
      .digest();
    await database.query('INSERT INTO known_addresses (account_id, digest) VALUES ($1, $2)', [id, digest]);
    const rotated = await another({ secretKeys: [TEST_SECRET_KEY, old] });
    await signIn(email, WRONG, { at: rotated });
    expect(await countsByPlace()).toEqual({ [`address ${HOME}`]: 1 });
  });

  it('goes with its account', async () => {
    const { id, email, password } = await signUp(server);
    await signIn(email, password);
    await database.query('DELETE FROM accounts WHERE id = $1', [id]);
    expect(await knownOf(id)).toEqual([]);
  });
});

describe('LOGIN_MAX_UNKNOWN_FAILURES', () => {
  const IN_A_ROW = 7;
  let strict: TestServer;

  beforeEach(async () => {
    strict = await another({ loginMaxUnknownFailures: IN_A_ROW });
  });

  const failFrom = (email: string, count: number, offset = 0) =>
    statusesOf(count, (index) => signIn(email, WRONG, { at: strict, from: `203.0.${index + offset}.1` }));

  it.each([true, false])('then whoever is not known waits until it is lifted (there is one: %s)', async (exists) => {
    const { email, password } = exists ? await signUp(strict) : { email: newEmail(), password: 'example' };
    expect(await failFrom(email, IN_A_ROW)).toEqual(times(IN_A_ROW, 401));
    for (let round = 0; round < 2; round += 1) {
      const refused = await signIn(email, password, { at: strict, from: ELSEWHERE });
      expect(refused.status).toBe(429);
      // Nobody knows when that will be.
      expect(refused.headers.get('retry-after')).toBeNull();
      expect(refused.body).toEqual({ id: 'rate_limited', message: expect.stringMatching(/reset your password/) });
      await letPass(400 * 86_400, strict);
      await strict.app.get(Sweeper).sweep();
    }
    expect(strict.answers.undescribed()).toEqual([]);
  });

  it('counts those in a row, whenever they were', async () => {
    const { email, password } = await signUp(strict);
    await failFrom(email, IN_A_ROW - 1);
    expect(await statusOf(signIn(email, password, { at: strict, from: ELSEWHERE }))).toBe(200);
    await failFrom(email, IN_A_ROW - 1);
    await letPass(80 * 86_400, strict);
    expect(await failFrom(email, 1, 50)).toEqual([401]);
    expect(await statusOf(signIn(email, password, { at: strict, from: '203.0.99.1' }))).toBe(429);
  });

  it('is lifted by a sign-in from a known address', async () => {
    const { email, password } = await signUp(strict);
    expect(await statusOf(signIn(email, password, { at: strict }))).toBe(200);
    await failFrom(email, IN_A_ROW);
    expect(await statusOf(signIn(email, password, { at: strict, from: ELSEWHERE }))).toBe(429);
    expect(await statusOf(signIn(email, password, { at: strict }))).toBe(200);
    await letPass(2, strict);
    expect(await statusOf(signIn(email, password, { at: strict, from: ELSEWHERE }))).toBe(200);
  });

  it('is lifted by a reset, after which only the address that it came from is known', async () => {
    const { id, email, password } = await signUp(strict);
    expect(await statusOf(signIn(email, password, { at: strict, from: '203.0.113.200' }))).toBe(200);
    await failFrom(email, IN_A_ROW);
    const chosen = await resetPassword(id, email, ELSEWHERE, strict);
    expect(await failures()).toEqual([]);
    expect(await knownOf(id)).toHaveLength(1);
    await failFrom(email, IN_A_ROW);
    expect(await statusOf(signIn(email, chosen, { at: strict, from: '203.0.113.200' }))).toBe(429);
    expect(await statusOf(signIn(email, chosen, { at: strict, from: ELSEWHERE }))).toBe(200);
  });

  it('is lifted by an admin, on every replica', async () => {
    const admin = await signedInAdmin(server);
    const { id, email, password } = await signUp(strict);
    await failFrom(email, IN_A_ROW);
    expect(await statusOf(signIn(email, password, { at: strict, from: ELSEWHERE }))).toBe(429);
    const lifted = await server.call('DELETE', `/api/v1/accounts/${id}/lock`, undefined, admin.headers);
    expect([lifted.status, lifted.body]).toEqual([204, '']);
    expect(await failures()).toEqual([]);
    strict.advanceClock(2);
    expect(await statusOf(signIn(email, password, { at: strict, from: ELSEWHERE }))).toBe(200);
    expect(server.answers.undescribed()).toEqual([]);
  });

  it('is not counted when it is 0', async () => {
    const { email } = await signUp(server);
    await signIn(email, WRONG);
    expect(Object.keys(await countsByPlace())).not.toContain('unknown');
  });
});

describe('A lock', () => {
  it('is in the audit log once, with whose it is', async () => {
    const { id, email } = await signUp(server);
    await failTimes(MOST - 1, email);
    expect(await locksOf(id)).toEqual([]);
    await failTimes(5, email);
    for (let further = 0; further < 3; further += 1) {
      await letPass(WINDOW);
      expect(await statusOf(signIn(email, WRONG))).toBe(401);
    }
    expect(await locksOf(id)).toEqual([{ subject: id, outcome: 'refused', details: { place: 'address' } }]);
    await letPass(2 * WINDOW + 1);
    await failTimes(MOST, email);
    expect(await locksOf(id)).toHaveLength(2);
  });

  it('is in the audit log for each kind of place', async () => {
    const strict = await another({ loginMaxUnknownFailures: 25 });
    const { id, email } = await signUp(strict);
    for (let index = 0; index < 25; index += 1) {
      await signIn(email, WRONG, { at: strict, from: `2001:db8:0:${index < 20 ? index : index * 256}::1` });
    }
    const places = (await locksOf(id)).map(({ details }) => (details as { place: string }).place);
    expect(places).toEqual(['home', 'unknown']);
  });

  it('of an email without an account is in the audit log too, without a subject', async () => {
    const email = newEmail();
    const events = () => database.query(`SELECT 1 FROM audit_events WHERE kind = 'sign_in.locked' AND subject IS NULL`);
    const before = (await events()).length;
    await failTimes(MOST, email, { from: '203.0.113.77' });
    expect((await events()).length).toBe(before + 1);
  });

  it('is lifted by a password reset', async () => {
    const { id, email, password } = await signUp(server);
    await failTimes(MOST, email);
    expect(await statusOf(signIn(email, password))).toBe(429);
    const chosen = await resetPassword(id, email, HOME);
    expect(await statusOf(signIn(email, chosen))).toBe(200);
  });

  it('is lifted by nobody but an admin', async () => {
    const { id, email, password, token } = await signUp(server);
    await failTimes(MOST, email);
    expect(await statusOf(server.call('DELETE', `/api/v1/accounts/${id}/lock`, undefined, bearer(token)))).toBe(401);
    expect(await statusOf(signIn(email, password))).toBe(429);
  });
});

describe('At the door of applications', () => {
  let appToken: string;
  let otherApp: string;

  beforeAll(async () => {
    const { id } = await signUp(server);
    const issue = async () =>
      (await server.app.get(TokenIssuer).issue(server.app.get(EntityManager), 'app', { accountId: id })).secret;
    [appToken, otherApp] = [await issue(), await issue()];
  });

  const logIn = (email: string, password: string, { from = '203.0.113.9', app = appToken } = {}) =>
    server.call('POST', '/api/v1/token/', { username: email, password }, { 'app-token': app, 'x-forwarded-for': from });

  it('wrong passwords through one server lock nobody out of the application, whoever typed them', async () => {
    const [victim, other] = [await signUp(server), await signUp(server)];
    expect(await statusesOf(4 * MOST, () => logIn(victim.email, WRONG))).toEqual(times(4 * MOST, 401));
    for (const { email, password } of [victim, other]) expect(await statusOf(logIn(email, password))).toBe(200);
    expect(await statusOf(signIn(victim.email, victim.password))).toBe(200);
  });

  it('are counted by application and user, and where the server is', async () => {
    const { email, password } = await signUp(server);
    expect(await statusOf(logIn(email, password))).toBe(200);
    expect(await statusesOf(PER_SITE + 1, () => logIn(email, WRONG))).toEqual([...times(PER_SITE, 401), 429]);
    expect(await statusOf(logIn(email, password))).toBe(429);
    // Another one has a limit of its own, but not from the same place while the account is not known there.
    expect(await statusOf(logIn(email, password, { app: otherApp }))).toBe(200);
    await database.query('DELETE FROM sign_in_failures');
    const { email: second, password: right } = await signUp(server);
    await statusesOf(PER_SITE, () => logIn(second, WRONG));
    expect(await statusOf(logIn(second, right, { app: otherApp }))).toBe(429);
    expect(await statusOf(logIn(second, right, { app: otherApp, from: ELSEWHERE }))).toBe(200);
  });

  it('what is known is known within the application', async () => {
    const { email, password } = await signUp(server);
    expect(await statusOf(logIn(email, password))).toBe(200);
    await signIn(email, WRONG, { from: '203.0.113.9' });
    await logIn(email, WRONG, { app: otherApp });
    await logIn(email, WRONG);
    const counts = await countsByPlace();
    const [first] = await database.query<{ id: string }>(`SELECT id FROM tokens WHERE hint = $1`, [appToken.slice(-4)]);
    expect(counts).toMatchObject({ everywhere: 2, 'site 203.0.113.0/24': 2, [`application ${first?.id}`]: 1 });
  });
});

describe('An App-Token with the scope client-address', () => {
  const NETWORK = '203.0.113.0/24';
  const SERVER = '203.0.113.9';
  const USER = '2001:db8:9:1::1';
  let admin: Awaited<ReturnType<typeof signedInAdmin>>;
  let app: { id: string; secret: string };
  let plain: string;

  beforeAll(async () => {
    admin = await signedInAdmin(server);
    const create = async (body: object) => {
      const answer = await server.call('POST', '/api/v1/app_tokens/', body, admin.headers);
      expect(answer.status).toBe(201);
      return (answer.body as { app_token: string }).app_token;
    };
    const secret = await create({ scopes: ['client-address'], networks: [NETWORK, '2001:DB8:ffff::/48'] });
    plain = await create({ scopes: ['frontend'] });
    const { body } = await server.call('GET', `/api/v1/app_tokens/${secret}`, undefined, admin.headers);
    expect(body).toMatchObject({ scopes: ['client-address'], networks: [NETWORK, '2001:db8:ffff::/48'] });
    app = { id: (body as { id: string }).id, secret };
  });

  interface Passing {
    from?: string;
    token?: string;
    at?: TestServer;
    id?: string;
  }

  const logIn = (
    email: string,
    password: string,
    user: string | undefined,
    { from = SERVER, token = app.secret, at = server, id = 'a-request' }: Passing = {},
  ) =>
    at.call(
      'POST',
      '/api/v1/token/',
      { username: email, password },
      {
        'app-token': token,
        'x-forwarded-for': from,
        'x-request-id': id,
        ...(user !== undefined && { 'x-client-address': user }),
      },
    );

  it('tells its users apart: whoever types wrong passwords waits, and nobody else', async () => {
    const { email, password } = await signUp(server);
    expect(await statusesOf(MOST + 1, () => logIn(email, WRONG, USER))).toEqual([...times(MOST, 401), 429]);
    expect(await statusOf(logIn(email, password, '198.51.100.77'))).toBe(200);
    expect(await statusOf(logIn(email, password, USER))).toBe(429);
    // Neither does whoever is really there.
    expect(await statusOf(signIn(email, password, { from: USER }))).toBe(200);
    expect(await statusOf(signIn(email, password, { from: SERVER }))).toBe(200);
  });

  it('tells them apart where they enter their password again, too', async () => {
    const { email, password } = await signUp(server);
    const token = ((await logIn(email, password, USER)).body as { token: string }).token;
    const confirm = (current_password: string, user: string) =>
      server.call(
        'POST',
        '/api/v1/app_tokens/',
        { current_password },
        { 'app-token': app.secret, token, 'x-forwarded-for': SERVER, 'x-client-address': user },
      );
    expect(await statusesOf(MOST + 1, () => confirm(WRONG, '192.0.2.66'))).toEqual([...times(MOST, 400), 429]);
    expect(await countsByPlace()).toMatchObject({ [`application ${app.id} address 192.0.2.66`]: MOST });
    expect(await statusOf(confirm(password, USER))).toBe(201);
    expect(await statusOf(confirm(password, '192.0.2.66'))).toBe(429);
  });

  it('counts both addresses: that of the user within the application, and the application', async () => {
    const { email } = await signUp(server);
    await logIn(email, WRONG, USER);
    const within = `application ${app.id}`;
    expect(await countsByPlace()).toEqual({
      [within]: 1,
      [`${within} address 2001:db8:9:1::/64`]: 1,
      [`${within} home 2001:db8:9:0::/56`]: 1,
      [`${within} site 2001:db8:9::/48`]: 1,
      everywhere: 1,
    });
    await statusesOf(EVERYWHERE, (index) => logIn(email, WRONG, `2001:db8:${index + 16}:1::1`));
    expect((await countsByPlace())[within]).toBe(EVERYWHERE);
  });

  it('an address that it passes on is known only within the application', async () => {
    const { id, email, password } = await signUp(server);
    expect(await statusOf(logIn(email, password, USER))).toBe(200);
    expect(await knownOf(id)).toHaveLength(1);
    await signIn(email, WRONG, { from: USER });
    expect(await countsByPlace()).toMatchObject({ 'address 2001:db8:9:1::/64': 1, everywhere: 1 });
    await logIn(email, WRONG, USER);
    expect(await countsByPlace()).toMatchObject({
      [`application ${app.id} address 2001:db8:9:1::/64`]: 1,
      everywhere: 1,
    });
    // Nor is the application's server known, although the user has signed in through it.
    await signIn(email, WRONG, { from: SERVER });
    expect(await countsByPlace()).toMatchObject({ everywhere: 2 });
  });

  it('is in the audit log beside its own, in one form', async () => {
    const { email, password } = await signUp(server);
    const events = async (id: string) =>
      database.query<{ kind: string; address: string; client_address: string; app_token_id: string }>(
        `SELECT kind, address, details->>'client_address' AS client_address, app_token_id FROM audit_events
         WHERE request_id = $1`,
        [id],
      );
    const both = { kind: 'sign_in', address: SERVER, client_address: '192.0.2.200', app_token_id: app.id };
    await logIn(email, WRONG, '::ffff:192.0.2.200', { id: 'wrong-one' });
    expect(await events('wrong-one')).toEqual([both]);
    await logIn(email, password, '::FFFF:192.0.2.200', { id: 'right-one' });
    expect(await events('right-one')).toEqual([both]);
    for (let index = 0; index < 3; index += 1) await logIn(email, WRONG, '192.0.2.200');
    await server.app.get(AuditLog).flush();
    const folded = await database.query(
      `SELECT address, details FROM audit_events WHERE details ? 'folded' AND details->>'client_address' = '192.0.2.200'`,
    );
    expect(folded).toEqual([
      { address: SERVER, details: expect.objectContaining({ folded: 3, client_address: '192.0.2.200' }) },
    ]);
  });

  it.each([
    ['without the scope', () => ({ token: plain })],
    ['from outside its networks', () => ({ from: ELSEWHERE })],
  ])('may, and another may not: %s', async (_, how) => {
    const { email, password } = await signUp(server);
    const refused = await logIn(email, password, USER, how());
    expect(refused.status).toBe(403);
    expect(refused.body).toEqual({ errors: { client_address: expect.any(String) } });
    expect(await statusOf(logIn(email, password, undefined, how()))).toBe(200);
  });

  it.each(['', 'unknown', '192.0.2.300', '192.0.2.1, 192.0.2.2', 'x'.repeat(300)])(
    'passes on one address, and nothing else: %.20j',
    async (user) => {
      const { email, password } = await signUp(server);
      const refused = await logIn(email, password, user);
      expect([refused.status, refused.body]).toEqual([400, { errors: { client_address: 'must be an IP address' } }]);
    },
  );

  it('has a limit of requests for each of its users, and none of them takes those of another', async () => {
    const strict = await another({ rateLimitPerMinute: 3 });
    const { email } = await signUp(server);
    const ask = (user: string | undefined, how: Passing = {}) => logIn(email, WRONG, user, { at: strict, ...how });
    const statuses = await statusesOf(4, () => ask('192.0.2.50'));
    expect(statuses).toEqual([401, 401, 401, 429]);
    expect(await statusOf(ask('192.0.2.51'))).toBe(401);
    // What is refused counts where it came from, and so does what passes on nothing.
    for (const how of [{ token: plain }, { token: 'f'.repeat(32) }, { token: plain }]) {
      expect([401, 403]).toContain(await statusOf(ask('192.0.2.52', { from: '203.0.113.99', ...how })));
    }
    expect(await statusOf(ask('192.0.2.52', { from: '203.0.113.99', token: plain }))).toBe(429);
    const { headers } = await ask('192.0.2.53');
    expect(headers.get('ratelimit')).toMatch(/^"requests";r=2;/);
  });

  it.each([
    ['the scope without networks', { scopes: ['client-address'] }, 400],
    ['the scope with no network', { scopes: ['client-address'], networks: [] }, 400],
    ['networks without the scope', { networks: [NETWORK] }, 400],
    ['what is no network', { scopes: ['client-address'], networks: ['203.0.113.1/24'] }, 400],
  ])('is not made with %s', async (_, body, status) => {
    const answer = await server.call('POST', '/api/v1/app_tokens/', body, admin.headers);
    expect([answer.status, answer.body]).toEqual([status, { errors: { networks: expect.any(String) } }]);
  });

  it('is made by admins only, and is worth nothing once its owner is none', async () => {
    const user = await signedInUser(server);
    const body = { scopes: ['client-address'], networks: [NETWORK] };
    expect(await statusOf(server.call('POST', '/api/v1/app_tokens/', body, user.headers))).toBe(403);
    const other = await signedInAdmin(server);
    const made = await server.call('POST', '/api/v1/app_tokens/', body, other.headers);
    const token = (made.body as { app_token: string }).app_token;
    const { email, password } = await signUp(server);
    expect(await statusOf(logIn(email, password, USER, { token }))).toBe(200);
    const demoted = { role: 'user' };
    expect(await statusOf(server.call('PATCH', `/api/v1/accounts/${other.id}`, demoted, admin.headers))).toBe(200);
    expect(await statusOf(logIn(email, password, USER, { token }))).toBe(401);
    expect(server.answers.undescribed()).toEqual([]);
  });
});
