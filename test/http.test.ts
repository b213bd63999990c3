import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, type DynamicModule } from '@nestjs/common';
import type { RouteOptions } from 'fastify';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import pg from 'pg';
import type { Access } from '../src/access/access.js';
import { EXAMPLE_ID } from '../src/accounts/accounts.dto.js';
import { AppModule } from '../src/app.module.js';
import { describeApi } from '../src/openapi/docs.js';
import { RouteTable } from '../src/http/routes.js';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { basic, newAccessToken, newClient } from './support/oauth.js';
import { send } from './support/raw-http.js';
import { bearer, newEmail, signUp, startServer, TEST_SECRET_KEY, type TestServer } from './support/server.js';
import { signedInAdmin } from './support/tokens.js';

let database: TestDatabase;
let server: TestServer;
/** What Fastify was told to serve. */
const routes: RouteOptions[] = [];

beforeAll(async () => {
  database = await createDatabase();
  const watch = Object.getOwnPropertyDescriptor(RouteTable.prototype, 'watch')?.value as RouteTable['watch'];
  const spy = jest.spyOn(RouteTable.prototype, 'watch').mockImplementation(function (this: RouteTable, fastify) {
    watch.call(this, fastify);
    fastify.addHook('onRoute', (route) => {
      routes.push(route);
    });
  });
  server = await startServer(database.connection);
  spy.mockRestore();
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

interface LogLine {
  level: string;
  msg: string;
  request_id?: string;
  address?: string;
  route?: string;
  err?: { message: string; code?: string };
}

const linesOf = ({ logs }: TestServer) => logs.map((line) => JSON.parse(line) as LogLine);

/** Has the servers look an account up again that was changed behind their backs. */
async function forget(accountId: string): Promise<void> {
  await database.query(`SELECT pg_notify('latchkey_revocations', 'account ' || $1)`, [accountId]);
  await new Promise((resolve) => setTimeout(resolve, 200));
}

/** Servers that a test starts beside the suite's own, and stops afterwards. */
const others: TestServer[] = [];

async function another(...overrides: Parameters<typeof startServer> extends [unknown, ...infer Rest] ? Rest : never) {
  const started = await startServer(database.connection, ...overrides);
  others.push(started);
  return started;
}

afterEach(async () => {
  for (const one of others.splice(0)) await one.close();
});

const TEXT = expect.stringMatching(/^[A-Z].*\.$/);
const CODE = expect.stringMatching(/^[a-z_]+$/);

/** What an error looks like, with its status, in the dialect of a route. */
const WORDED: Record<string, (status: number, text?: unknown) => unknown> = {
  account: (_, text = TEXT) => ({ id: CODE, message: text }),
  connect: (status, text = TEXT) => ({ status_code: status, message: text }),
  oauth: (_, text = TEXT) => ({ error: CODE, error_description: text }),
  publicauth: (_, text = TEXT) => ({ message: text }),
  'app-token': () => ({ errors: expect.any(Object) }),
  page: () => expect.stringMatching(/^<!doctype html>[^]+<p role="alert">[A-Z].*\.<\/p>/),
};

/** One request for each documented account route, which succeeds unless something is wrong with the server. */
async function accountRequests() {
  const [a, b, c] = [await signUp(server, { remember: true }), await signUp(server), await signUp(server)];
  await server.call('POST', '/account/password', { account: { email: c.email } });
  const [reset] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [c.id]);
  const resetToken = server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
  const requests: [
    name: string,
    method: string,
    path: string,
    body?: object | undefined,
    headers?: Record<string, string>,
  ][] = [
    ['signUp', 'POST', '/accounts', { account: { email: newEmail(), password: 'example' } }],
    ['signIn', 'POST', '/account/session', { account: { email: a.email, password: a.password } }],
    ['refresh', 'PUT', '/account/session', { account: { refresh_token: a.refreshToken, remember_me: true } }],
    ['get', 'GET', `/accounts/${a.id}`, undefined, bearer(a.token)],
    ['request', 'POST', '/account/password', { account: { email: newEmail() } }],
    ['redeem', 'PUT', '/account/password', { account: { password: 'example', reset_password_token: resetToken } }],
    ['update', 'PUT', `/accounts/${b.id}`, { account: { email: b.email, password: 'example' } }, bearer(b.token)],
    ['signOut', 'DELETE', '/account/session', undefined, bearer(a.token)],
  ];
  return requests;
}

async function clientWithToken() {
  const client = await newClient(server);
  return { ...client, bearer: bearer(await newAccessToken(server, client)) };
}

/** One request for each route of clients and for the page that they send visitors to, which succeeds likewise. */
async function clientRequests() {
  const [client, visitor] = [await clientWithToken(), await signUp(server)];
  const organisation = async () => {
    const { body } = await server.call('POST', '/api/accounts', { name: randomUUID() }, client.bearer);
    return (body as { id: string }).id;
  };
  const [kept, deleted] = [await organisation(), await organisation()];
  const described = { ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'example' };
  const identification = await server.call('POST', '/api/identifications', described, client.bearer);
  const { id } = identification.body as { id: string };
  // Tokens that nobody has shown yet are not known to be good: each makes the server ask the database.
  const token = () => newAccessToken(server, client);
  const fresh = async () => bearer(await token());
  const signIn = { institution: 'none', email: visitor.email, password: visitor.password };
  const requests: {
    dialect: string;
    method: string;
    path: string;
    body?: object;
    headers?: Record<string, string>;
    success: number;
  }[] = [
    { dialect: 'connect', method: 'GET', path: '/api', headers: await fresh(), success: 200 },
    { dialect: 'connect', method: 'GET', path: '/api/accounts', headers: client.bearer, success: 200 },
    { dialect: 'connect', method: 'GET', path: `/api/accounts/${kept}`, headers: client.basic, success: 200 },
    { dialect: 'connect', method: 'GET', path: `/accounts/${kept}`, headers: client.basic, success: 200 },
    {
      dialect: 'connect',
      method: 'POST',
      path: '/api/accounts',
      body: { name: randomUUID() },
      headers: client.bearer,
      success: 201,
    },
    {
      dialect: 'connect',
      method: 'PATCH',
      path: `/accounts/${kept}`,
      body: { name: randomUUID() },
      headers: client.bearer,
      success: 200,
    },
    {
      dialect: 'connect',
      method: 'PATCH',
      path: `/api/accounts/${kept}`,
      body: { networks: ['192.0.2.0/24'] },
      headers: client.bearer,
      success: 200,
    },
    { dialect: 'connect', method: 'DELETE', path: `/api/accounts/${deleted}`, headers: client.bearer, success: 204 },
    {
      dialect: 'connect',
      method: 'POST',
      path: '/api/identifications',
      body: described,
      headers: client.bearer,
      success: 201,
    },
    { dialect: 'connect', method: 'GET', path: `/api/identifications/${id}`, headers: client.basic, success: 200 },
    { dialect: 'oauth', method: 'POST', path: '/oauth/v2/token', headers: client.basic, success: 201 },
    { dialect: 'oauth', method: 'POST', path: '/oauth/token', body: {}, headers: client.basic, success: 200 },
    {
      dialect: 'oauth',
      method: 'POST',
      path: '/oauth/introspect',
      body: { token: await token() },
      headers: client.basic,
      success: 200,
    },
    {
      dialect: 'oauth',
      method: 'POST',
      path: '/oauth/revoke',
      body: { token: await token() },
      headers: client.basic,
      success: 200,
    },
    { dialect: 'page', method: 'GET', path: `/wayf/${id}`, success: 200 },
    {
      dialect: 'page',
      method: 'POST',
      path: `/wayf/${id}`,
      body: signIn,
      headers: { origin: 'http://latchkey.test' },
      success: 303,
    },
  ];
  return requests;
}

describe('The request id', () => {
  it.each(['a', 'trace-1:2.3_4', 'A'.repeat(128)])(
    'is the one that the client gave when it is safe: %s',
    async (id) => {
      const { headers } = await server.call('GET', '/healthz', undefined, { 'x-request-id': id });
      expect(headers.get('x-request-id')).toBe(id);
    },
  );

  it.each(['', 'a b', 'a"b', 'a{b', 'é', 'A'.repeat(129)])('is our own when it is not: %j', async (id) => {
    const { headers } = await send(server, { method: 'GET', path: '/healthz', headers: { 'x-request-id': id } });
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is in every line of the log about the request', async () => {
    const { headers } = await server.call('GET', '/docs-json');
    const lines = linesOf(server).filter((line) => line.request_id === headers.get('x-request-id'));
    expect(lines).toEqual([expect.objectContaining({ msg: 'request', route: '/docs-json', address: '127.0.0.1' })]);
  });

  it('is given for requests too that reach no route', async () => {
    for (const path of ['/nowhere', '/accounts/%zz', `/accounts/${'a'.repeat(5_000)}`]) {
      const { headers } = await send(server, { method: 'GET', path, headers: { 'x-request-id': 'mine' } });
      expect([path.slice(0, 20), headers.get('x-request-id')]).toEqual([path.slice(0, 20), 'mine']);
    }
  });
});

describe('Headers', () => {
  it.each([
    ['GET', '/healthz', 200],
    ['GET', '/docs/', 200],
    ['GET', '/password/reset', 200],
    ['GET', '/nowhere', 404],
    ['GET', '/accounts', 405],
    ['GET', '/accounts/x', 401],
    ['POST', '/accounts', 422],
    ['GET', '/api', 401],
    ['POST', '/oauth/token', 401],
    ['GET', '/wayf/x', 404],
    ['POST', '/wayf/x', 403],
  ])('that protect browsers are on every answer: %s %s', async (method, path, status) => {
    const answer = await send(server, { method, path });
    expect(answer.status).toBe(status);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      'cross-origin-opener-policy': 'same-origin',
      // With `no-referrer`, browsers would not say where the form was sent from.
      'referrer-policy': path.startsWith('/wayf/') ? 'same-origin' : 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    expect(answer.headers.get('content-security-policy')).not.toMatch(/script-src[^;]*unsafe/);
    expect(answer.headers.get('x-powered-by')).toBeNull();
    expect(answer.headers.get('server')).toBeNull();
  });

  it('keep browsers from guessing about what reached no route', async () => {
    for (const path of ['/accounts/%zz', `/accounts/${'a'.repeat(5_000)}`]) {
      const { status, headers } = await send(server, { method: 'GET', path });
      expect([status, headers.get('x-content-type-options')]).toEqual([400, 'nosniff']);
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
    }
  });

  it('ask browsers to stay with HTTPS exactly when PUBLIC_URL says so', async () => {
    expect((await server.call('GET', '/healthz')).headers.get('strict-transport-security')).toBeNull();
    const secure = await another({ publicUrl: 'https://latchkey.test' });
    expect((await secure.call('GET', '/healthz')).headers.get('strict-transport-security')).toMatch(/^max-age=\d{7}/);
  });

  it('keep secrets and errors out of every cache', async () => {
    for (const [name, method, path, body, headers] of await accountRequests()) {
      if (name === 'get') continue;
      const answer = await server.call(method, path, body, { ...headers, 'if-none-match': '*' });
      expect([name, answer.status < 300]).toEqual([name, true]);
      expect([name, answer.headers.get('cache-control'), answer.headers.get('etag')]).toEqual([name, 'no-store', null]);
      const again = await server.call(method, path, { account: {} }, { 'if-none-match': '*' });
      expect([name, again.status >= 400, again.headers.get('cache-control')]).toEqual([name, true, 'no-store']);
    }
    for (const { dialect, method, path, body, headers, success } of await clientRequests()) {
      if (method === 'GET' && dialect !== 'page') continue;
      const answer = await server.call(method, path, body, { ...headers, 'if-none-match': '*' });
      expect([method, path, answer.status]).toEqual([method, path, success]);
      expect([path, answer.headers.get('cache-control'), answer.headers.get('etag')]).toEqual([path, 'no-store', null]);
      // For caches of HTTP/1.0 (RFC 6749 section 5.1).
      expect([path, answer.headers.get('pragma')]).toEqual([path, path.endsWith('/token') ? 'no-cache' : null]);
      const again = await server.call(method === 'GET' ? 'PUT' : method, path, {}, { 'if-none-match': '*' });
      expect([path, again.status >= 400, again.headers.get('cache-control')]).toEqual([path, true, 'no-store']);
    }
    for (const path of ['/nowhere', '/accounts', '/accounts/x', '/accounts/%zz', '/api', '/oauth/token', '/wayf/x']) {
      const answer = await server.call('GET', path, undefined, { 'if-none-match': '*' });
      expect([answer.status >= 400, answer.headers.get('cache-control')]).toEqual([true, 'no-store']);
    }
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      const answer = await server.call('GET', path, undefined, { 'if-none-match': '*' });
      expect([answer.status, answer.headers.get('etag')]).toEqual([200, null]);
      expect(answer.headers.get('cache-control')).toMatch(/no-store/);
    }
  });

  it('of a plain GET let it be asked for again: 304 while nothing has changed', async () => {
    const { id, email, token } = await signUp(server);
    const client = await clientWithToken();
    const etags = new Set<string>();
    for (const [path, control, credential] of [
      [`/accounts/${id}`, 'private, no-cache', bearer(token)],
      // The same address, and the other shape.
      [`/accounts/${id}`, 'private, no-cache', client.bearer],
      ['/api/accounts', 'private, no-cache', client.basic],
      ['/api', 'private, no-cache', client.bearer],
      ['/.well-known/jwks.json', 'public, max-age=300', {}],
      ['/.well-known/oauth-authorization-server', 'public, max-age=300', {}],
    ] as const) {
      const first = await server.call('GET', path, undefined, credential);
      const etag = first.headers.get('etag') ?? '';
      expect(etag).toMatch(/^"[\w-]{20,}"$/);
      expect(first.headers.get('cache-control')).toBe(control);
      expect([path, [...etags].includes(etag)]).toEqual([path, false]);
      etags.add(etag);
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const again = await server.call('GET', path, undefined, { ...credential, 'if-none-match': known });
        expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, '', etag]);
      }
      for (const unknown of ['"other"', etag.slice(1, -1), '']) {
        const again = await server.call('GET', path, undefined, { ...credential, 'if-none-match': unknown });
        expect([again.status, again.body]).toEqual([200, first.body]);
      }
    }
    const { headers } = await server.call('GET', `/accounts/${id}`, undefined, bearer(token));
    await database.query('UPDATE accounts SET email = $2 WHERE id = $1', [id, `x${email}`]);
    await forget(id);
    const conditions = { ...bearer(token), 'if-none-match': headers.get('etag') ?? '' };
    expect(await server.call('GET', `/accounts/${id}`, undefined, conditions)).toMatchObject({
      status: 200,
      body: { data: { id, email: `x${email}` } },
    });
    for (const path of [`/accounts/${id}`, '/api/accounts', '/api']) {
      expect((await server.call('GET', path, undefined, { 'if-none-match': '*' })).status).toBe(401);
    }
  });
});

describe('Other origins', () => {
  const app = 'https://app.example.org';
  const preflight = (method: string) => ({
    origin: app,
    'access-control-request-method': method,
    'access-control-request-headers': 'authorization,content-type',
  });
  const allowed = (headers: Headers) => [...headers.keys()].filter((name) => name.startsWith('access-control-'));

  it('are told nothing unless CORS_ORIGINS names them', async () => {
    const get = await send(server, { method: 'GET', path: '/healthz', headers: { origin: app } });
    expect([get.status, allowed(get.headers)]).toEqual([200, []]);
    const options = await send(server, { method: 'OPTIONS', path: '/account/session', headers: preflight('PUT') });
    expect([options.status, allowed(options.headers)]).toEqual([405, []]);
  });

  it('that it names may use every method of the API', async () => {
    const open = await another({ corsOrigins: [app, 'https://other.example.org'] });
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const { status, headers } = await send(open, {
        method: 'OPTIONS',
        path: '/account/session',
        headers: preflight(method),
      });
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe(app);
      expect(headers.get('access-control-allow-methods')?.split(', ')).toContain(method);
      expect(headers.get('access-control-allow-headers')).toBe('authorization,content-type');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
    }
    const answer = await send(open, { method: 'GET', path: '/accounts/x', headers: { origin: app } });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([401, app]);
    expect(answer.headers.get('vary')).toMatch(/\bOrigin\b/i);
    expect(answer.headers.get('access-control-expose-headers')).toMatch(/retry-after/i);
  });

  it('that it does not name stay outside, and nothing else changes', async () => {
    const open = await another({ corsOrigins: [app] });
    for (const origin of ['https://evil.example.org', 'http://app.example.org', `${app}.evil.org`, 'null']) {
      const { headers } = await send(open, { method: 'GET', path: '/healthz', headers: { origin } });
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
    const wrongMethod = await send(open, { method: 'PATCH', path: '/accounts', headers: { origin: app } });
    expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, expect.stringContaining('POST')]);
    expect((await send(open, { method: 'GET', path: '/nowhere' })).status).toBe(404);
    expect((await send(open, { method: 'DELETE', path: '/accounts/x/y' })).status).toBe(404);
  });
});

describe('The published keys', () => {
  it('verify a real token, and hold nothing private', async () => {
    const { id, token } = await signUp(server);
    const { status, body } = await server.call('GET', '/.well-known/jwks.json');
    expect(status).toBe(200);
    const jwks = body as JSONWebKeySet;
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks), {
      issuer: 'http://latchkey.test',
      algorithms: ['RS512'],
    });
    expect(payload).toMatchObject({ sub: 'account', data: { id } });
    expect(jwks.keys).toHaveLength(1);
    expect(Object.keys(jwks.keys[0] ?? {}).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
    expect(jwks.keys[0]).toMatchObject({ kid: protectedHeader.kid, alg: 'RS512', use: 'sig', kty: 'RSA' });
    const stored = await database.query('SELECT kid FROM signing_keys');
    expect(stored).toEqual([{ kid: protectedHeader.kid }]);
  });
});

describe('When the database is away', () => {
  const name = () => (database.connection as { database: string }).database;

  async function asOperator(...statements: string[]): Promise<void> {
    const client = new pg.Client({ ...database.connection, database: 'postgres' });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  const takeAway = () =>
    asOperator(
      `ALTER DATABASE ${name()} ALLOW_CONNECTIONS false`,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name()}'`,
    );
  const bringBack = () => asOperator(`ALTER DATABASE ${name()} ALLOW_CONNECTIONS true`);

  afterEach(bringBack);

  it('every account route says 503 and when to try again, and works at once when it is back', async () => {
    const requests = await accountRequests();
    await takeAway();
    for (const [route, method, path, body, headers] of requests) {
      const answer = await server.call(method, path, body, headers);
      expect({ route, status: answer.status, body: answer.body as unknown }).toEqual({
        route,
        status: 503,
        body: { id: 'unavailable', message: expect.any(String) },
      });
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
    await bringBack();
    for (const [route, method, path, body, headers] of requests) {
      const { status } = await server.call(method, path, body, headers);
      expect([route, status]).toEqual([route, route === 'signUp' ? 201 : 200]);
    }
  });

  it('every route of clients says so too, in its own dialect', async () => {
    const requests = await clientRequests();
    await takeAway();
    for (const { dialect, method, path, body, headers } of requests) {
      const answer = await server.call(method, path, body, headers);
      expect({ method, path, status: answer.status, body: answer.body as unknown }).toEqual({
        method,
        path,
        status: 503,
        body: WORDED[dialect]?.(503),
      });
      if (dialect === 'oauth') expect(answer.body).toMatchObject({ error: 'temporarily_unavailable' });
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(answer.headers.get('www-authenticate')).toBeNull();
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
    await bringBack();
    for (const { method, path, body, headers, success } of requests) {
      const { status } = await server.call(method, path, body, headers);
      expect([method, path, status]).toEqual([method, path, success]);
    }
  });

  it('nobody is taken for a stranger, with however many requests at once', async () => {
    const [{ id, token }, client] = [await signUp(server), await clientWithToken()];
    const everybody = [bearer(token), client.bearer, client.basic];
    const ask = async (who: Record<string, string>) =>
      (await server.call('GET', `/accounts/${id}`, undefined, who)).status;
    await takeAway();
    const statuses = await Promise.all(everybody.flatMap((who) => Array.from({ length: 40 }, () => ask(who))));
    expect(new Set(statuses)).toEqual(new Set([503]));
    await bringBack();
    for (const who of everybody) expect(await ask(who)).toBe(200);
  });

  it('the server lives, but is not ready', async () => {
    expect(await server.call('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    await takeAway();
    expect(await server.call('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    const { status, headers, body } = await server.call('GET', '/readyz');
    expect({ status, body: body as unknown }).toMatchObject({
      status: 503,
      body: { status: 'error', error: { database: { status: 'down' } } },
    });
    expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(linesOf(server).filter(({ level }) => level === 'error')).toEqual([]);
    await bringBack();
    expect((await server.call('GET', '/readyz')).status).toBe(200);
  });

  it('a server whose schema is too old is not ready either', async () => {
    const [last] = await database.query<{ name: string; timestamp: string }>(
      'DELETE FROM migrations WHERE id = (SELECT max(id) FROM migrations) RETURNING name, timestamp',
    );
    expect(await server.call('GET', '/readyz')).toMatchObject({ status: 503 });
    await database.query('INSERT INTO migrations (name, timestamp) VALUES ($1, $2)', [last?.name, last?.timestamp]);
    expect(await server.call('GET', '/readyz')).toMatchObject({ status: 200 });
  });
});

describe('An unexpected failure', () => {
  beforeEach(async () => {
    await database.query('ALTER TABLE sessions RENAME TO sessions_gone');
  });
  afterEach(async () => {
    await database.query('ALTER TABLE sessions_gone RENAME TO sessions');
  });

  it('is told with the request id, and its cause only to the log', async () => {
    const answer = await server.call(
      'POST',
      '/accounts',
      { account: { email: newEmail(), password: 'example' } },
      { 'x-request-id': 'failing-1' },
    );
    expect(answer.status).toBe(500);
    expect(answer.body).toEqual({ id: 'internal', message: expect.any(String), request_id: 'failing-1' });
    expect(JSON.stringify(answer.body)).not.toMatch(/sessions|relation|exist|SELECT|INSERT|42P01|QueryFailed/i);
    expect(answer.headers.get('x-request-id')).toBe('failing-1');
    const lines = linesOf(server).filter((line) => line.request_id === 'failing-1');
    expect(lines.find(({ level }) => level === 'error')).toMatchObject({
      msg: 'unexpected failure',
      err: { message: 'relation "sessions" does not exist', code: '42P01' },
    });
    expect(lines.find(({ msg }) => msg === 'request')).toMatchObject({ status: 500, route: '/accounts' });
  });

  it('leaves nothing half done behind', async () => {
    const email = newEmail();
    expect((await server.call('POST', '/accounts', { account: { email, password: 'example' } })).status).toBe(500);
    expect(await database.query('SELECT id FROM accounts WHERE email = $1', [email])).toEqual([]);
  });
});

describe('A trailing slash', () => {
  it('makes no difference on any route', async () => {
    const paths = routes.filter(({ url }) => !/\*|^\/docs/.test(url));
    expect(paths.length).toBeGreaterThanOrEqual(70);
    const page = (await clientRequests()).find(({ dialect }) => dialect === 'page')?.path ?? '';
    for (const { method, url } of paths) {
      const path = url === '/wayf/:id' ? page : url.replace(/:\w+/g, 'f47ac10b-58cc-4372-a567-0e02b2c3d479');
      const [one, other] = await Promise.all(
        [path, `${path}/`].map((spelling) => send(server, { method: [method].flat()[0] ?? '', path: spelling })),
      );
      // These numbers have moved on meanwhile.
      const bodies = [one, other].map((answer): unknown =>
        url === '/metrics' ? String(answer?.body).slice(0, 50) : answer?.body,
      );
      expect([url, other?.status, bodies[1]]).toEqual([url, one?.status, bodies[0]]);
      expect(one?.status).not.toBe(404);
    }
  });
});

describe('The Bearer header', () => {
  it.each(['Bearer ', 'Bearer: ', 'bearer ', 'BEARER: ', 'bEaReR:   ', 'Bearer    '])(
    'is understood as "%s"',
    async (scheme) => {
      const { id, token } = await signUp(server);
      const headers = { authorization: `${scheme}${token}` };
      expect((await server.call('GET', `/accounts/${id}`, undefined, headers)).status).toBe(200);
    },
  );

  it.each(['', 'Bearer', 'Bearer:', 'Bearer :', 'Bearer, ', 'Basic ', 'Token ', 'Bearer Bearer ', 'Bearer ,'])(
    'is not understood as "%s"',
    async (scheme) => {
      const { id, token } = await signUp(server);
      const headers = { authorization: `${scheme}${token}` };
      expect((await server.call('GET', `/accounts/${id}`, undefined, headers)).status).toBe(401);
    },
  );
});

describe('TRUST_PROXY', () => {
  const FORWARDED = '198.51.100.1, 203.0.113.2, 192.0.2.3';

  async function addressSeen(one: TestServer, forwarded: string): Promise<string | undefined> {
    const { headers } = await one.call('GET', '/.well-known/jwks.json', undefined, { 'x-forwarded-for': forwarded });
    return linesOf(one).find((line) => line.request_id === headers.get('x-request-id') && line.msg === 'request')
      ?.address;
  }
  const warnings = (one: TestServer) =>
    linesOf(one).filter(({ msg, level }) => level === 'warn' && msg.includes('forwarded'));

  it.each([
    ['none', false as const],
    ['a list without the peer', ['10.0.0.0/8', '2001:db8::/32']],
  ])('(%s): the header is ignored, with one warning', async (_, trustProxy) => {
    const one = await another({ trustProxy });
    expect(await addressSeen(one, FORWARDED)).toBe('127.0.0.1');
    expect(await addressSeen(one, '198.51.100.7')).toBe('127.0.0.1');
    expect(warnings(one)).toHaveLength(1);
  });

  it.each([
    ['one hop', 1, '192.0.2.3'],
    ['two hops', 2, '203.0.113.2'],
    ['more hops than there are', 9, '198.51.100.1'],
    ['a list', ['127.0.0.1'], '192.0.2.3'],
    ['a list of two networks', ['127.0.0.0/8', '192.0.2.0/24'], '203.0.113.2'],
  ])('(%s): the client is the first that is not trusted', async (_, trustProxy, address) => {
    const one = await another({ trustProxy });
    expect(await addressSeen(one, FORWARDED)).toBe(address);
    expect(await addressSeen(one, '2001:db8::1')).toBe('2001:db8::1');
    expect(warnings(one)).toEqual([]);
  });

  it('decides whom limits count', async () => {
    await database.query(`DELETE FROM attempt_limits WHERE key LIKE 'requests %'`);
    const one = await another({ trustProxy: ['127.0.0.1'], rateLimitPerMinute: 2 });
    const ask = async (address: string) =>
      (await one.call('POST', '/account/password', {}, { 'x-forwarded-for': `203.0.113.9, ${address}` })).status;
    expect([await ask('192.0.2.1'), await ask('192.0.2.1'), await ask('192.0.2.1')]).toEqual([422, 422, 429]);
    expect(await ask('192.0.2.2')).toBe(422);
    const counted = await database.query(
      `SELECT key, count FROM attempt_limits WHERE key LIKE 'requests %' ORDER BY key`,
    );
    expect(counted).toEqual([
      { key: 'requests 192.0.2.1', count: 2 },
      { key: 'requests 192.0.2.2', count: 1 },
    ]);
  });
});

/** Those that Swagger UI serves, and the pages: no part of the API. */
const isPage = (url: string) =>
  /^\/docs(-json)?(\/|$)|^\/password\/reset$|^\/email\/(verify|undo)$|^\/wayf\/:id$/.test(url);

interface MediaType {
  schema?: { oneOf?: { $ref?: string }[] };
  example?: object;
  examples?: Record<string, { value: object }>;
}

interface Operation {
  tags: string[];
  requestBody?: { content: Record<string, MediaType> };
  security?: Record<string, string[]>[];
  responses: Record<string, { content?: Record<string, MediaType> }>;
}

/** What a client has to present, for each scheme of `access`. */
function securityOf(access: Access | undefined): Record<string, string[]>[] {
  const asClient = (scope: string) => [{ oauth2: [scope] }, { client: [] }];
  switch (access?.scheme) {
    case 'session':
      return [{ session: [] }];
    case 'client':
      return asClient(access.scope);
    case 'session-or-client':
      return [{ session: [] }, ...asClient(access.scope)];
    case 'client-secret':
      return [{ client: [] }];
    case 'app':
    case 'frontend':
      return [{ 'app-token': [] }];
    case 'user':
      return [{ 'app-token': [], token: [] }];
    case 'api':
      return [{ 'api-token': [] }];
    default:
      return [];
  }
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { securitySchemes: Record<string, object> };
  tags: { name: string }[];
}

/** Every body that is shown for a request, of each type. */
function requestExamples({ paths }: Description): { name: string; type: string; body: object; byClient: boolean }[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { requestBody, security = [] }]) =>
      Object.entries(requestBody?.content ?? {}).flatMap(
        ([type, { example = {}, examples = { it: { value: example } } }]) =>
          Object.values(examples).map(({ value: body }) => ({
            name: `${method.toUpperCase()} ${path}`,
            type,
            body,
            byClient: security.some((one) => 'client' in one),
          })),
      ),
    ),
  );
}

describe('The documentation', () => {
  it('is served as a page that loads its own scripts', async () => {
    for (const path of ['/docs', '/docs/']) {
      const { status, body, headers } = await server.call('GET', path);
      expect([status, headers.get('content-type')]).toEqual([200, 'text/html']);
      const scripts = [...(body as string).matchAll(/<script src="([^"]+)"/g)].map(([, src]) => src ?? '');
      expect(scripts.length).toBeGreaterThan(0);
      for (const script of scripts) {
        const { pathname } = new URL(script, `http://latchkey.test${path}`);
        expect([path, pathname, (await server.call('GET', pathname)).status]).toEqual([path, pathname, 200]);
      }
    }
  });

  it('describes every route, with what it takes and how it fails', async () => {
    const { status, body } = await server.call('GET', '/docs-json');
    expect(status).toBe(200);
    const { paths } = body as Description;
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = routes.filter(({ url, method }) => method !== 'HEAD' && !isPage(url));
    const names = served.map(({ method, url }) => `${[method].flat().join()} ${url.replace(/:(\w+)/g, '{$1}')}`);
    expect(described.sort()).toEqual(names.sort());
    const checked = new Set<string>();
    for (const { method, url, config } of served) {
      const operation = paths[url.replace(/:(\w+)/g, '{$1}')]?.[[method].flat().join().toLowerCase()];
      const { access, dialect } = config ?? {};
      if (dialect) checked.add(dialect);
      const isLimited = access?.scheme === 'public' ? access.limited : /app|client/.test(access?.scheme ?? '');
      expect([method, url, Object.keys(operation?.responses ?? {})]).toEqual([
        method,
        url,
        expect.arrayContaining([
          ...['400', '500'],
          ...(dialect !== undefined ? ['503'] : []),
          ...(access?.scheme !== 'public' ? ['401'] : []),
          ...(access && 'scope' in access ? ['403'] : []),
          ...(isLimited ? ['429'] : []),
          ...(method !== 'GET' ? ['413', '415'] : []),
          ...(operation?.requestBody && dialect === 'account' ? ['422'] : []),
          ...(url.includes(':') && ['account', 'connect'].includes(dialect ?? '') ? ['404'] : []),
        ]),
      ]);
      const takesBody = method !== 'GET' && !/^\/api\/v1\/(accounts|oauth_clients)\/:id\/(revoke|secrets)$/.test(url);
      if (method !== 'DELETE') expect([url, operation?.requestBody !== undefined]).toEqual([url, takesBody]);
      expect([url, operation?.security]).toEqual([url, securityOf(access)]);
      for (const [code, response] of Object.entries(operation?.responses ?? {})) {
        if (/^(204|3\d\d)$/.test(code)) continue;
        const { example, examples } = response.content?.['application/json'] ?? {};
        const shown = examples ? Object.values(examples).map(({ value }) => value) : [example];
        // Text: redocly.yaml asks for its example.
        if (url === '/metrics' && code === '200') continue;
        // RFC 7009 section 2.2: the status says it all.
        if (url === '/oauth/revoke' && code === '200') continue;
        for (const one of shown) {
          expect([url, code, one]).toEqual([url, code, expect.any(Object)]);
          if (dialect !== 'account' || access?.scheme === 'session-or-client' || Number(code) < 400) continue;
          expect(one).toMatchObject({ id: expect.stringMatching(/^[a-z_]+$/), message: expect.any(String) });
        }
      }
    }
    expect([...checked].sort()).toEqual(['account', 'app-token', 'connect', 'oauth', 'publicauth']);
  });

  it('shows both shapes of an account at the address that has both', async () => {
    const { paths } = (await server.call('GET', '/docs-json')).body as Description;
    const content = paths['/accounts/{id}']?.get?.responses['200']?.content?.['application/json'];
    expect(content?.schema?.oneOf?.map(({ $ref }) => $ref?.split('/').at(-1))).toEqual([
      'AccountAnswer',
      'ClientAccountView',
    ]);
  });

  it('declares every kind of credential and every tag that it names, and names all that it declares', async () => {
    const { paths, components, tags } = (await server.call('GET', '/docs-json')).body as Description;
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    const schemes = operations.flatMap(({ security = [] }) => security.flatMap((one) => Object.keys(one)));
    expect([...new Set(schemes)].sort()).toEqual(Object.keys(components.securitySchemes).sort());
    const named = operations.flatMap((operation) => operation.tags);
    expect([...new Set(named)].sort()).toEqual(tags.map(({ name }) => name).sort());
    expect(components.securitySchemes).toMatchObject({
      client: { type: 'http', scheme: 'basic' },
      oauth2: {
        type: 'oauth2',
        flows: {
          clientCredentials: {
            tokenUrl: 'http://latchkey.test/oauth/token',
            scopes: {
              'accounts:read': expect.any(String),
              'accounts:write': expect.any(String),
              identifications: expect.any(String),
              'tokens:introspect': expect.any(String),
            },
          },
        },
      },
    });
  });

  it('shows requests that are understood as they stand', async () => {
    const admin = await signedInAdmin(server);
    const { id, token } = await signUp(server);
    // Whom the examples are about. Its email stays free for the example of a sign-up.
    await database.query('INSERT INTO accounts (id) VALUES ($1)', [EXAMPLE_ID]);
    const credentials = { ...bearer(token), ...admin.headers };
    const client = (await newClient(server)).basic;
    // Tokens of links and of sessions are nobody's.
    const expected: Record<string, number> = {
      'PUT /account/session': 401,
      'PUT /account/password': 422,
      'PUT /account/email': 422,
      'PUT /account/email/undo': 422,
    };
    const examples = requestExamples(describeApi(server.app, server.config.publicUrl) as unknown as Description);
    expect(examples.length).toBeGreaterThanOrEqual(15);
    for (const { name, type, body, byClient } of examples) {
      const [method = '', template = ''] = name.split(' ');
      const path = template.replace('/accounts/{id}', `/accounts/${id}`).replace(/\{(\w+)\}/g, 'example');
      const text = type.endsWith('json') ? JSON.stringify(body) : new URLSearchParams({ ...body }).toString();
      const answer = await server.call(method, path, text, {
        'content-type': type,
        ...credentials,
        ...(byClient && client),
      });
      // What a request names may be absent, or taken.
      const understood = [expected[name] ?? 200, ...(name in expected ? [] : [201, 404, 409])];
      expect([name, text, understood]).toEqual([name, text, expect.arrayContaining([answer.status])]);
    }
  });

  it('is what docs/openapi.json holds, which `npm run openapi` writes', async () => {
    const committed = JSON.parse(await readFile('docs/openapi.json', 'utf8')) as { servers: { url: string }[] };
    const described = describeApi(server.app, committed.servers[0]?.url ?? '');
    // As text: the order of everything counts too.
    expect(JSON.stringify(described, null, 2)).toBe(JSON.stringify(committed, null, 2));
  });
});

describe('Every route declares its guard', () => {
  it('and the guards are those of the table in DESIGN', () => {
    const guards = Object.fromEntries(
      routes
        .filter(({ url }) => !/^\/docs(-json)?(\/|$)/.test(url))
        .map(({ method, url, config }) => [`${[method].flat().join()} ${url}`, config?.access]),
    );
    const open = { scheme: 'public', limited: false };
    const limited = { scheme: 'public', limited: true };
    const session = { scheme: 'session' };
    const app = { scheme: 'app' };
    const user = { scheme: 'user' };
    const api = { scheme: 'api' };
    const frontend = { scheme: 'frontend' };
    const client = (scope: string) => ({ scheme: 'client', scope });
    const secret = { scheme: 'client-secret' };
    const expected: Record<string, object> = {
      'POST /accounts': limited,
      'POST /account/session': limited,
      'PUT /account/session': limited,
      'POST /account/password': limited,
      'PUT /account/password': limited,
      'DELETE /account/session': session,
      'POST /account/email': limited,
      'PUT /account/email': limited,
      'PUT /account/email/undo': limited,
      'GET /account/sessions': session,
      'DELETE /account/sessions/:sid': session,
      'PUT /accounts/:id': session,
      'GET /accounts/:id': { scheme: 'session-or-client', scope: 'accounts:read' },
      'GET /api/accounts': client('accounts:read'),
      'GET /api/accounts/:id': client('accounts:read'),
      'PATCH /accounts/:id': client('accounts:write'),
      'POST /api/accounts': client('accounts:write'),
      'PATCH /api/accounts/:id': client('accounts:write'),
      'DELETE /api/accounts/:id': client('accounts:write'),
      'GET /api': client('identifications'),
      'POST /api/identifications': client('identifications'),
      'GET /api/identifications/:id': client('identifications'),
      'POST /oauth/v2/token': secret,
      'POST /oauth/token': secret,
      'POST /oauth/introspect': { ...secret, scope: 'tokens:introspect' },
      'POST /oauth/revoke': secret,
      'GET /v1/api/auth': api,
      'GET /v1/auth': api,
      'POST /v1/frontend/auth': frontend,
      'PUT /v1/frontend/auth': frontend,
      'GET /v1/frontend/auth/:account_id': frontend,
      'DELETE /v1/frontend/auth/:account_id': frontend,
      'GET /v1/frontend/auth/:account_id/:token_link': frontend,
      'DELETE /v1/frontend/auth/:account_id/revoke-all': frontend,
      'POST /api/v1/token': app,
      'POST /api/v1/app_tokens': user,
      'GET /api/v1/app_tokens': user,
      'GET /api/v1/app_tokens/:name': user,
      'PATCH /api/v1/app_tokens/:name': user,
      'DELETE /api/v1/app_tokens/:name': user,
      'POST /api/v1/tokens': user,
      'GET /api/v1/tokens': user,
      'GET /api/v1/tokens/:name': user,
      'PATCH /api/v1/tokens/:name': user,
      'DELETE /api/v1/tokens/:name': user,
      'GET /api/v1/accounts': user,
      'POST /api/v1/accounts': user,
      'GET /api/v1/accounts/:id': user,
      'PATCH /api/v1/accounts/:id': user,
      'DELETE /api/v1/accounts/:id': user,
      'POST /api/v1/accounts/:id/revoke': user,
      'GET /api/v1/accounts/:id/sessions': user,
      'GET /api/v1/accounts/:id/sessions/:sid': user,
      'DELETE /api/v1/accounts/:id/sessions/:sid': user,
      'GET /api/v1/audit_events': user,
      'POST /api/v1/oauth_clients': user,
      'GET /api/v1/oauth_clients': user,
      'GET /api/v1/oauth_clients/:id': user,
      'PATCH /api/v1/oauth_clients/:id': user,
      'DELETE /api/v1/oauth_clients/:id': user,
      'POST /api/v1/oauth_clients/:id/revoke': user,
      'POST /api/v1/oauth_clients/:id/secrets': user,
      'DELETE /api/v1/oauth_clients/:id/secrets/:secret_id': user,
      'GET /.well-known/jwks.json': open,
      'GET /.well-known/oauth-authorization-server': open,
      'GET /healthz': open,
      'GET /readyz': open,
      'GET /metrics': open,
      'GET /password/reset': open,
      'GET /email/verify': open,
      'GET /email/undo': open,
      'GET /wayf/:id': open,
      'POST /wayf/:id': limited,
    };
    const heads = Object.entries(expected).filter(([route]) => route.startsWith('GET '));
    expect(guards).toEqual({
      ...expected,
      ...Object.fromEntries(heads.map(([route, access]) => [route.replace('GET', 'HEAD'), access])),
    });
  });

  it('and nobody gets past it without a credential', async () => {
    const bearerOnly = 'Bearer realm="latchkey"';
    const challenges: Record<string, string> = {
      session: bearerOnly,
      'session-or-client': bearerOnly,
      api: bearerOnly,
      client: bearerOnly,
      'client-secret': 'Basic realm="latchkey", charset="UTF-8"',
      app: 'App-Token',
      frontend: 'App-Token',
      user: 'App-Token, Token',
    };
    const guarded = routes.filter(({ config }) => config?.access && config.access.scheme !== 'public');
    expect(guarded.length).toBeGreaterThanOrEqual(55);
    expect(new Set(guarded.map(({ config }) => config?.access?.scheme))).toEqual(new Set(Object.keys(challenges)));
    for (const { method, url, config } of guarded) {
      const path = url.replace(/:\w+/g, 'f47ac10b-58cc-4372-a567-0e02b2c3d479');
      const answer = await send(server, { method: [method].flat().join(), path });
      expect([method, url, answer.status]).toEqual([method, url, 401]);
      const challenge = challenges[config?.access?.scheme ?? ''];
      expect([method, url, answer.headers.get('www-authenticate')]).toEqual([method, url, challenge]);
      const body = method === 'HEAD' ? '' : WORDED[config?.dialect ?? '']?.(401);
      expect([method, url, answer.body as unknown]).toEqual([method, url, body]);
    }
  });

  it('and a server with a route that declares none does not start', async () => {
    @Controller()
    class CarelessController {
      @Get('careless')
      careless(): string {
        return 'open to anyone';
      }
    }
    const build = Object.getOwnPropertyDescriptor(AppModule, 'with')?.value as typeof AppModule.with;
    const spy = jest.spyOn(AppModule, 'with').mockImplementation((options): DynamicModule => ({
      ...build(options),
      controllers: [CarelessController],
    }));
    try {
      await expect(another()).rejects.toThrow(/^These routes declare no guard: .*GET \/careless/);
    } finally {
      spy.mockRestore();
    }
  });
});

describe('The log', () => {
  async function talkative(): Promise<TestServer> {
    const one = await another();
    const fastify = one.app.getHttpAdapter().getInstance() as unknown as { log: { level: string } };
    fastify.log.level = 'trace';
    return one;
  }

  it('holds no secret, at its most talkative, whatever fails', async () => {
    const one = await talkative();
    const secrets = new Set([TEST_SECRET_KEY]);
    const remember = (...values: unknown[]) => {
      for (const value of values) if (typeof value === 'string') secrets.add(value);
    };
    const password = (text: string) => {
      remember(`pass-${text}`);
      return `pass-${text}`;
    };
    const ask = async (
      expected: number,
      method: string,
      path: string,
      account?: object,
      headers?: Record<string, string>,
    ) => {
      const answer = await one.call(method, path, account && { account }, headers);
      expect([method, path, answer.status]).toEqual([method, path, expected]);
      const { token, refresh_token } = answer.body as { token?: string; refresh_token?: string };
      remember(token, refresh_token, headers?.authorization);
      return { token: token ?? '', refresh_token: refresh_token ?? '' };
    };

    const email = newEmail();
    const first = await ask(201, 'POST', '/accounts', { email, password: password('one'), remember_me: true });
    const [account] = await database.query<{ id: string }>('SELECT id FROM accounts WHERE email = $1', [email]);
    const path = `/accounts/${account?.id ?? ''}`;
    await ask(409, 'POST', '/accounts', { email, password: password('two') });
    await ask(422, 'POST', '/accounts', { email: 'none', password: password('three') });
    await ask(401, 'POST', '/account/session', { email, password: password('wrong') });
    await ask(422, 'POST', '/account/session', { email, password: [password('list')] });
    await ask(200, 'POST', '/account/session', { email, password: 'pass-one', remember_me: true });
    const second = await ask(200, 'PUT', '/account/session', { refresh_token: first.refresh_token, remember_me: true });
    await ask(401, 'PUT', '/account/session', { refresh_token: `${first.refresh_token}x` });
    await ask(200, 'PUT', '/account/session', { refresh_token: second.refresh_token, remember_me: true });
    await database.query(`UPDATE sessions SET refreshed_at = now() - interval '1 minute'`);
    await ask(401, 'PUT', '/account/session', { refresh_token: first.refresh_token });
    await ask(401, 'GET', path, undefined, bearer(first.token));
    const third = await ask(200, 'POST', '/account/session', { email, password: 'pass-one', remember_me: true });
    await ask(200, 'GET', path, undefined, bearer(third.token));
    await ask(404, 'GET', `/accounts/${third.refresh_token}?token=${third.token}`, undefined, bearer(third.token));
    await ask(401, 'GET', path, undefined, { authorization: `Bearer ${third.token.slice(0, -10)}` });
    await ask(405, 'DELETE', `/accounts/${third.token}`, { password: password('four') });
    await ask(401, 'PATCH', `/accounts/${third.token}`, { password: password('nine') }, bearer(third.token));
    await ask(404, 'GET', `/account/${third.token}`);
    await ask(400, 'GET', `/account/${third.token}%zz`);
    await ask(404, 'GET', `/password/reset/${third.refresh_token}`);
    expect((await one.call('POST', '/account/session', `{"account":{"password":"${password('cut')}"`)).status).toBe(
      400,
    );
    expect(
      (await one.call('POST', '/accounts', `password=${password('form')}`, { 'content-type': 'text/plain' })).status,
    ).toBe(415);

    await ask(200, 'POST', '/account/password', { email });
    const [reset] = await database.query<{ id: string }>(
      'SELECT id FROM password_resets WHERE account_id = $1 AND ended_at IS NULL',
      [account?.id],
    );
    const resetToken = one.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
    remember(resetToken);
    await waitFor(async () => {
      const [{ waiting } = { waiting: 1 }] = await database.query<{ waiting: number }>(
        'SELECT count(*)::int AS waiting FROM outgoing_mails WHERE done_at IS NULL AND subject_id = $1',
        [reset?.id],
      );
      return waiting === 0;
    });
    const redeem = { reset_password_token: resetToken, password: password('five'), remember_me: true };
    await ask(422, 'PUT', '/account/password', { ...redeem, password: password('x'.repeat(80)) });
    const fourth = await ask(200, 'PUT', '/account/password', redeem);
    await ask(422, 'PUT', '/account/password', redeem);
    const fifth = await ask(200, 'PUT', path, { email, password: password('six') }, bearer(fourth.token));
    const hashes = await database.query<{ hash: string }>('SELECT password_hash AS hash FROM accounts');
    remember(...hashes.map(({ hash }) => hash));

    // PostgreSQL's own words for this one hold the whole row, with the hash.
    await database.query('ALTER TABLE accounts ADD CHECK (password_hash IS NULL) NOT VALID');
    await ask(500, 'POST', '/accounts', { email: newEmail(), password: password('seven') });
    await ask(500, 'PUT', path, { email, password: password('eight') }, bearer(fifth.token));
    await database.query('ALTER TABLE accounts DROP CONSTRAINT accounts_password_hash_check');
    await ask(200, 'DELETE', '/account/session', undefined, bearer(fifth.token));
    await ask(401, 'DELETE', '/account/session', undefined, bearer(fifth.token));

    const log = one.logs.join('\n');
    expect(log).toContain('"level":"error"');
    expect(log).toContain('violates check constraint');
    expect(one.logs.filter((line) => line.includes('"msg":"request"')).length).toBeGreaterThan(25);
    expect(secrets.size).toBeGreaterThan(25);
    // The signature of a JWT, and the MAC of another token, would be enough to know it by.
    const pieces = [...secrets].flatMap((secret) => [secret, /\.([\w-]{43,})$/.exec(secret)?.[1] ?? secret]);
    expect(pieces.filter((piece) => piece.length >= 8 && log.includes(piece))).toEqual([]);
    expect(log).not.toMatch(/\$2[aby]\$\d\d\$|eyJ[\w-]+\.|BEGIN [A-Z ]*PRIVATE/);
  });

  it('holds no secret of a client either, nor what a visitor signs in with', async () => {
    const one = await talkative();
    const [admin, visitor] = [await signedInAdmin(one), await signUp(one, { password: 'pass-visitor' })];
    const secrets = new Set([admin.appToken, admin.token, visitor.token, visitor.password]);
    const ask = async (
      expected: number,
      method: string,
      path: string,
      body?: object | string,
      headers: Record<string, string> = {},
    ) => {
      const type = typeof body === 'string' ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
      const answer = await one.call(method, path, body, { ...type, ...headers });
      expect([method, path, answer.status]).toEqual([method, path, expected]);
      const said = answer.body as Record<'id' | 'client_secret' | 'access_token', string | undefined>;
      for (const value of [said.client_secret, said.access_token, headers.authorization?.split(' ')[1]]) {
        if (value !== undefined) secrets.add(value);
      }
      return { id: said.id ?? '', secret: said.client_secret ?? '', accessToken: said.access_token ?? '' };
    };
    const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();

    const registration = { name: 'test', scopes: ['accounts:read', 'accounts:write', 'identifications'] };
    const { id, secret } = await ask(201, 'POST', '/api/v1/oauth_clients', registration, admin.headers);
    const inBody = { client_id: id, client_secret: secret };
    const { accessToken } = await ask(200, 'POST', '/oauth/token', undefined, basic(id, secret));
    await ask(201, 'POST', '/oauth/v2/token', form(inBody));
    await ask(401, 'POST', '/oauth/token', undefined, basic(id, `${secret}x`));
    await ask(401, 'POST', '/oauth/token', undefined, basic(secret, accessToken));
    await ask(401, 'POST', '/oauth/token', { client_id: secret, client_secret: accessToken });
    await ask(400, 'POST', '/oauth/token', form(inBody), basic(id, secret));
    await ask(400, 'POST', `/oauth/token?${form(inBody)}`);
    await ask(400, 'POST', '/oauth/token', { ...inBody, grant_type: accessToken });
    await ask(400, 'POST', '/oauth/token', { ...inBody, scope: accessToken });
    await ask(400, 'POST', '/oauth/token', `${form(inBody)}&client_secret=${secret}`);
    await ask(415, 'POST', '/oauth/token', form(inBody), { 'content-type': 'text/plain' });
    await ask(403, 'POST', '/oauth/introspect', { ...inBody, token: visitor.token });
    await ask(405, 'GET', `/oauth/revoke?token=${accessToken}`);
    await ask(404, 'GET', `/oauth/${accessToken}`);
    await ask(200, 'GET', '/api', undefined, bearer(accessToken));
    await ask(400, 'GET', `/api?access_token=${accessToken}`, undefined, bearer(accessToken));
    await ask(401, 'GET', '/api', undefined, bearer(secret));
    await ask(404, 'GET', `/api/identifications/${accessToken}`, undefined, bearer(accessToken));
    await ask(404, 'GET', `/api/${accessToken}`);
    await ask(400, 'GET', `/api/accounts?cursor=${accessToken}`, undefined, bearer(accessToken));
    const organisation = { name: secret, password: 'pass-organisation' };
    secrets.add(organisation.password);
    await ask(400, 'POST', '/api/accounts', organisation, bearer(accessToken));

    const described = { ip: '192.0.2.1', url: 'https://publisher.example/', user_agent: 'example' };
    const identification = await ask(201, 'POST', '/api/identifications', described, bearer(accessToken));
    const page = `/wayf/${identification.id}`;
    const signIn = { institution: 'none', email: visitor.email, password: visitor.password };
    const ours = { origin: 'http://latchkey.test' };
    await ask(303, 'POST', page, form(signIn), ours);
    await ask(422, 'POST', page, form({ ...signIn, password: 'pass-visit' }), ours);
    await ask(403, 'POST', page, form(signIn), { origin: 'https://evil.example.org' });
    await ask(400, 'POST', page, `${form(signIn)}&password=${visitor.password}`, ours);
    await ask(404, 'POST', `/wayf/${accessToken}`, form(signIn), ours);
    await ask(404, 'GET', `${page}?institution=${secret}`);

    // PostgreSQL's own words for these hold the whole row, with the digest.
    await database.query('ALTER TABLE tokens ADD CHECK (digest IS NULL) NOT VALID');
    await ask(500, 'POST', '/oauth/token', form(inBody));
    await database.query('ALTER TABLE tokens DROP CONSTRAINT tokens_digest_check');
    await database.query('ALTER TABLE oauth_client_secrets ADD CHECK (digest IS NULL) NOT VALID');
    await ask(500, 'POST', `/api/v1/oauth_clients/${id}/secrets`, undefined, admin.headers);
    await database.query('ALTER TABLE oauth_client_secrets DROP CONSTRAINT oauth_client_secrets_digest_check');
    await ask(200, 'POST', '/oauth/revoke', form({ ...inBody, token: accessToken }));
    await ask(401, 'GET', '/api', undefined, bearer(accessToken));
    const digests = await database.query<{ digest: string }>(
      `SELECT encode(digest, 'hex') AS digest FROM oauth_client_secrets
       UNION ALL SELECT encode(digest, 'hex') FROM tokens`,
    );
    for (const { digest } of digests) secrets.add(digest);

    const log = one.logs.join('\n');
    expect(log).toContain('violates check constraint');
    expect(one.logs.filter((line) => line.includes('"msg":"request"')).length).toBeGreaterThan(30);
    expect([...secrets].filter((text) => text.length >= 8 && log.includes(text))).toEqual([]);
    expect(log).not.toMatch(/[0-9a-f]{64}/);
  });
});

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await condition());) {
    if (Date.now() > deadline) throw new Error('It did not happen within ten seconds.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
