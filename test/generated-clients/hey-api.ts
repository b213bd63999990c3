// The calls of docs/walkthrough.md, by the client of @hey-api/openapi-ts.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createClient, createConfig } from './hey-api/client/index.js';
import { urlSearchParamsBodySerializer } from './hey-api/client/index.js';
import type { ConnectErrorWithErrors, NewOauthClient } from './hey-api/index.js';
import * as latchkey from './hey-api/sdk.gen.js';
import { ADMIN, APP_TOKEN, CLIENT, openWayf, signInOnWayf, URL } from './walkthrough.js';

/** A client that has what it is given, and nothing else. */
const clientWith = (auth: string | ((scheme: { scheme?: string; name?: string }) => string | undefined)) =>
  createClient(createConfig({ baseUrl: URL, throwOnError: true, auth }));

const FORM = {
  ...urlSearchParamsBodySerializer,
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
};
const nobody = clientWith('');
/** Its id and secret, and no token. */
const byId = (id: string, secret: string) =>
  clientWith(({ scheme }) => (scheme === 'basic' ? `${id}:${secret}` : undefined));
const asClient = byId(CLIENT.id, CLIENT.secret);
const asAdmin = (token: string) => clientWith(({ name }) => ({ 'App-Token': APP_TOKEN, Token: token })[name ?? '']);

async function getToken(): Promise<string> {
  const body = { grant_type: 'client_credentials' };
  const { data, response } = await latchkey.oauthCreateToken({ client: asClient, throwOnError: true, body });
  equal(response.status, 201);
  deepEqual([data.access_token, data.token_type, data.expires_in], [data.account_token, 'Bearer', 3600]);
  equal(data.scope, 'accounts:read accounts:write identifications tokens:introspect');
  const limited = await latchkey.oauthToken({
    client: asClient,
    throwOnError: true,
    ...FORM,
    body: { ...body, scope: 'identifications' },
  });
  equal(limited.data.scope, 'identifications');
  return data.account_token;
}

/** The token alone, for whatever scheme: a client that has several sends the last one. */
async function makeAccounts(token: string): Promise<string> {
  const client = clientWith(token);
  const networks = ['192.0.2.0/24', '2001:db8::/32'];
  const create = (body: { name: string; networks?: string[]; email_domains?: string[] }) =>
    latchkey.clientAccountsCreate({ client, throwOnError: true, body });
  const { data: made } = await create({ name: 'Example University', networks, email_domains: ['example.org'] });
  deepEqual([made.networks, made.email_domains, made.overlaps], [networks, ['example.org'], []]);

  const wrong = { name: 'Example Library', networks: ['192.0.2.130/25'] };
  const refused = await latchkey.clientAccountsCreate({ client, throwOnError: false, body: wrong });
  equal(refused.response.status, 400);
  match(JSON.stringify((refused.error as ConnectErrorWithErrors).errors), /did you mean 192\.0\.2\.128\/25/);

  const path = { id: (await create({ name: 'Example Library' })).data.id };
  const body = { publisher_reference: 'LIB-1', networks: ['192.0.2.128/25'] };
  const { data: changed } = await latchkey.clientAccountsUpdate({ client, throwOnError: true, path, body });
  equal(changed.overlaps[0]?.overlaps_with, '192.0.2.0/24');

  for (const one of [client, asClient]) {
    const { data: shown } = await latchkey.accountsGet({ client: one, throwOnError: true, path });
    ok('publisher_reference' in shown);
    equal(shown.publisher_reference, 'LIB-1');
  }
  const query = { perpage: 1 };
  const page = await latchkey.clientAccountsList({ client: asClient, throwOnError: true, query });
  equal(page.data.accounts.length, 1);
  match(page.response.headers.get('link') ?? '', /rel="next"/);
  return path.id;
}

async function identify(token: string, accountId: string): Promise<void> {
  const client = clientWith(token);
  const create = (body: { ip: string; url: string; user_agent: string }) =>
    latchkey.identificationsCreate({ client, throwOnError: true, body });
  const get = (id: string) => latchkey.identificationsGet({ client: asClient, throwOnError: true, path: { id } });
  const visitor = { ip: '192.0.2.200', url: 'https://publisher.example/read', user_agent: 'example' };
  const { data: made } = await create(visitor);
  deepEqual([made.status, made.account?.id, made.user_institution], ['identified', accountId, null]);
  equal((await get(made.id)).data.status, 'identified');

  const stranger = { ...visitor, ip: '203.0.113.7', url: 'https://publisher.example/read?state=2Xf' };
  const { data: unknown } = await create(stranger);
  deepEqual([unknown.status, unknown.account, unknown.target_account], ['wayf', null, null]);
  const page = await openWayf(unknown._links.wayf?.href ?? '');
  const account = { email: 'wilma@example.org', password: 'example' };
  const signedUp = await latchkey.sessionsSignUp({ client: nobody, throwOnError: true, body: { account } });
  ok('token' in signedUp.data);
  const identified = await signInOnWayf(page, account);
  equal((await get(identified)).data.user_institution?.account_name, 'Example University');
}

async function inspect(token: string): Promise<void> {
  const form = { client: asClient, throwOnError: true, ...FORM } as const;
  const ask = async (text: string) => (await latchkey.oauthIntrospect({ ...form, body: { token: text } })).data;
  const told = await ask(APP_TOKEN);
  deepEqual([told.active, told.token_kind, told.scope], [true, 'app', 'frontend']);
  equal((await latchkey.oauthRevoke({ ...form, body: { token } })).response.status, 200);
  deepEqual(await ask(token), { active: false });
}

async function administer(): Promise<void> {
  const { data: login } = await latchkey.loginLogIn({
    client: asAdmin(''),
    throwOnError: true,
    ...FORM,
    body: { username: ADMIN.email, password: ADMIN.password },
  });
  const admin = { client: asAdmin(login.token), throwOnError: true } as const;
  const body: NewOauthClient = { name: 'Reading room', scopes: ['identifications'] };
  const { data: made } = await latchkey.oauthClientsCreate({ ...admin, body });
  const path = { id: made.id };
  const { data: rotated } = await latchkey.oauthClientsRotateSecret({ ...admin, path });
  const removed = { ...path, secret_id: made.secrets[0]?.id ?? '' };
  equal((await latchkey.oauthClientsRemoveSecret({ ...admin, path: removed })).response.status, 204);

  const ask = (secret: string) =>
    latchkey.oauthToken({
      client: byId(made.id, secret),
      throwOnError: false,
      ...FORM,
      body: { grant_type: 'client_credentials' },
    });
  equal((await ask(made.client_secret)).error?.error, 'invalid_client');
  const { access_token = '' } = (await ask(rotated.client_secret)).data ?? {};
  const refused = await latchkey.clientAccountsList({ client: clientWith(access_token), throwOnError: false });
  equal(refused.response.status, 403);
  match(refused.error?.message ?? '', /accounts:read/);
}

const token = await getToken();
await identify(token, await makeAccounts(token));
await inspect(token);
await administer();
