import {
  constants,
  createHmac,
  generateKeyPairSync,
  randomUUID,
  sign,
  type KeyObject,
  type SignKeyObjectInput,
} from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import jwt from 'jsonwebtoken';
import type { SigningPair } from '../src/keys/key-ring.js';
import { SigningKeys } from '../src/keys/signing-keys.service.js';
import type { RevocationTag } from '../src/revocations/revocation-tags.js';
import { Revocations } from '../src/revocations/revocations.service.js';
import { SessionStore } from '../src/sessions/sessions.store.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { waiting, whileLocked } from './support/locks.js';
import { newClient, postForm, type Client } from './support/oauth.js';
import { bearer, claimsOf, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';

let database: TestDatabase;
let server: TestServer;
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { loginMaxFailures: 1_000 });
  client = await newClient(server);
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

/** The two places that a session JWT can be shown at. Each tells whether it is taken for good. */
const DOORS: Record<string, (id: string, token: string) => Promise<boolean>> = {
  'GET /accounts/{id}': async (id, token) => {
    const { status, headers, body } = await read(id, token);
    if (status === 200) return true;
    expect([status, headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^Bearer/)]);
    expect(body).toEqual({ id: 'unauthorized', message: expect.any(String) });
    return false;
  },
  'POST /oauth/introspect': async (_id, token) => {
    const { status, body } = await postForm(server, '/oauth/introspect', { token }, client.basic);
    expect(status).toBe(200);
    if (body.active !== true) expect(body).toEqual({ active: false });
    return body.active as boolean;
  },
};

/** What a JWT can be made of: a good one, its parts, and our own key. */
class Workshop {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
  readonly publicKeyPem: string;
  readonly head: object;

  constructor(
    readonly token: string,
    readonly ours: SigningPair,
  ) {
    this.publicKeyPem = ours.publicKey.export({ format: 'pem', type: 'spki' }).toString();
    this.head = { typ: 'JWT', alg: 'RS512', kid: ours.kid };
    [this.header = '', this.payload = '', this.signature = ''] = token.split('.');
  }

  /** @returns a JWT with other claims and another header, signed by our key unless another is given */
  signed(
    claims: object,
    head: object = {},
    hash = 'RSA-SHA512',
    key: SignKeyObjectInput | KeyObject = this.ours.privateKey,
  ): string {
    const text = `${part({ ...this.head, ...head })}.${part({ ...claimsOf(this.token), ...claims })}`;
    return `${text}.${sign(hash, Buffer.from(text), key).toString('base64url')}`;
  }

  /** @returns a JWT with the old payload and signature */
  headed(head: object): string {
    return `${part({ ...this.head, ...head })}.${this.payload}.${this.signature}`;
  }

  hmac(alg: string, key: string): string {
    const text = `${part({ ...this.head, alg })}.${this.payload}`;
    return `${text}.${createHmac(alg.replace('HS', 'sha'), key).update(text).digest('base64url')}`;
  }
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const anotherKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const ELSEWHERE = 'http://elsewhere.test';

const GOOD_JWTS: [name: string, make: (w: Workshop) => string][] = [
  ['as it was issued', ({ token }) => token],
  ['signed anew', (w) => w.signed({})],
  ['for us', (w) => w.signed({ aud: server.config.publicUrl })],
  ['for us among others', (w) => w.signed({ aud: [ELSEWHERE, server.config.publicUrl] })],
];

const BAD_JWTS: [name: string, make: (w: Workshop) => string][] = [
  // Forged.
  ['no algorithm and no signature', (w) => `${part({ ...w.head, alg: 'none' })}.${w.payload}.`],
  ['no algorithm and the old signature', (w) => w.headed({ alg: 'None' })],
  ['an HMAC with the public key (PEM)', (w) => w.hmac('HS512', w.publicKeyPem)],
  ['an HMAC with the public key (modulus)', (w) => w.hmac('HS256', String(w.ours.publicJwk.n))],
  ['another RSA algorithm named', (w) => w.headed({ alg: 'RS256' })],
  ['a foreign kid', (w) => w.headed({ kid: randomUUID() })],
  ['no kid', (w) => w.headed({ kid: undefined })],
  ['a kid that is no text', (w) => w.headed({ kid: { $ne: '' } })],
  ['a cut signature', (w) => `${w.header}.${w.payload}.${w.signature.slice(0, -10)}`],
  ['no signature', (w) => `${w.header}.${w.payload}.`],
  ['two parts', (w) => `${w.header}.${w.payload}`],
  ['another payload', (w) => `${w.header}.${part({ ...claimsOf(w.token), sid: randomUUID() })}.${w.signature}`],
  ['a payload that is no JSON', (w) => `${w.header}.${Buffer.from('nonsense').toString('base64url')}.${w.signature}`],
  ['nonsense', () => 'nonsense'],
  ['the signature of a key that is not ours, under our kid', (w) => w.signed({}, {}, 'RSA-SHA512', anotherKey())],
  // Signed by our own key, with a header that is not a valid cursor.
  ['a header that is critical and known (RFC 7797)', (w) => w.signed({}, { crit: ['b64'], b64: true })],
  ['a header that is critical and unknown', (w) => w.signed({}, { crit: ['x'], x: 1 })],
  ['a list of nothing critical', (w) => w.signed({}, { crit: [] })],
  ['no type', (w) => w.signed({}, { typ: undefined })],
  ['the type of an access token (RFC 9068)', (w) => w.signed({}, { typ: 'at+jwt' })],
  ['a type that is no text', (w) => w.signed({}, { typ: ['JWT'] })],
  ['RS256', (w) => w.signed({}, { alg: 'RS256' }, 'RSA-SHA256')],
  [
    'PS512',
    (w) =>
      w.signed({}, { alg: 'PS512' }, 'RSA-SHA512', {
        key: w.ours.privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
      }),
  ],
  ['our key under a foreign kid', (w) => w.signed({}, { kid: randomUUID() })],
  ['our key under no kid', (w) => w.signed({}, { kid: undefined })],
  // And with claims that are none of ours.
  ['another audience', (w) => w.signed({ aud: ELSEWHERE })],
  ['other audiences', (w) => w.signed({ aud: [ELSEWHERE, `${server.config.publicUrl}/`] })],
  ['an audience of nobody', (w) => w.signed({ aud: [] })],
  ['no time of issue', (w) => w.signed({ iat: undefined })],
  ['a time of issue that is a text', (w) => w.signed({ iat: '2026-11-22T12:00:00Z' })],
  ['no id', (w) => w.signed({ jti: undefined })],
  ['an id that is a number', (w) => w.signed({ jti: 1 })],
  ['an id that is no uuid', (w) => w.signed({ jti: 'x' })],
  ['an id that is a list', (w) => w.signed({ jti: [randomUUID()] })],
  ['a session that is a list', (w) => w.signed({ sid: [claimsOf(w.token).sid] })],
  ['an audience that is null', (w) => w.signed({ aud: null })],
  ['another issuer', (w) => w.signed({ iss: ELSEWHERE })],
  ['no issuer', (w) => w.signed({ iss: undefined })],
  ['another subject', (w) => w.signed({ sub: 'other' })],
  ['no subject', (w) => w.signed({ sub: undefined })],
  ['no expiry', (w) => w.signed({ exp: undefined })],
  ['an expiry in the past', (w) => w.signed({ exp: 1_000_000_000 })],
  ['an expiry that is no number', (w) => w.signed({ exp: '9999999999' })],
  ['a beginning in the future', (w) => w.signed({ nbf: 9_999_999_999 })],
  ['another session', (w) => w.signed({ sid: randomUUID() })],
  ['a session id that is no uuid', (w) => w.signed({ sid: "'; DROP TABLE sessions" })],
  ['no account', (w) => w.signed({ data: undefined })],
  ['another account', (w) => w.signed({ data: { id: randomUUID() } })],
];

describe('A session token', () => {
  let id: string;
  let workshop: Workshop;

  beforeAll(async () => {
    const account = await signUp(server);
    id = account.id;
    workshop = new Workshop(account.token, await server.app.get(SigningKeys).current());
  });

  describe.each(Object.entries(DOORS))('at %s', (_door, isGood) => {
    it.each(GOOD_JWTS)('is good %s', async (_name, make) => {
      expect(await isGood(id, make(workshop))).toBe(true);
    });

    it.each(BAD_JWTS)('is refused with %s', async (_name, make) => {
      expect(await isGood(id, make(workshop))).toBe(false);
    });
  });

  it('is neither good nor bad while its key cannot be looked up: that is an outage', async () => {
    const outage = Object.assign(new Error('terminating connection'), { code: '57P01' });
    const unseen = await signUp(server);
    const find = jest.spyOn(server.app.get(SigningKeys), 'find').mockRejectedValue(outage);
    try {
      const { id, token } = unseen;
      const introspected = await postForm(server, '/oauth/introspect', { token }, client.basic);
      expect([(await read(id, token)).status, introspected.status]).toEqual([503, 503]);
    } finally {
      find.mockRestore();
    }
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

  it('has its signature and its session checked once, and again when one of them, its account or the keys have changed', async () => {
    const { id, token } = await signUp(server);
    const verify = jest.spyOn(jwt, 'verify');
    const find = jest.spyOn(server.app.get(SessionStore), 'findLive');
    const checksOf = async (status: number) => {
      for (let time = 0; time < 3; time += 1) expect((await read(id, token)).status).toBe(status);
      const checks = [verify.mock.calls.length, find.mock.calls.length];
      verify.mockClear();
      find.mockClear();
      return checks;
    };
    const changed = (tag: RevocationTag) => server.app.get(Revocations).during(tag, () => Promise.resolve());
    try {
      expect(await checksOf(200)).toEqual([1, 1]);
      expect(await checksOf(200)).toEqual([0, 0]);
      const { sid } = claimsOf(token);
      for (const tag of ['signing keys', `account ${id}`, `session ${sid}`] as const) {
        await changed(tag);
        // It is announced to this process once more, at some time.
        expect(Math.min(...(await checksOf(200)))).toBeGreaterThanOrEqual(1);
      }
      await signOut(token);
      expect(await checksOf(401)).toEqual([3, 3]);
    } finally {
      verify.mockRestore();
      find.mockRestore();
    }
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

  it('gives another successor when it is shown again after ten seconds, and the first one ends the session then', async () => {
    const { id, token, refreshToken } = await signUp(server, { remember: true });
    const lost = (await refresh(refreshToken, true)).body as { token: string; refresh_token: string };
    await age(token, 11);
    const found = await refresh(refreshToken, true);
    expect(found.status).toBe(200);
    expect(found.body.refresh_token).not.toBe(lost.refresh_token);
    expect((await refresh(lost.refresh_token, true)).status).toBe(401);
    expect((await sessionOf(token))?.revoked_at).not.toBeNull();
    expect((await refresh(found.body.refresh_token as string, true)).status).toBe(401);
    expect((await read(id, found.body.token as string)).status).toBe(401);
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
    const late = await refresh(refreshToken, true);
    expect(late.status).toBe(200);
    expect(Object.keys(late.body as object)).toEqual(['token']);
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
    ['a long one', () => 'x'.repeat(2_000)],
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
    const changed = 'UPDATE accounts SET credential_epoch = credential_epoch + 1 WHERE id = $1';
    const { signingIn } = await whileLocked(database, changed, [id], async () => {
      const signingIn = signIn(email, password);
      await waiting(database, 1);
      return { signingIn };
    });
    const late = await signingIn;
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
