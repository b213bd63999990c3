import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeApi } from '../src/openapi/docs.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newClient, type Client } from './support/oauth.js';
import { bearer, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { Statements } from './support/statements.js';
import { rowOf, signedInAdmin, signedInUser, type User } from './support/tokens.js';

let database: TestDatabase;
let server: TestServer;
let admin: User;
let client: Client;
let statements: Statements;

beforeAll(async () => {
  statements = new Statements();
  database = await createDatabase();
  server = await startServer(database.connection, { reauthenticateAfter: 900 });
  admin = await signedInAdmin(server);
  client = await newClient(server, { ownerId: admin.id });
});

afterAll(async () => {
  await server.close();
  statements.stop();
  await database.drop();
});

const newLegacyId = () => randomBytes(12).toString('hex');

/** Gives an account a `legacy_id`, as an import does. */
async function legacy<Account extends { id: string }>(account: Account): Promise<Account & { legacyId: string }> {
  const legacyId = newLegacyId();
  await database.query('UPDATE accounts SET legacy_id = $2 WHERE id = $1', [account.id, legacyId]);
  return { ...account, legacyId };
}

const person = async () => legacy(await signUp(server));
const user = async () => legacy(await signedInUser(server));
const anAdmin = async () => legacy(await signedInAdmin(server));

async function organisation(): Promise<{ id: string; legacyId: string }> {
  const { body } = await server.call('POST', '/api/accounts', { name: `Moved ${randomUUID()}` }, client.basic);
  return legacy(body as { id: string });
}

const asAdmin = (method: string, path: string, body?: object) => server.call(method, path, body, admin.headers);
const asClient = (method: string, path: string, body?: object) => server.call(method, path, body, client.basic);

interface Route {
  route: string;
  /** Makes an account that has a `legacy_id`, and gives what asks for it by whatever id. */
  make: () => Promise<{ id: string; legacyId: string; ask: (id: string) => Promise<Answer> }>;
  status: number;
  /** What is answered for an account that is not there. */
  unknown: number;
}

const organisationRoute = (route: string, status = 200, body?: object): Route => {
  const [method = '', path = ''] = route.split(' ');
  const make = async () => ({
    ...(await organisation()),
    ask: (id: string) => asClient(method, path.replace('{id}', id), body),
  });
  return { route, make, status, unknown: 404 };
};

const adminRoute = (route: string, status: number, body?: object): Route => {
  const [method = '', path = ''] = route.split(' ');
  const make = async () => ({
    ...(await person()),
    ask: (id: string) => asAdmin(method, path.replace('{id}', id), body),
  });
  return { route, make, status, unknown: 404 };
};

const sessionRoute = (method: string, status: number): Route => ({
  route: `${method} /api/v1/accounts/{id}/sessions/{sid}`,
  make: async () => {
    const one = await person();
    const [session] = await database.query<{ id: string }>('SELECT id FROM sessions WHERE account_id = $1', [one.id]);
    return { ...one, ask: (id) => asAdmin(method, `/api/v1/accounts/${id}/sessions/${session?.id ?? ''}`) };
  },
  status,
  unknown: 404,
});

const ROUTES: Route[] = [
  {
    route: 'GET /accounts/{id} by a session',
    make: async () => {
      const one = await person();
      return { ...one, ask: (id) => server.call('GET', `/accounts/${id}`, undefined, bearer(one.token)) };
    },
    status: 200,
    unknown: 404,
  },
  {
    route: 'PUT /accounts/{id}',
    make: async () => {
      const one = await person();
      const account = { email: newEmail(), password: 'another example' };
      return { ...one, ask: (id) => server.call('PUT', `/accounts/${id}`, { account }, bearer(one.token)) };
    },
    status: 200,
    unknown: 404,
  },
  organisationRoute('GET /accounts/{id}'),
  organisationRoute('PATCH /accounts/{id}', 200, { publisher_reference: 'moved' }),
  organisationRoute('GET /api/accounts/{id}'),
  organisationRoute('PATCH /api/accounts/{id}', 200, { networks: ['192.0.2.0/24'] }),
  organisationRoute('PUT /api/accounts/{id}', 200, { email_domains: ['example.org'] }),
  organisationRoute('DELETE /api/accounts/{id}', 204),
  adminRoute('GET /api/v1/accounts/{id}', 200),
  adminRoute('PATCH /api/v1/accounts/{id}', 200, { disabled: true }),
  adminRoute('POST /api/v1/accounts/{id}/revoke', 204),
  adminRoute('DELETE /api/v1/accounts/{id}/lock', 204),
  adminRoute('DELETE /api/v1/accounts/{id}', 204),
  adminRoute('GET /api/v1/accounts/{id}/sessions', 200),
  sessionRoute('GET', 200),
  sessionRoute('DELETE', 204),
  {
    route: 'POST /api/v1/tokens/',
    make: async () => ({ ...(await person()), ask: (id) => asAdmin('POST', '/api/v1/tokens/', { user: id }) }),
    status: 201,
    unknown: 400,
  },
  {
    route: 'PATCH /api/v1/oauth_clients/{id}',
    make: async () => {
      const owned = await newClient(server, { ownerId: admin.id });
      return {
        ...(await anAdmin()),
        ask: (id) => asAdmin('PATCH', `/api/v1/oauth_clients/${owned.id}`, { owner: id }),
      };
    },
    status: 200,
    unknown: 400,
  },
];

/** Without what differs from one answer to the next. */
const shape = ({ status, body }: Answer) => ({ status, fields: Object.keys(Object(body) as object).sort() });

describe.each(ROUTES)('$route', ({ make, status, unknown }: Route) => {
  it.each([
    ['as it is', (id: string) => id],
    ['in capitals', (id: string) => id.toUpperCase()],
  ])('takes a legacy_id %s for the id of the account', async (_, spelt) => {
    const [by, other] = [await make(), await make()];
    const answer = await by.ask(spelt(by.legacyId));
    expect([answer.status, shape(answer)]).toEqual([status, shape(await other.ask(other.id))]);
  });

  it('answers for an unknown legacy_id as for an unknown id', async () => {
    const { ask } = await make();
    const { status: code, body } = await ask(newLegacyId());
    const byId = await ask(randomUUID());
    expect([code, body]).toEqual([unknown, byId.body]);
    expect(byId.status).toBe(unknown);
  });

  it('is no id with 23 or 25 hexadecimal characters', async () => {
    const { ask, legacyId } = await make();
    for (const id of [legacyId.slice(1), `${legacyId}0`]) expect((await ask(id)).status).toBe(unknown);
  });
});

describe('What is shown of an account', () => {
  it('has its legacy_id, for itself, for clients and for admins', async () => {
    const [one, institution] = [await person(), await organisation()];
    const own = await server.call('GET', `/accounts/${one.id}`, undefined, bearer(one.token));
    expect(own.body).toEqual({ data: { id: one.id, email: one.email, legacy_id: one.legacyId } });
    expect((await asAdmin('GET', `/api/v1/accounts/${one.id}`)).body).toMatchObject({ legacy_id: one.legacyId });
    for (const path of [`/accounts/${institution.id}`, `/api/accounts/${institution.id}`]) {
      expect((await asClient('GET', path)).body).toMatchObject({ id: institution.id, legacy_id: institution.legacyId });
    }
    expect(server.answers.undescribed()).toEqual([]);
  });

  it('has none where there is none, and document 001 has its answer to the letter', async () => {
    const { id, email, token } = await signUp(server);
    expect((await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).body).toEqual({
      data: { id, email },
    });
    expect((await asAdmin('GET', `/api/v1/accounts/${id}`)).body).toMatchObject({ legacy_id: null });
  });

  it('has it where an identification found it', async () => {
    const { id, legacyId } = await organisation();
    await asClient('PATCH', `/api/accounts/${legacyId}`, { networks: ['198.51.100.77'] });
    const visitor = { ip: '198.51.100.77', url: 'https://publisher.example/', user_agent: 'test' };
    const { body } = await asClient('POST', '/api/identifications', visitor);
    expect(body).toMatchObject({ account: { id, legacy_id: legacyId }, target_account: { id, legacy_id: legacyId } });
  });

  it('has an ETag with which PUT goes on, whatever it is called by', async () => {
    const { legacyId, token, id } = await person();
    const shown = await server.call('GET', `/accounts/${id}`, undefined, bearer(token));
    const headers = { ...bearer(token), 'if-match': shown.headers.get('etag') ?? '' };
    const account = { email: newEmail(), password: 'another example' };
    expect((await server.call('PUT', `/accounts/${legacyId}`, { account }, headers)).status).toBe(200);
  });
});

describe('Guards, events and what is stored', () => {
  const subjectsOf = async (kind: string) =>
    (
      await database.query<{ subject: string }>(
        'SELECT subject FROM audit_events WHERE kind = $1 ORDER BY at DESC LIMIT 1',
        [kind],
      )
    ).map(({ subject }) => subject);

  it('know their own account by its legacy_id: what asks for the password again asks for it', async () => {
    const own = await anAdmin();
    await database.query(`UPDATE tokens SET created_at = now() - interval '1 hour' WHERE account_id = $1`, [own.id]);
    for (const id of [own.id, own.legacyId]) {
      const { status, body } = await server.call('POST', `/api/v1/accounts/${id}/revoke`, {}, own.headers);
      expect([status, JSON.stringify(body)]).toEqual([403, expect.stringContaining('current_password')]);
    }
  });

  it('know the acting admin: nobody gets a token on behalf of themself', async () => {
    const own = await anAdmin();
    const ask = (id: string) => server.call('POST', '/api/v1/tokens/', { user: id }, own.headers);
    const [byId, byLegacyId] = [await ask(own.id), await ask(own.legacyId)];
    expect([byLegacyId.status, byLegacyId.body]).toEqual([400, byId.body]);
  });

  it('show no other account to a session', async () => {
    const [one, other] = [await person(), await person()];
    const { status } = await server.call('GET', `/accounts/${other.legacyId}`, undefined, bearer(one.token));
    expect(status).toBe(404);
    const account = { email: newEmail(), password: 'another example' };
    const put = await server.call('PUT', `/accounts/${other.legacyId}`, { account }, bearer(one.token));
    expect(put.status).toBe(404);
    const [row] = await database.query<{ email: string }>('SELECT email FROM accounts WHERE id = $1', [other.id]);
    expect(row?.email).toBe(other.email);
  });

  it('have the id: the event of a change, the owner of a token, the owner of a client', async () => {
    const [one, owner, institution] = [await user(), await anAdmin(), await organisation()];
    await asAdmin('PATCH', `/api/v1/accounts/${one.legacyId}`, { name: `Renamed ${randomUUID()}` });
    expect(await subjectsOf('account.changed')).toEqual([one.id]);
    await asClient('PUT', `/api/accounts/${institution.legacyId}`, { publisher_reference: 'x' });
    expect(await subjectsOf('account.changed')).toEqual([institution.id]);
    const { body } = await asAdmin('POST', '/api/v1/tokens/', { user: one.legacyId.toUpperCase() });
    expect(await rowOf(database, (body as { token: string }).token)).toMatchObject({
      account_id: one.id,
      actor_id: admin.id,
    });
    const { id } = await newClient(server, { ownerId: admin.id });
    await asAdmin('PATCH', `/api/v1/oauth_clients/${id}`, { owner: owner.legacyId });
    const rows = await database.query('SELECT account_id FROM oauth_clients WHERE id = $1', [id]);
    expect(rows).toEqual([{ account_id: owner.id }]);
  });

  it('forget at once what is disabled by its legacy_id', async () => {
    const one = await user();
    expect((await server.call('GET', '/api/v1/tokens/', undefined, one.headers)).status).toBe(200);
    expect((await asAdmin('PATCH', `/api/v1/accounts/${one.legacyId}`, { disabled: true })).status).toBe(200);
    expect((await server.call('GET', '/api/v1/tokens/', undefined, one.headers)).status).toBe(401);
  });
});

describe('Filters', () => {
  it('find an account by its legacy_id, and nothing by an unknown one', async () => {
    const one = await person();
    const idsOf = async (id: string) =>
      ((await asAdmin('GET', `/api/v1/accounts/?id=${id}`)).body as { accounts: { id: string }[] }).accounts.map(
        ({ id: found }) => found,
      );
    expect(await idsOf(one.legacyId)).toEqual([one.id]);
    expect(await idsOf(newLegacyId())).toEqual([]);
  });

  it('find what was done by, to and on behalf of an account', async () => {
    const one = await user();
    const { body } = await asAdmin('POST', '/api/v1/tokens/', { user: one.id });
    const acting = { 'app-token': one.appToken, token: (body as { token: string }).token };
    await server.call('POST', '/api/v1/app_tokens/', {}, acting);
    const [byAdmin] = [await legacy(admin)];
    const found = async (query: string) =>
      ((await asAdmin('GET', `/api/v1/audit_events/?${query}`)).body as { audit_events: object[] }).audit_events;
    const isTokenIssued = expect.objectContaining({ kind: 'token.issued' }) as object;
    expect(await found(`on_behalf_of=${one.legacyId}&kind=token.issued`)).toContainEqual(isTokenIssued);
    expect(await found(`actor=${byAdmin.legacyId}&kind=token.issued`)).toContainEqual(isTokenIssued);
    await asAdmin('PATCH', `/api/v1/accounts/${one.id}`, { name: `Renamed ${randomUUID()}` });
    expect(await found(`subject=${one.legacyId}&kind=account.changed`)).toHaveLength(1);
    for (const name of ['on_behalf_of', 'actor', 'subject'])
      expect([name, await found(`${name}=${newLegacyId()}`)]).toEqual([name, []]);
  });

  it('name the account by its id in the event that somebody has read the audit log', async () => {
    const one = await person();
    await asAdmin('GET', `/api/v1/audit_events/?subject=${one.legacyId}`);
    const events = await database.query<{ details: object }>(
      `SELECT details FROM audit_events WHERE kind = 'audit.read' ORDER BY at DESC LIMIT 1`,
    );
    expect(events).toEqual([{ details: { subject: one.id } }]);
  });

  it('choose an institution on the WAYF page', async () => {
    const { id, legacyId } = await organisation();
    await asClient('PATCH', `/api/accounts/${id}`, { email_domains: ['moved.example'] });
    const visitor = { ip: '192.0.2.250', url: 'https://publisher.example/', user_agent: 'test' };
    const { body } = await asClient('POST', '/api/identifications', visitor);
    const page = (institution: string) =>
      server.call('GET', `/wayf/${(body as { id: string }).id}?institution=${institution}`);
    const [byId, byLegacyId] = [await page(id), await page(legacyId)];
    expect([byLegacyId.status, byLegacyId.body]).toEqual([200, byId.body]);
    expect((await page(newLegacyId())).status).toBe(404);
  });
});

it('An id that is a UUID costs no statement more, and a legacy_id one', async () => {
  const one = await person();
  const asked = async (id: string) => {
    const sent = await statements.during(() => asAdmin('GET', `/api/v1/accounts/${id}`));
    return sent.filter(({ text }) => text.includes('accounts')).map(({ text }) => text);
  };
  // Both have been asked before: what is remembered of the caller is not asked again.
  await asked(one.id);
  const [byId, byLegacyId] = [await asked(one.id), await asked(one.legacyId)];
  expect(byLegacyId).toEqual(['SELECT id FROM accounts WHERE legacy_id = $1', ...byId]);
});

interface Described {
  paths: Record<string, Record<string, { parameters?: { name: string; in: string; schema: { pattern?: string } }[] }>>;
}

it('OpenAPI describes the legacy_id at every path that has the id of an account', () => {
  const { paths } = describeApi(server.app, 'http://latchkey.test') as unknown as Described;
  const patterns = Object.entries(paths)
    .filter(([path]) => path.includes('accounts/{id}'))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [] }]) => [
        `${method} ${path}`,
        parameters.find((one) => one.name === 'id' && one.in === 'path')?.schema.pattern,
      ]),
    );
  expect(patterns.length).toBeGreaterThan(14);
  for (const [route, pattern] of patterns) {
    const takes = new RegExp(pattern ?? '^$');
    expect([route, takes.test(newLegacyId()), takes.test(randomUUID()), takes.test('x')]).toEqual([
      route,
      true,
      true,
      false,
    ]);
  }
});
