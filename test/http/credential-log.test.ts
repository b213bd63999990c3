import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { newAccessToken, newClient, type Client } from '../support/oauth.js';
import { eventually } from '../support/process.js';
import { bearer, call, signUp, startServer, type TestServer } from '../support/server.js';
import { newApiToken, signedInAdmin, signedInUser, type User } from '../support/tokens.js';

type Headers = Record<string, string>;

let database: TestDatabase;
let server: TestServer;
let admin: User;
let user: User;
let session: { id: string; email: string; password: string; token: string; refreshToken: string };
let client: Client;
let poor: Client;
let accessToken: string;
let apiToken: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { rateLimitPerMinute: 0 });
  admin = await signedInAdmin(server);
  user = await signedInUser(server);
  session = await signUp(server, { remember: true });
  client = await newClient(server, { ownerId: admin.id });
  poor = await newClient(server, { ownerId: admin.id, scopes: [] });
  accessToken = await newAccessToken(server, client);
  apiToken = await newApiToken(server, admin.appToken, 'GATEWAY ACCOUNT');
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

/** Asks, and returns what the log says of the request's credential. */
async function logged(method: string, path: string, headers: Headers = {}, body?: object | string): Promise<object> {
  const id = randomUUID();
  const isForm = typeof body === 'string';
  const type = { 'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json' };
  const sent = isForm || body === undefined ? body : JSON.stringify(body);
  const answer = await call(`${server.url}${path}`, method, sent, {
    ...(body !== undefined && type),
    ...headers,
    'x-request-id': id,
  });
  const line = await eventually(() => {
    const found = server.logs.find((text) => text.includes(id) && text.includes('"msg":"request"'));
    expect(found).toBeDefined();
    return found ?? '';
  });
  for (const secret of [...Object.values(headers), session.password, session.refreshToken, client.secret])
    expect(line).not.toContain(secret.replace(/^(Bearer|Basic) /, ''));
  const { credential, refused } = JSON.parse(line) as { credential: unknown; refused?: unknown };
  return { status: answer.status, credential, ...(refused !== undefined && { refused }) };
}

const account = (fields: object) => ({ account: fields });
const tokens = (appToken: string, token: string) => ({ 'app-token': appToken, token });

type Case = [what: string, ask: () => Promise<object>, says: object];

describe('The line of a request names the kind of credential', () => {
  it.each<Case>([
    [
      'of a session',
      () => logged('GET', `/accounts/${session.id}`, bearer(session.token)),
      { status: 200, credential: 'session' },
    ],
    [
      'of a password',
      () => logged('POST', '/account/session', {}, account({ email: session.email, password: session.password })),
      { status: 200, credential: 'password' },
    ],
    [
      'of a password at an application',
      () =>
        logged(
          'POST',
          '/api/v1/token/',
          { 'app-token': user.appToken },
          { username: user.email, password: user.password },
        ),
      { status: 200, credential: 'password' },
    ],
    [
      'of a refresh token',
      () => logged('PUT', '/account/session', {}, account({ refresh_token: session.refreshToken, remember_me: true })),
      { status: 200, credential: 'refresh_token' },
    ],
    ['of a user', () => logged('GET', '/api/v1/tokens/', user.headers), { status: 200, credential: 'user_token' }],
    [
      'of an application',
      () => logged('GET', '/v1/frontend/auth/X', { 'app-token': admin.appToken }),
      { status: 200, credential: 'app_token' },
    ],
    [
      'of an account of the gateway',
      () => logged('GET', '/v1/api/auth', bearer(apiToken)),
      { status: 200, credential: 'api_token' },
    ],
    [
      'of a client by its token',
      () => logged('GET', '/api', bearer(accessToken)),
      { status: 200, credential: 'access_token' },
    ],
    [
      'of a client by its secret',
      () => logged('GET', '/api', client.basic),
      { status: 200, credential: 'client_secret' },
    ],
    [
      'of a client that asks for a token',
      () => logged('POST', '/oauth/token', client.basic, 'grant_type=client_credentials'),
      { status: 200, credential: 'client_secret' },
    ],
    [
      'that none is asked for',
      () => logged('GET', '/.well-known/jwks.json', bearer('whatever')),
      { status: 200, credential: null },
    ],
  ])('%s', async (_, ask, says) => {
    expect(await ask()).toEqual(says);
  });
});

describe('The line of a request that was refused says why, beside the kind of credential', () => {
  const link = () => server.app.get(SecretKeys).sign('password-reset', randomUUID());

  it.each<Case>([
    [
      'no session',
      () => logged('GET', `/accounts/${session.id}`),
      { status: 401, credential: 'session', refused: 'missing' },
    ],
    [
      'a bad session',
      () => logged('GET', `/accounts/${session.id}`, bearer('no.such.token')),
      { status: 401, credential: 'session', refused: 'invalid' },
    ],
    [
      'a bad session beside a link',
      () => logged('PUT', '/account/email', bearer('no.such.token'), account({ verify_email_token: link() })),
      { status: 401, credential: 'link', refused: 'invalid' },
    ],
    [
      'a wrong password',
      () => logged('POST', '/account/session', {}, account({ email: session.email, password: 'wrong one' })),
      { status: 401, credential: 'password', refused: 'invalid' },
    ],
    [
      'a wrong password at an application',
      () =>
        logged(
          'POST',
          '/api/v1/token/',
          { 'app-token': user.appToken },
          { username: user.email, password: 'wrong one' },
        ),
      { status: 401, credential: 'password', refused: 'invalid' },
    ],
    [
      'no application',
      () => logged('POST', '/api/v1/token/', {}, { username: user.email, password: user.password }),
      { status: 401, credential: 'app_token', refused: 'missing' },
    ],
    [
      'no user',
      () => logged('GET', '/api/v1/tokens/', { 'app-token': user.appToken }),
      { status: 401, credential: 'user_token', refused: 'missing' },
    ],
    [
      'a bad user',
      () => logged('GET', '/api/v1/tokens/', tokens(user.appToken, 'f'.repeat(32))),
      { status: 401, credential: 'user_token', refused: 'invalid' },
    ],
    [
      'a user who may not',
      () => logged('GET', '/api/v1/accounts/', user.headers),
      { status: 403, credential: 'user_token', refused: 'forbidden' },
    ],
    [
      'a bad API token',
      () => logged('GET', '/v1/api/auth', bearer(`${apiToken}x`)),
      { status: 401, credential: 'api_token', refused: 'invalid' },
    ],
    [
      'an application without the scope',
      () => logged('GET', '/v1/frontend/auth/X', { 'app-token': user.appToken }),
      { status: 403, credential: 'app_token', refused: 'forbidden' },
    ],
    [
      'a wrong client secret',
      () => logged('GET', '/api', { authorization: `Basic ${Buffer.from(`${client.id}:wrong`).toString('base64')}` }),
      { status: 401, credential: 'client_secret', refused: 'invalid' },
    ],
    [
      'a client without the scope',
      () => logged('GET', '/api', poor.basic),
      { status: 403, credential: 'client_secret', refused: 'forbidden' },
    ],
    [
      'no client',
      () => logged('POST', '/oauth/token', {}, 'grant_type=client_credentials'),
      { status: 401, credential: 'client_secret', refused: 'missing' },
    ],
    [
      'a bad refresh token',
      () => logged('PUT', '/account/session', {}, account({ refresh_token: 'x' })),
      { status: 401, credential: 'refresh_token', refused: 'invalid' },
    ],
  ])('%s', async (_, ask, says) => {
    expect(await ask()).toEqual(says);
  });

  it('too many of them', async () => {
    Object.assign(server.config, { rateLimitPerMinute: 1 });
    try {
      const ask = () =>
        logged('POST', '/account/session', {}, account({ email: 'x@example.org', password: 'wrong one' }));
      await ask();
      expect(await ask()).toEqual({ status: 429, credential: 'password', refused: 'rate_limited' });
    } finally {
      Object.assign(server.config, { rateLimitPerMinute: 0 });
    }
  });
});
