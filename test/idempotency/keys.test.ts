import { describe, expect, it } from '@jest/globals';
import { Sweeper } from '../../src/database/sweeper.service.js';
import { sealAnswer, openAnswer } from '../../src/idempotency/answers.js';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import {
  admin,
  client,
  countOf,
  database,
  isReplay,
  lastingHeaders,
  making,
  MAKINGS,
  newKey,
  replica,
  SECRET,
  send,
  server,
  shown,
  user,
  withOneSecret,
  withTwoServers,
  type Making,
} from '../support/idempotency.js';
import { newAccessToken, newClient } from '../support/oauth.js';
import { bearer, newEmail, startServer, TEST_SECRET_KEY, type Answer } from '../support/server.js';
import { changeAccount, logIn, newAppToken, signedInAdmin, signedInUser, tokenHeaders } from '../support/tokens.js';

withTwoServers();

const CONFLICT: [prefix: string, body: (problem: string) => unknown][] = [
  ['/api/v1', (problem) => ({ errors: { idempotency_key: problem } })],
  ['/api', () => expect.objectContaining({ status_code: 409 })],
  ['/v1', (problem) => ({ message: `idempotency_key ${problem}` })],
  ['/oauth', (problem) => ({ error: 'invalid_request', error_description: `idempotency_key ${problem}` })],
  ['/', (problem) => expect.objectContaining({ id: 'conflict', errors: { idempotency_key: [problem] } })],
];
const wordedFor = (route: string, problem: string) =>
  CONFLICT.find(([prefix]) => route.startsWith(prefix))?.[1](problem);
const OTHER_BODY = 'was already used with a different request body';
const UNDER_WAY = 'belongs to a request that is still in progress';
const events = async () => (await database.query('SELECT id FROM audit_events')).length;

describe.each(MAKINGS)('POST $route with an Idempotency-Key', (made: Making) => {
  it('gives the same answer to the same body, and makes one', async () => {
    const [key, body, before] = [newKey(), made.body(), await countOf(made)];
    const first = await send(made, body, key);
    expect([200, 201]).toContain(first.status);
    const recorded = await events();
    for (const at of [server, replica]) {
      const again = await send(made, body, key, at);
      expect(shown(again)).toEqual(shown(first));
      expect(lastingHeaders(again)).toEqual(lastingHeaders(first));
      expect([isReplay(first), isReplay(again)]).toEqual([false, true]);
      expect(again.headers.get('cache-control')).toBe('no-store');
    }
    expect(await countOf(made)).toBe(before + 1);
    expect(await events()).toBe(recorded);
  });

  it('is 409 for another body, which makes nothing and leaves the answer as it is', async () => {
    const [key, body] = [newKey(), made.body()];
    const first = await send(made, body, key);
    const before = await countOf(made);
    const other = await send(made, made.body(), key, replica);
    expect([other.status, other.body]).toEqual([409, wordedFor(made.route, OTHER_BODY)]);
    expect(shown(await send(made, body, key))).toEqual(shown(first));
    expect(await countOf(made)).toBe(before);
  });

  it('makes one of twenty at once on two servers', async () => {
    const [key, body, before] = [newKey(), made.body(), await countOf(made)];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => send(made, body, key, i % 2 === 0 ? server : replica)),
    );
    const good = answers.filter(({ status }) => status < 300);
    expect(good.filter((answer) => !isReplay(answer))).toHaveLength(1);
    expect(new Set(good.map((answer) => JSON.stringify(shown(answer)))).size).toBe(1);
    for (const { status, body, headers } of answers.filter((answer) => !good.includes(answer))) {
      expect([status, body]).toEqual([409, wordedFor(made.route, UNDER_WAY)]);
      expect(headers.get('retry-after')).toBe('1');
    }
    expect(await countOf(made)).toBe(before + 1);
  });

  it('is 400 for a key that is none, and makes nothing', async () => {
    const before = await countOf(made);
    for (const key of ['', 'a b', '"open', 'x'.repeat(256), '"a", "b"']) {
      const { status, body } = await send(made, made.body(), key);
      expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining('idempotency_key')]);
    }
    expect(await countOf(made)).toBe(before);
  });
});

describe('A secret of a client', () => {
  it('is added once', async () => {
    await withOneSecret();
    const before = await countOf(SECRET);
    const key = newKey();
    const first = await send(SECRET, {}, key);
    expect(first.status).toBe(201);
    expect(shown(await send(SECRET, undefined, key))).toEqual(shown(first));
    expect(await countOf(SECRET)).toBe(before + 1);
  });
});

describe('A key', () => {
  const APP_TOKENS = making('/api/v1/app_tokens/');
  const SIGN_UP = making('/accounts');

  it('is the same with quotation marks and without, and the body whatever the order of its fields', async () => {
    const [key, email] = [newKey(), newEmail()];
    const first = await send(SIGN_UP, { account: { email, password: 'example' } }, key);
    const again = await send(SIGN_UP, { account: { password: 'example', email } }, `"${key}"`);
    expect([again.status, again.body]).toEqual([201, first.body]);
  });

  it('is another one of another credential, and at another route', async () => {
    const [key, body] = [newKey(), { seconds_until_expire: 500 }];
    const others = [
      await send(APP_TOKENS, body, key),
      await send(APP_TOKENS, body, key, server, admin.headers),
      await send(APP_TOKENS, body, key, server, tokenHeaders(user.appToken, await logIn(server, user.appToken, user))),
    ];
    expect(others.map((answer) => [answer.status, isReplay(answer)])).toEqual(Array(3).fill([201, false]));
    expect(new Set(others.map(({ body }) => (body as { app_token: string }).app_token)).size).toBe(3);
    const organisation = { name: `Of one key ${key}` };
    const id = ((await send(making('/api/accounts'), organisation, key)).body as { id: string }).id;
    const made = await server.call(
      'POST',
      '/api/identifications',
      { ip: '192.0.2.1', url: 'https://a.example/', user_agent: 'x' },
      { ...client.basic, 'idempotency-key': key },
    );
    expect([made.status, (made.body as { id: string }).id === id]).toEqual([201, false]);
  });

  it('is another one from another address, where no credential is shown', async () => {
    const behind = await startServer(database.connection, { trustProxy: 1 });
    try {
      const [key, email] = [newKey(), newEmail()];
      const body = { account: { email, password: 'example' } };
      const first = await send(SIGN_UP, body, key, behind, { 'x-forwarded-for': '192.0.2.1' });
      const stranger = await send(SIGN_UP, body, key, behind, { 'x-forwarded-for': '192.0.2.2' });
      expect([stranger.status, stranger.body]).toEqual([
        409,
        expect.objectContaining({ errors: { email: ['is taken'] } }),
      ]);
      expect(shown(await send(SIGN_UP, body, key, behind, { 'x-forwarded-for': '192.0.2.1' }))).toEqual(shown(first));
    } finally {
      await behind.close();
    }
  });

  it('stores nothing of an answer that is no success: the same key is good for the next try', async () => {
    const [key, email] = [newKey(), newEmail()];
    const before = await database.query('SELECT 1 FROM idempotency_keys');
    expect((await send(SIGN_UP, { account: { email, password: 'short' } }, key)).status).toBe(422);
    expect((await send(SIGN_UP, { account: { email: user.email, password: 'example' } }, key)).status).toBe(409);
    expect(await database.query('SELECT 1 FROM idempotency_keys')).toHaveLength(before.length);
    expect((await send(SIGN_UP, { account: { email, password: 'example' } }, key)).status).toBe(201);
  });

  it('has no meaning at /oauth/token', async () => {
    const headers = { ...client.basic, 'idempotency-key': newKey() };
    const [one, two] = [
      await server.call('POST', '/oauth/token', {}, headers),
      await server.call('POST', '/oauth/token', {}, headers),
    ];
    expect([one.status, two.status]).toEqual([200, 200]);
    expect((one.body as { access_token: string }).access_token).not.toBe(
      (two.body as { access_token: string }).access_token,
    );
  });

  it('is forgotten after 24 hours, and then swept', async () => {
    const [key, body] = [newKey(), APP_TOKENS.body()];
    const first = await send(APP_TOKENS, body, key);
    await database.query(`UPDATE idempotency_keys SET expires_at = expires_at - interval '23 hours 59 minutes'`);
    expect(isReplay(await send(APP_TOKENS, body, key))).toBe(true);
    await database.query(`UPDATE idempotency_keys SET expires_at = expires_at - interval '1 minute'`);
    const next = await send(APP_TOKENS, body, key);
    expect([next.status, isReplay(next), next.body]).toEqual([
      201,
      false,
      expect.not.objectContaining(first.body as object),
    ]);
    await database.query(`UPDATE idempotency_keys SET expires_at = now() - interval '1 second'`);
    await server.app.get(Sweeper).sweep();
    expect(await database.query('SELECT 1 FROM idempotency_keys')).toEqual([]);
  });
});

describe('A stored answer', () => {
  const ADMINS = MAKINGS.filter(({ route }) => /^\/api\/v1\/(accounts|tokens|oauth_clients)\/$/.test(route));
  const outcome = ({ status, body }: Answer) => [status, body as unknown];

  it.each(ADMINS)('is shown to no token that was revoked, and to nobody who was an admin: $route', async (made) => {
    const { id, email, password } = await signedInAdmin(server);
    const token = await logIn(server, user.appToken, { email, password });
    const asker = { id, headers: tokenHeaders(user.appToken, token) };
    const [key, body] = [newKey(), made.body()];
    expect((await send(made, body, key, server, asker.headers)).status).toBe(201);
    await changeAccount(server, asker.id, `UPDATE accounts SET role = 'user' WHERE id = $1`);
    const demoted = await send(made, body, key, server, asker.headers);
    expect(outcome(demoted)).toEqual([403, { errors: { request: 'This requires an admin account.' } }]);
    await changeAccount(
      server,
      asker.id,
      `UPDATE tokens SET revoked_at = now() WHERE account_id = $1 AND kind = 'user'`,
    );
    expect((await send(made, body, key, server, asker.headers)).status).toBe(401);
  });

  it('of an App-Token is shown to no token that was revoked', async () => {
    const holder = await signedInUser(server);
    const [key, body] = [newKey(), {}];
    const made = making('/api/v1/app_tokens/');
    expect((await send(made, body, key, server, holder.headers)).status).toBe(201);
    expect((await server.call('DELETE', `/api/v1/tokens/${holder.token}`, undefined, holder.headers)).status).toBe(204);
    expect((await send(made, body, key, server, holder.headers)).status).toBe(401);
  });

  it('is shown to no client that has lost the scope, and to no access token that was revoked', async () => {
    const publisher = await newClient(server, { ownerId: admin.id });
    const token = bearer(await newAccessToken(server, publisher));
    const made = making('/api/accounts');
    const [key, body] = [newKey(), made.body()];
    expect((await server.call('POST', '/api/accounts', body, { ...token, 'idempotency-key': key })).status).toBe(201);
    const path = `/api/v1/oauth_clients/${publisher.id}`;
    expect((await server.call('PATCH', path, { scopes: ['identifications'] }, admin.headers)).status).toBe(200);
    expect((await server.call('POST', '/api/accounts', body, { ...token, 'idempotency-key': key })).status).toBe(403);
    expect((await server.call('POST', `${path}/revoke`, undefined, admin.headers)).status).toBe(204);
    expect((await server.call('POST', '/api/accounts', body, { ...token, 'idempotency-key': key })).status).toBe(401);
  });

  it('of the gateway is shown to no App-Token that was deleted', async () => {
    const appToken = await newAppToken(server, admin, { scopes: ['frontend'] });
    const made = making('/v1/frontend/auth');
    const [key, body] = [newKey(), made.body()];
    expect((await send(made, body, key, server, { 'app-token': appToken })).status).toBe(200);
    expect((await server.call('DELETE', `/api/v1/app_tokens/${appToken}`, undefined, admin.headers)).status).toBe(204);
    expect((await send(made, body, key, server, { 'app-token': appToken })).status).toBe(401);
  });

  it('is not in the clear in the database, and neither are the key and the body', async () => {
    const [key, email, password] = [newKey(), newEmail(), 'an example of a password'];
    const { body } = await send(making('/accounts'), { account: { email, password, remember_me: true } }, key);
    const rows = await database.query<{ row: string }>('SELECT row_to_json(k)::text AS row FROM idempotency_keys k');
    const stored = rows.map(({ row }) => row).join('\n');
    const bytes = Buffer.from(stored.replace(/[^0-9a-f]/g, ''), 'hex').toString('latin1');
    const { token, refresh_token } = body as Record<string, string>;
    expect(stored.length).toBeGreaterThan(500);
    for (const secret of [key, email, password, token ?? '', refresh_token ?? '', 'application/json', '"status"']) {
      const hex = Buffer.from(secret).toString('hex');
      expect([secret, stored.includes(secret), stored.includes(hex), bytes.includes(secret)]).toEqual([
        secret,
        false,
        false,
        false,
      ]);
    }
  });

  it('opens with SECRET_KEY and the key that the client sent, and with neither alone', () => {
    const answer = { status: 201, headers: {}, body: '{"token":"x"}', forAdmins: false };
    const [keys, digest] = [new SecretKeys([TEST_SECRET_KEY]), Buffer.alloc(32, 1)];
    const sealed = sealAnswer(keys, 'the key', digest, answer);
    expect(openAnswer(keys, 'the key', digest, sealed)).toEqual(answer);
    expect(() => openAnswer(keys, 'another', digest, sealed)).toThrow();
    expect(() => openAnswer(keys, 'the key', Buffer.alloc(32, 2), sealed)).toThrow();
    expect(openAnswer(new SecretKeys(['another secret key of the tests']), 'the key', digest, sealed)).toBeUndefined();
  });
});

describe('While SECRET_KEY is rotated', () => {
  const OLD = 'a secret key that is to be replaced soon';
  const NEW = 'a secret key that takes the place of it';
  const made = making('/api/v1/app_tokens/');

  it('what was answered before is answered again, and one is made whatever the order of the keys', async () => {
    const servers = [];
    // The signing key of this database is sealed by another SECRET_KEY.
    for (const secretKeys of [[OLD], [OLD, NEW], [NEW, OLD]])
      servers.push(await startServer(database.connection, { secretKeys: [...secretKeys, TEST_SECRET_KEY] }));
    const [before, between, after] = servers as [typeof server, typeof server, typeof server];
    try {
      const [key, body] = [newKey(), made.body()];
      const first = await send(made, body, key, before);
      for (const at of [between, after]) expect(shown(await send(made, body, key, at))).toEqual(shown(first));
      const [other, otherBody, count] = [newKey(), made.body(), await countOf(made)];
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => send(made, otherBody, other, i % 2 === 0 ? between : after)),
      );
      expect(answers.filter((answer) => answer.status === 201 && !isReplay(answer))).toHaveLength(1);
      expect(answers.filter(({ status }) => status !== 201 && status !== 409)).toEqual([]);
      expect(await countOf(made)).toBe(count + 1);
    } finally {
      for (const one of servers) await one.close();
    }
  });
});

it('every answer that was seen here is described', () => {
  expect([...server.answers.undescribed(), ...replica.answers.undescribed()]).toEqual([]);
});
