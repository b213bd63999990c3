import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import {
  admin,
  database,
  DAY,
  everyAnswerIsDescribed,
  get,
  type Headers,
  INVALID_USER,
  isGood,
  isGoodApp,
  lifetimeOf,
  LISTS,
  NOT_FOUND,
  outcome,
  patch,
  post,
  remove,
  server,
  withAdmin,
} from '../support/app-token-contract.js';
import { bearer, newEmail, signUp, startServer } from '../support/server.js';
import {
  changeAccount,
  logIn,
  newAppToken,
  oboToken,
  rowOf,
  signedInAdmin,
  signedInUser,
  tokenHeaders,
  type User,
} from '../support/tokens.js';

withAdmin();

const HEX = expect.stringMatching(/^[0-9a-f]{32}$/);
const NOT_GOOD = 'is missing or invalid';

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
      expect(answer.headers.get('www-authenticate')).toBe('App-Token');
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
    [{}, { username: 'is required', password: 'is required' }],
    [undefined, { username: 'is required', password: 'is required' }],
    [{ username: 'a@example.org' }, { password: 'is required' }],
    [{ username: null, password: 'example' }, { username: 'is required' }],
    [
      { username: ['a@example.org'], password: { $ne: '' } },
      { username: 'must be a string', password: 'must be a string' },
    ],
    [{ username: 'a@example.org', password: 'ü'.repeat(257) }, { password: 'must be at most 256 characters' }],
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

  it('answers 429 with Retry-After after five times LOGIN_MAX_FAILURES wrong passwords, for the right one too', async () => {
    const limited = await startServer(database.connection, { loginMaxFailures: 1 });
    try {
      const { email, password } = await signUp(limited);
      const login = (secret: string) =>
        limited.call('POST', '/api/v1/token/', { username: email, password: secret }, { 'app-token': admin.appToken });
      for (let attempt = 0; attempt < 5; attempt += 1) expect((await login('another')).status).toBe(401);
      for (const secret of ['another', password]) {
        const answer = await login(secret);
        expect(outcome(answer)).toEqual([429, { errors: { request: 'Too many attempts. Try again later.' } }]);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      }
      // The other doors share what counts for a whole site.
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

    it('while what a user does has one name, and what was refused changes nothing', async () => {
      const user = await signedInUser(server);
      const { id } = await rowOf(database, await newAppToken(server, user));
      expect(await eventsOf(id)).toMatchObject([{ kind: 'token.issued', actor_id: user.id, on_behalf_of: null }]);
      const stranger = await signedInUser(server);
      expect((await patch(`/api/v1/app_tokens/${id}`, 60, stranger.headers)).status).toBe(404);
      expect((await remove(`/api/v1/app_tokens/${id}`, stranger.headers)).status).toBe(404);
      const [, ...refused] = await eventsOf(id);
      for (const event of refused) expect(event).toMatchObject({ kind: 'access.refused', actor_id: stranger.id });
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
    // Otherwise whoever had made them before the mailbox was proved would keep them.
    await database.query('UPDATE accounts SET email_verified_at = now() WHERE id = $1', [user.id]);
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

everyAnswerIsDescribed(29);
