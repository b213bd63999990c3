import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionLastUsed } from '../src/sessions/session-last-used.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newAccessToken, newClient } from './support/oauth.js';
import { eventually } from './support/process.js';
import { bearer, claimsOf, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { newApiToken, oboToken, signedInAdmin, signedInUser } from './support/tokens.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ABSENT = '01234567-89ab-4def-8123-456789abcdef';
const DAY = 86_400;
/**
 * In milliseconds: how long it may take here until a revocation is heard on the other server. The promise is 100 ms, and
 * two seconds at worst; but a busy machine may keep everybody waiting, and what is never heard of fails all the same.
 */
const AT_WORST = 20_000;
const ROUNDS = 12;

let database: TestDatabase;
/** Behind one proxy, which says who asks. */
let here: TestServer;
/** Another server on the same database, which believes nobody. */
let there: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  here = await startServer(database.connection, { trustProxy: 1, loginMaxFailures: 1_000 });
  there = await startServer(database.connection);
});

afterAll(async () => {
  await there.close();
  await here.close();
  await database.drop();
});

interface Listed {
  id: string;
  created_at: string;
  last_used_at: string | null;
  expires_at: string;
  address: string | null;
  user_agent: string | null;
  current: boolean;
}

interface Opened {
  sid: string;
  token: string;
  refreshToken: string;
}

type Headers = Record<string, string>;

const ask = (token: string, query = '', at = here) =>
  at.call('GET', `/account/sessions${query}`, undefined, bearer(token));

const end = (token: string, sid: string, at = here) =>
  at.call('DELETE', `/account/sessions/${sid}`, undefined, bearer(token));

const refresh = (refresh_token: string, headers: Headers = {}, at = here) =>
  at.call('PUT', '/account/session', { account: { refresh_token, remember_me: true } }, headers);

/** @returns the first page of the sessions of whoever asks */
async function list(token: string): Promise<Listed[]> {
  const { status, body } = await ask(token);
  expect(status).toBe(200);
  expect(Object.keys(body as object)).toEqual(['data']);
  return body.data as Listed[];
}

async function listed(token: string, sid = claimsOf(token).sid): Promise<Listed | undefined> {
  return (await list(token)).find(({ id }) => id === sid);
}

function openedIn({ status, body }: Answer): Opened {
  expect(status).toBe(200);
  const { token, refresh_token } = body as { token: string; refresh_token: string };
  return { sid: claimsOf(token).sid, token, refreshToken: refresh_token };
}

/** Signs in, from wherever the headers say. */
async function open(
  { email, password }: { email: string; password: string },
  { remember = false, headers = {}, at = here } = {},
): Promise<Opened> {
  const account = { email, password, remember_me: remember };
  return openedIn(await at.call('POST', '/account/session', { account }, headers));
}

const reads = async (token: string, at = here) => (await ask(token, '', at)).status;

function expectError({ status, body }: Answer, expected: number, id: string): void {
  expect({ status, body }).toEqual({ status: expected, body: { id, message: expect.any(String) } });
}

describe('The list of my sessions', () => {
  it('tells of each when and whence it came, newest first, and which one asks', async () => {
    const account = await signUp(here);
    const phone = await open(account, { headers: { 'x-forwarded-for': '203.0.113.7', 'user-agent': 'A phone' } });
    const laptop = await open(account, { remember: true });
    const first = claimsOf(account.token).sid;
    const sessions = await list(phone.token);
    expect(sessions).toEqual([
      expect.objectContaining({ id: laptop.sid, current: false, address: '127.0.0.1', user_agent: null }),
      expect.objectContaining({ id: phone.sid, current: true, address: '203.0.113.7', user_agent: 'A phone' }),
      expect.objectContaining({ id: first, current: false, address: '127.0.0.1', user_agent: null }),
    ]);
    const lifetimes: number[] = [];
    for (const session of sessions) {
      expect(Object.keys(session).sort()).toEqual(
        ['id', 'created_at', 'last_used_at', 'expires_at', 'address', 'user_agent', 'current'].sort(),
      );
      expect(session.id).toMatch(UUID);
      expect(session.last_used_at).toBeNull();
      expect(Math.abs(Date.parse(session.created_at) - Date.now())).toBeLessThan(60_000);
      lifetimes.push((Date.parse(session.expires_at) - Date.parse(session.created_at)) / 1_000);
    }
    expect(lifetimes).toEqual([30 * DAY, DAY, DAY]);
    expect((await list(laptop.token)).map(({ current }) => current)).toEqual([true, false, false]);
  });

  it('names the address that the proxy saw, and ours where no proxy is believed', async () => {
    const account = await signUp(here);
    const headers = { 'x-forwarded-for': '192.0.2.66, 2001:db8::7' };
    const [believed, not] = [await open(account, { headers }), await open(account, { headers, at: there })];
    expect((await listed(account.token, believed.sid))?.address).toBe('2001:db8::7');
    expect((await listed(account.token, not.sid))?.address).toBe('127.0.0.1');
  });

  it('has each address in one form, as the audit log has, and what is no address not at all', async () => {
    const account = await signUp(here);
    const from: [sent: string, stored: string | null][] = [
      ['::ffff:192.0.2.7', '192.0.2.7'],
      ['192.0.2.7:50123', '192.0.2.7'],
      ['[2001:DB8:0:0:0:0:0:7]:443', '2001:db8::7'],
      ['fe80::7%eth0', 'fe80::7'],
      ['x'.repeat(9_000), null],
    ];
    for (const [sent, stored] of from) {
      const { sid } = await open(account, { headers: { 'x-forwarded-for': sent } });
      const noted = await database.query(`SELECT address FROM audit_events WHERE details ->> 'session' = $1`, [sid]);
      expect([(await listed(account.token, sid))?.address, noted]).toEqual([
        stored,
        [{ address: stored ?? 'unknown' }],
      ]);
    }
  });

  it('cuts a long user agent, and takes an odd one as it is', async () => {
    const account = await signUp(here);
    const odd = '\u00e9\u0080\u00ff\t"<b>\\\u0000'.slice(0, -1);
    for (const [sent, kept] of [
      ['x'.repeat(512), 'x'.repeat(512)],
      [`${'x'.repeat(511)}\u00e9${'y'.repeat(2_000)}`, `${'x'.repeat(511)}\u00e9`],
      [`a${odd}b`, `a${odd}b`],
      ['', ''],
    ] as const) {
      const { sid } = await open(account, { headers: { 'user-agent': sent } });
      expect((await listed(account.token, sid))?.user_agent).toBe(kept);
    }
  });

  it('tells when a session was last used, a moment later', async () => {
    const account = await signUp(here);
    expect((await listed(account.token))?.last_used_at).toBeNull();
    await here.app.get(SessionLastUsed).flush();
    const used = Date.parse((await listed(account.token))?.last_used_at ?? '');
    expect(Math.abs(used - Date.now())).toBeLessThan(60_000);
    // What another server noted earlier, and writes later, does not set it back.
    expect(await reads(account.token, there)).toBe(200);
    await sleep(20);
    expect(await reads(account.token)).toBe(200);
    await here.app.get(SessionLastUsed).flush();
    const later = (await listed(account.token))?.last_used_at;
    await there.app.get(SessionLastUsed).flush();
    expect(Date.parse(later ?? '')).toBeGreaterThan(used);
    expect((await listed(account.token))?.last_used_at).toBe(later);
  });

  it('follows a session that is refreshed from elsewhere, and takes that for a use', async () => {
    const account = await signUp(here, { remember: true });
    const before = await listed(account.token);
    const headers = { 'x-forwarded-for': '198.51.100.9', 'user-agent': 'Another' };
    const moved = openedIn(await refresh(account.refreshToken, headers));
    expect(moved.sid).toBe(before?.id);
    const after = await listed(moved.token);
    expect(after).toMatchObject({ created_at: before?.created_at, address: '198.51.100.9', user_agent: 'Another' });
    expect(Math.abs(Date.parse(after?.last_used_at ?? '') - Date.now())).toBeLessThan(60_000);
    // The same refresh token again, which gives the same successor, is no new refresh.
    expect((await refresh(account.refreshToken, { 'user-agent': 'A third' })).status).toBe(200);
    expect(await listed(moved.token)).toMatchObject({ address: '198.51.100.9', user_agent: 'Another' });
    const bare = openedIn(await refresh(moved.refreshToken));
    expect(await listed(bare.token)).toMatchObject({ address: '127.0.0.1', user_agent: null });
  });

  it('shows none that has ended or expired, and none of anybody else', async () => {
    const [account, stranger] = [await signUp(here), await signUp(here)];
    const [ended, expired, other] = [await open(account), await open(account), await open(account)];
    expect((await end(account.token, ended.sid)).status).toBe(204);
    await database.query('UPDATE sessions SET expires_at = now() WHERE id = $1', [expired.sid]);
    expect((await list(account.token)).map(({ id }) => id)).toEqual([other.sid, claimsOf(account.token).sid]);
    expect((await list(stranger.token)).map(({ id }) => id)).toEqual([claimsOf(stranger.token).sid]);
  });

  it('comes in pages of a hundred, each named by the one before it', async () => {
    const account = await signUp(here);
    // Three at each microsecond, so that pages end between those of one moment too.
    await database.query(
      `INSERT INTO sessions (account_id, created_at, expires_at)
       SELECT $1, now() - interval '1 hour' + (n / 3) * interval '1 microsecond', now() + interval '1 day'
       FROM generate_series(1, 250) AS n`,
      [account.id],
    );
    const inOrder = await database.query<{ id: string }>(
      'SELECT id FROM sessions WHERE account_id = $1 ORDER BY created_at DESC, id DESC',
      [account.id],
    );
    const pages: Listed[][] = [];
    for (let query: string | undefined = ''; query !== undefined;) {
      const { status, headers, body } = await ask(account.token, query);
      expect(status).toBe(200);
      pages.push(body.data as Listed[]);
      query = /^<(\?cursor=[^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
    }
    expect(pages.map((page) => page.length)).toEqual([100, 100, 51]);
    expect(pages.flat().map(({ id }) => id)).toEqual(inOrder.map(({ id }) => id));
    expect(
      pages
        .flat()
        .filter(({ current }) => current)
        .map(({ id }) => id),
    ).toEqual([claimsOf(account.token).sid]);
  });

  it('has no next page when a hundred are all', async () => {
    const account = await signUp(here);
    await database.query(
      `INSERT INTO sessions (account_id, expires_at) SELECT $1, now() + interval '1 day' FROM generate_series(1, 99)`,
      [account.id],
    );
    const { headers, body } = await ask(account.token);
    expect(body.data).toHaveLength(100);
    expect(headers.get('link')).toBeNull();
  });

  it.each(['x', '', '1.x', `1.${ABSENT}'`, `-1.${ABSENT}`, `${'9'.repeat(16)}.${ABSENT}`])(
    'refuses an invalid cursor: %j',
    async (cursor) => {
      const { token } = await signUp(here);
      const { status, body } = await ask(token, `?cursor=${encodeURIComponent(cursor)}`);
      expect({ status, body }).toEqual({
        status: 422,
        body: { id: 'invalid_params', message: expect.any(String), errors: { cursor: ['is not a valid cursor'] } },
      });
    },
  );
});

describe('Ending one of my sessions', () => {
  it('ends its JWTs and its refresh token at once, on another server within two seconds, and no other session', async () => {
    const account = await signUp(here, { remember: true });
    const stolen = await open(account, { remember: true });
    const refreshed = openedIn(await refresh(stolen.refreshToken));
    const mine = [account.token, (await open(account)).token];
    const its = [stolen.token, refreshed.token];
    for (const at of [here, there]) for (const token of [...mine, ...its]) expect(await reads(token, at)).toBe(200);
    const answer = await end(account.token, stolen.sid);
    expect({ status: answer.status, body: answer.body as unknown }).toEqual({ status: 204, body: '' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    for (const token of its) expect(await reads(token)).toBe(401);
    await eventually(async () => {
      for (const token of its) expect(await reads(token, there)).toBe(401);
    }, AT_WORST);
    for (const at of [here, there]) {
      for (const { refreshToken } of [stolen, refreshed])
        expectError(await refresh(refreshToken, {}, at), 401, 'unauthorized');
      for (const token of mine) expect(await reads(token, at)).toBe(200);
    }
    expect((await refresh(account.refreshToken)).status).toBe(200);
  });

  it('may end the very one that asks', async () => {
    const account = await signUp(here);
    const other = await open(account);
    expect(await reads(other.token, there)).toBe(200);
    expect((await end(other.token, other.sid)).status).toBe(204);
    expectError(await end(other.token, other.sid), 401, 'unauthorized');
    await eventually(async () => {
      expect(await reads(other.token, there)).toBe(401);
    }, AT_WORST);
    expect((await list(account.token)).map(({ id }) => id)).toEqual([claimsOf(account.token).sid]);
  });

  it('takes an id in capitals for the same, and tells the other server too', async () => {
    const account = await signUp(here);
    const other = await open(account);
    expect(await reads(other.token, there)).toBe(200);
    expect((await end(account.token, other.sid.toUpperCase())).status).toBe(204);
    expect(await reads(other.token)).toBe(401);
    await eventually(async () => {
      expect(await reads(other.token, there)).toBe(401);
    }, AT_WORST);
  });

  it('is answered 404 for an id that is no live session of mine, and changes nothing', async () => {
    const [account, stranger] = [await signUp(here, { remember: true }), await signUp(here, { remember: true })];
    const [ended, expired] = [await open(account), await open(account)];
    expect((await end(account.token, ended.sid)).status).toBe(204);
    await database.query('UPDATE sessions SET expires_at = now() WHERE id = $1', [expired.sid]);
    const { sid } = claimsOf(account.token);
    for (const id of [
      claimsOf(stranger.token).sid,
      ended.sid,
      expired.sid,
      randomUUID(),
      account.id,
      'x',
      `${sid}x`,
      `%7B${sid}%7D`,
      sid.replaceAll('-', ''),
      `%20${sid}`,
      "x'%3B--",
      '%F0%9F%94%91',
      'a'.repeat(4_000),
    ]) {
      expectError(await end(account.token, id), 404, 'not_found');
    }
    expect(await reads(account.token)).toBe(200);
    expect(await reads(stranger.token)).toBe(200);
    expect((await refresh(stranger.refreshToken)).status).toBe(200);
  });

  it('twice at once is done once', async () => {
    const account = await signUp(here);
    for (let round = 0; round < ROUNDS; round += 1) {
      const { sid, token } = await open(account);
      const answers = await Promise.all([end(account.token, sid), end(account.token, sid, there)]);
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 404]);
      expect(await reads(token)).toBe(401);
    }
    const [row] = await database.query<{ count: number }>(
      `SELECT count(*)::int FROM audit_events WHERE kind = 'session.ended' AND subject = $1`,
      [account.id],
    );
    expect(row?.count).toBe(ROUNDS);
  });

  it('while it is being refreshed leaves nothing of it, whoever comes first', async () => {
    const account = await signUp(here);
    const seen = { refreshed: 0, refused: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      const session = await open(account, { remember: true });
      expect(await reads(session.token, there)).toBe(200);
      const [ended, answer] = await Promise.all([
        sleep((round % 4) * 3).then(() => end(account.token, session.sid)),
        refresh(session.refreshToken, {}, round % 2 === 0 ? here : there),
      ]);
      expect(ended.status).toBe(204);
      const left = [session];
      if (answer.status === 200) left.push(openedIn(answer));
      else expectError(answer, 401, 'unauthorized');
      seen[answer.status === 200 ? 'refreshed' : 'refused'] += 1;
      for (const { token, refreshToken } of left) {
        expect(await reads(token)).toBe(401);
        expect((await refresh(refreshToken)).status).toBe(401);
        await eventually(async () => {
          expect(await reads(token, there)).toBe(401);
        }, AT_WORST);
      }
      expect(await listed(account.token, session.sid)).toBeUndefined();
    }
    expect(seen.refreshed).toBeGreaterThan(0);
  });
});

describe('My sessions', () => {
  it('are opened by the JWT of a session, and by no other credential', async () => {
    const [admin, user] = [await signedInAdmin(here), await signedInUser(here)];
    const jwt = await open(user, { remember: true });
    const client = await newClient(here);
    const accessToken = await newAccessToken(here, client);
    const obo = await oboToken(here, admin, user.id);
    const credentials: Record<string, Headers> = {
      nothing: {},
      'a user token': user.headers,
      'a user token as Bearer': bearer(user.token),
      'a token on behalf of the account': { 'app-token': admin.appToken, token: obo },
      'the same as Bearer': bearer(obo),
      'an App-Token': { 'app-token': user.appToken },
      'an App-Token as Bearer': bearer(user.appToken),
      "an admin's tokens": admin.headers,
      'an API token': bearer(await newApiToken(here, admin.appToken, 'GATEWAY ACCOUNT')),
      'an OAuth2 access token': bearer(accessToken),
      "a client's id and secret": client.basic,
      "the session's refresh token": bearer(jwt.refreshToken),
      'the JWT under another scheme': { authorization: `Token ${jwt.token}` },
      'the JWT in the header Token': { 'app-token': user.appToken, token: jwt.token },
    };
    for (const [what, headers] of Object.entries(credentials)) {
      for (const [method, path] of [
        ['GET', '/account/sessions'],
        ['DELETE', `/account/sessions/${jwt.sid}`],
        ['DELETE', '/account/sessions/x'],
      ] as const) {
        const answer = await here.call(method, path, undefined, headers);
        expect({ what, path, status: answer.status, body: answer.body as unknown }).toEqual({
          what,
          path,
          status: 401,
          body: { id: 'unauthorized', message: expect.any(String) },
        });
        expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /);
      }
    }
    expect(await reads(jwt.token)).toBe(200);
  });

  it('speak the dialect of accounts also where there is no such method', async () => {
    const { token } = await signUp(here);
    for (const [method, path, allow] of [
      ['POST', '/account/sessions', 'GET, HEAD'],
      ['GET', `/account/sessions/${randomUUID()}`, 'DELETE'],
    ] as const) {
      const answer = await here.call(method, path, undefined, bearer(token));
      expectError(answer, 405, 'bad_request');
      expect(answer.headers.get('allow')).toBe(allow);
    }
  });

  it('are answered as OpenAPI says', () => {
    expect(here.answers.undescribed()).toEqual([]);
  });
});
