import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { AWAY, DEN, given, HOME, Session, show, type Place } from '../support/refresh.js';
import { bearer, claimsOf, startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  // Behind one proxy, which says who asks.
  server = await startServer(database.connection, { trustProxy: 1 });
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const open = () => Session.open(server, database);
const reads = async ({ accountId }: Session, jwt: string) =>
  (await server.call('GET', `/accounts/${accountId}`, undefined, bearer(jwt))).status;

/** Shows the parent so much later that it is a late showing, and from where. */
async function showLate(session: Session, parent: string, from: Place = HOME): Promise<string> {
  await session.age(11);
  return given(await show(server, parent, { from })).next;
}

async function expectEnded(session: Session, ...tokens: string[]): Promise<void> {
  expect(await session.hasEnded()).toBe(true);
  for (const token of tokens) expect((await show(server, token)).status).toBe(401);
}

describe('The parent, the refresh token whose showing made the current one,', () => {
  it('gives the same successor within ten seconds, to whomever', async () => {
    const session = await open();
    const { next } = given(await show(server, session.first));
    await session.age(9);
    for (const from of [HOME, AWAY, DEN]) expect(given(await show(server, session.first, { from })).next).toBe(next);
    expect(await session.events()).toEqual([]);
    expect((await show(server, next)).status).toBe(200);
  });

  it('gives another one later, which is good', async () => {
    const session = await open();
    const { next: lost } = given(await show(server, session.first));
    const found = await showLate(session, session.first);
    expect(found).not.toBe(lost);
    const { next } = given(await show(server, found));
    expect((await show(server, next)).status).toBe(200);
    expect(await session.hasEnded()).toBe(false);
  });

  it('does so as often as twenty times, and ends the session then', async () => {
    const session = await open();
    given(await show(server, session.first));
    const seen = new Set<string>();
    let last = '';
    for (let time = 1; time <= 20; time += 1) seen.add((last = await showLate(session, session.first)));
    expect(seen.size).toBe(20);
    expect((await session.events()).map(({ kind, details }) => [kind, details.late_showings])).toEqual(
      Array.from({ length: 20 }, (_, index) => ['session.refreshed_late', index + 1]),
    );
    await session.age(11);
    expect((await show(server, session.first)).status).toBe(401);
    await expectEnded(session, last, session.first);
    expect(await reads(session, session.jwt)).toBe(401);
    expect((await session.events()).at(-1)).toEqual({
      kind: 'session.reused',
      outcome: 'refused',
      address: HOME.address,
      details: { session: session.id, earlier_address: HOME.address, late_showings: 21 },
    });
  });

  it('is counted anew when it is another', async () => {
    const session = await open();
    let parent = session.first;
    for (let refresh = 0; refresh < 3; refresh += 1) {
      given(await show(server, parent));
      for (let time = 0; time < 10; time += 1) await showLate(session, parent);
      parent = await showLate(session, parent);
    }
    expect(await session.hasEnded()).toBe(false);
    expect((await session.events()).map(({ details }) => details.late_showings)).toEqual(
      Array.from({ length: 33 }, (_, index) => (index % 11) + 1),
    );
  });

  it.each<[string, Place, Place]>([
    ['the very same place', HOME, HOME],
    ['another address of its /24', HOME, { ...HOME, address: '192.0.2.200' }],
    [
      'another address of its /64',
      { ...HOME, address: '2001:db8:1:2::3' },
      { ...HOME, address: '2001:db8:1:2:ffff::4' },
    ],
    ['its IPv4 address inside IPv6', HOME, { ...HOME, address: '::ffff:192.0.2.10' }],
  ])('gives the same successor for ten seconds after a late showing to %s', async (_, there, here) => {
    const session = await open();
    given(await show(server, session.first));
    const found = await showLate(session, session.first, there);
    await session.age(9);
    expect(given(await show(server, session.first, { from: here })).next).toBe(found);
    expect(await session.events()).toHaveLength(1);
  });

  it.each<[string, Place, Place]>([
    ['elsewhere', HOME, { ...HOME, address: '203.0.113.10' }],
    ['another /24', HOME, { ...HOME, address: '192.0.3.10' }],
    ['another /64', { ...HOME, address: '2001:db8:1:2::3' }, { ...HOME, address: '2001:db8:1:3::3' }],
    ['another user agent', HOME, { ...HOME, userAgent: 'Another' }],
    ['no user agent', HOME, { ...HOME, userAgent: '' }],
  ])('skips once more right after a late showing from %s', async (_, there, here) => {
    const session = await open();
    given(await show(server, session.first));
    const mine = await showLate(session, session.first, there);
    const theirs = given(await show(server, session.first, { from: here })).next;
    expect(theirs).not.toBe(mine);
    expect((await session.events()).map(({ address, details }) => [details.earlier_address, address])).toEqual([
      [HOME.address, there.address],
      [there.address, here.address],
    ]);
    // Whoever is first of the two that have one successor each finds the other out.
    expect((await show(server, mine, { from: there })).status).toBe(401);
    await expectEnded(session, theirs, session.first);
  });

  it('does not let a thief who watches for late showings share the successors', async () => {
    const session = await open();
    const stolen = given(await show(server, session.first)).next;
    given(await show(server, stolen));
    const mine = await showLate(session, stolen);
    const theirs = given(await show(server, stolen, { from: DEN })).next;
    expect(theirs).not.toBe(mine);
    expect((await show(server, mine)).status).toBe(401);
    await expectEnded(session, theirs, stolen);
  });

  it('ends the session when the current one has been shown, however recently', async () => {
    const session = await open();
    given(await show(server, session.first));
    const found = await showLate(session, session.first);
    const { next } = given(await show(server, found));
    expect((await show(server, session.first)).status).toBe(401);
    await expectEnded(session, next);
  });
});

describe('A refresh token that a late showing has skipped', () => {
  it.each([0, 11])('ends the session, %d s after that', async (seconds) => {
    const session = await open();
    const { next: lost } = given(await show(server, session.first));
    const found = await showLate(session, session.first);
    await session.age(seconds);
    expect((await show(server, lost)).status).toBe(401);
    await expectEnded(session, found, session.first);
    expect((await session.events()).at(-1)).toMatchObject({ kind: 'session.reused', details: { session: session.id } });
  });

  it('ends it also when the session has been refreshed since', async () => {
    const session = await open();
    const { next: lost } = given(await show(server, session.first));
    const found = await showLate(session, session.first);
    const { next } = given(await show(server, found));
    expect((await show(server, lost)).status).toBe(401);
    await expectEnded(session, next, found);
  });
});

describe('A counter that nobody was given', () => {
  const forged = ({ id }: Session, counter: number) =>
    server.app.get(SecretKeys).sign('refresh-token', `${id}.${counter}`);

  it('is never accepted, not even under a good signature', async () => {
    for (const beside of [-1, 1, 2]) {
      const session = await open();
      expect(session.first).toBe(forged(session, 0));
      given(await show(server, session.first));
      await showLate(session, session.first);
      const { refresh_counter } = await session.row();
      expect((await show(server, forged(session, refresh_counter + beside))).status).toBe(401);
      // What is ahead of the session was given by nobody, and tells of no thief.
      expect(await session.hasEnded()).toBe(beside < 0);
      expect((await session.row()).refresh_counter).toBe(refresh_counter);
    }
  });
});

describe('A session that cannot be refreshed again', () => {
  it('answers its parent with a JWT and nothing else, also later, and does not last longer for it', async () => {
    const session = await open();
    given(await show(server, session.first, { remember: false }));
    for (const [seconds, remember] of [
      [0, true],
      [11, false],
      [11, true],
      [3_600, true],
    ] as const) {
      await session.age(seconds);
      const { expires_at } = await session.row();
      const { status, body } = await show(server, session.first, { remember });
      expect([status, Object.keys(body as object)]).toEqual([200, ['token']]);
      const { token } = body as { token: string };
      expect(await reads(session, token)).toBe(200);
      expect((await session.row()).expires_at).toEqual(expires_at);
      expect(claimsOf(token).exp).toBe(Math.floor(expires_at.getTime() / 1_000));
    }
    expect((await session.events()).map(({ kind }) => kind)).toEqual(Array(3).fill('session.refreshed_late'));
    await session.age(86_400);
    expect((await show(server, session.first)).status).toBe(401);
    expect(await session.hasEnded()).toBe(false);
  });

  it('becomes one by a late showing too', async () => {
    const session = await open();
    const { next: lost } = given(await show(server, session.first));
    await session.age(11);
    for (const remember of [false, true]) {
      const { status, body } = await show(server, session.first, { remember });
      expect([status, Object.keys(body as object)]).toEqual([200, ['token']]);
    }
    expect((await session.row()).refresh_expires_at).toBeNull();
    expect((await show(server, lost)).status).toBe(401);
    await expectEnded(session, session.first);
  });
});

describe('How long a session lasts', () => {
  it('is counted from a late showing as from any refresh', async () => {
    const session = await open();
    given(await show(server, session.first));
    await session.age(2_592_000 - 60);
    const { next } = given(await show(server, session.first));
    await session.age(2_592_000 - 60);
    expect((await show(server, next)).status).toBe(200);
  });

  it('has an end after which its parent is refused, which is no theft', async () => {
    const session = await open();
    given(await show(server, session.first));
    await database.query(`UPDATE sessions SET refresh_expires_at = now() WHERE id = $1`, [session.id]);
    for (const seconds of [0, 11]) {
      await session.age(seconds);
      expect((await show(server, session.first)).status).toBe(401);
    }
    expect(await session.hasEnded()).toBe(false);
    expect(await reads(session, session.jwt)).toBe(200);
  });

  it('never goes beyond SESSION_MAX_AGE by late showings', async () => {
    const session = await open();
    given(await show(server, session.first));
    await database.query(`UPDATE sessions SET created_at = now() - interval '7775400 seconds' WHERE id = $1`, [
      session.id,
    ]);
    await session.age(11);
    const { token } = given(await show(server, session.first));
    const { iat, exp } = claimsOf(token);
    expect(exp - iat).toBeLessThanOrEqual(600);
    await session.age(601);
    expect((await show(server, session.first)).status).toBe(401);
  });

  it('is over for the parent too when its account is disabled, or it has signed out', async () => {
    for (const end of [
      'UPDATE accounts SET disabled_at = now() WHERE id = $1',
      'UPDATE sessions SET revoked_at = now() WHERE account_id = $1',
    ]) {
      const session = await open();
      given(await show(server, session.first));
      await database.query(end, [session.accountId]);
      for (const seconds of [0, 11]) {
        await session.age(seconds);
        expect((await show(server, session.first)).status).toBe(401);
      }
      expect(await session.events()).toEqual([]);
    }
  });
});

describe('The list of sessions', () => {
  it('says from where a session was last shown late', async () => {
    const session = await open();
    given(await show(server, session.first));
    await session.age(11);
    const { token } = given(await show(server, session.first, { from: AWAY }));
    const { body } = await server.call('GET', '/account/sessions', undefined, bearer(token));
    expect(body.data).toMatchObject([{ id: session.id, address: AWAY.address, user_agent: AWAY.userAgent }]);
  });
});

describe('A server of release 0.1.0 on the same rows', () => {
  const LIFETIME = `now() + interval '30 days'`;

  /** What that release does when it is shown a refresh token: its own statements. @returns the counter that it answers */
  async function showThere({ id }: Session, counter: number): Promise<number | undefined> {
    const [rotated] = await database.query<{ refresh_counter: number }>(
      `UPDATE sessions s SET refresh_counter = s.refresh_counter + 1, refreshed_at = now(), last_used_at = now(),
         address = 'there', user_agent = 'there', refresh_expires_at = ${LIFETIME}, expires_at = ${LIFETIME}
       FROM accounts a
       WHERE s.id = $1 AND s.refresh_counter = $2 AND s.revoked_at IS NULL
         AND s.refresh_expires_at > now() AND s.expires_at > now() AND a.id = s.account_id AND a.disabled_at IS NULL
       RETURNING s.refresh_counter`,
      [id, counter],
    );
    if (rotated) return rotated.refresh_counter;
    const [replayed] = await database.query<{ refresh_counter: number }>(
      `SELECT s.refresh_counter FROM sessions s JOIN accounts a ON a.id = s.account_id
       WHERE s.id = $1 AND s.refresh_counter = $2 + 1 AND s.refreshed_at > now() - interval '10 seconds'
         AND s.revoked_at IS NULL AND s.expires_at > now() AND a.disabled_at IS NULL`,
      [id, counter],
    );
    if (replayed) return replayed.refresh_counter;
    await database.query(
      `UPDATE sessions SET revoked_at = now() WHERE id = $1 AND refresh_counter > $2 AND revoked_at IS NULL`,
      [id, counter],
    );
    return undefined;
  }

  const counterOf = (token: string) => Number(token.split('.')[1]);
  const tokenOf = ({ id }: Session, counter: number | undefined) =>
    server.app.get(SecretKeys).sign('refresh-token', `${id}.${counter ?? 'refused'}`);

  it('rotates what this one has rotated, and the other way round', async () => {
    const session = await open();
    let token = session.first;
    for (let round = 0; round < 3; round += 1) {
      const { next } = given(await show(server, token));
      expect(await showThere(session, counterOf(token))).toBe(counterOf(next));
      const counter = await showThere(session, counterOf(next));
      expect(given(await show(server, next)).next).toBe(tokenOf(session, counter));
      token = tokenOf(session, counter);
    }
    expect(await session.hasEnded()).toBe(false);
  });

  it('has its lost answers found here', async () => {
    const session = await open();
    const lost = await showThere(session, counterOf(session.first));
    const found = await showLate(session, session.first);
    expect(found).not.toBe(tokenOf(session, lost));
    expect((await show(server, found)).status).toBe(200);
  });

  it('goes on where a late showing has led, and its own rotation has a parent here again', async () => {
    const session = await open();
    given(await show(server, session.first));
    const found = await showLate(session, session.first);
    const next = await showThere(session, counterOf(found));
    for (const from of [HOME, DEN]) {
      expect(given(await show(server, found, { from })).next).toBe(tokenOf(session, next));
    }
    const later = await showLate(session, found);
    expect(await session.events()).toMatchObject([
      { details: { late_showings: 1 } },
      { details: { late_showings: 1 } },
    ]);
    expect((await show(server, later)).status).toBe(200);
    expect(await session.hasEnded()).toBe(false);
  });

  it('takes no token that was skipped here, which ends the session there as well', async () => {
    const session = await open();
    const { next: lost } = given(await show(server, session.first));
    await showLate(session, session.first);
    expect(await showThere(session, counterOf(lost))).toBeUndefined();
    expect(await session.hasEnded()).toBe(true);
  });
});

it('Refreshing is answered as OpenAPI says', () => {
  expect(server.answers.undescribed()).toEqual([]);
});
