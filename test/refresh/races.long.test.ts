import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { Line } from '../support/line.js';
import { whileLocked } from '../support/locks.js';
import { eventually } from '../support/process.js';
import { given, HOME, Session, show, type Place } from '../support/refresh.js';
import { bearer, startServer, type Answer, type TestServer } from '../support/server.js';

const ROUNDS = 6;

let database: TestDatabase;
/** Two servers on one database, which know nothing of each other. */
let here: TestServer;
let there: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  here = await startServer(database.connection, { trustProxy: 1 });
  there = await startServer(database.connection, { trustProxy: 1 });
});

afterAll(async () => {
  await there.close();
  await here.close();
  await database.drop();
});

const open = () => Session.open(here, database);
const statuses = (answers: Answer[]) => answers.map(({ status }) => status);

/** Shows one refresh token at both servers by turns, all at once. */
const showAtOnce = (token: string, places: Place[]) =>
  Promise.all(places.map((from, index) => show(index % 2 === 0 ? here : there, token, { from })));

const fromHome = (count: number) => Array<Place>(count).fill(HOME);
const fromEverywhere = (count: number) =>
  Array.from({ length: count }, (_, index): Place => ({ ...HOME, address: `198.18.${index}.1` }));

/** The numbers of its late showings. They were committed in this order, and may have begun in another. */
const counted = async (session: Session) =>
  (await session.events()).map(({ details }) => details.late_showings as number).sort((a, b) => a - b);

describe('Forty showings at once, on two servers,', () => {
  it('of the current refresh token all give the same successor', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const session = await open();
      const answers = await showAtOnce(session.first, fromEverywhere(40));
      expect(statuses(answers)).toEqual(Array(40).fill(200));
      expect(new Set(answers.map((answer) => given(answer).next)).size).toBe(1);
      expect(await session.row()).toMatchObject({ refresh_counter: 1, late_showings: null });
      expect(await session.events()).toEqual([]);
    }
  });

  it('of its parent, late, from one place, all give the same new one', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const session = await open();
      const { next: lost } = given(await show(here, session.first));
      await session.age(11);
      const answers = await showAtOnce(session.first, fromHome(40));
      expect(statuses(answers)).toEqual(Array(40).fill(200));
      const [found = '', ...others] = new Set(answers.map((answer) => given(answer).next));
      expect(others).toEqual([]);
      expect(found).not.toBe(lost);
      expect(await session.row()).toMatchObject({ late_showings: 1 });
      expect(await session.events()).toHaveLength(1);
      expect((await show(there, found)).status).toBe(200);
    }
  });

  it('of its parent, late, from twenty places each, leave one that is good', async () => {
    const session = await open();
    const { next: lost } = given(await show(here, session.first));
    await session.age(11);
    const answers = await showAtOnce(session.first, fromEverywhere(20));
    expect(statuses(answers)).toEqual(Array(20).fill(200));
    const successors = answers.map((answer) => given(answer).next);
    expect(new Set([lost, ...successors]).size).toBe(21);
    expect(await counted(session)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    const { refresh_counter } = await session.row();
    const good = successors.filter((token) => Number(token.split('.')[1]) === refresh_counter);
    expect(good).toHaveLength(1);
    expect((await show(there, good[0] ?? '')).status).toBe(200);
  });

  it('of its parent, late, from forty places, end the session, whatever they gave', async () => {
    const session = await open();
    given(await show(here, session.first));
    await session.age(11);
    const answers = await showAtOnce(session.first, fromEverywhere(40));
    expect(statuses(answers).sort()).toEqual([...Array<number>(20).fill(200), ...Array<number>(20).fill(401)]);
    expect(await session.hasEnded()).toBe(true);
    expect(await counted(session)).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
    expect((await session.events()).filter(({ kind }) => kind === 'session.reused')).toMatchObject([
      { details: { late_showings: 21 } },
    ]);
    for (const { status, body } of answers) {
      if (status === 200) expect((await show(here, body.refresh_token as string)).status).toBe(401);
    }
  });

  it('by one who has the parent and one who has its successor end the session, whoever comes first', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const session = await open();
      const { next } = given(await show(here, session.first));
      await session.age(11);
      const answers = await Promise.all([
        ...Array.from({ length: 20 }, () => show(here, session.first)),
        ...Array.from({ length: 20 }, () => show(there, next)),
      ]);
      expect(statuses(answers)).toContain(200);
      expect(statuses(answers)).toContain(401);
      expect(await session.hasEnded()).toBe(true);
      for (const { status, body } of answers) {
        if (status === 200) expect((await show(here, body.refresh_token as string)).status).toBe(401);
      }
    }
  });
});

describe('A refresh, an ordinary or a late one,', () => {
  /** Everything that is still worth something has to be of no use. */
  async function expectNothingLeft(session: Session, refreshed: Answer): Promise<void> {
    expect([200, 401]).toContain(refreshed.status);
    expect(await session.hasEnded()).toBe(true);
    const tokens = [session.first];
    if (refreshed.status === 200) {
      const { token, next } = given(refreshed);
      tokens.push(next);
      await eventually(async () => {
        const answers = await Promise.all(
          [here, there].map((at) => at.call('GET', `/accounts/${session.accountId}`, undefined, bearer(token))),
        );
        expect(statuses(answers)).toEqual([401, 401]);
      });
    }
    for (const token of tokens) expect((await show(there, token)).status).toBe(401);
  }

  const ENDS: [string, (session: Session) => Promise<Answer>][] = [
    ['signing out', ({ jwt }) => here.call('DELETE', '/account/session', undefined, bearer(jwt))],
    [
      'a change of the password',
      ({ accountId, email, jwt }) => {
        const account = { email, password: 'another example' };
        return here.call('PUT', `/accounts/${accountId}`, { account }, bearer(jwt));
      },
    ],
  ];

  it.each(ENDS)('does not outlive %s that comes at the same time', async (_, end) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const session = await open();
      if (round % 2 === 1) {
        given(await show(here, session.first));
        await session.age(11);
      }
      const [refreshed, ended] = await Promise.all([
        sleep((round >> 1) % 3).then(() => show(there, session.first)),
        end(session),
      ]);
      expect(ended.status).toBe(200);
      await expectNothingLeft(session, refreshed);
    }
  });
});

describe('A refresh whose answer is lost between the database and the server', () => {
  let line: Line;
  /** A server whose way to the database can be cut. */
  let server: TestServer;
  const isPool = (application: string) => application === 'latchkey';

  beforeAll(async () => {
    line = await Line.open(database.connection);
    server = await startServer(line.connection, { trustProxy: 1 });
  });

  afterAll(async () => {
    line.thaw();
    await server.close();
    await line.close();
  });

  /** Has the server open connections enough, while it can: nothing but an answer is to be lost. */
  async function warmUp(): Promise<void> {
    const { status } = await server.call('GET', '/readyz');
    expect(status).toBe(200);
    await Promise.all(Array.from({ length: 16 }, async () => Session.open(server, database)));
  }

  const counters = (sessions: Session[]) =>
    Promise.all(sessions.map(async (session) => (await session.row()).refresh_counter));

  /** Loses the answers of the first refresh of each session. @returns what the clients are told, once they are told */
  async function loseAnswers(sessions: Session[]): Promise<{ told: Promise<Answer[]> }> {
    line.mute(isPool);
    const told = Promise.all(sessions.map(({ first }) => show(server, first)));
    await eventually(async () => {
      expect(await counters(sessions)).toEqual(sessions.map(() => 1));
    });
    return { told };
  }

  function expectToldToRetry(answers: Answer[]): void {
    for (const { status, headers } of answers) {
      expect(status).toBe(503);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
  }

  /** Shows the same again, and what comes of it. */
  async function expectRefreshed(session: Session): Promise<void> {
    const { next } = await eventually(async () => given(await show(server, session.first)));
    const { next: last } = given(await show(server, next));
    expect((await show(server, last)).status).toBe(200);
    expect(await session.hasEnded()).toBe(false);
  }

  it.each([0, 11, 600])('succeeds when it is tried again %d s after the connection has died', async (seconds) => {
    await warmUp();
    const session = await open();
    const { told } = await loseAnswers([session]);
    line.cut(isPool);
    expectToldToRetry(await told);
    line.thaw();
    await session.age(seconds);
    await expectRefreshed(session);
    expect(await session.events()).toHaveLength(seconds > 10 ? 1 : 0);
  });

  it.each([
    ['an ordinary one', 0],
    ['a late one', 11],
  ])('succeeds when it was undone, %s', async (_, seconds) => {
    const session = await open();
    if (seconds > 0) given(await show(here, session.first));
    await session.age(seconds);
    // Somebody else holds the row until the statement is given up.
    const row = 'SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE';
    const before = await session.row();
    expectToldToRetry([await whileLocked(database, row, [session.id], () => show(here, session.first))]);
    expect(await session.row()).toEqual(before);
    const { next } = given(await show(there, session.first));
    expect((await show(here, next)).status).toBe(200);
    expect(await session.events()).toHaveLength(seconds > 0 ? 1 : 0);
  });

  it('ends none of eight sessions when answers are lost for 13 s, and clients try again as they are told', async () => {
    await warmUp();
    const sessions = await Promise.all(Array.from({ length: 8 }, open));
    const { told } = await loseAnswers(sessions);
    expectToldToRetry(await told);
    expectToldToRetry(await Promise.all(sessions.map(({ first }) => show(server, first))));
    await Promise.all(sessions.map((session) => session.age(13)));
    line.thaw();
    await Promise.all(sessions.map(expectRefreshed));
  });
});
