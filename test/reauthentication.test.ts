import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bearer, claimsOf, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import {
  logIn,
  newAppToken,
  oboToken,
  rowOf,
  signedInAdmin,
  signedInUser,
  tokenHeaders,
  type User,
} from './support/tokens.js';

const OLD = `now() - interval '901 seconds'`;
const MOST_FAILURES = 5;
const FORBIDDEN = /you entered your password more than 900 seconds ago\. Send current_password, or sign in again\./;

let database: TestDatabase;
/** REAUTHENTICATE_AFTER is 900. */
let server: TestServer;
/** It is off. */
let off: TestServer;
let admin: User;

type Account = Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { reauthenticateAfter: 900, loginMaxFailures: MOST_FAILURES });
  off = await startServer(database.connection);
  admin = await signedInAdmin(server);
});

afterAll(async () => {
  await off.close();
  await server.close();
  await database.drop();
});

/** Has the password of a session been entered long ago. */
const age = (jwt: string, since = OLD) =>
  database.query(`UPDATE sessions SET password_checked_at = ${since} WHERE id = $1`, [claimsOf(jwt).sid]);
const ageToken = (user: User) =>
  database.query(`UPDATE tokens SET created_at = ${OLD} WHERE account_id = $1 AND kind = 'user'`, [user.id]);

async function oldSession(): Promise<Account> {
  const account = await signUp(server, { remember: true });
  await age(account.token);
  return account;
}

async function signIn({ email, password }: { email: string; password: string }, at = server): Promise<string> {
  const { status, body } = await at.call('POST', '/account/session', { account: { email, password } });
  expect(status).toBe(200);
  return body.token as string;
}

const change = ({ id, token, email }: Account, more: object = {}, at = server) =>
  at.call('PUT', `/accounts/${id}`, { account: { email, password: 'another example', ...more } }, bearer(token));
const end = (token: string, sid: string, body?: object) =>
  server.call('DELETE', `/account/sessions/${sid}`, body, bearer(token));
const signOut = (token: string, body?: object) => server.call('DELETE', '/account/session', body, bearer(token));
const confirmed = (current_password: string) => ({ account: { current_password } });

function expectAsked({ status, body }: Answer): void {
  expect([status, body.id, Object.keys(body.errors as object)]).toEqual([403, 'forbidden', ['current_password']]);
  expect([body.message, body.errors.current_password[0]]).toEqual([
    expect.stringMatching(FORBIDDEN),
    expect.stringMatching(FORBIDDEN),
  ]);
}

/** In the app-token document's words. */
function expectTokenAsked({ status, body }: Answer): void {
  expect([status, body]).toEqual([403, { errors: { current_password: expect.stringMatching(FORBIDDEN) } }]);
}

async function resetOf(id: string): Promise<string> {
  const [reset] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [id]);
  return server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
}

const stateOf = (id: string) =>
  database.query<{ email: string; password_hash: string }>(
    `SELECT a.email, a.password_hash, a.credential_epoch,
       (SELECT count(*)::int FROM sessions s WHERE s.account_id = a.id AND revoked_at IS NULL) AS sessions,
       (SELECT count(*)::int FROM tokens t WHERE t.account_id = a.id AND revoked_at IS NULL) AS tokens
     FROM accounts a WHERE id = $1`,
    [id],
  );

const checkedAt = async (jwt: string) => {
  const [row] = await database.query<{ at: Date | null; recent: boolean | null }>(
    `SELECT password_checked_at AS at, password_checked_at > now() - interval '1 minute' AS recent
     FROM sessions WHERE id = $1`,
    [claimsOf(jwt).sid],
  );
  return row;
};

describe('A change of email and password', () => {
  it('asks for the password when it was entered too long ago, and changes nothing without it', async () => {
    const account = await oldSession();
    const before = await stateOf(account.id);
    expectAsked(await change(account));
    expectAsked(await change(account, { email: newEmail() }));
    const wrong = await change(account, { current_password: 'not the password' });
    expect([wrong.status, wrong.body.errors]).toEqual([422, { current_password: ['is incorrect'] }]);
    // The new password is not the old one.
    expect((await change(account, { current_password: 'another example' })).status).toBe(422);
    expect(await stateOf(account.id)).toEqual(before);
    const { status, body } = await change(account, { current_password: account.password });
    expect(status).toBe(200);
    expect((await checkedAt(body.token as string))?.recent).toBe(true);
  });

  it('needs nothing while it was entered recently, and the new session is no more recent than that', async () => {
    const account = await signUp(server);
    await age(account.token, `now() - interval '5 minutes'`);
    const since = await checkedAt(account.token);
    const { status, body } = await change(account);
    expect(status).toBe(200);
    expect(await checkedAt(body.token as string)).toEqual(since);
    await age(body.token as string);
    expectAsked(await change({ ...account, token: body.token as string }));
  });

  it.each<[string, (account: Account) => Promise<string>]>([
    [
      'a refresh',
      async ({ refreshToken }) => {
        const account = { refresh_token: refreshToken, remember_me: true };
        return (await server.call('PUT', '/account/session', { account })).body.token as string;
      },
    ],
    [
      'the release before',
      async ({ token }) => {
        await age(token, 'NULL');
        return token;
      },
    ],
  ])('asks for it after %s too', async (_, renew) => {
    const account = await oldSession();
    const token = await renew(account);
    expectAsked(await change({ ...account, token }));
    expect((await change({ ...account, token }, { current_password: account.password })).status).toBe(200);
  });

  it('needs nothing in a session that a reset has opened, as that has set the password', async () => {
    const account = await oldSession();
    await server.call('POST', '/account/password', { account: { email: account.email } });
    const reset_password_token = await resetOf(account.id);
    const redeemed = { password: 'another example', reset_password_token, remember_me: true };
    const { body } = await server.call('PUT', '/account/password', { account: redeemed });
    expect((await change({ ...account, token: body.token as string })).status).toBe(200);
  });

  it('counts wrong passwords as those of sign-ins are counted', async () => {
    const account = await oldSession();
    for (let attempt = 0; attempt < MOST_FAILURES; attempt += 1)
      expect((await change(account, { current_password: `wrong ${attempt}` })).status).toBe(422);
    const limited = await change(account, { current_password: account.password });
    expect([limited.status, Number(limited.headers.get('retry-after')) > 0]).toEqual([429, true]);
    const { email, password } = account;
    expect((await server.call('POST', '/account/session', { account: { email, password } })).status).toBe(429);
  });

  it('is 404 for another account, whatever the password', async () => {
    const [account, other] = [await oldSession(), await signUp(server)];
    expect((await change({ ...account, id: other.id }, { current_password: account.password })).status).toBe(404);
  });
});

describe('Ending sessions', () => {
  it('asks for the password for another session, and not for the own one', async () => {
    const account = await oldSession();
    const other = await signIn(account);
    const before = await stateOf(account.id);
    expectAsked(await end(account.token, claimsOf(other).sid));
    expect((await end(account.token, claimsOf(other).sid, confirmed('wrong'))).status).toBe(422);
    expect(await stateOf(account.id)).toEqual(before);
    expect((await end(account.token, claimsOf(other).sid, confirmed(account.password))).status).toBe(204);
    expect((await end(account.token, claimsOf(account.token).sid.toUpperCase())).status).toBe(204);
  });

  it('is confirmed for one act: the session is no more recent afterwards', async () => {
    const account = await oldSession();
    const [one, other] = [await signIn(account), await signIn(account)];
    const since = await checkedAt(account.token);
    expect((await end(account.token, claimsOf(one).sid, confirmed(account.password))).status).toBe(204);
    expect(await checkedAt(account.token)).toEqual(since);
    expectAsked(await end(account.token, claimsOf(other).sid));
    expect((await server.call('GET', `/accounts/${account.id}`, undefined, bearer(other))).status).toBe(200);
  });

  it('asks for it when signing out ends others too, and says how to sign out here only', async () => {
    const account = await oldSession();
    const other = await signIn(account);
    const asked = await signOut(account.token);
    expectAsked(asked);
    expect(asked.body.message).toContain(`send DELETE /account/sessions/${claimsOf(account.token).sid}`);
    expect((await server.call('GET', `/accounts/${account.id}`, undefined, bearer(other))).status).toBe(200);
    expect((await signOut(account.token, confirmed(account.password))).status).toBe(200);
    expect((await server.call('GET', `/accounts/${account.id}`, undefined, bearer(other))).status).toBe(401);
  });

  it('signs out without it where nothing else is open, and with a login open only with it', async () => {
    const alone = await oldSession();
    expect((await signOut(alone.token)).status).toBe(200);
    const account = await oldSession();
    await logIn(server, admin.appToken, account);
    expectAsked(await signOut(account.token));
    await age(account.token, 'now()');
    expect((await signOut(account.token)).status).toBe(200);
  });
});

type Making = [what: string, make: (headers: User['headers'], body: object) => Promise<Answer>];
const MAKING: Making[] = [
  ['an App-Token', (headers, body) => server.call('POST', '/api/v1/app_tokens/', body, headers)],
  [
    'a client',
    (headers, body) =>
      server.call('POST', '/api/v1/oauth_clients/', { name: 'x', scopes: ['accounts:read'], ...body }, headers),
  ],
  [
    'a secret of a client',
    async (headers, body) => {
      const scopes: string[] = [];
      const client = await off.call('POST', '/api/v1/oauth_clients/', { name: 'x', scopes }, admin.headers);
      return server.call('POST', `/api/v1/oauth_clients/${client.body.id}/secrets`, body, headers);
    },
  ],
];

describe.each(MAKING)('Making %s', (_, make) => {
  it('asks for the password when the login was too long ago, however long the token was made to last', async () => {
    const user = await signedInAdmin(server);
    await ageToken(user);
    const longer = { seconds_until_expire: 90_000 };
    const { status } = await server.call('PATCH', `/api/v1/tokens/${user.token}`, longer, admin.headers);
    expect(status).toBe(200);
    const before = await stateOf(user.id);
    expectTokenAsked(await make(user.headers, {}));
    const wrong = await make(user.headers, { current_password: 'wrong' });
    expect([wrong.status, wrong.body]).toEqual([400, { errors: { current_password: 'is incorrect' } }]);
    expect(await stateOf(user.id)).toEqual(before);
    expect((await make(user.headers, { current_password: user.password })).status).toBe(201);
  });

  it('needs nothing after a login of now', async () => {
    expect((await make((await signedInAdmin(server)).headers, {})).status).toBe(201);
  });

  it('cannot be done on behalf of another, with whosever password', async () => {
    const [actor, subject] = [await signedInAdmin(server), await signedInAdmin(server)];
    const headers = tokenHeaders(admin.appToken, await oboToken(server, actor, subject.id));
    const error = 'This cannot be done on behalf of another account. Use a token of your own.';
    for (const body of [{}, { current_password: actor.password }, { current_password: subject.password }]) {
      const answer = await make(headers, body);
      expect([answer.status, answer.body]).toEqual([403, { errors: { token: error } }]);
    }
  });
});

describe('An admin', () => {
  const requests = (own: User, body: object): [string, string, object][] => [
    ['PATCH', `/api/v1/accounts/${own.id}`, { email: newEmail(), ...body }],
    ['PATCH', `/api/v1/accounts/${own.id.toUpperCase()}`, { password: null, ...body }],
    ['POST', `/api/v1/accounts/${own.id}/revoke`, body],
  ];

  it('is asked for it for what takes over their own account, by these routes too', async () => {
    const own = await signedInAdmin(server);
    const session = await signIn(own);
    await ageToken(own);
    const before = await stateOf(own.id);
    const ending: [string, string, object] = [
      'DELETE',
      `/api/v1/accounts/${own.id}/sessions/${claimsOf(session).sid}`,
      {},
    ];
    for (const [method, path, body] of [...requests(own, {}), ending])
      expectTokenAsked(await server.call(method, path, body, own.headers));
    expect(await stateOf(own.id)).toEqual(before);
    const [method, path] = ending;
    const current_password = own.password;
    expect((await server.call(method, path, { current_password }, own.headers)).status).toBe(204);
    for (const [method, path, body] of requests(own, { current_password }).slice(-1))
      expect((await server.call(method, path, body, own.headers)).status).toBe(204);
  });

  it('is asked for it for making an admin of somebody, new or not, whom the thief of a token would keep', async () => {
    const own = await signedInAdmin(server);
    const { id } = await signedInUser(server);
    await ageToken(own);
    const roles = () => database.query('SELECT id, role FROM accounts ORDER BY id');
    const before = await roles();
    const making: [string, string, object][] = [
      ['POST', '/api/v1/accounts/', { email: newEmail(), role: 'admin', password: 'another example' }],
      ['POST', '/api/v1/accounts/', { email: newEmail(), role: 'admin' }],
      ['PATCH', `/api/v1/accounts/${id}`, { role: 'admin' }],
    ];
    for (const [method, path, body] of making) {
      expectTokenAsked(await server.call(method, path, body, own.headers));
      const wrong = await server.call(method, path, { ...body, current_password: 'wrong' }, own.headers);
      expect([wrong.status, wrong.body]).toEqual([400, { errors: { current_password: 'is incorrect' } }]);
    }
    expect(await roles()).toEqual(before);
    const actor = await signedInAdmin(server);
    const acting = tokenHeaders(admin.appToken, await oboToken(server, actor, own.id));
    const [method, path, body] = making[2] ?? ['', '', {}];
    expect((await server.call(method, path, body, acting)).status).toBe(403);
    for (const [method, path, body] of making) {
      const confirmed = { ...body, current_password: own.password };
      expect([200, 201]).toContain((await server.call(method, path, confirmed, own.headers)).status);
    }
  });

  it('is not asked for it for other accounts, nor for other changes', async () => {
    const own = await signedInAdmin(server);
    await ageToken(own);
    const other = await signedInUser(server);
    for (const [method, path, body] of requests(other, {}))
      expect([200, 204]).toContain((await server.call(method, path, body, own.headers)).status);
    const name = `Institution ${own.id}`;
    expect((await server.call('PATCH', `/api/v1/accounts/${own.id}`, { name }, own.headers)).status).toBe(200);
    const made = await server.call('POST', '/api/v1/accounts/', { email: newEmail() }, own.headers);
    expect(made.status).toBe(201);
    const demoted = { role: 'user' };
    expect((await server.call('PATCH', `/api/v1/accounts/${other.id}`, demoted, own.headers)).status).toBe(200);
  });
});

describe('With REQUIRE_CURRENT_PASSWORD', () => {
  const ALWAYS = 'Send current_password: a change of email and password always needs it.';
  const HERE = { requireCurrentPassword: true };

  beforeAll(() => {
    Object.assign(off.config, HERE);
    Object.assign(server.config, HERE);
  });

  afterAll(() => {
    Object.assign(off.config, { requireCurrentPassword: false });
    Object.assign(server.config, { requireCurrentPassword: false });
  });

  it('whoever is signed in changes email and password only with the current one, however recently it was entered', async () => {
    for (const at of [server, off]) {
      const account = await signUp(at);
      const before = await stateOf(account.id);
      for (const more of [{}, { email: newEmail() }]) {
        const { status, body } = await change(account, more, at);
        expect([status, body]).toEqual([
          403,
          { id: 'forbidden', message: ALWAYS, errors: { current_password: [`is required. ${ALWAYS}`] } },
        ]);
      }
      const wrong = await change(account, { current_password: 'another example' }, at);
      expect([wrong.status, wrong.body.errors]).toEqual([422, { current_password: ['is incorrect'] }]);
      expect(await stateOf(account.id)).toEqual(before);
      expect((await change(account, { current_password: account.password }, at)).status).toBe(200);
      expect((await stateOf(account.id))[0]).not.toMatchObject({ password_hash: before[0]?.password_hash });
    }
  });

  it('the link in a mail sets a password alone', async () => {
    const account = await signUp(server);
    await server.call('POST', '/account/password', { account: { email: account.email } });
    const reset_password_token = await resetOf(account.id);
    const redeemed = { password: 'another example', reset_password_token };
    expect((await server.call('PUT', '/account/password', { account: redeemed })).status).toBe(200);
  });

  it('an admin changes the own email, or removes the own password, only with it, and not on behalf of themself', async () => {
    const [own, actor] = [await signedInAdmin(off), await signedInAdmin(off)];
    const obo = tokenHeaders(admin.appToken, await oboToken(off, actor, own.id));
    const before = await stateOf(own.id);
    for (const changes of [{ email: newEmail() }, { password: null }]) {
      const path = `/api/v1/accounts/${own.id}`;
      const asked = await off.call('PATCH', path, changes, own.headers);
      expect([asked.status, asked.body]).toEqual([403, { errors: { current_password: `is required. ${ALWAYS}` } }]);
      const acting = await off.call('PATCH', path, { ...changes, current_password: own.password }, obo);
      expect([acting.status, Object.keys(acting.body.errors as object)]).toEqual([403, ['token']]);
    }
    expect((await stateOf(own.id))[0]).toMatchObject({
      email: before[0]?.email,
      password_hash: before[0]?.password_hash,
    });
    const confirmed = { password: null, current_password: own.password };
    expect((await off.call('PATCH', `/api/v1/accounts/${own.id}`, confirmed, own.headers)).status).toBe(200);
  });

  it('nothing else asks for it', async () => {
    const [own, other] = [await signedInAdmin(off), await signedInUser(off)];
    expect((await off.call('PATCH', `/api/v1/accounts/${other.id}`, { password: null }, own.headers)).status).toBe(200);
    expect((await off.call('PATCH', `/api/v1/accounts/${own.id}`, { role: 'admin' }, own.headers)).status).toBe(200);
    expect((await off.call('POST', '/api/v1/app_tokens/', {}, own.headers)).status).toBe(201);
    const account = await signUp(off);
    await signIn(account, off);
    expect((await off.call('DELETE', '/account/session', undefined, bearer(account.token))).status).toBe(200);
  });
});

describe('With REAUTHENTICATE_AFTER off', () => {
  it('nothing is asked, but a password that is sent has to be right', async () => {
    const account = await oldSession();
    const wrong = await change(account, { current_password: 'wrong' }, off);
    expect([wrong.status, wrong.body.errors]).toEqual([422, { current_password: ['is incorrect'] }]);
    expect((await change(account, {}, off)).status).toBe(200);
    const user = await signedInAdmin(off);
    await ageToken(user);
    expect(await rowOf(database, await newAppToken(off, user))).toMatchObject({ account_id: user.id });
    const { status } = await off.call('POST', '/api/v1/app_tokens/', { current_password: 'wrong' }, user.headers);
    expect(status).toBe(400);
  });
});

it('OpenAPI describes every answer that these tests saw', () => {
  expect([...server.answers.undescribed(), ...off.answers.undescribed()]).toEqual([]);
});
