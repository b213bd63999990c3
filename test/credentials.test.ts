import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newAccessToken, newClient } from './support/oauth.js';
import { signUp, startServer, type TestServer } from './support/server.js';
import { newApiToken, oboToken, rowOf, signedInAdmin, type User } from './support/tokens.js';

/** Every kind of credential, in every kind of header, before every kind of guard. */
const CREDENTIALS = [
  'session JWT',
  'refresh token',
  'reset token',
  'App-Token',
  'user token',
  'OBO token',
  'API token',
  'access token',
  'client secret',
  'client id and secret in base64',
  'id of an App-Token',
  'id of a user token',
  'id of an API token',
  'id of an access token',
  'id of a client',
  'password',
] as const;
type Credential = (typeof CREDENTIALS)[number];

type Headers = Record<string, string>;

let database: TestDatabase;
let server: TestServer;
let admin: User;
let account: { id: string; email: string; password: string };
let credentials: Record<Credential, string>;
const clientId = `client-${randomUUID()}`;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { loginMaxFailures: 1_000_000 });
  admin = await signedInAdmin(server);
  const user = await signUp(server, { remember: true });
  account = user;
  const api = await newApiToken(server, admin.appToken, 'GATEWAY_ACCOUNT_1', { token_account_type: 'live' });
  // A length that base64 needs no padding for: a secret in another spelling is then another one.
  const client = await newClient(server, { id: clientId });
  const accessToken = await newAccessToken(server, client);
  await server.call('POST', '/account/password', { account: { email: user.email } });
  const [reset] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [
    user.id,
  ]);
  credentials = {
    'session JWT': user.token,
    'refresh token': user.refreshToken,
    'reset token': server.app.get(SecretKeys).sign('password-reset', reset?.id ?? ''),
    'App-Token': admin.appToken,
    'user token': admin.token,
    'OBO token': await oboToken(server, admin, user.id),
    'API token': api,
    'access token': accessToken,
    'client secret': client.secret,
    'client id and secret in base64': base64(`${clientId}:${client.secret}`),
    'id of an App-Token': (await rowOf(database, admin.appToken)).id,
    'id of a user token': (await rowOf(database, admin.token)).id,
    'id of an API token': (await rowOf(database, api)).id,
    'id of an access token': (await rowOf(database, accessToken)).id,
    'id of a client': clientId,
    password: user.password,
  };
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

interface Route {
  name: string;
  method: string;
  path: () => string;
  body?: () => object;
  /** What is right besides the header that a test tries. */
  rest?: () => Headers;
  /** The only headers and credentials that open it. */
  diagonal: Partial<Record<string, Credential[]>>;
  /** What a credential in the URL is answered: clients are told to keep it out of there, others as if it was none. */
  inUrl?: 400;
  /** The same for a credential in the body, where it is not looked at. */
  inBody?: 400;
}

/** Answers of a route to somebody whom it knows: there may be nothing behind its address. */
const OPENED = [200, 201, 204, 404];

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Where a credential may be put. */
const PLACES: Record<string, (credential: string) => Headers> = {
  'Authorization: Bearer': (it) => ({ authorization: `Bearer ${it}` }),
  'Authorization: Bearer:': (it) => ({ authorization: `Bearer: ${it}` }),
  'Authorization: bearer, in lower case': (it) => ({ authorization: `bearer ${it}` }),
  'Authorization: Bearer, twice': (it) => ({ authorization: `Bearer ${it}, Bearer ${it}` }),
  'Authorization: Bearer, doubled': (it) => ({ authorization: `Bearer Bearer ${it}` }),
  'Authorization: Bearer, two in one': (it) => ({ authorization: `Bearer ${it} ${it}` }),
  'Authorization: Bearer, in quotes': (it) => ({ authorization: `Bearer "${it}"` }),
  'Authorization: Bearer=': (it) => ({ authorization: `Bearer=${it}` }),
  'Authorization: Basic, as the name': (it) => ({ authorization: `Basic ${base64(`${it}:`)}` }),
  'Authorization: Basic, as the password': (it) => ({ authorization: `Basic ${base64(`${account.email}:${it}`)}` }),
  "Authorization: Basic, as the client's password": (it) => ({ authorization: `Basic ${base64(`${clientId}:${it}`)}` }),
  "Authorization: basic, in lower case, as the client's password": (it) => ({
    authorization: `basic ${base64(`${clientId}:${it}`)}`,
  }),
  "Authorization: Basic:, as the client's password": (it) => ({
    authorization: `Basic: ${base64(`${clientId}:${it}`)}`,
  }),
  "Authorization: Basic, as the client's password, twice": (it) => ({
    authorization: `Basic ${base64(`${clientId}:${it}`)}, Basic ${base64(`${clientId}:${it}`)}`,
  }),
  "Authorization: Basic, as the client's password, not encoded": (it) => ({ authorization: `Basic ${clientId}:${it}` }),
  'Authorization: Basic, as it stands': (it) => ({ authorization: `Basic ${it}` }),
  'Authorization: Basic, as it stands, and another': (it) => ({ authorization: `Basic ${it} ${it}` }),
  'Authorization: Token': (it) => ({ authorization: `Token ${it}` }),
  'Authorization: App-Token': (it) => ({ authorization: `App-Token ${it}` }),
  'Authorization without a scheme': (it) => ({ authorization: it }),
  'Proxy-Authorization': (it) => ({ 'proxy-authorization': `Bearer ${it}` }),
  Cookie: (it) => ({ cookie: `token=${it}; authorization=${it}; app_token=${it}` }),
  'App-Token': (it) => ({ 'app-token': it }),
  'App-Token, twice': (it) => ({ 'app-token': `${it}, ${it}` }),
  'App-Token: Bearer': (it) => ({ 'app-token': `Bearer ${it}` }),
  'App-Token in capitals': (it) => ({ 'app-token': it.toUpperCase() === it ? `${it}X` : it.toUpperCase() }),
  Token: (it) => ({ token: it }),
  'Token, twice': (it) => ({ token: `${it}, ${it}` }),
  'Token: Bearer': (it) => ({ token: `Bearer ${it}` }),
  'App-Token and Token': (it) => ({ 'app-token': it, token: it }),
  'all three': (it) => ({ 'app-token': it, token: it, authorization: `Bearer ${it}` }),
  App_Token: (it) => ({ app_token: it, apptoken: it, 'x-app-token': it, 'x-token': it }),
  'Client-Secret': (it) => ({ 'client-id': clientId, 'client-secret': it, client_id: clientId, client_secret: it }),
};

const bearers = (...credentials: Credential[]) => ({
  'Authorization: Bearer': credentials,
  'Authorization: Bearer:': credentials,
  'Authorization: bearer, in lower case': credentials,
  'all three': credentials,
});

/** HTTP Basic with a client's id and secret. */
const BASIC: Route['diagonal'] = {
  "Authorization: Basic, as the client's password": ['client secret'],
  "Authorization: basic, in lower case, as the client's password": ['client secret'],
  'Authorization: Basic, as it stands': ['client id and secret in base64'],
};

/** A route that a client opens, by its access token or by its id and secret. */
const forClients = (method: string, path: () => string, body?: () => object): Route => ({
  name: `a client: ${method} ${path().replace(/[0-9a-f-]{36}/, '{id}')}`,
  method,
  path,
  ...(body && { body }),
  diagonal: { ...bearers('access token'), ...BASIC },
  inUrl: 400,
  inBody: 400,
});

/** A route that a client opens by its id and secret only. */
const forClientSecrets = (path: string, body: () => object = () => ({})): Route => ({
  name: `a client's secret: POST ${path}`,
  method: 'POST',
  path: () => path,
  body,
  diagonal: BASIC,
  inUrl: 400,
});

/** What a client says of a visitor. */
const visitor = () => ({ ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'example' });

const SECRET_ROUTES = [
  forClientSecrets('/oauth/v2/token'),
  forClientSecrets('/oauth/token', () => ({ grant_type: 'client_credentials', scope: 'accounts:read' })),
  forClientSecrets('/oauth/introspect', () => ({ token: 'example' })),
  forClientSecrets('/oauth/revoke', () => ({ token: 'example' })),
];

const ROUTES: Route[] = [
  {
    name: 'a session or a client: GET /accounts/{id}',
    method: 'GET',
    path: () => `/accounts/${account.id}`,
    diagonal: { ...bearers('session JWT', 'access token'), ...BASIC },
  },
  {
    name: 'a session: PUT /accounts/{id}',
    method: 'PUT',
    path: () => `/accounts/${randomUUID()}`,
    body: () => ({ account: { email: 'a@example.org', password: 'another example' } }),
    diagonal: bearers('session JWT'),
  },
  {
    name: 'a session: GET /account/sessions',
    method: 'GET',
    path: () => '/account/sessions',
    diagonal: bearers('session JWT'),
  },
  forClients(
    'PATCH',
    () => `/accounts/${randomUUID()}`,
    () => ({ name: randomUUID() }),
  ),
  forClients('GET', () => '/api/accounts'),
  forClients(
    'POST',
    () => '/api/accounts',
    () => ({ name: randomUUID() }),
  ),
  forClients('GET', () => `/api/accounts/${randomUUID()}`),
  forClients(
    'PATCH',
    () => `/api/accounts/${randomUUID()}`,
    () => ({ name: randomUUID() }),
  ),
  forClients('DELETE', () => `/api/accounts/${randomUUID()}`),
  forClients('GET', () => '/api'),
  forClients('POST', () => '/api/identifications', visitor),
  forClients('GET', () => `/api/identifications/${randomUUID()}`),
  ...SECRET_ROUTES,
  { name: 'an API token: GET /v1/api/auth', method: 'GET', path: () => '/v1/api/auth', diagonal: bearers('API token') },
  { name: 'an API token: GET /v1/auth', method: 'GET', path: () => '/v1/auth', diagonal: bearers('API token') },
  {
    name: 'an App-Token: POST /api/v1/token/',
    method: 'POST',
    path: () => '/api/v1/token/',
    body: () => ({ username: account.email, password: account.password }),
    diagonal: {
      'App-Token': ['App-Token'],
      'App-Token and Token': ['App-Token'],
      'all three': ['App-Token'],
    },
  },
  {
    name: 'an App-Token with a scope: GET /v1/frontend/auth/{account_id}',
    method: 'GET',
    path: () => '/v1/frontend/auth/15',
    diagonal: {
      'App-Token': ['App-Token'],
      'App-Token and Token': ['App-Token'],
      'all three': ['App-Token'],
    },
  },
  { name: 'App-Token and Token: GET /api/v1/tokens/', method: 'GET', path: () => '/api/v1/tokens/', diagonal: {} },
  {
    name: 'App-Token and Token, with a good Token: GET /api/v1/app_tokens/',
    method: 'GET',
    path: () => '/api/v1/app_tokens/',
    rest: () => ({ token: admin.token }),
    diagonal: { 'App-Token': ['App-Token'] },
  },
  {
    name: 'App-Token and Token, with a good Token: GET /api/v1/oauth_clients',
    method: 'GET',
    path: () => '/api/v1/oauth_clients',
    rest: () => ({ token: admin.token }),
    diagonal: { 'App-Token': ['App-Token'] },
  },
  ...['/api/v1/accounts', '/api/v1/audit_events'].map((path): Route => ({
    name: `App-Token and Token, with a good Token: GET ${path}`,
    method: 'GET',
    path: () => path,
    rest: () => ({ token: admin.token }),
    diagonal: { 'App-Token': ['App-Token'] },
  })),
  {
    name: 'App-Token and Token, with a good App-Token: GET /api/v1/tokens/',
    method: 'GET',
    path: () => '/api/v1/tokens/',
    rest: () => ({ 'app-token': admin.appToken }),
    diagonal: { Token: ['user token', 'OBO token'] },
  },
];

describe.each(ROUTES)('$name', ({ method, path, body, rest, diagonal, inUrl = 401, inBody = 401 }) => {
  it.each(CREDENTIALS)(
    'opens to a %s in its own header at most, and answers 401 to it in every other',
    async (name) => {
      const outcomes: Record<string, string> = {};
      const expected: Record<string, string> = {};
      const attempts = Object.entries(PLACES).map(async ([place, put]) => {
        const headers = { ...rest?.(), ...put(credentials[name]) };
        const { status } = await server.call(method, path(), body?.(), headers);
        outcomes[place] = status === 401 ? 'refused' : OPENED.includes(status) ? 'opened' : `answered ${status}`;
        // A good credential in its own header is not made worse by what stands in others.
        expected[place] = diagonal[place]?.includes(name) ? 'opened' : 'refused';
      });
      await Promise.all(attempts);
      expect(outcomes).toEqual(expected);
    },
  );

  it('opens to nothing at all with 401', async () => {
    expect((await server.call(method, path(), body?.(), rest?.())).status).toBe(401);
  });

  it('opens to nothing in the query or in the body', async () => {
    for (const secret of Object.values(credentials)) {
      const named = { access_token: secret, app_token: secret, api_key: secret, authorization: `Bearer ${secret}` };
      const query = new URLSearchParams({ ...named, token: secret, client_id: clientId, client_secret: secret });
      expect((await server.call(method, `${path()}?${query.toString()}`, body?.(), rest?.())).status).toBe(inUrl);
      if (!body) continue;
      expect((await server.call(method, path(), { ...body(), ...named }, rest?.())).status).toBe(inBody);
    }
  });
});

describe.each(SECRET_ROUTES)('$name, in its body', ({ method, path, body }) => {
  it("opens to the client's secret in the body too, and to no other credential in its place", async () => {
    for (const [name, secret] of Object.entries(credentials)) {
      const fields = { ...body?.(), client_id: clientId, client_secret: secret };
      const form = new URLSearchParams(fields as Record<string, string>).toString();
      const answers = [
        await server.call(method, path(), fields),
        await server.call(method, path(), form, { 'content-type': 'application/x-www-form-urlencoded' }),
      ];
      for (const { status } of answers) {
        if (name === 'client secret') expect([name, OPENED.includes(status)]).toEqual([name, true]);
        else expect([name, status]).toEqual([name, 401]);
      }
    }
  });

  it('opens to no secret under the id of another, and to no two ways at once', async () => {
    const { secret, basic } = await newClient(server);
    const own = credentials['client secret'];
    const ask = async (fields: object, headers = {}) =>
      (await server.call(method, path(), { ...body?.(), ...fields }, headers)).status;
    expect(await ask({ client_id: clientId, client_secret: secret })).toBe(401);
    expect(await ask({ client_id: clientId })).toBe(401);
    expect(await ask({ client_secret: own })).toBe(401);
    expect(await ask({ client_id: clientId, client_secret: own }, basic)).toBe(400);
    expect(await ask({ client_secret: secret }, basic)).toBe(400);
    expect(await ask({ client_id: clientId }, basic)).toBe(400);
  });
});

/** Sends the bytes as they are, and answers with the status and all that came back. */
function sendBytes(bytes: Buffer): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error) => {
      // Node may answer, and cut a sender off who has more to say.
      if (chunks.length === 0 && (error as NodeJS.ErrnoException).code !== 'ECONNRESET') reject(error);
    });
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString('latin1');
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0), text });
    });
  });
}

const line = (name: string, value: string | Buffer) => Buffer.concat([Buffer.from(`${name}: `), Buffer.from(value)]);

/** A GET with these header lines, each as it is. */
function get(path: string, lines: Buffer[]): Promise<{ status: number; text: string }> {
  const crlf = Buffer.from('\r\n');
  const head = [`GET ${path} HTTP/1.1`, 'Host: latchkey.test', 'Connection: close'].map((text) => Buffer.from(text));
  return sendBytes(Buffer.concat([...head, ...lines].flatMap((part) => [part, crlf]).concat(crlf)));
}

it.each([
  ['/oauth/token', 'grant_type=client_credentials'],
  ['/oauth/introspect', 'token=x'],
  ['/oauth/revoke', 'token=x'],
])(
  '%s does not open with a client in the body behind an Authorization that is empty and then is not',
  async (path, rest) => {
    const form = `client_id=${clientId}&client_secret=${credentials['client secret']}&${rest}`;
    const status = async (...lines: string[]) => {
      const head = [
        ...[`POST ${path} HTTP/1.1`, 'Host: latchkey.test', 'Connection: close', ...lines],
        ...['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${form.length}`],
      ];
      return (await sendBytes(Buffer.from([...head, '', form].join('\r\n')))).status;
    };
    expect(await status('Authorization:')).toBe(200);
    for (const lines of [
      ['Authorization:', 'Authorization: Basic zzzz'],
      ['Authorization: Basic zzzz', 'Authorization:'],
    ])
      expect(await status(...lines)).toBe(400);
  },
);

/** Where headers are attacked: the header, what is right in it, and a route that it opens with the others right. */
interface Target {
  header: string;
  prefix: string;
  credential: Credential;
  path: () => string;
  others: () => Buffer[];
}

const TARGETS: [name: string, target: Target][] = [
  [
    'App-Token',
    {
      header: 'App-Token',
      prefix: '',
      credential: 'App-Token',
      path: () => '/api/v1/tokens/',
      others: () => [line('Token', admin.token)],
    },
  ],
  [
    'App-Token with a scope',
    {
      header: 'App-Token',
      prefix: '',
      credential: 'App-Token',
      path: () => '/v1/frontend/auth/15',
      others: () => [],
    },
  ],
  [
    'Token',
    {
      header: 'Token',
      prefix: '',
      credential: 'user token',
      path: () => '/api/v1/tokens/',
      others: () => [line('App-Token', admin.appToken)],
    },
  ],
  [
    'Authorization with an API token',
    {
      header: 'Authorization',
      prefix: 'Bearer ',
      credential: 'API token',
      path: () => '/v1/api/auth',
      others: () => [],
    },
  ],
  [
    'Authorization with a session JWT',
    {
      header: 'Authorization',
      prefix: 'Bearer ',
      credential: 'session JWT',
      path: () => `/accounts/${account.id}`,
      others: () => [],
    },
  ],
  [
    "Authorization with a client's access token",
    {
      header: 'Authorization',
      prefix: 'Bearer ',
      credential: 'access token',
      path: () => '/api',
      others: () => [],
    },
  ],
  [
    "Authorization with a client's id and secret",
    {
      header: 'Authorization',
      prefix: 'Basic ',
      credential: 'client id and secret in base64',
      path: () => '/api/accounts',
      others: () => [],
    },
  ],
];

/**
 * Whether a header's value, as sent, is the good one in another spelling that HTTP and the documents allow: white space
 * around it, the scheme in whatever case and, if it is Bearer, with a colon, and, as base64 has bits to spare, another
 * last character of a JWT's signature, or one too many in HTTP Basic. A line break ends the value.
 */
function isStillGood({ prefix, credential }: Target, value: Buffer): boolean {
  const text = (value.toString('latin1').split(/[\r\n]/, 1)[0] ?? '').replace(/^[ \t]+|[ \t]+$/g, '');
  const scheme = prefix === 'Basic ' ? /^basic +(\S+)$/i : /^bearer:? +(\S+)$/i;
  const secret = prefix === '' ? text : (scheme.exec(text)?.[1] ?? '');
  const good = credentials[credential];
  if (prefix === 'Basic ') return Buffer.from(secret, 'base64').equals(Buffer.from(good, 'base64'));
  if (credential !== 'session JWT') return secret === good;
  const [signed, signature] = split(secret);
  const [goodSigned, goodSignature] = split(good);
  const bytes = (encoded: string) => Buffer.from(encoded, 'base64url').toString('hex');
  return signed === goodSigned && bytes(signature) === bytes(goodSignature);
}

function split(jwt: string): [signed: string, signature: string] {
  const end = jwt.lastIndexOf('.');
  return [jwt.slice(0, end), jwt.slice(end + 1)];
}

/** Bad input is answered with 401, or by Node with 400 or 431: never with success, never with a failure of ours. */
const REFUSALS = [400, 401, 431];

describe.each(TARGETS)('The header %s', (_, target) => {
  const good = () => Buffer.from(target.prefix + credentials[target.credential]);
  const attempt = (value: Buffer | string, extra: Buffer[] = []) =>
    get(target.path(), [...target.others(), line(target.header, value), ...extra]);

  async function expectRefusal(value: Buffer): Promise<void> {
    const { status, text } = await attempt(value);
    if (isStillGood(target, value)) expect([200, ...REFUSALS]).toContain(status);
    else if (!REFUSALS.includes(status)) {
      throw new Error(`${JSON.stringify(value.toString('latin1'))} was answered ${text.slice(0, 200)}`);
    }
  }

  it('opens with what is right', async () => {
    expect((await attempt(good())).status).toBe(200);
    // White space around a value is not part of it (RFC 9110 section 5.5).
    expect((await attempt(Buffer.concat([Buffer.from(' \t '), good(), Buffer.from(' \t')]))).status).toBe(200);
  });

  it('opens with no byte before it, after it, or in the place of one of its own', async () => {
    const value = good();
    const middle = Math.floor(value.length / 2);
    for (let byte = 0; byte < 256; byte += 1) {
      const one = Buffer.from([byte]);
      await Promise.all(
        [
          Buffer.concat([one, value]),
          Buffer.concat([value, one]),
          Buffer.concat([value.subarray(0, middle), one, value.subarray(middle)]),
          Buffer.concat([value.subarray(0, middle), one, value.subarray(middle + 1)]),
          Buffer.concat([value.subarray(0, -1), one]),
          Buffer.concat([one, value.subarray(1)]),
          one,
        ].map(expectRefusal),
      );
    }
  });

  it('opens with none of its own characters left out', async () => {
    const value = good();
    for (let index = target.prefix.length; index < value.length; index += value.length > 200 ? 17 : 1) {
      await expectRefusal(Buffer.concat([value.subarray(0, index), value.subarray(index + 1)]));
    }
  });

  it.each<[name: string, damage: (secret: string) => string]>([
    ['an empty one', () => ''],
    ['white space', () => ' \t '],
    ['capitals', (secret) => secret.toUpperCase().replace(/^[^A-Z]*$/, 'X')],
    ['a comma behind it', (secret) => `${secret},`],
    ['a comma before it', (secret) => `,${secret}`],
    ['it twice, with a comma', (secret) => `${secret}, ${secret}`],
    ['it twice', (secret) => secret + secret],
    ['it twice, with a space', (secret) => `${secret} ${secret}`],
    ['it, and a fake one', (secret) => `${secret}, ${'0'.repeat(32)}`],
    ['quotes', (secret) => `"${secret}"`],
    ['a parameter', (secret) => `${secret}; q=1`],
    [
      'percent-encoding',
      (secret) =>
        Array.from(secret)
          .map((c) => `%${c.charCodeAt(0).toString(16)}`)
          .join(''),
    ],
    [
      'full-width letters',
      (secret) =>
        Array.from(secret)
          .map((c) => String.fromCodePoint(c.charCodeAt(0) + 0xfee0))
          .join(''),
    ],
    ['emoji', () => '🏦'.repeat(16)],
    ['an accent', (secret) => `${secret.slice(0, -1)}á`],
    ['an invisible character', (secret) => `${secret}\u200b`],
    ['a no-break space', (secret) => `${secret}\u00a0`],
    ['a byte order mark', (secret) => `\ufeff${secret}`],
    ['something long', (secret) => secret.padEnd(8_000, '0')],
    ['something of 15 kB', (secret) => secret.padEnd(15_000, 'a')],
    ['something of 16 kB', (secret) => secret.padEnd(16_384, 'a')],
    ['something of 100 kB', (secret) => secret.padEnd(100_000, 'a')],
    ['many commas', (secret) => `${secret}${','.repeat(8_000)}`],
    ['many dots', () => '.'.repeat(8_000)],
    ['many spaces within', (secret) => `${secret}${' '.repeat(8_000)}x`],
    ['SQL', () => "' OR true --"],
    ['the name of a property', () => '__proto__'],
    ['null', () => 'null'],
    ['undefined', () => 'undefined'],
  ])('does not open with %s', async (_name, damage) => {
    const secret = credentials[target.credential];
    const { status } = await attempt(target.prefix + damage(secret));
    // Cut off in the middle of 100 kB, a sender may see nothing.
    expect(damage(secret).length > 50_000 ? [...REFUSALS, 0] : REFUSALS).toContain(status);
  });

  it.each<[name: string, lines: (name: string, value: string) => string[]]>([
    ['sent twice', (name, value) => [`${name}: ${value}`, `${name}: ${value}`]],
    ['sent twice, the second one wrong', (name, value) => [`${name}: ${value}`, `${name}: ${value}x`]],
    ['sent twice, the first one wrong', (name, value) => [`${name}: ${value}x`, `${name}: ${value}`]],
    ['sent twice, the first one empty', (name, value) => [`${name}:`, `${name}: ${value}`]],
    ['sent twice, the second one empty', (name, value) => [`${name}: ${value}`, `${name}:`]],
    ['sent twice, in another case', (name, value) => [`${name}: ${value}`, `${name.toUpperCase()}: ${value}`]],
    ['sent twenty times', (name, value) => Array<string>(20).fill(`${name}: ${value}`)],
    ['folded', (name, value) => [`${name}: ${value.slice(0, 20)}`, ` ${value.slice(20)}`]],
    ['folded with a tab', (name, value) => [`${name}: ${value.slice(0, 20)}`, `\t${value.slice(20)}`]],
    ['folded behind its value', (name, value) => [`${name}: ${value}`, ' x']],
    ['with a space before the colon', (name, value) => [`${name} : ${value}`]],
    ['with a space before the name', (name, value) => ['X-Other: 1', ` ${name}: ${value}`]],
    ['with underscores', (name, value) => [`${name.replaceAll('-', '_')}_: ${value}`]],
    ['without a colon', (name, value) => [`${name} ${value}`]],
    ['behind a bare line feed', (name, value) => [`X-Other: 1\n${name}: ${value}`]],
    ['behind a bare carriage return', (name, value) => [`X-Other: 1\r${name}: ${value}`]],
  ])('does not open when it is %s', async (_name, lines) => {
    const value = target.prefix + credentials[target.credential];
    const sent = lines(target.header, value).map((text) => Buffer.from(text));
    const { status } = await get(target.path(), [...target.others(), ...sent]);
    expect(REFUSALS).toContain(status);
  });

  it('opens with nothing that chance makes of it', async () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    const change = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(3), bytes);
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        let value: Buffer = good();
        for (const [where, kind, insertion] of changes) {
          const at = Math.floor(where * value.length);
          const removed = [0, 1, insertion.length, value.length][kind] ?? 0;
          value = Buffer.concat([value.subarray(0, at), insertion, value.subarray(at + removed)]);
        }
        await expectRefusal(value);
      }),
      { numRuns: 150 },
    );
  });

  it('opens with nothing that only looks like it', async () => {
    const hex = fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: 32, maxLength: 32 });
    const base32 = fc
      .string({
        unit: fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyz234567')),
        minLength: 33,
        maxLength: 33,
      })
      .map((text) => `api_live_${text}`);
    const part = fc.base64String({ maxLength: 300 }).map((text) => text.replace(/[+/=]/g, ''));
    const object = fc.json({ maxDepth: 2 }).map((text) => Buffer.from(text).toString('base64url'));
    const jwt = fc.tuple(fc.oneof(part, object), fc.oneof(part, object), part).map((parts) => parts.join('.'));
    const pair = fc
      .tuple(fc.constantFrom(clientId, '', 'example'), fc.string())
      .map((texts) => base64(texts.join(':')));
    await fc.assert(
      fc.asyncProperty(fc.oneof(hex, base32, jwt, pair), async (secret) => {
        await expectRefusal(Buffer.from(target.prefix + secret));
      }),
      { numRuns: 100 },
    );
  });
});

describe('After all of this', () => {
  it('nothing has failed unexpectedly, and no secret is in the log', () => {
    const log = server.logs.join('\n');
    expect(log).not.toContain('unexpected failure');
    const leaked = Object.entries(credentials).filter(
      ([name, secret]) => !/^(id of|password)/.test(name) && log.includes(secret),
    );
    expect(leaked).toEqual([]);
  });

  it('the right credentials still open', async () => {
    for (const [, target] of TARGETS) {
      const value = target.prefix + credentials[target.credential];
      expect((await get(target.path(), [...target.others(), line(target.header, value)])).status).toBe(200);
    }
  });
});
