import { randomUUID } from 'node:crypto';
import { describe, expect } from '@jest/globals';
import { SignJWT } from 'jose';
import { CLIENT_SCOPE_NAMES } from '../../src/access/client-scopes.js';
import { loadConfig } from '../../src/config/config.js';
import { digestOf } from '../../src/tokens/digest.js';
import {
  accounts,
  admin,
  ask,
  asker,
  database,
  ENDPOINTS,
  ERROR_TEXT,
  errorOf,
  expire,
  get,
  type Headers,
  ID,
  INACTIVE,
  introspect,
  madeClient,
  metadata,
  outcome,
  readChallenge,
  refusal,
  revoke,
  server,
  shows,
  UNKNOWN,
  withAsker,
  theDocumentNamesEveryTest,
} from '../support/oauth-standards.js';
import { basic, newAccessToken, newClient, postForm } from '../support/oauth.js';
import { send } from '../support/raw-http.js';
import { bearer, call, claimsOf, signUp, type Answer } from '../support/server.js';
import { changeAccount, makeAdmin, newApiToken, oboToken, rowOf } from '../support/tokens.js';

withAsker();

/** Every route that takes a Bearer token. */
const BEARER_ROUTES: [method: string, path: string][] = [
  ['GET', '/api'],
  ['POST', '/api/identifications'],
  ['GET', `/api/identifications/${ID}`],
  ['GET', '/api/accounts'],
  ['POST', '/api/accounts'],
  ['GET', `/api/accounts/${ID}`],
  ['PATCH', `/api/accounts/${ID}`],
  ['DELETE', `/api/accounts/${ID}`],
  ['GET', `/accounts/${ID}`],
  ['PATCH', `/accounts/${ID}`],
  ['PUT', `/accounts/${ID}`],
  ['DELETE', '/account/session'],
  ['GET', '/v1/api/auth'],
  ['GET', '/v1/auth'],
];
const NO_TOKEN: Headers[] = [{}, { authorization: '' }, { authorization: 'Bearer' }];
const BAD_TOKENS: Headers[] = [
  bearer(UNKNOWN),
  bearer('nonsense'),
  bearer('api_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'),
  bearer('a.b.c'),
  bearer('two words'),
  bearer('"quoted"'),
];

/** What each of the routes answers to each of the headers. */
async function refusals(routes: [string, string][], all: Headers[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [method, path] of routes) {
    for (const headers of all) answers.push(await server.call(method, path, undefined, headers));
  }
  return answers;
}

describe('RFC 6750', () => {
  shows('a token in two places is invalid_request', async () => {
    const token = await newAccessToken(server, await newClient(server));
    const { authorization = '' } = bearer(token);
    for (const answer of [
      await get(`/api/accounts?access_token=${token}`, bearer(token)),
      await server.call('POST', '/api/accounts', { name: 'x', access_token: token }, bearer(token)),
      await send(server, {
        method: 'GET',
        path: '/api/accounts',
        headers: { Authorization: [authorization, authorization] },
      }),
    ]) {
      expect([answer.status, errorOf(answer)]).toEqual([400, 'invalid_request']);
    }
  });

  shows('a token in the Authorization header is taken', async () => {
    const token = await newAccessToken(server, await newClient(server));
    for (const authorization of [`Bearer ${token}`, `bearer ${token}`, `BEARER  ${token}`]) {
      expect((await accounts({ authorization })).status).toBe(200);
    }
  });

  shows('a token in the body is not taken', async () => {
    const access_token = await newAccessToken(server, await newClient(server));
    const asForm = await postForm(server, '/api/accounts', { access_token, name: randomUUID() });
    expect([asForm.status, asForm.body.message]).toEqual([415, expect.any(String)]);
    const asJson = await server.call('POST', '/api/accounts', { access_token, name: randomUUID() });
    expect([asJson.status, errorOf(asJson)]).toEqual([400, 'invalid_request']);
  });

  shows('a token in the query is not taken', async () => {
    const token = await newAccessToken(server, await newClient(server));
    for (const path of ['/api/accounts', '/api', `/api/accounts/${ID}`]) {
      const answer = await get(`${path}?access_token=${token}`);
      expect([answer.status, errorOf(answer)]).toEqual([400, 'invalid_request']);
    }
    const jwt = (await signUp(server)).token;
    expect((await get(`/accounts/${claimsOf(jwt).data.id}?access_token=${jwt}`)).status).toBe(401);
  });

  shows('every refusal for want of a good token has a challenge', async () => {
    for (const { status, headers } of await refusals(BEARER_ROUTES, [...NO_TOKEN, ...BAD_TOKENS])) {
      expect([status, headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^Bearer /)]);
    }
  });

  shows('a Bearer challenge always has parameters, and none of them twice', async () => {
    for (const { headers } of await refusals(BEARER_ROUTES, [{}, bearer(UNKNOWN), bearer('two words')])) {
      const { scheme, parameters } = readChallenge(headers.get('www-authenticate'));
      expect([scheme, parameters.length > 0]).toEqual(['Bearer', true]);
      expect(new Map(parameters).size).toBe(parameters.length);
    }
    const { body, headers } = await server.call('POST', '/account/session', {
      account: { email: admin.email, password: 'wrong password' },
    });
    expect([body.id, readChallenge(headers.get('www-authenticate')).parameters.length]).toEqual(['unauthorized', 1]);
  });

  shows('challenges hold the characters of section 3 only', async () => {
    const token = await newAccessToken(server, await newClient(server, { scopes: [] }));
    const answers = await refusals(BEARER_ROUTES, [bearer(token), bearer('"quoted\\"')]);
    for (const { headers } of answers) {
      for (const [name, value] of readChallenge(headers.get('www-authenticate')).parameters) {
        expect(['realm', 'scope', 'error']).toContain(name);
        expect(value).toMatch(name === 'scope' ? /^[\x21\x23-\x5b\x5d-\x7e ]+$/ : ERROR_TEXT);
      }
    }
  });

  shows('a token that failed is told invalid_token with 401', async () => {
    const client = await newClient(server);
    const [expired, revoked] = [await newAccessToken(server, client), await newAccessToken(server, client)];
    await expire(expired);
    await revoke(client, revoked);
    for (const answer of [
      await accounts(bearer(expired)),
      await accounts(bearer(revoked)),
      ...(await refusals(BEARER_ROUTES, BAD_TOKENS)),
    ]) {
      expect([answer.status, errorOf(answer)]).toEqual([401, 'invalid_token']);
    }
  });

  shows('a request in bad form is told invalid_request with 400', async () => {
    const answer = await get('/api/accounts?access_token=x');
    expect([answer.status, errorOf(answer)]).toEqual([400, 'invalid_request']);
  });

  shows('a token with too little scope is told insufficient_scope with 403', async () => {
    const token = await newAccessToken(server, await newClient(server), 'tokens:introspect');
    for (const [path, scope] of [
      ['/api', 'identifications'],
      ['/api/accounts', 'accounts:read'],
      [`/accounts/${ID}`, 'accounts:read'],
    ] as const) {
      const { status, headers } = await get(path, bearer(token));
      const { parameters } = readChallenge(headers.get('www-authenticate'));
      expect([status, Object.fromEntries(parameters)]).toEqual([
        403,
        { realm: 'latchkey', error: 'insufficient_scope', scope },
      ]);
    }
  });

  shows('a request without a token is told no error code', async () => {
    for (const { headers } of await refusals(BEARER_ROUTES, [...NO_TOKEN, { authorization: 'Digest x' }])) {
      expect(readChallenge(headers.get('www-authenticate')).parameters).toEqual([['realm', 'latchkey']]);
    }
  });

  shows('a token ends by itself, after an hour unless OAUTH_TOKEN_TTL says otherwise', async () => {
    const { body } = await ask(await newClient(server));
    const { created_at, expires_at } = await rowOf(database, body.access_token as string);
    expect([body.expires_in, Number(expires_at) - Number(created_at)]).toEqual([3_600, 3_600_000]);
    expect(loadConfig({}).oauthTokenTtl).toBe(3_600);
    expect(loadConfig({ OAUTH_TOKEN_TTL: '60' }).oauthTokenTtl).toBe(60);
    expect(() => loadConfig({ OAUTH_TOKEN_TTL: '0' })).toThrow('OAUTH_TOKEN_TTL');
  });

  shows('no answer sets a cookie', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client);
    for (const { headers } of [
      await ask(client),
      await postForm(server, '/oauth/v2/token', {}, client.basic),
      await introspect(token),
      await accounts(bearer(token)),
      await revoke(client, token),
      await accounts(bearer(token)),
    ]) {
      expect(headers.get('set-cookie')).toBeNull();
    }
  });
});

describe('RFC 8707', () => {
  const ISSUER = 'https://latchkey.test';

  async function tokenFor(resource: string): Promise<string> {
    const { status, body } = await ask(await newClient(server), { resource });
    expect(status).toBe(200);
    return body.access_token as string;
  }

  shows('an access token is for this server, unless it was asked for another one', async () => {
    const tokens = [await newAccessToken(server, await newClient(server)), await tokenFor('')];
    for (const token of tokens) {
      expect((await introspect(token)).body).toMatchObject({ token_kind: 'oauth', aud: [ISSUER] });
      expect((await accounts(bearer(token))).status).toBe(200);
    }
  });

  shows('a token for another resource server says so, and is not taken here', async () => {
    for (const resource of [
      'https://api.example.org',
      `${ISSUER}.evil.example`,
      'urn:example:other',
      `${ISSUER}@x.example/`,
    ]) {
      const token = await tokenFor(resource);
      expect((await introspect(token)).body).toMatchObject({ active: true, aud: [resource] });
      const answer = await accounts(bearer(token));
      expect([resource, answer.status, errorOf(answer)]).toEqual([resource, 401, 'invalid_token']);
      const [row] = await database.query('SELECT resource FROM tokens WHERE digest = $1', [digestOf(token)]);
      expect(row).toEqual({ resource });
    }
    for (const resource of [ISSUER, `${ISSUER}/api/accounts`]) {
      expect((await accounts(bearer(await tokenFor(resource)))).status).toBe(200);
    }
  });

  shows('a resource that is no absolute URI, or has a fragment, is invalid_target', async () => {
    const client = await newClient(server);
    for (const resource of [
      '/api',
      'api.example.org',
      'https://',
      'https://api.example.org/#part',
      '#',
      ' https://api.example.org',
      'https://api.example.org\n',
      'https://api.example.org/a b',
    ]) {
      expect([resource, ...refusal(await ask(client, { resource }))]).toEqual([resource, 400, 'invalid_target']);
    }
    const long = `https://api.example.org/${'a'.repeat(2_100)}`;
    expect(refusal(await ask(client, { resource: long }))).toEqual([400, 'invalid_request']);
    const inUrl = await postForm(server, '/oauth/token?resource=https://api.example.org', {}, client.basic);
    expect(refusal(inUrl)).toEqual([400, 'invalid_request']);
  });
});

describe('RFC 7009', () => {
  shows('a client revokes its access token', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client);
    expect((await revoke(client, token)).status).toBe(200);
    expect((await rowOf(database, token)).revoked_at).not.toBeNull();
  });

  shows('behind a proxy with TLS the metadata has https addresses only, and plain HTTP is served', async () => {
    const addresses = Object.values(await metadata()).filter((value) => String(value).includes('://'));
    expect(addresses).toHaveLength(6);
    for (const address of addresses) expect(address).toMatch(/^https:\/\/latchkey\.test/);
    expect(server.url).toMatch(/^http:/);
    const client = await newClient(server);
    expect((await revoke(client, await newAccessToken(server, client))).status).toBe(200);
  });

  shows('a revocation without a token is invalid_request', async () => {
    const client = await newClient(server);
    for (const form of [{}, { token: '' }, { token_type_hint: 'access_token' }]) {
      const answer = await postForm(server, '/oauth/revoke', form, client.basic);
      expect(refusal(answer)).toEqual([400, 'invalid_request']);
    }
  });

  shows('a revocation finds the token whatever the hint says', async () => {
    const client = await newClient(server);
    for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense', '']) {
      const token = await newAccessToken(server, client);
      expect((await revoke(client, token, { token_type_hint })).status).toBe(200);
      expect(outcome(await introspect(token))).toEqual(INACTIVE);
    }
  });

  shows('nobody revokes the token of another client', async () => {
    const token = await newAccessToken(server, await newClient(server));
    expect(outcome(await revoke(await newClient(server), token))).toEqual([200, '']);
    expect(refusal(await postForm(server, '/oauth/revoke', { token }))).toEqual([401, 'invalid_client']);
    expect((await introspect(token)).body.active).toBe(true);
  });

  shows('a revoked token is refused at once', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client);
    expect((await accounts(bearer(token))).status).toBe(200);
    await revoke(client, token);
    expect((await accounts(bearer(token))).status).toBe(401);
  });

  shows('a revocation of what is no good token is 200', async () => {
    const client = await newClient(server);
    const [revoked, expired] = [await newAccessToken(server, client), await newAccessToken(server, client)];
    await revoke(client, revoked);
    await expire(expired);
    for (const token of [revoked, expired, UNKNOWN, 'nonsense', admin.token, (await signUp(server)).token]) {
      expect(outcome(await revoke(client, token))).toEqual([200, '']);
    }
    expect((await introspect(admin.token)).body.active).toBe(true);
  });

  shows('revocation errors are those of section 5.2', async () => {
    const client = await newClient(server);
    const description = { error_description: expect.stringMatching(ERROR_TEXT) };
    for (const [answer, status, error] of [
      [await postForm(server, '/oauth/revoke', { token: 'x' }, basic(client.id, 'wrong')), 401, 'invalid_client'],
      [await postForm(server, '/oauth/revoke', 'token=x&token=y', client.basic), 400, 'invalid_request'],
      [await server.call('GET', '/oauth/revoke?token=x', undefined, client.basic), 405, 'invalid_request'],
    ] as const) {
      expect(outcome(answer)).toEqual([status, { error, ...description }]);
    }
  });
});

/** Tokens of every kind, and of which kind they are. */
async function everyKind(): Promise<Record<string, string>> {
  const { id, token } = await signUp(server);
  return {
    oauth: await newAccessToken(server, await newClient(server)),
    app: admin.appToken,
    user: admin.token,
    'user on behalf of another': await oboToken(server, admin, id),
    api: await newApiToken(server, admin.appToken, 'GATEWAY ACCOUNT'),
    session: token,
  };
}

describe('RFC 7662', () => {
  shows('introspection takes a form by POST, and nothing by GET', async () => {
    const token = await newAccessToken(server, await newClient(server));
    expect((await introspect(token)).body.active).toBe(true);
    const { status, headers } = await get(`/oauth/introspect?token=${token}`, asker.basic);
    expect([status, headers.get('allow')]).toEqual([405, 'POST']);
  });

  shows('an introspection without a token is invalid_request', async () => {
    for (const form of ['', 'token=', 'token_type_hint=access_token', 'token=x&token=y']) {
      expect(refusal(await postForm(server, '/oauth/introspect', form, asker.basic))).toEqual([400, 'invalid_request']);
    }
  });

  shows('introspection finds the token whatever the hint says', async () => {
    const token = await newAccessToken(server, await newClient(server));
    for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense', '']) {
      expect((await introspect(token, { token_type_hint })).body.active).toBe(true);
    }
  });

  shows('introspection is for authenticated clients only', async () => {
    const token = await newAccessToken(server, asker);
    for (const headers of [{}, bearer(token), bearer(UNKNOWN), admin.headers, basic(asker.id, 'wrong')]) {
      expect(refusal(await postForm(server, '/oauth/introspect', { token }, headers))).toEqual([401, 'invalid_client']);
    }
  });

  shows('introspection needs the scope tokens:introspect', async () => {
    const scopes = CLIENT_SCOPE_NAMES.filter((name) => name !== 'tokens:introspect');
    const client = await newClient(server, { scopes });
    for (const token of [admin.token, await newAccessToken(server, client), UNKNOWN]) {
      const answer = await postForm(server, '/oauth/introspect', { token }, client.basic);
      expect(outcome(answer)).toEqual([403, { error: 'insufficient_scope', error_description: expect.any(String) }]);
    }
  });

  shows('an introspection answer is JSON with a boolean active', async () => {
    for (const token of [...Object.values(await everyKind()), 'nonsense']) {
      const { status, headers, body } = await introspect(token);
      expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
      expect(typeof body.active).toBe('boolean');
    }
  });

  const INTEGER = expect.stringMatching(/^\d+$/);

  shows('the members of an introspection answer have the types of section 2.2', async () => {
    const texts = ['scope', 'client_id', 'username', 'token_type', 'sub', 'iss', 'jti'];
    for (const token of Object.values(await everyKind())) {
      const body = (await introspect(token)).body as Record<string, unknown>;
      for (const [name, value] of Object.entries(body)) {
        if (texts.includes(name)) expect([name, typeof value]).toEqual([name, 'string']);
        if (['exp', 'iat'].includes(name))
          expect([name, typeof value, String(value)]).toEqual([name, 'number', INTEGER]);
      }
      expect(body).toMatchObject({ active: true, iss: 'https://latchkey.test' });
    }
  });

  shows('the members of an introspection answer are registered, but for three of our own', async () => {
    const registered = [
      'active',
      'scope',
      'client_id',
      'username',
      'token_type',
      'exp',
      'iat',
      'sub',
      'iss',
      'jti',
      'act',
      'aud',
    ];
    const names = new Set<string>();
    for (const token of Object.values(await everyKind())) {
      for (const name of Object.keys((await introspect(token)).body as object)) names.add(name);
    }
    expect([...names].sort()).toEqual([...registered, 'gateway_account_id', 'sid', 'token_kind'].sort());
  });

  shows('what is not good is {"active":false}, and nothing else', async () => {
    const client = await newClient(server);
    const [revoked, expired] = [await newAccessToken(server, client), await newAccessToken(server, client)];
    await revoke(client, revoked);
    await expire(expired);
    const disabled = await signUp(server);
    await changeAccount(server, disabled.id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
    const { refreshToken } = await signUp(server, { remember: true });
    for (const token of [revoked, expired, disabled.token, refreshToken, UNKNOWN, 'nonsense', client.secret]) {
      expect(outcome(await introspect(token))).toEqual(INACTIVE);
    }
  });

  shows('no cache may keep an introspection answer', async () => {
    for (const token of [admin.token, UNKNOWN]) {
      expect((await introspect(token)).headers.get('cache-control')).toBe('no-store');
    }
  });

  shows('introspection with a wrong secret is 401 invalid_client', async () => {
    const answer = await postForm(server, '/oauth/introspect', { token: UNKNOWN }, basic(asker.id, 'wrong'));
    expect(refusal(answer)).toEqual([401, 'invalid_client']);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /);
  });

  shows('introspection notices that a token has expired', async () => {
    const token = await newAccessToken(server, await newClient(server));
    expect((await introspect(token)).body.active).toBe(true);
    await expire(token);
    expect(outcome(await introspect(token))).toEqual(INACTIVE);
    const session = (await signUp(server)).token;
    const ahead = claimsOf(session).exp - Math.floor(Date.now() / 1_000);
    server.advanceClock(ahead);
    try {
      expect(outcome(await introspect(session))).toEqual(INACTIVE);
    } finally {
      server.advanceClock(-ahead);
    }
  });

  shows('introspection notices that a token was revoked', async () => {
    const owner = await makeAdmin(server);
    const client = await newClient(server, { ownerId: owner.id });
    const [token, other] = [await newAccessToken(server, client), await newAccessToken(server, client)];
    await revoke(client, token);
    expect([outcome(await introspect(token)), (await introspect(other)).body.active]).toEqual([INACTIVE, true]);
    await changeAccount(server, owner.id, `UPDATE accounts SET role = 'user' WHERE id = $1`);
    expect(outcome(await introspect(other))).toEqual(INACTIVE);
  });

  shows('introspection checks the signature of a session JWT', async () => {
    const { token } = await signUp(server);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    const signed = new SignJWT({ ...claimsOf(token) }).setProtectedHeader({ alg: 'HS512', kid });
    const other = (await signUp(server)).token.split('.')[1] ?? '';
    expect((await introspect(token)).body.active).toBe(true);
    for (const forged of [
      await signed.sign(Buffer.alloc(64)),
      [header, other, signature].join('.'),
      [header, payload, signature.slice(0, -6)].join('.'),
      [header, payload, ''].join('.'),
    ]) {
      expect(outcome(await introspect(forged))).toEqual(INACTIVE);
    }
  });
});

describe('RFC 8414', () => {
  shows('the issuer is PUBLIC_URL: no query, no fragment, no slash at the end', async () => {
    expect((await metadata()).issuer).toBe(server.config.publicUrl);
    expect(loadConfig({ PUBLIC_URL: 'https://latchkey.test/' }).publicUrl).toBe('https://latchkey.test');
    for (const wrong of ['https://latchkey.test/?x', 'https://latchkey.test/#x', 'ftp://latchkey.test', 'x']) {
      expect(() => loadConfig({ PUBLIC_URL: wrong })).toThrow('PUBLIC_URL');
    }
  });

  shows('there is no authorization endpoint, and the metadata names none', async () => {
    expect(await metadata()).not.toHaveProperty('authorization_endpoint');
    for (const path of ['/oauth/authorize', '/oauth/v2/authorize', '/authorize']) {
      expect((await get(`${path}?response_type=code&client_id=x`)).status).toBe(404);
    }
  });

  shows('the metadata names endpoints that answer', async () => {
    const found = await metadata();
    const here = (address: unknown) => String(address).replace(server.config.publicUrl, server.url);
    for (const name of ['token_endpoint', 'introspection_endpoint', 'revocation_endpoint']) {
      expect(refusal(await call(here(found[name]), 'POST'))).toEqual([401, 'invalid_client']);
    }
    for (const name of ['jwks_uri', 'service_documentation']) {
      expect((await call(here(found[name]), 'GET')).status).toBe(200);
    }
  });

  shows('the keys at jwks_uri say that they are for signatures', async () => {
    const { keys } = (await get(new URL((await metadata()).jwks_uri).pathname)).body as { keys: { use: string }[] };
    expect(keys.length).toBeGreaterThan(0);
    for (const { use } of keys) expect(use).toBe('sig');
  });

  shows('the metadata names every scope', async () => {
    expect((await metadata()).scopes_supported).toEqual(CLIENT_SCOPE_NAMES);
  });

  shows('the metadata has response_types_supported, which is empty', async () => {
    expect((await metadata()).response_types_supported).toEqual([]);
  });

  shows('the metadata names the one grant type, which is not the default', async () => {
    expect((await metadata()).grant_types_supported).toEqual(['client_credentials']);
  });

  shows('each way of authenticating that the metadata names works at each endpoint', async () => {
    const found = await metadata();
    const client = await newClient(server);
    const { id, secret } = client;
    const ways: Record<string, [Record<string, string>, Headers]> = {
      client_secret_basic: [{}, client.basic],
      client_secret_post: [{ client_id: id, client_secret: secret }, {}],
    };
    for (const path of ENDPOINTS) {
      const name = { '/oauth/token': 'token', '/oauth/introspect': 'introspection' }[path] ?? 'revocation';
      expect(found[`${name}_endpoint_auth_methods_supported`]).toEqual(Object.keys(ways));
      for (const [form, headers] of Object.values(ways)) {
        expect((await postForm(server, path, { token: 'x', ...form }, headers)).status).toBe(200);
      }
    }
  });

  shows('the metadata is JSON at /.well-known/oauth-authorization-server, for GET', async () => {
    const { status, headers, body } = await get('/.well-known/oauth-authorization-server');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(body).toMatchObject({ issuer: server.config.publicUrl });
    expect((await server.call('POST', '/.well-known/oauth-authorization-server')).status).toBe(405);
  });

  shows('the issuer is what all addresses of the metadata begin with', async () => {
    const { issuer, ...rest } = await metadata();
    const addresses = Object.values(rest).filter((value) => String(value).includes('://'));
    expect(addresses).toHaveLength(5);
    for (const address of addresses) expect(String(address).startsWith(`${issuer}/`)).toBe(true);
    expect((await introspect(admin.token)).body.iss).toBe(issuer);
  });

  shows('scopes and ids are compared character by character', async () => {
    const client = await newClient(server, { id: `Client-${randomUUID()}` });
    for (const scope of ['Accounts:read', 'accounts:read\u200b', 'accounts\uff1aread', 'accounts:read\t']) {
      expect(refusal(await ask(client, { scope }))).toEqual([400, 'invalid_scope']);
    }
    for (const id of [client.id.toLowerCase(), client.id.replace('C', '\uff23'), ` ${client.id}`]) {
      expect(refusal(await ask({ ...client, basic: basic(id, client.secret) }))).toEqual([401, 'invalid_client']);
    }
  });
});

describe('RFC 9700', () => {
  shows('a client can ask for less than it may have', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client, 'identifications');
    expect((await rowOf(database, token)).scopes).toEqual(['identifications']);
    expect((await accounts(bearer(token))).status).toBe(403);
  });

  shows('the password grant is refused', async () => {
    const client = await newClient(server);
    const form = { grant_type: 'password', username: admin.email, password: admin.password };
    expect(refusal(await ask(client, form))).toEqual([400, 'unsupported_grant_type']);
  });

  shows('nobody chooses a client id', async () => {
    for (const id of [admin.id, 'mine', null]) {
      expect((await madeClient({ id })).answer.status).toBe(400);
    }
    const { client } = await madeClient();
    const { status } = await server.call(
      'PATCH',
      `/api/v1/oauth_clients/${client.id}`,
      { id: admin.id },
      admin.headers,
    );
    expect(status).toBe(400);
    expect(await database.query('SELECT 1 FROM oauth_clients WHERE id = $1', [admin.id])).toEqual([]);
  });

  shows('introspection tells a token of a client from those of accounts', async () => {
    // Even if their ids were the same.
    const client = await newClient(server, { id: admin.id });
    const gateway = await newApiToken(server, admin.appToken, admin.id);
    const told = async (token: string) => {
      const { sub, token_kind, client_id, username } = (await introspect(token)).body as Record<string, unknown>;
      return { sub, token_kind, client_id, username };
    };
    const none = { client_id: undefined, username: undefined };
    expect(await told(await newAccessToken(server, client))).toEqual({
      ...none,
      sub: admin.id,
      token_kind: 'oauth',
      client_id: admin.id,
    });
    expect(await told(gateway)).toEqual({ ...none, sub: undefined, token_kind: 'api' });
    expect(await told(admin.token)).toEqual({ ...none, sub: admin.id, token_kind: 'user', username: admin.email });
  });

  shows('a page that takes a password redirects with 303', async () => {
    const client = await newClient(server);
    const visitor = { ip: '192.0.2.1', url: 'https://example.org/read', user_agent: 'x' };
    const { body } = await server.call('POST', '/api/identifications', visitor, client.basic);
    const form = { email: admin.email, password: admin.password, institution: 'none' };
    const { origin } = new URL(server.config.publicUrl);
    const { status, headers } = await postForm(server, `/wayf/${String(body.id)}`, form, { origin });
    expect([status, headers.get('location')]).toEqual([303, expect.stringMatching(/^https:\/\/example\.org\/read\?/)]);
  });

  shows('no answer can be framed', async () => {
    const client = await newClient(server);
    const visitor = { ip: '192.0.2.1', url: 'https://example.org', user_agent: 'x' };
    const { body } = await server.call('POST', '/api/identifications', visitor, client.basic);
    for (const { headers } of [
      await ask(client),
      await ask(client, { scope: 'nonsense' }),
      await accounts(client.basic),
      await get(`/wayf/${String(body.id)}`),
      await get('/password/reset'),
      await get('/docs'),
    ]) {
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('x-frame-options')?.toLowerCase()).toBe('deny');
    }
  });
});

theDocumentNamesEveryTest();
