import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { TokenLastUsed } from '../../src/tokens/token-last-used.service.js';
import {
  admin,
  database,
  DAY,
  everyAnswerIsDescribed,
  get,
  type Headers,
  INVALID_USER,
  isGood,
  isGoodApp,
  lifetimeOf,
  LISTS,
  NOT_FOUND,
  outcome,
  patch,
  post,
  remove,
  server,
  withAdmin,
} from '../support/app-token-contract.js';
import { call, signUp, type Answer } from '../support/server.js';
import {
  callExactly,
  logIn,
  makeAdmin,
  newAppToken,
  oboToken,
  rowOf,
  signedInUser,
  tokenHeaders,
} from '../support/tokens.js';

withAdmin();

/** Whom tokens are made on behalf of. */
let somebody: string;

beforeAll(async () => {
  somebody = (await signUp(server)).id;
});

const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

/** Seconds from now to the end of a token, as stored. */
async function secondsLeft(secret: string): Promise<number> {
  const { id } = await rowOf(database, secret);
  const [row] = await database.query<{ seconds: number }>(
    'SELECT extract(epoch FROM expires_at - now())::float8 AS seconds FROM tokens WHERE id = $1',
    [id],
  );
  return row?.seconds ?? NaN;
}

describe.each(LISTS)('seconds_until_expire at %s', (path) => {
  const field = path === '/api/v1/tokens' ? 'token' : 'app_token';
  /** What a new token needs besides. */
  const needed = () => (field === 'token' ? { user: somebody } : {});
  const create = (seconds: unknown) => post(path, { ...needed(), seconds_until_expire: seconds }, admin.headers);
  const works = (secret: string) => (field === 'token' ? isGood(secret) : isGoodApp(secret));

  it.each([86_400, 1_000_000_000_000, 8_636_000_000_000])('%d seconds from now when it is made', async (seconds) => {
    const answer = await create(seconds);
    expect(answer.status).toBe(201);
    const secret = answer.body[field] as string;
    expect(await lifetimeOf(secret)).toBe(seconds);
    expect(await works(secret)).toBe(true);
    const { body } = await get(`${path}/${secret}`, admin.headers);
    expect(Math.abs(new Date(body.expires_at as string).getTime() - Date.now() - seconds * 1_000)).toBeLessThan(60_000);
  });

  it.each([0, -1, -86_400, Number.MIN_SAFE_INTEGER])('%d: expires at once', async (seconds) => {
    const answer = await create(seconds);
    expect(answer.status).toBe(201);
    const secret = answer.body[field] as string;
    expect(await lifetimeOf(secret)).toBe(0);
    expect(await works(secret)).toBe(false);
    const living = (await create(DAY)).body[field] as string;
    expect(await works(living)).toBe(true);
    const changed = await patch(`${path}/${living}`, seconds, admin.headers);
    expect(changed.status).toBe(200);
    expect(await works(living)).toBe(false);
    expect((await rowOf(database, living)).expires_at?.toISOString()).toBe(changed.body.expires_at);
  });

  const LATE = 'must be at most 8636000000000';
  const WHOLE = 'must be a whole number';
  it.each<[name: string, seconds: unknown, message: string]>([
    ['a second too many', 8_636_000_000_001, LATE],
    ['the largest whole number', Number.MAX_SAFE_INTEGER, LATE],
    ['a number that JSON does not carry exactly', 2 ** 53, WHOLE],
    ['a huge number', 1e300, WHOLE],
    ['a hugely negative one', -1e300, WHOLE],
    ['a fraction', 1.5, WHOLE],
    ['a text', '86400', WHOLE],
    ['null', null, WHOLE],
    ['a boolean', true, WHOLE],
    ['a list', [86_400], WHOLE],
    ['an object', {}, WHOLE],
  ])('is refused when it is %s', async (_, seconds, message) => {
    const errors = { seconds_until_expire: message };
    expect(outcome(await create(seconds))).toEqual([400, { errors }]);
    const secret = (await create(DAY)).body[field] as string;
    const changed = outcome(await patch(`${path}/${secret}`, seconds, admin.headers));
    // Of a token there is nothing else to change.
    const isMissing = seconds === null && field === 'token';
    expect(changed).toEqual([400, { errors: isMissing ? { seconds_until_expire: 'is required' } : errors }]);
    expect(await lifetimeOf(secret)).toBe(DAY);
  });

  it('is refused when no number can hold it', async () => {
    const user = path.endsWith('/tokens') ? `"user":"${admin.id}",` : '';
    const body = `{${user}"seconds_until_expire":1e999}`;
    expect(outcome(await post(path, body, admin.headers))).toEqual([400, { errors: { seconds_until_expire: WHOLE } }]);
  });

  it('must be there in a PATCH', async () => {
    const secret = (await create(DAY)).body[field] as string;
    for (const body of [{}, undefined, '']) {
      const answer = await server.call('PATCH', `${path}/${secret}`, body, admin.headers);
      // An App-Token has a name that can be changed, too.
      const nothing = { request: 'The body has no fields: there is nothing to change.' };
      const errors = field === 'token' ? { seconds_until_expire: 'is required' } : nothing;
      expect(outcome(answer)).toEqual([400, { errors }]);
    }
    expect(await lifetimeOf(secret)).toBe(DAY);
  });

  it.each(['token', 'app_token', 'id'])('You cannot specify your own token string: %s', async (name) => {
    for (const value of ['5aa59576866e4167b26c8430fd4e4d29', null, '', 5]) {
      const answer = await post(path, { ...needed(), [name]: value }, admin.headers);
      expect(outcome(answer)).toEqual([400, { errors: { [name]: 'You cannot specify your own token string.' } }]);
    }
  });

  it.each(['token', 'app_token'])('nor change it: %s', async (name) => {
    const secret = (await create(DAY)).body[field] as string;
    const body = { seconds_until_expire: 60, [name]: '5aa59576866e4167b26c8430fd4e4d29' };
    const answer = await server.call('PATCH', `${path}/${secret}`, body, admin.headers);
    expect(outcome(answer)).toEqual([400, { errors: { [name]: 'You cannot specify your own token string.' } }]);
    expect(await lifetimeOf(secret)).toBe(DAY);
  });
});

describe.each(LISTS)('PUT is not allowed at %s', (path) => {
  it('neither for the list nor for one, with Allow', async () => {
    const { id } = await rowOf(database, path === '/api/v1/tokens' ? admin.token : admin.appToken);
    for (const [address, allow] of [
      [path, 'GET, HEAD, POST'],
      [`${path}/`, 'GET, HEAD, POST'],
      [`${path}/${id}`, 'DELETE, GET, HEAD, PATCH'],
      [`${path}/${randomUUID()}/`, 'DELETE, GET, HEAD, PATCH'],
    ] as const) {
      const answer = await server.call('PUT', address, { seconds_until_expire: 0 }, admin.headers);
      expect(outcome(answer)).toEqual([405, { errors: { request: `This URL only accepts ${allow}.` } }]);
      expect(answer.headers.get('allow')).toBe(allow);
    }
    expect(await isGood(admin.token)).toBe(true);
  });
});

describe("Changing a Token's Expiration", () => {
  it('answers 200 with the record, by the token and by its id, with and without a slash', async () => {
    const secret = await newAppToken(server, admin);
    const { id } = await rowOf(database, secret);
    let seconds = 1_000;
    for (const name of [secret, `${secret}/`, id, `${id}/`, id.toUpperCase()]) {
      seconds += 1_000;
      const answer = await patch(`/api/v1/app_tokens/${name}`, seconds, admin.headers);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ id, expires_at: TIME });
      expect(Math.abs((await secondsLeft(secret)) - seconds)).toBeLessThan(30);
    }
  });

  it('keeps an expired record, which is refused, and which another credential can bring back', async () => {
    const user = await signedInUser(server);
    const second = { ...user.headers, token: await logIn(server, user.appToken, user) };
    expect((await patch(`/api/v1/tokens/${user.token}`, -1, second)).status).toBe(200);
    expect(await isGood(user.token)).toBe(false);
    const kept = await get(`/api/v1/tokens/${user.token}`, second);
    expect(kept.status).toBe(200);
    expect(new Date(kept.body.expires_at as string).getTime()).toBeLessThan(Date.now() + 1_000);
    expect((await patch(`/api/v1/tokens/${user.token}`, 600, second)).status).toBe(200);
    expect(await isGood(user.token)).toBe(true);
    expect(await secondsLeft(user.token)).toBeGreaterThan(500);
  });

  it('keeps an expired App-Token, which another App-Token can bring back', async () => {
    const user = await signedInUser(server);
    const expired = await newAppToken(server, user, { seconds_until_expire: 0 });
    expect(await isGoodApp(expired)).toBe(false);
    expect((await patch(`/api/v1/app_tokens/${expired}`, 600, user.headers)).status).toBe(200);
    expect(await isGoodApp(expired)).toBe(true);
  });

  it.each([
    ['tokens', 'Token'],
    ['app_tokens', 'App-Token'],
  ])('at %s: the %s presented cannot lengthen its own life, but can shorten it', async (kind) => {
    const user = await signedInUser(server);
    const headers = tokenHeaders(await newAppToken(server, user), await logIn(server, user.appToken, user));
    const own = kind === 'tokens' ? headers.token : headers['app-token'];
    const { id } = await rowOf(database, own);
    const path = `/api/v1/${kind}`;
    expect((await patch(`${path}/${own}`, 500, headers)).status).toBe(200);
    for (const name of [own, id, id.toUpperCase()]) {
      for (const seconds of [600, DAY, 8_636_000_000_000]) {
        const answer = await patch(`${path}/${name}`, seconds, headers);
        expect(outcome(answer)).toEqual([
          403,
          { errors: { seconds_until_expire: 'A token cannot extend its own expiration.' } },
        ]);
      }
    }
    expect(await secondsLeft(own)).toBeLessThanOrEqual(500);
    expect((await patch(`${path}/${own}`, 400, headers)).status).toBe(200);
    // Another credential of the account can.
    expect((await patch(`${path}/${own}`, 700, user.headers)).status).toBe(200);
    expect(await secondsLeft(own)).toBeGreaterThan(600);
    // An admin can.
    expect((await patch(`${path}/${own}`, 9_000, admin.headers)).status).toBe(200);
    expect(await secondsLeft(own)).toBeGreaterThan(8_000);
    expect((await patch(`${path}/${own}`, 0, headers)).status).toBe(200);
    expect((await get(`${path}/${own}`, headers)).status).toBe(401);
  });

  it("an admin's own tokens cannot either", async () => {
    const headers = tokenHeaders(admin.appToken, await logIn(server, admin.appToken, admin));
    expect((await patch(`/api/v1/tokens/${headers.token}`, 2 * DAY, headers)).status).toBe(403);
    expect((await patch(`/api/v1/tokens/${headers.token}`, 2 * DAY, admin.headers)).status).toBe(200);
  });
});

describe('Deleting a Token', () => {
  it.each(LISTS)('at %s answers 204 once, by the token and by its id, and all record is gone', async (path) => {
    const make = () => (path === '/api/v1/tokens' ? oboToken(server, admin, somebody) : newAppToken(server, admin));
    const works = path === '/api/v1/tokens' ? isGood : isGoodApp;
    for (const by of ['secret', 'id']) {
      const secret = await make();
      const { id } = await rowOf(database, secret);
      const name = by === 'id' ? id : secret;
      expect(await works(secret)).toBe(true);
      const answer = await remove(`${path}/${name}`, admin.headers);
      expect(outcome(answer)).toEqual([204, '']);
      expect(await works(secret)).toBe(false);
      expect(await database.query('SELECT 1 FROM tokens WHERE id = $1', [id])).toEqual([]);
      for (const again of [
        await remove(`${path}/${name}`, admin.headers),
        await get(`${path}/${name}`, admin.headers),
        await patch(`${path}/${name}`, DAY, admin.headers),
      ]) {
        expect(outcome(again)).toEqual(NOT_FOUND);
      }
    }
  });

  it('may be of the token that asks', async () => {
    const headers = tokenHeaders(admin.appToken, await logIn(server, admin.appToken, admin));
    expect((await remove(`/api/v1/tokens/${headers.token}`, headers)).status).toBe(204);
    expect((await get('/api/v1/tokens/', headers)).status).toBe(401);
  });

  it('answers fifty at once with one 204 and 49 times 404', async () => {
    const secret = await newAppToken(server, admin);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => remove(`/api/v1/app_tokens/${secret}`, admin.headers)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array<number>(49).fill(404)]);
  });
});

describe('Records', () => {
  it('of App-Tokens show these fields, in lists too, and never a secret', async () => {
    const user = await signedInUser(server);
    const secret = await newAppToken(server, admin, { name: 'The till', scopes: ['frontend'] });
    const { id } = await rowOf(database, secret);
    const one = await get(`/api/v1/app_tokens/${secret}`, admin.headers);
    const record = {
      id,
      hint: secret.slice(-4),
      created_at: TIME,
      expires_at: TIME,
      last_used_at: null,
      owner: admin.id,
      scopes: ['frontend'],
      actor: null,
      name: 'The till',
      app_token: { id: (await rowOf(database, admin.appToken)).id, name: null },
    };
    expect(outcome(one)).toEqual([200, record]);
    const list = await get('/api/v1/app_tokens/', admin.headers);
    expect(list.status).toBe(200);
    expect((list.body.app_tokens as unknown[])[0]).toEqual(record);
    for (const answer of [one, list]) {
      expect(JSON.stringify(answer.body)).not.toMatch(/[0-9a-f]{32}/);
      expect(JSON.stringify(answer.body)).not.toContain('digest');
    }
    // It was used to log in.
    await server.app.get(TokenLastUsed).flush();
    const used = {
      last_used_at: TIME,
      hint: user.appToken.slice(-4),
      owner: user.id,
      scopes: [],
      name: null,
      app_token: null,
    };
    expect((await get('/api/v1/app_tokens/', user.headers)).body).toEqual({
      app_tokens: [{ ...record, ...used, id: UUID }],
    });
  });

  it('of user tokens show the actor', async () => {
    const user = await signedInUser(server);
    const obo = await oboToken(server, admin, user.id);
    const { status, body } = await get('/api/v1/tokens/', user.headers);
    expect(status).toBe(200);
    const through = { id: (await rowOf(database, user.appToken)).id, name: null };
    const throughAdmin = { id: (await rowOf(database, admin.appToken)).id, name: null };
    const record = (secret: string, actor: string | null, app_token: object) => ({
      id: UUID,
      hint: secret.slice(-4),
      created_at: TIME,
      expires_at: TIME,
      last_used_at: null,
      owner: user.id,
      scopes: [],
      actor,
      app_token,
    });
    expect(body).toEqual({ tokens: [record(obo, admin.id, throughAdmin), record(user.token, null, through)] });
    expect(JSON.stringify(body)).not.toMatch(/[0-9a-f]{32}/);
  });

  it('tell when a token was last used', async () => {
    const user = await signedInUser(server);
    expect(await isGood(user.token)).toBe(true);
    await server.app.get(TokenLastUsed).flush();
    const { body } = await get(`/api/v1/tokens/${user.token}`, user.headers);
    expect(body.last_used_at).toEqual(TIME);
    expect(Math.abs(new Date(body.last_used_at as string).getTime() - Date.now())).toBeLessThan(60_000);
  });

  it.each(LISTS)('at %s: of others are as if they were not there, for a user', async (path) => {
    const user = await signedInUser(server);
    const stranger = await signedInUser(server);
    const secret = path === '/api/v1/tokens' ? stranger.token : stranger.appToken;
    const { id, expires_at } = await rowOf(database, secret);
    for (const name of [
      secret,
      id,
      '0'.repeat(32),
      randomUUID(),
      'nonsense',
      "'%20OR%20true",
      '🏦',
      'f'.repeat(2_000),
    ]) {
      for (const answer of [
        await get(`${path}/${name}`, user.headers),
        await patch(`${path}/${name}`, 0, user.headers),
        await patch(`${path}/${name}`, 9 * DAY, user.headers),
        await remove(`${path}/${name}`, user.headers),
      ]) {
        expect([name, ...outcome(answer)]).toEqual([name, ...NOT_FOUND]);
      }
    }
    const after = await rowOf(database, secret);
    expect(after.expires_at).toEqual(expires_at);
    const owners = (await get(path, user.headers)).body as Record<string, { owner: string }[]>;
    expect(
      Object.values(owners)
        .flat()
        .map(({ owner }) => owner),
    ).toEqual([user.id]);
  });

  it.each(LISTS)('at %s: an admin sees, changes and deletes all', async (path) => {
    const user = await signedInUser(server);
    const secret = path === '/api/v1/tokens' ? user.token : user.appToken;
    const { id } = await rowOf(database, secret);
    expect((await get(`${path}/${id}`, admin.headers)).body).toMatchObject({ id, owner: user.id });
    const listed = Object.values((await get(path, admin.headers)).body as Record<string, { id: string }[]>).flat();
    expect(listed.map((record) => record.id)).toContain(id);
    expect((await patch(`${path}/${id}`, 60, admin.headers)).status).toBe(200);
    expect((await remove(`${path}/${id}`, admin.headers)).status).toBe(204);
  });

  it('are found at the address of their own kind only', async () => {
    const app = await rowOf(database, admin.appToken);
    const user = await rowOf(database, admin.token);
    for (const name of [admin.appToken, app.id]) {
      expect(outcome(await get(`/api/v1/tokens/${name}`, admin.headers))).toEqual(NOT_FOUND);
      expect(outcome(await remove(`/api/v1/tokens/${name}`, admin.headers))).toEqual(NOT_FOUND);
    }
    for (const name of [admin.token, user.id]) {
      expect(outcome(await get(`/api/v1/app_tokens/${name}`, admin.headers))).toEqual(NOT_FOUND);
      expect(outcome(await remove(`/api/v1/app_tokens/${name}`, admin.headers))).toEqual(NOT_FOUND);
    }
  });
});

describe('Lists', () => {
  /** Gives a user `count` more tokens, several in each microsecond. */
  const fill = (kind: string, accountId: string, count: number, perMicrosecond: number) =>
    database.query(
      `INSERT INTO tokens (kind, digest, hint, account_id, created_at, expires_at)
       SELECT $1, sha256(convert_to($2::text || $1 || n, 'UTF8')), 'abcd', $2::uuid,
         '2026-01-02T03:04:05.678901Z'::timestamptz + (n / $4::int) * interval '1 microsecond', now() + interval '1 day'
       FROM generate_series(1, $3::int) n`,
      [kind, accountId, count, perMicrosecond],
    );

  /** Follows Link to the end. */
  async function pages(path: string, headers: Headers, between?: (page: string[]) => Promise<unknown>) {
    const found: string[][] = [];
    let url: string | undefined = `${server.url}${path}`;
    while (url !== undefined && found.length < 50) {
      const answer = await call(url, 'GET', undefined, headers);
      expect(answer.status).toBe(200);
      const page = Object.values(answer.body as Record<string, { id: string }[]>).flat();
      found.push(page.map(({ id }) => id));
      await between?.(found.at(-1) ?? []);
      const link = answer.headers.get('link');
      const [, target] = /^<([^>]+)>; rel="next"$/.exec(link ?? '') ?? [];
      expect(target === undefined).toBe(link === null);
      url = target === undefined ? undefined : new URL(target, url).href;
    }
    return found;
  }

  const expected = async (kind: string, accountId: string) =>
    (
      await database.query<{ id: string }>(
        'SELECT id FROM tokens WHERE kind = $1 AND account_id = $2 ORDER BY created_at DESC, id DESC',
        [kind, accountId],
      )
    ).map(({ id }) => id);

  it.each([
    ['app', '/api/v1/app_tokens/', 1_000],
    ['user', '/api/v1/tokens', 1_000],
    ['app', '/api/v1/app_tokens', 7],
    ['user', '/api/v1/tokens/', 1],
  ])(
    'of %s tokens at %s have pages of 100 without gaps or repeats, %d tokens to a microsecond',
    async (kind, path, per) => {
      const user = await signedInUser(server);
      await fill(kind, user.id, 330, per);
      const found = await pages(path, user.headers);
      expect(found.map(({ length }) => length)).toEqual([100, 100, 100, 31]);
      expect(found.flat()).toEqual(await expected(kind, user.id));
    },
  );

  it.each([
    [99, [100]],
    [100, [100, 1]],
  ])('of one and %d more tokens have the pages %j', async (more, lengths) => {
    const user = await signedInUser(server);
    await fill('app', user.id, more, 1);
    expect((await pages('/api/v1/app_tokens', user.headers)).map(({ length }) => length)).toEqual(lengths);
  });

  it('of an admin can be followed to the end too', async () => {
    const found = (await pages('/api/v1/app_tokens/', admin.headers)).flat();
    const all = await database.query<{ id: string }>(
      `SELECT id FROM tokens WHERE kind = 'app' AND revoked_at IS NULL ORDER BY created_at DESC, id DESC`,
    );
    expect(found).toEqual(all.map(({ id }) => id));
    expect(found.length).toBeGreaterThan(300);
  });

  it('go on behind a token that was deleted, and do not show what has been made since', async () => {
    const user = await signedInUser(server);
    await fill('app', user.id, 250, 1_000);
    const before = await expected('app', user.id);
    const found = await pages('/api/v1/app_tokens', user.headers, async (page) => {
      await database.query('DELETE FROM tokens WHERE id = $1', [page.at(-1)]);
      await newAppToken(server, user);
    });
    expect(found.flat()).toEqual(before);
  });

  it('put the newest first, and leave out what was revoked', async () => {
    const user = await signedInUser(server);
    const secrets = [user.appToken];
    for (let count = 0; count < 3; count += 1) secrets.unshift(await newAppToken(server, user));
    const { body } = await get('/api/v1/app_tokens', user.headers);
    const hints = (body.app_tokens as { hint: string }[]).map(({ hint }) => hint);
    expect(hints).toEqual(secrets.map((secret) => secret.slice(-4)));
    await database.query('UPDATE tokens SET revoked_at = now() WHERE id = $1', [
      (await rowOf(database, secrets[0] ?? '')).id,
    ]);
    expect((await get('/api/v1/app_tokens', user.headers)).body.app_tokens).toHaveLength(3);
    expect((await get(`/api/v1/app_tokens/${secrets[0] ?? ''}`, user.headers)).status).toBe(404);
  });

  it.each([
    '',
    'nonsense',
    '1',
    '1.2',
    `-1.${randomUUID()}`,
    `1e3.${randomUUID()}`,
    `8000000000000000.${randomUUID()}`,
    `99999999999999999999.${randomUUID()}`,
    `1.${randomUUID()}.`,
    `1.${randomUUID()}%0A`,
    `1.${randomUUID().toUpperCase()}X`,
    `1.${randomUUID()}&cursor=1.${randomUUID()}`,
    "1'%20OR%20true",
    '%F0%9F%8F%A6',
  ])('refuse the cursor "%s" with 400', async (cursor) => {
    for (const path of LISTS) {
      const answer = await get(`${path}?cursor=${cursor}`, admin.headers);
      const problem = cursor.includes('&') ? 'must be given once' : 'is not a valid cursor';
      expect(outcome(answer)).toEqual([400, { errors: { cursor: problem } }]);
    }
  });

  it('take any cursor of the right form, and never show more than without it', async () => {
    const user = await signedInUser(server);
    const answer = await get(
      `/api/v1/tokens?cursor=7999999999999999.${'f'.repeat(8)}-ffff-ffff-ffff-${'f'.repeat(12)}`,
      user.headers,
    );
    expect(answer.body.tokens).toMatchObject([{ owner: user.id }]);
    expect(outcome(await get(`/api/v1/tokens?cursor=0.${randomUUID()}`, user.headers))).toEqual([200, { tokens: [] }]);
  });
});

describe('Errors of /api/v1', () => {
  it.each<[name: string, status: number, send: () => Promise<Pick<Answer, 'status' | 'body'>>]>([
    ['malformed JSON', 400, () => post('/api/v1/app_tokens/', '{"seconds_until_expire":', admin.headers)],
    ['a body that is no object', 400, () => post('/api/v1/tokens/', '[1]', admin.headers)],
    ['a poisoned prototype', 400, () => post('/api/v1/tokens/', '{"__proto__":{"user":"x"}}', admin.headers)],
    ['a NUL in the body', 400, () => post('/api/v1/tokens/', { user: 'a\0' }, admin.headers)],
    ['a NUL in the URL', 400, () => get('/api/v1/tokens/a%00', admin.headers)],
    [
      'a URL that is badly encoded',
      400,
      () => callExactly(server, 'GET', '/api/v1/tokens/%ff', undefined, admin.headers),
    ],
    ['a name that is too long', 400, () => get(`/api/v1/tokens/${'f'.repeat(5_000)}`, admin.headers)],
    ['an unknown address', 404, () => get('/api/v1/nothing', admin.headers)],
    ['an address below one', 404, () => get(`/api/v1/tokens/${admin.token}/x`, admin.headers)],
    ['a wrong method', 405, () => server.call('DELETE', '/api/v1/token/', undefined, admin.headers)],
    ['a body over the limit', 413, () => post('/api/v1/tokens/', { user: 'x'.repeat(1_048_576) }, admin.headers)],
    [
      'an unknown media type',
      415,
      () => server.call('POST', '/api/v1/tokens/', '<a/>', { ...admin.headers, 'content-type': 'text/xml' }),
    ],
    [
      'a form where none is taken',
      415,
      () =>
        server.call('POST', '/api/v1/app_tokens/', 'seconds_until_expire=5', {
          ...admin.headers,
          'content-type': 'application/x-www-form-urlencoded',
        }),
    ],
  ])('say one message for %s (%d)', async (_, status, send) => {
    expect(outcome(await send())).toEqual([status, { errors: { request: expect.stringMatching(/^[A-Z].*\.$/) } }]);
  });

  it('name all bad fields at once, each with one message', async () => {
    const body = { user: 5, seconds_until_expire: 'x', token: 'x', id: 'y' };
    expect(outcome(await post('/api/v1/tokens/', body, admin.headers))).toEqual([
      400,
      {
        errors: {
          user: 'One or more IDs are not formatted correctly.',
          seconds_until_expire: 'must be a whole number',
          token: 'You cannot specify your own token string.',
          id: 'You cannot specify your own token string.',
        },
      },
    ]);
  });

  it('are described in OpenAPI as they are answered: one text for each field', async () => {
    const { body } = await server.call('GET', '/docs-json');
    const described = body.paths['/api/v1/tokens'].post.responses['400'].content['application/json'];
    expect(described.examples.invalid_params.value).toEqual(INVALID_USER[1]);
    expect(described.schema).toEqual({ $ref: '#/components/schemas/AppTokenError' });
    const { AppTokenError, AccountErrorWithErrors } = body.components.schemas;
    expect(AppTokenError.properties.errors.additionalProperties).toEqual({ type: 'string' });
    const list = { type: 'array', items: { type: 'string' } };
    expect(AccountErrorWithErrors.properties.errors.additionalProperties).toEqual(list);
  });
});

describe('The log', () => {
  it('holds no token, not even of those that were in a URL', async () => {
    const extra = await makeAdmin(server);
    const seen = [admin.token, admin.appToken, extra.appToken];
    await get(`/api/v1/tokens/${admin.token}`, admin.headers);
    await get(`/api/v1/nothing/${admin.token}`, admin.headers);
    await callExactly(server, 'GET', `/api/v1/tokens/${admin.token}%ff`, undefined, admin.headers);
    await server.call('PUT', `/api/v1/app_tokens/${extra.appToken}`, {}, admin.headers);
    await remove(`/api/v1/app_tokens/${extra.appToken}`, admin.headers);
    const log = server.logs.join('\n');
    expect(log).toContain('/api/v1/tokens/:name');
    expect(seen.filter((secret) => log.includes(secret))).toEqual([]);
  });
});

everyAnswerIsDescribed(33);
