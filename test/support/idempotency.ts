import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from '@jest/globals';
import { createDatabase, type TestDatabase } from './database.js';
import { newClient, type Client } from './oauth.js';
import { newEmail, startServer, type Answer, type TestServer } from './server.js';
import { signedInAdmin, signedInUser, type User } from './tokens.js';

/** Two servers on one database, an admin, a user and a client. */
export let database: TestDatabase;
export let server: TestServer;
export let replica: TestServer;
export let admin: User;
export let user: User;
export let client: Client;

export function withTwoServers(): void {
  beforeAll(async () => {
    database = await createDatabase();
    server = await startServer(database.connection);
    replica = await startServer(database.connection);
    admin = await signedInAdmin(server);
    user = await signedInUser(server);
    client = await newClient(server, { ownerId: admin.id });
  });

  afterAll(async () => {
    await replica.close();
    await server.close();
    await database.drop();
  });
}

type Headers = Record<string, string>;

/** A route that takes a key: what is sent to it, and where what it makes is counted. */
export interface Making {
  route: string;
  path: () => string;
  headers: () => Headers;
  /** Two of them differ. */
  body: () => object;
  counted: string;
}

let count = 0;
const next = () => (count += 1);
const newOrganisation = () => ({ name: `Organisation ${next()} of ${process.pid}` });
let clientWithSecrets = '';

export const MAKINGS: Making[] = [
  [
    '/accounts',
    () => ({}),
    () => ({ account: { email: newEmail(), password: 'example', remember_me: true } }),
    'accounts',
  ],
  ['/api/v1/accounts/', () => admin.headers, () => ({ email: newEmail(), password: 'example' }), 'accounts'],
  ['/api/v1/accounts/import', () => admin.headers, () => ({ records: [{ email: newEmail() }] }), 'accounts'],
  ['/api/accounts', () => client.basic, newOrganisation, 'accounts'],
  ['/api/v1/app_tokens/', () => user.headers, () => ({ seconds_until_expire: 1_000 + next() }), 'tokens'],
  ['/api/v1/tokens/', () => admin.headers, () => ({ user: user.id, seconds_until_expire: 1_000 + next() }), 'tokens'],
  [
    '/api/v1/token/',
    () => ({ 'app-token': user.appToken }),
    () =>
      next() % 2 === 0
        ? { username: user.email, password: user.password }
        : { username: admin.email, password: admin.password },
    'tokens',
  ],
  [
    '/v1/frontend/auth',
    () => ({ 'app-token': admin.appToken }),
    () => ({ account_id: `${next()}`, description: 'A key' }),
    'tokens',
  ],
  [
    '/oauth/v2/token',
    () => client.basic,
    () => (next() % 2 === 0 ? { scope: 'accounts:read' } : { scope: 'identifications' }),
    'tokens',
  ],
  [
    '/api/v1/oauth_clients/',
    () => admin.headers,
    () => ({ name: `Client ${next()}`, scopes: ['accounts:read'] }),
    'oauth_clients',
  ],
  [
    '/api/identifications',
    () => client.basic,
    () => ({ ip: `192.0.2.${next() % 250}`, url: 'https://publisher.example/', user_agent: 'test' }),
    'identifications',
  ],
].map(([route, headers, body, counted]) => ({ route, path: () => route, headers, body, counted }) as Making);

export function making(route: string): Making {
  const found = MAKINGS.find((one) => one.route === route);
  if (!found) throw new Error(`${route} makes nothing.`);
  return found;
}

/** Makes a secret, of which a client has two at most. */
export const SECRET: Making = {
  route: '/api/v1/oauth_clients/{id}/secrets',
  path: () => `/api/v1/oauth_clients/${clientWithSecrets}/secrets`,
  headers: () => admin.headers,
  body: () => ({}),
  counted: 'oauth_client_secrets',
};

/** A client that has one secret so far. */
export async function withOneSecret(): Promise<void> {
  clientWithSecrets = (await newClient(server, { ownerId: admin.id })).id;
}

export const newKey = () => randomUUID();

export const send = (
  { path, headers }: Making,
  body: unknown,
  key: string,
  at: Pick<TestServer, 'call'> = server,
  more: Headers = {},
): Promise<Answer> => at.call('POST', path(), body, { ...headers(), ...more, 'idempotency-key': key });

export async function countOf({ counted }: Pick<Making, 'counted'>): Promise<number> {
  const [row] = await database.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${counted}`);
  return row?.count ?? -1;
}

/** Whether it is the first answer, or the same again. */
export const isReplay = ({ headers }: Answer) => headers.get('idempotent-replayed') === 'true';

/** The headers that are the same in the first answer and when it is given again. */
export const lastingHeaders = ({ headers }: Answer) =>
  Object.fromEntries(
    [...headers].filter(([name]) => !/^(date|x-request-id|ratelimit.*|idempotent-replayed)$/.test(name)),
  );

export const shown = ({ status, body, headers }: Answer) => ({
  status,
  body: body as unknown,
  type: headers.get('content-type'),
  location: headers.get('location'),
});
