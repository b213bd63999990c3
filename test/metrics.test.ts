import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SWEEP_LOCK } from '../src/database/locks.js';
import { migrationNames } from '../src/database/migrate.js';
import { Sweeper } from '../src/database/sweeper.service.js';
import { Metrics, type CredentialKind } from '../src/metrics/metrics.service.js';
import { TOKEN_KINDS, type TokenKind } from '../src/tokens/token-kinds.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { whileLocked } from './support/locks.js';
import { newAccessToken, newClient, postForm, rawBasic, type Client } from './support/oauth.js';
import { eventually } from './support/process.js';
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

const changed = (text: string) => text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');

describe('Checks of credentials are counted', () => {
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
      // Only when its body has been read is it found that there is no such thing.
      await server.call('POST', '/api/v1/oauth_clients//revoke', {});
    });
    const scrape = requests('GET', '/metrics', 200);
    expect(grown).toEqual({
      [scrape]: 1,
      [requests('GET', '/accounts/:id', 200)]: 1,
      [requests('GET', '/accounts/:id', 404)]: 1,
      [requests('GET', 'none', 404)]: 1,
      [requests('DELETE', 'none', 405)]: 1,
      [requests('PROPFIND', 'none', 404)]: 1,
      [requests('POST', 'none', 404)]: 1,
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

describe('What saturates and what fails is shown:', () => {
  const value = async (name: string) => (await numbersOf(server)).get(name);
  const oneOf = (name: string, labels: string) => `${name}{${labels}}`;

  it('connections to the database, and for how long requests wait for one', async () => {
    const numbers = await numbersOf(server);
    const connections = (pool: string, state: string) =>
      numbers.get(`latchkey_database_connections{pool="${pool}",state="${state}"}`);
    expect(connections('requests', 'idle')).toBeGreaterThan(0);
    expect(connections('direct', 'used')).toBe(0);
    expect(numbers.get('latchkey_database_waiting{pool="requests"}')).toBe(0);
    expect(numbers.get('latchkey_database_connections_max{pool="requests"}')).toBeGreaterThan(1);
    const waits = async () => (await value('latchkey_database_wait_seconds_count')) ?? NaN;
    const before = await waits();
    await get('/api/v1/accounts/', admin.headers);
    expect(await waits()).toBeGreaterThan(before);
  });

  it('nobody who waits for a connection where one is idle, not even whoever asks for the numbers', async () => {
    const other = await startServer(database.connection, {}, {}, { runsBackgroundJobs: false });
    try {
      await signUp(other);
      const numbers = await numbersOf(other);
      expect(numbers.get('latchkey_database_connections{pool="requests",state="idle"}')).toBeGreaterThan(0);
      expect(numbers.get('latchkey_mails_waiting')).toBeGreaterThanOrEqual(0);
      expect(numbers.get('latchkey_database_waiting{pool="requests"}')).toBe(0);
    } finally {
      await other.close();
    }
  });

  it('what is remembered, and what had to be looked up', async () => {
    const token = await newApiToken(server, admin.appToken, 'GATEWAY_ACCOUNT_1');
    const asked = (outcome: string) => `latchkey_cache_requests_total{cache="tokens",outcome="${outcome}"}`;
    const check = () => get('/v1/api/auth', bearer(token));
    const entries = (await value('latchkey_cache_entries{cache="tokens"}')) ?? NaN;
    expect(await growth('latchkey_cache_requests_total', check)).toEqual({ [asked('miss')]: 1 });
    expect(await value('latchkey_cache_entries{cache="tokens"}')).toBe(entries + 1);
    expect(await growth('latchkey_cache_requests_total', check)).toEqual({ [asked('hit')]: 1 });
  });

  it('that revocations are received, how many were, and how long they were on their way', async () => {
    const received = async () => (await value('latchkey_revocations_received_total')) ?? NaN;
    const before = await received();
    const { token } = await signUp(server);
    expect((await server.call('DELETE', '/account/session', undefined, bearer(token))).status).toBe(200);
    await eventually(async () => {
      expect(await received()).toBeGreaterThan(before);
    });
    expect(await value('latchkey_revocations_connected')).toBe(1);
    expect(await value('latchkey_revocations_lag_seconds_count')).toBeGreaterThan(0);
  });

  it('passwords: how many are hashed, wait and are refused, and how long one takes', async () => {
    const hashed = async () => (await value('latchkey_hashing_seconds_count')) ?? NaN;
    const before = await hashed();
    const wrong = { account: { email: account.email, password: 'not the password' } };
    expect((await server.call('POST', '/account/session', wrong)).status).toBe(401);
    expect(await hashed()).toBeGreaterThan(before);
    const numbers = await numbersOf(server);
    const names = ['threads', 'running', 'waiting', 'refused_total'];
    const [threads, ...idle] = names.map((name) => numbers.get(`latchkey_hashing_${name}`));
    expect([Number(threads) > 0, idle]).toEqual([true, [0, 0, 0]]);
  });

  it('tokens that are issued', async () => {
    const issued = (kind: string) => oneOf('latchkey_tokens_issued_total', `kind="${kind}"`);
    const grown = await growth('latchkey_tokens_issued_total', async () => {
      await newApiToken(server, admin.appToken, 'GATEWAY_ACCOUNT_1');
      await newAccessToken(server, client);
      await server.call('POST', '/api/v1/app_tokens/', {}, admin.headers);
    });
    expect(grown).toEqual({ [issued('api')]: 1, [issued('oauth')]: 1, [issued('app')]: 1 });
  });

  it('why tokens are refused', async () => {
    const refused = (reason: string) => oneOf('latchkey_token_refusals_total', `kind="api",reason="${reason}"`);
    const grown = await growth('latchkey_token_refusals_total', async () => {
      await get('/v1/api/auth', bearer('nonsense'));
      await get('/v1/api/auth', bearer(changed(apiToken)));
      await get('/v1/api/auth', bearer(TOKEN_KINDS.api.format.mint('live')));
    });
    // A changed character is found by the checksum.
    expect(grown).toEqual({ [refused('malformed')]: 2, [refused('invalid')]: 1 });
  });

  it('events of the audit log, which no limit and no failure escapes', async () => {
    const event = (kind: string, outcome: string) =>
      oneOf('latchkey_audit_events_total', `kind="${kind}",outcome="${outcome}"`);
    const grown = await growth('latchkey_audit_events_total', async () => {
      await server.call('POST', '/account/session', { account: { email: account.email, password: account.password } });
      await server.call('POST', '/account/session', {
        account: { email: account.email, password: 'not the password' },
      });
    });
    expect(grown).toEqual({ [event('sign_in', 'success')]: 1, [event('sign_in', 'failure')]: 1 });
    const issued = await growth('latchkey_audit_events_total', async () => {
      await newApiToken(server, admin.appToken, 'GATEWAY_ACCOUNT_1');
      const ended = { account_id: 'GATEWAY_ACCOUNT_1', description: 'late', expires_at: '2020-01-01T00:00:00Z' };
      expect((await server.call('POST', '/v1/frontend/auth', ended, { 'app-token': admin.appToken })).status).toBe(400);
    });
    expect(issued).toEqual({ [event('token.issued', 'success')]: 1 });
  });

  it('mails that wait, and the migration of the database, unless it is away', async () => {
    const fresh = await startServer(database.connection);
    const numbers = await numbersOf(fresh);
    await fresh.close();
    expect(numbers.get('latchkey_mails_waiting')).toBeGreaterThanOrEqual(0);
    expect(numbers.get('latchkey_mails_oldest_seconds')).toBeGreaterThanOrEqual(0);
    expect(migrationNames.at(-1)).toContain(String(numbers.get('latchkey_schema_migration')));
    const outcomes = ['done', 'failed', 'refused'].map((one) =>
      oneOf('latchkey_mail_attempts_total', `outcome="${one}"`),
    );
    expect(outcomes.map((name) => numbers.has(name))).toEqual([true, true, true]);
  });

  it('whether it is ready, and not while its database lacks a migration', async () => {
    const fresh = await startServer(database.connection);
    expect((await numbersOf(fresh)).get('latchkey_ready')).toBe(1);
    await fresh.close();
    const other = await startServer(database.connection);
    const [last] = await database.query<{ id: number }>(
      'DELETE FROM migrations WHERE id = (SELECT max(id) FROM migrations) RETURNING *',
    );
    const numbers = await numbersOf(other);
    await database.query('INSERT INTO migrations SELECT * FROM json_populate_record(NULL::migrations, $1)', [
      JSON.stringify(last),
    ]);
    await other.close();
    expect(numbers.get('latchkey_ready')).toBe(0);
  });

  it('refresh tokens that are shown, by what becomes of them', async () => {
    const { refreshToken } = await signUp(server, { remember: true });
    const show = async (token: string) => {
      const shownToken = { refresh_token: token, remember_me: true };
      const { body } = await server.call('PUT', '/account/session', { account: shownToken });
      return (body as { refresh_token?: string }).refresh_token ?? '';
    };
    const shown = (outcome: string) => oneOf('latchkey_session_refreshes_total', `outcome="${outcome}"`);
    const grown = await growth('latchkey_session_refreshes_total', async () => {
      const second = await show(refreshToken);
      await show(refreshToken);
      await database.query(`UPDATE sessions SET refreshed_at = refreshed_at - interval '11 seconds'`);
      await show(refreshToken);
      await show(second);
      await show(second);
      await show('nonsense');
    });
    expect(grown).toEqual({
      [shown('rotated')]: 1,
      [shown('replayed')]: 1,
      [shown('skipped')]: 1,
      [shown('reused')]: 1,
      [shown('refused')]: 2,
    });
  });

  it('sweeps, and what they have deleted of each table', async () => {
    const begun = Date.now() / 1_000;
    await database.query(
      `INSERT INTO tokens (kind, digest, hint, gateway_account_id, expires_at)
       SELECT 'api', sha256(gen_random_uuid()::text::bytea), 'abcd', 'SWEPT', now() - interval '1 year' FROM generate_series(1, 501)`,
    );
    const grown = await growth('latchkey_sweeper_rows_total', () => server.app.get(Sweeper).sweep());
    expect(grown).toEqual({ [oneOf('latchkey_sweeper_rows_total', 'table="tokens"')]: 501 });
    const numbers = await numbersOf(server);
    const runs = (outcome: string) => numbers.get(oneOf('latchkey_sweeper_runs_total', `outcome="${outcome}"`));
    expect([runs('done'), runs('failed'), runs('skipped')]).toEqual([1, 0, 0]);
    expect(numbers.get('latchkey_sweeper_seconds_count')).toBe(1);
    expect(numbers.get('latchkey_sweeper_last_run_timestamp_seconds')).toBeGreaterThanOrEqual(begun);
    expect(numbers.get(oneOf('latchkey_sweeper_rows_total', 'table="audit_events"'))).toBe(0);

    const skipped = await growth('latchkey_sweeper_runs_total', () =>
      whileLocked(database, 'SELECT pg_advisory_xact_lock($1, $2)', [...SWEEP_LOCK], () =>
        server.app.get(Sweeper).sweep(),
      ),
    );
    expect(skipped).toEqual({ [oneOf('latchkey_sweeper_runs_total', 'outcome="skipped"')]: 1 });
  });

  it('how old the key is that signs, and how old it may be', async () => {
    const numbers = await numbersOf(server);
    expect(numbers.get('latchkey_signing_key_age_seconds')).toBeGreaterThan(0);
    expect(numbers.get('latchkey_signing_key_max_age_seconds')).toBe(90 * 86_400);
  });

  it('signs of an attack, from 0 on', async () => {
    const fresh = await startServer(database.connection);
    const numbers = await numbersOf(fresh);
    await fresh.close();
    const signs = ['limit.reached', 'session.reused', 'sign_in.locked'].map((kind) =>
      numbers.get(oneOf('latchkey_audit_events_total', `kind="${kind}",outcome="refused"`)),
    );
    expect([...signs, numbers.get(oneOf('latchkey_audit_events_total', 'kind="sign_in",outcome="failure"'))]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  it('and docs/metrics.md describes each, and no other', async () => {
    const text = (await get('/metrics')).body as string;
    const shown = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => `${name ?? ''} ${type ?? ''}`);
    const page = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8');
    const described = [...page.matchAll(/^\| `(\w+)` +\| (\w+) /gm)].map(
      ([, name, type]) => `${name ?? ''} ${type ?? ''}`,
    );
    expect(described.sort()).toEqual(shown.sort());
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
    /** How often it was looked in the last 200 ms how late the event loop is. */
    const looks = async () => {
      const count = async () => numbersIn(await metrics.read()).get('nodejs_eventloop_delay_seconds_count') ?? NaN;
      const before = await count();
      await wait(200);
      return (await count()) - before;
    };
    expect(await looks()).toBeGreaterThan(0);
    await closing.close();
    expect(await looks()).toBe(0);
  });
});
