import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bearer, claimsOf, newEmail, signUp, startServer, type TestServer } from './support/server.js';

/** The examples of seed 001, each under the name it has there, with the host changed and real values filled in. */
let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const JWT = expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/);
const REFRESH_TOKEN = expect.stringMatching(/^[\w.-]{60,}$/);
const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);

describe('Account Create', () => {
  it('answers 201 with a token', async () => {
    const account = { email: newEmail(), password: 'example' };
    const answer = await server.call('POST', '/accounts', { account });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({ token: JWT });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('answers a refresh token too with remember_me', async () => {
    const account = { email: newEmail(), password: 'example', remember_me: true };
    const answer = await server.call('POST', '/accounts', { account });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({ token: JWT, refresh_token: REFRESH_TOKEN });
  });

  it('stores a bcrypt hash and never the password', async () => {
    const { id } = await signUp(server, { password: 'a secret example' });
    const [row] = await database.query<Record<string, unknown>>('SELECT * FROM accounts WHERE id = $1', [id]);
    expect(row).toMatchObject({ role: 'user', credential_epoch: 0, disabled_at: null });
    expect(row?.password_hash).toMatch(/^\$2b\$04\$/);
    expect(JSON.stringify(row)).not.toContain('a secret example');
  });

  it('refuses an email that is taken, in whatever case, with 409', async () => {
    const { email } = await signUp(server);
    const account = { email: email.toUpperCase(), password: 'example' };
    const answer = await server.call('POST', '/accounts', { account });
    expect(answer.status).toBe(409);
    expect(answer.body).toEqual({ id: 'conflict', message: expect.any(String), errors: { email: ['is taken'] } });
  });

  it('makes one account of twenty sign-ups with the same email at once', async () => {
    const account = { email: newEmail(), password: 'example' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => server.call('POST', '/accounts', { account })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
    const rows = await database.query('SELECT 1 FROM accounts WHERE email = $1', [account.email]);
    expect(rows).toHaveLength(1);
  });
});

describe('Account Sign In', () => {
  it('answers 200 with a token, and a refresh token with remember_me', async () => {
    const { email, password } = await signUp(server);
    const plain = await server.call('POST', '/account/session', { account: { email, password } });
    expect(plain.status).toBe(200);
    expect(plain.body).toEqual({ token: JWT });
    const account = { email, password, remember_me: true };
    const remembered = await server.call('POST', '/account/session', { account });
    expect(remembered.status).toBe(200);
    expect(remembered.body).toEqual({ token: JWT, refresh_token: REFRESH_TOKEN });
  });

  it('gives a JWT with the documented header and claims', async () => {
    const { id, email, token } = await signUp(server);
    const header: unknown = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
    expect(header).toEqual({ typ: 'JWT', alg: 'RS512', kid: expect.stringMatching(/^[\w-]{43}$/) });
    const claims = claimsOf(token);
    expect(claims).toEqual({
      data: { id, type: 'accounts', attributes: { email } },
      sub: 'account',
      iss: 'http://latchkey.test',
      sid: UUID,
      jti: UUID,
      iat: expect.any(Number),
      exp: claims.iat + 86_400,
    });
    expect(Math.abs(claims.iat - Date.now() / 1000)).toBeLessThan(60);
  });

  it.each(['wrong password', 'unknown email', 'disabled account', 'account without a password'])(
    'answers the same 401 for: %s',
    async (reason) => {
      const { id, email } = await signUp(server);
      const account = { email, password: 'example' };
      if (reason === 'wrong password') account.password = 'another';
      if (reason === 'unknown email') account.email = newEmail();
      if (reason === 'disabled account')
        await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [id]);
      if (reason === 'account without a password') {
        await database.query('UPDATE accounts SET password_hash = NULL WHERE id = $1', [id]);
      }
      const answer = await server.call('POST', '/account/session', { account });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="latchkey"');
      expect(answer.body).toEqual({ id: 'unauthorized', message: 'Invalid email or password.' });
    },
  );
});

describe('Account Get new token', () => {
  it('answers 200 with a token and the next refresh token', async () => {
    const { refreshToken } = await signUp(server, { remember: true });
    const account = { refresh_token: refreshToken, remember_me: true };
    const answer = await server.call('PUT', '/account/session', { account });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ token: JWT, refresh_token: REFRESH_TOKEN });
    expect(answer.body.refresh_token).not.toBe(refreshToken);
  });
});

describe('Account Delete all tokens', () => {
  it('answers 200 with the account, and ends every session of it', async () => {
    const { id, email, password, token } = await signUp(server);
    const other = await server.call('POST', '/account/session', { account: { email, password } });
    // The document sends the content type without a body.
    const answer = await server.call('DELETE', '/account/session', undefined, {
      ...bearer(token),
      'content-type': 'application/json',
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ id, email });
    for (const dead of [token, other.body.token as string]) {
      expect((await server.call('GET', `/accounts/${id}`, undefined, bearer(dead))).status).toBe(401);
    }
    const alive = await database.query('SELECT 1 FROM sessions WHERE account_id = $1 AND revoked_at IS NULL', [id]);
    expect(alive).toHaveLength(0);
  });
});

describe('Account Info', () => {
  it.each(['Bearer: ', 'Bearer ', 'bearer ', 'BEARER:  '])(
    'answers 200 with the account for "%s"',
    async (spelling) => {
      const { id, email, token } = await signUp(server);
      const answer = await server.call('GET', `/accounts/${id}`, undefined, { authorization: `${spelling}${token}` });
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({ data: { id, email } });
    },
  );

  it('answers the same 404 for an account of somebody else and for none', async () => {
    const { token } = await signUp(server);
    const { id: other } = await signUp(server);
    const somebody = await server.call('GET', `/accounts/${other}`, undefined, bearer(token));
    const nobody = await server.call('GET', '/accounts/1dc3567e-afd5-4819-acd4-21d0ef677dcd', undefined, bearer(token));
    const nonsense = await server.call('GET', '/accounts/nonsense', undefined, bearer(token));
    for (const { status, body } of [somebody, nobody, nonsense]) {
      expect(status).toBe(404);
      expect(body).toEqual({ id: 'not_found', message: expect.any(String) });
    }
  });
});

describe('Account Update', () => {
  it('answers 200 with a new token, and ends all that was open', async () => {
    const { id, email, password, token, refreshToken } = await signUp(server, { remember: true });
    const account = { email: newEmail(), password: 'another example' };
    const answer = await server.call('PUT', `/accounts/${id}`, { account }, bearer(token));
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ token: JWT });
    const read = await server.call('GET', `/accounts/${id}`, undefined, bearer(answer.body.token as string));
    expect(read.body).toEqual({ data: { id, email: account.email } });
    expect((await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status).toBe(401);
    const refresh = await server.call('PUT', '/account/session', { account: { refresh_token: refreshToken } });
    expect(refresh.status).toBe(401);
    expect((await server.call('POST', '/account/session', { account: { email, password } })).status).toBe(401);
    expect((await server.call('POST', '/account/session', { account })).status).toBe(200);
  });

  it('refuses the email of another account with 409 and changes nothing', async () => {
    const { email: taken } = await signUp(server);
    const { id, email, password, token } = await signUp(server);
    const account = { email: taken, password: 'another example' };
    const answer = await server.call('PUT', `/accounts/${id}`, { account }, bearer(token));
    expect(answer.status).toBe(409);
    expect(answer.body.id).toBe('conflict');
    expect((await server.call('POST', '/account/session', { account: { email, password } })).status).toBe(200);
    expect((await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status).toBe(200);
  });

  it('answers 404 for an account of somebody else and changes nothing', async () => {
    const { token } = await signUp(server);
    const victim = await signUp(server);
    const account = { email: newEmail(), password: 'another example' };
    expect((await server.call('PUT', `/accounts/${victim.id}`, { account }, bearer(token))).status).toBe(404);
    const [row] = await database.query('SELECT email FROM accounts WHERE id = $1', [victim.id]);
    expect(row).toEqual({ email: victim.email });
  });

  it('wants both fields', async () => {
    const { id, token } = await signUp(server);
    const answer = await server.call('PUT', `/accounts/${id}`, { account: {} }, bearer(token));
    expect(answer.status).toBe(422);
    expect(answer.body).toEqual({
      id: 'invalid_params',
      message: expect.any(String),
      errors: { email: ['is required'], password: ['is required'] },
    });
  });
});

describe('Account Request Password', () => {
  it('answers 200 with id and email as it was sent', async () => {
    const { id, email } = await signUp(server);
    const answer = await server.call('POST', '/account/password', { account: { email: email.toUpperCase() } });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ id, email: email.toUpperCase() });
  });

  it('answers an unknown email alike, with an id that is always the same', async () => {
    const email = newEmail();
    const first = await server.call('POST', '/account/password', { account: { email } });
    const second = await server.call('POST', '/account/password', { account: { email: email.toUpperCase() } });
    expect(first.status).toBe(200);
    expect(first.body).toEqual({ id: UUID, email });
    expect(second.body).toEqual({ id: first.body.id as string, email: email.toUpperCase() });
  });
});

describe('OpenAPI', () => {
  it('describes every answer that these tests saw', () => {
    expect(server.answers.undescribed()).toEqual([]);
    expect(server.answers.seen().length).toBeGreaterThanOrEqual(15);
  });
});
