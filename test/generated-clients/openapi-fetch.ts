// The calls of docs/walkthrough.md, by openapi-fetch with the types of openapi-typescript.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './latchkey.js';
import { ADMIN, APP_TOKEN, basic, CLIENT, openWayf, signInOnWayf, URL } from './walkthrough.js';

type Schemas = components['schemas'];

const latchkey = createClient<paths>({ baseUrl: URL });
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });
const asClient = { headers: { Authorization: basic(CLIENT.id, CLIENT.secret) } };

/** What is answered, as its type says: an error is thrown. */
function dataOf<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  if (data === undefined) throw new Error(`${response.url} answered ${response.status}: ${JSON.stringify(error)}`);
  return data;
}

async function getToken(): Promise<string> {
  const answer = await latchkey.POST('/oauth/v2/token', { ...asClient, body: { grant_type: 'client_credentials' } });
  equal(answer.response.status, 201);
  const { account_token, access_token, token_type, expires_in, scope } = dataOf(answer);
  deepEqual([access_token, token_type, expires_in], [account_token, 'Bearer', 3600]);
  equal(scope, 'accounts:read accounts:write identifications tokens:introspect');
  const form = { grant_type: 'client_credentials', scope: 'identifications' };
  const limited = dataOf(
    await latchkey.POST('/oauth/token', { headers: { ...asClient.headers, ...FORM }, body: form }),
  );
  equal(limited.scope, 'identifications');
  return account_token;
}

async function makeAccounts(token: string): Promise<string> {
  const networks = ['192.0.2.0/24', '2001:db8::/32'];
  const university = { name: 'Example University', networks, email_domains: ['example.org'] };
  const made = dataOf(await latchkey.POST('/api/accounts', { ...bearer(token), body: university }));
  deepEqual([made.networks, made.email_domains, made.overlaps], [networks, ['example.org'], []]);

  const wrong = { name: 'Example Library', networks: ['192.0.2.130/25'] };
  const refused = await latchkey.POST('/api/accounts', { ...bearer(token), body: wrong });
  equal(refused.response.status, 400);
  const error: Schemas['ConnectError'] | Schemas['ConnectErrorWithErrors'] | undefined = refused.error;
  ok(error && 'errors' in error);
  match(JSON.stringify(error.errors), /did you mean 192\.0\.2\.128\/25/);

  const { id } = dataOf(await latchkey.POST('/api/accounts', { ...bearer(token), body: { name: 'Example Library' } }));
  const change = { publisher_reference: 'LIB-1', networks: ['192.0.2.128/25'] };
  const changed = dataOf(
    await latchkey.PATCH('/accounts/{id}', { ...bearer(token), params: { path: { id } }, body: change }),
  );
  equal(changed.overlaps[0]?.overlaps_with, '192.0.2.0/24');

  const shown = dataOf(await latchkey.GET('/accounts/{id}', { ...asClient, params: { path: { id } } }));
  ok('publisher_reference' in shown);
  equal(shown.publisher_reference, 'LIB-1');
  const page = await latchkey.GET('/api/accounts', { ...asClient, params: { query: { perpage: 1 } } });
  equal(dataOf(page).accounts.length, 1);
  match(page.response.headers.get('link') ?? '', /rel="next"/);
  return id;
}

async function identify(token: string, accountId: string): Promise<void> {
  const visitor = { ip: '192.0.2.200', url: 'https://publisher.example/read', user_agent: 'example' };
  const made = dataOf(await latchkey.POST('/api/identifications', { ...bearer(token), body: visitor }));
  deepEqual([made.status, made.account?.id, made.user_institution], ['identified', accountId, null]);
  const get = async (id: string) =>
    dataOf(await latchkey.GET('/api/identifications/{id}', { ...asClient, params: { path: { id } } }));
  equal((await get(made.id)).status, 'identified');

  const stranger = { ...visitor, ip: '203.0.113.7', url: 'https://publisher.example/read?state=2Xf' };
  const unknown = dataOf(await latchkey.POST('/api/identifications', { ...bearer(token), body: stranger }));
  deepEqual([unknown.status, unknown.account, unknown.target_account], ['wayf', null, null]);
  const page = await openWayf(unknown._links.wayf?.href ?? '');
  const account = { email: 'wilma@example.org', password: 'example' };
  ok('token' in dataOf(await latchkey.POST('/accounts', { body: { account } })));
  const identified = await signInOnWayf(page, account);
  equal((await get(identified)).user_institution?.account_name, 'Example University');
}

async function inspect(token: string): Promise<void> {
  const headers = { ...asClient.headers, ...FORM };
  const ask = async (text: string) =>
    dataOf(await latchkey.POST('/oauth/introspect', { headers, body: { token: text } }));
  const told = await ask(APP_TOKEN);
  deepEqual([told.active, told.token_kind, told.scope], [true, 'app', 'frontend']);
  equal((await latchkey.POST('/oauth/revoke', { headers, body: { token } })).response.status, 200);
  deepEqual(await ask(token), { active: false });
}

async function administer(): Promise<void> {
  const login = await latchkey.POST('/api/v1/token', {
    headers: { 'App-Token': APP_TOKEN, ...FORM },
    body: { username: ADMIN.email, password: ADMIN.password },
  });
  const asAdmin = { headers: { 'App-Token': APP_TOKEN, Token: dataOf(login).token } };
  const body: Schemas['NewOauthClient'] = { name: 'Reading room', scopes: ['identifications'] };
  const client = dataOf(await latchkey.POST('/api/v1/oauth_clients', { ...asAdmin, body }));
  const path = { id: client.id };
  const rotated = await latchkey.POST('/api/v1/oauth_clients/{id}/secrets', { ...asAdmin, params: { path }, body: {} });
  const secretId = client.secrets[0]?.id ?? '';
  const removed = await latchkey.DELETE('/api/v1/oauth_clients/{id}/secrets/{secret_id}', {
    ...asAdmin,
    params: { path: { ...path, secret_id: secretId } },
  });
  equal(removed.response.status, 204);

  const ask = (secret: string) =>
    latchkey.POST('/oauth/token', {
      headers: { Authorization: basic(client.id, secret), ...FORM },
      body: { grant_type: 'client_credentials' },
    });
  equal((await ask(client.client_secret)).error?.error, 'invalid_client');
  const { access_token } = dataOf(await ask(dataOf(rotated).client_secret));
  const refused = await latchkey.GET('/api/accounts', bearer(access_token));
  equal(refused.response.status, 403);
  match(refused.error?.message ?? '', /accounts:read/);
}

const token = await getToken();
await identify(token, await makeAccounts(token));
await inspect(token);
await administer();
