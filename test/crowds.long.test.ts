import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseClock } from '../src/database/database-clock.service.js';
import { unavailable } from '../src/errors/api-error.js';
import { HashingThreads } from '../src/passwords/hashing-threads.js';
import { PasswordHasher } from '../src/passwords/password-hasher.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bearer, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { Statements } from './support/statements.js';
import { signedInUser } from './support/tokens.js';

let database: TestDatabase;
let statements: Statements;
const servers: TestServer[] = [];

beforeAll(async () => {
  statements = new Statements();
  database = await createDatabase();
});

afterEach(async () => {
  jest.restoreAllMocks();
  for (const server of servers.splice(0)) await server.close();
});

afterAll(async () => {
  await database.drop();
  statements.stop();
});

/** A server that believes X-Forwarded-For. */
async function start(overrides: Parameters<typeof startServer>[1] = {}): Promise<TestServer> {
  const server = await startServer(database.connection, { trustProxy: 1, ...overrides });
  servers.push(server);
  return server;
}

const signIn = (server: TestServer, email: string, from: string, password = 'example') =>
  server.call('POST', '/account/session', { account: { email, password } }, { 'x-forwarded-for': from });

describe('While a crowd signs in without pause', () => {
  const CROWD = 40;
  const NEWCOMERS = 10;
  /** What a hash takes here, in milliseconds: forty of them take six seconds. */
  const HASH = 150;

  it.each([1, 4])('from %d address(es), nine of ten sign-ins from elsewhere succeed', async (addresses) => {
    const server = await start({ hashingThreads: 1 });
    const emails: string[] = [];
    for (let index = 0; index < CROWD + NEWCOMERS; index += 1) emails.push((await signUp(server)).email);
    jest.spyOn(HashingThreads.prototype, 'compare').mockImplementation(() => pause(HASH, true));

    let isOver = false;
    const crowd = emails.slice(0, CROWD).map(async (email, index) => {
      const statuses: number[] = [];
      while (!isOver) {
        const { status } = await signIn(server, email, `192.0.${index % addresses}.1`);
        statuses.push(status);
        // They are in this process too, and it must not be theirs alone.
        if (status !== 200) await pause(50);
      }
      return statuses;
    });
    const newcomers: Answer[] = [];
    for (const [index, email] of emails.slice(CROWD).entries()) {
      newcomers.push(await signIn(server, email, `198.51.${index}.1`));
    }
    isOver = true;
    const statuses = new Set((await Promise.all(crowd)).flat());
    expect(newcomers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(9);
    // It was more than could be done, and nobody of it was told anything else.
    expect([...statuses].sort()).toEqual([200, 503]);
  });

  it('whoever has to be refused is told so before anything is asked of the database', async () => {
    const server = await start();
    jest.spyOn(server.app.get(PasswordHasher), 'requireRoom').mockImplementation(() => {
      throw unavailable('Too many sign-ins are in progress. Try again.', 4);
    });
    const sent = await sentDuring(async () => {
      const answer = await signIn(server, newEmail(), '192.0.2.1');
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '4']);
    });
    expect(sent).toEqual([]);
  });
});

describe('Threads that hash', () => {
  it('have a job each, and finish it or fail it when they are stopped', async () => {
    const threads = new HashingThreads();
    const hashes = await Promise.all(['one', 'another'].map((password) => threads.hash(password, 4)));
    expect(
      await Promise.all(hashes.map((hash) => threads.compare('one', { scheme: 'bcrypt', encoded: hash }))),
    ).toEqual([true, false]);
    const unfinished = threads.hash('cut off', 15);
    const outcome = unfinished.then(
      () => 'finished',
      (error: unknown) => (error as { status: number }).status,
    );
    await threads.stop();
    expect(['finished', 503]).toContain(await outcome);
  });
});

/** All that was sent for a request, with the frames of transactions, but not what servers do by themselves. */
async function sentDuring(act: () => Promise<unknown>): Promise<string[]> {
  const sent = await statements.allDuring(act);
  return sent
    .filter(
      ({ text, values }) =>
        !String(values[1]).startsWith('heartbeat ') && !/last_used_at|outgoing_mails|^SET tcp_/.test(text),
    )
    .map(({ text }) => text);
}

const rows = () => database.query<{ key: string; count: number }>('SELECT key, count FROM attempt_limits ORDER BY key');
const reached = async () => (await database.query(`SELECT 1 FROM audit_events WHERE kind = 'limit.reached'`)).length;

describe('A request that is refused by a limit', () => {
  const FROM = { 'x-forwarded-for': '203.0.113.1' };
  const ask = (server: TestServer) => server.call('POST', '/account/session', { account: {} }, FROM);

  it('costs a statement, and none once the process knows that the limit lasts', async () => {
    const [one, other] = [await start({ rateLimitPerMinute: 3 }), await start({ rateLimitPerMinute: 3 })];
    for (let index = 0; index < 3; index += 1) expect((await ask(one)).status).toBe(422);
    const [before, told] = [await rows(), await reached()];
    for (const server of [one, other]) {
      const first = await sentDuring(async () => {
        expect((await ask(server)).status).toBe(429);
      });
      expect(first).toHaveLength(1);
      const later = await sentDuring(async () => {
        for (let index = 0; index < 20; index += 1) {
          const { status, headers } = await ask(server);
          expect(status).toBe(429);
          expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60);
          expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
        }
      });
      expect(later).toEqual([]);
    }
    expect(await rows()).toEqual(before);
    expect(await reached()).toBe(told + 1);
    await database.query('UPDATE attempt_limits SET window_ends_at = now()');
    one.advanceClock(60);
    expect((await ask(one)).status).toBe(422);
  });

  it('is asked again after a second where others may lift it, such as that of sign-ins', async () => {
    const server = await start({ loginMaxFailures: 2 });
    const { email } = await signUp(server);
    for (let index = 0; index < 2; index += 1) {
      expect((await signIn(server, email, '203.0.113.2', 'wrong password')).status).toBe(401);
    }
    const now = server.app.get(DatabaseClock).now();
    const clock = jest.spyOn(server.app.get(DatabaseClock), 'now').mockReturnValue(now);
    const refuse = () =>
      sentDuring(async () => {
        expect((await signIn(server, email, '203.0.113.2')).status).toBe(429);
      });
    // Whose it is and, with the same statement, whether they have to wait.
    expect(await refuse()).toHaveLength(1);
    for (let index = 0; index < 5; index += 1) expect(await refuse()).toEqual([]);
    clock.mockReturnValue(now + 1);
    expect(await refuse()).toHaveLength(1);
    clock.mockReturnValue(now - 3_600);
    expect(await refuse()).toHaveLength(1);
  });

  it('leaves no row, and a right password asks two things but for what it opens', async () => {
    const server = await start({ loginMaxFailures: 1 });
    const { email } = await signUp(server);
    for (let index = 0; index < 10; index += 1) {
      expect((await signIn(server, email, `203.0.${index}.3`, 'wrong password')).status).toBe(401);
    }
    const failures = () => database.query('SELECT * FROM sign_in_failures ORDER BY account, place');
    const before = await failures();
    expect((await signIn(server, email, '203.0.113.4')).status).toBe(429);
    expect(await failures()).toEqual(before);
    const other = await signUp(server);
    const sent = await sentDuring(async () => {
      expect((await signIn(server, other.email, '203.0.113.4')).status).toBe(200);
    });
    expect(sent).toHaveLength(2);
  });
});

describe('WRITE_LIMIT_PER_MINUTE', () => {
  it('is for each account, whatever it writes with, and not for reading', async () => {
    const server = await start({ writeLimitPerMinute: 3 });
    const { id, email, password, headers } = await signedInUser(server);
    const { body } = await server.call('POST', '/account/session', { account: { email, password } });
    const session = bearer(body.token as string);
    const write = () => server.call('POST', '/api/v1/app_tokens/', {}, headers);
    for (let index = 0; index < 3; index += 1) expect((await write()).status).toBe(201);
    expect(await write()).toMatchObject({ status: 429, body: { errors: { request: expect.any(String) } } });
    const end = await server.call('DELETE', `/account/sessions/${id}`, undefined, session);
    expect(end).toMatchObject({ status: 429, body: { id: 'rate_limited' } });
    expect(Number(end.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await server.call('GET', '/api/v1/app_tokens/', undefined, headers)).status).toBe(200);
    expect((await server.call('GET', '/account/sessions', undefined, session)).status).toBe(200);
    const other = await signedInUser(server);
    expect((await server.call('POST', '/api/v1/app_tokens/', {}, other.headers)).status).toBe(201);
    expect(server.answers.undescribed()).toEqual([]);
  });
});
