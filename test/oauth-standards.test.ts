import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { CLIENT_SCOPE_NAMES } from '../src/access/client-scopes.js';
import { loadConfig } from '../src/config/config.js';
import { TOKEN_KINDS } from '../src/tokens/token-kinds.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { basic, newAccessToken, newClient, postForm, type Client } from './support/oauth.js';
import { send } from './support/raw-http.js';
import { bearer, call, claimsOf, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { changeAccount, makeAdmin, newApiToken, oboToken, rowOf, signedInAdmin, type User } from './support/tokens.js';

/** One test for each line of docs/standards.md that applies, under the name that the line gives. */
let database: TestDatabase;
let server: TestServer;
let admin: User;
/** May ask what tokens are. */
let asker: Client;

const MOST_FAILURES = 10;
const DOCUMENT = 'docs/standards.md';

beforeAll(async () => {
  database = await createDatabase();
  const behindProxy = { publicUrl: 'https://latchkey.test', trustProxy: 1 };
  server = await startServer(database.connection, { ...behindProxy, loginMaxFailures: MOST_FAILURES });
  admin = await signedInAdmin(server);
  asker = await newClient(server, { scopes: ['tokens:introspect'] });
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const titles: string[] = [];

/** A test that a line of the document names. */
function shows(title: string, test: () => Promise<unknown>): void {
  titles.push(title);
  it(title, async () => {
    await test();
  });
}

type Headers = Record<string, string>;

const GRANT = { grant_type: 'client_credentials' };
const ENDPOINTS = ['/oauth/token', '/oauth/introspect', '/oauth/revoke'];
const UNKNOWN = '0'.repeat(32);
const INACTIVE = [200, { active: false }];
/** What `error` and `error_description` may hold. */
const ERROR_TEXT = /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/;

const outcome = ({ status, body }: Answer): [number, unknown] => [status, body];
/** Status and error code. */
const refusal = ({ status, body }: Answer): [number, unknown] => [status, body.error];
const ask = (client: Client, form: string | Record<string, string> = GRANT) =>
  postForm(server, '/oauth/token', form, client.basic);
const introspect = (token: string, extra: Record<string, string> = {}) =>
  postForm(server, '/oauth/introspect', { token, ...extra }, asker.basic);
const revoke = (client: Client, token: string, extra: Record<string, string> = {}) =>
  postForm(server, '/oauth/revoke', { token, ...extra }, client.basic);
const get = (path: string, headers: Headers = {}) => server.call('GET', path, undefined, headers);
const accounts = (headers: Headers) => get('/api/accounts?perpage=1', headers);
const expire = async (token: string) =>
  database.query('UPDATE tokens SET expires_at = now() WHERE id = $1', [(await rowOf(database, token)).id]);

interface Metadata {
  issuer: string;
  jwks_uri: string;
  grant_types_supported: string[];
  response_types_supported: string[];
  scopes_supported: string[];
  [name: string]: unknown;
}

const metadata = async () => (await get('/.well-known/oauth-authorization-server')).body as Metadata;

/** A client of an admin's, made over REST. */
async function madeClient(fields: object = {}): Promise<{ answer: Answer; client: Client }> {
  const answer = await server.call(
    'POST',
    '/api/v1/oauth_clients/',
    { name: 'x', scopes: [], ...fields },
    admin.headers,
  );
  const { id, client_secret: secret } = answer.body as { id: string; client_secret: string };
  return { answer, client: { id, secret, basic: basic(id, secret) } };
}

interface Challenge {
  scheme: string;
  parameters: [name: string, value: string][];
}

/** Reads one challenge, and nothing but a well-formed one. */
function readChallenge(header: string | null): Challenge {
  const [, scheme = '', rest = ''] = /^([A-Za-z-]+)((?: (?:[a-z_]+="[^"]*"(?:, )?)+)?)$/.exec(header ?? '') ?? [];
  if (scheme === '') throw new Error(`This is no challenge: ${header ?? 'nothing'}`);
  const parameters = [...rest.matchAll(/([a-z_]+)="([^"]*)"/g)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );
  return { scheme, parameters: parameters.map(([name, value]) => [name, value]) };
}

const errorOf = ({ headers }: Answer) =>
  new Map(readChallenge(headers.get('www-authenticate')).parameters).get('error');

const ID = randomUUID();
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

describe('RFC 6749', () => {
  shows('every client is confidential: an admin makes it, with a secret', async () => {
    const { answer, client } = await madeClient({ token_endpoint_auth_method: 'none', public: true });
    expect([answer.status, answer.body.secrets.length, client.secret.length]).toEqual([201, 1, 43]);
    expect(refusal(await postForm(server, '/oauth/token', { client_id: client.id }))).toEqual([401, 'invalid_client']);
    const { status } = await server.call('POST', '/api/v1/oauth_clients', { name: 'x', scopes: [] });
    expect(status).toBe(401);
    expect(JSON.stringify(await metadata())).not.toContain('"none"');
  });

  shows('a client id alone authenticates nobody', async () => {
    const { id } = await newClient(server);
    for (const path of ENDPOINTS) {
      for (const answer of [
        await postForm(server, path, { client_id: id }),
        await postForm(server, path, { client_id: id, client_secret: '' }),
        await postForm(server, path, {}, basic(id, '')),
      ]) {
        expect(refusal(answer)).toEqual([401, 'invalid_client']);
      }
    }
  });

  shows('ids, secrets and tokens have the sizes that docs/standards.md tells', async () => {
    const { client } = await madeClient();
    const { body } = await ask(client);
    const text = readFileSync(DOCUMENT, 'utf8').replaceAll(/\s+/g, ' ');
    expect(text).toContain(`A client id has ${client.id.length} characters`);
    expect(text).toContain(`a client secret has ${client.secret.length} characters`);
    expect(text).toContain(`an access token has ${(body.access_token as string).length} characters`);
  });

  shows('a request with two ways of authenticating is invalid_request', async () => {
    const client = await newClient(server);
    const { id, secret } = client;
    for (const path of ENDPOINTS) {
      for (const answer of [
        await postForm(server, path, { client_id: id, client_secret: secret }, client.basic),
        await postForm(server, path, { client_id: id, client_secret: secret }, bearer(UNKNOWN)),
        await send(server, {
          method: 'POST',
          path,
          headers: { Authorization: [client.basic.authorization, client.basic.authorization] },
        }),
      ]) {
        expect(refusal(answer)).toEqual([400, 'invalid_request']);
      }
    }
  });

  shows('a client authenticates by HTTP Basic, both parts encoded as in a form', async () => {
    const client = await newClient(server, { id: `a.b_c-${randomUUID()}`, secret: 'a b+c%d:é€&="' });
    expect((await ask(client)).status).toBe(200);
    expect((await ask({ ...client, basic: basic(client.id, 'a b') })).status).toBe(401);
  });

  shows('credentials in the URL are refused, beside good ones too', async () => {
    const client = await newClient(server);
    const query = new URLSearchParams({ client_id: client.id, client_secret: client.secret }).toString();
    for (const path of ENDPOINTS) {
      for (const headers of [{}, client.basic]) {
        const answer = await postForm(server, `${path}?${query}`, { token: 'x' }, headers);
        expect(refusal(answer)).toEqual([400, 'invalid_request']);
      }
    }
  });

  shows('wrong secrets are limited at every endpoint that takes one', async () => {
    const doors: [string, (headers: Headers) => Promise<Answer>][] = [
      ...ENDPOINTS.map((path): [string, (headers: Headers) => Promise<Answer>] => [
        path,
        (headers) => postForm(server, path, { token: 'x' }, headers),
      ]),
      ['/oauth/v2/token', (headers) => postForm(server, '/oauth/v2/token', {}, headers)],
      ['/api/accounts', (headers) => get('/api/accounts', headers)],
    ];
    for (const [index, [, open]] of doors.entries()) {
      const client = await newClient(server);
      const from = { 'x-forwarded-for': `192.0.2.${index + 1}` };
      for (let attempt = 0; attempt < MOST_FAILURES; attempt += 1) {
        expect((await open({ ...basic(client.id, 'wrong'), ...from })).status).toBe(401);
      }
      const answer = await open({ ...basic(client.id, 'wrong too'), ...from });
      expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([429, true]);
    }
  });

  shows('no endpoint address has a fragment', async () => {
    const addresses = Object.entries(await metadata()).filter(([name]) => /_endpoint$|_uri$/.test(name));
    expect(addresses).toHaveLength(4);
    for (const [, address] of addresses) expect(address).not.toContain('#');
  });

  shows('the token endpoint answers to POST only', async () => {
    const client = await newClient(server);
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']) {
      const { status, headers } = await server.call(method, '/oauth/token', undefined, client.basic);
      expect([method, status, headers.get('allow')]).toEqual([method, 405, 'POST']);
    }
  });

  shows('a parameter without a value counts as omitted', async () => {
    const client = await newClient(server);
    for (const form of ['grant_type=&scope=', 'client_id=&client_secret=', 'scope', '']) {
      const { status, body } = await ask(client, form);
      expect([form, status, body.scope]).toEqual([form, 200, CLIENT_SCOPE_NAMES.join(' ')]);
    }
  });

  shows('parameters that nobody knows are ignored', async () => {
    const { status, body } = await ask(await newClient(server), {
      ...GRANT,
      resource: 'https://example.org',
      expires_in: '1',
      redirect_uri: 'x',
      'a b': 'c',
    });
    expect([status, body.expires_in]).toEqual([200, 3_600]);
  });

  shows('a parameter that is sent twice is invalid_request, and an answer has none twice', async () => {
    const client = await newClient(server);
    for (const form of ['scope=&scope=', 'grant_type=client_credentials&grant_type=client_credentials', 'x=1&x=2']) {
      expect(refusal(await ask(client, form))).toEqual([400, 'invalid_request']);
    }
    const response = await fetch(`${server.url}/oauth/token`, { method: 'POST', headers: client.basic });
    const names = [...(await response.text()).matchAll(/"(\w+)":/g)].map(([, name]) => name);
    expect(names).toEqual([...new Set(names)]);
    expect(names).toContain('access_token');
  });

  shows('nobody gets a token without authenticating', async () => {
    const { id } = await newClient(server);
    for (const [form, headers] of [
      [GRANT, {}],
      [{ ...GRANT, client_id: id }, {}],
      [GRANT, basic(id, 'wrong')],
      [GRANT, bearer(UNKNOWN)],
      [GRANT, admin.headers],
    ] as [Record<string, string>, Headers][]) {
      for (const path of ['/oauth/token', '/oauth/v2/token']) {
        expect(refusal(await postForm(server, path, form, headers))).toEqual([401, 'invalid_client']);
      }
    }
    expect(await database.query('SELECT 1 FROM tokens WHERE client_id = $1', [id])).toEqual([]);
  });

  shows('the answer names the scope when it is not what was asked for', async () => {
    const client = await newClient(server, { scopes: ['accounts:read', 'identifications'] });
    expect((await ask(client)).body.scope).toBe('accounts:read identifications');
    expect((await ask(client, { scope: 'identifications identifications' })).body.scope).toBe('identifications');
  });

  shows('without a scope a client gets all that it was registered with', async () => {
    const token = await newAccessToken(
      server,
      await newClient(server, { scopes: ['accounts:read', 'identifications'] }),
    );
    expect((await rowOf(database, token)).scopes).toEqual(['accounts:read', 'identifications']);
  });

  shows('the scopes and the default are in the OpenAPI description', async () => {
    const { components } = (await get('/docs-json')).body as {
      components: { schemas: Record<string, { properties: Record<string, { description: string }> }> };
    };
    const scope = components.schemas.TokenRequestBody?.properties.scope;
    expect(scope?.description).toBe('Separated by spaces; absent: all that the client was registered with');
    for (const name of CLIENT_SCOPE_NAMES) expect(JSON.stringify(components)).toContain(name);
  });

  shows('a grant type other than client_credentials is refused', async () => {
    const client = await newClient(server);
    for (const grant_type of ['authorization_code', 'refresh_token', 'implicit', 'urn:example', 'Client_Credentials']) {
      expect(refusal(await ask(client, { grant_type }))).toEqual([400, 'unsupported_grant_type']);
    }
    expect((await ask(client, GRANT)).status).toBe(200);
  });

  shows('no refresh token comes with an access token', async () => {
    const client = await newClient(server);
    for (const path of ['/oauth/token', '/oauth/v2/token']) {
      const { body } = await postForm(server, path, { scope: 'accounts:read' }, client.basic);
      expect(body).toMatchObject({ access_token: expect.any(String) });
      expect(body).not.toHaveProperty('refresh_token');
    }
  });

  shows('a token answer is a flat JSON object with access_token, token_type and expires_in', async () => {
    const { status, headers, body } = await ask(await newClient(server));
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 3_600,
      scope: expect.any(String),
    });
  });

  shows('no cache may keep a token', async () => {
    const client = await newClient(server);
    for (const path of ['/oauth/token', '/oauth/v2/token']) {
      const { headers } = await postForm(server, path, {}, client.basic);
      expect([headers.get('cache-control'), headers.get('pragma')]).toEqual(['no-store', 'no-cache']);
    }
    expect((await madeClient()).answer.headers.get('cache-control')).toBe('no-store');
  });

  shows('an error is 400 with one of the codes of section 5.2', async () => {
    const client = await newClient(server, { scopes: [] });
    for (const [form, code] of [
      ['x=1&x=2', 'invalid_request'],
      ['client_secret=x', 'invalid_request'],
      ['grant_type=x', 'unsupported_grant_type'],
      ['scope=x', 'invalid_scope'],
      ['scope=accounts%3Aread', 'invalid_scope'],
    ] as const) {
      const answer = await ask(client, form);
      expect(outcome(answer)).toEqual([400, { error: code, error_description: expect.any(String) }]);
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    }
  });

  shows('a failed authentication is 401 with the challenge of its scheme', async () => {
    const { id } = await newClient(server);
    for (const path of ENDPOINTS) {
      for (const headers of [basic(id, 'wrong'), basic(randomUUID(), 'x'), { authorization: 'basic nonsense' }]) {
        const answer = await postForm(server, path, { token: 'x' }, headers);
        expect(refusal(answer)).toEqual([401, 'invalid_client']);
        expect(readChallenge(answer.headers.get('www-authenticate'))).toEqual({
          scheme: 'Basic',
          parameters: [
            ['realm', 'latchkey'],
            ['charset', 'UTF-8'],
          ],
        });
      }
    }
  });

  shows('errors are ASCII without quotes and backslashes', async () => {
    const client = await newClient(server, { scopes: [] });
    const odd = '"\\ é\u{1f512}\u202e';
    const answers = [
      await ask(client, { scope: odd }),
      await ask(client, { grant_type: odd }),
      await ask(client, { client_id: odd }),
      await ask(client, `${encodeURIComponent(odd)}=1&${encodeURIComponent(odd)}=2`),
      await ask(client, 'scope=%00'),
      await ask(client, `scope=${'x'.repeat(1_048_576)}`),
      await postForm(server, '/oauth/token', {}, basic(odd, odd)),
      await postForm(server, '/oauth/introspect', { token: odd }, client.basic),
      await postForm(server, '/oauth/introspect', {}, asker.basic),
      await postForm(server, '/oauth/revoke', { token_type_hint: odd }, client.basic),
      await server.call('POST', '/oauth/token', { grant_type: { [odd]: odd } }, client.basic),
      await server.call('POST', '/oauth/token', '{', client.basic),
      await call(`${server.url}/oauth/token`, 'POST', odd, { ...client.basic, 'content-type': 'text/plain' }),
      await server.call('PUT', '/oauth/token', {}, client.basic),
      await server.call('POST', `/oauth/${encodeURIComponent(odd)}`, {}, client.basic),
      await send(server, { method: 'POST', path: '/oauth/%ff', headers: client.basic }),
    ];
    for (const { status, body } of answers) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(Object.keys(body as object)).toEqual(['error', 'error_description']);
      expect(body.error).toMatch(/^[a-z_]+$/);
      expect(body.error_description).toMatch(ERROR_TEXT);
    }
  });

  shows('an expired token opens nothing', async () => {
    const token = await newAccessToken(server, await newClient(server));
    await expire(token);
    const answer = await accounts(bearer(token));
    expect([answer.status, errorOf(answer)]).toEqual([401, 'invalid_token']);
  });

  shows('a token opens what its scope covers, and nothing else', async () => {
    const client = await newClient(server);
    const doors: Record<string, (headers: Headers) => Promise<Answer>> = {
      'accounts:read': (headers) => accounts(headers),
      'accounts:write': (headers) => server.call('DELETE', `/api/accounts/${ID}`, undefined, headers),
      identifications: (headers) => get('/api', headers),
    };
    for (const scope of CLIENT_SCOPE_NAMES) {
      const headers = bearer(await newAccessToken(server, client, scope));
      const opened: string[] = [];
      for (const [needed, open] of Object.entries(doors)) {
        if ((await open(headers)).status !== 403) opened.push(needed);
      }
      expect(opened).toEqual(scope in doors ? [scope] : []);
    }
  });

  shows('a refused resource request says why', async () => {
    const token = await newAccessToken(server, await newClient(server), 'identifications');
    for (const headers of [bearer(token), bearer(UNKNOWN)]) {
      const { status, body } = await accounts(headers);
      expect(body).toEqual({ status_code: status, message: expect.stringMatching(/^The /) });
    }
  });

  shows('/oauth/token answers with registered parameters only', async () => {
    const { body } = await ask(await newClient(server));
    expect(Object.keys(body as object).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']);
  });

  shows('a token is kept as a digest, and is in no log', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client);
    await accounts(bearer(token));
    await accounts(client.basic);
    await introspect(token);
    await get(`/api/accounts?access_token=${token}`);
    await postForm(server, `/oauth/token?client_secret=${client.secret}`, {});
    const tables = await database.query<{ name: string }>(
      `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'`,
    );
    const rows = await database.query<{ row: string }>(
      tables.map(({ name }) => `SELECT t::text AS row FROM ${name} t`).join(' UNION ALL '),
    );
    const all = [...rows.map(({ row }) => row), ...server.logs].join('\n');
    expect(all).toContain((await rowOf(database, token)).id);
    for (const secret of [token, client.secret]) expect(all).not.toContain(secret);
  });

  shows('a token with one character changed is worth nothing', async () => {
    const token = await newAccessToken(server, await newClient(server));
    expect((await accounts(bearer(token))).status).toBe(200);
    for (const index of [0, 15, 31]) {
      const other = token[index] === '0' ? '1' : '0';
      const changed = token.slice(0, index) + other + token.slice(index + 1);
      expect((await accounts(bearer(changed))).status).toBe(401);
      expect(outcome(await introspect(changed))).toEqual(INACTIVE);
    }
  });

  shows('a client gets no scope that it was not registered with', async () => {
    const client = await newClient(server, { scopes: ['identifications'] });
    for (const scope of ['accounts:read', 'identifications accounts:read', CLIENT_SCOPE_NAMES.join(' '), '*']) {
      expect(refusal(await ask(client, { scope }))).toEqual([400, 'invalid_scope']);
    }
  });

  shows('an access token has 128 random bits, and a secret 256', async () => {
    const tokens = Array.from({ length: 1_000 }, () => TOKEN_KINDS.oauth.format.mint());
    expect(new Set(tokens).size).toBe(1_000);
    // Every one of the 32 places takes every one of the 16 digits.
    for (let place = 0; place < 32; place += 1) {
      expect(new Set(tokens.map((token) => token[place])).size).toBe(16);
    }
    expect(tokens.every((token) => /^[0-9a-f]{32}$/.test(token))).toBe(true);
    expect(Buffer.from((await madeClient()).client.secret, 'base64url')).toHaveLength(32);
  });

  shows('what is sent is validated, and never comes back', async () => {
    const client = await newClient(server);
    for (const text of ['<script>alert(1)</script>', `' OR 1=1 --`, 'x\r\nSet-Cookie: a=b', '${7*7}', '../../etc']) {
      const answers = [
        await ask(client, { scope: text }),
        await ask(client, { grant_type: text }),
        await ask(client, { client_id: text }),
        await ask(client, { [text]: text, scope: 'accounts:read' }),
        await introspect(text),
        await introspect(UNKNOWN, { token_type_hint: text }),
        await revoke(client, text),
      ];
      expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 200, 200, 200, 200]);
      for (const { headers, body } of answers) {
        expect(JSON.stringify([...headers]) + JSON.stringify(body)).not.toContain(text);
        expect(headers.get('set-cookie')).toBeNull();
      }
    }
  });
});

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

describe(DOCUMENT, () => {
  interface Line {
    rfc: string;
    section: string;
    asks: string;
    answer: string;
  }

  function readLines(): Line[] {
    let rfc = '';
    return readFileSync(DOCUMENT, 'utf8')
      .split('\n')
      .flatMap((text) => {
        rfc = /^## (RFC \d+)/.exec(text)?.[1] ?? rfc;
        if (!text.startsWith('| ') || /^\| (section|-)/.test(text)) return [];
        const [section = '', asks = '', answer = '', ...rest] = text.split('|').slice(1, -1);
        if (rest.length > 0) throw new Error(`This line has too many cells: ${text}`);
        return [{ rfc, section: section.trim(), asks: asks.trim(), answer: answer.trim() }];
      });
  }

  /** The title that a line names, if that is what its last cell has. */
  const titleIn = ({ answer }: Line) => /^`([^`]+)`$/.exec(answer)?.[1];

  it('names tests that exist, and has every one of them in a line', () => {
    const named = new Set(
      readLines()
        .map(titleIn)
        .filter((title) => title !== undefined),
    );
    expect([...named].sort()).toEqual([...titles].sort());
  });

  it('has a section, a demand and an answer in every line, and lines for each RFC', () => {
    const lines = readLines();
    for (const line of lines) {
      expect(line.section).toMatch(/^\d+(\.\d+)*((, | to )\d+(\.\d+)*)*$/);
      expect(line.asks.length).toBeGreaterThan(10);
      expect(line.answer.length).toBeGreaterThan(2);
    }
    const rfcs = new Set(lines.map(({ rfc }) => rfc));
    expect([...rfcs]).toEqual(['RFC 6749', 'RFC 6750', 'RFC 7009', 'RFC 7662', 'RFC 8414', 'RFC 9700']);
  });
});
