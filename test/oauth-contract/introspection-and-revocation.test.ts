import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { Revocations } from '../../src/revocations/revocations.service.js';
import { SessionLastUsed } from '../../src/sessions/session-last-used.service.js';
import {
  admin,
  ask,
  asker,
  CLIENTS,
  database,
  get,
  GRANT,
  HOUR,
  INACTIVE,
  introspect,
  liveTokens,
  MOST_FAILURES,
  opens,
  outcome,
  post,
  refused,
  remove,
  revoke,
  server,
  withAsker,
} from '../support/oauth-contract.js';
import { basic, newAccessToken, newClient, postForm, type Client } from '../support/oauth.js';
import { eventually } from '../support/process.js';
import { bearer, claimsOf, signUp, startServer } from '../support/server.js';
import {
  changeAccount,
  makeAdmin,
  newApiToken,
  newAppToken,
  oboToken,
  rowOf,
  signedInAdmin,
  signedInUser,
  type User,
} from '../support/tokens.js';

withAsker();

describe('Introspection', () => {
  /** When a token was made and ends, as introspection tells it. */
  async function timesOf(token: string): Promise<{ jti: string; iat: number; exp?: number }> {
    const { id, created_at, expires_at } = await rowOf(database, token);
    const seconds = (date: Date) => Math.floor(date.getTime() / 1_000);
    return { jti: id, iat: seconds(created_at), ...(expires_at && { exp: seconds(expires_at) }) };
  }

  const iss = 'http://latchkey.test';

  it('tells all about an access token of a client', async () => {
    const owner = await makeAdmin(server);
    const client = await newClient(server, { ownerId: owner.id });
    const token = await newAccessToken(server, client, 'accounts:read identifications');
    const answer = await introspect(token);
    expect(outcome(answer)).toEqual([
      200,
      {
        active: true,
        token_kind: 'oauth',
        token_type: 'Bearer',
        sub: client.id,
        client_id: client.id,
        scope: 'accounts:read identifications',
        iss,
        aud: [iss],
        ...(await timesOf(token)),
      },
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body.exp - answer.body.iat).toBe(HOUR);
  });

  it('tells all about an App-Token, with its scopes if it has any', async () => {
    const common = {
      active: true,
      token_kind: 'app',
      token_type: 'App-Token',
      sub: admin.id,
      username: admin.email,
      iss,
    };
    const plain = await newAppToken(server, admin, { seconds_until_expire: 60 });
    expect((await introspect(plain)).body).toEqual({ ...common, ...(await timesOf(plain)) });
    const scoped = await newAppToken(server, admin, { scopes: ['frontend'] });
    expect((await introspect(scoped)).body).toEqual({ ...common, scope: 'frontend', ...(await timesOf(scoped)) });
  });

  it('tells all about a user token', async () => {
    const { id, email, token } = await signedInUser(server);
    expect((await introspect(token)).body).toEqual({
      active: true,
      token_kind: 'user',
      token_type: 'Token',
      sub: id,
      username: email,
      iss,
      ...(await timesOf(token)),
    });
  });

  it('tells of a token on behalf of somebody who got it', async () => {
    const { id, email } = await signUp(server);
    const token = await oboToken(server, admin, id);
    expect((await introspect(token)).body).toEqual({
      active: true,
      token_kind: 'user',
      token_type: 'Token',
      sub: id,
      username: email,
      act: { sub: admin.id, username: admin.email },
      iss,
      ...(await timesOf(token)),
    });
  });

  it('tells all about an API token, which has no end and no account of ours', async () => {
    const token = await newApiToken(server, admin.appToken, 'GATEWAY ACCOUNT', { token_account_type: 'live' });
    expect((await introspect(token)).body).toEqual({
      active: true,
      token_kind: 'api',
      token_type: 'Bearer',
      gateway_account_id: 'GATEWAY ACCOUNT',
      iss,
      ...(await timesOf(token)),
    });
  });

  it('tells all about the JWT of a session', async () => {
    const { id, email, token } = await signUp(server);
    const { sid, jti, iat, exp } = claimsOf(token);
    expect((await introspect(token)).body).toEqual({
      active: true,
      token_kind: 'session',
      token_type: 'Bearer',
      sub: id,
      username: email,
      sid,
      iss,
      jti,
      iat,
      exp,
    });
  });

  it.each(['access_token', 'refresh_token', 'nonsense', ''])(
    'finds a token whatever the hint is: "%s"',
    async (hint) => {
      const token = await newAccessToken(server, await newClient(server));
      const { body } = await postForm(server, '/oauth/introspect', { token, token_type_hint: hint }, asker.basic);
      expect(body.active).toBe(true);
    },
  );

  it('takes JSON, and the id and secret in the body', async () => {
    const token = await newAccessToken(server, await newClient(server));
    const shown = { token, client_id: asker.id, client_secret: asker.secret };
    expect((await post('/oauth/introspect', { token }, asker.basic)).body.active).toBe(true);
    expect((await post('/oauth/introspect', shown, {})).body.active).toBe(true);
    expect((await postForm(server, '/oauth/introspect', shown)).body.active).toBe(true);
  });

  it('is for clients that were registered with tokens:introspect', async () => {
    const token = await newAccessToken(server, await newClient(server));
    const other = await newClient(server, { scopes: ['accounts:read', 'accounts:write', 'identifications'] });
    const own = await newAccessToken(server, other);
    for (const shown of [token, own, 'nonsense']) {
      const answer = await postForm(server, '/oauth/introspect', { token: shown }, other.basic);
      expect(outcome(answer)).toEqual(refused(403, 'insufficient_scope'));
    }
  });

  it('is not for those who show an access token, whatever scopes it has', async () => {
    const token = await newAccessToken(server, asker);
    const answer = await postForm(server, '/oauth/introspect', { token }, bearer(token));
    expect(outcome(answer)).toEqual(refused(401, 'invalid_client'));
  });

  it.each([
    ['no token', {}],
    ['an empty token', { token: '' }],
    ['null', { token: null }],
    ['a number', { token: 5 }],
    ['a list', { token: ['x'] }],
    ['a hint that is null', { token: 'x', token_type_hint: null }],
  ])('and revocation are refused with 400 for %s', async (_, body) => {
    for (const path of ['/oauth/introspect', '/oauth/revoke']) {
      expect(outcome(await post(path, body, asker.basic))).toEqual(refused(400, 'invalid_request'));
    }
    expect(outcome(await postForm(server, '/oauth/introspect', 'token=x&token=y', asker.basic))).toEqual(
      refused(400, 'invalid_request'),
    );
  });

  it.each<[name: string, text: () => string | Promise<string>]>([
    ['an unknown token', () => '0'.repeat(32)],
    ['an unknown API token', () => 'api_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    ['nonsense', () => 'nonsense'],
    ['a space', () => ' '],
    ['something long', () => 'x'.repeat(16_000)],
    ['a token in capitals', async () => (await newAccessToken(server, await newClient(server))).toUpperCase()],
    ['a token and a space', async () => `${await newAccessToken(server, await newClient(server))} `],
    ['a digest', async () => (await rowOf(database, admin.token)).digest.toString('hex')],
    ['the id of a token', async () => (await rowOf(database, admin.token)).id],
    ['the secret of a client', () => asker.secret],
    ['a refresh token', async () => (await signUp(server, { remember: true })).refreshToken],
    ['a JWT that somebody else signed', async () => forged((await signUp(server)).token)],
    ['a JWT without its signature', async () => (await signUp(server)).token.split('.').slice(0, 2).join('.')],
    ['a JWT whose signature was cut', async () => (await signUp(server)).token.slice(0, -4)],
    ['a JWT without an algorithm', async () => unsigned((await signUp(server)).token)],
  ])('says {"active":false} of %s', async (_, text) => {
    expect(outcome(await introspect(await text()))).toEqual(INACTIVE);
  });

  /** The same claims and the same key id, but signed with the public knowledge of anybody. */
  function forged(token: string): Promise<string> {
    const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string };
    return new SignJWT({ ...claimsOf(token) }).setProtectedHeader({ alg: 'HS512', kid }).sign(Buffer.alloc(64));
  }

  function unsigned(token: string): string {
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
    return `${header}.${token.split('.')[1] ?? ''}.`;
  }

  interface Ending {
    token: string;
    end: () => Promise<unknown>;
  }

  // Announced, so that nobody goes by what they remember.
  const expire = async (token: string) => {
    const { id } = await rowOf(database, token);
    const move = 'UPDATE tokens SET expires_at = now() WHERE id = $1';
    await server.app.get(Revocations).during(`token ${id}`, (tx) => tx.query(move, [id]));
  };
  const disable = (id: string) => changeAccount(server, id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
  const demote = (id: string) => changeAccount(server, id, `UPDATE accounts SET role = 'user' WHERE id = $1`);

  /** A client that somebody answers for, and its token. */
  async function owned(): Promise<Ending & { ownerId: string; client: Client }> {
    const { id: ownerId } = await makeAdmin(server);
    const client = await newClient(server, { ownerId });
    return { ownerId, client, token: await newAccessToken(server, client), end: () => Promise.resolve() };
  }

  async function onBehalf(): Promise<{ actor: User; id: string; email: string; jwt: string; token: string }> {
    const actor = await signedInAdmin(server);
    const { id, email, token: jwt } = await signUp(server);
    return { actor, id, email, jwt, token: await oboToken(server, actor, id) };
  }

  async function signedIn(): Promise<{ user: User; jwt: string }> {
    const user = await signedInUser(server);
    const { email, password } = user;
    const { body } = await server.call('POST', '/account/session', { account: { email, password } });
    return { user, jwt: body.token as string };
  }

  const changePassword = ({ id, email }: { id: string; email: string }, jwt: string) =>
    server.call('PUT', `/accounts/${id}`, { account: { email, password: 'another example' } }, bearer(jwt));
  const signOut = (jwt: string) => remove('/account/session', bearer(jwt));

  const ways: [name: string, prepare: () => Promise<Ending>][] = [
    [
      'an access token, when its client revokes it',
      async () => {
        const { token, client } = await owned();
        return { token, end: () => revoke(client, token) };
      },
    ],
    [
      'an access token, when an admin ends those of the client',
      async () => {
        const { token, client } = await owned();
        return { token, end: () => post(`${CLIENTS}/${client.id}/revoke`, undefined, admin.headers) };
      },
    ],
    [
      'an access token, when its time is over',
      async () => {
        const { token } = await owned();
        return { token, end: () => expire(token) };
      },
    ],
    [
      'an access token, when its client is deleted',
      async () => {
        const { token, client } = await owned();
        return { token, end: () => remove(`${CLIENTS}/${client.id}`, admin.headers) };
      },
    ],
    [
      'an access token, when the owner of its client is disabled',
      async () => {
        const { token, ownerId } = await owned();
        return { token, end: () => disable(ownerId) };
      },
    ],
    [
      'an access token, when the owner of its client is no admin any more',
      async () => {
        const { token, ownerId } = await owned();
        return { token, end: () => demote(ownerId) };
      },
    ],
    [
      'an App-Token, when it is deleted',
      async () => {
        const user = await signedInUser(server);
        return { token: user.appToken, end: () => remove(`/api/v1/app_tokens/${user.appToken}`, user.headers) };
      },
    ],
    [
      'an App-Token, when its time is over',
      async () => {
        const { appToken } = await signedInUser(server);
        return { token: appToken, end: () => expire(appToken) };
      },
    ],
    [
      'an App-Token, when its account is disabled',
      async () => {
        const { id, appToken } = await signedInUser(server);
        return { token: appToken, end: () => disable(id) };
      },
    ],
    [
      'an App-Token with scopes, when its owner is no admin any more',
      async () => {
        const { id, appToken } = await makeAdmin(server);
        return { token: appToken, end: () => demote(id) };
      },
    ],
    [
      'a user token, when its account signs out',
      async () => {
        const { user, jwt } = await signedIn();
        return { token: user.token, end: () => signOut(jwt) };
      },
    ],
    [
      'a user token, when the password is changed',
      async () => {
        const { user, jwt } = await signedIn();
        return { token: user.token, end: () => changePassword(user, jwt) };
      },
    ],
    [
      'a user token, when its time is over',
      async () => {
        const { token } = await signedInUser(server);
        return { token, end: () => expire(token) };
      },
    ],
    [
      'a user token, when its account is disabled',
      async () => {
        const { id, token } = await signedInUser(server);
        return { token, end: () => disable(id) };
      },
    ],
    [
      'a token on behalf of somebody, when they change their password',
      async () => {
        const { token, jwt, ...account } = await onBehalf();
        return { token, end: () => changePassword(account, jwt) };
      },
    ],
    [
      'a token on behalf of somebody, when their account is disabled',
      async () => {
        const { token, id } = await onBehalf();
        return { token, end: () => disable(id) };
      },
    ],
    [
      'a token on behalf of somebody, when the account of who got it is disabled',
      async () => {
        const { token, actor } = await onBehalf();
        return { token, end: () => disable(actor.id) };
      },
    ],
    [
      'an API token, when it is revoked',
      async () => {
        const account = randomUUID();
        const token = await newApiToken(server, admin.appToken, account);
        const path = `/v1/frontend/auth/${account}/revoke-all`;
        return { token, end: () => remove(path, { 'app-token': admin.appToken }) };
      },
    ],
    [
      'the JWT of a session, when its account signs out',
      async () => {
        const { token } = await signUp(server);
        return { token, end: () => signOut(token) };
      },
    ],
    [
      'the JWT of a session, when its account is disabled',
      async () => {
        const { id, token } = await signUp(server);
        return { token, end: () => disable(id) };
      },
    ],
    [
      'the JWT of a session, when the time of the session is over',
      async () => {
        const { token } = await signUp(server);
        const { sid } = claimsOf(token);
        // Announced, so that nobody goes by what they remember.
        const end = () =>
          server.app
            .get(Revocations)
            .during(`session ${sid}`, (tx) => tx.query('UPDATE sessions SET expires_at = now() WHERE id = $1', [sid]));
        return { token, end };
      },
    ],
  ];

  it('is no use of a session, remembered or not', async () => {
    const { token } = await signUp(server);
    const uses = server.app.get(SessionLastUsed);
    for (let time = 0; time < 2; time += 1) expect((await introspect(token)).body.active).toBe(true);
    await uses.flush();
    const lastUse = async () => {
      const { sid } = claimsOf(token);
      const [row] = await database.query<{ at: Date | null }>('SELECT last_used_at AS at FROM sessions WHERE id = $1', [
        sid,
      ]);
      return row?.at;
    };
    expect(await lastUse()).toBeNull();
    await server.call('GET', '/account', undefined, bearer(token));
    await uses.flush();
    expect(await lastUse()).toEqual(expect.any(Date));
  });

  it.each(ways)('says {"active":false}, and nothing else, of %s', async (_, prepare) => {
    const { token, end } = await prepare();
    expect((await introspect(token)).body).toMatchObject({ active: true });
    await end();
    expect(outcome(await introspect(token))).toEqual(INACTIVE);
  });

  it('says {"active":false} of the JWT of a session from the second that it names', async () => {
    const { token } = await signUp(server);
    const { exp } = claimsOf(token);
    const ahead = exp - Math.floor(Date.now() / 1_000);
    server.advanceClock(ahead);
    try {
      expect(outcome(await introspect(token))).toEqual(INACTIVE);
    } finally {
      server.advanceClock(-ahead);
    }
    expect((await introspect(token)).body.active).toBe(true);
  });
});

describe('Revocation', () => {
  it('ends a token of the client that asks at once, and says nothing', async () => {
    const client = await newClient(server);
    const [token, other] = [await newAccessToken(server, client), await newAccessToken(server, client)];
    for (const each of [token, other]) expect(await opens(bearer(each))).toBe(true);
    const answer = await revoke(client, token);
    expect(outcome(answer)).toEqual([200, '']);
    expect([await opens(bearer(token)), await opens(bearer(other))]).toEqual([false, true]);
    expect(outcome(await introspect(token))).toEqual(INACTIVE);
    expect((await rowOf(database, token)).revoked_at).not.toBeNull();
  });

  it('is 200 the second time too, and changes nothing then', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client);
    await revoke(client, token);
    const { revoked_at } = await rowOf(database, token);
    expect(outcome(await revoke(client, token))).toEqual([200, '']);
    expect((await rowOf(database, token)).revoked_at).toEqual(revoked_at);
  });

  it('is 200 for a token of another client, which stays good', async () => {
    const token = await newAccessToken(server, await newClient(server));
    expect(outcome(await revoke(await newClient(server), token))).toEqual([200, '']);
    expect(await opens(bearer(token))).toBe(true);
  });

  it.each<[name: string, text: () => string | Promise<string>]>([
    ['an App-Token', () => admin.appToken],
    ['a user token', () => admin.token],
    ['an API token', () => newApiToken(server, admin.appToken, randomUUID())],
    ['the JWT of a session', async () => (await signUp(server)).token],
  ])('is 200 for %s, which stays good', async (_, text) => {
    const token = await text();
    expect(outcome(await revoke(await newClient(server), token))).toEqual([200, '']);
    expect((await introspect(token)).body.active).toBe(true);
  });

  it.each([
    ['what nobody knows', () => '0'.repeat(32)],
    ['nonsense', () => 'nonsense'],
    ['a refresh token', async () => (await signUp(server, { remember: true })).refreshToken],
  ])('is 200 for %s', async (_, text) => {
    expect(outcome(await revoke(await newClient(server), await text()))).toEqual([200, '']);
  });

  it('is 200 for the id of a token, which stays good', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client);
    expect(outcome(await revoke(client, (await rowOf(database, token)).id))).toEqual([200, '']);
    expect(await opens(bearer(token))).toBe(true);
  });

  it.each(['access_token', 'refresh_token', 'nonsense', ''])(
    'goes by the token, not by the hint "%s"',
    async (hint) => {
      const client = await newClient(server);
      const token = await newAccessToken(server, client);
      const form = { token, token_type_hint: hint };
      expect((await postForm(server, '/oauth/revoke', form, client.basic)).status).toBe(200);
      expect(outcome(await introspect(token))).toEqual(INACTIVE);
    },
  );

  it('takes JSON, the id and the secret in the body, and needs no scope', async () => {
    const client = await newClient(server, { scopes: [] });
    const tokens = [await newAccessToken(server, client), await newAccessToken(server, client)] as const;
    const shown = { client_id: client.id, client_secret: client.secret };
    expect((await post('/oauth/revoke', { token: tokens[0] }, client.basic)).status).toBe(200);
    expect((await postForm(server, '/oauth/revoke', { token: tokens[1], ...shown })).status).toBe(200);
    expect(await liveTokens(client.id)).toEqual([]);
  });

  it('is heard by another replica within 100 ms', async () => {
    const there = await startServer(database.connection);
    try {
      const client = await newClient(server);
      const token = await newAccessToken(server, client);
      const { id } = await rowOf(database, token);
      const accepted = async () => (await there.call('GET', '/api/accounts', undefined, bearer(token))).status === 200;
      // It goes by what it remembers: then it does not see what is changed behind its back.
      await eventually(async () => {
        await accepted();
        await database.query('UPDATE tokens SET revoked_at = now() WHERE id = $1', [id]);
        const remembered = await accepted();
        await database.query('UPDATE tokens SET revoked_at = NULL WHERE id = $1', [id]);
        expect(remembered).toBe(true);
      });
      await revoke(client, token);
      // A busy machine may take longer; what is never heard of is accepted all the same.
      await eventually(async () => {
        expect(await accepted()).toBe(false);
      });
    } finally {
      await there.close();
    }
  });
});

describe('Failed attempts', () => {
  let lastAddress = 0;
  /** An address that no other test comes from. */
  function address(): string {
    lastAddress += 1;
    return `192.0.2.${lastAddress}`;
  }
  const wrong = (client: Client, from: string, path = '/oauth/token', secret = 'wrong') =>
    postForm(server, path, {}, { ...basic(client.id, secret), 'x-forwarded-for': from });

  it(`are 401 ${MOST_FAILURES} times, and then 429 with Retry-After; the right secret goes on`, async () => {
    const client = await newClient(server);
    const from = address();
    for (let attempt = 0; attempt < MOST_FAILURES; attempt += 1) {
      expect((await wrong(client, from)).status).toBe(401);
    }
    const answer = await wrong(client, from);
    expect(outcome(answer)).toEqual(refused(429, 'temporarily_unavailable'));
    const wait = Number(answer.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(800);
    expect(wait).toBeLessThanOrEqual(900);
    // One pod that still has the old secret keeps none of the others out.
    expect((await ask(client, GRANT, from)).status).toBe(200);
    // From elsewhere, and for other clients, it is only wrong.
    expect((await wrong(client, address())).status).toBe(401);
    expect((await wrong(await newClient(server), from)).status).toBe(401);
  });

  it('are counted together at every door', async () => {
    const client = await newClient(server);
    const from = address();
    for (const path of ['/oauth/token', '/oauth/v2/token', '/oauth/introspect', '/oauth/revoke']) {
      expect((await wrong(client, from, path)).status).toBe(401);
    }
    const headers = { ...basic(client.id, 'wrong'), 'x-forwarded-for': from };
    expect((await get('/api/accounts', headers)).status).toBe(401);
    const body = { client_id: client.id, client_secret: 'wrong' };
    expect((await postForm(server, '/oauth/token', body, { 'x-forwarded-for': from })).status).toBe(401);
    const counts = await database.query('SELECT key, count FROM attempt_limits WHERE key LIKE $1 ORDER BY key', [
      `%${from}`,
    ]);
    expect(counts).toEqual([
      { key: `client ${client.id} ${from}`, count: 6 },
      { key: `clients ${from}`, count: 6 },
    ]);
  });

  it('of forty at once are as many as are allowed, and refusals', async () => {
    const client = await newClient(server);
    const from = address();
    const guesses = Array.from({ length: 2 * MOST_FAILURES }, (_, guess) => String(guess));
    const answers = await Promise.all(guesses.map((guess) => wrong(client, from, '/oauth/token', guess)));
    expect(answers.map(({ status }) => status).sort()).toEqual([
      ...Array<number>(MOST_FAILURES).fill(401),
      ...Array<number>(MOST_FAILURES).fill(429),
    ]);
  });

  it('of many clients from one address have a limit too, and end with their time', async () => {
    const client = await newClient(server);
    const from = address();
    await wrong(client, from);
    await database.query(`UPDATE attempt_limits SET count = $2 WHERE key = $1`, [
      `clients ${from}`,
      10 * MOST_FAILURES,
    ]);
    const other = await newClient(server);
    expect((await wrong(other, from)).status).toBe(429);
    expect((await wrong(other, address())).status).toBe(401);
    await database.query('UPDATE attempt_limits SET window_ends_at = now() WHERE key = $1', [`clients ${from}`]);
    server.advanceClock(server.config.loginFailureWindow);
    expect((await wrong(client, from)).status).toBe(401);
  });

  it('are none when the secret is right', async () => {
    const client = await newClient(server);
    const from = address();
    for (let attempt = 0; attempt < 3; attempt += 1) expect((await ask(client, GRANT, from)).status).toBe(200);
    expect(await database.query('SELECT 1 FROM attempt_limits WHERE key LIKE $1', [`%${from}`])).toEqual([]);
  });
});
