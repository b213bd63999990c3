import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AuditEventStore } from '../../src/audit-log/audit-events.store.js';
import { AuditLog } from '../../src/audit-log/audit-log.service.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { newClient, postForm, type Client } from '../support/oauth.js';
import { bearer, claimsOf, signUp, startServer, type TestServer } from '../support/server.js';
import { oboToken, rowOf, signedInAdmin, signedInUser, tokenHeaders, type User } from '../support/tokens.js';

type Headers = Record<string, string>;

const VISIT = { ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'test' };

let database: TestDatabase;
let server: TestServer;
let admin: User;
let user: User;
let client: Client;

const start = () => startServer(database.connection, { trustProxy: 1 });

beforeAll(async () => {
  database = await createDatabase();
  server = await start();
  [admin, user, client] = [await signedInAdmin(server), await signedInUser(server), await newClient(server)];
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

let seen: string[] = [];

const nextMinute = (at = server) => at.app.get(AuditLog).flush();

beforeEach(async () => {
  await nextMinute();
  seen = (await database.query<{ id: string }>('SELECT id FROM audit_events')).map(({ id }) => id);
});

interface Row {
  kind: string;
  outcome: string;
  account: string | null;
  client: string | null;
  app_token: string | null;
  on_behalf_of: string | null;
  subject: string | null;
  address: string | null;
  details: Record<string, unknown>;
}

/** What this test has left, but for sign-ins and the like. */
const rows = () =>
  database.query<Row & Record<string, unknown>>(
    `SELECT kind, outcome, actor_id AS account, client_id AS client, app_token_id AS app_token, on_behalf_of, subject,
       address, details
     FROM audit_events WHERE kind ~ '^(access[.]|token[.](listed|introspected)|account[.](listed|read))' AND id <> ALL ($1)
     ORDER BY kind, details::text, app_token_id`,
    [seen],
  );

const row = (more: Partial<Row>): Row => ({
  ...{ kind: '', outcome: 'success', account: null, client: null, app_token: null, on_behalf_of: null },
  ...{ subject: null, address: '127.0.0.1', details: {}, ...more },
});

async function read(path: string, headers: Headers, status = 200, at = server): Promise<void> {
  const answer = await at.call('GET', path, undefined, headers);
  expect([path, answer.status]).toEqual([path, status]);
}

const introspect = async (token: string, headers: Headers = client.basic): Promise<void> => {
  expect((await postForm(server, '/oauth/introspect', { token }, headers)).status).toBe(200);
};

describe('What clients and applications read', () => {
  it('is one event for each client, route and minute, with the count', async () => {
    const other = await newClient(server);
    for (let time = 0; time < 3; time += 1) await read('/api/accounts?perpage=1', client.basic);
    await read('/api/accounts/', { ...client.basic, 'x-forwarded-for': '192.0.2.7' });
    await read('/api/accounts', other.basic);
    const [organisation] = await database.query<{ id: string }>(
      `INSERT INTO accounts (name, individual) VALUES ('An organisation that is read', false) RETURNING id`,
    );
    for (const path of ['/accounts', '/api/accounts']) await read(`${path}/${organisation?.id}`, client.basic);
    await introspect(user.token);
    await introspect('nothing at all');
    expect(await rows()).toEqual([]);
    await nextMinute();
    const listed = { kind: 'account.listed' };
    const route = 'GET /api/accounts';
    const mine = { client: client.id };
    expect(await rows()).toEqual([
      row({ ...listed, client: other.id, details: { folded: 1, route } }),
      row({
        ...{ ...listed, ...mine, address: null },
        details: { folded: 4, route, addresses: { '127.0.0.1': 3, '192.0.2.7': 1 } },
      }),
      row({ kind: 'account.read', ...mine, details: { folded: 1, route: 'GET /accounts/:id' } }),
      row({ kind: 'account.read', ...mine, details: { folded: 1, route: 'GET /api/accounts/:id' } }),
      row({ kind: 'token.introspected', ...mine, details: { folded: 2, route: 'POST /oauth/introspect' } }),
    ]);
    await nextMinute();
    expect(await rows()).toHaveLength(5);
  });

  it('has the App-Token, who used it, and on whose behalf', async () => {
    const { id: appToken } = await rowOf(database, admin.appToken);
    const { id: ownAppToken } = await rowOf(database, user.appToken);
    const acting = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
    await read('/v1/frontend/auth/SOME_ACCOUNT', { 'app-token': admin.appToken });
    for (const list of ['app_tokens', 'tokens']) await read(`/api/v1/${list}/`, user.headers);
    await read('/api/v1/tokens/', acting);
    await nextMinute();
    const listed = (route: string, more: Partial<Row>) =>
      row({ kind: 'token.listed', ...more, details: { folded: 1, route } });
    const found = await rows();
    expect(found).toHaveLength(4);
    expect(found).toEqual(
      expect.arrayContaining([
        listed('GET /api/v1/app_tokens', { account: user.id, app_token: ownAppToken }),
        listed('GET /api/v1/tokens', { account: user.id, app_token: ownAppToken }),
        listed('GET /api/v1/tokens', { account: admin.id, app_token: appToken, on_behalf_of: user.id }),
        listed('GET /v1/frontend/auth/:account_id', { app_token: appToken }),
      ]),
    );
  });

  it('is not counted when it was refused, nor twice for an admin, nor for whoever looks at their own account', async () => {
    const weak = await newClient(server, { scopes: [] });
    await read('/api/accounts', weak.basic, 403);
    await read('/api/accounts?perpage=0', client.basic, 400);
    await read('/api/v1/tokens/', admin.headers);
    const { id, token } = await signUp(server);
    await read(`/accounts/${id}`, bearer(token));
    await nextMinute();
    expect((await rows()).map(({ kind }) => kind)).toEqual(['access.refused', 'token.listed']);
  });

  it('is written when the server stops', async () => {
    const other = await start();
    await read('/api/accounts', client.basic, 200, other);
    await other.close();
    const details = { folded: 1, route: 'GET /api/accounts' };
    expect(await rows()).toEqual([row({ kind: 'account.listed', client: client.id, details })]);
  });

  it('keeps nobody waiting: when it cannot be written, it is with what is read next', async () => {
    const write = jest.spyOn(server.app.get(AuditEventStore), 'insertAll');
    await read('/api/accounts', client.basic);
    write.mockRejectedValueOnce(new Error('The disk is full.'));
    await nextMinute();
    await read('/api/accounts', client.basic);
    await nextMinute();
    expect(write).toHaveBeenCalledTimes(2);
    write.mockRestore();
    const details = { folded: 2, route: 'GET /api/accounts' };
    expect(await rows()).toEqual([row({ kind: 'account.listed', client: client.id, details })]);
  });
});

describe('An attempt to reach what is somebody else’s', () => {
  it.each<[string, string, (other: Owned) => string, 'session' | 'user' | 'client']>([
    ['GET', '/accounts/:id', ({ id }) => `/accounts/${id}`, 'session'],
    ['PUT', '/accounts/:id', ({ id }) => `/accounts/${id}`, 'session'],
    ['DELETE', '/account/sessions/:sid', ({ session }) => `/account/sessions/${session}`, 'session'],
    ['GET', '/api/v1/tokens/:name', ({ token }) => `/api/v1/tokens/${token}`, 'user'],
    ['PATCH', '/api/v1/tokens/:name', ({ token }) => `/api/v1/tokens/${token}`, 'user'],
    ['DELETE', '/api/v1/tokens/:name', ({ token }) => `/api/v1/tokens/${token}`, 'user'],
    ['GET', '/api/v1/app_tokens/:name', ({ appToken }) => `/api/v1/app_tokens/${appToken}`, 'user'],
    ['GET', '/api/identifications/:id', ({ identification }) => `/api/identifications/${identification}`, 'client'],
  ])('is answered 404 and recorded: %s %s', async (method, route, pathOf, as) => {
    const path = pathOf(await somebodyElse());
    await nextMinute();
    const { id, email, token } = await signUp(server);
    const headers = { session: bearer(token), user: user.headers, client: client.basic }[as];
    const body = { PUT: { account: { email, password: 'another example' } }, PATCH: { seconds_until_expire: 60 } };
    const answer = await server.call(method, path, body[method as 'PUT'], headers);
    expect(answer.status).toBe(404);
    const who = { session: { account: id }, user: { account: user.id }, client: { client: client.id } }[as];
    const subject = path.split('/').at(-1) ?? '';
    expect(await rows()).toEqual([
      expect.objectContaining({
        ...{ kind: 'access.refused', outcome: 'refused', subject, ...who },
        details: { method, route, status: 404 },
      }),
    ]);
  });

  it('is recorded without the token itself, and not at all for an admin, who sees everything', async () => {
    const other = await signedInUser(server);
    await read(`/api/v1/tokens/${other.token}`, user.headers, 404);
    await read(`/api/v1/tokens/${randomUUID()}`, admin.headers, 404);
    const [only, ...more] = await rows();
    expect([only?.kind, only?.subject, more]).toEqual(['access.refused', null, []]);
    expect(JSON.stringify(only)).not.toContain(other.token);
  });

  interface Owned {
    id: string;
    session: string;
    token: string;
    appToken: string;
    identification: string;
  }

  async function somebodyElse(): Promise<Owned> {
    const { token: jwt } = await signUp(server);
    const other = await signedInUser(server);
    const made = await server.call('POST', '/api/identifications', VISIT, (await newClient(server)).basic);
    return {
      id: claimsOf(jwt).data.id,
      session: claimsOf(jwt).sid,
      token: (await rowOf(database, other.token)).id,
      appToken: (await rowOf(database, other.appToken)).id,
      identification: made.body.id as string,
    };
  }
});

describe('A form that another site has sent', () => {
  it.each([
    ['https://evil.example', { origin: 'https://evil.example' }],
    ['null', {}],
    [`https://${'x'.repeat(300)}.example`, {}],
  ])('is refused and recorded, with its origin if that is one: %.30s', async (origin, known) => {
    await server.call('POST', '/api/identifications', VISIT, client.basic);
    const made = await server.call('POST', '/api/identifications', VISIT, client.basic);
    const form = new URLSearchParams({ email: 'fred@example.org', password: 'example', institution: 'none' });
    const answer = await server.call('POST', `/wayf/${made.body.id}`, form.toString(), {
      'content-type': 'application/x-www-form-urlencoded',
      origin,
    });
    expect(answer.status).toBe(403);
    expect(await rows()).toEqual([
      row({
        ...{ kind: 'access.refused', outcome: 'refused' },
        details: { method: 'POST', route: '/wayf/:id', reason: 'cross_site', ...known },
      }),
    ]);
  });
});
