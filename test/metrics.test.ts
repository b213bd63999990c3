import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Metrics, type CredentialKind } from '../src/metrics/metrics.service.js';
import { TOKEN_KINDS, type TokenKind } from '../src/tokens/token-kinds.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newAccessToken, newClient, postForm, rawBasic, type Client } from './support/oauth.js';
import { send } from './support/raw-http.js';
import { bearer, signUp, startServer, type TestServer } from './support/server.js';
import { newApiToken, signedInAdmin, type User } from './support/tokens.js';

let database: TestDatabase;
let server: TestServer;
let admin: User;
let client: Client;
let account: Awaited<ReturnType<typeof signUp>>;
let apiToken: string;
let accessToken: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  admin = await signedInAdmin(server);
  client = await newClient(server);
  account = await signUp(server, { remember: true });
  apiToken = await newApiToken(server, admin.appToken, 'GATEWAY_ACCOUNT_1');
  accessToken = await newAccessToken(server, client);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

/** Every number by its name and labels, as they are written. */
function numbersIn(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

async function numbersOf(one: TestServer): Promise<Map<string, number>> {
  // A request is counted when its answer has been sent, which its client may see first.
  await wait(20);
  return numbersIn((await one.call('GET', '/metrics')).body as string);
}

/** @returns what has grown meanwhile, and by how much, of the metrics with this name */
async function growth(name: string, act: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await numbersOf(server);
  await act();
  const grown = [...(await numbersOf(server))].map(([key, value]) => [key, value - (before.get(key) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([key, by]) => key.startsWith(`${name}{`) && by > 0));
}

const checks = (kind: CredentialKind, outcome: string) =>
  `latchkey_credential_checks_total{kind="${kind}",outcome="${outcome}"}`;
const requests = (method: string, route: string, status: number) =>
  `latchkey_http_requests_total{method="${method}",route="${route}",status="${status}"}`;

const get = (path: string, headers?: Record<string, string>) => server.call('GET', path, undefined, headers);

describe('Checks of credentials are counted', () => {
  const changed = (text: string) => text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');
  const form = (secret: string) => postForm(server, '/oauth/token', { client_id: client.id, client_secret: secret });

  it.each<[kind: CredentialKind, place: string, good: () => Promise<unknown>, bad: () => Promise<unknown>]>([
    [
      'app',
      'App-Token with the scope frontend',
      () => get('/v1/frontend/auth/1', { 'app-token': admin.appToken }),
      () => get('/v1/frontend/auth/1', { 'app-token': changed(admin.appToken) }),
    ],
    [
      'app',
      'App-Token',
      () => server.call('POST', '/api/v1/token/', {}, { 'app-token': admin.appToken }),
      () => server.call('POST', '/api/v1/token/', {}, { 'app-token': 'nonsense' }),
    ],
    [
      'api',
      'API token',
      () => get('/v1/api/auth', bearer(apiToken)),
      () => get('/v1/api/auth', bearer(changed(apiToken))),
    ],
    ['oauth', 'access token', () => get('/api', bearer(accessToken)), () => get('/api', bearer(changed(accessToken)))],
    [
      'session',
      'JWT of a session',
      () => get(`/accounts/${account.id}`, bearer(account.token)),
      () => get(`/accounts/${account.id}`, bearer(account.token.slice(0, -10))),
    ],
    ['client', 'id and secret', () => get('/api', client.basic), () => get('/api', rawBasic(`${client.id}:nonsense`))],
    ['client', 'id and secret in a form', () => form(client.secret), () => form('nonsense')],
    ['client', 'Basic', () => postForm(server, '/oauth/token', {}, client.basic), () => get('/api', rawBasic('%'))],
  ])('%s: %s', async (kind, _place, good, bad) => {
    expect(await growth('latchkey_credential_checks_total', good)).toEqual({ [checks(kind, 'accepted')]: 1 });
    expect(await growth('latchkey_credential_checks_total', bad)).toEqual({ [checks(kind, 'refused')]: 1 });
  });

  it('app and user: each of both headers by itself', async () => {
    const listed = (headers: Record<string, string>) => () => get('/api/v1/tokens/', headers);
    expect(await growth('latchkey_credential_checks_total', listed(admin.headers))).toEqual({
      [checks('app', 'accepted')]: 1,
      [checks('user', 'accepted')]: 1,
    });
    const wrong = { ...admin.headers, token: changed(admin.token) };
    expect(await growth('latchkey_credential_checks_total', listed(wrong))).toEqual({
      [checks('app', 'accepted')]: 1,
      [checks('user', 'refused')]: 1,
    });
  });

  it('and nothing is where none was presented', async () => {
    const grown = await growth('latchkey_credential_checks_total', async () => {
      for (const path of ['/api', '/accounts/x', '/v1/api/auth', '/v1/frontend/auth/1', '/api/v1/tokens/']) {
        expect([path, (await get(path)).status]).toEqual([path, 401]);
      }
      expect((await postForm(server, '/oauth/token', { client_id: client.id })).status).toBe(401);
      expect((await get('/healthz', bearer(apiToken))).status).toBe(200);
    });
    expect(grown).toEqual({});
  });

  it('and nothing is where nothing was found out', async () => {
    const unseen = await newApiToken(server, admin.appToken, 'GATEWAY_ACCOUNT_1');
    const grown = await growth('latchkey_credential_checks_total', async () => {
      await database.query('ALTER TABLE tokens RENAME TO tokens_gone');
      expect((await get('/v1/api/auth', bearer(unseen))).status).toBe(500);
      await database.query('ALTER TABLE tokens_gone RENAME TO tokens');
    });
    expect(grown).toEqual({});
  });

  it('from 0 on', async () => {
    const fresh = await startServer(database.connection);
    const numbers = [...(await numbersOf(fresh))].filter(([key]) => key.startsWith('latchkey_credential_checks_total'));
    await fresh.close();
    const kinds: CredentialKind[] = [...(Object.keys(TOKEN_KINDS) as TokenKind[]), 'session', 'client'];
    const all = kinds.flatMap((kind) => [checks(kind, 'accepted'), checks(kind, 'refused')]);
    expect(numbers.map(([key]) => key).sort()).toEqual(all.sort());
    expect(new Set(numbers.map(([, value]) => value))).toEqual(new Set([0]));
  });
});

describe('Requests are counted', () => {
  it('by the pattern of their route, never by their URL', async () => {
    const grown = await growth('latchkey_http_requests_total', async () => {
      await get(`/accounts/${account.id}`, bearer(account.token));
      await get('/accounts/somebody-else/', bearer(account.token));
      await get(`/nowhere/${account.id}?token=${apiToken}`);
      await server.call('DELETE', `/accounts/${account.id}`);
      await send(server, { method: 'PROPFIND', path: '/nowhere/at-all' });
      await get('/docs/');
    });
    const scrape = requests('GET', '/metrics', 200);
    expect(grown).toEqual({
      [scrape]: 1,
      [requests('GET', '/accounts/:id', 200)]: 1,
      [requests('GET', '/accounts/:id', 404)]: 1,
      [requests('GET', 'none', 404)]: 1,
      [requests('DELETE', 'none', 405)]: 1,
      [requests('PROPFIND', 'none', 404)]: 1,
      [requests('GET', '/docs', 200)]: 1,
    });
  });

  it('and timed', async () => {
    const seconds = 'latchkey_http_request_seconds';
    const labels = 'method="POST",route="/account/session"';
    const signIn = { account: { email: account.email, password: account.password } };
    const act = () => server.call('POST', '/account/session', signIn);
    expect(await growth(`${seconds}_count`, act)).toMatchObject({ [`${seconds}_count{${labels}}`]: 1 });
    const sum = (await growth(`${seconds}_sum`, act))[`${seconds}_sum{${labels}}`];
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(30);
  });
});

describe('GET /metrics', () => {
  it('is what Prometheus reads, as it is described, and nothing that a cache keeps', async () => {
    const { status, headers, body } = await get('/metrics');
    expect([status, headers.get('content-type'), headers.get('cache-control')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
      'no-store',
    ]);
    const lines = (body as string).split('\n').filter((line) => line !== '');
    expect(
      lines.filter((line) => !/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? \S+)$/.test(line)),
    ).toEqual([]);
    expect(body).toMatch(/^process_cpu_seconds_total \d/m);
    expect(server.answers.undescribed()).toEqual([]);
  });

  it('holds no secret, no id and nothing else of what clients have sent', async () => {
    const { body } = await get('/metrics', { 'x-request-id': 'my-own-request', 'user-agent': 'my-own-agent' });
    const sent = [
      ...[admin.id, admin.email, admin.appToken, admin.token, client.id, client.secret, apiToken, accessToken],
      ...[account.id, account.email, account.token, account.refreshToken, account.token.split('.')[1]],
      ...['GATEWAY_ACCOUNT_1', 'somebody-else', 'nowhere', 'nonsense', 'my-own', 'example.org', '127.0.0.1'],
    ];
    expect(sent.filter((text = '') => text === '' || (body as string).includes(text))).toEqual([]);
  });

  it('is of one server: two in a process count apart', async () => {
    const other = await startServer(database.connection);
    await other.call('GET', '/v1/api/auth', undefined, bearer(apiToken));
    const grown = await growth('latchkey_credential_checks_total', () =>
      other.call('GET', '/v1/api/auth', undefined, bearer(apiToken)),
    );
    const numbers = await numbersOf(other);
    await other.close();
    expect(grown).toEqual({});
    expect(numbers.get(checks('api', 'accepted'))).toBe(2);
    expect(numbers.get(requests('GET', '/v1/api/auth', 200))).toBe(2);
  });
});

describe('A server that is closed', () => {
  it('observes the process no longer', async () => {
    const closing = await startServer(database.connection);
    const metrics = closing.app.get(Metrics);
    /** How late the event loop was in the last 100 ms. */
    const seen = async () => {
      await metrics.read();
      await wait(100);
      return numbersIn(await metrics.read()).get('nodejs_eventloop_lag_p99_seconds') ?? NaN;
    };
    expect(await seen()).toBeGreaterThan(0);
    await closing.close();
    expect(await seen()).toBe(0);
  });
});
