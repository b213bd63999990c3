import { createHash, createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bearer, startServer, type Answer, type TestServer } from './support/server.js';
import { newApiToken, newAppToken, rowOf, signedInAdmin, type User } from './support/tokens.js';

/** What the published consumers of seed 002 send, and need to be answered. */
let database: TestDatabase;
let server: TestServer;
/** On the same database, with gateways that check an HMAC. */
let other: TestServer;
let admin: User;
let frontend: { 'app-token': string };

/** As in the published test suites. */
const HMAC_SECRET = 'qwer9yuhgf';

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  other = await startServer(database.connection, { apiTokenHmacSecret: HMAC_SECRET });
  admin = await signedInAdmin(server);
  frontend = { 'app-token': admin.appToken };
});

afterAll(async () => {
  await other.close();
  await server.close();
  await database.drop();
});

const call = (method: string, path: string, body?: unknown, at = server) => at.call(method, path, body, frontend);
const authenticate = (token: string, at = server) => at.call('GET', '/v1/api/auth', undefined, bearer(token));
const outcome = ({ status, body }: Answer): [number, unknown] => [status, body];
const linksOf = ({ body }: Answer) => (body.tokens as { token_link: string }[]).map(({ token_link }) => token_link);

const create = (extra: object, at = server) =>
  call('POST', '/v1/frontend/auth', { account_id: 'ACCOUNT', description: 'Token description', ...extra }, at);

async function make(extra: object = {}, account = `ACCOUNT-${randomUUID()}`) {
  const token = await newApiToken(server, admin.appToken, account, extra);
  return { account, token, token_link: (await rowOf(database, token)).id };
}

const list = (account: string, query = '') => call('GET', `/v1/frontend/auth/${account}${query}`);

/** As the previous release does, which knows no new columns. */
async function insertAsBefore(account: string): Promise<{ token: string; token_link: string }> {
  const { token } = await make({}, 'SOMEBODY');
  const [row] = await database.query<{ id: string }>(
    `WITH gone AS (DELETE FROM tokens WHERE digest = $1 RETURNING digest, hint)
     INSERT INTO tokens (kind, digest, hint, gateway_account_id, description, created_by)
     SELECT 'api', digest, hint, $2, 'old', 'someone@example.org' FROM gone RETURNING id`,
    [createHash('sha256').update(token).digest(), account],
  );
  return { token, token_link: row?.id ?? '' };
}

const INVALID = {
  message: 'The token does not exist or has been revoked.',
  error_identifier: 'AUTH_TOKEN_INVALID',
};

describe('GET /v1/api/auth: token_link, token_type and error_identifier', () => {
  it('gives the link and the payments that a token is for, as they were made', async () => {
    for (const [extra, token_type] of [
      [{}, 'CARD'],
      [{ token_type: 'CARD' }, 'CARD'],
      [{ token_type: 'DIRECT_DEBIT' }, 'DIRECT_DEBIT'],
      [{ token_type: 'direct_debit' }, 'DIRECT_DEBIT'],
    ] as const) {
      const { account, token, token_link } = await make(extra);
      const expected = [200, { account_id: account, token_link, token_type }];
      // The second answer comes from memory.
      expect(outcome(await authenticate(token))).toEqual(expected);
      expect(outcome(await authenticate(token))).toEqual(expected);
    }
  });

  it('gives those of a token that the previous release has stored', async () => {
    const { token, token_link } = await insertAsBefore('OLD');
    expect(outcome(await authenticate(token))).toEqual([200, { account_id: 'OLD', token_link, token_type: 'CARD' }]);
  });

  it.each<[name: string, header: () => Record<string, string> | Promise<Record<string, string>>]>([
    ['no header', () => ({})],
    ['another scheme', async () => ({ authorization: `Basic ${(await make()).token}` })],
    ['no token', () => ({ authorization: 'Bearer ' })],
    ['garbage', () => bearer('testbearertokenqgs2ot3itqer7ag9mvvbs8snqb5jfas3')],
    ['a good App-Token', () => bearer(admin.appToken)],
    ['a good user token', () => bearer(admin.token)],
  ])('says AUTH_TOKEN_INVALID for %s', async (_, header) => {
    const { status, body } = await server.call('GET', '/v1/api/auth', undefined, await header());
    expect([status, body]).toEqual([401, { message: expect.any(String), error_identifier: 'AUTH_TOKEN_INVALID' }]);
  });

  it('says AUTH_TOKEN_INVALID for a token that does not exist, that has been deleted, and that has expired', async () => {
    const [gone, late] = [await make(), await make({ seconds_until_expire: 600 })];
    await database.query('DELETE FROM tokens WHERE id = $1', [gone.token_link]);
    await database.query(`UPDATE tokens SET expires_at = now() - interval '1 second' WHERE id = $1`, [late.token_link]);
    for (const { token } of [gone, late]) expect(outcome(await authenticate(token))).toEqual([401, INVALID]);
  });

  it.each<[name: string, revoke: (made: Awaited<ReturnType<typeof make>>) => Promise<Answer>]>([
    ['one by its link', ({ account, token_link }) => call('DELETE', `/v1/frontend/auth/${account}`, { token_link })],
    ['one by itself', ({ account, token }) => call('DELETE', `/v1/frontend/auth/${account}`, { token })],
    ['all of an account', ({ account }) => call('DELETE', `/v1/frontend/auth/${account}/revoke-all`)],
  ])('says AUTH_TOKEN_REVOKED, with the link, after %s', async (_, revoke) => {
    const made = await make();
    expect((await authenticate(made.token)).status).toBe(200);
    expect((await revoke(made)).status).toBe(200);
    for (const path of ['/v1/api/auth', '/v1/auth']) {
      const answer = await server.call('GET', path, undefined, bearer(made.token));
      expect(outcome(answer)).toEqual([
        401,
        { message: INVALID.message, error_identifier: 'AUTH_TOKEN_REVOKED', token_link: made.token_link },
      ]);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    }
  });

  it('gives the link of a revoked API token only: not of another kind, nor to who has another key', async () => {
    const revoked = await newAppToken(server, admin);
    await database.query('UPDATE tokens SET revoked_at = now() WHERE id = $1', [(await rowOf(database, revoked)).id]);
    expect(outcome(await authenticate(revoked))).toEqual([401, INVALID]);
    const made = await make();
    await call('DELETE', `/v1/frontend/auth/${made.account}/revoke-all`);
    expect(outcome(await authenticate((await make()).token.replace(/.$/, '8')))).toEqual([401, INVALID]);
  });

  it('is read by the published gateway, which fails for a 401 without a known error_identifier', async () => {
    const gateway = async (key: string) => {
      const { status, body } = await authenticate(key);
      if (status === 200) return { account: body.account_id as string, payments: body.token_type as string };
      if (status !== 401) throw new Error('503');
      if (!['AUTH_TOKEN_INVALID', 'AUTH_TOKEN_REVOKED'].includes(body.error_identifier as string))
        throw new Error('500');
      if (body.error_identifier === 'AUTH_TOKEN_REVOKED' && typeof body.token_link !== 'string') throw new Error('500');
      return undefined;
    };
    const { account, token } = await make({ token_type: 'DIRECT_DEBIT' });
    expect(await gateway(token)).toEqual({ account, payments: 'DIRECT_DEBIT' });
    await call('DELETE', `/v1/frontend/auth/${account}`, { token });
    expect(await gateway(token)).toBeUndefined();
    expect(await gateway('nonsense')).toBeUndefined();
  });
});

describe('type and token_type', () => {
  it('are kept and given back: lists show API unless ?type=products', async () => {
    const { account, token_link: api } = await make();
    const { token_link: products } = await make({ type: 'PRODUCTS', token_type: 'DIRECT_DEBIT' }, account);
    for (const query of ['', '?type=API', '?type=api', '?type=nonsense', '?type=products&type=products', '?type=']) {
      expect([query, linksOf(await list(account, query))]).toEqual([query, [api]]);
    }
    for (const query of ['?type=products', '?type=PRODUCTS', '?state=active&type=Products']) {
      expect([query, linksOf(await list(account, query))]).toEqual([query, [products]]);
    }
    const one = await call('GET', `/v1/frontend/auth/${account}/${products}`);
    expect(one.body).toMatchObject({ type: 'PRODUCTS', token_type: 'DIRECT_DEBIT' });
    const stored = await database.query('SELECT source, payment_type FROM tokens WHERE id = $1', [products]);
    expect(stored).toEqual([{ source: 'PRODUCTS', payment_type: 'DIRECT_DEBIT' }]);
  });

  it('revoked ones are listed apart too, and revoke-all means both', async () => {
    const { account, token: api } = await make();
    const { token: products } = await make({ type: 'products' }, account);
    for (const token of [api, products]) expect((await authenticate(token)).status).toBe(200);
    expect((await call('DELETE', `/v1/frontend/auth/${account}/revoke-all`)).status).toBe(200);
    for (const token of [api, products]) expect((await authenticate(token)).status).toBe(401);
    expect(linksOf(await list(account, '?state=revoked'))).toEqual([(await rowOf(database, api)).id]);
    expect(linksOf(await list(account, '?state=revoked&type=products'))).toEqual([
      (await rowOf(database, products)).id,
    ]);
  });

  it('lists have what the published test suite counts, and no more', async () => {
    const { account, token, token_link } = await make({ created_by: 'user-name', token_type: 'DIRECT_DEBIT' });
    await database.query('UPDATE tokens SET last_used_at = now() WHERE id = $1', [token_link]);
    const { body } = await list(account, '?state=active&type=API');
    const NAMES = ['token_link', 'type', 'description', 'created_by', 'token_type', 'issued_date', 'last_used'];
    expect(Object.keys((body.tokens as object[])[0] ?? {}).sort()).toEqual(NAMES.sort());
    expect((await authenticate(token)).status).toBe(200);
  });

  it('lists a token that the previous release has stored as API and CARD', async () => {
    const account = `OLD-${randomUUID()}`;
    const { token_link } = await insertAsBefore(account);
    expect((await list(account)).body.tokens).toMatchObject([{ token_link, type: 'API', token_type: 'CARD' }]);
    expect(linksOf(await list(account, '?type=products'))).toEqual([]);
  });

  it.each([
    [{ type: 'WEB' }, 'type must be API or PRODUCTS'],
    [{ type: null }, 'type must be API or PRODUCTS'],
    [{ type: ['API'] }, 'type must be API or PRODUCTS'],
    [{ token_type: 'CASH' }, 'token_type must be CARD or DIRECT_DEBIT'],
    [{ token_type: 1 }, 'token_type must be CARD or DIRECT_DEBIT'],
    [{ service_mode: 'demo' }, 'service_mode must be LIVE or TEST'],
    [{ service_external_id: '' }, 'service_external_id must not be empty'],
    [{ service_external_id: 7 }, 'service_external_id must be a string'],
    [{ service_external_id: 'x'.repeat(256) }, 'service_external_id must be at most 255 characters'],
  ])('%j is 400', async (extra, message) => {
    expect(outcome(await create(extra))).toEqual([400, { message }]);
  });
});

describe('PUT /v1/frontend/auth', () => {
  it('answers the whole token', async () => {
    const { token_link } = await make({
      created_by: 'someone@example.org',
      type: 'PRODUCTS',
      service_external_id: 'service',
      service_mode: 'test',
      expires_at: '2126-11-22T12:00:00Z',
    });
    await database.query(`UPDATE tokens SET created_at = $2, last_used_at = $3 WHERE id = $1`, [
      token_link,
      '2015-03-01T00:05:00Z',
      '2015-10-09T23:07:00Z',
    ]);
    expect(outcome(await call('PUT', '/v1/frontend/auth', { token_link, description: 'New' }))).toEqual([
      200,
      {
        token_link,
        description: 'New',
        type: 'PRODUCTS',
        token_type: 'CARD',
        created_by: 'someone@example.org',
        issued_date: '01 Mar 2015 - 00:05',
        last_used: '09 Oct 2015 - 23:07',
        expires_at: '2126-11-22T12:00:00.000Z',
        service_external_id: 'service',
        service_mode: 'TEST',
      },
    ]);
  });
});

describe('/v1/frontend/auth/service/{service_external_id}/mode/{mode}', () => {
  const pathOf = (service: string, mode = 'live') =>
    `/v1/frontend/auth/service/${encodeURIComponent(service)}/mode/${mode}`;
  const forService = (service: string, service_mode = 'live', extra: object = {}) =>
    make({ service_external_id: service, service_mode, ...extra });

  it('lists the tokens of a service in one mode, newest first, with what they were made with', async () => {
    const service = randomUUID();
    const first = await forService(service);
    const second = await forService(service, 'LIVE');
    const [inTest, products] = [
      await forService(service, 'test'),
      await forService(service, 'live', { type: 'PRODUCTS' }),
    ];
    await forService(randomUUID());
    await make();
    for (const mode of ['live', 'LIVE', 'Live']) {
      expect(linksOf(await call('GET', pathOf(service, mode)))).toEqual([second.token_link, first.token_link]);
    }
    expect(linksOf(await call('GET', pathOf(service, 'test')))).toEqual([inTest.token_link]);
    expect(linksOf(await call('GET', `${pathOf(service)}?type=products`))).toEqual([products.token_link]);
    expect((await call('GET', pathOf(service))).body.tokens[0]).toMatchObject({
      service_external_id: service,
      service_mode: 'LIVE',
    });
    expect((await authenticate(inTest.token)).body).toEqual({
      account_id: inTest.account,
      token_link: inTest.token_link,
      token_type: 'CARD',
      service_external_id: service,
      service_mode: 'TEST',
    });
  });

  it('shows one token, also a revoked one, and none of another service, mode or account', async () => {
    const service = randomUUID();
    const { token_link } = await forService(service);
    const get = (name: string, mode: string) => call('GET', `${pathOf(name, mode)}/${token_link}`);
    expect((await get(service, 'live')).body).toMatchObject({ token_link, service_external_id: service });
    await call('DELETE', pathOf(service), { token_link });
    expect((await get(service, 'live')).body).toMatchObject({ token_link, revoked: expect.any(String) });
    for (const [name, mode] of [
      [service, 'test'],
      [randomUUID(), 'live'],
    ] as const) {
      expect(outcome(await get(name, mode))).toEqual([404, { message: 'Could not find token' }]);
    }
  });

  it('revokes one token, by its link or itself, of this service and mode only; of twenty at once one', async () => {
    const service = randomUUID();
    const [one, two] = [await forService(service), await forService(service)];
    const NOT_REVOKED = [404, { message: 'Could not revoke token' }];
    const elsewhere = [pathOf(service, 'test'), pathOf(randomUUID()), `/v1/frontend/auth/${service}`];
    for (const path of elsewhere) {
      expect(outcome(await call('DELETE', path, { token_link: one.token_link }))).toEqual(NOT_REVOKED);
    }
    expect((await authenticate(one.token)).status).toBe(200);
    const twenty = Array.from({ length: 20 }, () => call('DELETE', pathOf(service), { token_link: one.token_link }));
    const statuses = (await Promise.all(twenty)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, ...Array<number>(19).fill(404)]);
    expect((await authenticate(one.token)).status).toBe(401);
    expect((await call('DELETE', pathOf(service), { token: two.token })).status).toBe(200);
    expect((await authenticate(two.token)).body).toMatchObject({ error_identifier: 'AUTH_TOKEN_REVOKED' });
  });

  it('revoke-all ends them on every server at once, of all accounts and types, and nothing else', async () => {
    const service = randomUUID();
    const ended = [
      await forService(service),
      await forService(service),
      await forService(service, 'live', { type: 'products' }),
    ];
    const spared = [
      await forService(service, 'test'),
      await forService(randomUUID()),
      await make({}, ended[0]?.account),
    ];
    for (const at of [server, other])
      for (const { token } of [...ended, ...spared]) expect((await authenticate(token, at)).status).toBe(200);
    expect(outcome(await call('DELETE', `${pathOf(service)}/revoke-all`))).toEqual([200, {}]);
    for (const { token } of ended) expect((await authenticate(token)).status).toBe(401);
    for (const { token } of spared) expect((await authenticate(token)).status).toBe(200);
    const there = async () =>
      (await Promise.all(ended.map(({ token }) => authenticate(token, other)))).map((a) => a.status);
    for (let tries = 0; tries < 500 && (await there()).includes(200); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await there()).toEqual([401, 401, 401]);
    const events = await database.query(
      `SELECT details FROM audit_events WHERE kind = 'token.all_revoked' AND subject = $1`,
      [service],
    );
    expect(events).toEqual([{ details: { count: 3, service_mode: 'LIVE' } }]);
    expect(outcome(await call('DELETE', `${pathOf(randomUUID())}/revoke-all`))).toEqual([200, {}]);
  });

  it('takes any text as the id, and live or test as the mode', async () => {
    for (const service of ['a/b', '..%2F', '🏦'.repeat(255), "o'brien; --", 'revoke-all', 'mode']) {
      const { token_link } = await forService(service);
      expect(linksOf(await call('GET', pathOf(service)))).toContain(token_link);
    }
    for (const [method, path, body] of [
      ['GET', pathOf('x', 'demo')],
      ['DELETE', pathOf('x', 'demo'), { token_link: randomUUID() }],
      ['GET', `${pathOf('x', 'demo')}/${randomUUID()}`],
      ['DELETE', `${pathOf('x', 'demo')}/revoke-all`],
    ] as const) {
      const answer = await call(method, path, body);
      expect(outcome(answer)).toEqual([400, { message: 'mode must be live or test' }]);
    }
    expect((await call('GET', pathOf('x'.repeat(256)))).status).toBe(400);
  });

  it('leaves an account that is called service alone', async () => {
    const { token_link } = await make({}, 'service');
    expect(linksOf(await list('service'))).toContain(token_link);
    expect((await call('GET', `/v1/frontend/auth/service/${token_link}`)).body).toMatchObject({ token_link });
    expect((await call('DELETE', '/v1/frontend/auth/service/revoke-all')).status).toBe(200);
    expect(linksOf(await list('service'))).toEqual([]);
  });
});

describe('expires_at and seconds_until_expire', () => {
  const expiryOf = async (link: string) => {
    const [row] = await database.query<{ at: Date | null; seconds: number | null }>(
      'SELECT expires_at AS at, extract(epoch FROM expires_at - created_at)::float8 AS seconds FROM tokens WHERE id = $1',
      [link],
    );
    return row;
  };

  it('are kept: a time, or seconds from now; without them a token does not expire', async () => {
    const { token_link: byTime } = await make({ expires_at: '2126-11-22T13:00:00.5+01:00' });
    expect((await expiryOf(byTime))?.at).toEqual(new Date('2126-11-22T12:00:00.500Z'));
    const { token_link: bySeconds } = await make({ seconds_until_expire: 31_557_600_000 });
    expect((await expiryOf(bySeconds))?.seconds).toBe(31_557_600_000);
    expect((await expiryOf((await make()).token_link))?.at).toBeNull();
  });

  it('end a token, remembered or not', async () => {
    const { token, token_link } = await make({ seconds_until_expire: 3_600 });
    expect((await authenticate(token)).status).toBe(200);
    await database.query(`UPDATE tokens SET expires_at = now() - interval '1 second' WHERE id = $1`, [token_link]);
    expect((await authenticate(token, other)).body).toEqual(INVALID);
  });

  it.each<[name: string, extra: object, message: string]>([
    ['a time that has passed', { expires_at: '2026-01-01T00:00:00Z' }, 'expires_at must be in the future'],
    ['a time long ago', { expires_at: '1000-01-01T00:00:00Z' }, 'expires_at must be in the future'],
    ['no seconds', { seconds_until_expire: 0 }, 'seconds_until_expire must be a whole number from 1 to 31557600000'],
    ['fewer', { seconds_until_expire: -1 }, 'seconds_until_expire must be a whole number from 1 to 31557600000'],
    ['too many', { seconds_until_expire: 1e12 }, 'seconds_until_expire must be a whole number from 1 to 31557600000'],
    ['a text', { seconds_until_expire: '60' }, 'seconds_until_expire must be a whole number from 1 to 31557600000'],
    ['a day', { expires_at: '2126-11-22' }, 'expires_at must be a date and time such as 2026-11-22T12:00:00Z'],
    [
      'February 30',
      { expires_at: '2126-02-30T00:00:00Z' },
      'expires_at must be a date and time such as 2026-11-22T12:00:00Z',
    ],
    ['null', { expires_at: null }, 'expires_at must be a date and time such as 2026-11-22T12:00:00Z'],
    [
      'both',
      { expires_at: '2126-11-22T12:00:00Z', seconds_until_expire: 60 },
      'expires_at must not be given together with seconds_until_expire',
    ],
  ])('are refused: %s, and nothing is stored', async (_, extra, message) => {
    const account_id = `REFUSED-${randomUUID()}`;
    expect(outcome(await create({ account_id, ...extra }))).toEqual([400, { message }]);
    expect(await database.query('SELECT 1 FROM tokens WHERE gateway_account_id = $1', [account_id])).toEqual([]);
  });

  it('lists show what expires before a date, and apart what has expired', async () => {
    const account = `ACCOUNT-${randomUUID()}`;
    const { token_link: never } = await make({}, account);
    const { token_link: soon } = await make({ expires_at: '2100-01-01T00:00:00Z' }, account);
    const { token_link: later } = await make({ expires_at: '2200-01-01T00:00:00Z' }, account);
    const { token_link: past } = await make({ seconds_until_expire: 60 }, account);
    await database.query(`UPDATE tokens SET expires_at = '2020-01-01T00:00:00Z' WHERE id = $1`, [past]);
    expect(linksOf(await list(account))).toEqual([later, soon, never]);
    expect(linksOf(await list(account, '?expires_before=2100-01-01T00:00:00Z'))).toEqual([]);
    expect(linksOf(await list(account, '?expires_before=2100-01-01T00:00:00.001Z'))).toEqual([soon]);
    expect(linksOf(await list(account, '?expires_before=2999-01-01T00:00:00%2B01:00'))).toEqual([later, soon]);
    expect((await list(account, '?state=expired')).body.tokens).toMatchObject([
      { token_link: past, expires_at: '2020-01-01T00:00:00.000Z' },
    ]);
    expect((await call('DELETE', `/v1/frontend/auth/${account}`, { token_link: past })).status).toBe(200);
    expect(linksOf(await list(account, '?state=expired'))).toEqual([]);
    expect(linksOf(await list(account, '?state=revoked'))).toEqual([past]);
    for (const bad of ['', '2100', 'x', '2100-01-01T00:00:00Z&expires_before=2100-01-01T00:00:00Z']) {
      expect(outcome(await list(account, `?expires_before=${bad}`))).toEqual([
        400,
        { message: 'expires_before must be a date and time such as 2026-11-22T12:00:00Z' },
      ]);
    }
  });
});

describe('API_TOKEN_HMAC_SECRET', () => {
  /** As the published gateway does before it asks. */
  function passesGateway(key: string): boolean {
    if (key.length < 33) return false;
    const [token, hmac] = [key.slice(0, -32), key.slice(-32)];
    const right = BigInt(`0x${createHmac('sha1', HMAC_SECRET).update(token).digest('hex')}`);
    return hmac === right.toString(32).padStart(32, '0');
  }

  it.each([undefined, 'live', 'test'])('makes keys that pass the gateway (%s)', async (token_account_type) => {
    const { body } = await create({ token_account_type }, other);
    const key = body.token as string;
    expect(key.startsWith(token_account_type === undefined ? 'api_' : `api_${token_account_type}_`)).toBe(true);
    expect(passesGateway(key)).toBe(true);
    expect(await rowOf(database, key)).toMatchObject({ hint: key.slice(-4) });
    // Also where the secret is not set, or another: its HMAC is the gateways' matter.
    for (const at of [other, server])
      expect((await authenticate(key, at)).body).toMatchObject({ account_id: 'ACCOUNT' });
    const wrong = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0');
    for (const forged of [wrong, key.slice(0, -32)])
      expect(outcome(await authenticate(forged, other))).toEqual([401, INVALID]);
    expect((await call('DELETE', '/v1/frontend/auth/ACCOUNT', { token: key }, other)).status).toBe(200);
    expect((await authenticate(key, other)).body).toMatchObject({ error_identifier: 'AUTH_TOKEN_REVOKED' });
  });

  it('leaves keys that were made before good', async () => {
    const { account, token } = await make();
    expect(passesGateway(token)).toBe(false);
    expect((await authenticate(token, other)).body).toMatchObject({ account_id: account });
  });
});

describe('OpenAPI', () => {
  it('describes every answer that these tests saw', () => {
    expect(server.answers.undescribed()).toEqual([]);
    expect(other.answers.undescribed()).toEqual([]);
  });
});
