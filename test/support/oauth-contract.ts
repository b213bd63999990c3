import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { CLIENT_SCOPE_NAMES } from '../../src/access/client-scopes.js';
import { createDatabase, type TestDatabase } from './database.js';
import { basic, newClient, postForm, type Client } from './oauth.js';
import { startServer, type Answer, type TestServer } from './server.js';
import { signedInAdmin, type User } from './tokens.js';

/** The OAuth2 part of seed 000, and what the design adds: clients, their tokens, introspection and revocation. */
export let database: TestDatabase;
export let server: TestServer;
export let admin: User;
/** May ask what tokens are. */
export let asker: Client;

/** Failed attempts of one client from one address. */
export const MOST_FAILURES = 20;

/** A server on a database of the suite's own, an admin, and a client that asks about tokens. */
export function withAsker(): void {
  beforeAll(async () => {
    database = await createDatabase();
    server = await startServer(database.connection, { loginMaxFailures: MOST_FAILURES, trustProxy: 1 });
    admin = await signedInAdmin(server);
    asker = await newClient(server, { scopes: ['tokens:introspect'] });
  });

  afterAll(async () => {
    await server.close();
    await database.drop();
  });
}

export type Headers = Record<string, string>;
export const HOUR = 3_600;
export const GRANT = { grant_type: 'client_credentials' };
export const INACTIVE = [200, { active: false }];
export const CLIENTS = '/api/v1/oauth_clients';

export const outcome = ({ status, body }: Pick<Answer, 'status' | 'body'>): [number, unknown] => [status, body];
export const refused = (status: number, error: string) => [status, { error, error_description: expect.any(String) }];
export const post = (path: string, body: unknown, headers: Headers) => server.call('POST', path, body, headers);
export const get = (path: string, headers: Headers) => server.call('GET', path, undefined, headers);
export const patch = (path: string, body: unknown, headers: Headers) => server.call('PATCH', path, body, headers);
export const remove = (path: string, headers: Headers) => server.call('DELETE', path, undefined, headers);

export const ask = (client: Client, form: Record<string, string> = GRANT, from?: string) =>
  postForm(server, '/oauth/token', form, { ...client.basic, ...(from !== undefined && { 'x-forwarded-for': from }) });
export const introspect = (token: string) => postForm(server, '/oauth/introspect', { token }, asker.basic);
export const revoke = (client: Client, token: string) => postForm(server, '/oauth/revoke', { token }, client.basic);

/** Whether a token, or whatever else `headers` show, opens what needs the scope `accounts:read`. */
export async function opens(headers: Headers): Promise<boolean> {
  const { status } = await get('/api/accounts?perpage=1', headers);
  expect([200, 401, 403]).toContain(status);
  return status === 200;
}

export const liveTokens = (client: string) =>
  database.query('SELECT id FROM tokens WHERE client_id = $1 AND revoked_at IS NULL AND expires_at > now()', [client]);

export const sha256 = (text: string) => createHash('sha256').update(text).digest();

/** A client that was made over REST, and the id of its secret. */
export interface MadeClient extends Client {
  secretId: string;
}

export async function make(scopes: string[] = CLIENT_SCOPE_NAMES, by: User = admin): Promise<MadeClient> {
  const { status, body } = await post(`${CLIENTS}/`, { name: 'Reading room', scopes }, by.headers);
  expect(status).toBe(201);
  const {
    id,
    client_secret: secret,
    secrets,
  } = body as { id: string; client_secret: string; secrets: { id: string }[] };
  return { id, secret, basic: basic(id, secret), secretId: secrets[0]?.id ?? '' };
}
