import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { EntityManager } from 'typeorm';
import { FIND_LIVE, SessionStore } from '../src/sessions/sessions.store.js';
import { TokenIssuer } from '../src/tokens/token-issuer.service.js';
import { FIND_GOOD, VerifiedTokenStore } from '../src/tokens/verified-tokens.store.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { whileLocked } from './support/locks.js';
import { eventually } from './support/process.js';
import { bearer, startServer, signUp, type Answer, type TestServer } from './support/server.js';
import { Statements } from './support/statements.js';
import { batchesOf, twoAhead } from './support/together.js';
import { signedInUser } from './support/tokens.js';

/** Credentials that are looked for at the same moment are looked up by one statement. */
let database: TestDatabase;
let server: TestServer;
let statements: Statements;

const MANY = 50;

beforeAll(async () => {
  statements = new Statements();
  database = await createDatabase();
  server = await startServer(database.connection);
});

afterAll(async () => {
  await server.close();
  await database.drop();
  statements.stop();
});

const numbers = Array.from({ length: MANY }, (_, index) => index);

/** API tokens that nobody has shown yet, of an account each. */
const newTokens = () =>
  Promise.all(
    numbers.map(async (index) => {
      const request = { gatewayAccountId: `GATEWAY ${index}` };
      const { secret, record } = await server.app.get(TokenIssuer).issue(server.app.get(EntityManager), 'api', request);
      return { secret, id: record.id };
    }),
  );

const authenticate = (secret: string) => server.call('GET', '/v1/api/auth', undefined, bearer(secret));

/** What is looked up: while which lock is held, nothing; by which statement, and where they wait who want it. */
const TOKENS = {
  lock: 'LOCK TABLE tokens IN ACCESS EXCLUSIVE MODE',
  text: FIND_GOOD.text,
  wait: () => jest.spyOn(VerifiedTokenStore.prototype, 'findGood'),
};
const SESSIONS = {
  lock: 'LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE',
  text: FIND_LIVE.text,
  wait: () => jest.spyOn(SessionStore.prototype, 'findLive'),
};

/** How many look-ups wait for a lock: the others wait for these. */
const lockedLookUps = (text: string) =>
  database.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query = left($1, 1023)`,
    [text],
  );

/** @returns what is answered to those who ask while nothing can be looked up, and how many were looked up by each statement */
async function askTogether(
  { lock, text, wait }: typeof TOKENS | typeof SESSIONS,
  ask: () => Promise<Answer>[],
  { count = MANY, meanwhile }: { count?: number; meanwhile?: () => Promise<unknown> } = {},
): Promise<{ answers: Answer[]; sizes: number[] }> {
  const answers: Answer[] = [];
  const wanted = wait();
  const ahead = twoAhead();
  const sent = await statements.allDuring(async () => {
    const { asking } = await whileLocked(database, lock, [], async () => {
      const asking = ask();
      await eventually(async () => {
        expect(await lockedLookUps(text)).toHaveLength(2);
        expect(wanted.mock.calls.length).toBeGreaterThanOrEqual(count);
      });
      await meanwhile?.();
      return { asking };
    });
    answers.push(...(await Promise.all(asking)));
  });
  ahead.mockRestore();
  wanted.mockRestore();
  const sizes = sent.filter((one) => one.text === text).map(({ values }) => (values[0] as unknown[]).length);
  return { answers, sizes };
}

const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status);

describe('Tokens that fifty show at once for the first time', () => {
  it('are looked up by three statements: two that came alone, and then all that have waited for these', async () => {
    const tokens = await newTokens();
    const { answers, sizes } = await askTogether(TOKENS, () => tokens.map(({ secret }) => authenticate(secret)));
    expect(sizes).toEqual(batchesOf(MANY));
    expect(answers.map(({ status, body }) => ({ status, body }))).toEqual(
      tokens.map(({ id }, index) => ({
        status: 200,
        body: { account_id: `GATEWAY ${index}`, token_link: id, token_type: 'CARD' },
      })),
    );
  });

  it('are good or not by themselves: one is revoked meanwhile, the account of another is disabled, one is of another kind', async () => {
    const tokens = await newTokens();
    const [user, ended] = [await signedInUser(server), tokens[7]];
    // Whether there are tokens of other forms is remembered.
    await authenticate('nonsense');
    const ask = () => [
      ...tokens.map(({ secret }) => authenticate(secret)),
      server.call('GET', '/api/v1/tokens/', undefined, user.headers),
      authenticate(user.token),
    ];
    // As though it was not announced: only the look-up finds out.
    const meanwhile = async () => {
      await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [user.id]);
    };
    await database.query('UPDATE tokens SET revoked_at = now() WHERE id = $1', [ended?.id]);
    const { answers } = await askTogether(TOKENS, ask, { meanwhile });
    expect(statusesOf(answers)).toEqual([...numbers.map((index) => (index === 7 ? 401 : 200)), 401, 401]);
  });

  it('wait for nothing when nobody else is looked for: one statement for one', async () => {
    const [token] = await newTokens();
    const sent = await statements.during(async () => {
      expect((await authenticate(token?.secret ?? '')).status).toBe(200);
    });
    expect(sent.map(({ text }) => text)).toEqual([FIND_GOOD.text]);
  });

  it('are answered 503 when their look-up loses the database; those that wait are looked up by others', async () => {
    const tokens = await newTokens();
    const ask = () => tokens.map(({ secret }) => authenticate(secret));
    const meanwhile = () =>
      database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query = left($1, 1023)`,
        [FIND_GOOD.text],
      );
    const { answers } = await askTogether(TOKENS, ask, { meanwhile });
    expect(statusesOf(answers).sort()).toEqual([...numbers.slice(2).map(() => 200), 503, 503]);
    expect(statusesOf(await Promise.all(ask()))).toEqual(numbers.map(() => 200));
  });
});

it('Sessions that are looked for at once are looked up together, and each is good or not by itself', async () => {
  const accounts = await Promise.all(Array.from({ length: 8 }, () => signUp(server)));
  const ask = () => accounts.map(({ id, token }) => server.call('GET', `/accounts/${id}`, undefined, bearer(token)));
  const meanwhile = () => database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [accounts[5]?.id]);
  const { answers, sizes } = await askTogether(SESSIONS, ask, { count: 8, meanwhile });
  expect(sizes).toEqual(batchesOf(8));
  expect(statusesOf(answers)).toEqual(accounts.map((_, index) => (index === 5 ? 401 : 200)));
  expect(answers[7]?.body.data.id).toBe(accounts[7]?.id);
});
