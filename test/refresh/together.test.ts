import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { whileLocked } from '../support/locks.js';
import { given, show } from '../support/refresh.js';
import { claimsOf, signUp, startServer, type Answer, type TestServer } from '../support/server.js';
import { Statements } from '../support/statements.js';
import { askTogether, batchesOf, endWaiting } from '../support/together.js';

/** Sessions whose refresh tokens are shown at the same moment are moved on by one statement. */
let database: TestDatabase;
let server: TestServer;
let statements: Statements;

const MANY = 50;
const TOGETHER = {
  lock: 'LOCK TABLE sessions IN SHARE MODE',
  isMeant: (item: object) => 'counter' in item,
};

interface Open {
  account: string;
  id: string;
  token: string;
}

beforeAll(async () => {
  statements = new Statements();
  database = await createDatabase();
  server = await startServer(database.connection, { trustProxy: 1 }, {}, { runsBackgroundJobs: false });
});

afterAll(async () => {
  await server.close();
  await database.drop();
  statements.stop();
});

const indexes = Array.from({ length: MANY }, (_, index) => index);
const others = (left: number) => indexes.filter((index) => index !== left);
const all = (status: number) => indexes.map(() => status);
const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status);
const addressOf = (index: number) => `198.51.100.${index + 1}`;

/** One after the other: of a crowd that signs up at once, a busy machine would turn some away. */
async function open(count = MANY): Promise<Open[]> {
  const opened: Open[] = [];
  while (opened.length < count) {
    const { id, token, refreshToken } = await signUp(server, { remember: true });
    opened.push({ account: id, id: claimsOf(token).sid, token: refreshToken });
  }
  return opened;
}

const refresh = ({ token }: Open, index: number) =>
  show(server, token, { from: { address: addressOf(index), userAgent: `browser ${index}` } });
const refreshAll = (sessions: Open[]) => sessions.map(refresh);

const storedOf = (sessions: Open[]) =>
  database.query(
    `SELECT id, refresh_counter AS counter, address, user_agent AS agent FROM sessions WHERE id = ANY ($1) ORDER BY array_position($1, id)`,
    [sessions.map(({ id }) => id)],
  );
const movedOn = (sessions: Open[], of = indexes) =>
  of.map((index) => ({ id: sessions[index]?.id, counter: 1, address: addressOf(index), agent: `browser ${index}` }));

describe('Fifty who show their refresh tokens at once, from fifty addresses', () => {
  it('are given tokens of their own sessions, which remember from where they were shown', async () => {
    const sessions = await open();
    const { answers, sizes } = await askTogether(database, TOGETHER, () => refreshAll(sessions));
    expect(statusesOf(answers)).toEqual(all(200));
    expect(sizes).toEqual(batchesOf(MANY));
    expect(answers.map((answer) => claimsOf(given(answer).token).sid)).toEqual(sessions.map(({ id }) => id));
    expect(answers.map((answer) => claimsOf(given(answer).token).data.id)).toEqual(
      sessions.map(({ account }) => account),
    );
    expect(await storedOf(sessions)).toEqual(movedOn(sessions));
    const shown = answers.map((answer) => given(answer).next);
    const next = sessions.map((session, index) => ({ ...session, token: shown[index] ?? '' }));
    expect(statusesOf(await Promise.all(refreshAll(next)))).toEqual(all(200));
  });

  it('of whom the account of one is disabled meanwhile: that one gets 401, the others get theirs', async () => {
    const sessions = await open();
    const { answers } = await askTogether(database, TOGETHER, () => refreshAll(sessions), {
      meanwhile: () => database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [sessions[20]?.account]),
    });
    expect(statusesOf(answers)).toEqual(all(200).with(20, 401));
    expect(await storedOf(sessions.filter((_, index) => index !== 20))).toEqual(movedOn(sessions, others(20)));
    expect(
      await database.query(
        `SELECT subject, address, request_id, details FROM audit_events WHERE kind = 'session.refresh_refused' AND subject = $1`,
        [sessions[20]?.account],
      ),
    ).toEqual([
      {
        subject: sessions[20]?.account,
        address: addressOf(20),
        request_id: answers[20]?.headers.get('x-request-id'),
        details: { reason: 'disabled', session: sessions[20]?.id },
      },
    ]);
  });

  it('of whom one shows the same one five times: all five get the same successor', async () => {
    const [session, ...rest] = (await open(10)) as [Open, ...Open[]];
    const ask = () => [...refreshAll(rest), ...Array.from({ length: 5 }, () => refresh(session, 40))];
    const { answers } = await askTogether(database, TOGETHER, ask);
    expect(statusesOf(answers)).toEqual(Array<number>(14).fill(200));
    expect(new Set(answers.slice(9).map((answer) => given(answer).next)).size).toBe(1);
    expect(await storedOf([session])).toMatchObject([{ counter: 1 }]);
  });

  it('do not wait for a session that somebody holds, whose holder waits for that', async () => {
    const sessions = await open();
    const lock = 'SELECT FROM sessions WHERE id = $1 FOR UPDATE';
    const { late, rest } = await whileLocked(database, lock, [sessions[20]?.id], async () => {
      const asked = refreshAll(sessions);
      const [late] = asked.splice(20, 1);
      return { late, rest: await Promise.all(asked) };
    });
    expect(statusesOf(rest)).toEqual(others(20).map(() => 200));
    expect((await late)?.status).toBe(200);
    expect(await storedOf(sessions)).toEqual(movedOn(sessions));
  });

  it('of whom two lose the database: these get 503 and the same successor later, the others get theirs', async () => {
    const sessions = await open();
    const { answers } = await askTogether(database, TOGETHER, () => refreshAll(sessions), {
      meanwhile: () => endWaiting(database),
    });
    expect(statusesOf(answers).sort()).toEqual([...all(200).slice(2), 503, 503]);
    expect(statusesOf(await Promise.all(refreshAll(sessions)))).toEqual(all(200));
    expect(await storedOf(sessions)).toEqual(movedOn(sessions));
  });
});

it('A refresh takes one statement', async () => {
  const [session] = (await open(1)) as [Open];
  const sent = await statements.during(async () => {
    expect((await refresh(session, 0)).status).toBe(200);
  });
  expect(sent).toHaveLength(1);
});
