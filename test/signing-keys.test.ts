import { constants, sign, type KeyObject } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import type { Config } from '../src/config/config.js';
import { KeyRotation } from '../src/keys/key-rotation.service.js';
import { SigningKeys } from '../src/keys/signing-keys.service.js';
import { Revocations } from '../src/revocations/revocations.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bearer, claimsOf, signUp, startServer, TEST_SECRET_KEY, type TestServer } from './support/server.js';

const HOUR = 3_600;
const DAY = 86_400;

let database: TestDatabase;
let one: TestServer;
let two: TestServer;
/** Those that a test has started beside them. */
const others: TestServer[] = [];
/** When the test began. */
let since: Date;

beforeAll(async () => {
  database = await createDatabase();
  [one, two] = await Promise.all([startServer(database.connection), startServer(database.connection)]);
});

/** A key that signs, and no other. */
beforeEach(async () => {
  await rotation(one).replaceCompromised();
  await passes(0);
  const [row] = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  since = row?.now ?? new Date();
});

afterEach(async () => {
  await Promise.all(others.splice(0).map((server) => server.close()));
});

afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await database.drop();
});

async function start(overrides: Partial<Config>): Promise<TestServer> {
  const server = await startServer(database.connection, overrides);
  others.push(server);
  return server;
}

const servers = () => [one, two, ...others];

const rotation = (server: TestServer) => server.app.get(KeyRotation);

interface Row {
  kid: string;
  algorithm: string;
  token_ttl: string;
  created_at: Date;
  published_at: Date;
  signs_from: Date;
}

/** In the order in which they sign. */
const rows = () => database.query<Row & Record<string, unknown>>('SELECT * FROM signing_keys ORDER BY signs_from, kid');

const kids = async () => (await rows()).map(({ kid }) => kid);

const events = (kind: string) =>
  database.query<{ subject: string; details: Record<string, unknown> }>(
    'SELECT subject, details FROM audit_events WHERE kind = $1 AND at > $2 ORDER BY at',
    [kind, since],
  );

/** As though so much time had gone by for the keys; every server looks again. */
async function passes(seconds: number): Promise<void> {
  await database.query(
    `UPDATE signing_keys SET signs_from = signs_from - $1 * interval '1 second',
       published_at = published_at - $1 * interval '1 second',
       created_at = CASE WHEN created_at = 'epoch' THEN created_at ELSE created_at - $1 * interval '1 second' END`,
    [seconds],
  );
  for (const server of servers()) await server.app.get(Revocations).during('signing keys', () => Promise.resolve());
}

async function keySet(server: TestServer): Promise<JSONWebKeySet> {
  const { status, body } = await server.call('GET', '/.well-known/jwks.json');
  expect(status).toBe(200);
  return body as JSONWebKeySet;
}

const kidsOf = async (server: TestServer) => (await keySet(server)).keys.map(({ kid }) => kid);
const kidOf = (token: string) => decodeProtectedHeader(token).kid;

/** It hears no notification any more, and has not noticed yet. */
function deafen(server: TestServer) {
  const channel = Reflect.get(server.app.get(Revocations), 'channel') as { receive(payload: string): void };
  return jest.spyOn(channel, 'receive').mockImplementation(() => undefined);
}

async function statusOf(server: TestServer, token: string): Promise<number> {
  const path = `/accounts/${claimsOf(token).data.id}`;
  return (await server.call('GET', path, undefined, bearer(token))).status;
}

async function statusesOf(token: string): Promise<number[]> {
  return Promise.all(servers().map((server) => statusOf(server, token)));
}

describe('A signing key', () => {
  it('is published, signs an hour later, retires until its last token has expired, and is gone a day after that', async () => {
    const [first = ''] = await kids();
    const old = await signUp(one);
    expect(await rotation(one).rotate()).toMatchObject({ outcome: 'published', ended: [] });
    const [, second = ''] = await kids();
    expect(second).not.toBe('');
    await passes(0);
    for (const server of servers()) expect(await kidsOf(server)).toEqual([first, second]);
    await passes(HOUR - 60);
    expect(kidOf((await signUp(two)).token)).toBe(first);

    await passes(60);
    const young = await signUp(two);
    expect(kidOf(young.token)).toBe(second);
    for (const server of servers()) expect(await kidsOf(server)).toEqual([second, first]);
    expect(await statusesOf(old.token)).toEqual([200, 200]);
    expect(await statusesOf(young.token)).toEqual([200, 200]);

    // The last token of the first key expires SESSION_TTL after the second one signs.
    await passes(2 * DAY - 60);
    await rotation(two).look();
    expect(await kidsOf(one)).toEqual([second, first]);
    await passes(60);
    for (const server of servers()) expect(await kidsOf(server)).toEqual([second]);
    expect(await statusesOf(old.token)).toEqual([401, 401]);
    expect(await statusesOf(young.token)).toEqual([200, 200]);
    await rotation(one).look();
    await rotation(two).look();
    expect((await rows()).map(({ kid }) => kid)).toEqual([second]);
    expect(await events('signing_key.published')).toMatchObject([
      { subject: second, details: { algorithm: 'RS512', bits: 2_048, by: 'command' } },
    ]);
    expect(await events('signing_key.deleted')).toMatchObject([{ subject: first }]);
  });

  it('is published for longer than the key set may be cached, by whoever verifies with it', async () => {
    await rotation(one).rotate();
    const { headers } = await one.call('GET', '/.well-known/jwks.json');
    const maxAge = Number(/^public, max-age=(\d+)$/.exec(headers.get('cache-control') ?? '')?.[1]);
    const [, published] = await rows();
    const wait = ((published?.signs_from.getTime() ?? 0) - (published?.published_at.getTime() ?? 0)) / 1_000;
    expect(maxAge).toBeGreaterThan(0);
    expect(wait).toBeGreaterThan(2 * maxAge);
    // Whoever has fetched the set before the key signs verifies what it signs.
    const cached = createLocalJWKSet(await keySet(one));
    await passes(HOUR);
    const { token } = await signUp(one);
    expect(kidOf(token)).toBe(published?.kid);
    await expect(jwtVerify(token, cached, { issuer: one.config.publicUrl })).resolves.toBeDefined();
  });

  it('verifies for as long as the longest SESSION_TTL of those who may have signed with it', async () => {
    expect(await rows()).toMatchObject([{ token_ttl: String(DAY) }]);
    const long = await start({ sessionTtl: 10 * DAY });
    expect(await rows()).toMatchObject([{ token_ttl: String(10 * DAY) }]);
    const { token } = await signUp(long);
    await rotation(one).rotate();
    expect(await rows()).toMatchObject([{}, { token_ttl: String(DAY) }]);
    await passes(HOUR + 11 * DAY - 60);
    await rotation(one).look();
    expect(await statusesOf(token)).toEqual([200, 200, 200]);
  });

  it('of an unknown id is looked for at once, whatever else is sent', async () => {
    const deaf = deafen(two);
    for (let round = 0; round < 3; round += 1) {
      const { token: known } = await signUp(two);
      const unknown = Array.from({ length: 20 }, (_, index) => {
        const kid = `${'x'.repeat(41)}${String(index).padStart(2, '0')}`;
        const header = Buffer.from(JSON.stringify({ ...decodeProtectedHeader(known), kid })).toString('base64url');
        return statusOf(two, known.replace(/^[^.]+/, header));
      });
      await rotation(one).rotate({ now: true });
      const { token } = await signUp(one);
      expect(kidOf(token)).not.toBe(kidOf(known));
      expect(await statusesOf(token)).toEqual([200, 200]);
      expect(new Set(await Promise.all(unknown))).toEqual(new Set([401]));
    }
    deaf.mockRestore();
  });

  it('that a replica cannot decrypt verifies there, while an earlier one signs', async () => {
    const ahead = await start({ secretKeys: ['another secret key of the tests, also long', TEST_SECRET_KEY] });
    await rotation(ahead).rotate({ now: true });
    await passes(0);
    const [old, young] = [await signUp(one), await signUp(ahead)];
    expect(kidOf(old.token)).not.toBe(kidOf(young.token));
    expect(await statusesOf(old.token)).toEqual([200, 200, 200]);
    expect(await statusesOf(young.token)).toEqual([200, 200, 200]);
    // Nest has one log for all servers of a process.
    const logs = servers().flatMap((server) => server.logs);
    expect(logs.join('\n')).toContain('encrypted with another SECRET_KEY');
  });

  it('stays in the key set during an outage', async () => {
    const kids = await kidsOf(one);
    const outage = Object.assign(new Error('terminating connection'), { code: '57P01' });
    const ring = jest.spyOn(one.app.get(SigningKeys), 'ring').mockRejectedValue(outage);
    expect(await kidsOf(one)).toEqual(kids);
    ring.mockRestore();
  });
});

describe('On schedule', () => {
  it('the next key signs when the one that signs is KEY_ROTATION_DAYS old', async () => {
    await passes(90 * DAY - HOUR - 60);
    await rotation(one).look();
    expect(await rows()).toHaveLength(1);
    await passes(60);
    await Promise.all([rotation(one).look(), rotation(two).look(), rotation(one).look()]);
    await rotation(two).look();
    expect(await rows()).toHaveLength(2);
    const [first, second] = await rows();
    const age = ((second?.signs_from.getTime() ?? 0) - (first?.signs_from.getTime() ?? 0)) / 1_000;
    expect(Math.round(age)).toBeGreaterThanOrEqual(90 * DAY);
    expect(await events('signing_key.published')).toMatchObject([
      { subject: second?.kid, details: { by: 'schedule', reason: 'age' } },
    ]);
    await passes(HOUR);
    expect(kidOf((await signUp(two)).token)).toBe(second?.kid);
  });

  it('nothing happens with KEY_ROTATION_DAYS=0, whatever new keys would be like', async () => {
    const server = await start({ keyRotationDays: 0, signingKeyBits: 3_072, sessionAlgorithm: 'PS512' });
    await passes(1_000 * DAY);
    await rotation(server).look();
    expect(await rows()).toHaveLength(1);
    // By hand it still does.
    await rotation(server).rotate();
    expect(await rows()).toMatchObject([{ algorithm: 'RS512' }, { algorithm: 'PS512' }]);
  });

  it('a key that is shorter than new ones is replaced the first time', async () => {
    const server = await start({ signingKeyBits: 3_072 });
    await rotation(server).look();
    await rotation(server).look();
    const [, second] = await rows();
    expect(await events('signing_key.published')).toMatchObject([
      { subject: second?.kid, details: { bits: 3_072, by: 'schedule', reason: 'length' } },
    ]);
    await passes(HOUR);
    const { n = '' } = (await keySet(server)).keys[0] ?? {};
    expect(Buffer.from(n, 'base64url')).toHaveLength(3_072 / 8);
    await rotation(server).look();
    expect(await rows()).toHaveLength(2);
  });
});

describe('Rotating by hand', () => {
  it('with --now, a key that is published already signs at once', async () => {
    await rotation(one).rotate();
    const [, kid = ''] = await kids();
    expect(await rotation(two).rotate({ now: true })).toMatchObject({ outcome: 'signing', key: { kid } });
    expect(await rows()).toHaveLength(2);
    expect(kidOf((await signUp(two)).token)).toBe(kid);
    expect(await events('signing_key.advanced')).toMatchObject([{ subject: kid, details: { by: 'command' } }]);
  });
});

describe('Keys that are compromised', () => {
  it('end with all that they have signed on every replica, remembered or not, and their sessions go on by refreshing', async () => {
    const retiring = await signUp(one, { remember: true });
    await rotation(one).rotate({ now: true });
    const signing = await signUp(two, { remember: true });
    await rotation(one).rotate();
    for (const { token } of [retiring, signing]) expect(await statusesOf(token)).toEqual([200, 200]);
    const before = (await rows()).map(({ kid }) => kid);
    expect(before).toHaveLength(3);
    // A key that was published lay in the same table.
    const { outcome, ended, key } = await rotation(one).replaceCompromised();
    expect({ outcome, ended }).toEqual({ outcome: 'signing', ended: [...before].sort() });
    for (const { token } of [retiring, signing]) expect(await statusOf(one, token)).toBe(401);
    await passes(0);
    for (const { token } of [retiring, signing]) expect(await statusOf(two, token)).toBe(401);
    for (const server of servers()) expect(await kidsOf(server)).toEqual([key.kid]);
    expect((await rows()).map(({ kid }) => kid)).toEqual([key.kid]);
    const account = { refresh_token: signing.refreshToken, remember_me: true };
    const refreshed = await two.call('PUT', '/account/session', { account });
    expect(refreshed.status).toBe(200);
    expect(await statusesOf((refreshed.body as { token: string }).token)).toEqual([200, 200]);
    const revoked = await events('signing_key.revoked');
    expect(revoked.map(({ subject }) => subject).sort()).toEqual([...before].sort());
    for (const { details } of revoked) expect(details).toEqual({ reason: 'compromised', replaced_by: key.kid });
  });

  it('end within the heartbeat on a replica that hears nothing any more', async () => {
    const { token } = await signUp(two);
    expect(await statusOf(two, token)).toBe(200);
    const deaf = deafen(two);
    await rotation(one).replaceCompromised();
    // As after two seconds.
    const connected = jest.spyOn(two.app.get(Revocations), 'isConnected').mockReturnValue(false);
    expect(await statusOf(two, token)).toBe(401);
    expect(await statusesOf((await signUp(two)).token)).toEqual([200, 200]);
    connected.mockRestore();
    deaf.mockRestore();
  });
});

describe('SESSION_ALGORITHM', () => {
  it('takes effect with a new key, while tokens of both algorithms verify', async () => {
    const other = await start({ sessionAlgorithm: 'PS512' });
    const old = await signUp(other);
    expect(decodeProtectedHeader(old.token).alg).toBe('RS512');
    await rotation(other).look();
    expect(await rows()).toMatchObject([{ algorithm: 'RS512' }, { algorithm: 'PS512' }]);
    expect((await events('signing_key.published')).at(-1)?.details).toMatchObject({ reason: 'algorithm' });
    await passes(HOUR);
    for (const server of servers()) {
      const young = await signUp(server);
      expect(decodeProtectedHeader(young.token)).toMatchObject({ typ: 'JWT', alg: 'PS512' });
      expect(await statusesOf(young.token)).toEqual([200, 200, 200]);
      expect(await statusesOf(old.token)).toEqual([200, 200, 200]);
      const jwks = await keySet(server);
      expect(jwks.keys.map(({ alg }) => alg)).toEqual(['PS512', 'RS512']);
      for (const { token } of [old, young]) {
        await expect(jwtVerify(token, createLocalJWKSet(jwks))).resolves.toBeDefined();
      }
    }
    // The other replicas have the other setting, and have their way in turn: there is always one key that signs.
    await rotation(one).look();
    expect((await rows()).map(({ algorithm }) => algorithm)).toEqual(['RS512', 'PS512', 'RS512']);
  });

  it('is bound to the key: no token has the algorithm of another', async () => {
    const rs = await one.app.get(SigningKeys).current();
    const other = await start({ sessionAlgorithm: 'PS512' });
    await rotation(other).rotate({ now: true });
    const ps = await other.app.get(SigningKeys).current();
    const { token } = await signUp(other);
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    const signed = (alg: string, kid: string, key: KeyObject) => {
      const head = Buffer.from(JSON.stringify({ typ: 'JWT', alg, kid })).toString('base64url');
      const text = `${head}.${token.split('.')[1] ?? ''}`;
      const input = alg.startsWith('PS') ? { key, ...pss } : key;
      return `${text}.${sign('RSA-SHA512', Buffer.from(text), input).toString('base64url')}`;
    };
    await passes(0);
    expect(await statusesOf(signed('RS512', rs.kid, rs.privateKey))).toEqual([200, 200, 200]);
    expect(await statusesOf(signed('PS512', ps.kid, ps.privateKey))).toEqual([200, 200, 200]);
    expect(await statusesOf(signed('PS512', rs.kid, rs.privateKey))).toEqual([401, 401, 401]);
    expect(await statusesOf(signed('RS512', ps.kid, ps.privateKey))).toEqual([401, 401, 401]);
    expect(await statusesOf(signed('RS512', ps.kid, rs.privateKey))).toEqual([401, 401, 401]);
    expect(await statusesOf(signed('PS512', rs.kid, ps.privateKey))).toEqual([401, 401, 401]);
  });
});

describe('The previous release, which signs by RS512 with the key that was made last,', () => {
  /** As it reads the table when it starts. */
  const itsKey = async () => {
    const [key] = await database.query<{ kid: string }>(
      'SELECT kid FROM signing_keys ORDER BY created_at DESC, kid ASC',
    );
    return key?.kid;
  };

  it('signs with no key before its time', async () => {
    const [first = ''] = await kids();
    await rotation(one).rotate();
    const [, second = ''] = await kids();
    expect(await itsKey()).toBe(first);
    await passes(HOUR);
    await rotation(one).look();
    expect(await itsKey()).toBe(second);
    await rotation(one).rotate({ now: true });
    expect(await itsKey()).toBe((await rows())[2]?.kid);
  });

  it('signs with no key of another algorithm, as long as there is one of its own', async () => {
    await database.query('DELETE FROM signing_keys');
    const server = await start({ sessionAlgorithm: 'PS512' });
    const [first] = await rows();
    // A new installation begins with what is set.
    expect(first?.algorithm).toBe('PS512');
    await passes(0);
    await rotation(one).rotate({ now: true });
    const [, own = ''] = await kids();
    await rotation(server).rotate({ now: true });
    await rotation(server).look();
    expect(await itsKey()).toBe(own);
    expect(first?.kid).not.toBe(own);
  });

  it('may make the first key: it signs by RS512 at once', async () => {
    await database.query(
      `CREATE TABLE kept AS SELECT kid, public_jwk, encrypted_private_key, secret_key_id FROM signing_keys;
       DELETE FROM signing_keys;
       INSERT INTO signing_keys (kid, public_jwk, encrypted_private_key, secret_key_id) SELECT * FROM kept;
       DROP TABLE kept`,
    );
    await passes(0);
    const { token } = await signUp(one);
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'RS512', kid: (await rows())[0]?.kid });
    expect(await rows()).toMatchObject([{ token_ttl: String(DAY) }]);
  });
});
