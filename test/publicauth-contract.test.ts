import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TokenLastUsed } from '../src/tokens/token-last-used.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bearer, startServer, type TestServer } from './support/server.js';
import { callExactly, newApiToken, newAppToken, rowOf, signedInAdmin, type User } from './support/tokens.js';

/** The requests and answers of seed 002, each under the heading it has there. */
let database: TestDatabase;
let server: TestServer;
let admin: User;
/** The header of an App-Token with the scope `frontend`. */
let frontend: { 'app-token': string };
/** Every secret that a test has seen, to look for in the log. */
const secrets: string[] = [];

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  admin = await signedInAdmin(server);
  frontend = { 'app-token': admin.appToken };
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const DATE_AND_TIME = expect.stringMatching(
  /^\d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} - \d\d:\d\d$/,
);
/** What a token has that was made without saying what it is for. */
const FOR_API = { type: 'API', token_type: 'CARD' };
const NO_SUCH_LINK = '550e8400-e29b-41d4-a716-446655440000';

let accounts = 0;
const newAccount = () => `GATEWAY_ACCOUNT_${(accounts += 1)}`;

const authenticate = (token: string) => server.call('GET', '/v1/api/auth', undefined, bearer(token));
const create = (body: unknown) => server.call('POST', '/v1/frontend/auth', body, frontend);
const describeToken = (body: unknown) => server.call('PUT', '/v1/frontend/auth', body, frontend);
const pathOf = (account: string) => `/v1/frontend/auth/${encodeURIComponent(account)}`;
const list = (account: string, query = '') => server.call('GET', `${pathOf(account)}${query}`, undefined, frontend);
const revoke = (account: string, body: unknown) => server.call('DELETE', pathOf(account), body, frontend);

/** Makes a token. */
async function make(account = newAccount(), extra: object = {}) {
  const token = await newApiToken(server, admin.appToken, account, extra);
  secrets.push(token);
  return { account, token, token_link: (await rowOf(database, token)).id };
}

const linksOf = (answer: { body: any }) =>
  (answer.body.tokens as { token_link: string }[]).map(({ token_link }) => token_link);

describe('GET /v1/api/auth', () => {
  it.each(['/v1/api/auth', '/v1/auth', '/v1/api/auth/', '/v1/auth/'])(
    'Response example: 200 with the account ID for the token, at %s',
    async (path) => {
      const { account, token, token_link } = await make();
      for (const authorization of [`Bearer ${token}`, `bearer ${token}`, `Bearer: ${token}`]) {
        const answer = await server.call('GET', path, undefined, { authorization, accept: 'application/json' });
        expect(answer.status).toBe(200);
        expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
        expect(answer.body).toEqual({ account_id: account, token_link, token_type: 'CARD' });
      }
    },
  );

  it.each(['/v1/api/auth', '/v1/auth'])('401 at %s if the token does not exist', async (path) => {
    const answer = await server.call('GET', path, undefined, bearer('api_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'));
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    expect(answer.body).toEqual({
      message: 'The token does not exist or has been revoked.',
      error_identifier: 'AUTH_TOKEN_INVALID',
    });
    const absent = await server.call('GET', path);
    expect(absent.status).toBe(401);
    expect(absent.headers.get('www-authenticate')).toBe('Bearer realm="latchkey"');
    expect(absent.body).toEqual({
      message: 'Authenticate with an API token as a Bearer token.',
      error_identifier: 'AUTH_TOKEN_INVALID',
    });
  });

  it('401 if the token has been revoked, at both addresses and at once', async () => {
    const { account, token, token_link } = await make();
    expect((await authenticate(token)).status).toBe(200);
    expect((await revoke(account, { token_link })).status).toBe(200);
    expect((await authenticate(token)).status).toBe(401);
    expect((await server.call('GET', '/v1/auth', undefined, bearer(token))).status).toBe(401);
  });

  it('401 for a token with a wrong checksum, which is never looked for', async () => {
    const { token } = await make();
    const forged = `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`;
    await database.query('UPDATE tokens SET digest = $2 WHERE digest = $1', [
      createHash('sha256').update(token).digest(),
      createHash('sha256').update(forged).digest(),
    ]);
    expect((await authenticate(forged)).status).toBe(401);
  });
});

describe('POST /v1/frontend/auth', () => {
  it('Successful response example: 200 with the generated token', async () => {
    const account = newAccount();
    const answer = await create({ account_id: account, description: 'Token description' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({ token: expect.stringMatching(/^api_[a-z2-7]{33}$/) });
    expect((await authenticate(answer.body.token as string)).body).toMatchObject({ account_id: account });
  });

  it('stores a digest and the last four characters, never the token', async () => {
    const { account, token } = await make(newAccount(), { created_by: 'someone@example.org' });
    const row = await rowOf(database, token);
    expect(row).toMatchObject({
      kind: 'api',
      hint: token.slice(-4),
      gateway_account_id: account,
      description: 'Token description',
      created_by: 'someone@example.org',
      account_id: null,
      expires_at: null,
      revoked_at: null,
    });
    expect(row.digest).toEqual(createHash('sha256').update(token).digest());
    const [whole] = await database.query<{ text: string }>('SELECT t::text AS text FROM tokens t WHERE id = $1', [
      row.id,
    ]);
    expect(whole?.text).not.toContain(token.slice(4, 20));
  });

  it.each([
    ['live', 'api_live_'],
    ['test', 'api_test_'],
    ['LIVE', 'api_live_'],
    [undefined, 'api_'],
  ])('tells token_account_type %s in a prefix, and ends in a CRC-32', async (token_account_type, prefix) => {
    const { token } = await make(newAccount(), token_account_type === undefined ? {} : { token_account_type });
    const [, start = '', random = '', check = ''] =
      /^(api_(?:live_|test_)?)([a-z2-7]{26})([a-z2-7]{7})$/.exec(token) ?? [];
    expect(start).toBe(prefix);
    const digits = Array.from(check).map((character) => 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(character));
    const sum = digits.slice(0, 6).reduce((value, digit) => value * 32 + digit, 0) * 4 + (digits[6] ?? 0);
    expect(sum).toBe(crc32(start + random));
  });

  it.each([
    [{}, '[account_id, description]'],
    [{ description: 'Token description' }, '[account_id]'],
    [{ account_id: 'GATEWAY_ACCOUNT_1' }, '[description]'],
    [{ description: null, account_id: null }, '[account_id, description]'],
    [{ account_id: null, description: 5 }, '[account_id]; description must be a string'],
  ])('Unsuccessful response example: 400 for %j', async (body, names) => {
    const answer = await create(body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.body).toEqual({ message: `Missing fields: ${names}` });
  });

  it('counts no body and an empty one as one without fields', async () => {
    const missing = { message: 'Missing fields: [account_id, description]' };
    for (const body of [undefined, '']) {
      const answer = await create(body);
      expect([answer.status, answer.body]).toEqual([400, missing]);
    }
  });

  const NAME = 'account_id must be a string, or a whole number from -9007199254740991 to 9007199254740991';
  const TOO_LONG = 'account_id must be at most 255 characters';
  it.each<[name: string, account_id: unknown, message: string]>([
    ['an empty one', '', 'account_id must not be empty'],
    ['256 characters', 'x'.repeat(256), TOO_LONG],
    ['256 emoji', '🏦'.repeat(256), TOO_LONG],
    ['200 hearts of two characters each', '❤️'.repeat(200), TOO_LONG],
    ['a number that JSON does not carry exactly', 2 ** 53, NAME],
    ['a negative one of these', -(2 ** 53), NAME],
    ['a fraction', 1.5, NAME],
    ['a huge number', 1e300, NAME],
    ['a boolean', true, NAME],
    ['an object', { id: 1 }, NAME],
    ['a list', ['GATEWAY_ACCOUNT_1'], NAME],
  ])('refuses as account_id %s with 400', async (_, account_id, message) => {
    const [before] = await database.query('SELECT count(*) FROM tokens');
    const answer = await create({ account_id, description: 'Token description' });
    expect([answer.status, answer.body]).toEqual([400, { message }]);
    expect(await database.query('SELECT count(*) FROM tokens')).toEqual([before]);
  });

  it.each<[name: string, extra: object, message: string]>([
    ['a description that is no text', { description: 5 }, 'description must be a string'],
    [
      'a description of 1001 characters',
      { description: 'x'.repeat(1001) },
      'description must be at most 1000 characters',
    ],
    ['a description of 600 hearts', { description: '❤️'.repeat(600) }, 'description must be at most 1000 characters'],
    ['an unknown type', { token_account_type: 'production' }, 'token_account_type must be live or test'],
    ['a creator that is no text', { created_by: ['a'] }, 'created_by must be a string'],
    ['a creator of 256 characters', { created_by: '🏦'.repeat(256) }, 'created_by must be at most 255 characters'],
  ])('refuses %s with 400', async (_, extra, message) => {
    const answer = await create({ account_id: newAccount(), description: 'Token description', ...extra });
    expect([answer.status, answer.body]).toEqual([400, { message }]);
  });

  it('takes an empty description and one of 1000 emoji', async () => {
    for (const description of ['', '🏦'.repeat(1000)]) {
      const { account } = await make(newAccount(), { description });
      expect((await list(account)).body.tokens).toMatchObject([{ description }]);
    }
  });

  it('leaves out fields that it does not know', async () => {
    const { account, token } = await make(newAccount(), { gateway: 'stripe', revoked: true, id: NO_SUCH_LINK });
    expect((await authenticate(token)).body).toMatchObject({ account_id: account });
    expect((await rowOf(database, token)).id).not.toBe(NO_SUCH_LINK);
  });

  it('gives fifty different tokens to fifty requests at once', async () => {
    const account = newAccount();
    const body = { account_id: account, description: 'Token description', token_account_type: 'live' };
    const answers = await Promise.all(Array.from({ length: 50 }, () => create(body)));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    const tokens = answers.map(({ body: { token } }) => token as string);
    expect(new Set(tokens).size).toBe(50);
    expect(new Set(linksOf(await list(account))).size).toBe(50);
    // 130 bits: each of the 26 characters varies, and all 32 characters occur.
    const random = tokens.map((token) => token.slice('api_live_'.length, -7));
    for (let position = 0; position < 26; position += 1) {
      expect(new Set(random.map((text) => text[position])).size).toBeGreaterThan(8);
    }
    expect(new Set(random.join('')).size).toBe(32);
    const checked = await Promise.all(tokens.map(authenticate));
    expect(checked.map(({ body: { account_id } }) => account_id as string)).toEqual(Array(50).fill(account));
  });
});

describe('PUT /v1/frontend/auth', () => {
  it('Successful response example: 200 with the new description', async () => {
    const { account, token, token_link } = await make();
    const answer = await describeToken({ token_link, description: 'New token description' });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      token_link,
      description: 'New token description',
      ...FOR_API,
      issued_date: DATE_AND_TIME,
    });
    expect((await list(account)).body.tokens).toMatchObject([{ token_link, description: 'New token description' }]);
    expect((await authenticate(token)).status).toBe(200);
  });

  it.each([
    ['no token', () => NO_SUCH_LINK],
    ['a malformed link', () => 'nonsense'],
    ['an empty link', () => ''],
    ['SQL', () => "' OR true --"],
    ['a very long link', () => 'f'.repeat(2_000)],
    ['the token itself', async () => (await make()).token],
    ['an App-Token', async () => (await rowOf(database, admin.appToken)).id],
  ])('Unsuccessful response example: 404 for a link to %s', async (_, link) => {
    const answer = await describeToken({ token_link: await link(), description: 'New token description' });
    expect(answer.status).toBe(404);
    expect(answer.body).toEqual({ message: 'Could not update token description' });
  });

  it('Unsuccessful response example: 404 for a revoked token, whose description stays', async () => {
    const { account, token, token_link } = await make();
    await revoke(account, { token_link });
    const answer = await describeToken({ token_link, description: 'New token description' });
    expect([answer.status, answer.body]).toEqual([404, { message: 'Could not update token description' }]);
    expect((await rowOf(database, token)).description).toBe('Token description');
  });

  it.each([
    [{}, '[token_link, description]'],
    [{ description: 'New token description' }, '[token_link]'],
    [{ token_link: NO_SUCH_LINK }, '[description]'],
    [{ description: null, token_link: null }, '[token_link, description]'],
  ])('400 with the names of missing fields for %j', async (body, names) => {
    const answer = await describeToken(body);
    expect([answer.status, answer.body]).toEqual([400, { message: `Missing fields: ${names}` }]);
  });

  it.each([
    [{ token_link: 5, description: 'x' }, 'token_link must be a string'],
    [{ token_link: NO_SUCH_LINK, description: '❤️'.repeat(600) }, 'description must be at most 1000 characters'],
  ])('400 for a bad field', async (body, message) => {
    const answer = await describeToken(body);
    expect([answer.status, answer.body]).toEqual([400, { message }]);
  });
});

describe('GET /v1/frontend/auth/{account_id}', () => {
  async function account() {
    const name = newAccount();
    const active = [await make(name, { description: 'token 1' }), await make(name, { description: 'token 2' })];
    const revoked = [await make(name, { description: 'token 3' }), await make(name, { description: 'token 4' })];
    for (const { token_link } of revoked) await revoke(name, { token_link });
    return {
      name,
      active: active.map(({ token_link }) => token_link).reverse(),
      revoked: revoked.map(({ token_link }) => token_link).reverse(),
    };
  }

  it('Response example: 200 with the active tokens, newest first, without a query parameter', async () => {
    const { name, active } = await account();
    const answer = await list(name);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.body).toEqual({
      tokens: [
        { token_link: active[0], description: 'token 2', ...FOR_API, issued_date: DATE_AND_TIME },
        { token_link: active[1], description: 'token 1', ...FOR_API, issued_date: DATE_AND_TIME },
      ],
    });
  });

  it.each([
    ['active', 'active'],
    ['ACTIVE', 'active'],
    ['Active', 'active'],
    ['', 'active'],
    ['nonsense', 'active'],
    ['revoked%20', 'active'],
    ['active&state=revoked', 'active'],
    ['revoked', 'revoked'],
    ['REVOKED', 'revoked'],
    ['rEvOkEd', 'revoked'],
  ] as const)('Query Parameters: state=%s retrieves the %s tokens only', async (state, expected) => {
    const tokens = await account();
    const answer = await list(tokens.name, `?state=${state}`);
    expect(answer.status).toBe(200);
    expect(linksOf(answer)).toEqual(tokens[expected]);
  });

  it.each([
    ['2015-10-10T12:12:59Z', '10 Oct 2015'],
    ['2015-10-05T00:00:00Z', '05 Oct 2015'],
    ['2016-02-29T23:59:59.999Z', '29 Feb 2016'],
    ['2024-01-01T00:30:00+01:00', '31 Dec 2023'],
  ])('Response example: tells when a token was revoked: %s is "%s"', async (time, revoked) => {
    const { account: name, token_link } = await make();
    await revoke(name, { token_link });
    await database.query('UPDATE tokens SET revoked_at = $2 WHERE id = $1', [token_link, time]);
    const { body } = await list(name, '?state=revoked');
    expect(body.tokens).toEqual([
      { token_link, description: 'Token description', ...FOR_API, revoked, issued_date: DATE_AND_TIME },
    ]);
  });

  it('shows who made a token, when, and when it was last used', async () => {
    const { account: name, token, token_link } = await make(newAccount(), { created_by: 'someone@example.org' });
    expect((await authenticate(token)).status).toBe(200);
    await server.app.get(TokenLastUsed).flush();
    expect((await rowOf(database, token)).last_used_at).not.toBeNull();
    await database.query(`UPDATE tokens SET created_at = $2, last_used_at = $3 WHERE id = $1`, [
      token_link,
      '2015-03-01T00:05:00Z',
      '2015-10-09T23:07:00Z',
    ]);
    expect((await list(name)).body).toEqual({
      tokens: [
        {
          token_link,
          description: 'Token description',
          ...FOR_API,
          created_by: 'someone@example.org',
          issued_date: '01 Mar 2015 - 00:05',
          last_used: '09 Oct 2015 - 23:07',
        },
      ],
    });
  });

  it('answers 200 with no tokens for an account without any', async () => {
    const answer = await list(newAccount());
    expect([answer.status, answer.body]).toEqual([200, { tokens: [] }]);
  });

  it('is whole, however long, and never shows a secret', async () => {
    const name = newAccount();
    await database.query(
      `INSERT INTO tokens (kind, digest, hint, gateway_account_id, description)
       SELECT 'api', sha256(convert_to($1 || n, 'UTF8')), 'abcd', $1, 'token ' || n FROM generate_series(1, 1200) n`,
      [name],
    );
    const { token } = await make(name);
    const answer = await list(name);
    expect(linksOf(answer)).toHaveLength(1201);
    expect(JSON.stringify(answer.body)).not.toContain(token.slice(4));
    expect(JSON.stringify(answer.body)).not.toContain('digest');
  });
});

describe('GET /v1/frontend/auth/{account_id}/{token_link}', () => {
  const get = (account: string, link: string) =>
    server.call('GET', `${pathOf(account)}/${encodeURIComponent(link)}`, undefined, frontend);

  it('200 with one token, revoked or not', async () => {
    const { account, token_link } = await make();
    const view = { token_link, description: 'Token description', ...FOR_API, issued_date: DATE_AND_TIME };
    const active = await get(account, token_link);
    expect([active.status, active.body]).toEqual([200, view]);
    await revoke(account, { token_link });
    await database.query(`UPDATE tokens SET revoked_at = '2015-10-10T12:12:00Z' WHERE id = $1`, [token_link]);
    const revoked = await get(account, token_link);
    expect([revoked.status, revoked.body]).toEqual([200, { ...view, revoked: '10 Oct 2015' }]);
  });

  it.each([
    ["another account's token", async () => (await make()).token_link],
    ['no token', () => NO_SUCH_LINK],
    ['a malformed link', () => 'nonsense'],
    ['the token itself', async () => (await make('the same account')).token],
  ])('404 for %s', async (_, link) => {
    const answer = await get('the same account', await link());
    expect([answer.status, answer.body]).toEqual([404, { message: 'Could not find token' }]);
  });
});

describe('DELETE /v1/frontend/auth/{account_id}', () => {
  const NOT_REVOKED = [404, { message: 'Could not revoke token' }];

  it('Successful response example: 200 with the date and time in UTC, by token_link', async () => {
    const { account, token, token_link } = await make();
    const answer = await revoke(account, { token_link });
    expect(answer.status).toBe(200);
    const [row] = await database.query<{ revoked: string }>(
      `SELECT to_char(revoked_at AT TIME ZONE 'UTC', 'DD Mon YYYY - HH24:MI') AS revoked FROM tokens
       WHERE id = $1 AND revoked_at > now() - interval '1 minute'`,
      [token_link],
    );
    expect(answer.body).toEqual({ revoked: row?.revoked });
    expect(answer.body).toEqual({ revoked: DATE_AND_TIME });
    expect((await authenticate(token)).status).toBe(401);
    expect(linksOf(await list(account))).toEqual([]);
    expect(linksOf(await list(account, '?state=revoked'))).toEqual([token_link]);
  });

  it('takes the token itself instead of token_link', async () => {
    const { account, token } = await make();
    const answer = await revoke(account, { token });
    expect([answer.status, answer.body]).toEqual([200, { revoked: DATE_AND_TIME }]);
    expect((await rowOf(database, token)).revoked_at).not.toBeNull();
    expect((await authenticate(token)).status).toBe(401);
  });

  it('takes a link in capitals', async () => {
    const { account, token_link } = await make();
    expect((await revoke(account, { token_link: token_link.toUpperCase() })).status).toBe(200);
  });

  it.each([
    ['no token', () => ({ token_link: NO_SUCH_LINK })],
    ["another account's token, by its link", async () => ({ token_link: (await make()).token_link })],
    ["another account's token, by itself", async () => ({ token: (await make()).token })],
    ['a malformed link', () => ({ token_link: 'nonsense' })],
    ['an empty link', () => ({ token_link: '' })],
    ['a malformed token', () => ({ token: 'nonsense' })],
    ['an empty token', () => ({ token: '' })],
    ['a link in the place of a token', async () => ({ token: (await make('here')).token_link })],
    ['a token in the place of a link', async () => ({ token_link: (await make('here')).token })],
  ])('Unsuccessful response example: 404 for %s', async (_, body) => {
    const answer = await revoke('here', await body());
    expect([answer.status, answer.body]).toEqual(NOT_REVOKED);
    const revoked = await database.query(
      `SELECT 1 FROM tokens WHERE gateway_account_id = 'here' AND revoked_at IS NOT NULL`,
    );
    expect(revoked).toEqual([]);
  });

  it("revokes nothing of another account, and leaves that account's token good", async () => {
    const { token, token_link } = await make();
    expect((await revoke(newAccount(), { token_link })).status).toBe(404);
    expect((await authenticate(token)).status).toBe(200);
  });

  it('Unsuccessful response example: 404 for a revoked token, whose date stays', async () => {
    const { account, token, token_link } = await make();
    await revoke(account, { token_link });
    await database.query(`UPDATE tokens SET revoked_at = '2015-10-10T12:12:00Z' WHERE id = $1`, [token_link]);
    for (const body of [{ token_link }, { token }]) {
      const answer = await revoke(account, body);
      expect([answer.status, answer.body]).toEqual(NOT_REVOKED);
    }
    expect((await rowOf(database, token)).revoked_at).toEqual(new Date('2015-10-10T12:12:00Z'));
  });

  it.each([[{}], [undefined], [''], [{ token_link: null }], [{ link: NO_SUCH_LINK }]])(
    '400 without token_link: %j',
    async (body) => {
      const answer = await revoke('here', body);
      expect([answer.status, answer.body]).toEqual([400, { message: 'Missing fields: [token_link]' }]);
    },
  );

  it('answers fifty revocations of one token at once with one 200 and 49 times 404', async () => {
    const { account, token, token_link } = await make();
    expect((await authenticate(token)).status).toBe(200);
    const answers = await Promise.all(Array.from({ length: 50 }, () => revoke(account, { token_link })));
    const good = answers.filter(({ status }) => status === 200);
    const others = answers.filter(({ status }) => status !== 200);
    expect(good.map(({ body }) => body as unknown)).toEqual([{ revoked: DATE_AND_TIME }]);
    expect(others.map(({ status, body }) => [status, body as unknown])).toEqual(Array(49).fill(NOT_REVOKED));
    expect((await authenticate(token)).status).toBe(401);
  });
});

describe('DELETE /v1/frontend/auth/{account_id}/revoke-all', () => {
  const revokeAll = (account: string) => server.call('DELETE', `${pathOf(account)}/revoke-all`, undefined, frontend);

  it('200, revokes every token of the account and of no other, and leaves earlier dates', async () => {
    const name = newAccount();
    const tokens = [await make(name), await make(name), await make(name)];
    const bystander = await make();
    await revoke(name, { token_link: tokens[0]?.token_link });
    await database.query(`UPDATE tokens SET revoked_at = '2015-10-10T12:12:00Z' WHERE id = $1`, [
      tokens[0]?.token_link,
    ]);
    for (const { token } of tokens.slice(1)) expect((await authenticate(token)).status).toBe(200);
    expect((await revokeAll(name)).status).toBe(200);
    for (const { token } of tokens) expect((await authenticate(token)).status).toBe(401);
    expect((await authenticate(bystander.token)).status).toBe(200);
    expect((await rowOf(database, tokens[0]?.token ?? '')).revoked_at).toEqual(new Date('2015-10-10T12:12:00Z'));
    expect(linksOf(await list(name))).toEqual([]);
  });

  it('200 for an account without tokens', async () => {
    expect((await revokeAll(newAccount())).status).toBe(200);
  });

  it('never means the account of nobody', async () => {
    const { token } = await make();
    const answer = await callExactly(server, 'DELETE', '/v1/frontend/auth//revoke-all', undefined, frontend);
    expect([400, 404]).toContain(answer.status);
    expect((await authenticate(token)).status).toBe(200);
  });
});

describe('account_id', () => {
  const names: [name: string, account: string][] = [
    ['a word', 'GATEWAY_ACCOUNT_1'],
    ['a number', '15'],
    ['slashes', 'a/b//c/'],
    ['backslashes', 'a\\b'],
    ['one dot', '.'],
    ['two dots', '..'],
    ['a path that climbs', '../../api/auth'],
    ['a space', ' '],
    ['spaces around', ' a b '],
    ['single quotes', "o'brien'; DROP TABLE tokens; --"],
    ['double quotes', '"quoted"'],
    ['a percent sign', '100%'],
    ['an encoded slash, literally', '%2F'],
    ['an encoded percent sign, literally', '%25'],
    ['an encoded NUL, literally', '%00'],
    ['a question mark and others', 'a?b#c&d=e;f+g,h:i@j'],
    ['wildcards', '*_%:account_id'],
    ['control characters', 'a\tb\nc\rd\u007f'],
    ['emoji', '🏦❤️👩‍👩‍👧'],
    ['letters with accents', 'é'],
    ['the same in two characters', 'e\u0301'],
    ['right to left', 'حساب'],
    ['a name of a route', 'revoke-all'],
    ['the name of a property', '__proto__'],
    ['255 characters', 'x'.repeat(255)],
    ['255 emoji', '🏦'.repeat(255)],
    ['255 slashes', '/'.repeat(255)],
  ];
  /** Percent-encodes dots too: an HTTP client may resolve them. */
  const encoded = (account: string) => encodeURIComponent(account).replaceAll('.', '%2E');

  it.each(names)('is data, in the body and in the path: %s', async (_, account) => {
    const path = `/v1/frontend/auth/${encoded(account)}`;
    const other = await make();
    // An earlier test's tokens may be of the same name.
    await server.call('DELETE', `${path}/revoke-all`, undefined, frontend);
    const { token, token_link } = await make(account);
    expect((await authenticate(token)).body).toMatchObject({ account_id: account });
    const listed = await callExactly(server, 'GET', path, undefined, frontend);
    expect([listed.status, linksOf(listed)]).toEqual([200, [token_link]]);
    const one = await callExactly(server, 'GET', `${path}/${token_link}`, undefined, frontend);
    expect([one.status, one.body.token_link]).toEqual([200, token_link]);
    const revoked = await callExactly(server, 'DELETE', path, { token_link }, frontend);
    expect([revoked.status, revoked.body]).toEqual([200, { revoked: DATE_AND_TIME }]);
    expect((await authenticate(token)).status).toBe(401);
    const last = await make(account);
    expect((await callExactly(server, 'DELETE', `${path}/revoke-all`, undefined, frontend)).status).toBe(200);
    expect((await authenticate(last.token)).status).toBe(401);
    expect((await authenticate(other.token)).status).toBe(200);
  });

  it.each(['.', '..'])('may be %s in a path without encoding, too', async (account) => {
    const { token_link } = await make(account);
    const listed = await callExactly(server, 'GET', `/v1/frontend/auth/${account}`, undefined, frontend);
    expect(linksOf(listed)).toContain(token_link);
  });

  it.each([
    [15, '15'],
    [0, '0'],
    [-7, '-7'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ])('may be a number, and is kept as text: %d', async (number, text) => {
    const token = await newApiToken(server, admin.appToken, number);
    expect((await authenticate(token)).body).toMatchObject({ account_id: text });
    expect(linksOf(await list(text))).toContain((await rowOf(database, token)).id);
  });

  it('is not the same in another case, nor in another normal form', async () => {
    for (const [one, other] of [
      ['Case', 'case'],
      ['caf\u00e9', 'cafe\u0301'],
      ['x', 'x '],
    ] as const) {
      const { token_link } = await make(one);
      expect(linksOf(await list(one))).toEqual([token_link]);
      expect(linksOf(await list(other))).toEqual([]);
    }
  });

  const tooLong: [name: string, account: string][] = [
    ['256 characters', 'x'.repeat(256)],
    ['256 emoji', '🏦'.repeat(256)],
    ['5000 characters', 'x'.repeat(5_000)],
  ];
  it.each(tooLong)('is refused in the path with 400 beyond 255 characters: %s', async (_, account) => {
    const path = pathOf(account);
    for (const [method, address, body] of [
      ['GET', path],
      ['DELETE', path, { token_link: NO_SUCH_LINK }],
      ['GET', `${path}/${NO_SUCH_LINK}`],
      ['DELETE', `${path}/revoke-all`],
    ] as const) {
      const answer = await server.call(method, address, body, frontend);
      expect([method, answer.status]).toEqual([method, 400]);
      expect(answer.body).toEqual({ message: expect.any(String) });
    }
  });

  it('is refused with 400 when it is badly encoded, or holds a NUL', async () => {
    for (const part of ['%', '%zz', '%ff', '%ED%A0%80', 'a%00b', '%C0%AF']) {
      const answer = await callExactly(server, 'GET', `/v1/frontend/auth/${part}`, undefined, frontend);
      expect([part, answer.status, answer.body]).toEqual([part, 400, { message: expect.any(String) }]);
    }
    for (const body of ['{"account_id":"a\\u0000b","description":"x"}', '{"account_id":"\\ud800","description":"x"}']) {
      const answer = await create(body);
      expect([answer.status, answer.body]).toEqual([400, { message: expect.any(String) }]);
    }
  });
});

describe('The guard of /v1/frontend/auth', () => {
  const routes: [method: string, path: string, body: object | undefined][] = [
    ['POST', '/v1/frontend/auth', { account_id: 'guarded', description: 'x' }],
    ['PUT', '/v1/frontend/auth', { token_link: NO_SUCH_LINK, description: 'x' }],
    ['GET', '/v1/frontend/auth/guarded', undefined],
    ['DELETE', '/v1/frontend/auth/guarded', { token_link: NO_SUCH_LINK }],
    ['GET', `/v1/frontend/auth/guarded/${NO_SUCH_LINK}`, undefined],
    ['DELETE', '/v1/frontend/auth/guarded/revoke-all', undefined],
    ['GET', '/v1/frontend/auth/service/guarded/mode/live', undefined],
    ['DELETE', '/v1/frontend/auth/service/guarded/mode/live', { token_link: NO_SUCH_LINK }],
    ['GET', `/v1/frontend/auth/service/guarded/mode/live/${NO_SUCH_LINK}`, undefined],
    ['DELETE', '/v1/frontend/auth/service/guarded/mode/live/revoke-all', undefined],
  ];

  it.each(routes)(
    'answers %s %s with 401 without an App-Token, and 403 without its scope',
    async (method, path, body) => {
      const plain = await newAppToken(server, admin);
      const none = await server.call(method, path, body);
      expect(none.status).toBe(401);
      expect(none.headers.get('www-authenticate')).toBe('App-Token');
      expect(none.body).toEqual({ message: 'Send an App-Token that has the frontend scope.' });
      const unknown = await server.call(method, path, body, { 'app-token': '0'.repeat(32) });
      expect([unknown.status, unknown.body]).toEqual([401, none.body]);
      const unscoped = await server.call(method, path, body, { 'app-token': plain, token: admin.token });
      expect(unscoped.status).toBe(403);
      expect(unscoped.body).toEqual({ message: 'The App-Token does not have the frontend scope.' });
      expect(await database.query(`SELECT 1 FROM tokens WHERE gateway_account_id = 'guarded'`)).toEqual([]);
    },
  );

  it('opens with FRONTEND_AUTH=none to anyone, and the start warns of it', async () => {
    const open = await startServer(database.connection, { frontendAuth: 'none' });
    try {
      const warnings = open.logs.filter((line) => line.includes('FRONTEND_AUTH'));
      expect(warnings).toHaveLength(1);
      expect(JSON.parse(warnings[0] ?? '')).toMatchObject({
        level: 'warn',
        msg: expect.stringContaining('create, list and revoke the API tokens of every gateway account'),
      });
      const account = newAccount();
      const made = await open.call('POST', '/v1/frontend/auth', { account_id: account, description: 'x' });
      expect(made.status).toBe(200);
      const listed = await open.call('GET', `/v1/frontend/auth/${account}`);
      expect(listed.status).toBe(200);
      const [token_link] = linksOf(listed);
      expect((await open.call('PUT', '/v1/frontend/auth', { token_link, description: 'y' })).status).toBe(200);
      expect((await open.call('GET', `/v1/frontend/auth/${account}/${token_link}`)).body.description).toBe('y');
      expect((await open.call('DELETE', `/v1/frontend/auth/${account}`, { token_link })).status).toBe(200);
      expect((await open.call('DELETE', `/v1/frontend/auth/${account}/revoke-all`)).status).toBe(200);
      // It opens these routes and no other.
      expect((await open.call('GET', '/v1/api/auth')).status).toBe(401);
      expect((await open.call('GET', '/api/v1/app_tokens/')).status).toBe(401);
    } finally {
      await open.close();
    }
  });

  it('is not warned of otherwise', () => {
    expect(server.logs.filter((line) => line.includes('FRONTEND_AUTH'))).toEqual([]);
  });
});

describe('Errors of /v1', () => {
  it.each<[name: string, status: number, send: () => ReturnType<typeof server.call>]>([
    ['malformed JSON', 400, () => create('{"account_id":')],
    ['a body that is no object', 400, () => create('[]')],
    ['an unknown address', 404, () => server.call('GET', '/v1/nothing', undefined, frontend)],
    ['a wrong method', 405, () => server.call('PATCH', '/v1/frontend/auth', {}, frontend)],
    ['a body over the limit', 413, () => create({ account_id: 'x'.repeat(1_048_576), description: '' })],
    [
      'an unknown media type',
      415,
      () => server.call('POST', '/v1/frontend/auth', '<a/>', { ...frontend, 'content-type': 'text/xml' }),
    ],
    [
      'a form',
      415,
      () =>
        server.call('POST', '/v1/frontend/auth', 'account_id=a&description=b', {
          ...frontend,
          'content-type': 'application/x-www-form-urlencoded',
        }),
    ],
  ])('say one message for %s (%d)', async (_, status, send) => {
    const answer = await send();
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ message: expect.any(String) });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('name the methods of an address in Allow', async () => {
    const allowed = async (method: string, path: string) =>
      (await server.call(method, path, undefined, frontend)).headers.get('allow');
    expect(await allowed('GET', '/v1/frontend/auth')).toBe('POST, PUT');
    expect(await allowed('POST', '/v1/frontend/auth/15')).toBe('DELETE, GET, HEAD');
    expect(await allowed('POST', '/v1/api/auth')).toBe('GET, HEAD');
  });
});

describe('The log', () => {
  it('holds no token, after all of this', () => {
    expect(secrets.length).toBeGreaterThan(50);
    const log = server.logs.join('\n');
    expect(secrets.filter((secret) => log.includes(secret))).toEqual([]);
    expect(log).not.toContain(admin.appToken);
  });
});

describe('OpenAPI', () => {
  it('describes every answer that these tests saw', () => {
    expect(server.answers.undescribed()).toEqual([]);
    expect(server.answers.seen().length).toBeGreaterThanOrEqual(35);
  });
});
