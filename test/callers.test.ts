import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { FIND_GOOD } from '../src/tokens/verified-tokens.store.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { waiting, whileLocked } from './support/locks.js';
import { basic, newAccessToken, newClient } from './support/oauth.js';
import { bearer, claimsOf, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { Statements } from './support/statements.js';
import { newApiToken, newAppToken, oboToken, rowOf, signedInAdmin, signedInUser, type User } from './support/tokens.js';

/** Whoever acts with a credential that is revoked while their act waits has not acted. */
let database: TestDatabase;
let server: TestServer;
let admin: User;
let statements: Statements;

beforeAll(async () => {
  statements = new Statements();
  database = await createDatabase();
  server = await startServer(database.connection, {}, {}, { runsBackgroundJobs: false });
  admin = await signedInAdmin(server);
});

afterAll(async () => {
  await server.close();
  await database.drop();
  statements.stop();
});

type Headers = Record<string, string>;

const call = (method: string, path: string, body?: unknown, headers: Headers = admin.headers) =>
  server.call(method, path, body, headers);

const ACCOUNTS = 'SELECT 1 FROM accounts WHERE id = ANY ($1) FOR UPDATE';

/** What is there that a refused act must not have changed: rows of accounts, sessions, clients and tokens. */
async function everything(): Promise<unknown[]> {
  return database.query(
    `SELECT (SELECT json_agg(a ORDER BY id) FROM accounts a) AS accounts,
       (SELECT json_agg((s.id, s.revoked_at) ORDER BY id) FROM sessions s) AS sessions,
       (SELECT json_agg((c.id, c.name, c.epoch) ORDER BY id) FROM oauth_clients c) AS clients,
       (SELECT json_agg((t.id, t.revoked_at, t.expires_at) ORDER BY id) FROM tokens t) AS tokens`,
  );
}

interface Scene {
  loser: User;
  target: User;
  /** A session of the target's. */
  sid: string;
  client: string;
}

async function scene(): Promise<Scene> {
  const [loser, target] = [await signedInAdmin(server), await signedInUser(server)];
  const { email, password } = target;
  const { body } = await server.call('POST', '/account/session', { account: { email, password } });
  const { id } = await newClient(server, { ownerId: admin.id });
  return { loser, target, sid: claimsOf(body.token as string).sid, client: id };
}

describe('A user whose credential is revoked while their act waits', () => {
  /** How it is revoked, by somebody else. */
  const losses: [name: string, lose: (loser: User) => Promise<Answer>][] = [
    ['the Token is deleted', ({ token }) => call('DELETE', `/api/v1/tokens/${token}`)],
    ['the Token is expired', ({ token }) => call('PATCH', `/api/v1/tokens/${token}`, { seconds_until_expire: -1 })],
    ['the App-Token is deleted', ({ appToken }) => call('DELETE', `/api/v1/app_tokens/${appToken}`)],
    [
      'the App-Token is expired',
      ({ appToken }) => call('PATCH', `/api/v1/app_tokens/${appToken}`, { seconds_until_expire: 0 }),
    ],
  ];

  const acts: [method: string, path: (scene: Scene) => string, body?: (scene: Scene) => unknown][] = [
    ['POST', () => '/api/v1/tokens/', ({ target }) => ({ user: target.id })],
    ['POST', () => '/api/v1/app_tokens/', () => ({})],
    ['PATCH', ({ target }) => `/api/v1/tokens/${target.token}`, () => ({ seconds_until_expire: 60 })],
    ['DELETE', ({ target }) => `/api/v1/app_tokens/${target.appToken}`],
    ['DELETE', ({ loser }) => `/api/v1/tokens/${loser.token}`],
    ['POST', () => '/api/v1/accounts/', () => ({ email: newEmail() })],
    ['PATCH', ({ target }) => `/api/v1/accounts/${target.id}`, () => ({ role: 'admin' })],
    ['POST', ({ target }) => `/api/v1/accounts/${target.id}/revoke`],
    ['DELETE', ({ target, sid }) => `/api/v1/accounts/${target.id}/sessions/${sid}`],
    ['DELETE', ({ target }) => `/api/v1/accounts/${target.id}`],
    ['POST', () => '/api/v1/oauth_clients', () => ({ name: 'made by nobody', scopes: [] })],
    ['PATCH', ({ client }) => `/api/v1/oauth_clients/${client}`, () => ({ scopes: [] })],
    ['PATCH', ({ client }) => `/api/v1/oauth_clients/${client}`, ({ loser }) => ({ owner: loser.id })],
    ['POST', ({ client }) => `/api/v1/oauth_clients/${client}/secrets`],
    ['POST', ({ client }) => `/api/v1/oauth_clients/${client}/revoke`],
    ['DELETE', ({ client }) => `/api/v1/oauth_clients/${client}`],
  ];

  it.each(losses)('gets 401, and has changed nothing: %s', async (_, lose) => {
    for (const [method, path, body] of acts) {
      const here = await scene();
      const accounts = [[here.target.id, here.loser.id]];
      const { asking, before } = await whileLocked(database, ACCOUNTS, accounts, async () => {
        const asking = call(method, path(here), body?.(here), here.loser.headers);
        await waiting(database, 1);
        expect([200, 204]).toContain((await lose(here.loser)).status);
        return { asking, before: await everything() };
      });
      expect([method, path(here), (await asking).status]).toEqual([method, path(here), 401]);
      expect(await everything()).toEqual(before);
    }
  });

  it('is refused by no other user who is let in by the same App-Token', async () => {
    const { target } = await scene();
    const token = await oboToken(server, admin, target.id);
    const { asking } = await whileLocked(database, ACCOUNTS, [[admin.id]], async () => {
      const asking = call('POST', '/api/v1/tokens/', { user: target.id });
      await waiting(database, 1);
      expect((await call('DELETE', `/api/v1/tokens/${token}`, undefined, target.headers)).status).toBe(204);
      return { asking };
    });
    expect((await asking).status).toBe(201);
  });

  it('and of two who delete the Token of each other, at least one has, and neither waits in a circle', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [one, other] = [await signedInAdmin(server), await signedInAdmin(server)];
      const answers = await Promise.all([
        call('DELETE', `/api/v1/tokens/${other.token}`, undefined, one.headers),
        call('DELETE', `/api/v1/tokens/${one.token}`, undefined, other.headers),
      ]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses).toContain(204);
      for (const status of statuses) expect([204, 401]).toContain(status);
    }
    expect(server.logs.filter((line) => line.includes('40P01'))).toEqual([]);
  });
});

describe('Acts on the tokens of one account', () => {
  it('do not wait for each other in a circle: one deletes them, another revokes all', async () => {
    for (let round = 0; round < 5; round += 1) {
      const target = await signedInUser(server);
      const tokens = [target.token];
      for (let index = 0; index < 5; index += 1) tokens.push(await oboToken(server, admin, target.id));
      const answers = await Promise.all([
        ...tokens.map((token) => call('DELETE', `/api/v1/tokens/${token}`)),
        call('POST', `/api/v1/accounts/${target.id}/revoke`),
      ]);
      for (const { status } of answers) expect([204, 404]).toContain(status);
    }
    expect(server.logs.filter((line) => line.includes('40P01'))).toEqual([]);
  });
});

describe('A client that is narrowed while it acts', () => {
  it.each<[method: string, path: (id: string) => string, body: object | undefined]>([
    ['PATCH', (id) => `/accounts/${id}`, { publisher_reference: 'other' }],
    ['DELETE', (id) => `/api/accounts/${id}`, undefined],
  ])('gets 403, and has changed nothing: %s', async (method, path, body) => {
    const client = await newClient(server, { ownerId: admin.id });
    for (const headers of [bearer(await newAccessToken(server, client)), client.basic]) {
      const own = `/api/v1/oauth_clients/${client.id}`;
      await call('PATCH', own, { scopes: ['accounts:read', 'accounts:write'] });
      const made = await call('POST', '/api/accounts', { name: `Organisation ${randomUUID()}` }, client.basic);
      const id = made.body.id as string;
      const { asking, before } = await whileLocked(database, ACCOUNTS, [[id]], async () => {
        const asking = call(method, path(id), body, headers);
        await waiting(database, 1);
        expect((await call('PATCH', own, { scopes: ['accounts:read'] })).status).toBe(200);
        return { asking, before: await everything() };
      });
      expect((await asking).status).toBe(403);
      expect(await everything()).toEqual(before);
    }
  });
});

describe('An application whose App-Token is deleted while it acts', () => {
  const GATEWAY = 'GATEWAY_OF_CALLERS';
  const TOKENS = 'SELECT 1 FROM tokens WHERE id = $1 FOR UPDATE';

  it.each<[name: string, method: string, path: string, body: (link: string) => unknown]>([
    ['describes a token', 'PUT', '/v1/frontend/auth', (token_link) => ({ token_link, description: 'other' })],
    ['revokes a token', 'DELETE', `/v1/frontend/auth/${GATEWAY}`, (token_link) => ({ token_link })],
    ['revokes all tokens', 'DELETE', `/v1/frontend/auth/${GATEWAY}/revoke-all`, () => undefined],
  ])('gets 401, and has changed nothing: it %s', async (_, method, path, body) => {
    const appToken = await newAppToken(server, admin, { scopes: ['frontend'] });
    const secret = await newApiToken(server, appToken, GATEWAY);
    const { id } = await rowOf(database, secret);
    const { asking } = await whileLocked(database, TOKENS, [id], async () => {
      const asking = call(method, path, body(id), { 'app-token': appToken });
      await waiting(database, 1);
      expect((await call('DELETE', `/api/v1/app_tokens/${appToken}`)).status).toBe(204);
      return { asking };
    });
    expect((await asking).status).toBe(401);
    expect(await rowOf(database, secret)).toMatchObject({ revoked_at: null, description: 'Token description' });
  });

  it('makes no API token once it is deleted, in ten races', async () => {
    for (let round = 0; round < 10; round += 1) {
      const appToken = await newAppToken(server, admin, { scopes: ['frontend'] });
      const account_id = randomUUID();
      const making = Array.from({ length: 6 }, () =>
        call('POST', '/v1/frontend/auth', { account_id, description: 'x' }, { 'app-token': appToken }),
      );
      const deleted = await call('DELETE', `/api/v1/app_tokens/${appToken}`);
      expect(deleted.status).toBe(204);
      const statuses = (await Promise.all(making)).map(({ status }) => status);
      for (const status of statuses) expect([200, 401]).toContain(status);
      const rows = await database.query('SELECT 1 FROM tokens WHERE gateway_account_id = $1', [account_id]);
      expect(rows).toHaveLength(statuses.filter((status) => status === 200).length);
      const late = await call('POST', '/v1/frontend/auth', { account_id, description: 'x' }, { 'app-token': appToken });
      expect(late.status).toBe(401);
    }
  });

  it('lets nobody log in', async () => {
    const { target } = await scene();
    const login = { username: target.email, password: target.password };
    const count = () => database.query('SELECT 1 FROM tokens WHERE account_id = $1', [target.id]);
    const before = await count();
    const { asking } = await whileLocked(database, ACCOUNTS, [[target.id]], async () => {
      const asking = call('POST', '/api/v1/token/', login, { 'app-token': target.appToken });
      await waiting(database, 1);
      expect((await call('DELETE', `/api/v1/app_tokens/${target.appToken}`)).status).toBe(204);
      return { asking };
    });
    const { status, body } = await asking;
    expect([status, Object.keys(body.errors as object)]).toEqual([401, ['app_token']]);
    expect(await count()).toHaveLength(before.length - 1);
  });
});

describe('A session that is ended while it acts', () => {
  it.each<[name: string, method: string, path: (id: string, other: string) => string]>([
    ['changes the password', 'PUT', (id) => `/accounts/${id}`],
    ['changes the language of its mails', 'PATCH', () => '/account'],
    ['signs out', 'DELETE', () => '/account/session'],
    ['ends another session', 'DELETE', (_, other) => `/account/sessions/${other}`],
  ])('gets 401, and has changed nothing: it %s', async (_, method, path) => {
    const { id, email, password, token } = await signUp(server);
    const other = await server.call('POST', '/account/session', { account: { email, password } });
    const otherSid = claimsOf(other.body.token as string).sid;
    const bodies: Record<string, object> = {
      PUT: { account: { email, password: 'another example' } },
      PATCH: { account: { locale: 'fr' } },
    };
    const body = bodies[method];
    const { asking, before } = await whileLocked(database, ACCOUNTS, [[id]], async () => {
      const asking = call(method, path(id, otherSid), body, bearer(token));
      await waiting(database, 1);
      const ended = await call('DELETE', `/api/v1/accounts/${id}/sessions/${claimsOf(token).sid}`);
      expect(ended.status).toBe(204);
      return { asking, before: await everything() };
    });
    expect((await asking).status).toBe(401);
    expect(await everything()).toEqual(before);
    expect((await call('GET', `/accounts/${id}`, undefined, bearer(other.body.token as string))).status).toBe(200);
  });

  it('by the session that it ends: of two who end each other at once, one has', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { email, password, token } = await signUp(server);
      const { body } = await server.call('POST', '/account/session', { account: { email, password } });
      const tokens = [token, body.token as string];
      const answers = await Promise.all(
        tokens.map((one, index) => {
          const sid = claimsOf(tokens[1 - index] ?? '').sid;
          return call('DELETE', `/account/sessions/${sid}`, undefined, bearer(one));
        }),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 401]);
    }
  });
});

describe('A client that ends while it acts', () => {
  const acts: [name: string, method: string, path: (id: string) => string, body: object | undefined][] = [
    ['changes an organisation', 'PATCH', (id) => `/api/accounts/${id}`, { publisher_reference: 'other' }],
    ['deletes an organisation', 'DELETE', (id) => `/api/accounts/${id}`, undefined],
  ];
  const endings: [name: string, end: (client: string) => Promise<Answer>][] = [
    ['its tokens are revoked', (client) => call('POST', `/api/v1/oauth_clients/${client}/revoke`)],
    ['it is deleted', (client) => call('DELETE', `/api/v1/oauth_clients/${client}`)],
  ];

  it.each(acts)('gets 401, and has changed nothing: it %s', async (_, method, path, body) => {
    for (const [, end] of endings) {
      const client = await newClient(server, { ownerId: admin.id });
      const headers = bearer(await newAccessToken(server, client));
      const made = await call('POST', '/api/accounts', { name: `Organisation ${randomUUID()}` }, headers);
      const id = made.body.id as string;
      const { asking, before } = await whileLocked(database, ACCOUNTS, [[id]], async () => {
        const asking = call(method, path(id), body, headers);
        await waiting(database, 1);
        expect((await end(client.id)).status).toBe(204);
        return { asking, before: await everything() };
      });
      expect((await asking).status).toBe(401);
      expect(await everything()).toEqual(before);
    }
  });

  it('gets 401, and has identified nobody', async () => {
    for (const [, end] of endings.filter(([name]) => name === 'its tokens are revoked')) {
      const client = await newClient(server, { ownerId: admin.id });
      const headers = bearer(await newAccessToken(server, client));
      const visitor = { ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'example' };
      const identify = () => call('POST', '/api/identifications', visitor, headers);
      expect((await identify()).status).toBe(201);
      const locked = 'SELECT 1 FROM identifications WHERE client_id = $1';
      const lock = 'LOCK TABLE identifications IN ACCESS EXCLUSIVE MODE';
      const { asking } = await whileLocked(database, lock, [], async () => {
        const asking = identify();
        await waiting(database, 1);
        expect((await end(client.id)).status).toBe(204);
        return { asking };
      });
      expect(await asking).toMatchObject({
        status: 401,
        body: { status_code: 401, message: 'The access token is invalid or has expired.' },
      });
      expect(await database.query(locked, [client.id])).toHaveLength(1);
    }
  });

  it('shows its id and a secret that is deleted meanwhile', async () => {
    const { body } = await call('POST', '/api/v1/oauth_clients', { name: 'x', scopes: ['accounts:write'] });
    const { id, client_secret, secrets } = body as { id: string; client_secret: string; secrets: { id: string }[] };
    const headers = basic(id, client_secret);
    const made = await call('POST', '/api/accounts', { name: `Organisation ${randomUUID()}` }, headers);
    const organisation = made.body.id as string;
    const { asking } = await whileLocked(database, ACCOUNTS, [[organisation]], async () => {
      const asking = call('DELETE', `/api/accounts/${organisation}`, undefined, headers);
      await waiting(database, 1);
      const path = `/api/v1/oauth_clients/${id}/secrets/${secrets[0]?.id ?? ''}`;
      expect((await call('DELETE', path)).status).toBe(204);
      return { asking };
    });
    expect((await asking).status).toBe(401);
    expect(await database.query('SELECT 1 FROM accounts WHERE id = $1', [organisation])).toHaveLength(1);
  });
});

it('Disabling an account takes ten statements at most, with those that begin and end the transaction', async () => {
  const { id } = await signedInAdmin(server);
  const sent = await statements.allDuring(async () => {
    expect((await call('PATCH', `/api/v1/accounts/${id}`, { disabled: true })).status).toBe(200);
  });
  const texts = sent.map(({ text }) => text).filter((text) => !/last_used_at = greatest|outgoing_mails/.test(text));
  // Whether the credentials are remembered, depends on what else has been announced.
  const counted = texts.filter((text) => text !== 'SELECT pg_notify($1, $2)' && text !== FIND_GOOD.text);
  expect(counted.length).toBeLessThanOrEqual(10);
});
