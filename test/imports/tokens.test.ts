import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ForeignTokenStore } from '../../src/tokens/foreign-tokens.store.js';
import { VerifiedTokenStore } from '../../src/tokens/verified-tokens.store.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { cleanUpReports, importRecords, type Imported } from '../support/imports.js';
import { basic, postForm } from '../support/oauth.js';
import { bearer, newEmail, signUp, startServer, type TestServer } from '../support/server.js';
import { logIn, rowOf, signedInAdmin, signedInUser, tokenHeaders, type User } from '../support/tokens.js';

let database: TestDatabase;
let server: TestServer;
/** On the same database. */
let other: TestServer;
let admin: User;
let user: User;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { maxAppTokensPerAccount: 5, maxSessionsPerAccount: 5 });
  other = await startServer(database.connection);
  admin = await signedInAdmin(server);
  user = await signedInUser(server);
  await proveEmail(user.id);
});

const proveEmail = (id: string) => database.query('UPDATE accounts SET email_verified_at = now() WHERE id = $1', [id]);

afterEach(cleanUpReports);

afterAll(async () => {
  await other.close();
  await server.close();
  await database.drop();
});

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const made = (count: number) => ({ records: count, made: count, changed: 0, unchanged: 0, refused: 0 });
const authenticate = (token: string, at = server) => at.call('GET', '/v1/api/auth', undefined, bearer(token));
const frontend = (method: string, path: string, body?: unknown) =>
  server.call(method, `/v1/frontend/auth${path}`, body, { 'app-token': admin.appToken });
const newAccount = () => `GATEWAY-${randomUUID()}`;
const apiToken = (token: string, more: object = {}) => ({
  type: 'api_token',
  token,
  account_id: newAccount(),
  ...more,
});
const rows = (id: string) => database.query<Record<string, any>>('SELECT * FROM tokens WHERE id = $1', [id]);

async function imported(records: unknown[], options = {}): Promise<Imported> {
  const result = await importRecords(server, records, options);
  expect([result.counts, result.refused]).toEqual([made(records.length), {}]);
  return result;
}

async function reasons(record: object, options = {}): Promise<Record<string, string> | undefined> {
  return (await importRecords(server, [record], options)).refused[1];
}

describe('Before anything is imported', () => {
  it('what can be no token of ours costs no statement, but one a minute that asks whether something was', async () => {
    await authenticate('nonsense');
    const finds = jest.spyOn(VerifiedTokenStore.prototype, 'findGood');
    const asks = jest.spyOn(ForeignTokenStore.prototype, 'stored');
    for (let count = 0; count < 20; count += 1) expect((await authenticate(`nonsense${count}`)).status).toBe(401);
    expect((await server.call('GET', '/api/v1/tokens/', undefined, tokenHeaders('a', 'b'))).status).toBe(401);
    expect([finds.mock.calls.length, asks.mock.calls.length]).toEqual([0, 0]);
    finds.mockRestore();
    asks.mockRestore();
  });
});

describe.each<[string, () => string]>([
  ['a UUID', () => randomUUID()],
  ['a word', () => `w${randomBytes(3).toString('hex')}`],
  ['64 hexadecimal characters', () => randomBytes(32).toString('hex')],
  ['our form', () => randomBytes(16).toString('hex')],
  ['5,000 characters', () => randomBytes(2_500).toString('hex')],
  ['base64', () => `${randomBytes(20).toString('base64url')}/+~.==`],
])('A token of another service that is %s', (_, newToken) => {
  it.each(['token', 'token_digest'])('is accepted by %s on every route of its document', async (by) => {
    const [app, own, api] = [newToken(), newToken(), newToken()];
    const kept = (token: string) => (by === 'token' ? { token } : { token_digest: sha256(token) });
    await imported([
      { type: 'app_token', account: user.email, ...kept(app) },
      { type: 'user_token', account: user.id, ...kept(own) },
      { type: 'api_token', account_id: 'GATEWAY', ...kept(api) },
    ]);
    for (const at of [server, other]) {
      expect((await at.call('GET', '/api/v1/tokens/', undefined, tokenHeaders(app, own))).status).toBe(200);
      expect((await at.call('GET', '/api/v1/tokens/', undefined, tokenHeaders(own, app))).status).toBe(401);
      expect((await authenticate(api, at)).body).toMatchObject({ account_id: 'GATEWAY', token_type: 'CARD' });
    }
    expect(await logIn(server, app, user)).toMatch(/^[0-9a-f]{32}$/);
    const one = await server.call('GET', `/api/v1/tokens/${encodeURIComponent(own)}`, undefined, user.headers);
    // A longer path is refused before anything is asked.
    if (own.length < 1_000) expect([one.status, one.body.owner]).toEqual([200, user.id]);
    expect((await rowOf(database, api)).digest.toString('hex')).toBe(sha256(api));
    await database.query(
      `DELETE FROM tokens WHERE account_id = $1 AND created_at > now() - interval '1 minute' AND is_foreign`,
      [user.id],
    );
    await database.query('DELETE FROM tokens WHERE digest = ANY ($1)', [
      [app, own].map((token) => Buffer.from(sha256(token), 'hex')),
    ]);
    await database.query(
      `DELETE FROM tokens WHERE account_id = $1 AND id NOT IN (SELECT id FROM tokens WHERE digest = ANY ($2))`,
      [user.id, [user.appToken, user.token].map((token) => Buffer.from(sha256(token), 'hex'))],
    );
  });
});

describe('An imported token', () => {
  it('keeps its id, scopes, dates, description, name, type and service', async () => {
    const times = {
      created_at: '2015-10-10T12:12:00Z',
      expires_at: '2199-01-01T00:00:00Z',
      last_used_at: '2020-01-01T00:00:00Z',
    };
    const [api, app] = [randomUUID(), randomUUID()];
    await imported(
      [
        apiToken(`old-${api}`, {
          id: api,
          description: 'Till 7',
          created_by: 'fred@example.org',
          source: 'PRODUCTS',
          token_type: 'DIRECT_DEBIT',
          service_external_id: 'service 1',
          service_mode: 'LIVE',
          ...times,
        }),
        {
          type: 'app_token',
          id: app,
          token: `old-${app}`,
          account: admin.id,
          name: 'The till',
          scopes: ['frontend', 'client-address'],
          networks: '192.0.2.0/24',
          ...times,
        },
      ],
      { admins: true },
    );
    const dates = {
      created_at: new Date(times.created_at),
      expires_at: new Date(times.expires_at),
      last_used_at: new Date(times.last_used_at),
      revoked_at: null,
    };
    expect((await rows(api))[0]).toMatchObject({
      kind: 'api',
      hint: api.slice(-4),
      is_foreign: true,
      foreign_hash: null,
      description: 'Till 7',
      created_by: 'fred@example.org',
      source: 'PRODUCTS',
      payment_type: 'DIRECT_DEBIT',
      service_external_id: 'service 1',
      service_mode: 'LIVE',
      ...dates,
    });
    expect((await rows(app))[0]).toMatchObject({
      kind: 'app',
      account_id: admin.id,
      name: 'The till',
      scopes: ['frontend', 'client-address'],
      networks: ['192.0.2.0/24'],
      ...dates,
    });
    expect((await authenticate(`old-${api}`)).body).toMatchObject({ token_link: api, token_type: 'DIRECT_DEBIT' });
    const answer = await server.call(
      'GET',
      `/v1/frontend/auth/service/service%201/mode/live?type=products`,
      undefined,
      {
        'app-token': `old-${app}`,
      },
    );
    expect(answer.body.tokens).toMatchObject([{ token_link: api, description: 'Till 7' }]);
  });

  it('expires as a new one of its kind would, unless it says when; an API token never', async () => {
    const [app, own, api, late] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const { id, email } = await signUp(server);
    await proveEmail(id);
    await imported([
      { type: 'app_token', id: app, token: `t-${app}`, account: id },
      { type: 'user_token', id: own, token: `t-${own}`, account: email },
      apiToken(`t-${api}`, { id: api }),
      apiToken(`t-${late}`, { id: late, expires_at: '2020-01-01T00:00:00Z' }),
    ]);
    const lasts = async (token: string) => {
      const [row] = await database.query<{ s: number | null }>(
        'SELECT round(extract(epoch FROM expires_at - created_at))::float8 AS s FROM tokens WHERE id = $1',
        [token],
      );
      return row?.s;
    };
    expect([await lasts(app), await lasts(own), await lasts(api)]).toEqual([6_311_520_000, 86_400, null]);
    expect([(await authenticate(`t-${api}`)).status, (await authenticate(`t-${late}`)).status]).toEqual([200, 401]);
  });

  it('has not been made, used or revoked in the future', async () => {
    const id = randomUUID();
    const future = '2199-01-01T00:00:00Z';
    await imported([apiToken(`t-${id}`, { id, created_at: future, revoked_at: future, last_used_at: future })]);
    const [row] = await database.query(
      'SELECT greatest(created_at, revoked_at, last_used_at) <= now() AS past FROM tokens WHERE id = $1',
      [id],
    );
    expect(row).toEqual({ past: true });
  });

  it.each<[string, (made: { token: string; id: string; account: string }) => Promise<unknown>]>([
    ['by its link', ({ id, account }) => frontend('DELETE', `/${account}`, { token_link: id })],
    ['by itself', ({ token, account }) => frontend('DELETE', `/${account}`, { token })],
    ['with all of its account', ({ account }) => frontend('DELETE', `/${account}/revoke-all`)],
  ])('is listed, described and revoked %s, on all replicas at once', async (_, revoke) => {
    const [token, id, account] = [randomUUID(), randomUUID(), newAccount()];
    await imported([{ type: 'api_token', token, id, account_id: account, description: 'old' }]);
    for (const at of [server, other]) expect((await authenticate(token, at)).status).toBe(200);
    expect((await frontend('PUT', '', { token_link: id, description: 'new' })).status).toBe(200);
    expect((await frontend('GET', `/${account}`)).body.tokens).toMatchObject([{ token_link: id, description: 'new' }]);
    expect(await revoke({ token, id, account })).toMatchObject({ status: 200 });
    const gone = [401, { message: expect.any(String), error_identifier: 'AUTH_TOKEN_REVOKED', token_link: id }];
    const own = await authenticate(token);
    expect([own.status, own.body]).toEqual(gone);
    await eventuallyRefused(() => authenticate(token, other));
    const elsewhere = await authenticate(token, other);
    expect([elsewhere.status, elsewhere.body]).toEqual(gone);
  });

  it('that was revoked there is refused here as revoked', async () => {
    const [token, id] = [randomUUID(), randomUUID()];
    await imported([apiToken(token, { id, revoked_at: '2020-01-01T00:00:00Z' })]);
    const { status, body } = await authenticate(token);
    expect([status, body]).toMatchObject([401, { error_identifier: 'AUTH_TOKEN_REVOKED', token_link: id }]);
  });

  it.each<[string, (own: User) => Promise<{ status: number }>]>([
    ['is disabled', (own) => server.call('PATCH', `/api/v1/accounts/${own.id}`, { disabled: true }, admin.headers)],
    [
      'signs out',
      async (own) => {
        const { body } = await server.call('POST', '/account/session', { account: own });
        return server.call('DELETE', '/account/session', undefined, bearer(body.token as string));
      },
    ],
    [
      'changes its password',
      async ({ id, email, password }) => {
        const { body } = await server.call('POST', '/account/session', { account: { email, password } });
        const account = { email, password: 'another one' };
        return server.call('PUT', `/accounts/${id}`, { account }, bearer(body.token as string));
      },
    ],
  ])('of an account ends when that %s, on all replicas', async (_, end) => {
    const own = await signedInUser(server);
    const [app, token] = [randomUUID(), randomUUID()];
    await imported([
      { type: 'app_token', token: app, account: own.id },
      { type: 'user_token', token, account: own.id },
    ]);
    const look = (at: TestServer) => at.call('GET', '/api/v1/tokens/', undefined, tokenHeaders(app, token));
    for (const at of [server, other]) expect((await look(at)).status).toBe(200);
    expect((await end(own)).status).toBeLessThan(300);
    expect((await look(server)).status).toBe(401);
    await eventuallyRefused(() => look(other));
  });

  it('is changed and deleted by itself in the URL, by whoever has it', async () => {
    const own = await signedInUser(server);
    const token = randomUUID();
    await imported([{ type: 'app_token', token, account: own.id }]);
    const at = `/api/v1/app_tokens/${token}`;
    const changed = await server.call('PATCH', at, { name: 'Mine' }, own.headers);
    expect([changed.status, changed.body.name]).toEqual([200, 'Mine']);
    expect((await server.call('GET', at, undefined, user.headers)).status).toBe(404);
    expect((await server.call('DELETE', at, undefined, own.headers)).status).toBe(204);
    expect((await server.call('GET', '/api/v1/tokens/', undefined, tokenHeaders(token, own.token))).status).toBe(401);
  });

  it('is never in the log or the audit log, even when it looks like the id of something', async () => {
    const token = randomUUID();
    await imported([{ type: 'app_token', token, account: admin.id }]);
    await server.call('GET', `/api/v1/app_tokens/${token}`, undefined, user.headers);
    const [{ count } = { count: -1 }] = await database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM audit_events WHERE subject = $1 OR details::text LIKE '%' || $1 || '%'`,
      [token],
    );
    expect([count, server.logs.filter((line) => line.includes(token))]).toEqual([0, []]);
  });

  it('is introspected', async () => {
    const [token, id, account] = [randomUUID(), randomUUID(), newAccount()];
    await imported([
      { type: 'client', id: `client-${id}`, name: `Client ${id}`, scopes: 'tokens:introspect', secret: 's'.repeat(40) },
      { type: 'api_token', token, id, account_id: account },
    ]);
    const client = basic(`client-${id}`, 's'.repeat(40));
    const { body } = await postForm(server, '/oauth/introspect', { token }, client);
    expect(body).toMatchObject({ active: true, token_kind: 'api', jti: id, gateway_account_id: account });
  });

  it('on behalf of somebody is of both, and ends with either', async () => {
    const [app, token] = [randomUUID(), randomUUID()];
    const own = await signUp(server);
    await proveEmail(own.id);
    const actor = await signedInAdmin(server);
    await imported([
      { type: 'app_token', token: app, account: actor.id },
      { type: 'user_token', token, account: own.email, actor: actor.email },
    ]);
    const headers = tokenHeaders(app, token);
    const { body } = await server.call('GET', '/api/v1/tokens/', undefined, headers);
    expect(body.tokens).toMatchObject([{ owner: own.id, actor: actor.id }]);
    await database.query(`UPDATE tokens SET revoked_at = now() WHERE actor_id = $1`, [actor.id]);
    expect((await other.call('GET', '/api/v1/tokens/', undefined, headers)).status).toBe(401);
  });
});

async function eventuallyRefused(look: () => Promise<{ status: number }>): Promise<void> {
  for (let tries = 0; tries < 100 && (await look()).status !== 401; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect((await look()).status).toBe(401);
}

describe('A token that cannot be imported is refused, with every reason', () => {
  it.each<[string, object, Record<string, unknown>]>([
    [
      'nothing of it',
      { type: 'api_token' },
      { account_id: 'is required', token: expect.stringContaining('is required') },
    ],
    [
      'two of what the old service kept',
      { type: 'api_token', account_id: 'a', token: 'x', token_digest: sha256('x') },
      { token_digest: 'must not be given together with token' },
    ],
    [
      'no digest',
      { type: 'api_token', account_id: 'a', token_digest: 'abc' },
      { token_digest: 'must be a SHA-256 in hexadecimal' },
    ],
    [
      'what no header has',
      { type: 'api_token', account_id: 'a', token: 'a b' },
      { token: 'has characters that cannot be sent in its header' },
    ],
    ['no account', { type: 'app_token', token: 'x' }, { account: expect.stringContaining('is required') }],
    [
      'no account that is here',
      { type: 'user_token', token: 'x', account: 'nobody@example.org' },
      { account: 'is not an account on this server: import it first' },
    ],
    ['no id', { type: 'user_token', token: 'x', account: 7 }, { account: 'must be the id or the email of an account' }],
    [
      'what is of another kind',
      { type: 'user_token', token: 'x', account: 'a@b.example', scopes: [] },
      { scopes: 'is not a known field' },
    ],
    [
      'dates',
      { type: 'api_token', token: 'x', account_id: 'a', expires_at: 'soon' },
      { expires_at: expect.any(String) },
    ],
    ['kinds', { type: 'api_token', token: 'x', account_id: 'a', source: 'X' }, { source: 'must be API or PRODUCTS' }],
    [
      'networks without their scope',
      { type: 'app_token', token: 'x', account: 'a@b.example', networks: ['192.0.2.0/24'] },
      { networks: 'is only for the scope client-address' },
    ],
    [
      'a hash without its salt',
      { type: 'api_token', token_hash: `$2a$10$${'a'.repeat(53)}`, account_id: 'a' },
      { token_hash: 'can only be imported with API_TOKEN_BCRYPT_SALT' },
    ],
  ])('%s', async (_, record, expected) => {
    expect(await reasons(record)).toEqual(expected);
  });

  it('the id or the secret of another one', async () => {
    const { id } = await rowOf(database, admin.appToken);
    const before = await rows(id);
    expect(await reasons({ type: 'app_token', id, token: randomUUID(), account: user.id })).toEqual({
      id: 'belongs to an existing row that was not imported',
    });
    expect(await reasons({ type: 'app_token', token: admin.appToken, account: user.id })).toEqual({
      token: 'is taken',
    });
    expect(await rows(id)).toEqual(before);
  });

  it('those of administrators, and rights that only these have, unless it is told to', async () => {
    const needs = { account: expect.stringContaining('--admins') };
    const token = randomUUID();
    expect(await reasons({ type: 'user_token', token, account: admin.id })).toEqual(needs);
    expect(await reasons({ type: 'app_token', token, account: admin.id, scopes: ['frontend'] })).toEqual(needs);
    const ofUser = { type: 'app_token', token, account: user.id, scopes: ['frontend'] };
    expect(await reasons(ofUser, { admins: true })).toEqual({ scopes: 'are only for App-Tokens of an administrator' });
    expect(await reasons({ type: 'user_token', token, account: admin.id, actor: user.id }, { admins: true })).toEqual({
      actor: 'is not an administrator, and only administrators can act on behalf of others',
    });
  });

  it('those of a disabled account, and user tokens that are older than the password', async () => {
    const [disabled, changed] = [await signUp(server), await signUp(server)];
    await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [disabled.id]);
    const record = { type: 'user_token', token: randomUUID(), account: disabled.id };
    expect(await reasons(record)).toEqual({ account: 'is disabled' });
    await database.query(`INSERT INTO password_changes (account_id, way) VALUES ($1, 'link')`, [changed.id]);
    const older = { ...record, account: changed.id, created_at: '2015-10-10T12:12:00Z' };
    expect(await reasons(older)).toEqual({ created_at: expect.stringContaining('earlier than a password change') });
  });

  it('those of an email with which anybody may have signed up here', async () => {
    const { id, email } = await signUp(server);
    const record = { type: 'app_token', token: randomUUID() };
    expect(await reasons({ ...record, account: email })).toEqual({
      account: expect.stringContaining('refer to the account by its id'),
    });
    await imported([{ ...record, account: id }]);
  });

  it('more than an account can have', async () => {
    const { id } = await signUp(server);
    const tokens = Array.from({ length: 7 }, () => ({ type: 'app_token', token: randomUUID(), account: id }));
    const { counts, refused } = await importRecords(server, tokens);
    expect([counts.made, Object.keys(refused)]).toEqual([5, ['6', '7']]);
    expect(refused[6]).toEqual({ account: 'has 5 already, which is the most (MAX_APP_TOKENS_PER_ACCOUNT)' });
    const ended = { type: 'app_token', token: randomUUID(), account: id, revoked: true };
    expect((await importRecords(server, [ended])).counts.made).toBe(1);
  });
});

describe('An import of the same tokens again', () => {
  it('changes nothing of what is the same, and brings what the old service has changed', async () => {
    const [token, id] = [randomUUID(), randomUUID()];
    const record = apiToken(token, { id, description: 'one' });
    await imported([record]);
    const before = await rows(id);
    expect((await importRecords(server, [record])).counts).toMatchObject({ made: 0, changed: 0, unchanged: 1 });
    expect(await rows(id)).toEqual(before);
    for (const at of [server, other]) expect((await authenticate(token, at)).status).toBe(200);
    const revoked = { ...record, description: 'two', revoked_at: '2020-01-01T00:00:00Z' };
    expect((await importRecords(server, [revoked])).counts).toMatchObject({ changed: 1 });
    expect((await rows(id))[0]).toMatchObject({ description: 'two', revoked_at: new Date('2020-01-01T00:00:00Z') });
    expect((await authenticate(token)).status).toBe(401);
    await eventuallyRefused(() => authenticate(token, other));
    expect((await importRecords(server, [record])).counts).toMatchObject({ changed: 1 });
    expect((await rows(id))[0]).toMatchObject({ description: 'one', revoked_at: expect.any(Date) });
    const events = await database.query(
      `SELECT kind, details FROM audit_events WHERE subject = $1 AND kind LIKE 'token.%' ORDER BY at, id`,
      [id],
    );
    const details = { kind: 'api', gateway_account: record.account_id, by: 'import' };
    expect(events).toEqual([
      { kind: 'token.issued', details: { ...details, scopes: [] } },
      { kind: 'token.revoked', details },
      { kind: 'token.changed', details },
    ]);
  });

  it('changes none that was changed here, and makes none again that was deleted here', async () => {
    const own = await signedInUser(server);
    const [api, app] = [randomUUID(), randomUUID()];
    const records = [apiToken(api, { id: api }), { type: 'app_token', token: app, account: own.id }];
    await imported(records);
    await frontend('PUT', '', { token_link: api, description: 'mine' });
    expect((await server.call('DELETE', `/api/v1/app_tokens/${app}`, undefined, own.headers)).status).toBe(204);
    const { counts, refused } = await importRecords(server, [{ ...records[0], description: 'theirs' }, records[1]]);
    expect([counts.refused, refused]).toEqual([
      2,
      {
        1: { record: 'has been changed here since it was imported' },
        2: { record: 'has been deleted here since it was imported' },
      },
    ]);
    expect((await rows(api))[0]).toMatchObject({ description: 'mine' });
    expect(await database.query('SELECT id FROM tokens WHERE digest = $1', [Buffer.from(sha256(app), 'hex')])).toEqual(
      [],
    );
  });

  it('brings back none that was revoked here', async () => {
    const [token, account] = [randomUUID(), newAccount()];
    const record = { type: 'api_token', token, account_id: account };
    await imported([record]);
    await frontend('DELETE', `/${account}/revoke-all`);
    expect((await importRecords(server, [record])).counts).toMatchObject({ unchanged: 1 });
    expect((await importRecords(server, [{ ...record, description: 'x' }])).counts).toMatchObject({ refused: 1 });
    expect((await authenticate(token)).status).toBe(401);
  });

  it('gives no token to another account', async () => {
    const token = randomUUID();
    await imported([apiToken(token)]);
    expect(await reasons(apiToken(token))).toEqual({ record: 'cannot be given to another account' });
  });

  it('is not confused by the same secret twice in a file, or twenty imports at once', async () => {
    const [token, account] = [randomUUID(), newAccount()];
    const record = { type: 'api_token', token, account_id: account };
    const twice = await importRecords(server, [record, { ...record, description: 'later' }]);
    expect(twice.counts).toMatchObject({ made: 1, changed: 1 });
    const records = Array.from({ length: 30 }, () => apiToken(randomUUID()));
    const runs = await Promise.all(
      Array.from({ length: 20 }, (_, index) => importRecords(index % 2 ? server : other, records)),
    );
    const sum = (name: 'made' | 'unchanged' | 'refused') => runs.reduce((total, { counts }) => total + counts[name], 0);
    expect([sum('made'), sum('made') + sum('unchanged') + sum('refused')]).toEqual([30, 600]);
    for (const one of records) expect((await authenticate(one.token)).status).toBe(200);
  });
});

it('What is made in a dry run counts for what refers to it, and nothing is changed', async () => {
  const [email, token] = [newEmail(), randomUUID()];
  const padding = Array.from({ length: 600 }, () => ({ email: newEmail() }));
  const records = [
    { email },
    ...padding,
    { type: 'app_token', token, account: email },
    { type: 'app_token', token, account: email },
    { type: 'client', id: `c-${token}`, name: 'x', scopes: 'accounts:read', secret: 'a secret', account: email },
    { type: 'app_token', token: randomUUID(), account: 'nobody@example.org' },
  ];
  const { counts, refused } = await importRecords(server, records, { isDryRun: true });
  expect([counts.made, counts.changed, refused]).toEqual([
    603,
    1,
    { 605: { account: 'is not an account on this server: import it first' } },
  ]);
  expect(await database.query('SELECT id FROM tokens WHERE digest = $1', [Buffer.from(sha256(token), 'hex')])).toEqual(
    [],
  );
  expect((await authenticate(token)).status).toBe(401);
});

it('A token that stands before its account in the file finds it in the same batch; a CSV has tokens too', async () => {
  const [email, token, api] = [newEmail(), randomUUID(), randomUUID()];
  await imported([{ type: 'user_token', token, account: email }, { email }]);
  const csv = ['token_digest,account_id,description,expires_at,revoked', `${sha256(api)},7,"a, b",,f`].join('\n');
  const { counts } = await importRecords(server, csv, { format: 'csv', usual: 'api_token' });
  expect(counts).toEqual(made(1));
  expect((await authenticate(api)).body).toMatchObject({ account_id: '7' });
});

it('A legacy id refers to an account too', async () => {
  const [legacy, token] = [randomBytes(12).toString('hex'), randomUUID()];
  await imported([
    { id: legacy, email: newEmail() },
    { type: 'app_token', token, account: legacy.toUpperCase() },
  ]);
  const [row] = await database.query<{ legacy_id: string }>(
    'SELECT a.legacy_id FROM tokens t JOIN accounts a ON a.id = t.account_id WHERE t.digest = $1',
    [Buffer.from(sha256(token), 'hex')],
  );
  expect(row?.legacy_id).toBe(legacy);
});
