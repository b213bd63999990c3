import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import pg from 'pg';
import { loadConfig } from '../../src/config/config.js';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { createDatabase } from '../support/database.js';
import { another, database, routes, server, withRoutes, WORDED } from '../support/http.js';
import { newAccessToken, newClient } from '../support/oauth.js';
import { send } from '../support/raw-http.js';
import { bearer, newEmail, signUp, startServer, type TestServer } from '../support/server.js';

withRoutes();

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
    const isData = status === 200 && answer.headers.get('content-type')?.startsWith('application/json');
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    // No browser shows data as a page.
    if (isData) return;
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      // With `no-referrer`, browsers would not say where the form was sent from.
      'referrer-policy': path.startsWith('/wayf/') ? 'same-origin' : 'no-referrer',
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
    const visitor = { ip: '198.51.100.250', url: 'https://publisher.example/', email };
    expect((await server.call('POST', '/api/identifications', visitor, client.basic)).status).toBe(201);
    const etags = new Set<string>();
    for (const [path, control, credential] of [
      [`/accounts/${id}`, 'private, no-cache', bearer(token)],
      // The same address, and the other shape.
      [`/accounts/${id}`, 'private, no-cache', client.bearer],
      ['/api/accounts', 'private, no-cache', client.basic],
      ['/api', 'private, max-age=86400', client.bearer],
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

describe('The key that signs session tokens', () => {
  const bitsIn = (jwks: unknown) =>
    (jwks as JSONWebKeySet).keys.map(({ n }) => Buffer.from(String(n), 'base64url').length * 8);

  it('has 3,072 bits in a new installation, while a shorter one of an older one stays the one that signs', async () => {
    const { signingKeyBits } = loadConfig({});
    const [fresh, other] = [await createDatabase(), await signUp(server)];
    const installed = await startServer(fresh.connection, { signingKeyBits });
    const updated = await startServer(database.connection, { signingKeyBits });
    try {
      expect(bitsIn((await installed.call('GET', '/.well-known/jwks.json')).body)).toEqual([3_072]);
      const { id, token } = await signUp(installed);
      expect((await installed.call('GET', `/accounts/${id}`, undefined, bearer(token))).status).toBe(200);
      expect(bitsIn((await updated.call('GET', '/.well-known/jwks.json')).body)).toEqual([2_048]);
      expect((await updated.call('GET', `/accounts/${other.id}`, undefined, bearer(other.token))).status).toBe(200);
    } finally {
      await installed.close();
      await updated.close();
      await fresh.drop();
    }
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
    const [{ id, email, token }, client] = [await signUp(server), await clientWithToken()];
    const visitor = { ip: '198.51.100.250', url: 'https://publisher.example/', email };
    expect((await server.call('POST', '/api/identifications', visitor, client.basic)).status).toBe(201);
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
      // There is no logo here.
      if (url !== '/brand/logo') expect(one?.status).not.toBe(404);
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
