import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import bcrypt from 'bcrypt';
import { HashingThreads } from '../../src/passwords/hashing-threads.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { newEmail, startServer, type TestServer } from '../support/server.js';
import { newClient } from '../support/oauth.js';
import { makeAdmin } from '../support/tokens.js';

let database: TestDatabase;
let appToken: string;
let page: string;
const servers: TestServer[] = [];
const compare = jest.spyOn(HashingThreads.prototype, 'compare');

beforeAll(async () => {
  database = await createDatabase();
  const server = await startServer(database.connection);
  ({ appToken } = await makeAdmin(server));
  const { basic } = await newClient(server);
  const visitor = { ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'example' };
  page = ((await server.call('POST', '/api/identifications', visitor, basic)).body as { id: string }).id;
  await server.close();
});

beforeEach(async () => {
  await database.query(`UPDATE accounts SET password_hash = NULL WHERE role = 'admin'`);
  await database.query(`DELETE FROM accounts WHERE role = 'user'`);
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

afterAll(async () => {
  compare.mockRestore();
  await database.drop();
});

/** A server that has read nothing yet of what is stored. */
async function start(bcryptCost: number): Promise<TestServer> {
  const server = await startServer(database.connection, { bcryptCost, loginMaxFailures: 1_000_000 });
  servers.push(server);
  return server;
}

const hashes = new Map<string, string>();
/** @param salt with a mark, or the cost */
const hash = (salt: string | number) => {
  const known = hashes.get(String(salt)) ?? bcrypt.hashSync('example', salt);
  hashes.set(String(salt), known);
  return known;
};

async function accountWith(passwordHash: string | null, { disabled = false } = {}): Promise<string> {
  const email = newEmail();
  await database.query(
    'INSERT INTO accounts (email, password_hash, disabled_at) VALUES ($1, $2, CASE WHEN $3 THEN now() END)',
    [email, passwordHash, disabled],
  );
  return email;
}

async function manyWith(count: number, passwordHash: string): Promise<void> {
  await database.query(
    `INSERT INTO accounts (email, password_hash)
     SELECT 'many' || n || '.' || md5($2) || '@example.org', $2 FROM generate_series(1, $1) AS n`,
    [count, passwordHash],
  );
}

const DOORS: Record<string, (server: TestServer, email: string, password: string) => Promise<number>> = {
  '/account/session': async (server, email, password) =>
    (await server.call('POST', '/account/session', { account: { email, password } })).status,
  '/api/v1/token/': async (server, username, password) =>
    (await server.call('POST', '/api/v1/token/', { username, password }, { 'app-token': appToken })).status,
  '/wayf': async (server, email, password) => {
    const form = new URLSearchParams({ institution: 'none', email, password }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' };
    const { status, body } = await server.call('POST', `/wayf/${page}`, form, headers);
    expect(body).toContain('Invalid email or password.');
    return status === 422 ? 401 : status;
  },
};

/** What bcrypt is asked to do for a sign-in that fails: the cost of each comparison. Its time is the time of the answer. */
async function workOf(
  server: TestServer,
  email: string,
  password: string,
  door = '/account/session',
): Promise<number[]> {
  compare.mockClear();
  expect(await DOORS[door]?.(server, email, password)).toBe(401);
  return compare.mock.calls.map(([, stored]) => bcrypt.getRounds(stored.encoded));
}

describe('How many comparisons a sign-in takes', () => {
  /** How many spellings a password has is seen in it alone. */
  const PASSWORDS: [password: string, comparisons: number][] = [
    ['wrong password', 1],
    ['пароль', 1],
    ['密码密码密码', 1],
    ['x'.repeat(200), 1],
    ['caf\u00e9 au lait', 2],
    ['cafe\u0301 au lait', 2],
    ['caf\u00e9\u00a0au lait', 3],
    ['a\u00a0b', 2],
    ['é'.repeat(200), 2],
    ['tab\tbetween', 1],
  ];

  it.each(Object.keys(DOORS))('depends on the password alone, whatever the account is: %s', async (door) => {
    const marked = `$2b$05$lk8265${'a'.repeat(15)}.`;
    const long = `${bcrypt.hashSync('y'.repeat(64), marked)}$sha384`;
    const kinds = {
      'of this release': await accountWith(hash(marked)),
      'of the previous one': await accountWith(hash(5)),
      'of a long password': await accountWith(long),
      disabled: await accountWith(hash(5), { disabled: true }),
      'without a password': await accountWith(null),
      unusable: await accountWith('garbage'),
      nobody: newEmail(),
    };
    const server = await start(5);
    for (const [password, comparisons] of PASSWORDS) {
      for (const [kind, email] of Object.entries(kinds)) {
        const work = await workOf(server, email, password, door);
        expect([password, kind, work]).toEqual([password, kind, Array.from({ length: comparisons }, () => 5)]);
      }
    }
  });
});

describe('What an unknown email is compared with', () => {
  const EMAILS = Array.from({ length: 40 }, (_, index) => `nobody${index}@example.org`);

  async function costsOf(server: TestServer, emails: string[]): Promise<number[]> {
    const costs: number[] = [];
    for (const email of emails) {
      const [cost = 0, ...rest] = await workOf(server, email, 'wrong password');
      expect(rest).toEqual([]);
      costs.push(cost);
    }
    return costs;
  }

  it.each([4, 6])('has the cost of what is stored, although BCRYPT_COST is another by now: %d', async (today) => {
    await manyWith(3, hash(5));
    const server = await start(today);
    expect(new Set(await costsOf(server, EMAILS.slice(0, 10)))).toEqual(new Set([5]));
    const known = await accountWith(hash(5));
    expect(await workOf(server, known, 'wrong password')).toEqual([5]);
  });

  it('has the configured cost where nothing is stored', async () => {
    await accountWith('garbage');
    await accountWith(`$2b$31$${hash(4).slice(7)}`);
    await accountWith(hash(6), { disabled: true });
    expect(await costsOf(await start(5), EMAILS.slice(0, 5))).toEqual([5, 5, 5, 5, 5]);
  });

  it('has each cost as often as accounts have it, and always the same for an email', async () => {
    await manyWith(60, hash(4));
    await manyWith(20, hash(5));
    const server = await start(4);
    const costs = await costsOf(server, EMAILS);
    // A quarter of 40, give or take three standard deviations; the emails are always the same.
    expect(new Set(costs)).toEqual(new Set([4, 5]));
    const dear = costs.filter((cost) => cost === 5).length;
    expect(dear).toBeGreaterThan(2);
    expect(dear).toBeLessThan(20);
    // What other replicas say, and this one after a restart.
    expect(
      await costsOf(
        await start(4),
        EMAILS.map((email) => email.toUpperCase()),
      ),
    ).toEqual(costs);
  });

  it('only ever changes as accounts do that are renewed: from an old cost to the configured one', async () => {
    await manyWith(40, hash(5));
    await manyWith(40, hash(4));
    const before = await costsOf(await start(4), EMAILS);
    await database.query(
      `UPDATE accounts SET password_hash = $1
       WHERE id IN (SELECT id FROM accounts WHERE password_hash = $2 LIMIT 20)`,
      [hash(4), hash(5)],
    );
    const after = await costsOf(await start(4), EMAILS);
    const changes = before.map((cost, index) => [cost, after[index]].join(' to '));
    expect(new Set(changes)).toEqual(new Set(['4 to 4', '5 to 4', '5 to 5']));
  });

  it('is found out by looking at a part of a large table', async () => {
    await manyWith(20_000, hash(4));
    const [{ pages } = { pages: 0 }] = await database.query<{ pages: number }>(
      `SELECT (pg_relation_size('accounts') / current_setting('block_size')::int)::int AS pages`,
    );
    expect(pages).toBeGreaterThan(200);
    const server = await start(5);
    expect(new Set(await costsOf(server, EMAILS.slice(0, 10)))).toEqual(new Set([4]));
  });
});
