import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { startServer, type Answer, type TestServer } from './support/server.js';
import { askTogether, batchesOf, endWaiting } from './support/together.js';
import { rowOf, signedInAdmin, signedInUser, type User } from './support/tokens.js';

/** The records that admins look at at the same moment are read, and noted, by one statement. */
let database: TestDatabase;
let server: TestServer;
let admins: User[];
let users: User[];
/** One more. */
let user: User;

const MANY = 20;
const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const TOGETHER = {
  lock: 'LOCK TABLE tokens IN ACCESS EXCLUSIVE MODE',
  isMeant: (item: object) => 'event' in item && 'name' in item,
};

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { trustProxy: 1 }, {}, { runsBackgroundJobs: false });
  const numbers = Array.from({ length: MANY }, (_, index) => index);
  admins = await Promise.all(numbers.map(() => signedInAdmin(server)));
  users = await Promise.all(numbers.map(() => signedInUser(server)));
  user = await signedInUser(server);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const addressOf = (index: number) => `198.51.100.${index + 1}`;
const idOf = async (secret: string) => (await rowOf(database, secret)).id;

/** Looks at something as one of the admins, from an address of their own. */
const look = (index: number, path: string) =>
  server.call('GET', path, undefined, { ...(admins[index]?.headers ?? {}), 'x-forwarded-for': addressOf(index) });
/** So that nothing else has to be looked up: who asks, and whether an id may be a secret of another service. */
const remembered = () => Promise.all(admins.map((_, index) => look(index, `/api/v1/tokens/${UNKNOWN}`)));

const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status);
const requestOf = ({ headers }: Answer) => headers.get('x-request-id');
const all = <T>(value: T) => Array<T>(MANY).fill(value);

/** What was noted of what was answered. */
const notedOf = (answers: Answer[]) =>
  database.query(
    `SELECT kind, subject, address, actor_id AS actor, outcome, array_position($1, request_id) - 1 AS place FROM audit_events
     WHERE request_id = ANY ($1) ORDER BY array_position($1, request_id)`,
    [answers.map(requestOf)],
  );
const eventOf = (index: number, subject: string | undefined) => ({
  kind: 'token.read',
  subject,
  address: addressOf(index),
  actor: admins[index]?.id,
  outcome: 'success',
  place: index,
});

describe('Twenty admins who look at a token at once, from twenty addresses', () => {
  it('see one each, and each event names who looked at which, and from where', async () => {
    await remembered();
    const ids = await Promise.all(users.map(({ token }) => idOf(token)));
    const { answers, sizes } = await askTogether(database, TOGETHER, () =>
      ids.map((id, index) => look(index, `/api/v1/tokens/${index % 2 === 0 ? id : id.toUpperCase()}`)),
    );
    expect(statusesOf(answers)).toEqual(all(200));
    expect(sizes).toEqual(batchesOf(MANY));
    expect(answers.map(({ body }) => body.id as string)).toEqual(ids);
    expect(await notedOf(answers)).toEqual(ids.map((id, index) => eventOf(index, id)));
  });

  it('by its secret, see one each as well', async () => {
    await remembered();
    const ids = await Promise.all(users.map(({ appToken }) => idOf(appToken)));
    const { answers } = await askTogether(database, TOGETHER, () =>
      users.map(({ appToken }, index) => look(index, `/api/v1/app_tokens/${appToken}`)),
    );
    expect(statusesOf(answers)).toEqual(all(200));
    expect(await notedOf(answers)).toEqual(ids.map((id, index) => eventOf(index, id)));
  });

  it('all at the same one: each is noted', async () => {
    await remembered();
    const id = await idOf(user.token);
    const { answers } = await askTogether(database, TOGETHER, () =>
      admins.map((_, index) => look(index, `/api/v1/tokens/${id}`)),
    );
    expect(statusesOf(answers)).toEqual(all(200));
    expect(await notedOf(answers)).toEqual(admins.map((_, index) => eventOf(index, id)));
  });

  it('of whom some ask for what is not there, is of another kind, or has been revoked: these get 404, and nothing is noted of them', async () => {
    await remembered();
    const ids = await Promise.all(users.map(({ token }) => idOf(token)));
    const asked = [...ids];
    asked[3] = UNKNOWN;
    asked[4] = await idOf(user.appToken);
    asked[5] = await idOf((await signedInUser(server)).token);
    await database.query('UPDATE tokens SET revoked_at = now() WHERE id = $1', [asked[5]]);
    const { answers } = await askTogether(database, TOGETHER, () =>
      asked.map((id, index) => look(index, `/api/v1/tokens/${id}`)),
    );
    expect(statusesOf(answers)).toEqual(all(200).map((status, index) => ([3, 4, 5].includes(index) ? 404 : status)));
    const seen = ids.map((id, index) => eventOf(index, id)).filter(({ place }) => ![3, 4, 5].includes(place));
    expect(await notedOf(answers)).toEqual(seen);
  });

  it('of whom two lose the database: these get 503 and nothing is noted of them, the others see theirs', async () => {
    await remembered();
    const ids = await Promise.all(users.map(({ token }) => idOf(token)));
    const { answers } = await askTogether(
      database,
      TOGETHER,
      () => ids.map((id, index) => look(index, `/api/v1/tokens/${id}`)),
      { meanwhile: () => endWaiting(database) },
    );
    expect(statusesOf(answers).sort()).toEqual([...all(200).slice(2), 503, 503]);
    const seen = answers.flatMap(({ status }, index) => (status === 200 ? [eventOf(index, ids[index])] : []));
    expect(await notedOf(answers)).toEqual(seen);
  });
});

it('An ordinary user who looks at a token of their own waits for no event, and none is noted', async () => {
  const { status, headers } = await server.call(
    'GET',
    `/api/v1/tokens/${await idOf(user.token)}`,
    undefined,
    user.headers,
  );
  expect(status).toBe(200);
  expect(
    await database.query('SELECT kind FROM audit_events WHERE request_id = $1', [headers.get('x-request-id')]),
  ).toEqual([]);
});
