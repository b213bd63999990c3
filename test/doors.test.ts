import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Config } from '../src/config/config.js';
import type { Door, DoorAddress } from '../src/config/doors.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { send } from './support/raw-http.js';
import { RawSocket } from './support/raw-socket.js';
import { call, startServer, type Answer, type TestServer } from './support/server.js';
import { signedInAdmin } from './support/tokens.js';

let database: TestDatabase;
const servers: TestServer[] = [];

beforeAll(async () => {
  database = await createDatabase();
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

afterAll(async () => {
  await database.drop();
});

const METRICS: DoorAddress = { door: 'metrics', host: '127.0.0.1', port: 0 };
const ADMIN: DoorAddress = { door: 'admin', host: '127.0.0.1', port: 0 };

async function start(overrides: Partial<Config>): Promise<TestServer> {
  const server = await startServer(database.connection, overrides);
  servers.push(server);
  return server;
}

/** Asks at one door. */
const at = (server: TestServer, door: Door, path: string, method = 'GET', headers = {}, body?: unknown) =>
  call(`${server.doors[door] ?? ''}${path}`, method, body, headers);

/** What of an answer is the same each time. */
function lasting({ status, headers, body }: Answer) {
  const kept = [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
  return { status, headers: Object.fromEntries(kept), body: body as unknown };
}

describe('METRICS_PORT', () => {
  it('has the metrics and the probes, and nothing else', async () => {
    const server = await start({ otherDoors: [METRICS] });
    expect(await at(server, 'metrics', '/metrics')).toMatchObject({
      status: 200,
      body: expect.stringContaining('latchkey_build_info'),
    });
    for (const path of ['/healthz', '/readyz', '/readyz/']) {
      expect((await at(server, 'metrics', path)).status).toBe(200);
      expect((await at(server, 'public', path)).status).toBe(200);
    }
    for (const path of [
      '/docs',
      '/docs-json',
      '/.well-known/jwks.json',
      '/accounts',
      '/api/v1/accounts',
      '/oauth/token',
    ])
      for (const method of ['GET', 'POST', 'OPTIONS'])
        expect([path, method, (await at(server, 'metrics', path, method)).status]).toEqual([path, method, 404]);
    expect((await at(server, 'public', '/docs')).status).toBe(200);
    expect((await at(server, 'public', '/.well-known/jwks.json')).status).toBe(200);
  });

  it('takes the metrics off the public port, where they are answered like what there never was', async () => {
    const server = await start({ otherDoors: [METRICS] });
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
      const [hidden, unknown] = [
        await at(server, 'public', '/metrics', method),
        await at(server, 'public', '/nowhere', method),
      ];
      expect(lasting(hidden)).toEqual(lasting(unknown));
      expect(hidden.status).toBe(404);
    }
    const { body } = (await at(server, 'metrics', '/metrics')) as { body: string };
    expect(body).toContain('latchkey_http_requests_total{method="GET",route="none",status="404"} 2');
    expect(body).not.toMatch(/latchkey_http_requests_total\{.*route="\/metrics",status="404"/);
  });

  it('counts what was asked at any port, and says 405 where there is a route with another method', async () => {
    const server = await start({ otherDoors: [METRICS] });
    const refused = await at(server, 'metrics', '/metrics', 'POST');
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await at(server, 'metrics', '/accounts', 'PATCH')).headers.get('allow')).toBeNull();
    await at(server, 'public', '/.well-known/jwks.json');
    const { body } = (await at(server, 'metrics', '/metrics')) as { body: string };
    expect(body).toMatch(
      /latchkey_http_requests_total\{method="GET",route="\/\.well-known\/jwks\.json",status="200"\} 1/,
    );
  });

  it('is not ready either while the server stops, and then closed', async () => {
    const server = await startServer(database.connection, { otherDoors: [METRICS, ADMIN] });
    const stopped = server.close(2);
    for (const door of ['metrics', 'admin', 'public'] as const) {
      const answer = await at(server, door, '/readyz');
      expect([door, answer.status, answer.headers.get('connection')]).toEqual([door, 503, 'close']);
    }
    expect((await at(server, 'metrics', '/metrics')).status).toBe(200);
    await stopped;
    for (const door of ['metrics', 'admin', 'public'] as const)
      await expect(at(server, door, '/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('ADMIN_PORT', () => {
  it('has every route, and keeps the docs and the routes of admins off the public port', async () => {
    const server = await start({ otherDoors: [METRICS, ADMIN] });
    const admin = await signedInAdmin(server);
    for (const path of ['/api/v1/accounts/', '/api/v1/audit_events/', '/api/v1/oauth_clients/']) {
      expect((await at(server, 'admin', path, 'GET', admin.headers)).status).toBe(200);
      const hidden = await at(server, 'public', path, 'GET', admin.headers);
      expect(lasting(hidden)).toEqual(lasting(await at(server, 'public', '/api/v1/nowhere', 'GET', admin.headers)));
      expect(hidden.body).toEqual({ errors: { request: 'Not found.' } });
    }
    for (const path of ['/docs', '/docs-json', '/docs/swagger-ui.css']) {
      expect((await at(server, 'admin', path)).status).toBe(200);
      expect(lasting(await at(server, 'public', path))).toEqual(lasting(await at(server, 'public', '/nowhere')));
    }
    for (const path of ['/metrics', '/readyz', '/healthz', '/.well-known/jwks.json'])
      expect((await at(server, 'admin', path)).status).toBe(200);
    expect((await at(server, 'admin', '/api/v1/tokens/', 'GET', admin.headers)).status).toBe(200);
    expect((await at(server, 'public', '/api/v1/tokens/', 'GET', admin.headers)).status).toBe(200);
  });

  it('refuses what is hidden whatever is sent there, as it refuses what is unknown', async () => {
    const server = await start({ otherDoors: [ADMIN] });
    const json = { 'content-type': 'application/json' };
    for (const [headers, body] of [
      [json, '{"email":'],
      [json, `"${'x'.repeat(100_000)}"`],
      [{ 'content-type': 'application/xml' }, '<a/>'],
      [{ ...json, 'app-token': 'x', token: 'y' }, '{}'],
    ] as const)
      for (const method of ['POST', 'DELETE', 'PATCH']) {
        const hidden = await at(server, 'public', '/api/v1/accounts', method, headers, body);
        expect(lasting(hidden)).toEqual(lasting(await at(server, 'public', '/api/v1/nowhere', method, headers, body)));
        expect(hidden.status).not.toBe(405);
      }
  });

  it.each(['GET', 'HEAD', 'POST', 'OPTIONS', 'TRACE', 'PURGE'])(
    'hides them however they are spelt, as what there never was is hidden: %s',
    async (method) => {
      const server = await start({ otherDoors: [METRICS, ADMIN] });
      const spellings = [
        (name: string) => `http://127.0.0.1:1/${name}`,
        (name: string) => `https://x@other.example/${name}/`,
        (name: string) => `//${name}`,
        (name: string) => `/x/../${name}`,
        (name: string) => `/${name}/..;/${name}`,
        (name: string) => `/${name};a=b`,
        (name: string) => `/${name}%2F`,
        (name: string) => `/${name.toUpperCase()}`,
        (name: string) => `/${name.replace('o', '%6f').replace('e', '%65')}`,
      ];
      const headers = { 'x-http-method-override': 'GET', 'x-forwarded-port': '1', 'x-original-url': '/metrics' };
      const ask = async (path: string) =>
        lasting(await send({ url: server.doors.public ?? '' }, { method, path, headers }));
      for (const spell of spellings)
        for (const [hidden, unknown] of [
          ['api/v1/accounts', 'api/v1/nobodies'],
          ['api/v1/oauth_clients/x', 'api/v1/oauth_nobody/x'],
          ['docs', 'noth'],
          ['metrics', 'nothing'],
        ] as const)
          expect([spell(hidden), await ask(spell(hidden))]).toEqual([spell(hidden), await ask(spell(unknown))]);
    },
  );

  it('leaves the metrics on the public port, when they have no port of their own', async () => {
    const server = await start({ otherDoors: [ADMIN] });
    expect((await at(server, 'public', '/metrics')).status).toBe(200);
  });

  it('has a description that leads back there, and the metadata name no docs', async () => {
    const server = await start({ otherDoors: [ADMIN] });
    const { body } = await at(server, 'admin', '/docs-json');
    expect(body.servers).toEqual([{ url: '/' }]);
    expect(body.components.securitySchemes.oauth2.flows.clientCredentials.tokenUrl).toBe('/oauth/token');
    const metadata = await at(server, 'public', '/.well-known/oauth-authorization-server');
    expect(metadata.body).not.toHaveProperty('service_documentation');
    expect(metadata.body.token_endpoint).toBe('http://latchkey.test/oauth/token');
  });

  it('limits and counts as the public port does, for the same client', async () => {
    const server = await start({ otherDoors: [ADMIN], rateLimitPerMinute: 2 });
    const signIn = (door: Door) =>
      at(server, door, '/account/session', 'POST', {}, { account: { email: 'nobody@example.org', password: 'wrong' } });
    expect([(await signIn('admin')).status, (await signIn('public')).status]).toEqual([401, 401]);
    expect([(await signIn('admin')).status, (await signIn('public')).status]).toEqual([429, 429]);
  });
});

describe('DOCS=off', () => {
  it('has no docs at any port', async () => {
    const server = await start({ docs: false, otherDoors: [ADMIN] });
    for (const path of ['/docs', '/docs/', '/docs/index.html', '/docs-json', '/docs/swagger-ui-bundle.js'])
      for (const door of ['public', 'admin'] as const)
        expect(lasting(await at(server, door, path))).toEqual(lasting(await at(server, door, '/nowhere')));
    expect((await at(server, 'public', '/.well-known/openid-configuration')).body).not.toHaveProperty(
      'service_documentation',
    );
  });

  it('changes nothing else where there is one port', async () => {
    const server = await start({ docs: false });
    expect((await at(server, 'public', '/docs')).status).toBe(404);
    expect((await at(server, 'public', '/metrics')).status).toBe(200);
    expect((await at(server, 'public', '/api/v1/accounts')).status).toBe(401);
  });
});

it('A slow peer at one port is cut off as at the others', async () => {
  const server = await startServer(database.connection, { otherDoors: [METRICS] }, { head: 300, checkEvery: 50 });
  servers.push(server);
  const socket = await RawSocket.open(server.doors.metrics ?? '');
  await socket.send('GET /metrics HTTP/1.1\r\nHost: a\r\n').ended();
  expect(socket.statuses).toEqual([408]);
});
