import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Config } from '../src/config/config.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newClient, postForm, type Client } from './support/oauth.js';
import { signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { Statements } from './support/statements.js';
import { signedInAdmin, type User } from './support/tokens.js';

/** How many times a request that succeeds asks PostgreSQL something and waits for the answer. */
let database: TestDatabase;
let server: TestServer;
/** As it comes, with limits on how often somebody asks. */
let limited: TestServer;
/** With room for few sessions. */
let few: TestServer;
let statements: Statements;
let admin: User;
let person: { id: string; email: string; password: string };
let client: Client;

beforeAll(async () => {
  statements = new Statements();
  database = await createDatabase();
  // What the background asks at times of its own would be counted too.
  const start = (settings: Partial<Config> = {}) =>
    startServer(database.connection, settings, {}, { runsBackgroundJobs: false });
  server = await start();
  limited = await start({ rateLimitPerMinute: 120, writeLimitPerMinute: 120 });
  few = await start({ maxSessionsPerAccount: 2 });
  admin = await signedInAdmin(server);
  person = await signUp(server);
  client = await newClient(server);
});

afterAll(async () => {
  await few.close();
  await limited.close();
  await server.close();
  await database.drop();
  statements.stop();
});

const APP = () => ({ 'app-token': admin.appToken });
const account = (more: object = {}) => ({ email: person.email, password: person.password, ...more });
const signIn = (at: TestServer) => at.call('POST', '/account/session', { account: account({ remember_me: true }) });
const logIn = (at: TestServer, headers: object = {}) =>
  at.call('POST', '/api/v1/token/', { username: person.email, password: person.password }, { ...APP(), ...headers });
const actFor = (at: TestServer, headers: object = {}) =>
  at.call('POST', '/api/v1/tokens/', { user: person.id }, { ...admin.headers, ...headers });

let refreshToken: string;
const refresh = async (at: TestServer) => {
  const answer = await at.call('PUT', '/account/session', {
    account: { refresh_token: refreshToken, remember_me: true },
  });
  refreshToken = answer.body.refresh_token as string;
  return answer;
};

type Ask = (at: TestServer) => Promise<Answer>;

/** The second time: what a process remembers of credentials, keys and decoys is not asked for again. */
async function roundTripsOf(ask: Ask, at = server): Promise<string[]> {
  expect((await ask(at)).status).toBeLessThan(300);
  return statements.roundTripsDuring(async () => {
    expect((await ask(at)).status).toBeLessThan(300);
  });
}

beforeAll(async () => {
  refreshToken = (await signIn(server)).body.refresh_token as string;
});

describe('A request asks PostgreSQL', () => {
  it.each<[name: string, times: number, ask: Ask, limits: number]>([
    // Who it is and whether they may try; that they have succeeded; the session or the token, with its event and with what it ends.
    ['POST /account/session', 3, signIn, 1],
    ['POST /api/v1/token/', 3, logIn, 1],
    ['PUT /account/session', 1, refresh, 1],
    // For whom; the token, with its event and with what it ends.
    ['POST /api/v1/tokens/', 2, actFor, 1],
    // The record, which is noted when an admin looks at it.
    [
      'GET /api/v1/tokens/{id}',
      1,
      (at) => at.call('GET', `/api/v1/tokens/${admin.token}`, undefined, admin.headers),
      0,
    ],
    [
      'POST /oauth/token',
      1,
      (at) => postForm(at, '/oauth/token', { grant_type: 'client_credentials' }, client.basic),
      0,
    ],
    [
      'POST /v1/frontend/auth',
      1,
      (at) => at.call('POST', '/v1/frontend/auth', { account_id: 1, description: 'x' }, APP()),
      0,
    ],
    [
      'POST /api/identifications',
      1,
      (at) =>
        at.call(
          'POST',
          '/api/identifications',
          { ip: '192.0.2.1', url: 'https://example.org', user_agent: 'x' },
          client.basic,
        ),
      0,
    ],
  ])('for %s %i times, and for its limit once', async (_, times, ask, limits) => {
    expect(await roundTripsOf(ask)).toHaveLength(times);
    expect(await roundTripsOf(ask, limited)).toHaveLength(times + limits);
  });
});

describe('What is done by one statement', () => {
  const ended = () =>
    database.query<Record<'sessions' | 'logins' | 'behalf', number>>(
      `SELECT (SELECT count(*)::int FROM sessions WHERE account_id = $1 AND revoked_at IS NULL) AS sessions,
         (SELECT count(*)::int FROM tokens WHERE account_id = $1 AND revoked_at IS NULL AND actor_id IS NULL) AS logins,
         (SELECT count(*)::int FROM tokens WHERE account_id = $1 AND revoked_at IS NULL AND actor_id IS NOT NULL) AS behalf`,
      [person.id],
    );

  it.each<[name: string, ask: Ask, left: 'sessions' | 'logins' | 'behalf', kind: string]>([
    ['a session', signIn, 'sessions', 'session.ended'],
    ['a login', logIn, 'logins', 'token.revoked'],
    ['a token on behalf of somebody', actFor, 'behalf', 'token.revoked'],
  ])('ends with %s those that are too many, with an event each', async (_, ask, left, kind) => {
    for (let count = 0; count < 3; count += 1) await ask(server);
    const [before] = await ended();
    const events = () =>
      database.query(`SELECT id FROM audit_events WHERE kind = $1 AND details->>'reason' = 'too_many'`, [kind]);
    const noted = (await events()).length;
    expect((await ask(few)).status).toBeLessThan(300);
    expect(await ended()).toEqual([{ ...before, [left]: 2 }]);
    expect(await events()).toHaveLength(noted + Number(before?.[left]) - 1);
  });

  it.each<[name: string, ask: (at: TestServer, headers: object) => Promise<Answer>, kind: string]>([
    ['a login', logIn, 'sign_in'],
    ['a token on behalf of somebody', actFor, 'token.issued'],
  ])('makes %s once for an Idempotency-Key, with its event', async (_, ask, kind) => {
    const key = { 'idempotency-key': `"${randomUUID()}"` };
    const before = await database.query('SELECT id FROM audit_events WHERE kind = $1', [kind]);
    const [first, again] = [await ask(server, key), await ask(server, key)];
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const events = await database.query('SELECT id FROM audit_events WHERE kind = $1', [kind]);
    expect(events).toHaveLength(before.length + 1);
  });

  it.each<[name: string, ask: Ask, table: string]>([
    ['a session', signIn, 'sessions'],
    ['a login', logIn, 'tokens'],
    ['a token on behalf of somebody', actFor, 'tokens'],
  ])('makes neither %s nor its event when one of them cannot be stored', async (_, ask, table) => {
    const rows = () => database.query(`SELECT count(*)::int AS count FROM ${table}`);
    const counted = async () =>
      /latchkey_audit_events_total\{kind="(?:sign_in|token.issued)",outcome="success"\} .*/g.exec(
        (await server.call('GET', '/metrics')).body as string,
      )?.[0];
    const before = [await rows(), await counted()];
    await database.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse()`);
    const { status } = await ask(server);
    await database.query('DROP TRIGGER refuse ON audit_events; DROP FUNCTION refuse');
    expect(status).toBe(500);
    expect([await rows(), await counted()]).toEqual(before);
  });
});
