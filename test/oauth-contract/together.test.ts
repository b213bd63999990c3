import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ClientGrantStore } from '../../src/tokens/client-grants.store.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { waiting, whileLocked } from '../support/locks.js';
import { newClient, postForm, type Client } from '../support/oauth.js';
import { bearer, startServer, type Answer, type TestServer } from '../support/server.js';
import { signedInAdmin } from '../support/tokens.js';

/** Tokens that clients ask for at the same moment are made by one statement. */
let database: TestDatabase;
let server: TestServer;
let clients: Client[];

const MANY = 50;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { trustProxy: 1, rateLimitPerMinute: 0 });
  clients = await Promise.all(Array.from({ length: MANY }, () => newClient(server)));
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const addressOf = (index: number) => `198.51.100.${index + 1}`;
const ask = (client: Client, index = 0, form: Record<string, string> = {}): Promise<Answer> =>
  postForm(
    server,
    '/oauth/token',
    { grant_type: 'client_credentials', ...form },
    { ...client.basic, 'x-forwarded-for': addressOf(index) },
  );

/** What all of them are answered who ask at once. @returns also how many batches were made of it */
async function askAtOnce(asked: () => Promise<Answer>[]): Promise<{ answers: Answer[]; sizes: number[] }> {
  const grantAll = jest.spyOn(server.app.get(ClientGrantStore), 'grantAll');
  const answers = await Promise.all(asked());
  const sizes = grantAll.mock.calls.map(([grants]) => grants.length);
  grantAll.mockRestore();
  return { answers, sizes };
}

describe('Fifty clients that ask at once, from fifty addresses', () => {
  it('are each given a token of their own, and each event names who asked, from where, and by which request', async () => {
    // What is remembered of them was looked up one by one.
    await Promise.all(clients.map((client) => ask(client)));
    const { answers, sizes } = await askAtOnce(() => clients.map((client, index) => ask(client, index)));
    expect(answers.map(({ status }) => status)).toEqual(clients.map(() => 200));
    expect(Math.max(...sizes)).toBeGreaterThan(1);
    const events = await database.query(
      `SELECT e.client_id AS client, e.address, e.request_id AS request, e.outcome, e.details, t.client_id AS owner, e.actor_id AS actor
       FROM audit_events e JOIN tokens t ON t.id::text = e.subject WHERE e.kind = 'token.issued' AND e.request_id = ANY ($1) ORDER BY e.request_id`,
      [answers.map(({ headers }) => headers.get('x-request-id'))],
    );
    const expected = clients.map(({ id }, index) => ({
      client: id,
      address: addressOf(index),
      request: answers[index]?.headers.get('x-request-id'),
      outcome: 'success',
      details: { kind: 'oauth', scopes: (answers[index]?.body.scope as string).split(' ') },
      owner: id,
      actor: null,
    }));
    expect(events).toEqual(expected.sort((one, other) => (String(one.request) < String(other.request) ? -1 : 1)));
    const opened = await Promise.all(
      answers.map(({ body }) => server.call('GET', '/api/accounts', undefined, bearer(body.access_token as string))),
    );
    expect(opened.map(({ status }) => status)).toEqual(clients.map(() => 200));
  });

  it('are each refused or not by themselves: a scope that one does not have, a secret that was deleted meanwhile', async () => {
    const [narrow, ended, ...others] = clients as [Client, Client, ...Client[]];
    await ask(ended);
    const { answers } = await askAtOnce(() => {
      const asked = [ask(narrow, 0, { scope: 'accounts:nothing' }), ...others.map((client) => ask(client))];
      return [...asked, ask(ended)];
    });
    expect(answers.map(({ status }) => status)).toEqual([400, ...others.map(() => 200), 200]);
    await database.query('DELETE FROM oauth_client_secrets WHERE client_id = $1', [ended.id]);
    const after = await askAtOnce(() => [ended, ...others].map((client) => ask(client)));
    expect(after.answers.map(({ status }) => status)).toEqual([401, ...others.map(() => 200)]);
  });

  it('do not wait for one that is being deleted, which is refused when it is gone', async () => {
    const [gone, ...others] = clients.slice(10) as [Client, ...Client[]];
    await ask(gone);
    const statuses = await whileLocked(
      database,
      'SELECT FROM oauth_clients WHERE id = $1 FOR UPDATE',
      [gone.id],
      async () => {
        // In the middle, so that it is in a batch with others.
        const asked = [...others.slice(0, 20), gone, ...others.slice(20)].map((client) => ask(client));
        const late = asked.splice(20, 1)[0];
        const rest = await Promise.all(asked);
        await waiting(database, 1);
        return { late, rest: rest.map(({ status }) => status) };
      },
    );
    expect(statuses.rest).toEqual(others.map(() => 200));
    expect((await statuses.late)?.status).toBe(200);
  });

  it('of whom the owner of one is disabled meanwhile: that one is refused, the others get theirs', async () => {
    const owner = await signedInAdmin(server);
    const own = await newClient(server, { scopes: ['accounts:read'], ownerId: owner.id });
    await ask(own);
    // As though it was not announced: only the statement finds out.
    await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [owner.id]);
    const others = clients.slice(10);
    const { answers } = await askAtOnce(() => [own, ...others].map((client) => ask(client)));
    expect(answers.map(({ status }) => status)).toEqual([401, ...others.map(() => 200)]);
  });
});
