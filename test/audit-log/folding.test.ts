import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditLog } from '../../src/audit-log/audit-log.service.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { newEmail, signUp, startServer, type TestServer } from '../support/server.js';
import { newAppToken, rowOf, signedInAdmin } from '../support/tokens.js';

let database: TestDatabase;
let server: TestServer;

const start = () => startServer(database.connection, { trustProxy: 1, loginMaxFailures: 1_000 });

beforeAll(async () => {
  database = await createDatabase();
  server = await start();
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

beforeEach(async () => {
  await nextMinute();
  seen = (await database.query<{ id: string }>('SELECT id FROM audit_events')).map(({ id }) => id);
});

let seen: string[] = [];

const nextMinute = () => server.app.get(AuditLog).flush();

const failToSignIn = async (email: string, address: string, at = server) => {
  const account = { email, password: 'wrong password' };
  const { status } = await at.call('POST', '/account/session', { account }, { 'x-forwarded-for': address });
  expect(status).toBe(401);
};

interface Failure {
  address: string | null;
  subject: string | null;
  email: string | null;
  details: Record<string, unknown>;
}

/** The failed sign-ins that this test has left, in the order of their addresses. */
const failures = () =>
  database.query<Failure & Record<string, unknown>>(
    `SELECT address, subject, email, details FROM audit_events e LEFT JOIN audit_emails m ON m.event_id = e.id
     WHERE kind = 'sign_in' AND outcome = 'failure' AND e.id <> ALL ($1) ORDER BY address, details::text`,
    [seen],
  );

describe('Failures of one kind from one address, in one minute', () => {
  it('are one event as it is, and one with the count of the others, whatever the account', async () => {
    const [one, other] = [await signUp(server), await signUp(server)];
    for (const email of [one.email, one.email, other.email, newEmail(), one.email])
      await failToSignIn(email, '192.0.2.1');
    const first = { address: '192.0.2.1', subject: one.id, email: one.email, details: {} };
    expect(await failures()).toEqual([first]);
    await nextMinute();
    const subjects = { [one.id]: 2, [other.id]: 1, none: 1 };
    const others = { address: '192.0.2.1', subject: null, email: null, details: { folded: 4, subjects } };
    expect(await failures()).toEqual([others, first]);
  });

  it('are found by the account, if they are all against one', async () => {
    const { id, email } = await signUp(server);
    for (let time = 0; time < 4; time += 1) await failToSignIn(email, '192.0.2.2');
    await nextMinute();
    expect(await failures()).toEqual([
      { address: '192.0.2.2', subject: id, email: null, details: { folded: 3 } },
      { address: '192.0.2.2', subject: id, email, details: {} },
    ]);
  });

  it('are told apart from those from elsewhere, and a /64 is one address', async () => {
    const { email } = await signUp(server);
    const from = ['2001:db8:0:1::1', '2001:db8:0:1:2::3', '2001:db8:0:1:ffff::4', '2001:db8:0:2::1', '192.0.2.3'];
    for (const address of from) await failToSignIn(email, address);
    await nextMinute();
    const seenFrom = (await failures()).map(({ address, details }) => [address, details.folded ?? 1]);
    expect(seenFrom).toEqual([
      ['192.0.2.3', 1],
      ['2001:db8:0:1::/64', 2],
      ['2001:db8:0:1::1', 1],
      ['2001:db8:0:2::1', 1],
    ]);
  });

  it('are as it is again in the next minute', async () => {
    const { email } = await signUp(server);
    for (let minute = 0; minute < 3; minute += 1) {
      await failToSignIn(email, '192.0.2.4');
      await nextMinute();
    }
    expect((await failures()).map(({ details }) => details)).toEqual([{}, {}, {}]);
  });

  it('are counted when the database could not take them, with those of the next minute', async () => {
    const { email } = await signUp(server);
    for (let time = 0; time < 3; time += 1) await failToSignIn(email, '192.0.2.5');
    await database.query('ALTER TABLE audit_events ADD CONSTRAINT full_up CHECK (false) NOT VALID');
    await nextMinute();
    await database.query('ALTER TABLE audit_events DROP CONSTRAINT full_up');
    await failToSignIn(email, '192.0.2.5');
    await nextMinute();
    expect((await failures()).map(({ details }) => details)).toEqual([{ folded: 3 }, {}]);
  });

  it('are written when the server stops', async () => {
    const { email } = await signUp(server);
    const stopped = await start();
    for (let time = 0; time < 6; time += 1) await failToSignIn(email, '192.0.2.6', stopped);
    await stopped.close();
    expect((await failures()).map(({ details }) => details)).toEqual([{ folded: 5 }, {}]);
  });

  it('are told apart by the application that caused them, each of which has its first one and its count', async () => {
    const admin = await signedInAdmin(server);
    const tokens = await Promise.all([0, 1, 2].map(() => newAppToken(server, admin)));
    for (const token of tokens)
      for (let time = 0; time < 3; time += 1) {
        const { status } = await server.call('GET', '/v1/frontend/auth/acc1', undefined, { 'app-token': token });
        expect(status).toBe(403);
      }
    await nextMinute();
    const told = await database.query<{ app: string; details: { folded?: number } }>(
      `SELECT app_token_id AS app, details FROM audit_events WHERE outcome = 'refused' AND id <> ALL ($1)`,
      [seen],
    );
    const rows = await Promise.all(tokens.map((token) => rowOf(database, token)));
    expect(told.map(({ app, details }) => `${app} ${details.folded ?? 1}`).sort()).toEqual(
      rows.flatMap(({ id }) => [`${id} 1`, `${id} 2`]).sort(),
    );
  });

  it('take so many rows, however many there are at once', async () => {
    await Promise.all(Array.from({ length: 60 }, () => failToSignIn(newEmail(), '192.0.2.7')));
    await nextMinute();
    expect((await failures()).map(({ details }) => details)).toEqual([{ folded: 59 }, {}]);
  });
});
