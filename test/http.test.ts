import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, type DynamicModule } from '@nestjs/common';
import type { RouteOptions } from 'fastify';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import pg from 'pg';
import { EXAMPLE_ID } from '../src/accounts/accounts.dto.js';
import { AppModule } from '../src/app.module.js';
import { describeApi } from '../src/http/docs.js';
import { RouteTable } from '../src/http/routes.js';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
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
  ])('that protect browsers are on every answer: %s %s', async (method, path, status) => {
    const answer = await send(server, { method, path });
    expect(answer.status).toBe(status);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
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
    for (const path of ['/nowhere', '/accounts', '/accounts/x', '/accounts/%zz']) {
      const answer = await server.call('GET', path, undefined, { 'if-none-match': '*' });
      expect([answer.status >= 400, answer.headers.get('cache-control')]).toEqual([true, 'no-store']);
    }
    for (const path of ['/healthz', '/readyz']) {
      const answer = await server.call('GET', path, undefined, { 'if-none-match': '*' });
      expect([answer.status, answer.headers.get('etag')]).toEqual([200, null]);
      expect(answer.headers.get('cache-control')).toMatch(/no-store/);
    }
  });

  it('of a plain GET let it be asked for again: 304 while nothing has changed', async () => {
    const { id, email, token } = await signUp(server);
    for (const [path, control] of [
      [`/accounts/${id}`, 'private, no-cache'],
      ['/.well-known/jwks.json', 'public, max-age=300'],
    ] as const) {
      const first = await server.call('GET', path, undefined, bearer(token));
      const etag = first.headers.get('etag') ?? '';
      expect(etag).toMatch(/^"[\w-]{20,}"$/);
      expect(first.headers.get('cache-control')).toBe(control);
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const again = await server.call('GET', path, undefined, { ...bearer(token), 'if-none-match': known });
        expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, '', etag]);
      }
      for (const unknown of ['"other"', etag.slice(1, -1), '']) {
        const again = await server.call('GET', path, undefined, { ...bearer(token), 'if-none-match': unknown });
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
    expect((await server.call('GET', `/accounts/${id}`, undefined, { 'if-none-match': '*' })).status).toBe(401);
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

  it('nobody is taken for a stranger, with however many requests at once', async () => {
    const { id, token } = await signUp(server);
    await takeAway();
    const statuses = await Promise.all(
      Array.from(
        { length: 40 },
        async () => (await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status,
      ),
    );
    expect(new Set(statuses)).toEqual(new Set([503]));
    await bringBack();
    expect((await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status).toBe(200);
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
    expect(paths.length).toBeGreaterThanOrEqual(12);
    for (const { method, url } of paths) {
      const path = url.replace(':id', 'f47ac10b-58cc-4372-a567-0e02b2c3d479');
      const [one, other] = await Promise.all(
        [path, `${path}/`].map((spelling) => send(server, { method: [method].flat()[0] ?? '', path: spelling })),
      );
      expect([url, other?.status, other?.body]).toEqual([url, one?.status, one?.body]);
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

/** Those that Swagger UI serves, and the page: no part of the API. */
const isPage = (url: string) => /^\/docs(-json)?(\/|$)|^\/password\/reset$/.test(url);

interface MediaType {
  example?: object;
  examples?: Record<string, { value: object }>;
}

interface Operation {
  requestBody?: { content: Record<string, MediaType> };
  security?: object[];
  responses: Record<string, { content?: Record<string, MediaType> }>;
}

/** What a client has to present, for each scheme of `access`. */
const SECURITY: Record<string, object[]> = {
  public: [],
  session: [{ session: [] }],
  app: [{ 'app-token': [] }],
  frontend: [{ 'app-token': [] }],
  user: [{ 'app-token': [], token: [] }],
  api: [{ 'api-token': [] }],
};

interface Description {
  paths: Record<string, Record<string, Operation>>;
}

/** Every body that is shown for a request, of each type. */
function requestExamples({ paths }: Description): { name: string; type: string; body: object }[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { requestBody }]) =>
      Object.entries(requestBody?.content ?? {}).flatMap(
        ([type, { example = {}, examples = { it: { value: example } } }]) =>
          Object.values(examples).map(({ value: body }) => ({ name: `${method.toUpperCase()} ${path}`, type, body })),
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
    for (const { method, url, config } of served) {
      const operation = paths[url.replace(/:(\w+)/g, '{$1}')]?.[[method].flat().join().toLowerCase()];
      const { access, dialect } = config ?? {};
      const isLimited = access?.scheme === 'app' || (access?.scheme === 'public' && access.limited);
      expect([method, url, Object.keys(operation?.responses ?? {})]).toEqual([
        method,
        url,
        expect.arrayContaining([
          ...['400', '500'],
          ...(dialect !== undefined ? ['503'] : []),
          ...(access?.scheme !== 'public' ? ['401'] : []),
          ...(isLimited ? ['429'] : []),
          ...(method !== 'GET' ? ['413', '415'] : []),
          ...(operation?.requestBody && dialect === 'account' ? ['422'] : []),
          ...(url.includes(':') && dialect === 'account' ? ['404'] : []),
        ]),
      ]);
      if (method !== 'DELETE') expect([url, operation?.requestBody !== undefined]).toEqual([url, method !== 'GET']);
      expect([url, operation?.security]).toEqual([url, SECURITY[access?.scheme ?? 'none'] ?? expect.anything()]);
      for (const [code, response] of Object.entries(operation?.responses ?? {})) {
        if (/^(204|3\d\d)$/.test(code)) continue;
        const { example, examples } = response.content?.['application/json'] ?? {};
        const shown = examples ? Object.values(examples).map(({ value }) => value) : [example];
        for (const one of shown) {
          expect([url, code, one]).toEqual([url, code, expect.any(Object)]);
          if (dialect !== 'account' || Number(code) < 400) continue;
          expect(one).toMatchObject({ id: expect.stringMatching(/^[a-z_]+$/), message: expect.any(String) });
        }
      }
    }
  });

  it('shows requests that are understood as they stand', async () => {
    const admin = await signedInAdmin(server);
    const { id, token } = await signUp(server);
    // Whom the examples are about. Its email stays free for the example of a sign-up.
    await database.query('INSERT INTO accounts (id) VALUES ($1)', [EXAMPLE_ID]);
    const credentials = { ...bearer(token), ...admin.headers };
    // Refresh and reset tokens are nobody's.
    const expected: Record<string, number> = { 'PUT /account/session': 401, 'PUT /account/password': 422 };
    const examples = requestExamples(describeApi(server.app, server.config.publicUrl) as unknown as Description);
    expect(examples.length).toBeGreaterThanOrEqual(15);
    for (const { name, type, body } of examples) {
      const [method = '', template = ''] = name.split(' ');
      const path = template.replace('/accounts/{id}', `/accounts/${id}`).replace(/\{(\w+)\}/g, 'example');
      const text = type.endsWith('json') ? JSON.stringify(body) : new URLSearchParams({ ...body }).toString();
      const answer = await server.call(method, path, text, { 'content-type': type, ...credentials });
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
    expect(guards).toMatchObject({
      'POST /accounts': limited,
      'POST /account/session': limited,
      'PUT /account/session': limited,
      'POST /account/password': limited,
      'PUT /account/password': limited,
      'DELETE /account/session': session,
      'PUT /accounts/:id': session,
      'GET /accounts/:id': session,
      'HEAD /accounts/:id': session,
      'GET /.well-known/jwks.json': open,
      'GET /healthz': open,
      'GET /readyz': open,
      'GET /password/reset': open,
    });
    expect(Object.entries(guards).filter(([, access]) => access === undefined)).toEqual([]);
  });

  it('and nobody gets past it without a credential', async () => {
    const guarded = routes.filter(({ config }) => config?.access && config.access.scheme !== 'public');
    expect(guarded.length).toBeGreaterThanOrEqual(4);
    for (const { method, url } of guarded) {
      const path = url.replace(/:\w+/g, 'f47ac10b-58cc-4372-a567-0e02b2c3d479');
      const answer = await send(server, { method: [method].flat().join(), path });
      expect([method, url, answer.status]).toEqual([method, url, 401]);
      expect(answer.headers.get('www-authenticate')).toMatch(/^(Bearer|App-Token)/);
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
    const spy = jest.spyOn(AppModule, 'with').mockImplementation((surroundings): DynamicModule => ({
      ...build(surroundings),
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
  it('holds no secret, at its most talkative, whatever fails', async () => {
    const one = await another();
    const fastify = one.app.getHttpAdapter().getInstance() as unknown as { log: { level: string } };
    fastify.log.level = 'trace';
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
    await ask(405, 'PATCH', `/accounts/${third.token}`, { password: password('four') });
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
});

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await condition());) {
    if (Date.now() > deadline) throw new Error('It did not happen within ten seconds.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
