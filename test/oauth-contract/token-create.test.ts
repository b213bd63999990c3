import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { CLIENT_SCOPE_NAMES } from '../../src/access/client-scopes.js';
import { Revocations } from '../../src/revocations/revocations.service.js';
import {
  admin,
  ask,
  asker,
  database,
  get,
  GRANT,
  type Headers,
  HOUR,
  liveTokens,
  MOST_FAILURES,
  opens,
  outcome,
  patch,
  post,
  refused,
  server,
  sha256,
  withAsker,
} from '../support/oauth-contract.js';
import { basic, newAccessToken, newClient, postForm, rawBasic, type Client } from '../support/oauth.js';
import { send } from '../support/raw-http.js';
import { bearer, call, startServer, type Answer } from '../support/server.js';
import { rowOf } from '../support/tokens.js';

withAsker();

const HEX = expect.stringMatching(/^[0-9a-f]{32}$/);
const ALL_SCOPES = CLIENT_SCOPE_NAMES.join(' ');
const JSON_TYPE = { 'content-type': 'application/json' };
const CHALLENGE = 'Basic realm="latchkey", charset="UTF-8"';

/** Each with the statuses of the answers to JSON, or no body, and to a form. */
const DOORS = [
  ['/oauth/v2/token', 201, 200],
  ['/oauth/token', 200, 200],
] as const;

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

  describe.each(DOORS)('at %s', (path, status, formStatus) => {
    it('takes forms and JSON, with and without a slash', async () => {
      const client = await newClient(server);
      for (const address of [path, `${path}/`]) {
        expect((await postForm(server, address, GRANT, client.basic)).status).toBe(formStatus);
        expect((await post(address, GRANT, client.basic)).status).toBe(status);
        const charset = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' };
        expect((await postForm(server, address, GRANT, { ...client.basic, ...charset })).status).toBe(formStatus);
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
        await call(`${server.url}${path}`, 'POST', '', { ...client.basic, 'content-type': 'text/plain' }),
      ];
      expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => status));
      for (const form of ['grant_type=', 'scope=']) {
        expect((await postForm(server, path, form, client.basic)).status).toBe(formStatus);
      }
    });

    it('ignores what it does not know', async () => {
      const client = await newClient(server);
      const form = { ...GRANT, resource: 'https://example.org', audience: '', expires_in: '1', client_id: client.id };
      const answer = await postForm(server, path, form, client.basic);
      expect([answer.status, answer.body.expires_in]).toEqual([formStatus, HOUR]);
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

  const TAKEN = 'Send the body as application/x-www-form-urlencoded or application/json.';
  const CODING = 'Send the body in UTF-8, without a content encoding.';

  it.each([
    ['text/plain', GRANT.grant_type, TAKEN],
    ['multipart/form-data; boundary=x', '--x--', TAKEN],
    ['application/xml', '<grant_type/>', TAKEN],
    ['application/x-www-form-urlencoded; charset=latin1', 'grant_type=client_credentials', CODING],
    ['application/json; charset=utf-16', '{}', CODING],
  ])('refuses the media type %s with 415, and says what it takes', async (type, body, message) => {
    const client = await newClient(server);
    const answer = await post('/oauth/token', body, { ...client.basic, 'content-type': type });
    expect(outcome(answer)).toEqual(refused(415, 'invalid_request'));
    expect(answer.body.error_description).toBe(message);
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

  it('as HTTP Basic with a colon, a plus or a percent sign in the secret as it stands, as many clients send it', async () => {
    const statuses: number[] = [];
    for (const sign of [':', '+', '%']) {
      const { id, secret } = await newClient(server, { secret: `${sign}${randomUUID()}` });
      statuses.push((await postForm(server, '/oauth/token', GRANT, rawBasic(`${id}:${secret}`))).status);
    }
    expect(statuses).toEqual([200, 200, 200]);
  });

  it('in the body of a form and of JSON, encoded as these are', async () => {
    const client = await newClient(server, { id: IN_NEED.id(), secret: IN_NEED.secret });
    const body = { client_id: client.id, client_secret: client.secret };
    for (const [path, status, formStatus] of DOORS) {
      expect((await postForm(server, path, { ...GRANT, ...body })).status).toBe(formStatus);
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

it('The longest OAUTH_TOKEN_TTL is what expires_in says', async () => {
  const lasting = await startServer(database.connection, { oauthTokenTtl: 9_999_999_999 });
  const { status, body } = await postForm(lasting, '/oauth/token', GRANT, (await newClient(server)).basic);
  expect([status, body.expires_in]).toEqual([200, 9_999_999_999]);
  await lasting.close();
});

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
    const organisation = await post('/api/accounts', { name: randomUUID() }, (await newClient(server)).basic);
    const id = organisation.body.id as string;
    for (const headers of [bearer(await newAccessToken(server, client)), client.basic]) {
      expect((await get(`/api/accounts/${id}`, headers)).status).toBe(200);
      expect((await get(`/accounts/${id}`, headers)).body).toMatchObject({ id, publisher_reference: null });
      const denied = await patch(`/accounts/${id}`, { publisher_reference: 'x' }, headers);
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
