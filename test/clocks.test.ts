import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Clock } from '../src/config/clock.js';
import { DatabaseClock } from '../src/database/database-clock.service.js';
import { Revocations } from '../src/revocations/revocations.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { basic, newClient, postForm, type Client } from './support/oauth.js';
import { bearer, claimsOf, signUp, startServer, type TestServer } from './support/server.js';
import { makeAdmin, newApiToken, rowOf } from './support/tokens.js';

const HOUR = 3_600;

/** What readiness says of a part. */
interface Part {
  status: string;
  message?: string;
}

let database: TestDatabase;
/** Its clock is right. */
let right: TestServer;
/** Its clock is not, in these tests. */
let wrong: TestServer;
let asker: Client;

beforeAll(async () => {
  database = await createDatabase();
  // Shorter than the hour by which the clock is wrong.
  right = await startServer(database.connection, { sessionTtl: 600 });
  wrong = await startServer(database.connection, { sessionTtl: 600 });
  asker = await newClient(right);
});

afterEach(async () => {
  wrong.setClockAhead(0);
  await look(wrong);
  wrong.logs.length = 0;
});

afterAll(async () => {
  await right.close();
  await wrong.close();
  await database.drop();
});

const read = (at: TestServer, id: string, token: string) => at.call('GET', `/accounts/${id}`, undefined, bearer(token));

async function introspect(at: TestServer, token: string): Promise<Record<string, unknown>> {
  const { body } = await postForm(at, '/oauth/introspect', { token }, basic(asker.id, asker.secret));
  return body as Record<string, unknown>;
}

async function detailsOf(server: TestServer): Promise<Record<string, Part>> {
  const { status, body } = await server.call('GET', '/readyz');
  expect(status).toBe(200);
  return body.details as Record<string, Part>;
}

/** Has a server look at the database's clock now, rather than at its next heartbeat. */
const look = (server: TestServer) => server.app.get(DatabaseClock).onModuleInit();

/** Waits until readiness says that the clock is wrong, or no longer says so. */
async function noticed(server: TestServer, wanted: boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; 'clock' in (await detailsOf(server)) !== wanted;) {
    if (Date.now() > deadline) throw new Error('It is not noticed.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function offsetOf(server: TestServer): Promise<number> {
  const { body } = await server.call('GET', '/metrics');
  return Number(/^latchkey_clock_offset_seconds (\S+)$/m.exec(body as string)?.[1]);
}

const linesOf = (server: TestServer, text: string) => server.logs.filter((line) => line.includes(text)).length;

async function databaseTime(): Promise<number> {
  const [row] = await database.query<{ now: number }>('SELECT extract(epoch FROM clock_timestamp())::float8 AS now');
  return row?.now ?? NaN;
}

describe.each([
  ['ahead of', HOUR],
  ['behind', -HOUR],
])("A process whose clock is an hour %s the database's", (where, ahead) => {
  it.each([
    ['before it has noticed', false],
    ['once it has noticed', true],
  ])('accepts session JWTs, and gives others, %s', async (_, waits) => {
    const elsewhere = await signUp(right, { remember: true });
    wrong.setClockAhead(ahead);
    if (waits) await look(wrong);
    const here = await signUp(wrong, { remember: true });
    for (const { id, token, refreshToken } of [elsewhere, here]) {
      expect((await read(wrong, id, token)).status).toBe(200);
      const refreshed = await wrong.call('PUT', '/account/session', {
        account: { refresh_token: refreshToken, remember_me: true },
      });
      expect(refreshed.status).toBe(200);
      const next = refreshed.body.token as string;
      for (const server of [wrong, right]) {
        expect((await read(server, id, next)).status).toBe(200);
        expect(await introspect(server, next)).toMatchObject({ active: true, sub: id, exp: claimsOf(next).exp });
      }
      const { iat, exp } = claimsOf(next);
      expect(exp - iat).toBe(600);
      expect(Math.abs(iat - (await databaseTime()))).toBeLessThan(60);
    }
  });

  it('says so once in the log, in readiness and in a metric, and once when that is over', async () => {
    wrong.setClockAhead(ahead);
    await noticed(wrong, true);
    const { clock, database: databaseStatus } = await detailsOf(wrong);
    const text = new RegExp(`^the clock of this process is 3(600|599)\\.\\d s ${where} the database's$`);
    expect(clock).toEqual({ status: 'up', message: expect.stringMatching(text) });
    expect(databaseStatus).toEqual({ status: 'up' });
    expect(Math.abs((await offsetOf(wrong)) - ahead)).toBeLessThan(1);
    expect('clock' in (await detailsOf(right))).toBe(false);
    for (let more = 0; more < 3; more++) await look(wrong);
    expect(linesOf(wrong, "s ahead of the database's") + linesOf(wrong, "s behind the database's")).toBe(1);
    expect(linesOf(wrong, "agrees with the database's again")).toBe(0);
    wrong.setClockAhead(0);
    await noticed(wrong, false);
    expect(linesOf(wrong, "agrees with the database's again")).toBe(1);
    expect(Math.abs(await offsetOf(wrong))).toBeLessThan(1);
  });
});

describe('A JWT', () => {
  it('is not good for longer than its session, however often its refresh token is shown', async () => {
    const { token, refreshToken } = await signUp(right, { remember: true });
    const show = () => right.call('PUT', '/account/session', { account: { refresh_token: refreshToken } });
    expect((await show()).status).toBe(200);
    // As though that had been five seconds ago.
    const [session] = await database.query<{ end: number }>(
      `UPDATE sessions SET expires_at = expires_at - interval '5 s' WHERE id = $1
       RETURNING extract(epoch FROM expires_at)::float8 AS "end"`,
      [claimsOf(token).sid],
    );
    const { status, body } = await show();
    expect(status).toBe(200);
    expect(claimsOf(body.token as string).exp).toBe(Math.floor(session?.end ?? NaN));
  });
});

describe('A clock that is a few seconds wrong', () => {
  it('changes nothing', async () => {
    wrong.setClockAhead(3);
    await look(wrong);
    expect('clock' in (await detailsOf(wrong))).toBe(false);
    expect(linesOf(wrong, 'the clock of this process')).toBe(0);
    expect(Math.abs((await offsetOf(wrong)) - 3)).toBeLessThan(1);
  });
});

// These start servers, which take over the log of those that were there before: they come last.
describe.each([
  ['ahead', HOUR],
  ['behind', -HOUR],
])('A process whose clock is an hour %s from its start on', (_, ahead) => {
  it('refuses a JWT from the second that it names, by the clock of the database', async () => {
    jest.spyOn(Clock.prototype, 'now').mockImplementation(() => Date.now() / 1_000 + ahead);
    const brief = await startServer(database.connection, { sessionTtl: 2 });
    try {
      expect('clock' in (await detailsOf(brief))).toBe(true);
      // Its session lives on.
      const { id, token } = await signUp(brief, { remember: true });
      const { exp } = claimsOf(token);
      while ((await databaseTime()) < exp + 0.1) await new Promise((resolve) => setTimeout(resolve, 50));
      expect((await read(brief, id, token)).status).toBe(401);
      expect(await introspect(brief, token)).toEqual({ active: false });
    } finally {
      await brief.close();
      jest.restoreAllMocks();
    }
  });
});

describe("A database's clock that is set forward", () => {
  it('ends what has expired by it, also where that is remembered', async () => {
    const admin = await makeAdmin(right);
    const token = await newApiToken(right, admin.appToken, 'of the clock');
    const check = async () => (await right.call('GET', '/v1/api/auth', undefined, bearer(token))).status;
    // What is remembered is trusted, however late heartbeats are.
    jest.spyOn(right.app.get(Revocations), 'isConnected').mockReturnValue(true);
    expect(await check()).toBe(200);
    // As if it had been set: the row is moved instead, of which nobody is told.
    await database.query(`UPDATE tokens SET expires_at = now() - interval '1 second' WHERE id = $1`, [
      (await rowOf(database, token)).id,
    ]);
    expect(await check()).toBe(200);
    const clock = right.app.get(DatabaseClock);
    await clock.readFrom(() => Promise.resolve([{ databaseTime: clock.now() + HOUR }]));
    expect(await check()).toBe(401);
    jest.restoreAllMocks();
    await look(right);
  });
});
