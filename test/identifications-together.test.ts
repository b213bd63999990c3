import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { whileLocked } from './support/locks.js';
import { newAccessToken, newClient, type Client } from './support/oauth.js';
import { bearer, startServer, type Answer, type TestServer } from './support/server.js';
import { Statements } from './support/statements.js';
import { askTogether, batchesOf, endWaiting } from './support/together.js';
import { signedInAdmin } from './support/tokens.js';

/** Visitors that clients ask about at the same moment are identified by one statement. */
let database: TestDatabase;
let server: TestServer;
let statements: Statements;
let clients: { client: Client; headers: Record<string, string> }[];
/** The account with the network of the client with the same index. */
const accounts: string[] = [];

const MANY = 50;
const TOGETHER = {
  lock: 'LOCK TABLE identifications IN SHARE MODE',
  isMeant: (item: object) => 'visitor' in item,
};

beforeAll(async () => {
  statements = new Statements();
  database = await createDatabase();
  server = await startServer(database.connection, { trustProxy: 1 }, {}, { runsBackgroundJobs: false });
  clients = await Promise.all(
    Array.from({ length: MANY }, async (_, index) => {
      const client = await newClient(server);
      // Both credentials that a client may show.
      return { client, headers: index % 2 === 0 ? client.basic : bearer(await newAccessToken(server, client)) };
    }),
  );
  for (const [index, { headers }] of clients.entries()) {
    const body = {
      name: `organisation ${index}`,
      networks: [`45.20.${index}.0/24`],
      email_domains: [`of${index}.example`],
    };
    const made = await server.call('POST', '/api/accounts', body, headers);
    expect(made.status).toBe(201);
    accounts.push(made.body.id as string);
  }
});

afterAll(async () => {
  await server.close();
  await database.drop();
  statements.stop();
});

const indexes = Array.from({ length: MANY }, (_, index) => index);
const others = (left: number) => indexes.filter((index) => index !== left);
const addressOf = (index: number) => `45.20.${index}.7`;
const visitorOf = (index: number) => ({
  ip: addressOf(index),
  url: `https://publisher.example/${index}`,
  user_agent: `browser ${index}`,
  email: `somebody@of${(index + 1) % MANY}.example`,
});

const identify = (index: number, more: object = {}): Promise<Answer> =>
  server.call(
    'POST',
    '/api/identifications',
    { ...visitorOf(index), ...more },
    { ...clients[index]?.headers, 'x-forwarded-for': `198.51.100.${index + 1}` },
  );
const identifyAll = (more: (index: number) => object = () => ({})) =>
  indexes.map((index) => identify(index, more(index)));
const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status);
const all = (status: number) => indexes.map(() => status);

/** What is stored of those who got something. */
const storedOf = (answers: Answer[]) =>
  database.query(
    `SELECT client_id, host(ip) AS ip, url, user_agent, email, account_id, institution_id,
       expires_at - created_at = $2 * interval '1 second' AS lasts
     FROM identifications WHERE id = ANY ($1) ORDER BY array_position($1, id)`,
    [
      answers.filter(({ status }) => status === 201).map(({ body }) => body.id as string),
      server.config.identificationTtl,
    ],
  );
const expectedOf = (of: number[]) =>
  of.map((index) => ({
    client_id: clients[index]?.client.id,
    ...visitorOf(index),
    account_id: accounts[index],
    institution_id: accounts[(index + 1) % MANY],
    lasts: true,
  }));

describe('Fifty clients that ask who a visitor is, at once, from fifty addresses', () => {
  it('are each told of their own visitor, which is stored for them', async () => {
    await Promise.all(identifyAll());
    const { answers, sizes } = await askTogether(database, TOGETHER, () => identifyAll());
    expect(statusesOf(answers)).toEqual(all(201));
    expect(sizes).toEqual(batchesOf(MANY));
    expect(await storedOf(answers)).toEqual(expectedOf(indexes));
    expect(
      answers.map(({ body }) => [body.ip, body.status, body.account.id, body.user_institution.id] as unknown[]),
    ).toEqual(indexes.map((index) => [addressOf(index), 'identified', accounts[index], accounts[(index + 1) % MANY]]));
    // The same as whoever looks at it later.
    const seen = await Promise.all(
      answers.map(({ body }, index) =>
        server.call('GET', `/api/identifications/${body.id as string}`, undefined, clients[index]?.headers),
      ),
    );
    expect(seen.map(({ body }) => body as object)).toEqual(answers.map(({ body }) => body as object));
  });

  it('of whom one lost its credential meanwhile, and another its owner: these get 401 or 403, the others are told', async () => {
    const admin = await signedInAdmin(server);
    const owned = await newClient(server, { ownerId: admin.id });
    const ask = () => [...identifyAll(), server.call('POST', '/api/identifications', visitorOf(0), owned.basic)];
    await Promise.all(ask());
    // As though it was not announced: only the statement finds out.
    const lose = async () => {
      await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [admin.id]);
      await database.query('UPDATE tokens SET revoked_at = now() WHERE client_id = $1', [clients[21]?.client.id]);
      await database.query(`UPDATE oauth_clients SET scopes = '{accounts:read}' WHERE id = $1`, [
        clients[30]?.client.id,
      ]);
    };
    const { answers } = await askTogether(database, TOGETHER, ask, { meanwhile: lose });
    expect(statusesOf(answers)).toEqual([...all(201).with(21, 401).with(30, 403), 401]);
    expect(await storedOf(answers)).toEqual(expectedOf(others(21).filter((index) => index !== 30)));
    await database.query(
      'UPDATE oauth_clients SET scopes = (SELECT scopes FROM oauth_clients WHERE id = $2) WHERE id = $1',
      [clients[30]?.client.id, clients[0]?.client.id],
    );
    await database.query('UPDATE tokens SET revoked_at = NULL WHERE client_id = $1', [clients[21]?.client.id]);
  });

  it('of whom PostgreSQL refuses one: the others are told, each by a statement of its own', async () => {
    await database.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON identifications FOR EACH ROW WHEN (NEW.user_agent = 'browser 40') EXECUTE FUNCTION refuse()`);
    const { answers, sizes } = await askTogether(database, TOGETHER, () => identifyAll());
    await database.query('DROP TRIGGER refuse ON identifications; DROP FUNCTION refuse');
    expect(statusesOf(answers)).toEqual(all(201).with(40, 500));
    expect(sizes).toEqual([...batchesOf(MANY), ...Array<number>(MANY - 2).fill(1)]);
    expect(await storedOf(answers)).toEqual(expectedOf(others(40)));
  });

  it('of whom two lose the database: these get 503, the others are told', async () => {
    const { answers } = await askTogether(database, TOGETHER, () => identifyAll(), {
      meanwhile: () => endWaiting(database),
    });
    const told = indexes.filter((index) => answers[index]?.status === 201);
    expect(statusesOf(answers).sort()).toEqual([...all(201).slice(2), 503, 503]);
    expect(await storedOf(answers)).toEqual(expectedOf(told));
  });

  it('do not wait for the client of one, which somebody has locked', async () => {
    await Promise.all(identifyAll((index) => ({ email: null, url: `https://publisher.example/${index}` })));
    const lock = 'SELECT FROM oauth_clients WHERE id = $1 FOR UPDATE';
    const { late, rest } = await whileLocked(database, lock, [clients[20]?.client.id], async () => {
      const asked = identifyAll(() => ({ email: null }));
      const [late] = asked.splice(20, 1);
      return { late, rest: await Promise.all(asked) };
    });
    expect(statusesOf(rest)).toEqual(others(20).map(() => 201));
    expect((await late)?.status).toBe(201);
  });

  it('lock no account that is found, and wait for none', async () => {
    // New versions of the rows, which nobody has locked yet.
    await database.query('UPDATE accounts SET updated_at = updated_at');
    const { answers } = await askTogether(database, TOGETHER, () => identifyAll());
    expect(statusesOf(answers)).toEqual(all(201));
    const lockers = 'SELECT DISTINCT xmax::text FROM accounts WHERE id = ANY ($1)';
    expect(await database.query(lockers, [accounts])).toEqual([{ xmax: '0' }]);

    const lock = 'SELECT FROM accounts WHERE id = $1 FOR UPDATE';
    const sent = await statements.during(() =>
      whileLocked(database, lock, [accounts[20]], async () => {
        expect((await identify(20)).status).toBe(201);
      }),
    );
    expect(sent.filter(({ text }) => text !== lock)).toHaveLength(1);
  });
});

it('A visitor that nobody else asks with is identified by one statement', async () => {
  await identify(0);
  const sent = await statements.during(async () => {
    const answer = await identify(0, { email: `nobody@${randomUUID()}.example` });
    expect([answer.status, answer.body.account.id, answer.body.user_institution]).toEqual([201, accounts[0], null]);
  });
  expect(sent).toHaveLength(1);
});
