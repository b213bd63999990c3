import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import bcrypt from 'bcrypt';
import { HashingThreads } from '../../src/passwords/hashing-threads.js';
import { Revocations } from '../../src/revocations/revocations.service.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { cleanUpReports, importRecords } from '../support/imports.js';
import { basic, newClient, postForm } from '../support/oauth.js';
import { bearer, signUp, startServer, type TestServer } from '../support/server.js';
import { makeAdmin, type Admin } from '../support/tokens.js';

/** As publicauth has it: jBCrypt writes $2a$. */
const SALT = `$2a$04$abcdefghijklmnopqrstu.`;
const HMAC_SECRET = 'qwer9yuhgf';

let database: TestDatabase;
let server: TestServer;
/** On the same database. */
let other: TestServer;
/** Knows the gateways' secret. */
let strict: TestServer;
/** Without the salt. */
let bare: TestServer;
let admin: Admin;
const realHash = Object.getOwnPropertyDescriptor(HashingThreads.prototype, 'hash')?.value as HashingThreads['hash'];
const hash = jest.spyOn(HashingThreads.prototype, 'hash');

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { apiTokenBcryptSalt: SALT });
  other = await startServer(database.connection, { apiTokenBcryptSalt: SALT });
  strict = await startServer(database.connection, { apiTokenBcryptSalt: SALT, apiTokenHmacSecret: HMAC_SECRET });
  bare = await startServer(database.connection);
  admin = await makeAdmin(server);
});

beforeEach(async () => {
  await database.query('DELETE FROM tokens WHERE is_foreign');
  // Nobody has told the servers that.
  for (const { app } of [server, other, strict, bare]) {
    await app.get(Revocations).during('foreign tokens', () => Promise.resolve());
  }
  hash.mockClear();
});

afterEach(cleanUpReports);

afterAll(async () => {
  hash.mockRestore();
  for (const one of [bare, strict, other, server]) await one.close();
  await database.drop();
});

/** A key, as the published service makes it. */
function newKey(prefix = 'api_live_') {
  const part = prefix + BigInt(`0x${randomBytes(16).toString('hex')}`).toString(32);
  const hmac = BigInt(`0x${createHmac('sha1', HMAC_SECRET).update(part).digest('hex')}`);
  const key = part + hmac.toString(32).padStart(32, '0');
  return { key, token_hash: bcrypt.hashSync(part, SALT.replace('$2a$', '$2b$')).replace('$2b$', '$2a$') };
}

async function importKey(more: object = {}, prefix?: string) {
  const { key, token_hash } = newKey(prefix);
  const id = randomUUID();
  const record = { type: 'api_token', id, token_hash, account_id: `GATEWAY-${id}`, description: 'Till', ...more };
  expect((await importRecords(server, [record])).counts).toMatchObject({ made: 1, refused: 0 });
  return { key, id, record };
}

const authenticate = (key: string, at = server) => at.call('GET', '/v1/api/auth', undefined, bearer(key));
const stored = async (id: string) =>
  (await database.query<Record<string, any>>('SELECT * FROM tokens WHERE id = $1', [id]))[0] ?? {};
const sha256 = (text: string) => createHash('sha256').update(text).digest();

describe('A key of which only bcrypt with one salt is known', () => {
  it.each(['', 'api_', 'api_live_', 'api_test_'])(
    'is hashed once, and then known by its digest (%j)',
    async (prefix) => {
      const { key, id } = await importKey({}, prefix);
      expect(await stored(id)).toMatchObject({
        hint: '????',
        foreign_hash: expect.stringMatching(/^\$2b\$04\$.{53}$/),
      });
      expect((await stored(id)).digest).not.toEqual(sha256(key));
      const { status, body } = await authenticate(key);
      expect([status, body]).toEqual([200, { account_id: `GATEWAY-${id}`, token_link: id, token_type: 'CARD' }]);
      expect(await stored(id)).toMatchObject({ digest: sha256(key), hint: key.slice(-4), foreign_hash: null });
      for (const at of [server, other, bare, strict]) expect((await authenticate(key, at)).status).toBe(200);
      expect(hash).toHaveBeenCalledTimes(1);
    },
  );

  it('is hashed once by twenty at once, and found by all of them on two servers', async () => {
    const { key, id } = await importKey();
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, index) => authenticate(key, index % 2 ? server : other)),
    );
    expect(all.map(({ status, body }): unknown[] => [status, body.token_link])).toEqual(all.map(() => [200, id]));
    expect(hash.mock.calls.length).toBeLessThanOrEqual(2);
    expect(await stored(id)).toMatchObject({ digest: sha256(key), foreign_hash: null });
  });

  it('is not found by what precedes its HMAC, or by its hash', async () => {
    const { key, record } = await importKey();
    for (const wrong of [key.slice(0, -32), record.token_hash, record.token_hash.slice(4)]) {
      expect((await authenticate(wrong)).status).toBe(401);
    }
    expect((await authenticate(key)).status).toBe(200);
  });

  it('is refused with another HMAC, without a hash, where the gateways’ secret is known', async () => {
    const { key } = await importKey();
    const forged = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0');
    expect((await authenticate(forged, strict)).status).toBe(401);
    expect(hash).not.toHaveBeenCalled();
    expect((await authenticate(key, strict)).status).toBe(200);
    expect(hash).toHaveBeenCalledTimes(1);
  });

  it('is described, listed and revoked before it was ever used, by its link and by itself', async () => {
    const frontend = (method: string, path: string, body?: unknown) =>
      server.call(method, `/v1/frontend/auth${path}`, body, { 'app-token': admin.appToken });
    const [one, two] = [await importKey(), await importKey()];
    const account = `/${one.record.account_id}`;
    expect((await frontend('PUT', '', { token_link: one.id, description: 'new' })).status).toBe(200);
    expect((await frontend('GET', account)).body.tokens).toMatchObject([{ token_link: one.id, description: 'new' }]);
    expect((await frontend('DELETE', account, { token_link: one.id })).status).toBe(200);
    expect((await frontend('DELETE', `/${two.record.account_id}`, { token: two.key })).status).toBe(200);
    for (const { key, id } of [one, two]) {
      for (const at of [server, other]) {
        const { status, body } = await authenticate(key, at);
        expect([status, body]).toMatchObject([401, { error_identifier: 'AUTH_TOKEN_REVOKED', token_link: id }]);
      }
    }
  });

  it('that has expired or was revoked there is refused', async () => {
    const expired = await importKey({ expires_at: '2020-01-01T00:00:00Z' });
    const revoked = await importKey({ revoked_at: '2020-01-01T00:00:00Z' });
    expect((await authenticate(expired.key)).body).toMatchObject({ error_identifier: 'AUTH_TOKEN_INVALID' });
    const { body } = await authenticate(revoked.key);
    expect(body).toMatchObject({ error_identifier: 'AUTH_TOKEN_REVOKED', token_link: revoked.id });
  });

  it('is introspected before it was ever used', async () => {
    const { key, id } = await importKey();
    const client = await newClient(server);
    const { body } = await postForm(server, '/oauth/introspect', { token: key }, client.basic);
    expect(body).toMatchObject({ active: true, jti: id });
  });

  it('stays revoked when the plain key of another row is revoked', async () => {
    const { key } = await importKey();
    const plain = { type: 'api_token', token: key, account_id: 'a', revoked_at: '2020-01-01T00:00:00Z' };
    expect((await importRecords(server, [plain])).counts).toMatchObject({ made: 1 });
    expect((await authenticate(key)).status).toBe(401);
  });

  it('is the same again after its first use, also for an import that was broken off', async () => {
    const { key, id, record } = await importKey();
    expect((await authenticate(key)).status).toBe(200);
    expect((await importRecords(server, [record])).counts).toMatchObject({ unchanged: 1 });
    expect((await importRecords(server, [{ ...record, description: 'new' }])).counts).toMatchObject({ changed: 1 });
    expect(await stored(id)).toMatchObject({ description: 'new', digest: sha256(key), foreign_hash: null });
    expect((await authenticate(key)).status).toBe(200);
    expect(hash).toHaveBeenCalledTimes(1);
  });
});

describe('An unknown key', () => {
  it('costs no bcrypt while no such rows are there', async () => {
    for (const at of [server, other]) expect((await authenticate(newKey().key, at)).status).toBe(401);
    const plain = { type: 'api_token', token: `plain-${randomUUID()}`, account_id: 'a' };
    await importRecords(server, [plain]);
    for (const at of [server, other]) {
      expect((await authenticate(plain.token, at)).status).toBe(200);
      expect((await authenticate(newKey().key, at)).status).toBe(401);
    }
    expect(hash).not.toHaveBeenCalled();
  });

  it('costs none once the last such row was renewed, on the server that did it', async () => {
    const { key } = await importKey();
    expect((await authenticate(key)).status).toBe(200);
    expect((await authenticate(newKey().key)).status).toBe(401);
    expect(hash).toHaveBeenCalledTimes(1);
  });

  it.each<[string, () => string]>([
    ['is one of ours', () => 'api_live_abcdefghijklmnopqrstuvwxyzaaaaaaa'],
    ['is a word', () => 'nonsense'],
    ['is a UUID', () => randomUUID()],
    ['has an HMAC only', () => newKey('').key.slice(-32)],
    ['is too long', () => `${'0'.repeat(27)}${newKey().key.slice(-32)}`],
    ['has capitals', () => newKey().key.toUpperCase()],
    ['has another prefix', () => `key_${newKey('').key}`],
  ])('costs none while such rows are there, if it %s', async (_, unknown) => {
    await importKey();
    expect((await authenticate(unknown())).status).toBe(401);
    expect(hash).not.toHaveBeenCalled();
  });

  it('costs one if it looks so, and none when it is shown again', async () => {
    await importKey();
    const { key } = newKey();
    for (let count = 0; count < 3; count += 1) expect((await authenticate(key)).status).toBe(401);
    expect(hash).toHaveBeenCalledTimes(1);
  });

  it('costs none as an App-Token or a user token', async () => {
    await importKey();
    const { key } = newKey();
    await importRecords(server, [{ type: 'app_token', token: randomUUID(), account: (await signUp(server)).id }]);
    hash.mockClear();
    const headers = { 'app-token': key, token: key };
    expect((await server.call('GET', '/api/v1/tokens/', undefined, headers)).status).toBe(401);
    expect(hash).not.toHaveBeenCalled();
  });

  it('waits in the line of hashing, and is told to come again when that is too long; a known one does not wait', async () => {
    const { key } = await importKey();
    await authenticate(key);
    await importKey();
    hash.mockClear();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    hash.mockImplementation(() => held.then(() => 'no hash'));
    try {
      const crowd = Array.from({ length: 200 }, () => authenticate(newKey().key));
      const first = await Promise.race(crowd);
      expect([first.status, first.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)]);
      expect(hash.mock.calls.length).toBeLessThanOrEqual(server.config.hashingThreads);
      expect((await authenticate(key)).status).toBe(200);
      release();
      const statuses = (await Promise.all(crowd)).map(({ status }) => status);
      expect(new Set(statuses)).toEqual(new Set([401, 503]));
    } finally {
      release();
      hash.mockImplementation(realHash);
    }
  });
});

it('A server without API_TOKEN_BCRYPT_SALT takes none of these, hashes nothing and says so once', async () => {
  const { key } = await importKey();
  for (let count = 0; count < 3; count += 1) expect((await authenticate(key, bare)).status).toBe(401);
  expect(bare.logs.filter((line) => line.includes('API_TOKEN_BCRYPT_SALT'))).toHaveLength(1);
});

it('A hash with another salt, of another kind or that takes too long is refused with its line', async () => {
  const record = { type: 'api_token', account_id: 'a' };
  const [, rest] = SALT.split('$04$');
  const { refused } = await importRecords(server, [
    { ...record, token_hash: bcrypt.hashSync('x', 4) },
    { ...record, token_hash: 'x' },
    { ...record, token_hash: `$2a$10$${rest}${'a'.repeat(31)}` },
    { ...record, type: 'app_token', account: 'a@b.example', token_hash: newKey().token_hash },
  ]);
  expect(refused).toMatchObject({
    1: { token_hash: 'has a different salt from API_TOKEN_BCRYPT_SALT' },
    2: { token_hash: 'must be a bcrypt hash: $2a$, $2b$ or $2y$' },
    3: { token_hash: 'has a different salt from API_TOKEN_BCRYPT_SALT' },
    4: { token_hash: 'is not a known field' },
  });
  const slow = await startServer(database.connection, { apiTokenBcryptSalt: `$2a$12$${rest}`, bcryptCost: 4 });
  const { refused: slowly } = await importRecords(slow, [{ ...record, token_hash: `$2a$12$${rest}${'a'.repeat(31)}` }]);
  expect(slowly).toEqual({ 1: { token_hash: expect.stringContaining('times as long to check as ours') } });
  await slow.close();
});

it('A salt whose last character has bits that bcrypt ignores is the same', async () => {
  const sloppy = await startServer(database.connection, { apiTokenBcryptSalt: SALT.replace(/\.$/, '/') });
  const { key, token_hash } = newKey();
  const record = { type: 'api_token', token_hash, account_id: 'a' };
  expect((await importRecords(sloppy, [record])).counts).toMatchObject({ made: 1 });
  expect((await authenticate(key, sloppy)).status).toBe(200);
  await sloppy.close();
});

describe('An OAuth2 client of another service', () => {
  const secretOf = () => randomBytes(20).toString('base64');
  const clientOf = (kept: object, more: object = {}) => {
    const id = `client.${randomUUID()}`;
    return { type: 'client', id, name: id, scopes: ['accounts:read', 'tokens:introspect'], ...kept, ...more };
  };
  const authenticates = async (id: string, secret: string, at = server) =>
    (await postForm(at, '/oauth/token', { grant_type: 'client_credentials' }, basic(id, secret))).status;

  it.each<[string, (secret: string) => object]>([
    ['its plain secret', (secret) => ({ secret })],
    ['its SHA-256', (secret) => ({ secret_digest: sha256(secret).toString('hex') })],
    ['its bcrypt', (secret) => ({ secret_hash: bcrypt.hashSync(secret, 4).replace('$2b$', '$2y$') })],
    ['a list of these', (secret) => ({ secrets: [{ digest: sha256('x').toString('hex'), hint: 'abcd' }, { secret }] })],
  ])('is imported with its id by %s', async (_, kept) => {
    const secret = secretOf();
    const owner = await makeAdmin(server);
    const record = clientOf(kept(secret), { account: owner.email, created_at: '2015-10-10T12:12:00Z' });
    expect((await importRecords(server, [record])).counts).toMatchObject({ made: 1, refused: 0 });
    for (const at of [server, other]) {
      expect(await authenticates(record.id, secret, at)).toBe(200);
      expect(await authenticates(record.id, 'wrong', at)).toBe(401);
    }
    const [row] = await database.query(
      `SELECT c.account_id, c.created_at, c.scopes, bool_or(s.digest = $2) AS found, count(s.foreign_hash)::int AS hashes
       FROM oauth_clients c JOIN oauth_client_secrets s ON s.client_id = c.id WHERE c.id = $1 GROUP BY c.id`,
      [record.id, sha256(secret)],
    );
    const created_at = new Date('2015-10-10T12:12:00Z');
    expect(row).toEqual({ account_id: owner.id, created_at, scopes: record.scopes, found: true, hashes: 0 });
    const created = await database.query(
      `SELECT details FROM audit_events WHERE subject = $1 AND kind LIKE 'oauth_client.%'`,
      [record.id],
    );
    expect(created).toEqual([{ details: { scopes: record.scopes, by: 'import' } }]);
  });

  it('is found by twenty at once at its first use, whose digest is kept', async () => {
    const secret = secretOf();
    const record = clientOf({ secret_hash: bcrypt.hashSync(secret, 4) });
    await importRecords(server, [record]);
    const compare = jest.spyOn(HashingThreads.prototype, 'compare');
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, index) => authenticates(record.id, secret, index % 2 ? server : other)),
    );
    expect(all).toEqual(all.map(() => 200));
    const before = compare.mock.calls.length;
    for (const at of [server, other]) expect(await authenticates(record.id, 'wrong', at)).toBe(401);
    expect(await authenticates(record.id, secret)).toBe(200);
    expect(compare.mock.calls.length).toBe(before);
    compare.mockRestore();
  });

  it('changes with the old service, which ends its access tokens; but not once it was changed here', async () => {
    const [secret, next] = [secretOf(), secretOf()];
    const record = clientOf({ secret });
    await importRecords(server, [record]);
    const grant = { grant_type: 'client_credentials' };
    const { body } = await postForm(server, '/oauth/token', grant, basic(record.id, secret));
    const introspect = async (at: TestServer) =>
      (await at.call('GET', '/api/accounts', undefined, bearer(body.access_token as string))).status;
    for (const at of [server, other]) expect(await introspect(at)).toBe(200);
    expect((await importRecords(server, [record])).counts).toMatchObject({ unchanged: 1 });
    const changed = { ...record, secret: next, scopes: ['tokens:introspect'] };
    expect((await importRecords(server, [changed])).counts).toMatchObject({ changed: 1 });
    expect(await introspect(server)).toBe(401);
    expect([await authenticates(record.id, secret), await authenticates(record.id, next)]).toEqual([401, 200]);
    await database.query(`UPDATE oauth_clients SET name = 'ours' WHERE id = $1`, [record.id]);
    const { refused } = await importRecords(server, [{ ...changed, name: 'theirs' }]);
    expect(refused).toEqual({ 1: { id: 'has been changed here since it was imported' } });
    await database.query('DELETE FROM oauth_clients WHERE id = $1', [record.id]);
    expect((await importRecords(server, [changed])).refused).toEqual({
      1: { id: 'has been deleted here since it was imported' },
    });
  });

  it('is refused with every reason', async () => {
    const { id } = await newClient(server);
    const person = await signUp(server);
    const { refused } = await importRecords(server, [
      { type: 'client' },
      { ...clientOf({ secret: 'x' }), id },
      clientOf({ secret: 'x' }, { account: person.id }),
      clientOf({ secret: 'x' }, { id: 'a b', scopes: ['root'] }),
      clientOf({ secret: 'x', secret_hash: '$2a$' }),
      clientOf({ secrets: [{ secret: 'x' }, { hash: 'plain' }] }),
      clientOf({ secrets: [] }),
      clientOf({ secret_digest: 'abc' }, { account: 'nobody@example.org' }),
    ]);
    expect(refused).toMatchObject({
      1: { id: 'is required', name: 'is required', scopes: 'is required', secret: expect.any(String) },
      2: { id: 'belongs to an existing row that was not imported' },
      3: { account: 'is not an administrator, and only administrators can own clients' },
      4: { id: expect.any(String), scopes: expect.stringContaining('entry 1') },
      5: { secret_hash: expect.any(String) },
      6: { secrets: expect.stringContaining('entry 2: hash is not a hash') },
      7: { secrets: 'must be a list of one or 2 objects' },
      8: { secret_digest: 'must be a SHA-256 in hexadecimal' },
    });
  });
});
