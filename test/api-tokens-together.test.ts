import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bearer, startServer, type Answer, type TestServer } from './support/server.js';
import { askTogether, batchesOf, endWaiting } from './support/together.js';
import { makeAdmin, type Admin } from './support/tokens.js';

/** API tokens that applications make at the same moment are made, with their events, by one statement. */
let database: TestDatabase;
let server: TestServer;
let applications: Admin[];

const MANY = 50;
const TOGETHER = {
  lock: 'LOCK TABLE tokens IN SHARE MODE',
  isMeant: (item: object) => 'token' in item && 'expiresAt' in item,
};

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { trustProxy: 1 }, {}, { runsBackgroundJobs: false });
  applications = await Promise.all(Array.from({ length: MANY }, () => makeAdmin(server)));
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const addressOf = (index: number) => `198.51.100.${index + 1}`;

function make(application: Admin, index: number, more: object = {}): Promise<Answer> {
  const body = { account_id: `GATEWAY ${index}`, description: `token ${index}`, ...more };
  const headers = { 'app-token': application.appToken, 'x-forwarded-for': addressOf(index) };
  return server.call('POST', '/v1/frontend/auth', body, headers);
}

/** As all of them are remembered. */
const makeAll = (more: (index: number) => object = () => ({})) =>
  applications.map((application, index) => make(application, index, more(index)));
const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status);
const all = (status: number) => applications.map(() => status);
const requestOf = ({ headers }: Answer) => headers.get('x-request-id');

interface Made {
  account: string;
  description: string;
  app: string;
  address: string;
  request: string;
  outcome: string;
  details: object;
}

/** What is stored of what was answered: tokens and their events. */
const storedOf = (answers: Answer[]) =>
  database.query<Made>(
    `SELECT t.gateway_account_id AS account, t.description, a.account_id AS app, e.address, e.request_id AS request, e.outcome, e.details
     FROM audit_events e JOIN tokens t ON t.id::text = e.subject JOIN tokens a ON a.id = e.app_token_id
     WHERE e.kind = 'token.issued' AND e.request_id = ANY ($1) ORDER BY array_position($1, e.request_id)`,
    [answers.map(requestOf)],
  );
const expectedOf = (answers: Answer[], indexes = answers.map((_, index) => index)) =>
  indexes.map((index) => ({
    account: `GATEWAY ${index}`,
    description: `token ${index}`,
    app: applications[index]?.id,
    address: addressOf(index),
    request: answers[index] && requestOf(answers[index]),
    outcome: 'success',
    details: { kind: 'api', gateway_account: `GATEWAY ${index}` },
  }));
const others = (left: number) => applications.map((_, index) => index).filter((index) => index !== left);

describe('Fifty applications that make an API token at once, from fifty addresses', () => {
  it('get one each, and each event names who asked, from where, and by which request', async () => {
    await Promise.all(makeAll());
    const { answers, sizes } = await askTogether(database, TOGETHER, () => makeAll());
    expect(statusesOf(answers)).toEqual(all(200));
    expect(sizes).toEqual(batchesOf(MANY));
    expect(await storedOf(answers)).toEqual(expectedOf(answers));
    const opened = await Promise.all(
      answers.map(({ body }) => server.call('GET', '/v1/api/auth', undefined, bearer(body.token as string))),
    );
    expect(opened.map(({ body }) => (body as { account_id: string }).account_id)).toEqual(
      applications.map((_, index) => `GATEWAY ${index}`),
    );
  });

  it('of whom the account of one is disabled meanwhile: that one gets 401, the others get theirs', async () => {
    const application = applications[20];
    await Promise.all(makeAll());
    // As though it was not announced: only the statement finds out.
    const disable = () => database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [application?.id]);
    const { answers } = await askTogether(database, TOGETHER, () => makeAll(), { meanwhile: disable });
    expect(statusesOf(answers)).toEqual(all(200).with(20, 401));
    expect(await storedOf(answers)).toEqual(expectedOf(answers, others(20)));
    await database.query('UPDATE accounts SET disabled_at = NULL WHERE id = $1', [application?.id]);
  });

  it('of whom one asks for a token that would have expired: that one gets 400, and nothing is stored of it', async () => {
    await Promise.all(makeAll());
    const past = (index: number) => (index === 30 ? { expires_at: '2020-01-01T00:00:00Z' } : {});
    const { answers } = await askTogether(database, TOGETHER, () => makeAll(past));
    expect(statusesOf(answers)).toEqual(all(200).with(30, 400));
    expect(await storedOf(answers)).toEqual(expectedOf(answers, others(30)));
  });

  it('of whom PostgreSQL refuses one: the others get theirs, each by a statement of its own', async () => {
    await Promise.all(makeAll());
    await database.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON tokens FOR EACH ROW WHEN (NEW.description = 'token 40') EXECUTE FUNCTION refuse()`);
    const { answers, sizes } = await askTogether(database, TOGETHER, () => makeAll());
    await database.query('DROP TRIGGER refuse ON tokens; DROP FUNCTION refuse');
    expect(statusesOf(answers)).toEqual(all(200).with(40, 500));
    expect(sizes).toEqual([...batchesOf(MANY), ...Array<number>(MANY - 2).fill(1)]);
    expect(await storedOf(answers)).toEqual(expectedOf(answers, others(40)));
  });

  it('of whom two lose the database: these get 503 and no token, the others get theirs', async () => {
    await Promise.all(makeAll());
    const { answers } = await askTogether(database, TOGETHER, () => makeAll(), {
      meanwhile: () => endWaiting(database),
    });
    const got = others(-1).filter((index) => answers[index]?.status === 200);
    expect(statusesOf(answers).sort()).toEqual([...all(200).slice(2), 503, 503]);
    expect(await storedOf(answers)).toEqual(expectedOf(answers, got));
  });
});

it('One that nobody else asks with waits for nobody', async () => {
  const [application] = applications as [Admin];
  const { answers, sizes } = await askTogether(database, TOGETHER, () => [make(application, 0)]);
  expect([statusesOf(answers), sizes]).toEqual([[200], [1]]);
});
