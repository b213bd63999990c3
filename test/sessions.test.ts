import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT, type JWTPayload } from 'jose';
import { SigningKeys } from '../src/keys/signing-keys.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bearer, claimsOf, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { loginMaxFailures: 1_000 });
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const read = (id: string, token: string) => server.call('GET', `/accounts/${id}`, undefined, bearer(token));
const signIn = (email: string, password: string) =>
  server.call('POST', '/account/session', { account: { email, password } });
const refresh = (refresh_token: string, remember_me?: boolean) =>
  server.call('PUT', '/account/session', { account: { refresh_token, ...(remember_me && { remember_me }) } });
const signOut = (token: string) => server.call('DELETE', '/account/session', undefined, bearer(token));

async function sessionOf(token: string) {
  const [row] = await database.query<{ refresh_counter: number; revoked_at: Date | null; expires_at: Date }>(
    'SELECT * FROM sessions WHERE id = $1',
    [claimsOf(token).sid],
  );
  return row;
}

/** Moves a session into the past, all its dates alike. */
function age(token: string, seconds: number) {
  return database.query(
    `UPDATE sessions SET created_at = created_at - $2 * interval '1 second',
       expires_at = expires_at - $2 * interval '1 second', refreshed_at = refreshed_at - $2 * interval '1 second',
       refresh_expires_at = refresh_expires_at - $2 * interval '1 second' WHERE id = $1`,
    [claimsOf(token).sid, seconds],
  );
}

describe('A session token', () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  function forgeries(token: string): [name: string, forged: string][] {
    const [header = '', payload = '', signature = ''] = token.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    const [{ n }] = server.app.get(SigningKeys).jwks.keys as [{ n: string }];
    const hmac = (alg: string, key: string) => {
      const signed = `${part({ typ: 'JWT', alg, kid })}.${payload}`;
      return `${signed}.${createHmac(alg.replace('HS', 'sha'), key).update(signed).digest('base64url')}`;
    };
    const pem = server.app.get(SigningKeys).current.publicKey.export({ format: 'pem', type: 'spki' }).toString();
    return [
      ['no algorithm and no signature', `${part({ typ: 'JWT', alg: 'none', kid })}.${payload}.`],
      ['no algorithm and the old signature', `${part({ typ: 'JWT', alg: 'None', kid })}.${payload}.${signature}`],
      ['an HMAC with the public key (PEM)', hmac('HS512', pem)],
      ['an HMAC with the public key (modulus)', hmac('HS256', n)],
      ['another RSA algorithm named', `${part({ typ: 'JWT', alg: 'RS256', kid })}.${payload}.${signature}`],
      ['a foreign kid', `${part({ typ: 'JWT', alg: 'RS512', kid: randomUUID() })}.${payload}.${signature}`],
      ['no kid', `${part({ typ: 'JWT', alg: 'RS512' })}.${payload}.${signature}`],
      ['a kid that is no text', `${part({ typ: 'JWT', alg: 'RS512', kid: { $ne: '' } })}.${payload}.${signature}`],
      ['a cut signature', `${header}.${payload}.${signature.slice(0, -10)}`],
      ['no signature', `${header}.${payload}.`],
      ['two parts', `${header}.${payload}`],
      ['another payload', `${header}.${part({ ...claimsOf(token), sid: randomUUID() })}.${signature}`],
      ['a payload that is no JSON', `${header}.${Buffer.from('nonsense').toString('base64url')}.${signature}`],
      ['nonsense', 'nonsense'],
    ];
  }

  it('is refused in every forged form with 401 and a Bearer challenge', async () => {
    const { id, token } = await signUp(server);
    for (const [name, forged] of forgeries(token)) {
      const { status, headers, body } = await read(id, forged);
      expect([name, status]).toEqual([name, 401]);
      expect(headers.get('www-authenticate')).toMatch(/^Bearer/);
      expect(body).toEqual({ id: 'unauthorized', message: expect.any(String) });
    }
    expect((await read(id, token)).status).toBe(200);
  });

  it('is refused when a key that is not ours has signed it, under our kid', async () => {
    const { id, token } = await signUp(server);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { kid } = server.app.get(SigningKeys).current;
    const forged = await new SignJWT({ ...claimsOf(token) })
      .setProtectedHeader({ typ: 'JWT', alg: 'RS512', kid })
      .sign(privateKey);
    expect((await read(id, forged)).status).toBe(401);
  });

  it.each([
    ['another issuer', { iss: 'http://elsewhere.test' }],
    ['another subject', { sub: 'other' }],
    ['no expiry', { exp: undefined }],
    ['an expiry in the past', { exp: 1_000_000_000 }],
    ['another session', { sid: randomUUID() }],
    ['a session id that is no uuid', { sid: "'; DROP TABLE sessions" }],
    ['no account', { data: undefined }],
    ['another account', { data: { id: randomUUID() } }],
  ])('is refused when our own key has signed it with %s', async (_, change) => {
    const { id, token } = await signUp(server);
    const { kid, privateKey } = server.app.get(SigningKeys).current;
    const signed = await new SignJWT({ ...claimsOf(token), ...change } as JWTPayload)
      .setProtectedHeader({ typ: 'JWT', alg: 'RS512', kid })
      .sign(privateKey);
    expect((await read(id, signed)).status).toBe(401);
  });

  it('is refused without a scheme, with another scheme, with something behind it, and when absent', async () => {
    const { id, token } = await signUp(server);
    for (const authorization of [
      token,
      `Basic ${token}`,
      `Token ${token}`,
      `Bearer`,
      `Bearer ${token} x`,
      `Bearer,${token}`,
    ]) {
      expect((await server.call('GET', `/accounts/${id}`, undefined, { authorization })).status).toBe(401);
    }
    const absent = await server.call('GET', `/accounts/${id}`);
    expect(absent.status).toBe(401);
    expect(absent.headers.get('www-authenticate')).toBe('Bearer realm="latchkey"');
  });

  it('expires after SESSION_TTL', async () => {
    const { id, token } = await signUp(server);
    server.advanceClock(86_399 - 60);
    expect((await read(id, token)).status).toBe(200);
    server.advanceClock(120);
    expect((await read(id, token)).status).toBe(401);
    server.advanceClock(-86_399 - 60);
    expect((await read(id, token)).status).toBe(200);
  });

  it('ends with its session in the database, whatever it says itself', async () => {
    const { id, token } = await signUp(server);
    await age(token, 86_401);
    expect((await read(id, token)).status).toBe(401);
  });

  it('ends when its account is disabled', async () => {
    const { id, token, refreshToken } = await signUp(server, { remember: true });
    await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [id]);
    expect((await read(id, token)).status).toBe(401);
    expect((await refresh(refreshToken, true)).status).toBe(401);
  });
});

describe('A refresh token', () => {
  it('is one row however often it is used', async () => {
    const { id, token, refreshToken } = await signUp(server, { remember: true });
    let current = refreshToken;
    for (let round = 1; round <= 5; round += 1) {
      const { status, body } = await refresh(current, true);
      expect(status).toBe(200);
      current = body.refresh_token as string;
      expect(claimsOf(body.token as string).sid).toBe(claimsOf(token).sid);
    }
    expect(await sessionOf(token)).toMatchObject({ refresh_counter: 5, revoked_at: null });
    expect(await database.query('SELECT 1 FROM sessions WHERE account_id = $1', [id])).toHaveLength(1);
  });

  it('gives the same successor when it is shown again within ten seconds', async () => {
    const { token, refreshToken } = await signUp(server, { remember: true });
    const first = await refresh(refreshToken, true);
    await age(token, 9);
    const again = await refresh(refreshToken, true);
    expect(again.status).toBe(200);
    expect(again.body.refresh_token).toBe(first.body.refresh_token);
    expect((await refresh(first.body.refresh_token as string, true)).status).toBe(200);
  });

  it('ends the session when it is shown again after ten seconds', async () => {
    const { id, token, refreshToken } = await signUp(server, { remember: true });
    const successor = (await refresh(refreshToken, true)).body as { token: string; refresh_token: string };
    await age(token, 11);
    expect((await refresh(refreshToken, true)).status).toBe(401);
    expect((await sessionOf(token))?.revoked_at).not.toBeNull();
    expect((await refresh(successor.refresh_token, true)).status).toBe(401);
    expect((await read(id, successor.token)).status).toBe(401);
  });

  it('ends the session when it is two generations old, however recent', async () => {
    const { token, refreshToken } = await signUp(server, { remember: true });
    const second = (await refresh(refreshToken, true)).body.refresh_token as string;
    expect((await refresh(second, true)).status).toBe(200);
    expect((await refresh(refreshToken, true)).status).toBe(401);
    expect((await sessionOf(token))?.revoked_at).not.toBeNull();
  });

  it('has twenty uses at once all give the same successor', async () => {
    const { token, refreshToken } = await signUp(server, { remember: true });
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(refreshToken, true)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map(({ body }) => body.refresh_token as string)).size).toBe(1);
    expect(await sessionOf(token)).toMatchObject({ refresh_counter: 1, revoked_at: null });
  });

  it('without remember_me gives a JWT and makes the session one that cannot be refreshed again', async () => {
    const { id, token, refreshToken } = await signUp(server, { remember: true });
    const last = await refresh(refreshToken);
    expect(last.status).toBe(200);
    expect(Object.keys(last.body as object)).toEqual(['token']);
    expect((await read(id, last.body.token as string)).status).toBe(200);
    const replay = await refresh(refreshToken, true);
    expect(replay.status).toBe(200);
    expect(Object.keys(replay.body as object)).toEqual(['token']);
    await age(token, 11);
    expect((await refresh(refreshToken, true)).status).toBe(401);
  });

  it('lasts REFRESH_TTL from its last use', async () => {
    const { token, refreshToken } = await signUp(server, { remember: true });
    await age(token, 2_592_000 - 60);
    const { status, body } = await refresh(refreshToken, true);
    expect(status).toBe(200);
    await age(token, 2_592_000 - 60);
    const next = await refresh(body.refresh_token as string, true);
    expect(next.status).toBe(200);
    await age(token, 2_592_000 + 60);
    expect((await refresh(next.body.refresh_token as string, true)).status).toBe(401);
  });

  it('never outlives SESSION_MAX_AGE, and neither does the JWT that it gives', async () => {
    const { token, refreshToken } = await signUp(server, { remember: true });
    await database.query(`UPDATE sessions SET created_at = now() - interval '7775400 seconds' WHERE id = $1`, [
      claimsOf(token).sid,
    ]);
    const { status, body } = await refresh(refreshToken, true);
    expect(status).toBe(200);
    const { iat, exp } = claimsOf(body.token as string);
    expect(exp - iat).toBeLessThanOrEqual(600);
    await age(token, 601);
    expect((await refresh(body.refresh_token as string, true)).status).toBe(401);
  });

  it.each([
    ['a cut one', (token: string) => token.slice(0, -1)],
    ['a longer one', (token: string) => `${token}A`],
    ['another counter', (token: string) => token.replace(/\.0\./, '.1.')],
    ['another session', (token: string) => randomUUID() + token.slice(36)],
    ['another key id', (token: string) => token.replace(/\.[0-9a-f]{8}\./, '.00000000.')],
    ['an empty one', () => ''],
    ['a long one', () => 'x'.repeat(100_000)],
    ['white space around it', (token: string) => ` ${token} `],
  ])('is refused when it is forged: %s', async (_, forge) => {
    const { token, refreshToken } = await signUp(server, { remember: true });
    const { status, body } = await refresh(forge(refreshToken), true);
    expect(status).toBe(401);
    expect(body).toEqual({ id: 'unauthorized', message: expect.any(String) });
    expect(await sessionOf(token)).toMatchObject({ refresh_counter: 0, revoked_at: null });
  });

  it('is no JWT, and a JWT is no refresh token', async () => {
    const { id, token, refreshToken } = await signUp(server, { remember: true });
    expect((await read(id, refreshToken)).status).toBe(401);
    expect((await refresh(token, true)).status).toBe(401);
  });
});

describe('Races', () => {
  const ROUNDS = 40;
  const statuses = (answers: Answer[]) => answers.map(({ status }) => status);

  it('lets a sign-out win over a refresh', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { id, token, refreshToken } = await signUp(server, { remember: true });
      const [refreshed, out] = await Promise.all([refresh(refreshToken, true), signOut(token)]);
      expect(out.status).toBe(200);
      if (refreshed.status !== 200) continue;
      const { token: next, refresh_token } = refreshed.body as { token: string; refresh_token: string };
      expect((await read(id, next)).status).toBe(401);
      expect((await refresh(refresh_token, true)).status).toBe(401);
    }
  });

  it('leaves no session that an old password has opened while it was changed', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { id, email, password, token } = await signUp(server);
      const account = { email, password: 'another example' };
      const [changed, ...signIns] = await Promise.all([
        server.call('PUT', `/accounts/${id}`, { account }, bearer(token)),
        ...Array.from({ length: 3 }, () => signIn(email, password)),
      ]);
      expect(changed.status).toBe(200);
      for (const { status, body } of signIns) {
        expect([200, 401]).toContain(status);
        if (status === 200) expect((await read(id, body.token as string)).status).toBe(401);
      }
      expect((await read(id, changed.body.token as string)).status).toBe(200);
      const alive = await database.query('SELECT id FROM sessions WHERE account_id = $1 AND revoked_at IS NULL', [id]);
      expect(alive).toEqual([{ id: claimsOf(changed.body.token as string).sid }]);
    }
  });

  it('refuses a sign-in whose password was changed between its check and the opening of its session', async () => {
    const { id, email, password } = await signUp(server);
    // Holds the account's row, as a password change does until it commits.
    const change = database.query(
      `WITH changed AS (
         UPDATE accounts SET credential_epoch = credential_epoch + 1 WHERE id = $1 RETURNING id
       ) SELECT pg_sleep(0.5) FROM changed`,
      [id],
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    const late = await signIn(email, password);
    await change;
    expect(late.status).toBe(401);
    expect((await signIn(email, password)).status).toBe(200);
  });

  it('lets one of several password changes at once win, and tells the others that their session has ended', async () => {
    const { id, email, token } = await signUp(server);
    const passwords = Array.from({ length: 5 }, (_, index) => `another example ${index}`);
    const answers = await Promise.all(
      passwords.map((password) =>
        server.call('PUT', `/accounts/${id}`, { account: { email, password } }, bearer(token)),
      ),
    );
    expect(statuses(answers).sort()).toEqual([200, 401, 401, 401, 401]);
    const winner = passwords[statuses(answers).indexOf(200)] ?? '';
    for (const password of passwords) {
      expect((await signIn(email, password)).status).toBe(password === winner ? 200 : 401);
    }
  });

  it('answers twenty sign-outs at once with one 200 and ends the session', async () => {
    const { id, token } = await signUp(server);
    const answers = await Promise.all(Array.from({ length: 20 }, () => signOut(token)));
    expect(statuses(answers).filter((status) => status === 200)).toHaveLength(1);
    expect(statuses(answers).filter((status) => status === 401)).toHaveLength(19);
    expect((await read(id, token)).status).toBe(401);
  });

  it('lets a change that was under way not outlive a sign-out', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { id, email, token } = await signUp(server);
      const account = { email: newEmail(), password: 'another example' };
      const [changed, out] = await Promise.all([
        server.call('PUT', `/accounts/${id}`, { account }, bearer(token)),
        signOut(token),
      ]);
      expect(statuses([changed, out]).sort()).toEqual([200, 401]);
      const [row] = await database.query<{ email: string }>('SELECT email FROM accounts WHERE id = $1', [id]);
      expect(row?.email).toBe(changed.status === 200 ? account.email : email);
    }
  });
});
