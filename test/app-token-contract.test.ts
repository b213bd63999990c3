import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { TokenLastUsed } from '../src/tokens/token-last-used.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bearer, call, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import {
  callExactly,
  changeAccount,
  logIn,
  makeAdmin,
  newAppToken,
  oboToken,
  rowOf,
  signedInAdmin,
  signedInUser,
  tokenHeaders,
  type User,
} from './support/tokens.js';

/** The requests and answers of seed 003, each under the heading it has there, and what the design adds. */
let database: TestDatabase;
let server: TestServer;
let admin: User;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { loginMaxFailures: 1_000 });
  admin = await signedInAdmin(server);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

type Headers = Record<string, string>;

const HEX = expect.stringMatching(/^[0-9a-f]{32}$/);
const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const NOT_GOOD = 'is missing or invalid';
const NOT_FOUND = [404, { errors: { request: 'Not found, or you do not have access to it.' } }];
const INVALID_USER = [400, { errors: { user: 'One or more IDs are not formatted correctly.' } }];

const DAY = 86_400;
const LISTS = ['/api/v1/app_tokens', '/api/v1/tokens'] as const;

const outcome = ({ status, body }: Pick<Answer, 'status' | 'body'>): [number, unknown] => [status, body];
const post = (path: string, body: unknown, headers: Headers) => server.call('POST', path, body, headers);
const get = (path: string, headers: Headers) => server.call('GET', path, undefined, headers);
const patch = (path: string, seconds: unknown, headers: Headers) =>
  server.call('PATCH', path, { seconds_until_expire: seconds }, headers);
const remove = (path: string, headers: Headers) => server.call('DELETE', path, undefined, headers);

/** Whether a user token is good, at the App-Token of an admin. */
async function isGood(token: string): Promise<boolean> {
  const { status } = await get('/api/v1/tokens/', tokenHeaders(admin.appToken, token));
  expect([200, 401]).toContain(status);
  return status === 200;
}

/** Whether an App-Token is good, with the Token of an admin. */
async function isGoodApp(appToken: string): Promise<boolean> {
  const { status } = await get('/api/v1/tokens/', tokenHeaders(appToken, admin.token));
  expect([200, 401]).toContain(status);
  return status === 200;
}

/** Seconds from the making of a token to its end, as stored. */
async function lifetimeOf(secret: string): Promise<number> {
  const { id } = await rowOf(database, secret);
  const [row] = await database.query<{ seconds: number }>(
    'SELECT extract(epoch FROM expires_at - created_at)::float8 AS seconds FROM tokens WHERE id = $1',
    [id],
  );
  return row?.seconds ?? NaN;
}

/** Seconds from now to the end of a token, as stored. */
async function secondsLeft(secret: string): Promise<number> {
  const { id } = await rowOf(database, secret);
  const [row] = await database.query<{ seconds: number }>(
    'SELECT extract(epoch FROM expires_at - now())::float8 AS seconds FROM tokens WHERE id = $1',
    [id],
  );
  return row?.seconds ?? NaN;
}

describe('Authentication', () => {
  const form = (body: string, headers: Headers = {}) =>
    server.call('POST', '/api/v1/token/', body, {
      'app-token': admin.appToken,
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    });

  it('Your token return will look like: 200 with a token, for a plain form', async () => {
    const { id, email, password } = await signUp(server, { password: 'an ex&mple=+ü' });
    const answer = await form(new URLSearchParams({ username: email, password }).toString());
    expect(outcome(answer)).toEqual([200, { token: HEX }]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const token = answer.body.token as string;
    expect(await rowOf(database, token)).toMatchObject({
      kind: 'user',
      account_id: id,
      actor_id: null,
      hint: token.slice(-4),
      scopes: [],
      revoked_at: null,
    });
    expect(await lifetimeOf(token)).toBe(DAY);
    expect(await isGood(token)).toBe(true);
  });

  it.each(['/api/v1/token/', '/api/v1/token'])('takes JSON too, at %s, and an email in whatever case', async (path) => {
    const { email, password } = await signUp(server);
    const login = { username: email.toUpperCase(), password };
    const answer = await post(path, login, { 'app-token': admin.appToken });
    expect(outcome(answer)).toEqual([200, { token: HEX }]);
  });

  it('gives another token at every login, and all of them work', async () => {
    const { email, password } = await signUp(server);
    const tokens = await Promise.all(
      Array.from({ length: 20 }, () => logIn(server, admin.appToken, { email, password })),
    );
    expect(new Set(tokens).size).toBe(20);
    expect(await Promise.all(tokens.map(isGood))).toEqual(Array(20).fill(true));
  });

  it('takes the App-Token of an ordinary user', async () => {
    const { appToken } = await signedInUser(server);
    const { email, password } = await signUp(server);
    expect(await isGood(await logIn(server, appToken, { email, password }))).toBe(true);
  });

  it.each(['wrong password', 'unknown email', 'disabled account', 'account without a password', 'an empty password'])(
    'answers the same 401 for: %s',
    async (reason) => {
      const { id, email } = await signUp(server);
      const login = { username: email, password: 'example' };
      if (reason === 'wrong password') login.password = 'another';
      if (reason === 'an empty password') login.password = '';
      if (reason === 'unknown email') login.username = newEmail();
      if (reason === 'disabled account') {
        await changeAccount(server, id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
      }
      if (reason === 'account without a password') {
        await database.query('UPDATE accounts SET password_hash = NULL WHERE id = $1', [id]);
      }
      const answer = await post('/api/v1/token/', login, { 'app-token': admin.appToken });
      expect(outcome(answer)).toEqual([401, { errors: { request: 'Invalid email or password.' } }]);
      expect(await database.query(`SELECT 1 FROM tokens WHERE account_id = $1`, [id])).toEqual([]);
    },
  );

  it('wants an App-Token before it looks at anything else', async () => {
    const { email, password } = await signUp(server);
    for (const headers of [{}, { 'app-token': 'nonsense' }, { 'app-token': '0'.repeat(32) }, { 'app-token': '' }]) {
      const answer = await post('/api/v1/token/', { username: email, password }, headers);
      expect(outcome(answer)).toEqual([401, { errors: { app_token: NOT_GOOD } }]);
      expect(answer.headers.get('www-authenticate')).toBe('App-Token');
    }
    expect((await post('/api/v1/token/', {}, {})).status).toBe(401);
  });

  it.each<[body: unknown, errors: object]>([
    [{}, { username: 'must be a string', password: 'must be a string' }],
    [undefined, { username: 'must be a string', password: 'must be a string' }],
    [{ username: 'a@example.org' }, { password: 'must be a string' }],
    [{ username: null, password: 'example' }, { username: 'must be a string' }],
    [
      { username: ['a@example.org'], password: { $ne: '' } },
      { username: 'must be a string', password: 'must be a string' },
    ],
    [{ username: 'a@example.org', password: 'ü'.repeat(37) }, { password: 'must be at most 72 bytes' }],
  ])('answers 400 with one message for each bad field: %j', async (body, errors) => {
    const answer = await post('/api/v1/token/', body, { 'app-token': admin.appToken });
    expect(outcome(answer)).toEqual([400, { errors }]);
  });

  it.each([
    ['', 'an empty form'],
    ['username=a%00b&password=example', 'a NUL'],
    ['username=a&username=b&password=example', 'a field given twice'],
    ['__proto__=a&username=a&password=b', 'a field that is no name'],
  ])('refuses the form "%s": %s', async (body) => {
    const answer = await form(body);
    expect(outcome(answer)).toEqual([400, { errors: expect.any(Object) }]);
  });

  it('refuses a form that is not UTF-8, is compressed, or comes in parts', async () => {
    expect(
      (await form('username=a', { 'content-type': 'application/x-www-form-urlencoded; charset=latin1' })).status,
    ).toBe(415);
    expect((await form('username=a', { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await form('--x--', { 'content-type': 'multipart/form-data; boundary=x' })).status).toBe(415);
  });

  it('answers 429 with Retry-After after LOGIN_MAX_FAILURES wrong passwords, for the right one too', async () => {
    const limited = await startServer(database.connection, { loginMaxFailures: 3 });
    try {
      const { email, password } = await signUp(limited);
      const login = (secret: string) =>
        limited.call('POST', '/api/v1/token/', { username: email, password: secret }, { 'app-token': admin.appToken });
      for (let attempt = 0; attempt < 3; attempt += 1) expect((await login('another')).status).toBe(401);
      for (const secret of ['another', password]) {
        const answer = await login(secret);
        expect(outcome(answer)).toEqual([429, { errors: { request: 'Too many attempts. Try again later.' } }]);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      }
      // The doors share one count.
      expect((await limited.call('POST', '/account/session', { account: { email, password } })).status).toBe(429);
    } finally {
      await limited.close();
    }
  });

  it('Every request requires two tokens: 401 that names each header that is not good', async () => {
    const bad = '0'.repeat(32);
    for (const path of [...LISTS, `${LISTS[0]}/${randomUUID()}`, `${LISTS[1]}/${randomUUID()}`]) {
      for (const [headers, errors] of [
        [{}, { app_token: NOT_GOOD, token: NOT_GOOD }],
        [{ 'app-token': admin.appToken }, { token: NOT_GOOD }],
        [{ token: admin.token }, { app_token: NOT_GOOD }],
        [{ 'app-token': bad, token: admin.token }, { app_token: NOT_GOOD }],
        [{ 'app-token': admin.appToken, token: bad }, { token: NOT_GOOD }],
        [
          { 'app-token': admin.token, token: admin.appToken },
          { app_token: NOT_GOOD, token: NOT_GOOD },
        ],
      ] as [Headers, object][]) {
        const answer = await get(path, headers);
        expect(outcome(answer)).toEqual([401, { errors }]);
        expect(answer.headers.get('www-authenticate')).toBe('App-Token, Token');
      }
    }
  });

  it('lets a user token work at every application', async () => {
    const other = await signedInUser(server);
    const answer = await get('/api/v1/tokens/', tokenHeaders(other.appToken, admin.token));
    expect(answer.status).toBe(200);
  });
});

describe('Creating Application Tokens', () => {
  it('you will receive the following response: 201 with a token that works', async () => {
    const answer = await post('/api/v1/app_tokens/', { seconds_until_expire: DAY }, admin.headers);
    expect(outcome(answer)).toEqual([201, { app_token: HEX }]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const secret = answer.body.app_token as string;
    expect(await isGoodApp(secret)).toBe(true);
    expect(await lifetimeOf(secret)).toBe(DAY);
    const row = await rowOf(database, secret);
    expect(row).toMatchObject({ kind: 'app', account_id: admin.id, scopes: [], hint: secret.slice(-4) });
    const [whole] = await database.query<{ text: string }>('SELECT t::text AS text FROM tokens t WHERE id = $1', [
      row.id,
    ]);
    expect(whole?.text).not.toContain(secret);
  });

  it.each([{}, undefined, '', { scopes: [] }])('expires about 200 years from now by default: %j', async (body) => {
    const answer = await post('/api/v1/app_tokens', body, admin.headers);
    expect(answer.status).toBe(201);
    expect(await lifetimeOf(answer.body.app_token as string)).toBe(6_311_520_000);
  });

  it('is open to every user', async () => {
    const user = await signedInUser(server);
    const secret = await newAppToken(server, user);
    expect(await isGoodApp(secret)).toBe(true);
    expect((await rowOf(database, secret)).account_id).toBe(user.id);
  });

  it('gives fifty different tokens to fifty requests at once', async () => {
    const secrets = await Promise.all(Array.from({ length: 50 }, () => newAppToken(server, admin)));
    expect(new Set(secrets).size).toBe(50);
  });

  it('scopes are given by an admin only', async () => {
    const user = await signedInUser(server);
    const answer = await post('/api/v1/app_tokens/', { scopes: ['frontend'] }, user.headers);
    expect(outcome(answer)).toEqual([403, { errors: { scopes: 'Only an admin can set scopes.' } }]);
    const secret = await newAppToken(server, admin, { scopes: ['frontend'] });
    expect((await rowOf(database, secret)).scopes).toEqual(['frontend']);
    expect((await get('/v1/frontend/auth/15', { 'app-token': secret })).status).toBe(200);
    const plain = await newAppToken(server, admin);
    expect((await get('/v1/frontend/auth/15', { 'app-token': plain })).status).toBe(403);
  });

  it.each([
    [{ scopes: ['nonsense'] }, 'must be a list of known scopes'],
    [{ scopes: 'frontend' }, 'must be a list of known scopes'],
    [{ scopes: null }, 'must be a list of known scopes'],
    [{ scopes: { 0: 'frontend' } }, 'must be a list of known scopes'],
    [{ scopes: [['frontend']] }, 'must be a list of known scopes'],
    [{ scopes: [null] }, 'must be a list of known scopes'],
    [{ scopes: ['frontend', 'frontend'] }, 'must not repeat a scope'],
  ])('refuses with 400: %j', async (body, message) => {
    const answer = await post('/api/v1/app_tokens/', body, admin.headers);
    expect(outcome(answer)).toEqual([400, { errors: { scopes: message } }]);
  });
});

describe('Authenticating On Behalf Of Another User (aka OBO Tokens)', () => {
  it('you will receive the following response: 201 with a token that works as the user', async () => {
    const user = await signedInUser(server);
    const answer = await post('/api/v1/tokens/', { seconds_until_expire: DAY, user: user.id }, admin.headers);
    expect(outcome(answer)).toEqual([201, { token: HEX }]);
    const secret = answer.body.token as string;
    expect(await rowOf(database, secret)).toMatchObject({ kind: 'user', account_id: user.id, actor_id: admin.id });
    expect(await lifetimeOf(secret)).toBe(DAY);
    // It sees what the user sees: the user's own tokens, and among them itself.
    const seen = await get('/api/v1/tokens/', tokenHeaders(admin.appToken, secret));
    expect(seen.status).toBe(200);
    const records = seen.body.tokens as { owner: string; actor: string | null }[];
    expect(records.map(({ owner, actor }) => [owner, actor])).toEqual([
      [user.id, admin.id],
      [user.id, null],
    ]);
  });

  it('Default expiration is a day, and the id may be in capitals', async () => {
    const { id } = await signUp(server);
    expect(await lifetimeOf(await oboToken(server, admin, id.toUpperCase()))).toBe(DAY);
  });

  it.each<[name: string, user: unknown]>([
    ['the id of the document', '52c5fc24a64c9efc0f253535'],
    ['no account', randomUUID()],
    ['an email', 'fred@bedrockisp.com'],
    ['an empty text', ''],
    ['null', null],
    ['a number', 5],
    ['a list', ['52c5fc24a64c9efc0f253535']],
    ['nothing', undefined],
    ['SQL', "' OR true --"],
    ['a uuid of zeros', '00000000-0000-0000-0000-000000000000'],
  ])('If you specify an invalid user ID, you should receive the following error: %s', async (_, user) => {
    const answer = await post('/api/v1/tokens/', { seconds_until_expire: DAY, user }, admin.headers);
    expect(outcome(answer)).toEqual(INVALID_USER);
  });

  it('refuses a disabled account in the same words', async () => {
    const { id } = await signUp(server);
    await changeAccount(server, id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
    expect(outcome(await post('/api/v1/tokens/', { user: id }, admin.headers))).toEqual(INVALID_USER);
  });

  it('is for admins only, for oneself too', async () => {
    const user = await signedInUser(server);
    for (const id of [user.id, admin.id, randomUUID()]) {
      const answer = await post('/api/v1/tokens/', { user: id }, user.headers);
      expect(outcome(answer)).toEqual([
        403,
        { errors: { user: 'Only an admin can create tokens on behalf of other accounts.' } },
      ]);
    }
  });

  it('cannot do more than its user: no further OBO tokens, no scopes, nothing of others', async () => {
    const user = await signedInUser(server);
    const stranger = await signedInUser(server);
    const headers = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
    expect((await post('/api/v1/tokens/', { user: stranger.id }, headers)).status).toBe(403);
    expect((await post('/api/v1/tokens/', { user: user.id }, headers)).status).toBe(403);
    expect((await post('/api/v1/app_tokens/', { scopes: ['frontend'] }, headers)).status).toBe(403);
    expect(outcome(await get(`/api/v1/tokens/${stranger.token}`, headers))).toEqual(NOT_FOUND);
    expect(outcome(await get(`/api/v1/tokens/${admin.token}`, headers))).toEqual(NOT_FOUND);
  });

  it('names the admin who asked first when an OBO token for another admin asks', async () => {
    const second = await signedInAdmin(server);
    const { id } = await signUp(server);
    const asSecond: User = {
      ...second,
      headers: tokenHeaders(admin.appToken, await oboToken(server, admin, second.id)),
    };
    const secret = await oboToken(server, asSecond, id);
    expect(await rowOf(database, secret)).toMatchObject({ account_id: id, actor_id: admin.id });
  });

  it('shows the actor in its record, and only there', async () => {
    const user = await signedInUser(server);
    const secret = await oboToken(server, admin, user.id);
    expect((await get(`/api/v1/tokens/${secret}`, admin.headers)).body).toMatchObject({
      owner: user.id,
      actor: admin.id,
    });
    expect((await get(`/api/v1/tokens/${user.token}`, admin.headers)).body).toMatchObject({
      owner: user.id,
      actor: null,
    });
  });

  describe('is audited', () => {
    const eventsOf = (subject: string) =>
      database.query<{
        kind: string;
        actor_id: string;
        on_behalf_of: string | null;
        address: string;
        request_id: string;
      }>('SELECT kind, actor_id, on_behalf_of, address, request_id FROM audit_events WHERE subject = $1 ORDER BY at', [
        subject,
      ]);

    it('with both names when it is issued', async () => {
      const { id } = await signUp(server);
      const headers = { ...admin.headers, 'x-request-id': `issue-${id}` };
      const answer = await post('/api/v1/tokens/', { user: id }, headers);
      const row = await rowOf(database, answer.body.token as string);
      expect(await eventsOf(row.id)).toEqual([
        {
          kind: 'token.issued',
          actor_id: admin.id,
          on_behalf_of: id,
          address: '127.0.0.1',
          request_id: `issue-${id}`,
        },
      ]);
    });

    it('with both names in all that it does', async () => {
      const user = await signedInUser(server);
      const acting: User = { ...user, headers: tokenHeaders(admin.appToken, await oboToken(server, admin, user.id)) };
      const made = await newAppToken(server, acting);
      const { id } = await rowOf(database, made);
      expect((await patch(`/api/v1/app_tokens/${id}`, 60, acting.headers)).status).toBe(200);
      expect((await remove(`/api/v1/app_tokens/${made}`, acting.headers)).status).toBe(204);
      const names = { actor_id: admin.id, on_behalf_of: user.id };
      expect(await eventsOf(id)).toMatchObject([
        { kind: 'token.issued', ...names },
        { kind: 'token.expiry_changed', ...names },
        { kind: 'token.deleted', ...names },
      ]);
    });

    it('while what a user does has one name, and what was refused leaves no trace', async () => {
      const user = await signedInUser(server);
      const { id } = await rowOf(database, await newAppToken(server, user));
      expect(await eventsOf(id)).toMatchObject([{ kind: 'token.issued', actor_id: user.id, on_behalf_of: null }]);
      const stranger = await signedInUser(server);
      expect((await patch(`/api/v1/app_tokens/${id}`, 60, stranger.headers)).status).toBe(404);
      expect((await remove(`/api/v1/app_tokens/${id}`, stranger.headers)).status).toBe(404);
      expect(await eventsOf(id)).toHaveLength(1);
    });
  });

  it.each([
    ['the user is deleted', 'user', 'DELETE FROM accounts WHERE id = $1'],
    ['the user is disabled', 'user', 'UPDATE accounts SET disabled_at = now() WHERE id = $1'],
    ['the admin is deleted', 'actor', 'DELETE FROM accounts WHERE id = $1'],
    ['the admin is disabled', 'actor', 'UPDATE accounts SET disabled_at = now() WHERE id = $1'],
  ])('ends when %s', async (_, who, statement) => {
    const user = await signedInUser(server);
    const actor = await signedInAdmin(server);
    const bystander = await signedInUser(server);
    const obo = await oboToken(server, actor, user.id);
    const other = await oboToken(server, admin, bystander.id);
    for (const token of [obo, other]) expect(await isGood(token)).toBe(true);
    await changeAccount(server, who === 'user' ? user.id : actor.id, statement);
    expect(await isGood(obo)).toBe(false);
    expect(await isGood(other)).toBe(true);
    expect(await isGood(user.token)).toBe(who !== 'user');
    expect(await isGoodApp(actor.appToken)).toBe(who === 'user');
  });
});

describe('A change of password', () => {
  async function everything() {
    const actor = await signedInAdmin(server);
    const user = await signedInUser(server);
    const session = await server.call('POST', '/account/session', {
      account: { email: user.email, password: user.password },
    });
    return {
      actor,
      user,
      /** On behalf of the user. */
      obo: await oboToken(server, actor, user.id),
      jwt: session.body.token as string,
    };
  }

  /** The token of a mail: as the mail worker derives it. */
  async function resetToken(email: string): Promise<string> {
    const answer = await server.call('POST', '/account/password', { account: { email } });
    expect(answer.status).toBe(200);
    const [reset] = await database.query<{ id: string }>(
      'SELECT id FROM password_resets WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1',
      [answer.body.id],
    );
    return server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
  }

  it('"delete all tokens" ends user tokens, but neither OBO tokens nor App-Tokens', async () => {
    const { user, obo, jwt } = await everything();
    for (const token of [user.token, obo]) expect(await isGood(token)).toBe(true);
    expect((await server.call('DELETE', '/account/session', undefined, bearer(jwt))).status).toBe(200);
    expect(await isGood(user.token)).toBe(false);
    expect(await isGood(obo)).toBe(true);
    expect(await isGoodApp(user.appToken)).toBe(true);
    expect((await rowOf(database, user.token)).revoked_at).not.toBeNull();
    expect((await rowOf(database, obo)).revoked_at).toBeNull();
  });

  it('by PUT /accounts/{id} ends user tokens and OBO tokens, and App-Tokens survive', async () => {
    const { user, obo, jwt } = await everything();
    for (const token of [user.token, obo]) expect(await isGood(token)).toBe(true);
    const account = { email: user.email, password: 'another example' };
    expect((await server.call('PUT', `/accounts/${user.id}`, { account }, bearer(jwt))).status).toBe(200);
    expect([await isGood(user.token), await isGood(obo)]).toEqual([false, false]);
    expect(await isGoodApp(user.appToken)).toBe(true);
    for (const token of [user.token, obo]) expect((await rowOf(database, token)).revoked_at).not.toBeNull();
    expect(await isGood(await logIn(server, user.appToken, account))).toBe(true);
  });

  it('by PUT /account/password ends user tokens and OBO tokens at once, and App-Tokens survive', async () => {
    const { user, obo } = await everything();
    for (const token of [user.token, obo]) expect(await isGood(token)).toBe(true);
    const account = { reset_password_token: await resetToken(user.email), password: 'another example' };
    expect((await server.call('PUT', '/account/password', { account })).status).toBe(200);
    expect([await isGood(user.token), await isGood(obo)]).toEqual([false, false]);
    expect(await isGoodApp(user.appToken)).toBe(true);
    for (const token of [user.token, obo]) expect((await rowOf(database, token)).revoked_at).not.toBeNull();
  });

  it("of the admin ends what the admin got on behalf of others, and not the others' own", async () => {
    const { actor, user, obo } = await everything();
    const session = await server.call('POST', '/account/session', {
      account: { email: actor.email, password: actor.password },
    });
    for (const token of [user.token, obo, actor.token]) expect(await isGood(token)).toBe(true);
    const account = { email: actor.email, password: 'another example' };
    const path = `/accounts/${actor.id}`;
    expect((await server.call('PUT', path, { account }, bearer(session.body.token as string))).status).toBe(200);
    expect([await isGood(obo), await isGood(actor.token)]).toEqual([false, false]);
    expect(await isGood(user.token)).toBe(true);
  });

  it('leaves nothing that a dying token has made while it was revoked', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { user, jwt } = await everything();
      const account = { email: user.email, password: 'another example' };
      const [changed, ...logins] = await Promise.all([
        server.call('PUT', `/accounts/${user.id}`, { account }, bearer(jwt)),
        ...Array.from({ length: 3 }, () =>
          post('/api/v1/token/', { username: user.email, password: user.password }, { 'app-token': admin.appToken }),
        ),
      ]);
      expect(changed.status).toBe(200);
      for (const { status, body } of logins) {
        expect([200, 401]).toContain(status);
        if (status === 200) expect(await isGood(body.token as string)).toBe(false);
      }
    }
  });

  it('of an admin leaves no OBO token that was asked for while it was changed, through another OBO token too', async () => {
    const second = await signedInAdmin(server);
    for (let round = 0; round < 20; round += 1) {
      const actor = await signedInAdmin(server);
      const { id } = await signUp(server);
      const session = await server.call('POST', '/account/session', {
        account: { email: actor.email, password: actor.password },
      });
      const asSecond = tokenHeaders(admin.appToken, await oboToken(server, actor, second.id));
      const account = { email: actor.email, password: 'another example' };
      const [changed, ...asked] = await Promise.all([
        server.call('PUT', `/accounts/${actor.id}`, { account }, bearer(session.body.token as string)),
        ...Array.from({ length: 3 }, () => post('/api/v1/tokens/', { user: id }, actor.headers)),
        ...Array.from({ length: 3 }, () => post('/api/v1/tokens/', { user: id }, asSecond)),
      ]);
      expect(changed.status).toBe(200);
      for (const { status, body } of asked) {
        expect([201, 401]).toContain(status);
        if (status === 201) expect(await isGood(body.token as string)).toBe(false);
      }
    }
  });
});

describe.each(LISTS)('seconds_until_expire at %s', (path) => {
  const field = path === '/api/v1/tokens' ? 'token' : 'app_token';
  /** What a new token needs besides. */
  const needed = () => (field === 'token' ? { user: admin.id } : {});
  const create = (seconds: unknown) => post(path, { ...needed(), seconds_until_expire: seconds }, admin.headers);
  const works = (secret: string) => (field === 'token' ? isGood(secret) : isGoodApp(secret));

  it.each([86_400, 1_000_000_000_000, 8_636_000_000_000])('%d seconds from now when it is made', async (seconds) => {
    const answer = await create(seconds);
    expect(answer.status).toBe(201);
    const secret = answer.body[field] as string;
    expect(await lifetimeOf(secret)).toBe(seconds);
    expect(await works(secret)).toBe(true);
    const { body } = await get(`${path}/${secret}`, admin.headers);
    expect(Math.abs(new Date(body.expires_at as string).getTime() - Date.now() - seconds * 1_000)).toBeLessThan(60_000);
  });

  it.each([0, -1, -86_400, Number.MIN_SAFE_INTEGER])('%d: expires at once', async (seconds) => {
    const answer = await create(seconds);
    expect(answer.status).toBe(201);
    const secret = answer.body[field] as string;
    expect(await lifetimeOf(secret)).toBe(0);
    expect(await works(secret)).toBe(false);
    const living = (await create(DAY)).body[field] as string;
    expect(await works(living)).toBe(true);
    const changed = await patch(`${path}/${living}`, seconds, admin.headers);
    expect(changed.status).toBe(200);
    expect(await works(living)).toBe(false);
    expect((await rowOf(database, living)).expires_at?.toISOString()).toBe(changed.body.expires_at);
  });

  const LATE = 'is later than any date';
  const WHOLE = 'must be a whole number';
  it.each<[name: string, seconds: unknown, message: string]>([
    ['a second too many', 8_636_000_000_001, LATE],
    ['the largest whole number', Number.MAX_SAFE_INTEGER, LATE],
    ['a number that JSON does not carry exactly', 2 ** 53, WHOLE],
    ['a huge number', 1e300, WHOLE],
    ['a hugely negative one', -1e300, WHOLE],
    ['a fraction', 1.5, WHOLE],
    ['a text', '86400', WHOLE],
    ['null', null, WHOLE],
    ['a boolean', true, WHOLE],
    ['a list', [86_400], WHOLE],
    ['an object', {}, WHOLE],
  ])('is refused when it is %s', async (_, seconds, message) => {
    const errors = { seconds_until_expire: message };
    expect(outcome(await create(seconds))).toEqual([400, { errors }]);
    const secret = (await create(DAY)).body[field] as string;
    expect(outcome(await patch(`${path}/${secret}`, seconds, admin.headers))).toEqual([400, { errors }]);
    expect(await lifetimeOf(secret)).toBe(DAY);
  });

  it('is refused when no number can hold it', async () => {
    const body = `{"user":"${admin.id}","seconds_until_expire":1e999}`;
    expect(outcome(await post(path, body, admin.headers))).toEqual([400, { errors: { seconds_until_expire: WHOLE } }]);
  });

  it('must be there in a PATCH', async () => {
    const secret = (await create(DAY)).body[field] as string;
    for (const body of [{}, undefined, '']) {
      const answer = await server.call('PATCH', `${path}/${secret}`, body, admin.headers);
      expect(outcome(answer)).toEqual([400, { errors: { seconds_until_expire: WHOLE } }]);
    }
    expect(await lifetimeOf(secret)).toBe(DAY);
  });

  it.each(['token', 'app_token', 'id'])('You cannot specify your own token string: %s', async (name) => {
    for (const value of ['5aa59576866e4167b26c8430fd4e4d29', null, '', 5]) {
      const answer = await post(path, { ...needed(), [name]: value }, admin.headers);
      expect(outcome(answer)).toEqual([400, { errors: { [name]: 'You cannot specify your own token string.' } }]);
    }
  });

  it.each(['token', 'app_token'])('nor change it: %s', async (name) => {
    const secret = (await create(DAY)).body[field] as string;
    const body = { seconds_until_expire: 60, [name]: '5aa59576866e4167b26c8430fd4e4d29' };
    const answer = await server.call('PATCH', `${path}/${secret}`, body, admin.headers);
    expect(outcome(answer)).toEqual([400, { errors: { [name]: 'You cannot specify your own token string.' } }]);
    expect(await lifetimeOf(secret)).toBe(DAY);
  });
});

describe.each(LISTS)('PUT is not allowed at %s', (path) => {
  it('neither for the list nor for one, with Allow', async () => {
    const { id } = await rowOf(database, path === '/api/v1/tokens' ? admin.token : admin.appToken);
    for (const [address, allow] of [
      [path, 'GET, HEAD, POST'],
      [`${path}/`, 'GET, HEAD, POST'],
      [`${path}/${id}`, 'DELETE, GET, HEAD, PATCH'],
      [`${path}/${randomUUID()}/`, 'DELETE, GET, HEAD, PATCH'],
    ] as const) {
      const answer = await server.call('PUT', address, { seconds_until_expire: 0 }, admin.headers);
      expect(outcome(answer)).toEqual([405, { errors: { request: `This URL only accepts ${allow}.` } }]);
      expect(answer.headers.get('allow')).toBe(allow);
    }
    expect(await isGood(admin.token)).toBe(true);
  });
});

describe("Changing a Token's Expiration", () => {
  it('answers 200 with the record, by the token and by its id, with and without a slash', async () => {
    const secret = await newAppToken(server, admin);
    const { id } = await rowOf(database, secret);
    let seconds = 1_000;
    for (const name of [secret, `${secret}/`, id, `${id}/`, id.toUpperCase()]) {
      seconds += 1_000;
      const answer = await patch(`/api/v1/app_tokens/${name}`, seconds, admin.headers);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ id, expires_at: TIME });
      expect(Math.abs((await secondsLeft(secret)) - seconds)).toBeLessThan(30);
    }
  });

  it('keeps an expired record, which is refused, and which another credential can bring back', async () => {
    const user = await signedInUser(server);
    const second = { ...user.headers, token: await logIn(server, user.appToken, user) };
    expect((await patch(`/api/v1/tokens/${user.token}`, -1, second)).status).toBe(200);
    expect(await isGood(user.token)).toBe(false);
    const kept = await get(`/api/v1/tokens/${user.token}`, second);
    expect(kept.status).toBe(200);
    expect(new Date(kept.body.expires_at as string).getTime()).toBeLessThan(Date.now() + 1_000);
    expect((await patch(`/api/v1/tokens/${user.token}`, 600, second)).status).toBe(200);
    expect(await isGood(user.token)).toBe(true);
    expect(await secondsLeft(user.token)).toBeGreaterThan(500);
  });

  it('keeps an expired App-Token, which another App-Token can bring back', async () => {
    const user = await signedInUser(server);
    const expired = await newAppToken(server, user, { seconds_until_expire: 0 });
    expect(await isGoodApp(expired)).toBe(false);
    expect((await patch(`/api/v1/app_tokens/${expired}`, 600, user.headers)).status).toBe(200);
    expect(await isGoodApp(expired)).toBe(true);
  });

  it.each([
    ['tokens', 'Token'],
    ['app_tokens', 'App-Token'],
  ])('at %s: the %s presented cannot lengthen its own life, but can shorten it', async (kind) => {
    const user = await signedInUser(server);
    const headers = tokenHeaders(await newAppToken(server, user), await logIn(server, user.appToken, user));
    const own = kind === 'tokens' ? headers.token : headers['app-token'];
    const { id } = await rowOf(database, own);
    const path = `/api/v1/${kind}`;
    expect((await patch(`${path}/${own}`, 500, headers)).status).toBe(200);
    for (const name of [own, id, id.toUpperCase()]) {
      for (const seconds of [600, DAY, 8_636_000_000_000]) {
        const answer = await patch(`${path}/${name}`, seconds, headers);
        expect(outcome(answer)).toEqual([
          403,
          { errors: { seconds_until_expire: 'A token cannot extend its own expiration.' } },
        ]);
      }
    }
    expect(await secondsLeft(own)).toBeLessThanOrEqual(500);
    expect((await patch(`${path}/${own}`, 400, headers)).status).toBe(200);
    // Another credential of the account can.
    expect((await patch(`${path}/${own}`, 700, user.headers)).status).toBe(200);
    expect(await secondsLeft(own)).toBeGreaterThan(600);
    // An admin can.
    expect((await patch(`${path}/${own}`, 9_000, admin.headers)).status).toBe(200);
    expect(await secondsLeft(own)).toBeGreaterThan(8_000);
    expect((await patch(`${path}/${own}`, 0, headers)).status).toBe(200);
    expect((await get(`${path}/${own}`, headers)).status).toBe(401);
  });

  it("an admin's own tokens cannot either", async () => {
    const headers = tokenHeaders(admin.appToken, await logIn(server, admin.appToken, admin));
    expect((await patch(`/api/v1/tokens/${headers.token}`, 2 * DAY, headers)).status).toBe(403);
    expect((await patch(`/api/v1/tokens/${headers.token}`, 2 * DAY, admin.headers)).status).toBe(200);
  });
});

describe('Deleting a Token', () => {
  it.each(LISTS)('at %s answers 204 once, by the token and by its id, and all record is gone', async (path) => {
    const make = () => (path === '/api/v1/tokens' ? oboToken(server, admin, admin.id) : newAppToken(server, admin));
    const works = path === '/api/v1/tokens' ? isGood : isGoodApp;
    for (const by of ['secret', 'id']) {
      const secret = await make();
      const { id } = await rowOf(database, secret);
      const name = by === 'id' ? id : secret;
      expect(await works(secret)).toBe(true);
      const answer = await remove(`${path}/${name}`, admin.headers);
      expect(outcome(answer)).toEqual([204, '']);
      expect(await works(secret)).toBe(false);
      expect(await database.query('SELECT 1 FROM tokens WHERE id = $1', [id])).toEqual([]);
      for (const again of [
        await remove(`${path}/${name}`, admin.headers),
        await get(`${path}/${name}`, admin.headers),
        await patch(`${path}/${name}`, DAY, admin.headers),
      ]) {
        expect(outcome(again)).toEqual(NOT_FOUND);
      }
    }
  });

  it('may be of the token that asks', async () => {
    const headers = tokenHeaders(admin.appToken, await logIn(server, admin.appToken, admin));
    expect((await remove(`/api/v1/tokens/${headers.token}`, headers)).status).toBe(204);
    expect((await get('/api/v1/tokens/', headers)).status).toBe(401);
  });

  it('answers fifty at once with one 204 and 49 times 404', async () => {
    const secret = await newAppToken(server, admin);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => remove(`/api/v1/app_tokens/${secret}`, admin.headers)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array<number>(49).fill(404)]);
  });
});

describe('Records', () => {
  it('of App-Tokens show these fields, in lists too, and never a secret', async () => {
    const user = await signedInUser(server);
    const secret = await newAppToken(server, admin, { scopes: ['frontend'] });
    const { id } = await rowOf(database, secret);
    const one = await get(`/api/v1/app_tokens/${secret}`, admin.headers);
    const record = {
      id,
      hint: secret.slice(-4),
      created_at: TIME,
      expires_at: TIME,
      last_used_at: null,
      owner: admin.id,
      scopes: ['frontend'],
    };
    expect(outcome(one)).toEqual([200, record]);
    const list = await get('/api/v1/app_tokens/', admin.headers);
    expect(list.status).toBe(200);
    expect((list.body.app_tokens as unknown[])[0]).toEqual(record);
    for (const answer of [one, list]) {
      expect(JSON.stringify(answer.body)).not.toMatch(/[0-9a-f]{32}/);
      expect(JSON.stringify(answer.body)).not.toContain('digest');
    }
    // It was used to log in.
    await server.app.get(TokenLastUsed).flush();
    const used = { last_used_at: TIME, hint: user.appToken.slice(-4), owner: user.id, scopes: [] };
    expect((await get('/api/v1/app_tokens/', user.headers)).body).toEqual({
      app_tokens: [{ ...record, ...used, id: UUID }],
    });
  });

  it('of user tokens show the actor besides', async () => {
    const user = await signedInUser(server);
    const obo = await oboToken(server, admin, user.id);
    const { status, body } = await get('/api/v1/tokens/', user.headers);
    expect(status).toBe(200);
    const record = (secret: string, actor: string | null) => ({
      id: UUID,
      hint: secret.slice(-4),
      created_at: TIME,
      expires_at: TIME,
      last_used_at: null,
      owner: user.id,
      scopes: [],
      actor,
    });
    expect(body).toEqual({ tokens: [record(obo, admin.id), record(user.token, null)] });
    expect(JSON.stringify(body)).not.toMatch(/[0-9a-f]{32}/);
  });

  it('tell when a token was last used', async () => {
    const user = await signedInUser(server);
    expect(await isGood(user.token)).toBe(true);
    await server.app.get(TokenLastUsed).flush();
    const { body } = await get(`/api/v1/tokens/${user.token}`, user.headers);
    expect(body.last_used_at).toEqual(TIME);
    expect(Math.abs(new Date(body.last_used_at as string).getTime() - Date.now())).toBeLessThan(60_000);
  });

  it.each(LISTS)('at %s: of others are as if they were not there, for a user', async (path) => {
    const user = await signedInUser(server);
    const stranger = await signedInUser(server);
    const secret = path === '/api/v1/tokens' ? stranger.token : stranger.appToken;
    const { id, expires_at } = await rowOf(database, secret);
    for (const name of [
      secret,
      id,
      '0'.repeat(32),
      randomUUID(),
      'nonsense',
      "'%20OR%20true",
      '🏦',
      'f'.repeat(2_000),
    ]) {
      for (const answer of [
        await get(`${path}/${name}`, user.headers),
        await patch(`${path}/${name}`, 0, user.headers),
        await patch(`${path}/${name}`, 9 * DAY, user.headers),
        await remove(`${path}/${name}`, user.headers),
      ]) {
        expect([name, ...outcome(answer)]).toEqual([name, ...NOT_FOUND]);
      }
    }
    const after = await rowOf(database, secret);
    expect(after.expires_at).toEqual(expires_at);
    const owners = (await get(path, user.headers)).body as Record<string, { owner: string }[]>;
    expect(
      Object.values(owners)
        .flat()
        .map(({ owner }) => owner),
    ).toEqual([user.id]);
  });

  it.each(LISTS)('at %s: an admin sees, changes and deletes all', async (path) => {
    const user = await signedInUser(server);
    const secret = path === '/api/v1/tokens' ? user.token : user.appToken;
    const { id } = await rowOf(database, secret);
    expect((await get(`${path}/${id}`, admin.headers)).body).toMatchObject({ id, owner: user.id });
    const listed = Object.values((await get(path, admin.headers)).body as Record<string, { id: string }[]>).flat();
    expect(listed.map((record) => record.id)).toContain(id);
    expect((await patch(`${path}/${id}`, 60, admin.headers)).status).toBe(200);
    expect((await remove(`${path}/${id}`, admin.headers)).status).toBe(204);
  });

  it('are found at the address of their own kind only', async () => {
    const app = await rowOf(database, admin.appToken);
    const user = await rowOf(database, admin.token);
    for (const name of [admin.appToken, app.id]) {
      expect(outcome(await get(`/api/v1/tokens/${name}`, admin.headers))).toEqual(NOT_FOUND);
      expect(outcome(await remove(`/api/v1/tokens/${name}`, admin.headers))).toEqual(NOT_FOUND);
    }
    for (const name of [admin.token, user.id]) {
      expect(outcome(await get(`/api/v1/app_tokens/${name}`, admin.headers))).toEqual(NOT_FOUND);
      expect(outcome(await remove(`/api/v1/app_tokens/${name}`, admin.headers))).toEqual(NOT_FOUND);
    }
  });
});

describe('Lists', () => {
  /** Gives a user `count` more tokens, several in each microsecond. */
  const fill = (kind: string, accountId: string, count: number, perMicrosecond: number) =>
    database.query(
      `INSERT INTO tokens (kind, digest, hint, account_id, created_at, expires_at)
       SELECT $1, sha256(convert_to($2::text || $1 || n, 'UTF8')), 'abcd', $2::uuid,
         '2026-01-02T03:04:05.678901Z'::timestamptz + (n / $4::int) * interval '1 microsecond', now() + interval '1 day'
       FROM generate_series(1, $3::int) n`,
      [kind, accountId, count, perMicrosecond],
    );

  /** Follows Link to the end. */
  async function pages(path: string, headers: Headers, between?: (page: string[]) => Promise<unknown>) {
    const found: string[][] = [];
    let url: string | undefined = `${server.url}${path}`;
    while (url !== undefined && found.length < 50) {
      const answer = await call(url, 'GET', undefined, headers);
      expect(answer.status).toBe(200);
      const page = Object.values(answer.body as Record<string, { id: string }[]>).flat();
      found.push(page.map(({ id }) => id));
      await between?.(found.at(-1) ?? []);
      const link = answer.headers.get('link');
      const [, target] = /^<([^>]+)>; rel="next"$/.exec(link ?? '') ?? [];
      expect(target === undefined).toBe(link === null);
      url = target === undefined ? undefined : new URL(target, url).href;
    }
    return found;
  }

  const expected = async (kind: string, accountId: string) =>
    (
      await database.query<{ id: string }>(
        'SELECT id FROM tokens WHERE kind = $1 AND account_id = $2 ORDER BY created_at DESC, id DESC',
        [kind, accountId],
      )
    ).map(({ id }) => id);

  it.each([
    ['app', '/api/v1/app_tokens/', 1_000],
    ['user', '/api/v1/tokens', 1_000],
    ['app', '/api/v1/app_tokens', 7],
    ['user', '/api/v1/tokens/', 1],
  ])(
    'of %s tokens at %s have pages of 100 without gaps or repeats, %d tokens to a microsecond',
    async (kind, path, per) => {
      const user = await signedInUser(server);
      await fill(kind, user.id, 330, per);
      const found = await pages(path, user.headers);
      expect(found.map(({ length }) => length)).toEqual([100, 100, 100, 31]);
      expect(found.flat()).toEqual(await expected(kind, user.id));
    },
  );

  it.each([
    [99, [100]],
    [100, [100, 1]],
  ])('of one and %d more tokens have the pages %j', async (more, lengths) => {
    const user = await signedInUser(server);
    await fill('app', user.id, more, 1);
    expect((await pages('/api/v1/app_tokens', user.headers)).map(({ length }) => length)).toEqual(lengths);
  });

  it('of an admin can be followed to the end too', async () => {
    const found = (await pages('/api/v1/app_tokens/', admin.headers)).flat();
    const all = await database.query<{ id: string }>(
      `SELECT id FROM tokens WHERE kind = 'app' AND revoked_at IS NULL ORDER BY created_at DESC, id DESC`,
    );
    expect(found).toEqual(all.map(({ id }) => id));
    expect(found.length).toBeGreaterThan(300);
  });

  it('go on behind a token that was deleted, and do not show what has been made since', async () => {
    const user = await signedInUser(server);
    await fill('app', user.id, 250, 1_000);
    const before = await expected('app', user.id);
    const found = await pages('/api/v1/app_tokens', user.headers, async (page) => {
      await database.query('DELETE FROM tokens WHERE id = $1', [page.at(-1)]);
      await newAppToken(server, user);
    });
    expect(found.flat()).toEqual(before);
  });

  it('put the newest first, and leave out what was revoked', async () => {
    const user = await signedInUser(server);
    const secrets = [user.appToken];
    for (let count = 0; count < 3; count += 1) secrets.unshift(await newAppToken(server, user));
    const { body } = await get('/api/v1/app_tokens', user.headers);
    const hints = (body.app_tokens as { hint: string }[]).map(({ hint }) => hint);
    expect(hints).toEqual(secrets.map((secret) => secret.slice(-4)));
    await database.query('UPDATE tokens SET revoked_at = now() WHERE id = $1', [
      (await rowOf(database, secrets[0] ?? '')).id,
    ]);
    expect((await get('/api/v1/app_tokens', user.headers)).body.app_tokens).toHaveLength(3);
    expect((await get(`/api/v1/app_tokens/${secrets[0] ?? ''}`, user.headers)).status).toBe(404);
  });

  it.each([
    '',
    'nonsense',
    '1',
    '1.2',
    `-1.${randomUUID()}`,
    `1e3.${randomUUID()}`,
    `8000000000000000.${randomUUID()}`,
    `99999999999999999999.${randomUUID()}`,
    `1.${randomUUID()}.`,
    `1.${randomUUID()}%0A`,
    `1.${randomUUID().toUpperCase()}X`,
    `1.${randomUUID()}&cursor=1.${randomUUID()}`,
    "1'%20OR%20true",
    '%F0%9F%8F%A6',
  ])('refuse the cursor "%s" with 400', async (cursor) => {
    for (const path of LISTS) {
      const answer = await get(`${path}?cursor=${cursor}`, admin.headers);
      expect(outcome(answer)).toEqual([400, { errors: { cursor: 'is not a valid cursor' } }]);
    }
  });

  it('take any cursor of the right form, and never show more than without it', async () => {
    const user = await signedInUser(server);
    const answer = await get(
      `/api/v1/tokens?cursor=7999999999999999.${'f'.repeat(8)}-ffff-ffff-ffff-${'f'.repeat(12)}`,
      user.headers,
    );
    expect(answer.body.tokens).toMatchObject([{ owner: user.id }]);
    expect(outcome(await get(`/api/v1/tokens?cursor=0.${randomUUID()}`, user.headers))).toEqual([200, { tokens: [] }]);
  });
});

describe('Errors of /api/v1', () => {
  it.each<[name: string, status: number, send: () => Promise<Pick<Answer, 'status' | 'body'>>]>([
    ['malformed JSON', 400, () => post('/api/v1/app_tokens/', '{"seconds_until_expire":', admin.headers)],
    ['a body that is no object', 400, () => post('/api/v1/tokens/', '[1]', admin.headers)],
    ['a poisoned prototype', 400, () => post('/api/v1/tokens/', '{"__proto__":{"user":"x"}}', admin.headers)],
    ['a NUL in the body', 400, () => post('/api/v1/tokens/', { user: 'a\0' }, admin.headers)],
    ['a NUL in the URL', 400, () => get('/api/v1/tokens/a%00', admin.headers)],
    [
      'a URL that is badly encoded',
      400,
      () => callExactly(server, 'GET', '/api/v1/tokens/%ff', undefined, admin.headers),
    ],
    ['a name that is too long', 400, () => get(`/api/v1/tokens/${'f'.repeat(5_000)}`, admin.headers)],
    ['an unknown address', 404, () => get('/api/v1/nothing', admin.headers)],
    ['an address below one', 404, () => get(`/api/v1/tokens/${admin.token}/x`, admin.headers)],
    ['a wrong method', 405, () => server.call('DELETE', '/api/v1/token/', undefined, admin.headers)],
    ['a body over the limit', 413, () => post('/api/v1/tokens/', { user: 'x'.repeat(1_048_576) }, admin.headers)],
    [
      'an unknown media type',
      415,
      () => server.call('POST', '/api/v1/tokens/', '<a/>', { ...admin.headers, 'content-type': 'text/xml' }),
    ],
    [
      'a form where none is taken',
      415,
      () =>
        server.call('POST', '/api/v1/app_tokens/', 'seconds_until_expire=5', {
          ...admin.headers,
          'content-type': 'application/x-www-form-urlencoded',
        }),
    ],
  ])('say one message for %s (%d)', async (_, status, send) => {
    expect(outcome(await send())).toEqual([status, { errors: { request: expect.stringMatching(/^[A-Z].*\.$/) } }]);
  });

  it('name all bad fields at once, each with one message', async () => {
    const body = { user: 5, seconds_until_expire: 'x', token: 'x', id: 'y' };
    expect(outcome(await post('/api/v1/tokens/', body, admin.headers))).toEqual([
      400,
      {
        errors: {
          user: 'One or more IDs are not formatted correctly.',
          seconds_until_expire: 'must be a whole number',
          token: 'You cannot specify your own token string.',
          id: 'You cannot specify your own token string.',
        },
      },
    ]);
  });

  it('are described in OpenAPI as they are answered: one text for each field', async () => {
    const { body } = await server.call('GET', '/docs-json');
    const described = body.paths['/api/v1/tokens'].post.responses['400'].content['application/json'];
    expect(described.examples.invalid_params.value).toEqual(INVALID_USER[1]);
    expect(described.schema).toEqual({ $ref: '#/components/schemas/AppTokenError' });
    const { AppTokenError, AccountErrorWithErrors } = body.components.schemas;
    expect(AppTokenError.properties.errors.additionalProperties).toEqual({ type: 'string' });
    const list = { type: 'array', items: { type: 'string' } };
    expect(AccountErrorWithErrors.properties.errors.additionalProperties).toEqual(list);
  });
});

describe('The log', () => {
  it('holds no token, not even of those that were in a URL', async () => {
    const extra = await makeAdmin(server);
    const seen = [admin.token, admin.appToken, extra.appToken];
    await get(`/api/v1/tokens/${admin.token}`, admin.headers);
    await get(`/api/v1/nothing/${admin.token}`, admin.headers);
    await callExactly(server, 'GET', `/api/v1/tokens/${admin.token}%ff`, undefined, admin.headers);
    await server.call('PUT', `/api/v1/app_tokens/${extra.appToken}`, {}, admin.headers);
    await remove(`/api/v1/app_tokens/${extra.appToken}`, admin.headers);
    const log = server.logs.join('\n');
    expect(log).toContain('/api/v1/tokens/:name');
    expect(seen.filter((secret) => log.includes(secret))).toEqual([]);
  });
});

describe('OpenAPI', () => {
  it('describes every answer that these tests saw', () => {
    expect(server.answers.undescribed()).toEqual([]);
    expect(server.answers.seen().length).toBeGreaterThanOrEqual(45);
  });
});
