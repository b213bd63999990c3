import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import pg from 'pg';
import { EntityManager } from 'typeorm';
import { CLIENT_SCOPE_NAMES } from '../src/access/client-scopes.js';
import { OauthClients } from '../src/oauth/oauth-clients.service.js';
import { Revocations } from '../src/revocations/revocations.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { basic, newAccessToken, newClient, postForm, rawBasic, type Client } from './support/oauth.js';
import { eventually } from './support/process.js';
import { send } from './support/raw-http.js';
import { bearer, call, claimsOf, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import {
  changeAccount,
  makeAdmin,
  newApiToken,
  newAppToken,
  oboToken,
  rowOf,
  signedInAdmin,
  signedInUser,
  tokenHeaders,
  type User,
} from './support/tokens.js';

/** The OAuth2 part of seed 000, and what the design adds: clients, their tokens, introspection and revocation. */
let database: TestDatabase;
let server: TestServer;
let admin: User;
/** May ask what tokens are. */
let asker: Client;

/** Failed attempts of one client from one address. */
const MOST_FAILURES = 20;

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

type Headers = Record<string, string>;

const HEX = expect.stringMatching(/^[0-9a-f]{32}$/);
const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const SECRET = expect.stringMatching(/^[\w-]{43}$/);
const ALL_SCOPES = CLIENT_SCOPE_NAMES.join(' ');
const HOUR = 3_600;
const JSON_TYPE = { 'content-type': 'application/json' };
const CHALLENGE = 'Basic realm="latchkey", charset="UTF-8"';
const GRANT = { grant_type: 'client_credentials' };
const INACTIVE = [200, { active: false }];
const NOT_FOUND = [404, { errors: { request: 'Not found, or you do not have access to it.' } }];
const CLIENTS = '/api/v1/oauth_clients';

const DOORS = [
  ['/oauth/v2/token', 201],
  ['/oauth/token', 200],
] as const;

const outcome = ({ status, body }: Pick<Answer, 'status' | 'body'>): [number, unknown] => [status, body];
const refused = (status: number, error: string) => [status, { error, error_description: expect.any(String) }];
const post = (path: string, body: unknown, headers: Headers) => server.call('POST', path, body, headers);
const get = (path: string, headers: Headers) => server.call('GET', path, undefined, headers);
const patch = (path: string, body: unknown, headers: Headers) => server.call('PATCH', path, body, headers);
const remove = (path: string, headers: Headers) => server.call('DELETE', path, undefined, headers);

const ask = (client: Client, form: Record<string, string> = GRANT, from?: string) =>
  postForm(server, '/oauth/token', form, { ...client.basic, ...(from !== undefined && { 'x-forwarded-for': from }) });
const introspect = (token: string) => postForm(server, '/oauth/introspect', { token }, asker.basic);
const revoke = (client: Client, token: string) => postForm(server, '/oauth/revoke', { token }, client.basic);

/** Whether a token, or whatever else `headers` show, opens what needs the scope `accounts:read`. */
async function opens(headers: Headers): Promise<boolean> {
  const { status } = await get('/api/accounts?perpage=1', headers);
  expect([200, 401, 403]).toContain(status);
  return status === 200;
}

const secretRows = (client: string) =>
  database.query<{ id: string; digest: Buffer; hint: string; last_used_at: Date | null }>(
    'SELECT id, digest, hint, last_used_at FROM oauth_client_secrets WHERE client_id = $1 ORDER BY created_at, id',
    [client],
  );

const liveTokens = (client: string) =>
  database.query('SELECT id FROM tokens WHERE client_id = $1 AND revoked_at IS NULL AND expires_at > now()', [client]);

describe('OAuth2 token Create', () => {
  it('answers the request of the document as it is printed: curl -n, JSON, 201 with account_token', async () => {
    const client = await newClient(server);
    const body = '{\n  "grant_type": "client_credentials"\n}';
    const answer = await post('/oauth/v2/token', body, { ...client.basic, ...JSON_TYPE });
    expect(outcome(answer)).toEqual([
      201,
      { account_token: HEX, access_token: HEX, token_type: 'Bearer', expires_in: HOUR, scope: ALL_SCOPES },
    ]);
    expect(answer.body.access_token).toBe(answer.body.account_token);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect([answer.headers.get('cache-control'), answer.headers.get('pragma')]).toEqual(['no-store', 'no-cache']);
    expect(await opens(bearer(answer.body.account_token as string))).toBe(true);
  });

  it('answers 200 at /oauth/token, and without account_token', async () => {
    const client = await newClient(server);
    const answer = await ask(client);
    expect(outcome(answer)).toEqual([
      200,
      { access_token: HEX, token_type: 'Bearer', expires_in: HOUR, scope: ALL_SCOPES },
    ]);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect([answer.headers.get('cache-control'), answer.headers.get('pragma')]).toEqual(['no-store', 'no-cache']);
    expect(await opens(bearer(answer.body.access_token as string))).toBe(true);
  });

  describe.each(DOORS)('at %s', (path, status) => {
    it('takes forms and JSON, with and without a slash', async () => {
      const client = await newClient(server);
      for (const address of [path, `${path}/`]) {
        expect((await postForm(server, address, GRANT, client.basic)).status).toBe(status);
        expect((await post(address, GRANT, client.basic)).status).toBe(status);
        const charset = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' };
        expect((await postForm(server, address, GRANT, { ...client.basic, ...charset })).status).toBe(status);
      }
    });

    it('takes no body at all, an empty one, and one without a grant_type for client_credentials', async () => {
      const client = await newClient(server);
      const answers = [
        await post(path, undefined, client.basic),
        await post(path, '', client.basic),
        await post(path, {}, client.basic),
        await post(path, { grant_type: '' }, client.basic),
        await postForm(server, path, '', client.basic),
        await postForm(server, path, 'grant_type=', client.basic),
        await postForm(server, path, 'scope=', client.basic),
        await call(`${server.url}${path}`, 'POST', '', { ...client.basic, 'content-type': 'text/plain' }),
      ];
      expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => status));
    });

    it('ignores what it does not know', async () => {
      const client = await newClient(server);
      const form = { ...GRANT, resource: 'https://example.org', audience: '', expires_in: '1', client_id: client.id };
      const answer = await postForm(server, path, form, client.basic);
      expect([answer.status, answer.body.expires_in]).toEqual([status, HOUR]);
    });
  });

  it('stores a digest, a hint, the client, the scopes and when it ends, and never the token', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client, 'accounts:read');
    const row = await rowOf(database, token);
    expect(row).toMatchObject({
      kind: 'oauth',
      client_id: client.id,
      account_id: null,
      actor_id: null,
      gateway_account_id: null,
      scopes: ['accounts:read'],
      hint: token.slice(-4),
      revoked_at: null,
    });
    expect(Number(row.expires_at) - Number(row.created_at)).toBe(HOUR * 1_000);
    const [whole] = await database.query<{ text: string }>(
      'SELECT t::text || c::text || s::text AS text FROM tokens t JOIN oauth_clients c ON c.id = t.client_id ' +
        'JOIN oauth_client_secrets s ON s.client_id = c.id WHERE t.id = $1',
      [row.id],
    );
    expect(whole?.text).toContain(row.id);
    expect(whole?.text).not.toContain(token);
    expect(whole?.text).not.toContain(client.secret);
  });

  it('gives twenty different tokens to twenty requests at once, and all of them work', async () => {
    const client = await newClient(server);
    const tokens = await Promise.all(Array.from({ length: 20 }, () => newAccessToken(server, client)));
    expect(new Set(tokens).size).toBe(20);
    expect(await Promise.all(tokens.map((token) => opens(bearer(token))))).toEqual(Array(20).fill(true));
    expect(await liveTokens(client.id)).toHaveLength(20);
  });

  it('gives a token that ends by itself', async () => {
    const token = await newAccessToken(server, await newClient(server));
    await database.query('UPDATE tokens SET expires_at = now() WHERE id = $1', [(await rowOf(database, token)).id]);
    expect(await opens(bearer(token))).toBe(false);
  });

  it.each<[name: string, body: unknown, error: string]>([
    ['another grant type', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['a grant type in capitals', { grant_type: 'CLIENT_CREDENTIALS' }, 'unsupported_grant_type'],
    ['a grant type with a space', { grant_type: 'client_credentials ' }, 'unsupported_grant_type'],
    ['a grant type that is null', { grant_type: null }, 'invalid_request'],
    ['a grant type that is a number', { grant_type: 5 }, 'invalid_request'],
    ['a grant type that is a boolean', { grant_type: true }, 'invalid_request'],
    ['a grant type that is a list', { grant_type: ['client_credentials'] }, 'invalid_request'],
    ['a grant type that is an object', { grant_type: {} }, 'invalid_request'],
    ['a scope that is null', { scope: null }, 'invalid_request'],
    ['a scope that is a number', { scope: 0 }, 'invalid_request'],
    ['a scope that is a list', { scope: ['accounts:read'] }, 'invalid_request'],
    ['a scope that is an object', { scope: { 0: 'accounts:read' } }, 'invalid_request'],
    ['an unknown scope', { scope: 'nonsense' }, 'invalid_scope'],
    ['a scope in capitals', { scope: 'Accounts:Read' }, 'invalid_scope'],
    ['scopes separated by a comma', { scope: 'accounts:read,identifications' }, 'invalid_scope'],
    ['scopes separated by a line', { scope: 'accounts:read\nidentifications' }, 'invalid_scope'],
    ['a good scope and an unknown one', { scope: 'accounts:read nonsense' }, 'invalid_scope'],
    ['a scope that names nothing', { scope: ' ' }, 'invalid_scope'],
    ['a scope named as a property of objects', { scope: 'constructor' }, 'invalid_scope'],
    ['a NUL', { scope: 'accounts:read\0' }, 'invalid_request'],
    ['a body that is a list', [GRANT], 'invalid_request'],
    ['a body that is a text', '"grant_type"', 'invalid_request'],
    ['a body that is null', 'null', 'invalid_request'],
    ['malformed JSON', '{"grant_type":', 'invalid_request'],
  ])('refuses %s with 400, and stores nothing', async (_, body, error) => {
    const client = await newClient(server);
    for (const [path] of DOORS) {
      expect(outcome(await post(path, body, { ...client.basic, ...JSON_TYPE }))).toEqual(refused(400, error));
    }
    expect(await liveTokens(client.id)).toEqual([]);
  });

  it.each([
    ['grant_type=client_credentials&grant_type=client_credentials', 'a field given twice'],
    ['scope=&scope=accounts:read', 'a field given twice, once without a value'],
    ['foo=1&foo=2', 'a field given twice that nobody knows'],
    ['__proto__=1', 'a field that is no name'],
    ['scope=a%00', 'a NUL'],
  ])('refuses the form "%s": %s', async (form) => {
    const client = await newClient(server);
    expect(outcome(await postForm(server, '/oauth/token', form, client.basic))).toEqual(
      refused(400, 'invalid_request'),
    );
    expect(await liveTokens(client.id)).toEqual([]);
  });

  it.each([
    ['text/plain', GRANT.grant_type],
    ['multipart/form-data; boundary=x', '--x--'],
    ['application/xml', '<grant_type/>'],
    ['application/x-www-form-urlencoded; charset=latin1', 'grant_type=client_credentials'],
    ['application/json; charset=utf-16', '{}'],
  ])('refuses the media type %s with 415', async (type, body) => {
    const client = await newClient(server);
    const answer = await post('/oauth/token', body, { ...client.basic, 'content-type': type });
    expect(outcome(answer)).toEqual(refused(415, 'invalid_request'));
  });

  it('refuses a body over the limit with 413, and one that is compressed with 415', async () => {
    const client = await newClient(server);
    const long = await postForm(server, '/oauth/token', `scope=${'a'.repeat(1_048_576)}`, client.basic);
    expect(outcome(long)).toEqual(refused(413, 'invalid_request'));
    const packed = await postForm(server, '/oauth/token', GRANT, { ...client.basic, 'content-encoding': 'gzip' });
    expect(outcome(packed)).toEqual(refused(415, 'invalid_request'));
  });

  it.each(['GET', 'PUT', 'DELETE'])('refuses %s with 405 and Allow', async (method) => {
    const client = await newClient(server);
    for (const path of ['/oauth/v2/token', '/oauth/token', '/oauth/introspect', '/oauth/revoke']) {
      const answer = await server.call(method, path, undefined, client.basic);
      expect(outcome(answer)).toEqual(refused(405, 'invalid_request'));
      expect(answer.headers.get('allow')).toBe('POST');
    }
  });
});

describe('A client shows who it is', () => {
  const IN_NEED = {
    id: () => `the_client.${randomUUID()}-1`,
    secret: `50% +&=: "é€\u{1f512}" ~*'()/\\?#@${randomUUID()}`,
  };

  it('as HTTP Basic, both parts encoded as in a form, in whatever case the scheme is', async () => {
    const client = await newClient(server, { id: IN_NEED.id(), secret: IN_NEED.secret });
    expect((await ask(client)).status).toBe(200);
    const [, encoded = ''] = client.basic.authorization.split(' ');
    for (const scheme of ['basic', 'BASIC', 'bAsIc  ']) {
      const headers = { authorization: `${scheme} ${encoded}` };
      expect((await postForm(server, '/oauth/token', GRANT, headers)).status).toBe(200);
    }
    // More is encoded than has to be: that is the same text.
    const every = (text: string) =>
      [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    const headers = rawBasic(`${every(client.id)}:${every(client.secret)}`);
    expect((await postForm(server, '/oauth/token', GRANT, headers)).status).toBe(200);
  });

  it('as HTTP Basic with a colon in the secret as it stands, but not with a plus or a percent sign', async () => {
    const statuses: number[] = [];
    for (const sign of [':', '+', '%']) {
      const { id, secret } = await newClient(server, { secret: `${sign}${randomUUID()}` });
      statuses.push((await postForm(server, '/oauth/token', GRANT, rawBasic(`${id}:${secret}`))).status);
    }
    expect(statuses).toEqual([200, 401, 401]);
  });

  it('in the body of a form and of JSON, encoded as these are', async () => {
    const client = await newClient(server, { id: IN_NEED.id(), secret: IN_NEED.secret });
    const body = { client_id: client.id, client_secret: client.secret };
    for (const [path, status] of DOORS) {
      expect((await postForm(server, path, { ...GRANT, ...body })).status).toBe(status);
      expect((await post(path, { ...GRANT, ...body }, {})).status).toBe(status);
      expect((await post(path, body, {})).status).toBe(status);
    }
  });

  it('as HTTP Basic with its id in the body besides, which libraries send along', async () => {
    const client = await newClient(server);
    for (const body of [{ client_id: client.id }, { client_id: client.id, client_secret: '' }, { client_id: '' }]) {
      expect((await ask(client, body)).status).toBe(200);
    }
  });

  describe('More than one way of authenticating in one request is invalid_request:', () => {
    const ways: [name: string, request: (client: Client) => Promise<Answer>][] = [
      [
        'HTTP Basic and the same secret in the body',
        (client) => ask(client, { client_id: client.id, client_secret: client.secret }),
      ],
      ['HTTP Basic and a secret alone in the body', (client) => ask(client, { client_secret: client.secret })],
      ['HTTP Basic and another secret in the body', (client) => ask(client, { client_secret: 'another' })],
      [
        'HTTP Basic and a null for a secret in the body',
        (client) => post('/oauth/token', { client_secret: null }, client.basic),
      ],
      ['HTTP Basic and the id of another client in the body', (client) => ask(client, { client_id: asker.id })],
      [
        'a Bearer token and a secret in the body',
        (client) =>
          postForm(
            server,
            '/oauth/token',
            { client_id: client.id, client_secret: client.secret },
            bearer('0'.repeat(32)),
          ),
      ],
      [
        'two Authorization headers, both good',
        (client) =>
          send(server, {
            method: 'POST',
            path: '/oauth/token',
            headers: { Authorization: [client.basic.authorization, client.basic.authorization] },
          }),
      ],
      [
        'two Authorization headers, the first of them good',
        (client) =>
          send(server, {
            method: 'POST',
            path: '/oauth/token',
            headers: { Authorization: [client.basic.authorization, asker.basic.authorization] },
          }),
      ],
      [
        'HTTP Basic and a secret in the URL',
        (client) => postForm(server, `/oauth/token?client_secret=${client.secret}`, GRANT, client.basic),
      ],
      [
        'HTTP Basic and an id in the URL',
        (client) => postForm(server, `/oauth/token?client_id=${client.id}`, GRANT, client.basic),
      ],
      [
        'an id and a secret in the URL alone',
        (client) => postForm(server, `/oauth/token?client_id=${client.id}&client_secret=${client.secret}`, GRANT),
      ],
      [
        'a secret in the URL and in the body',
        (client) =>
          postForm(server, `/oauth/token?client_secret=x&client_secret=y`, {
            client_id: client.id,
            client_secret: client.secret,
          }),
      ],
    ];

    it.each(ways)('%s', async (_, request) => {
      const client = await newClient(server);
      expect(outcome(await request(client))).toEqual(refused(400, 'invalid_request'));
      expect(await liveTokens(client.id)).toEqual([]);
    });
  });

  describe('is refused with 401 invalid_client and a challenge:', () => {
    const form = (fields: Record<string, string>, headers: Headers = {}) =>
      postForm(server, '/oauth/token', fields, headers);
    const ways: [name: string, request: (client: Client) => Promise<Answer>][] = [
      ['nothing at all', () => form(GRANT)],
      ['an unknown client', ({ secret }) => form(GRANT, basic(randomUUID(), secret))],
      ['another secret', ({ id, secret }) => form(GRANT, basic(id, `${secret}x`))],
      ['a secret in capitals', ({ id, secret }) => form(GRANT, basic(id, secret.toUpperCase()))],
      ['the secret of another client', ({ id }) => form(GRANT, basic(id, asker.secret))],
      ['an empty secret', ({ id }) => form(GRANT, basic(id, ''))],
      ['an id in capitals', ({ id, secret }) => form(GRANT, basic(id.toUpperCase(), secret))],
      ['an empty id', ({ secret }) => form(GRANT, basic('', secret))],
      ['an id that cannot be one', ({ secret }) => form(GRANT, basic("' OR true --", secret))],
      ['the digest for a secret', ({ id, secret }) => form(GRANT, basic(id, sha256(secret).toString('base64')))],
      ['Basic without a colon', ({ id }) => form(GRANT, rawBasic(id))],
      ['Basic without anything', () => form(GRANT, { authorization: 'Basic' })],
      ['Basic that is no base64', ({ id, secret }) => form(GRANT, { authorization: `Basic ${id}:${secret}` })],
      ['Basic that is badly encoded', ({ id }) => form(GRANT, rawBasic(`${id}:%zz`))],
      ['Basic that is not UTF-8', ({ id }) => form(GRANT, rawBasic(`${id}:%ff`))],
      ['an id alone in the body', ({ id }) => form({ ...GRANT, client_id: id })],
      ['a secret alone in the body', ({ secret }) => form({ ...GRANT, client_secret: secret })],
      ['an empty secret in the body', ({ id }) => form({ client_id: id, client_secret: '' })],
      [
        'a secret in the body that is null',
        ({ id }) => post('/oauth/token', { client_id: id, client_secret: null }, {}),
      ],
      [
        'a secret in the body that is a list',
        ({ id, secret }) => post('/oauth/token', { client_id: id, client_secret: [secret] }, {}),
      ],
      [
        'an id in the body that is a number',
        ({ secret }) => post('/oauth/token', { client_id: 5, client_secret: secret }, {}),
      ],
      ['its own access token', async (client) => form(GRANT, bearer(await newAccessToken(server, client)))],
      ['App-Token and Token', () => form(GRANT, admin.headers)],
      ['an assertion', () => form({ ...GRANT, client_assertion: 'x', client_assertion_type: 'y' })],
    ];

    it.each(ways)('%s', async (_, request) => {
      const answer = await request(await newClient(server));
      expect(outcome(answer)).toEqual(refused(401, 'invalid_client'));
      expect(answer.headers.get('www-authenticate')).toBe(CHALLENGE);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    });
  });

  it('at each of the four addresses, before anything else is looked at', async () => {
    for (const path of ['/oauth/v2/token', '/oauth/token', '/oauth/introspect', '/oauth/revoke']) {
      const answer = await postForm(server, path, 'grant_type=nonsense&scope=nonsense');
      expect(outcome(answer)).toEqual(refused(401, 'invalid_client'));
      expect(answer.headers.get('www-authenticate')).toBe(CHALLENGE);
    }
  });

  it('when its replica hears of no revocations, forty times at once as well', async () => {
    const client = await newClient(server);
    const revocations = server.app.get<Revocations, { isConnected?: () => boolean }>(Revocations);
    revocations.isConnected = () => false;
    try {
      const answers = await Promise.all(Array.from({ length: 2 * MOST_FAILURES }, () => ask(client)));
      expect(answers.map(({ status }) => status)).toEqual(Array(2 * MOST_FAILURES).fill(200));
    } finally {
      delete revocations.isConnected;
    }
  });
});

const sha256 = (text: string) => createHash('sha256').update(text).digest();

describe('Scopes', () => {
  const READER = ['accounts:read', 'identifications'];

  it.each([undefined, '', 'accounts:read identifications', ' identifications  accounts:read '])(
    'are all that the client was registered with: %j',
    async (scope) => {
      const client = await newClient(server, { scopes: READER });
      const { status, body } = await ask(client, scope === undefined ? {} : { scope });
      expect([status, new Set((body.scope as string).split(' '))]).toEqual([200, new Set(READER)]);
      expect(new Set((await rowOf(database, body.access_token as string)).scopes)).toEqual(new Set(READER));
    },
  );

  it.each(['identifications', 'identifications identifications'])('are what is asked for: %s', async (scope) => {
    const client = await newClient(server);
    const { body } = await ask(client, { scope });
    expect(body.scope).toBe('identifications');
    const headers = bearer(body.access_token as string);
    expect((await get('/api', headers)).status).toBe(200);
    expect((await get('/api/accounts', headers)).status).toBe(403);
  });

  it('are never more than the client was registered with', async () => {
    const client = await newClient(server, { scopes: READER });
    for (const scope of ['accounts:write', 'accounts:read accounts:write', ALL_SCOPES]) {
      expect(outcome(await ask(client, { scope }))).toEqual(refused(400, 'invalid_scope'));
    }
    expect(await liveTokens(client.id)).toEqual([]);
  });

  it('may be none: then the answer names none, and the token opens nothing', async () => {
    const client = await newClient(server, { scopes: [] });
    const { status, body } = await ask(client);
    expect([status, body]).toEqual([200, { access_token: HEX, token_type: 'Bearer', expires_in: HOUR }]);
    const headers = bearer(body.access_token as string);
    for (const path of ['/api', '/api/accounts', `/accounts/${admin.id}`]) {
      expect((await get(path, headers)).status).toBe(403);
    }
  });
});

describe('At the routes of clients', () => {
  const BEARER = 'Bearer realm="latchkey"';

  it('a token, or the id and the secret, open what the scopes allow', async () => {
    const client = await newClient(server, { scopes: ['accounts:read'] });
    for (const headers of [bearer(await newAccessToken(server, client)), client.basic]) {
      expect((await get(`/api/accounts/${admin.id}`, headers)).status).toBe(200);
      expect((await get(`/accounts/${admin.id}`, headers)).body).toMatchObject({
        id: admin.id,
        publisher_reference: null,
      });
      const denied = await patch(`/accounts/${admin.id}`, { publisher_reference: 'x' }, headers);
      expect(outcome(denied)).toEqual([
        403,
        { status_code: 403, message: 'The client does not have the accounts:write scope.' },
      ]);
    }
  });

  it('a token that lacks the scope is told which one', async () => {
    const token = await newAccessToken(server, await newClient(server), 'identifications');
    const { headers } = await get('/api/accounts', bearer(token));
    expect(headers.get('www-authenticate')).toBe(`${BEARER}, error="insufficient_scope", scope="accounts:read"`);
  });

  it.each([
    ['nothing', {}, BEARER],
    ['an unknown token', bearer('0'.repeat(32)), `${BEARER}, error="invalid_token"`],
    ['what cannot be a token', bearer('nonsense'), `${BEARER}, error="invalid_token"`],
    ['two words', { authorization: 'Bearer a b' }, `${BEARER}, error="invalid_token"`],
    ['an empty Bearer', { authorization: 'Bearer' }, BEARER],
    ['another scheme', { authorization: 'Digest x' }, BEARER],
    ['a wrong secret', basic(randomUUID(), 'x'), CHALLENGE],
  ] as [string, Headers, string][])('%s is 401 with a challenge', async (_, headers, challenge) => {
    const answer = await get('/api/accounts', headers);
    expect(outcome(answer)).toEqual([401, { status_code: 401, message: expect.any(String) }]);
    expect(answer.headers.get('www-authenticate')).toBe(challenge);
  });

  it('a token that is shown in the URL or in the body is refused, beside a header and without', async () => {
    const token = await newAccessToken(server, await newClient(server));
    for (const headers of [bearer(token), {}]) {
      for (const answer of [
        await get(`/api/accounts?access_token=${token}`, headers),
        await get(`/api/accounts?access_token=${token}&access_token=${token}`, headers),
        await post('/api/accounts', { name: 'x', access_token: token }, headers),
        await patch(`/accounts/${admin.id}`, { access_token: token }, headers),
      ]) {
        expect(outcome(answer)).toEqual([400, { status_code: 400, message: expect.any(String) }]);
        expect(answer.headers.get('www-authenticate')).toBe(`${BEARER}, error="invalid_request"`);
      }
    }
    const beside = await get(`/accounts/${admin.id}?access_token=${token}`, bearer(token));
    expect(outcome(beside)).toEqual([400, { status_code: 400, message: expect.any(String) }]);
  });

  it('two Authorization headers are refused, though both are good', async () => {
    const client = await newClient(server);
    const { authorization = '' } = bearer(await newAccessToken(server, client));
    for (const both of [
      [authorization, authorization],
      [authorization, client.basic.authorization],
      [client.basic.authorization, authorization],
    ]) {
      const answer = await send(server, { method: 'GET', path: '/api/accounts', headers: { Authorization: both } });
      expect(outcome(answer)).toEqual([400, { status_code: 400, message: expect.any(String) }]);
      expect(answer.headers.get('www-authenticate')).toBe(`${BEARER}, error="invalid_request"`);
    }
  });
});

describe('Introspection', () => {
  /** When a token was made and ends, as introspection tells it. */
  async function timesOf(token: string): Promise<{ jti: string; iat: number; exp?: number }> {
    const { id, created_at, expires_at } = await rowOf(database, token);
    const seconds = (date: Date) => Math.floor(date.getTime() / 1_000);
    return { jti: id, iat: seconds(created_at), ...(expires_at && { exp: seconds(expires_at) }) };
  }

  const iss = 'http://latchkey.test';

  it('tells all about an access token of a client', async () => {
    const owner = await makeAdmin(server);
    const client = await newClient(server, { ownerId: owner.id });
    const token = await newAccessToken(server, client, 'accounts:read identifications');
    const answer = await introspect(token);
    expect(outcome(answer)).toEqual([
      200,
      {
        active: true,
        token_kind: 'oauth',
        token_type: 'Bearer',
        sub: client.id,
        client_id: client.id,
        scope: 'accounts:read identifications',
        iss,
        ...(await timesOf(token)),
      },
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body.exp - answer.body.iat).toBe(HOUR);
  });

  it('tells all about an App-Token, with its scopes if it has any', async () => {
    const common = {
      active: true,
      token_kind: 'app',
      token_type: 'App-Token',
      sub: admin.id,
      username: admin.email,
      iss,
    };
    const plain = await newAppToken(server, admin, { seconds_until_expire: 60 });
    expect((await introspect(plain)).body).toEqual({ ...common, ...(await timesOf(plain)) });
    const scoped = await newAppToken(server, admin, { scopes: ['frontend'] });
    expect((await introspect(scoped)).body).toEqual({ ...common, scope: 'frontend', ...(await timesOf(scoped)) });
  });

  it('tells all about a user token', async () => {
    const { id, email, token } = await signedInUser(server);
    expect((await introspect(token)).body).toEqual({
      active: true,
      token_kind: 'user',
      token_type: 'Token',
      sub: id,
      username: email,
      iss,
      ...(await timesOf(token)),
    });
  });

  it('tells of a token on behalf of somebody who got it', async () => {
    const { id, email } = await signUp(server);
    const token = await oboToken(server, admin, id);
    expect((await introspect(token)).body).toEqual({
      active: true,
      token_kind: 'user',
      token_type: 'Token',
      sub: id,
      username: email,
      act: { sub: admin.id, username: admin.email },
      iss,
      ...(await timesOf(token)),
    });
  });

  it('tells all about an API token, which has no end and no account of ours', async () => {
    const token = await newApiToken(server, admin.appToken, 'GATEWAY ACCOUNT', { token_account_type: 'live' });
    expect((await introspect(token)).body).toEqual({
      active: true,
      token_kind: 'api',
      token_type: 'Bearer',
      gateway_account_id: 'GATEWAY ACCOUNT',
      iss,
      ...(await timesOf(token)),
    });
  });

  it('tells all about the JWT of a session', async () => {
    const { id, email, token } = await signUp(server);
    const { sid, jti, iat, exp } = claimsOf(token);
    expect((await introspect(token)).body).toEqual({
      active: true,
      token_kind: 'session',
      token_type: 'Bearer',
      sub: id,
      username: email,
      sid,
      iss,
      jti,
      iat,
      exp,
    });
  });

  it.each(['access_token', 'refresh_token', 'nonsense', ''])(
    'finds a token whatever the hint is: "%s"',
    async (hint) => {
      const token = await newAccessToken(server, await newClient(server));
      const { body } = await postForm(server, '/oauth/introspect', { token, token_type_hint: hint }, asker.basic);
      expect(body.active).toBe(true);
    },
  );

  it('takes JSON, and the id and secret in the body', async () => {
    const token = await newAccessToken(server, await newClient(server));
    const shown = { token, client_id: asker.id, client_secret: asker.secret };
    expect((await post('/oauth/introspect', { token }, asker.basic)).body.active).toBe(true);
    expect((await post('/oauth/introspect', shown, {})).body.active).toBe(true);
    expect((await postForm(server, '/oauth/introspect', shown)).body.active).toBe(true);
  });

  it('is for clients that were registered with tokens:introspect', async () => {
    const token = await newAccessToken(server, await newClient(server));
    const other = await newClient(server, { scopes: ['accounts:read', 'accounts:write', 'identifications'] });
    const own = await newAccessToken(server, other);
    for (const shown of [token, own, 'nonsense']) {
      const answer = await postForm(server, '/oauth/introspect', { token: shown }, other.basic);
      expect(outcome(answer)).toEqual(refused(403, 'insufficient_scope'));
    }
  });

  it('is not for those who show an access token, whatever scopes it has', async () => {
    const token = await newAccessToken(server, asker);
    const answer = await postForm(server, '/oauth/introspect', { token }, bearer(token));
    expect(outcome(answer)).toEqual(refused(401, 'invalid_client'));
  });

  it.each([
    ['no token', {}],
    ['an empty token', { token: '' }],
    ['null', { token: null }],
    ['a number', { token: 5 }],
    ['a list', { token: ['x'] }],
    ['a hint that is null', { token: 'x', token_type_hint: null }],
  ])('and revocation are refused with 400 for %s', async (_, body) => {
    for (const path of ['/oauth/introspect', '/oauth/revoke']) {
      expect(outcome(await post(path, body, asker.basic))).toEqual(refused(400, 'invalid_request'));
    }
    expect(outcome(await postForm(server, '/oauth/introspect', 'token=x&token=y', asker.basic))).toEqual(
      refused(400, 'invalid_request'),
    );
  });

  it.each<[name: string, text: () => string | Promise<string>]>([
    ['an unknown token', () => '0'.repeat(32)],
    ['an unknown API token', () => 'api_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    ['nonsense', () => 'nonsense'],
    ['a space', () => ' '],
    ['something long', () => 'x'.repeat(100_000)],
    ['a token in capitals', async () => (await newAccessToken(server, await newClient(server))).toUpperCase()],
    ['a token and a space', async () => `${await newAccessToken(server, await newClient(server))} `],
    ['a digest', async () => (await rowOf(database, admin.token)).digest.toString('hex')],
    ['the id of a token', async () => (await rowOf(database, admin.token)).id],
    ['the secret of a client', () => asker.secret],
    ['a refresh token', async () => (await signUp(server, { remember: true })).refreshToken],
    ['a JWT that somebody else signed', async () => forged((await signUp(server)).token)],
    ['a JWT without its signature', async () => (await signUp(server)).token.split('.').slice(0, 2).join('.')],
    ['a JWT whose signature was cut', async () => (await signUp(server)).token.slice(0, -4)],
    ['a JWT without an algorithm', async () => unsigned((await signUp(server)).token)],
  ])('says {"active":false} of %s', async (_, text) => {
    expect(outcome(await introspect(await text()))).toEqual(INACTIVE);
  });

  /** The same claims and the same key id, but signed with the public knowledge of anybody. */
  function forged(token: string): Promise<string> {
    const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string };
    return new SignJWT({ ...claimsOf(token) }).setProtectedHeader({ alg: 'HS512', kid }).sign(Buffer.alloc(64));
  }

  function unsigned(token: string): string {
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
    return `${header}.${token.split('.')[1] ?? ''}.`;
  }

  interface Ending {
    token: string;
    end: () => Promise<unknown>;
  }

  const expire = async (token: string) =>
    database.query('UPDATE tokens SET expires_at = now() WHERE id = $1', [(await rowOf(database, token)).id]);
  const disable = (id: string) => changeAccount(server, id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
  const demote = (id: string) => changeAccount(server, id, `UPDATE accounts SET role = 'user' WHERE id = $1`);

  /** A client that somebody answers for, and its token. */
  async function owned(): Promise<Ending & { ownerId: string; client: Client }> {
    const { id: ownerId } = await makeAdmin(server);
    const client = await newClient(server, { ownerId });
    return { ownerId, client, token: await newAccessToken(server, client), end: () => Promise.resolve() };
  }

  async function onBehalf(): Promise<{ actor: User; id: string; email: string; jwt: string; token: string }> {
    const actor = await signedInAdmin(server);
    const { id, email, token: jwt } = await signUp(server);
    return { actor, id, email, jwt, token: await oboToken(server, actor, id) };
  }

  async function signedIn(): Promise<{ user: User; jwt: string }> {
    const user = await signedInUser(server);
    const { email, password } = user;
    const { body } = await server.call('POST', '/account/session', { account: { email, password } });
    return { user, jwt: body.token as string };
  }

  const changePassword = ({ id, email }: { id: string; email: string }, jwt: string) =>
    server.call('PUT', `/accounts/${id}`, { account: { email, password: 'another example' } }, bearer(jwt));
  const signOut = (jwt: string) => remove('/account/session', bearer(jwt));

  const ways: [name: string, prepare: () => Promise<Ending>][] = [
    [
      'an access token, when its client revokes it',
      async () => {
        const { token, client } = await owned();
        return { token, end: () => revoke(client, token) };
      },
    ],
    [
      'an access token, when an admin ends those of the client',
      async () => {
        const { token, client } = await owned();
        return { token, end: () => post(`${CLIENTS}/${client.id}/revoke`, undefined, admin.headers) };
      },
    ],
    [
      'an access token, when its time is over',
      async () => {
        const { token } = await owned();
        return { token, end: () => expire(token) };
      },
    ],
    [
      'an access token, when its client is deleted',
      async () => {
        const { token, client } = await owned();
        return { token, end: () => remove(`${CLIENTS}/${client.id}`, admin.headers) };
      },
    ],
    [
      'an access token, when the owner of its client is disabled',
      async () => {
        const { token, ownerId } = await owned();
        return { token, end: () => disable(ownerId) };
      },
    ],
    [
      'an access token, when the owner of its client is no longer an admin',
      async () => {
        const { token, ownerId } = await owned();
        return { token, end: () => demote(ownerId) };
      },
    ],
    [
      'an App-Token, when it is deleted',
      async () => {
        const user = await signedInUser(server);
        return { token: user.appToken, end: () => remove(`/api/v1/app_tokens/${user.appToken}`, user.headers) };
      },
    ],
    [
      'an App-Token, when its time is over',
      async () => {
        const { appToken } = await signedInUser(server);
        return { token: appToken, end: () => expire(appToken) };
      },
    ],
    [
      'an App-Token, when its account is disabled',
      async () => {
        const { id, appToken } = await signedInUser(server);
        return { token: appToken, end: () => disable(id) };
      },
    ],
    [
      'an App-Token with scopes, when its owner is no longer an admin',
      async () => {
        const { id, appToken } = await makeAdmin(server);
        return { token: appToken, end: () => demote(id) };
      },
    ],
    [
      'a user token, when its account signs out',
      async () => {
        const { user, jwt } = await signedIn();
        return { token: user.token, end: () => signOut(jwt) };
      },
    ],
    [
      'a user token, when the password is changed',
      async () => {
        const { user, jwt } = await signedIn();
        return { token: user.token, end: () => changePassword(user, jwt) };
      },
    ],
    [
      'a user token, when its time is over',
      async () => {
        const { token } = await signedInUser(server);
        return { token, end: () => expire(token) };
      },
    ],
    [
      'a user token, when its account is disabled',
      async () => {
        const { id, token } = await signedInUser(server);
        return { token, end: () => disable(id) };
      },
    ],
    [
      'a token on behalf of somebody, when they change their password',
      async () => {
        const { token, jwt, ...account } = await onBehalf();
        return { token, end: () => changePassword(account, jwt) };
      },
    ],
    [
      'a token on behalf of somebody, when their account is disabled',
      async () => {
        const { token, id } = await onBehalf();
        return { token, end: () => disable(id) };
      },
    ],
    [
      'a token on behalf of somebody, when the account of who got it is disabled',
      async () => {
        const { token, actor } = await onBehalf();
        return { token, end: () => disable(actor.id) };
      },
    ],
    [
      'an API token, when it is revoked',
      async () => {
        const account = randomUUID();
        const token = await newApiToken(server, admin.appToken, account);
        const path = `/v1/frontend/auth/${account}/revoke-all`;
        return { token, end: () => remove(path, { 'app-token': admin.appToken }) };
      },
    ],
    [
      'the JWT of a session, when its account signs out',
      async () => {
        const { token } = await signUp(server);
        return { token, end: () => signOut(token) };
      },
    ],
    [
      'the JWT of a session, when its account is disabled',
      async () => {
        const { id, token } = await signUp(server);
        return { token, end: () => disable(id) };
      },
    ],
    [
      'the JWT of a session, when the time of the session is over',
      async () => {
        const { token } = await signUp(server);
        const { sid } = claimsOf(token);
        // Announced, so that nobody goes by what they remember.
        const end = () =>
          server.app
            .get(Revocations)
            .during(`session ${sid}`, (tx) => tx.query('UPDATE sessions SET expires_at = now() WHERE id = $1', [sid]));
        return { token, end };
      },
    ],
  ];

  it.each(ways)('says {"active":false}, and nothing else, of %s', async (_, prepare) => {
    const { token, end } = await prepare();
    expect((await introspect(token)).body).toMatchObject({ active: true });
    await end();
    expect(outcome(await introspect(token))).toEqual(INACTIVE);
  });

  it('says {"active":false} of the JWT of a session from the second that it names', async () => {
    const { token } = await signUp(server);
    const { exp } = claimsOf(token);
    const ahead = exp - Math.floor(Date.now() / 1_000);
    server.advanceClock(ahead);
    try {
      expect(outcome(await introspect(token))).toEqual(INACTIVE);
    } finally {
      server.advanceClock(-ahead);
    }
    expect((await introspect(token)).body.active).toBe(true);
  });
});

describe('Revocation', () => {
  it('ends a token of the client that asks at once, and says nothing', async () => {
    const client = await newClient(server);
    const [token, other] = [await newAccessToken(server, client), await newAccessToken(server, client)];
    for (const each of [token, other]) expect(await opens(bearer(each))).toBe(true);
    const answer = await revoke(client, token);
    expect(outcome(answer)).toEqual([200, '']);
    expect([await opens(bearer(token)), await opens(bearer(other))]).toEqual([false, true]);
    expect(outcome(await introspect(token))).toEqual(INACTIVE);
    expect((await rowOf(database, token)).revoked_at).not.toBeNull();
  });

  it('is 200 the second time too, and changes nothing then', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client);
    await revoke(client, token);
    const { revoked_at } = await rowOf(database, token);
    expect(outcome(await revoke(client, token))).toEqual([200, '']);
    expect((await rowOf(database, token)).revoked_at).toEqual(revoked_at);
  });

  it('is 200 for a token of another client, which stays good', async () => {
    const token = await newAccessToken(server, await newClient(server));
    expect(outcome(await revoke(await newClient(server), token))).toEqual([200, '']);
    expect(await opens(bearer(token))).toBe(true);
  });

  it.each<[name: string, text: () => string | Promise<string>]>([
    ['an App-Token', () => admin.appToken],
    ['a user token', () => admin.token],
    ['an API token', () => newApiToken(server, admin.appToken, randomUUID())],
    ['the JWT of a session', async () => (await signUp(server)).token],
  ])('is 200 for %s, which stays good', async (_, text) => {
    const token = await text();
    expect(outcome(await revoke(await newClient(server), token))).toEqual([200, '']);
    expect((await introspect(token)).body.active).toBe(true);
  });

  it.each([
    ['what nobody knows', () => '0'.repeat(32)],
    ['nonsense', () => 'nonsense'],
    ['a refresh token', async () => (await signUp(server, { remember: true })).refreshToken],
  ])('is 200 for %s', async (_, text) => {
    expect(outcome(await revoke(await newClient(server), await text()))).toEqual([200, '']);
  });

  it('is 200 for the id of a token, which stays good', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client);
    expect(outcome(await revoke(client, (await rowOf(database, token)).id))).toEqual([200, '']);
    expect(await opens(bearer(token))).toBe(true);
  });

  it.each(['access_token', 'refresh_token', 'nonsense', ''])(
    'goes by the token, not by the hint "%s"',
    async (hint) => {
      const client = await newClient(server);
      const token = await newAccessToken(server, client);
      const form = { token, token_type_hint: hint };
      expect((await postForm(server, '/oauth/revoke', form, client.basic)).status).toBe(200);
      expect(outcome(await introspect(token))).toEqual(INACTIVE);
    },
  );

  it('takes JSON, the id and the secret in the body, and needs no scope', async () => {
    const client = await newClient(server, { scopes: [] });
    const tokens = [await newAccessToken(server, client), await newAccessToken(server, client)] as const;
    const shown = { client_id: client.id, client_secret: client.secret };
    expect((await post('/oauth/revoke', { token: tokens[0] }, client.basic)).status).toBe(200);
    expect((await postForm(server, '/oauth/revoke', { token: tokens[1], ...shown })).status).toBe(200);
    expect(await liveTokens(client.id)).toEqual([]);
  });

  it('is heard by another replica within 100 ms', async () => {
    const there = await startServer(database.connection);
    try {
      const client = await newClient(server);
      const token = await newAccessToken(server, client);
      const { id } = await rowOf(database, token);
      const accepted = async () => (await there.call('GET', '/api/accounts', undefined, bearer(token))).status === 200;
      // It goes by what it remembers: then it does not see what is changed behind its back.
      await eventually(async () => {
        await accepted();
        await database.query('UPDATE tokens SET revoked_at = now() WHERE id = $1', [id]);
        const remembered = await accepted();
        await database.query('UPDATE tokens SET revoked_at = NULL WHERE id = $1', [id]);
        expect(remembered).toBe(true);
      });
      await revoke(client, token);
      await sleep(100);
      expect(await accepted()).toBe(false);
    } finally {
      await there.close();
    }
  });
});

describe('Failed attempts', () => {
  let lastAddress = 0;
  /** An address that no other test comes from. */
  function address(): string {
    lastAddress += 1;
    return `192.0.2.${lastAddress}`;
  }
  const wrong = (client: Client, from: string, path = '/oauth/token', secret = 'wrong') =>
    postForm(server, path, {}, { ...basic(client.id, secret), 'x-forwarded-for': from });

  it(`are 401 ${MOST_FAILURES} times, and then 429 with Retry-After; the right secret goes on`, async () => {
    const client = await newClient(server);
    const from = address();
    for (let attempt = 0; attempt < MOST_FAILURES; attempt += 1) {
      expect((await wrong(client, from)).status).toBe(401);
    }
    const answer = await wrong(client, from);
    expect(outcome(answer)).toEqual(refused(429, 'temporarily_unavailable'));
    const wait = Number(answer.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(800);
    expect(wait).toBeLessThanOrEqual(900);
    // One pod that still has the old secret keeps none of the others out.
    expect((await ask(client, GRANT, from)).status).toBe(200);
    // From elsewhere, and for other clients, it is only wrong.
    expect((await wrong(client, address())).status).toBe(401);
    expect((await wrong(await newClient(server), from)).status).toBe(401);
  });

  it('are counted together at every door', async () => {
    const client = await newClient(server);
    const from = address();
    for (const path of ['/oauth/token', '/oauth/v2/token', '/oauth/introspect', '/oauth/revoke']) {
      expect((await wrong(client, from, path)).status).toBe(401);
    }
    const headers = { ...basic(client.id, 'wrong'), 'x-forwarded-for': from };
    expect((await get('/api/accounts', headers)).status).toBe(401);
    const body = { client_id: client.id, client_secret: 'wrong' };
    expect((await postForm(server, '/oauth/token', body, { 'x-forwarded-for': from })).status).toBe(401);
    const counts = await database.query('SELECT key, count FROM attempt_limits WHERE key LIKE $1 ORDER BY key', [
      `%${from}`,
    ]);
    expect(counts).toEqual([
      { key: `client ${client.id} ${from}`, count: 6 },
      { key: `clients ${from}`, count: 6 },
    ]);
  });

  it('of forty at once are as many as are allowed, and refusals', async () => {
    const client = await newClient(server);
    const from = address();
    const guesses = Array.from({ length: 2 * MOST_FAILURES }, (_, guess) => String(guess));
    const answers = await Promise.all(guesses.map((guess) => wrong(client, from, '/oauth/token', guess)));
    expect(answers.map(({ status }) => status).sort()).toEqual([
      ...Array<number>(MOST_FAILURES).fill(401),
      ...Array<number>(MOST_FAILURES).fill(429),
    ]);
  });

  it('of many clients from one address have a limit too, and end with their time', async () => {
    const client = await newClient(server);
    const from = address();
    await wrong(client, from);
    await database.query(`UPDATE attempt_limits SET count = $2 WHERE key = $1`, [
      `clients ${from}`,
      10 * MOST_FAILURES,
    ]);
    const other = await newClient(server);
    expect((await wrong(other, from)).status).toBe(429);
    expect((await wrong(other, address())).status).toBe(401);
    await database.query('UPDATE attempt_limits SET window_ends_at = now() WHERE key = $1', [`clients ${from}`]);
    expect((await wrong(client, from)).status).toBe(401);
  });

  it('are none when the secret is right', async () => {
    const client = await newClient(server);
    const from = address();
    for (let attempt = 0; attempt < 3; attempt += 1) expect((await ask(client, GRANT, from)).status).toBe(200);
    expect(await database.query('SELECT 1 FROM attempt_limits WHERE key LIKE $1', [`%${from}`])).toEqual([]);
  });
});

/** A client that was made over REST, and the id of its secret. */
interface MadeClient extends Client {
  secretId: string;
}

async function make(scopes: string[] = CLIENT_SCOPE_NAMES, by: User = admin): Promise<MadeClient> {
  const { status, body } = await post(`${CLIENTS}/`, { name: 'Reading room', scopes }, by.headers);
  expect(status).toBe(201);
  const {
    id,
    client_secret: secret,
    secrets,
  } = body as { id: string; client_secret: string; secrets: { id: string }[] };
  return { id, secret, basic: basic(id, secret), secretId: secrets[0]?.id ?? '' };
}

async function addSecret({ id }: Client): Promise<MadeClient> {
  const { status, body } = await post(`${CLIENTS}/${id}/secrets`, undefined, admin.headers);
  expect(status).toBe(201);
  const { client_secret: secret, secrets } = body as { client_secret: string; secrets: { id: string }[] };
  return { id, secret, basic: basic(id, secret), secretId: secrets.at(-1)?.id ?? '' };
}

describe('Clients', () => {
  const record = ({ id, secret }: Client, extra: object = {}) => ({
    id,
    name: 'Reading room',
    scopes: CLIENT_SCOPE_NAMES,
    owner: admin.id,
    created_at: TIME,
    secrets: [{ id: UUID, hint: secret.slice(-4), created_at: TIME, last_used_at: null }],
    ...extra,
  });

  it('are made with a secret that is shown once and works', async () => {
    const scopes = ['accounts:read', 'identifications'];
    const answer = await post(`${CLIENTS}/`, { name: 'Reading room', scopes }, admin.headers);
    const { id, client_secret: secret } = answer.body as { id: string; client_secret: string };
    const client = { id, secret, basic: basic(id, secret) };
    expect(outcome(answer)).toEqual([201, record(client, { id: UUID, scopes, client_secret: SECRET })]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((await ask(client)).body.scope).toBe(scopes.join(' '));
    const [row] = await secretRows(id);
    expect(row).toMatchObject({ digest: sha256(secret), hint: secret.slice(-4) });
    for (const seen of [await get(`${CLIENTS}/${id}`, admin.headers), await get(CLIENTS, admin.headers)]) {
      expect(JSON.stringify(seen.body)).toContain(id);
      expect(JSON.stringify(seen.body)).not.toContain(secret);
      expect(JSON.stringify(seen.body)).not.toContain('digest');
    }
  });

  it('are shown one by one, with and without a slash', async () => {
    const client = await make();
    for (const path of [`${CLIENTS}/${client.id}`, `${CLIENTS}/${client.id}/`]) {
      expect(outcome(await get(path, admin.headers))).toEqual([200, record(client)]);
    }
  });

  it('tell when each secret was last used', async () => {
    const client = await make();
    await ask(client);
    const { body } = await get(`${CLIENTS}/${client.id}`, admin.headers);
    expect(body.secrets).toEqual([
      { id: client.secretId, hint: client.secret.slice(-4), created_at: TIME, last_used_at: TIME },
    ]);
  });

  it.each<[body: unknown, errors: object]>([
    [{}, { name: 'must be a string', scopes: 'must be a list of known scopes' }],
    [undefined, { name: 'must be a string', scopes: 'must be a list of known scopes' }],
    [
      { name: null, scopes: null },
      { name: 'must be a string', scopes: 'must be a list of known scopes' },
    ],
    [{ name: '', scopes: [] }, { name: 'must be one line of text' }],
    [{ name: ' ', scopes: [] }, { name: 'must be one line of text' }],
    [{ name: 'a\nb', scopes: [] }, { name: 'must be one line of text' }],
    [{ name: 'a'.repeat(256), scopes: [] }, { name: 'must be at most 255 characters' }],
    [{ name: 5, scopes: [] }, { name: 'must be a string' }],
    [{ name: 'a', scopes: 'accounts:read' }, { scopes: 'must be a list of known scopes' }],
    [{ name: 'a', scopes: ['nonsense'] }, { scopes: 'must be a list of known scopes' }],
    [{ name: 'a', scopes: [null] }, { scopes: 'must be a list of known scopes' }],
    [{ name: 'a', scopes: ['accounts:read', 'accounts:read'] }, { scopes: 'must not repeat a scope' }],
    [{ name: 'a', scopes: [], id: 'mine' }, { id: 'You cannot specify your own id.' }],
    [{ name: 'a', scopes: [], id: null }, { id: 'You cannot specify your own id.' }],
    [{ name: 'a', scopes: [], client_secret: 'x' }, { client_secret: 'You cannot specify your own secret.' }],
  ])('are not made, and not changed, with %j', async (body, errors) => {
    expect(outcome(await post(CLIENTS, body, admin.headers))).toEqual([400, { errors }]);
    if (body === undefined || Object.keys(body as object).length === 0) return;
    const client = await make();
    expect(outcome(await patch(`${CLIENTS}/${client.id}`, body, admin.headers))).toEqual([400, { errors }]);
    expect(outcome(await get(`${CLIENTS}/${client.id}`, admin.headers))).toEqual([200, record(client)]);
  });

  it('that nobody knows are 404, whatever is asked', async () => {
    for (const id of [randomUUID(), 'nonsense', "'%20OR%20true", '%F0%9F%8F%A6', 'a'.repeat(101)]) {
      const path = `${CLIENTS}/${id}`;
      for (const answer of [
        await get(path, admin.headers),
        await patch(path, { name: 'x' }, admin.headers),
        await remove(path, admin.headers),
        await post(`${path}/revoke`, undefined, admin.headers),
        await post(`${path}/secrets`, undefined, admin.headers),
        await remove(`${path}/secrets/${randomUUID()}`, admin.headers),
      ]) {
        expect([id, ...outcome(answer)]).toEqual([id, ...NOT_FOUND]);
      }
    }
  });

  describe('are for admins only:', () => {
    const requests: [name: string, request: (client: MadeClient, headers: Headers) => Promise<Answer>][] = [
      ['make', (_, headers) => post(CLIENTS, { name: 'x', scopes: [] }, headers)],
      ['list', (_, headers) => get(CLIENTS, headers)],
      ['show', ({ id }, headers) => get(`${CLIENTS}/${id}`, headers)],
      ['change', ({ id }, headers) => patch(`${CLIENTS}/${id}`, { name: 'x' }, headers)],
      ['delete', ({ id }, headers) => remove(`${CLIENTS}/${id}`, headers)],
      ['end tokens', ({ id }, headers) => post(`${CLIENTS}/${id}/revoke`, undefined, headers)],
      ['add a secret', ({ id }, headers) => post(`${CLIENTS}/${id}/secrets`, undefined, headers)],
      ['delete a secret', ({ id, secretId }, headers) => remove(`${CLIENTS}/${id}/secrets/${secretId}`, headers)],
    ];

    it.each(requests)('%s', async (_, request) => {
      const client = await make();
      const user = await signedInUser(server);
      const token = await newAccessToken(server, client);
      const onBehalf = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
      for (const headers of [user.headers, onBehalf]) {
        const answer = await request(client, headers);
        expect(outcome(answer)).toEqual([403, { errors: { request: 'This requires an admin account.' } }]);
      }
      for (const headers of [
        {},
        { 'app-token': admin.appToken },
        { token: admin.token },
        client.basic,
        bearer(token),
      ]) {
        expect((await request(client, headers)).status).toBe(401);
      }
      expect((await get(`${CLIENTS}/${client.id}`, admin.headers)).body).toMatchObject({ name: 'Reading room' });
      expect(await opens(bearer(token))).toBe(true);
    });
  });

  it('are made in the name of the admin that somebody acts for', async () => {
    const other = await signedInAdmin(server);
    const acting = { ...other, headers: tokenHeaders(admin.appToken, await oboToken(server, admin, other.id)) };
    const client = await make(['accounts:read'], acting);
    expect((await get(`${CLIENTS}/${client.id}`, admin.headers)).body.owner).toBe(other.id);
    expect(await eventsOf(client.id)).toMatchObject([
      { kind: 'oauth_client.created', actor_id: admin.id, on_behalf_of: other.id },
    ]);
  });

  describe('are listed', () => {
    /** Follows Link to the end. */
    async function pages(): Promise<{ id: string }[][]> {
      const found: { id: string }[][] = [];
      let url: string | undefined = `${server.url}${CLIENTS}/`;
      while (url !== undefined && found.length < 20) {
        const answer = await call(url, 'GET', undefined, admin.headers);
        expect(answer.status).toBe(200);
        found.push(answer.body.oauth_clients as { id: string }[]);
        const [, target] = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '') ?? [];
        url = target === undefined ? undefined : new URL(target, url).href;
      }
      return found;
    }

    it.each([1_000, 7])('newest first, a hundred a page, without gaps or repeats, %d to a microsecond', async (per) => {
      const client = await make();
      await database.query(
        `INSERT INTO oauth_clients (id, name, scopes, created_at)
         SELECT gen_random_uuid(), 'x', '{}', '2026-01-02T03:04:05.678901Z'::timestamptz + (n / $1::int) * interval '1 microsecond'
         FROM generate_series(1, 150) n`,
        [per],
      );
      const all = await database.query<{ id: string }>(
        'SELECT id FROM oauth_clients ORDER BY created_at DESC, id DESC',
      );
      const found = await pages();
      expect(found.flat().map(({ id }) => id)).toEqual(all.map(({ id }) => id));
      expect(found.slice(0, -1).map(({ length }) => length)).toEqual(Array(found.length - 1).fill(100));
      expect(found[0]?.[0]).toEqual(record(client));
    });

    it.each(['', 'nonsense', '1', '1.', `1.a b`, `-1.x`, `99999999999999999999.x`])(
      'refuse the cursor "%s" with 400',
      async (cursor) => {
        const answer = await get(`${CLIENTS}?cursor=${encodeURIComponent(cursor)}`, admin.headers);
        expect(outcome(answer)).toEqual([400, { errors: { cursor: 'is not a valid cursor' } }]);
      },
    );
  });

  describe('are changed:', () => {
    it('name, scopes and owner, each alone and all together', async () => {
      const client = await make();
      const other = await makeAdmin(server);
      const path = `${CLIENTS}/${client.id}`;
      for (const [change, now] of [
        [{ name: 'Other room' }, { name: 'Other room' }],
        [{ scopes: ['accounts:read'] }, { name: 'Other room', scopes: ['accounts:read'] }],
        [{ owner: other.id.toUpperCase() }, { name: 'Other room', scopes: ['accounts:read'], owner: other.id }],
        [{ name: 'Reading room', scopes: CLIENT_SCOPE_NAMES, owner: admin.id }, {}],
        [{}, {}],
      ]) {
        expect(outcome(await patch(path, change, admin.headers))).toEqual([200, record(client, now)]);
        expect(outcome(await get(path, admin.headers))).toEqual([200, record(client, now)]);
      }
    });

    it.each<[name: string, owner: () => unknown, message: string]>([
      ['nobody', () => randomUUID(), 'is not an enabled admin'],
      ['a user', async () => (await signUp(server)).id, 'is not an enabled admin'],
      [
        'a disabled admin',
        async () => {
          const { id } = await makeAdmin(server);
          await changeAccount(server, id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
          return id;
        },
        'is not an enabled admin',
      ],
      ['an email', () => admin.email, 'One or more IDs are not formatted correctly.'],
      ['null', () => null, 'One or more IDs are not formatted correctly.'],
      ['an empty text', () => '', 'One or more IDs are not formatted correctly.'],
    ])('not to the owner %s, and then nothing else is', async (_, owner, message) => {
      const client = await make();
      const change = { name: 'Other room', scopes: [], owner: await owner() };
      const answer = await patch(`${CLIENTS}/${client.id}`, change, admin.headers);
      expect(outcome(answer)).toEqual([400, { errors: { owner: message } }]);
      expect((await get(`${CLIENTS}/${client.id}`, admin.headers)).body).toEqual(record(client));
    });

    it('scopes that are taken are taken from live tokens at once, and come back to none of them', async () => {
      const client = await make();
      const token = await newAccessToken(server, client, 'accounts:read identifications');
      const narrow = await newAccessToken(server, client, 'identifications');
      expect([await opens(bearer(token)), await opens(client.basic)]).toEqual([true, true]);
      await patch(`${CLIENTS}/${client.id}`, { scopes: ['identifications'] }, admin.headers);
      expect([await opens(bearer(token)), await opens(client.basic)]).toEqual([false, false]);
      expect((await introspect(token)).body).toMatchObject({ active: true, scope: 'identifications' });
      for (const each of [token, narrow]) expect((await get('/api', bearer(each))).status).toBe(200);
      expect(outcome(await ask(client, { scope: 'accounts:read' }))).toEqual(refused(400, 'invalid_scope'));
      await patch(`${CLIENTS}/${client.id}`, { scopes: CLIENT_SCOPE_NAMES }, admin.headers);
      expect([await opens(bearer(token)), await opens(client.basic)]).toEqual([false, true]);
      expect((await rowOf(database, token)).scopes).toEqual(['identifications']);
    });

    it('a token that loses all its scopes opens nothing, and tells of none', async () => {
      const client = await make();
      const token = await newAccessToken(server, client, 'accounts:read');
      await patch(`${CLIENTS}/${client.id}`, { scopes: [] }, admin.headers);
      expect((await get('/api/accounts', bearer(token))).status).toBe(403);
      const { body } = await introspect(token);
      expect([body.active, body.scope]).toEqual([true, undefined]);
    });
  });

  it('are deleted with all that they have: secrets, tokens and identifications', async () => {
    const client = await make();
    const token = await newAccessToken(server, client);
    const visitor = { ip: '192.0.2.1', url: 'https://example.org', user_agent: 'x' };
    expect((await post('/api/identifications', visitor, bearer(token))).status).toBe(201);
    expect(await opens(client.basic)).toBe(true);
    expect(outcome(await remove(`${CLIENTS}/${client.id}`, admin.headers))).toEqual([204, '']);
    expect([await opens(bearer(token)), await opens(client.basic)]).toEqual([false, false]);
    expect(outcome(await ask(client))).toEqual(refused(401, 'invalid_client'));
    for (const table of ['oauth_client_secrets', 'tokens', 'identifications']) {
      expect(await database.query(`SELECT 1 FROM ${table} WHERE client_id = $1`, [client.id])).toEqual([]);
    }
    expect(outcome(await remove(`${CLIENTS}/${client.id}`, admin.headers))).toEqual(NOT_FOUND);
  });

  it('lose their tokens, and not their secrets, when an admin ends them', async () => {
    const [client, other] = [await make(), await make()];
    const tokens = [await newAccessToken(server, client), await newAccessToken(server, client)];
    const bystander = await newAccessToken(server, other);
    for (const token of tokens) expect(await opens(bearer(token))).toBe(true);
    expect(outcome(await post(`${CLIENTS}/${client.id}/revoke`, undefined, admin.headers))).toEqual([204, '']);
    expect(await Promise.all(tokens.map((token) => opens(bearer(token))))).toEqual([false, false]);
    expect(await opens(bearer(bystander))).toBe(true);
    expect(await opens(bearer(await newAccessToken(server, client)))).toBe(true);
  });

  it.each([
    ['disabled', 'UPDATE accounts SET disabled_at = now() WHERE id = $1'],
    ['no admin any more', `UPDATE accounts SET role = 'user' WHERE id = $1`],
  ])(
    'and all they hold are refused from the moment that their owner is %s, until another answers for them',
    async (_, sql) => {
      const owner = await signedInAdmin(server);
      const client = await make(CLIENT_SCOPE_NAMES, owner);
      const token = await newAccessToken(server, client);
      for (const headers of [bearer(token), client.basic]) expect(await opens(headers)).toBe(true);
      await changeAccount(server, owner.id, sql);
      for (const headers of [bearer(token), client.basic]) expect(await opens(headers)).toBe(false);
      expect(outcome(await ask(client))).toEqual(refused(401, 'invalid_client'));
      expect((await patch(`${CLIENTS}/${client.id}`, { owner: admin.id }, admin.headers)).status).toBe(200);
      for (const headers of [bearer(token), client.basic]) expect(await opens(headers)).toBe(true);
    },
  );

  it('that the first start made without an owner are good', async () => {
    const client = await newClient(server);
    expect((await get(`${CLIENTS}/${client.id}`, admin.headers)).body.owner).toBeNull();
    expect((await ask(client)).status).toBe(200);
  });

  it('have ids that nobody else has', async () => {
    const client = await newClient(server);
    const again = server.app
      .get(OauthClients)
      .add(server.app.get(EntityManager), { id: client.id, secret: 'x', name: 'x', scopes: [] });
    await expect(again).rejects.toMatchObject({ code: 'conflict' });
    expect(await secretRows(client.id)).toHaveLength(1);
  });
});

describe('Secrets', () => {
  const path = ({ id, secretId }: MadeClient) => `${CLIENTS}/${id}/secrets/${secretId}`;

  it('are two while one replaces the other, and both are good', async () => {
    const client = await make();
    const second = await addSecret(client);
    expect(second.secret).toEqual(SECRET);
    for (const each of [client, second, client]) expect((await ask(each)).status).toBe(200);
    expect((await secretRows(client.id)).map(({ digest }) => digest)).toEqual(
      [client, second].map((each) => sha256(each.secret)),
    );
    expect(outcome(await remove(path(client), admin.headers))).toEqual([204, '']);
    expect(outcome(await ask(client))).toEqual(refused(401, 'invalid_client'));
    expect((await ask(second)).status).toBe(200);
  });

  it('are never three', async () => {
    const client = await make();
    await addSecret(client);
    const third = await post(`${CLIENTS}/${client.id}/secrets`, undefined, admin.headers);
    expect(outcome(third)).toEqual([
      409,
      { errors: { request: 'The client already has two secrets. Delete one of them first.' } },
    ]);
    expect(await secretRows(client.id)).toHaveLength(2);
  });

  it('are two when twenty are asked for at once', async () => {
    const client = await make();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(`${CLIENTS}/${client.id}/secrets`, undefined, admin.headers)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
    expect(await secretRows(client.id)).toHaveLength(2);
  });

  it('that are deleted are refused at once everywhere, while the tokens that they got live on', async () => {
    const client = await make();
    const token = await newAccessToken(server, client);
    expect(await opens(client.basic)).toBe(true);
    await remove(path(client), admin.headers);
    expect(await opens(client.basic)).toBe(false);
    for (const address of ['/oauth/token', '/oauth/v2/token', '/oauth/introspect', '/oauth/revoke']) {
      expect((await postForm(server, address, { token }, client.basic)).status).toBe(401);
    }
    expect(await opens(bearer(token))).toBe(true);
    // A client without any is no dead end.
    expect(await secretRows(client.id)).toEqual([]);
    expect((await ask(await addSecret(client))).status).toBe(200);
  });

  it('of another client, of none and of no client at all are 404', async () => {
    const [client, other] = [await make(), await make()];
    for (const secretId of [other.secretId, randomUUID(), 'nonsense', client.secret]) {
      expect(outcome(await remove(path({ ...client, secretId }), admin.headers))).toEqual(NOT_FOUND);
    }
    expect(await secretRows(other.id)).toHaveLength(1);
    await remove(path(client), admin.headers);
    expect(outcome(await remove(path(client), admin.headers))).toEqual(NOT_FOUND);
  });
});

interface AuditRow extends pg.QueryResultRow {
  kind: string;
  actor_id: string;
  on_behalf_of: string | null;
  address: string;
  request_id: string;
}

const eventsOf = (subject: string) =>
  database.query<AuditRow>(
    `SELECT kind, actor_id, on_behalf_of, address, request_id FROM audit_events
     WHERE subject = $1 AND kind LIKE 'oauth_client.%' AND kind <> 'oauth_client.read' ORDER BY at`,
    [subject],
  );

/** Each change of a client, and the event that it leaves. */
const CHANGES: [kind: string, change: (client: MadeClient, headers: Headers) => Promise<Answer>][] = [
  ['oauth_client.changed', ({ id }, headers) => patch(`${CLIENTS}/${id}`, { name: 'x', scopes: [] }, headers)],
  ['oauth_client.secret_added', ({ id }, headers) => post(`${CLIENTS}/${id}/secrets`, undefined, headers)],
  [
    'oauth_client.secret_deleted',
    ({ id, secretId }, headers) => remove(`${CLIENTS}/${id}/secrets/${secretId}`, headers),
  ],
  ['oauth_client.revoked', ({ id }, headers) => post(`${CLIENTS}/${id}/revoke`, undefined, headers)],
  ['oauth_client.deleted', ({ id }, headers) => remove(`${CLIENTS}/${id}`, headers)],
];

describe('The audit log', () => {
  it('has each act on a client, with who did it and from where', async () => {
    const client = await make();
    const headers = { ...admin.headers, 'x-request-id': `trail-${client.id}`, 'x-forwarded-for': '198.51.100.7' };
    for (const [, change] of CHANGES) expect((await change(client, headers)).status).toBeLessThan(300);
    const origin = { actor_id: admin.id, on_behalf_of: null };
    const there = { ...origin, address: '198.51.100.7', request_id: `trail-${client.id}` };
    expect(await eventsOf(client.id)).toEqual([
      { kind: 'oauth_client.created', ...origin, address: '127.0.0.1', request_id: UUID },
      ...CHANGES.map(([kind]) => ({ kind, ...there })),
    ]);
  });

  it('has nothing of what was refused', async () => {
    const client = await make();
    const user = await signedInUser(server);
    for (const [, change] of CHANGES) expect((await change(client, user.headers)).status).toBe(403);
    await patch(`${CLIENTS}/${client.id}`, { owner: randomUUID() }, admin.headers);
    await remove(`${CLIENTS}/${client.id}/secrets/${randomUUID()}`, admin.headers);
    expect(await eventsOf(client.id)).toHaveLength(1);
  });

  /** All that is stored of a client. */
  const stored = ({ id }: Client) =>
    database.query(
      `SELECT to_jsonb(c) AS client,
         (SELECT jsonb_agg(to_jsonb(s) ORDER BY s.id) FROM oauth_client_secrets s WHERE s.client_id = c.id) AS secrets,
         (SELECT jsonb_agg(to_jsonb(t) - 'last_used_at' ORDER BY t.id) FROM tokens t WHERE t.client_id = c.id) AS tokens
       FROM oauth_clients c WHERE id = $1`,
      [id],
    );

  it('and the act are there together, or neither is', async () => {
    const client = await make();
    await newAccessToken(server, client);
    const before = await stored(client);
    await database.query('ALTER TABLE audit_events ADD CONSTRAINT full_up CHECK (false) NOT VALID');
    try {
      for (const [, change] of CHANGES) expect((await change(client, admin.headers)).status).toBe(500);
      const name = randomUUID();
      expect((await post(CLIENTS, { name, scopes: [] }, admin.headers)).status).toBe(500);
      expect(await database.query('SELECT 1 FROM oauth_clients WHERE name = $1', [name])).toEqual([]);
    } finally {
      await database.query('ALTER TABLE audit_events DROP CONSTRAINT full_up');
    }
    expect(await stored(client)).toEqual(before);
    expect(await eventsOf(client.id)).toHaveLength(1);
    expect((await ask(client)).status).toBe(200);
  });
});

describe('A token of a client that is committed after what has overtaken it', () => {
  const HOLD = 7_001;

  /** From now on every grant waits for a lock when its token has been inserted, and nothing else does. */
  beforeAll(async () => {
    await database.query(`
      CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock_shared(${HOLD}); RETURN NEW;
      END $$;
      CREATE TRIGGER hold_up BEFORE INSERT ON audit_events FOR EACH ROW
        WHEN (NEW.kind = 'token.issued' AND NEW.details->>'kind' = 'oauth') EXECUTE FUNCTION hold_up()`);
  });

  afterAll(async () => {
    await database.query('DROP TRIGGER hold_up ON audit_events; DROP FUNCTION hold_up');
  });

  /** @returns the token that was asked for before the change, and committed after it */
  async function overtaken(client: Client, change: () => Promise<Answer>): Promise<string> {
    const holder = new pg.Client(database.connection);
    await holder.connect();
    try {
      await holder.query(`SELECT pg_advisory_lock(${HOLD})`);
      const asking = ask(client);
      await eventually(async () => {
        const waiting = await database.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
        expect(waiting).toHaveLength(1);
      });
      expect([200, 204]).toContain((await change()).status);
      await holder.query(`SELECT pg_advisory_unlock(${HOLD})`);
      const { status, body } = await asking;
      expect(status).toBe(200);
      return body.access_token as string;
    } finally {
      await holder.end();
    }
  }

  /** What overtakes it, and whether the tokens that there were before stay good. */
  const changes: [
    name: string,
    stay: boolean,
    change: (meeting: { client: Client & { secretId: string }; owner: User }) => Promise<Answer>,
  ][] = [
    ['its tokens are revoked', false, ({ client }) => post(`${CLIENTS}/${client.id}/revoke`, undefined, admin.headers)],
    [
      'it loses scopes',
      true,
      ({ client }) => patch(`${CLIENTS}/${client.id}`, { scopes: ['accounts:read'] }, admin.headers),
    ],
    [
      'another answers for it',
      true,
      ({ client }) => patch(`${CLIENTS}/${client.id}`, { owner: admin.id }, admin.headers),
    ],
    [
      'its secret is deleted',
      true,
      ({ client }) => remove(`${CLIENTS}/${client.id}/secrets/${client.secretId}`, admin.headers),
    ],
    [
      'all of its owner is revoked',
      false,
      ({ owner }) => post(`/api/v1/accounts/${owner.id}/revoke`, undefined, admin.headers),
    ],
    [
      'its owner is disabled',
      false,
      ({ owner }) => patch(`/api/v1/accounts/${owner.id}`, { disabled: true }, admin.headers),
    ],
  ];

  it.each(changes)('is refused: %s', async (_, stay, change) => {
    const owner = await signedInAdmin(server);
    const client = await make(CLIENT_SCOPE_NAMES, owner);
    const earlier = await newAccessToken(server, client);
    const late = await overtaken(client, () => change({ client, owner }));
    expect(await opens(bearer(late))).toBe(false);
    expect(outcome(await introspect(late))).toEqual(INACTIVE);
    expect(await opens(bearer(earlier))).toBe(stay);
    // Nor does what gives the client back bring it back.
    await patch(`/api/v1/accounts/${owner.id}`, { disabled: false }, admin.headers);
    await patch(`${CLIENTS}/${client.id}`, { scopes: CLIENT_SCOPE_NAMES, owner: admin.id }, admin.headers);
    expect(await opens(bearer(late))).toBe(false);
    expect(await opens(bearer(earlier))).toBe(stay);
  });

  it('is good when nothing of that happened', async () => {
    const client = await make();
    const token = await overtaken(client, () => patch(`${CLIENTS}/${client.id}`, { name: 'other' }, admin.headers));
    expect(await opens(bearer(token))).toBe(true);
  });
});

describe('A token of a client that the previous release issued', () => {
  /** As that release stores it: without an epoch. */
  async function issuedBefore(client: Client): Promise<string> {
    const token = await newAccessToken(server, client);
    await database.query('UPDATE tokens SET client_epoch = NULL WHERE id = $1', [(await rowOf(database, token)).id]);
    return token;
  }

  it('is good, and stays so when its client changes', async () => {
    const client = await make();
    const token = await issuedBefore(client);
    expect(await opens(bearer(token))).toBe(true);
    await patch(`${CLIENTS}/${client.id}`, { scopes: ['accounts:read'] }, admin.headers);
    expect((await introspect(token)).body).toMatchObject({ active: true, scope: 'accounts:read' });
    expect((await get('/api', bearer(token))).status).toBe(403);
    expect(await opens(bearer(token))).toBe(true);
  });

  it.each<[name: string, revoke: (client: Client, token: string) => Promise<Answer>]>([
    ['by an admin', (client) => post(`${CLIENTS}/${client.id}/revoke`, undefined, admin.headers)],
    ['by its client', (client, token) => revoke(client, token)],
  ])('can be revoked %s', async (_, end) => {
    const client = await make();
    const token = await issuedBefore(client);
    expect([200, 204]).toContain((await end(client, token)).status);
    expect(await opens(bearer(token))).toBe(false);
  });
});

describe('A token that is asked for while its client changes', () => {
  /** Holds up every act on clients just before its end, while `during` runs. */
  async function heldUp(during: () => Promise<unknown>): Promise<void> {
    const connection = new pg.Client(database.connection);
    await connection.connect();
    try {
      await connection.query('BEGIN; LOCK TABLE audit_events IN SHARE MODE');
      await during();
    } finally {
      await connection.end();
    }
  }

  /** Waits until so many wait for locks. */
  const waiting = (count: number) =>
    eventually(async () => {
      const backends = await database.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect(backends).toHaveLength(count);
    });

  /** The answers to a change and to a request for a token that comes while the change is under way. */
  async function meanwhile(client: Client, change: () => Promise<Answer>): Promise<[changed: Answer, asked: Answer]> {
    // From now on its secret is remembered, and not looked up.
    expect((await ask(client)).status).toBe(200);
    let both: [Promise<Answer>, Promise<Answer>] | undefined;
    await heldUp(async () => {
      const changing = change();
      await waiting(1);
      const asking = ask(client);
      both = [changing, asking];
      await waiting(2);
    });
    if (!both) throw new Error('Nothing was asked.');
    return Promise.all(both);
  }

  it('is refused when the client is deleted', async () => {
    const client = await make();
    const [changed, asked] = await meanwhile(client, () => remove(`${CLIENTS}/${client.id}`, admin.headers));
    expect(changed.status).toBe(204);
    expect(outcome(asked)).toEqual(refused(401, 'invalid_client'));
    expect(await database.query('SELECT 1 FROM tokens WHERE client_id = $1', [client.id])).toEqual([]);
  });

  it('is given, and good, when a second secret is added', async () => {
    const client = await make();
    const [changed, asked] = await meanwhile(client, () =>
      post(`${CLIENTS}/${client.id}/secrets`, undefined, admin.headers),
    );
    expect([changed.status, asked.status]).toEqual([201, 200]);
    expect(await opens(bearer(asked.body.access_token as string))).toBe(true);
  });

  it('is dead, or never was, when its secret is deleted and then its tokens are ended, in five races', async () => {
    for (let round = 0; round < 5; round += 1) {
      const client = await make();
      await newAccessToken(server, client);
      const ending = remove(`${CLIENTS}/${client.id}/secrets/${client.secretId}`, admin.headers).then(() =>
        post(`${CLIENTS}/${client.id}/revoke`, undefined, admin.headers),
      );
      const answers = await Promise.all(Array.from({ length: 8 }, () => ask(client)));
      expect((await ending).status).toBe(204);
      for (const { status, body } of answers) {
        expect([200, 401]).toContain(status);
        if (status === 200) expect(await opens(bearer(body.access_token as string))).toBe(false);
      }
      expect(await liveTokens(client.id)).toEqual([]);
      expect((await ask(client)).status).toBe(401);
    }
  });
});

describe('The log', () => {
  it('holds no secret of a client and no token', async () => {
    const client = await make();
    const token = await newAccessToken(server, client);
    await postForm(server, '/oauth/token', { client_id: client.id, client_secret: client.secret });
    await postForm(server, `/oauth/token?client_secret=${client.secret}`, GRANT);
    await get(`/api/accounts?access_token=${token}`, bearer(token));
    await introspect(token);
    await revoke(client, token);
    const log = server.logs.join('\n');
    expect(log).toContain('/oauth/introspect');
    expect([client.secret, token].filter((text) => log.includes(text))).toEqual([]);
  });
});
