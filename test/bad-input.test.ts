import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newAccessToken, newClient } from './support/oauth.js';
import { send, type RawRequest } from './support/raw-http.js';
import { bearer, claimsOf, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { newApiToken, signedInAdmin, type User } from './support/tokens.js';

let database: TestDatabase;
let server: TestServer;
let admin: User;
let watcher: pg.Client;
let everythingStored: pg.QueryConfig;

beforeAll(async () => {
  database = await createDatabase();
  await watch();
  // With the usual limit, a few wrong secrets would keep all others from being looked at.
  const limits = { rateLimitPerMinute: 1_000_000, loginMaxFailures: 1_000 };
  server = await startServer(database.connection, { trustProxy: 1, ...limits });
  admin = await signedInAdmin(server);
});

afterAll(async () => {
  await server.close();
  await watcher.end();
  await database.drop();
});

/** An account, and all that can open it. */
interface Holder {
  id: string;
  email: string;
  token: string;
  refreshToken: string;
  resetToken: string;
}

async function makeHolder(): Promise<Holder> {
  const account = await signUp(server, { remember: true });
  await server.call('POST', '/account/password', { account: { email: account.email } });
  const [reset] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [
    account.id,
  ]);
  return { ...account, resetToken: server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '') };
}

/**
 * Gets ready to ask for all that is stored. Limits count requests, the audit log has what failed, mails go out, and uses are noted:
 * that is no harm done.
 */
async function watch(): Promise<void> {
  watcher = new pg.Client(database.connection);
  await watcher.connect();
  const { rows } = await watcher.query<{ table: string; columns: string }>(
    `SELECT table_name AS table, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) AS columns
     FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name NOT IN ('attempt_limits', 'audit_events', 'audit_emails')
       AND column_name <> 'last_used_at'
       AND (table_name <> 'outgoing_mails' OR column_name IN ('id', 'kind', 'subject_id', 'recipient'))
     GROUP BY 1`,
  );
  const digests = rows.map(
    ({ table, columns }) =>
      `SELECT '${table}' AS name, count(*)::int AS rows, md5(string_agg(t::text, ';' ORDER BY t::text)) AS digest
       FROM (SELECT ${columns} FROM ${table}) t`,
  );
  // With a name, as then it is planned once.
  everythingStored = { name: 'everything', text: digests.join(' UNION ALL ') };
}

/** @returns how much is stored in each table, and a digest of it */
async function everything(): Promise<Record<string, unknown>> {
  const { rows } = await watcher.query<{ name: string; rows: number; digest: string }>(everythingStored);
  return Object.fromEntries(rows.map(({ name, rows, digest }) => [name, { rows, digest }]));
}

const ID_OF: Record<number, string> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'bad_request',
  409: 'conflict',
  413: 'bad_request',
  415: 'bad_request',
  422: 'invalid_params',
  429: 'rate_limited',
};

/** RFC 6749 section 5.2, and what it has no word for. */
const OAUTH_ERRORS: Record<number, RegExp> = {
  400: /^(invalid_request|invalid_scope|unsupported_grant_type)$/,
  401: /^invalid_client$/,
  403: /^insufficient_scope$/,
  404: /^invalid_request$/,
  405: /^invalid_request$/,
  413: /^invalid_request$/,
  415: /^invalid_request$/,
  429: /^temporarily_unavailable$/,
};

const SENTENCE = expect.stringMatching(/^[A-Z].*\.$/);

/** One text, or a list of them, for each bad field, and at least one field. */
function expectFields(errors: object, text: unknown): void {
  expect(Object.keys(errors).length).toBeGreaterThan(0);
  expect(errors).toEqual(Object.fromEntries(Object.keys(errors).map((field) => [field, text])));
}

/** What the body of a refusal looks like in each dialect. */
const BODIES: Record<string, (status: number, body: Record<string, unknown>) => void> = {
  account: (status, { errors, ...others }) => {
    expect(others).toEqual({ id: ID_OF[status], message: SENTENCE });
    expect(errors !== undefined).toBe([409, 422].includes(status));
    for (const messages of Object.values((errors ?? {}) as Record<string, string[]>)) {
      expect(messages.length).toBeGreaterThan(0);
      for (const text of messages) expect(text).toMatch(/^[a-z]/);
    }
  },
  connect: (status, { errors, ...others }) => {
    const invalid = status === 400 && errors !== undefined;
    expect(others).toEqual({ status_code: status, message: invalid ? 'Validation Failed' : SENTENCE });
    if (status !== 400) expect(errors !== undefined).toBe(status === 409);
    if (errors !== undefined) expectFields(errors as object, expect.stringMatching(/^[a-z]/));
  },
  oauth: (status, body) => {
    // RFC 6749 says which characters a description has.
    const description = expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    expect(body).toEqual({
      error: expect.stringMatching(OAUTH_ERRORS[status] ?? /^$/),
      error_description: description,
    });
  },
  publicauth: (_, body) => {
    expect(body).toEqual({ message: expect.stringMatching(/./) });
  },
  'app-token': (_, { errors, ...others }) => {
    expect(others).toEqual({});
    expectFields(errors as object, expect.stringMatching(/./));
  },
  plain: (status, body) => {
    expect(body).toEqual({ statusCode: status, error: expect.stringMatching(/^[A-Z]/), message: SENTENCE });
  },
};

const BASIC = 'Basic realm="latchkey", charset="UTF-8"';
const BEARER = [
  'Bearer realm="latchkey"',
  'Bearer error="invalid_token"',
  'Bearer realm="latchkey", error="invalid_token"',
];

/** What a refusal asks for in `WWW-Authenticate`; null: nothing. */
const CHALLENGES: Record<string, Record<number, (string | RegExp | null)[]>> = {
  account: { 401: BEARER },
  publicauth: { 401: ['App-Token', ...BEARER] },
  'app-token': { 401: ['App-Token', 'App-Token, Token', ...BEARER] },
  connect: {
    400: [null, 'Bearer realm="latchkey", error="invalid_request"'],
    401: [BASIC, ...BEARER],
    403: [
      null,
      /^Bearer realm="latchkey", error="insufficient_scope", scope="(accounts:(read|write)|identifications)"$/,
    ],
  },
  oauth: { 401: [BASIC] },
};

function expectDialect({ status, headers, body }: Answer, dialect = 'account'): void {
  const isPage = dialect === 'page';
  expect(headers.get('content-type')).toBe(isPage ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-request-id')).toMatch(/./);
  const challenge = headers.get('www-authenticate');
  const challenges = CHALLENGES[dialect]?.[status] ?? [null];
  if (!challenges.some((one) => (one instanceof RegExp ? one.test(challenge ?? '') : one === challenge))) {
    throw new Error(`A ${status} in the dialect ${dialect} came with WWW-Authenticate: ${challenge ?? 'none'}`);
  }
  if (isPage) expect(body).toMatch(/^<!doctype html>[^]+ role="alert">[A-Z].*\.<\/p>/);
  else BODIES[dialect]?.(status, body as Record<string, unknown>);
}

async function expectRefusal(request: RawRequest, status: number, dialect?: string): Promise<Answer> {
  const before = await everything();
  const answer = await send(server, request);
  expect({ status: answer.status, body: answer.body as unknown }).toEqual({ status, body: expect.anything() });
  expectDialect(answer, dialect);
  expect(await everything()).toEqual(before);
  return answer;
}

interface Route {
  name: string;
  method: string;
  path: (holder: Holder) => string;
  /** Fields of `account` that the route takes, with values that it accepts. Absent: it takes no body. */
  account?: (holder: Holder) => Record<string, unknown>;
  session?: true;
  /** It is open to clients too, which are answered in a dialect of their own. */
  clients?: true;
  /** It stores the password, and so judges its length. */
  setsPassword?: true;
  success: number;
}

const ROUTES: Route[] = [
  {
    name: 'POST /accounts',
    method: 'POST',
    path: () => '/accounts',
    account: () => ({ email: newEmail(), password: 'example', remember_me: true }),
    setsPassword: true,
    success: 201,
  },
  {
    name: 'POST /account/session',
    method: 'POST',
    path: () => '/account/session',
    account: ({ email }) => ({ email, password: 'example', remember_me: true }),
    success: 200,
  },
  {
    name: 'PUT /account/session',
    method: 'PUT',
    path: () => '/account/session',
    account: ({ refreshToken }) => ({ refresh_token: refreshToken, remember_me: true }),
    success: 200,
  },
  {
    name: 'PUT /accounts/{id}',
    method: 'PUT',
    path: ({ id }) => `/accounts/${id}`,
    account: ({ email }) => ({ email, password: 'example', remember_me: true }),
    session: true,
    setsPassword: true,
    success: 200,
  },
  {
    name: 'POST /account/password',
    method: 'POST',
    path: () => '/account/password',
    account: () => ({ email: newEmail() }),
    success: 200,
  },
  {
    name: 'PUT /account/password',
    method: 'PUT',
    path: () => '/account/password',
    account: ({ resetToken }) => ({ password: 'example', reset_password_token: resetToken, remember_me: true }),
    setsPassword: true,
    success: 200,
  },
  { name: 'DELETE /account/session', method: 'DELETE', path: () => '/account/session', session: true, success: 200 },
  {
    name: 'GET /accounts/{id}',
    method: 'GET',
    path: ({ id }) => `/accounts/${id}`,
    session: true,
    clients: true,
    success: 200,
  },
];

const JSON_TYPE = { 'content-type': 'application/json' };

function requestTo(route: Route, holder: Holder): RawRequest {
  return {
    method: route.method,
    path: route.path(holder),
    headers: { ...JSON_TYPE, ...(route.session && bearer(holder.token)) },
  };
}

/** What makes any body unreadable: from the text of a good one to a spoilt one. */
const UNREADABLE: [what: string, spoil: (good: string) => string | Buffer][] = [
  ['a body cut off', (good) => good.slice(0, -2)],
  ['a body with something after it', (good) => `${good} true`],
  ['single quotes', (good) => good.replaceAll('"', "'")],
  ['a word', () => 'example'],
  ['blanks only', () => ' \r\n\t'],
  ['an array', (good) => `[${good}]`],
  ['an empty array', () => '[]'],
  ['null', () => 'null'],
  ['true', () => 'true'],
  ['a number', () => '1e999'],
  ['a string', (good) => JSON.stringify(good)],
  ['a NUL byte', (good) => good.replace('{', '{\0')],
  ['a NUL character in a key', (good) => good.replace('{', '{"a\\u0000b":1,')],
  ['a NUL character in a value that nobody asked for', (good) => good.replace('{', '{"other":["\\u0000"],')],
  ['a lone surrogate in a key', (good) => good.replace('{', '{"\\ud800":1,')],
  ['a lone surrogate in a value', (good) => good.replace('{', '{"other":{"a":"\\udc00\\ud800"},')],
  ['__proto__', (good) => good.replace('{', '{"__proto__":{"admin":true},')],
  ['__proto__ in disguise', (good) => good.replace('{', '{"\\u005f_proto__":{"admin":true},')],
  ['__proto__ inside', (good) => good.replace('{', '{"other":{"__proto__":null},')],
  ['constructor.prototype', (good) => good.replace('{', '{"constructor":{"prototype":{"admin":true}},')],
  ['bytes that are not UTF-8', (good) => spoilBytes(good, [0xff])],
  ['an overlong NUL in UTF-8', (good) => spoilBytes(good, [0xc0, 0x80])],
  ['a surrogate in UTF-8', (good) => spoilBytes(good, [0xed, 0xa0, 0x80])],
  ['a character cut in two', (good) => spoilBytes(good, [0xe2, 0x82])],
  ['UTF-16', (good) => Buffer.from(good, 'utf16le')],
  ['arrays 100,000 deep', () => `{"other":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ['objects 100,000 deep', () => `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ['90,000 fields', () => `{"account":{${Array.from({ length: 90_000 }, (_, index) => `"k${index}":1`).join()}}}`],
  ['100,000 brackets that nobody closes', () => '['.repeat(100_000)],
];

function spoilBytes(good: string, bytes: number[]): Buffer {
  return Buffer.concat([Buffer.from(`{"other":"`), Buffer.from(bytes), Buffer.from(`",${good.slice(1)}`)]);
}

const MEDIA_TYPES = [
  'text/plain',
  'text/json',
  'application/xml',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/octet-stream',
  'application/json-patch+json',
  'application/jsonp',
  'application/json, text/plain',
  '*/*',
  'nonsense',
  '',
];

const ENCODINGS: [what: string, headers: Record<string, string>][] = [
  ['a charset of UTF-16', { 'content-type': 'application/json; charset=utf-16le' }],
  ['a charset of Latin-1', { 'content-type': 'application/json;charset="ISO-8859-1"' }],
  ['a body that says it is gzip', { ...JSON_TYPE, 'content-encoding': 'gzip' }],
  ['an unknown content encoding', { ...JSON_TYPE, 'content-encoding': 'rot13' }],
];

/** No value of any field. */
const NO_STRINGS: unknown[] = [null, 0, 1.5, true, false, [], ['example'], {}, { $ne: null }];

function emailOf(length: number): string {
  const end = '.example.org';
  const labels = Array.from({ length: 10 }, () => 'a'.repeat(50)).join('.');
  return `a@${labels.slice(0, length - 2 - end.length)}${end}`;
}

const BAD_VALUES: Record<string, [what: string, value: unknown][]> = {
  email: [
    ['an email that is empty', ''],
    ['an email without an at sign', 'example.org'],
    ['an email with two of them', 'a@b@example.org'],
    ['an email without a domain', 'a@'],
    ['an email with a line break', 'a@example.org\r\nBcc: b@example.org'],
    ['an email with a blank', 'a b@example.org'],
    ['an email with a display name', 'A <a@example.org>'],
    ['an email of 255 characters', emailOf(255)],
    ['an email of 300 characters', emailOf(300)],
    ['an email of 900,000 characters', `a@${'b.'.repeat(450_000)}org`],
  ],
  password: [
    ['a password of 80 bytes', 'x'.repeat(80)],
    ['a password of 73 bytes', 'x'.repeat(73)],
    ['a password of 25 characters that take 75 bytes', '€'.repeat(25)],
    ['a password of 19 characters that take 76 bytes', '😀'.repeat(19)],
    ['a password of 900,000 bytes', 'x'.repeat(900_000)],
  ],
  remember_me: [
    ['remember_me null', null],
    ['remember_me as a word', 'true'],
    ['remember_me as a number', 1],
    ['remember_me as an array', [true]],
    ['remember_me as an object', {}],
  ],
  refresh_token: [],
  reset_password_token: [
    ['a reset token that is empty', ''],
    ['a reset token that is none', 'example'],
    ['a reset token with an emoji', '😀.00000000.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    ['a reset token of 900,000 characters', `${'a.'.repeat(450_000)}.00000000.${'a'.repeat(43)}`],
  ],
};

const SHORT_PASSWORDS: [what: string, value: unknown][] = [
  ['a password that is empty', ''],
  ['a password of six characters', 'exampl'],
  ['a password of six characters that take 24 bytes', '😀'.repeat(6)],
];

const UNAUTHORIZED_REFRESH_TOKENS = [
  '',
  'example',
  '.'.repeat(900_000),
  `${'a'.repeat(36)}.0.00000000.${'a'.repeat(43)}`,
];

for (const route of ROUTES) {
  describe(route.name, () => {
    let holder: Holder;
    const request = (overrides: Partial<RawRequest> = {}) => ({ ...requestTo(route, holder), ...overrides });
    const good = () => JSON.stringify(route.account ? { account: route.account(holder) } : { account: {} });

    beforeAll(async () => {
      holder = await makeHolder();
    });

    it.each(['%zz', '%', '%c0%80', '%ed%a0%80', '%ff'])('refuses a URL that says %s', async (part) => {
      await expectRefusal(request({ path: `${route.path(holder)}/${part}` }), 400);
    });

    it.each(['/%00', '?a=%00', '?%00=a'])('refuses a URL with a NUL character in %s', async (part) => {
      await expectRefusal(request({ path: `${route.path(holder)}${part}` }), 400);
    });

    it('refuses paths below itself', async () => {
      await expectRefusal(request({ path: `${route.path(holder)}/other/other` }), 404);
      await expectRefusal(request({ path: `${route.path(holder)}/other/${'a'.repeat(10_000)}` }), 404);
    });

    if (route.method !== 'GET') {
      it.each(UNREADABLE)('refuses %s', async (_, spoil) => {
        await expectRefusal(request({ body: spoil(good()) }), 400);
      });

      it.each(MEDIA_TYPES)('refuses a body of the type "%s"', async (type) => {
        await expectRefusal(request({ body: good(), headers: { ...request().headers, 'content-type': type } }), 415);
      });

      it('refuses a body without a type', async () => {
        const headers = route.session && bearer(holder.token);
        await expectRefusal({ ...request({ body: good() }), headers: headers ?? {} }, 415);
      });

      it.each(ENCODINGS)('refuses %s', async (_, headers) => {
        await expectRefusal(request({ body: good(), headers: { ...request().headers, ...headers } }), 415);
      });

      it('refuses a body that is gzip', async () => {
        const headers = { ...request().headers, 'content-encoding': 'gzip' };
        await expectRefusal(request({ body: gzipSync(good()), headers }), 415);
      });

      it.each([false, true])('refuses 3 MB (in chunks: %s)', async (chunked) => {
        await expectRefusal(request({ body: `${good()}${' '.repeat(3_000_000)}`, chunked }), 413);
      });
    }

    if (route.session) {
      it('refuses somebody who does not say who it is', async () => {
        const answer = await expectRefusal(request({ headers: {} }), 401);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="latchkey"');
      });

      it.each(['Bearer', 'Bearer ', 'Bearer a b', 'Bearer x', 'Bearer ..', 'Bearer é', 'Basic:', 'é', ','])(
        'refuses the credential "%s"',
        async (authorization) => {
          const answer = await expectRefusal(request({ headers: { authorization } }), 401);
          expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
        },
      );

      it.each(['Basic', 'Basic ', 'Basic YTpi', 'basic é', 'Basic YTpi, Basic YTpi'])(
        'refuses the credential "%s", which only a client would show',
        async (authorization) => {
          const answer = await expectRefusal(
            request({ headers: { authorization } }),
            401,
            route.clients ? 'connect' : 'account',
          );
          expect(answer.headers.get('www-authenticate')).toMatch(route.clients ? BASIC : /^Bearer/);
        },
      );

      it('refuses an access token that is none, which only a client would show', async () => {
        const headers = bearer('0123456789abcdef'.repeat(2));
        const answer = await expectRefusal(request({ headers }), 401, route.clients ? 'connect' : 'account');
        expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token"$/);
      });
    }

    if (route.name.endsWith('{id}')) {
      it.each(['1', 'me', 'null', '%2e%2e', '%2F', "'--", '%E2%82%AC', 'f47ac10b-58cc-4372-a567-0e02b2c3d479'])(
        'finds nothing under the id %s',
        async (id) => {
          await expectRefusal(request({ path: `/accounts/${id}`, body: route.account && good() }), 404);
        },
      );

      it('does not find the account of somebody else', async () => {
        const { id } = await signUp(server);
        await expectRefusal(request({ path: `/accounts/${id}`, body: route.account && good() }), 404);
      });

      it('refuses an id of 10,000 characters', async () => {
        await expectRefusal(request({ path: `/accounts/${'a'.repeat(10_000)}`, body: route.account && good() }), 400);
      });
    }

    if (route.account) {
      const fields = Object.keys(route.account({} as Holder));
      const withField = (name: string, value: unknown) =>
        JSON.stringify({ account: { ...route.account?.(holder), [name]: value } });

      it.each(MEDIA_TYPES)('takes an empty body of the type "%s" as {}', async (type) => {
        const headers = { ...request().headers, 'content-type': type };
        for (const empty of [{ body: undefined }, { body: '' }]) {
          const answer = await expectRefusal(request({ headers, ...empty }), 422);
          expect((answer.body as { errors: unknown }).errors).toEqual({ account: ['must be an object'] });
        }
      });

      it.each([undefined, null, 1, 'example', true, [], [{}]].map((value) => [value]))(
        'refuses %j as the account',
        async (account) => {
          const answer = await expectRefusal(request({ body: JSON.stringify({ account }) }), 422);
          expect((answer.body as { errors: object }).errors).toHaveProperty('account');
        },
      );

      it('names every field that is missing', async () => {
        const required = fields.filter((name) => name !== 'remember_me');
        const answer = await expectRefusal(request({ body: '{"account":{}}' }), 422);
        expect(Object.keys((answer.body as { errors: object }).errors).sort()).toEqual(required.sort());
      });

      for (const field of fields) {
        const values: [string, unknown][] = [
          ...(field === 'remember_me'
            ? []
            : NO_STRINGS.map((value): [string, unknown] => [`${JSON.stringify(value)} as the ${field}`, value])),
          ...(BAD_VALUES[field] ?? []),
          ...(field === 'password' && route.setsPassword ? SHORT_PASSWORDS : []),
        ];
        if (values.length > 0) {
          it.each(values)('refuses %s', async (_, value) => {
            const answer = await expectRefusal(request({ body: withField(field, value) }), 422);
            expect(Object.keys((answer.body as { errors: object }).errors)).toEqual([field]);
          });
        }

        if (field !== 'remember_me') {
          it.each(['a\\u0000@example.org', 'a\\ud83d@example.org', '\\ude00'])(
            `refuses %s as the ${field}`,
            async (text) => {
              const body = withField(field, '?').replace('"?"', `"${text}"`);
              await expectRefusal(request({ body }), 400);
            },
          );
        }
      }

      if (fields.includes('refresh_token')) {
        it.each(UNAUTHORIZED_REFRESH_TOKENS.map((token) => [token.slice(0, 50), token]))(
          'does not accept the refresh token %s',
          async (_, token) => {
            await expectRefusal(request({ body: withField('refresh_token', token) }), 401);
          },
        );
      }

      it.each(['__proto__', 'constructor'])('refuses %s among its fields', async (name) => {
        const text = `{"account":{"${name}":{"prototype":{"admin":true}},"remember_me":true}}`;
        await expectRefusal(request({ body: text }), 400);
      });
    }

    // Last: it shows that the requests above were refused for what was wrong with them, and for nothing else.
    it('accepts the same request when nothing is wrong with it', async () => {
      const path = `${route.path(holder)}?${'a'.repeat(5_000)}`;
      const headers = { ...request().headers, 'content-type': 'application/json; charset=UTF-8' };
      const body = route.account && `\ufeff${good().replace('{', '{"constructor":{"name":"x"},"toString":1,')}`;
      const before = await everything();
      const { status } = await send(server, request({ path, headers, body }));
      expect(status).toBe(route.success);
      if (route.method === 'GET') expect(await everything()).toEqual(before);
      else expect(await everything()).not.toEqual(before);
    });
  });
}

describe('A password', () => {
  it.each(['x'.repeat(72), '€'.repeat(24), '😀'.repeat(18), '😀'.repeat(7)])(
    'of up to 72 bytes opens the account that it was given to, and no shorter one does: %s',
    async (password) => {
      const { email } = await signUp(server, { password });
      const signIn = (attempt: string) =>
        server.call('POST', '/account/session', { account: { email, password: attempt } });
      expect((await signIn(password)).status).toBe(200);
      expect((await signIn(Array.from(password).slice(0, -1).join(''))).status).toBe(401);
    },
  );
});

const AN_ID = 'f47ac10b-58cc-4372-a567-0e02b2c3d479';

describe('A method that a path does not have', () => {
  const ALLOWED: [path: string, methods: string[], dialect: string][] = [
    ['/accounts', ['POST'], 'account'],
    [`/accounts/${AN_ID}`, ['GET', 'HEAD', 'PATCH', 'PUT'], 'account'],
    ['/account/session', ['DELETE', 'POST', 'PUT'], 'account'],
    ['/account/password', ['POST', 'PUT'], 'account'],
    ['/account/email', ['POST', 'PUT'], 'account'],
    ['/account/email/undo', ['PUT'], 'account'],
    ['/account/sessions', ['GET', 'HEAD'], 'account'],
    [`/account/sessions/${AN_ID}`, ['DELETE'], 'account'],
    ['/api', ['GET', 'HEAD'], 'connect'],
    ['/api/accounts', ['GET', 'HEAD', 'POST'], 'connect'],
    [`/api/accounts/${AN_ID}`, ['DELETE', 'GET', 'HEAD', 'PATCH'], 'connect'],
    ['/api/identifications', ['POST'], 'connect'],
    [`/api/identifications/${AN_ID}`, ['GET', 'HEAD'], 'connect'],
    ['/oauth/token', ['POST'], 'oauth'],
    ['/oauth/v2/token', ['POST'], 'oauth'],
    ['/oauth/introspect', ['POST'], 'oauth'],
    ['/oauth/revoke', ['POST'], 'oauth'],
    ['/api/v1/oauth_clients', ['GET', 'HEAD', 'POST'], 'app-token'],
    [`/api/v1/oauth_clients/${AN_ID}`, ['DELETE', 'GET', 'HEAD', 'PATCH'], 'app-token'],
    [`/api/v1/oauth_clients/${AN_ID}/revoke`, ['POST'], 'app-token'],
    [`/api/v1/oauth_clients/${AN_ID}/secrets`, ['POST'], 'app-token'],
    [`/api/v1/oauth_clients/${AN_ID}/secrets/${AN_ID}`, ['DELETE'], 'app-token'],
    ['/api/v1/accounts', ['GET', 'HEAD', 'POST'], 'app-token'],
    [`/api/v1/accounts/${AN_ID}`, ['DELETE', 'GET', 'HEAD', 'PATCH'], 'app-token'],
    [`/api/v1/accounts/${AN_ID}/revoke`, ['POST'], 'app-token'],
    [`/api/v1/accounts/${AN_ID}/sessions`, ['GET', 'HEAD'], 'app-token'],
    [`/api/v1/accounts/${AN_ID}/sessions/${AN_ID}`, ['DELETE', 'GET', 'HEAD'], 'app-token'],
    ['/api/v1/audit_events', ['GET', 'HEAD'], 'app-token'],
    [`/wayf/${AN_ID}`, ['GET', 'HEAD', 'POST'], 'page'],
    ['/.well-known/oauth-authorization-server', ['GET', 'HEAD'], 'plain'],
  ];
  const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'];
  const cases = ALLOWED.flatMap(([path, allowed, dialect]) =>
    METHODS.filter((method) => !allowed.includes(method)).map(
      (method) => [method, path, allowed.join(', '), dialect] as const,
    ),
  );

  it.each(cases)('is refused: %s %s, which has %s', async (method, path, allowed, dialect) => {
    const before = await everything();
    const requests = [path, `${path}/`, `${path}?a=b`].flatMap((spelling) =>
      [undefined, '{}', '{"account":', '\xff'].map((body) => ({ method, path: spelling, headers: JSON_TYPE, body })),
    );
    for (const answer of await Promise.all(requests.map((request) => send(server, request)))) {
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, allowed]);
      if (method === 'HEAD') expect(answer.body).toBe('');
      else expectDialect(answer, dialect);
    }
    expect(await everything()).toEqual(before);
  });
});

describe('A path that nobody knows', () => {
  it.each([
    ['/account', 'account'],
    ['/account/', 'account'],
    ['/account/sessions/a/b', 'account'],
    ['/account/session/x', 'account'],
    ['/account/password/reset', 'account'],
    ['/account//session', 'account'],
    ['/account/./session', 'account'],
    ['/account/../account', 'account'],
    ['/accounts/a/b', 'account'],
    ['/accounts//', 'account'],
    [`/account/${'a'.repeat(10_000)}`, 'account'],
    ['/account/%E2%82%AC', 'account'],
    ['/api/identification', 'connect'],
    ['/api/accounts/a/b', 'connect'],
    ['/api//accounts', 'connect'],
    ['/api/./accounts', 'connect'],
    ['/api/v2', 'connect'],
    ['/api/v1', 'app-token'],
    ['/api/v1/oauth_clients/a/b', 'app-token'],
    ['/oauth', 'oauth'],
    ['/oauth/v2', 'oauth'],
    ['/oauth/token/x', 'oauth'],
    ['/oauth/v1/token', 'oauth'],
    [`/oauth/${'a'.repeat(10_000)}`, 'oauth'],
    ['/wayf', 'page'],
    ['/wayf/a/b', 'page'],
    ['/apis', 'plain'],
    ['/oauth2/token', 'plain'],
    ['/.well-known/openid-configuration', 'plain'],
  ])('is 404 in the dialect of its neighbours: %s', async (path, dialect) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const body = method === 'GET' ? undefined : '{"account":{}}';
      const answer = await expectRefusal({ method, path, headers: JSON_TYPE, body }, 404, dialect);
      expect(answer.headers.get('allow')).toBeNull();
    }
  });
});

/** Besides an account: a client, and what is there for it to ask about. */
interface Owner extends Holder {
  /** Of an organisation or a client that is not there yet. */
  name: string;
  clientId: string;
  secret: string;
  secretId: string;
  accessToken: string;
  apiToken: string;
  organisation: string;
  identification: string;
  /** `Authorization` with the client's id and secret. */
  basic: Record<string, string>;
}

async function makeOwner(): Promise<Owner> {
  const [holder, client] = await Promise.all([makeHolder(), newClient(server)]);
  const [accessToken, apiToken] = await Promise.all([
    newAccessToken(server, client),
    newApiToken(server, admin.appToken, holder.id),
  ]);
  const [made] = await database.query<{ secretId: string; organisation: string; identification: string }>(
    `WITH o AS (INSERT INTO accounts (name, individual) VALUES ($1, false) RETURNING id),
       i AS (INSERT INTO identifications (ip, url, user_agent, client_id, expires_at)
             VALUES ('192.0.2.1', 'https://publisher.example/', 'example', $1, now() + interval '1 day') RETURNING id)
     SELECT s.id AS "secretId", o.id AS organisation, i.id AS identification
     FROM oauth_client_secrets s, o, i WHERE s.client_id = $1`,
    [client.id],
  );
  if (!made) throw new Error('The client has no secret.');
  const { id: clientId, secret, basic } = client;
  return { ...holder, ...made, clientId, secret, basic, accessToken, apiToken, name: `another ${clientId}` };
}

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  example?: unknown;
  properties?: Record<string, Schema>;
}

interface Operation {
  tags: string[];
  security?: Record<string, string[]>[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, unknown>;
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const FORM_TYPE = 'application/x-www-form-urlencoded';

const formSchema: Schema = {
  properties: { institution: { example: 'none' }, email: { example: '' }, password: { example: 'example' } },
};

/** The page that clients send visitors to, as if it was part of the API. */
const PAGES: Description['paths'] = {
  '/wayf/{id}': {
    get: { tags: ['page'], responses: { 200: {}, 429: {} } },
    post: {
      tags: ['page'],
      requestBody: { content: { [FORM_TYPE]: { schema: formSchema }, 'application/json': { schema: formSchema } } },
      responses: { 303: {}, 403: {}, 422: {}, 429: {} },
    },
  },
};

async function describedApi(): Promise<Description> {
  const description = (await server.call('GET', '/docs-json')).body as Description;
  return { ...description, paths: { ...description.paths, ...PAGES } };
}

/** One operation of the API, and all that there is to say about it. */
interface Described {
  method: string;
  path: string;
  operation: Operation;
  example: unknown;
  takesForms: boolean;
}

function operationsOf(description: Description): Described[] {
  return Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
      example: exampleBody(operation, description),
      takesForms: operation.requestBody?.content[FORM_TYPE] !== undefined,
    })),
  );
}

/** What opens a route to its owner, in each of the ways that are described. */
function rightHeaders({ path, operation }: Described, owner: Owner): Record<string, string>[] {
  if (path.startsWith('/wayf/')) return [{ origin: 'http://latchkey.test' }];
  const ways: Record<string, Record<string, string>> = {
    session: bearer(owner.token),
    oauth2: bearer(owner.accessToken),
    client: owner.basic,
    'api-token': bearer(owner.apiToken),
    'app-token': { 'app-token': admin.appToken },
    token: { token: admin.token },
  };
  const security = operation.security ?? [];
  return (security.length > 0 ? security : [{}]).map((names) =>
    Object.fromEntries(Object.keys(names).flatMap((name) => Object.entries(ways[name] ?? {}))),
  );
}

/** What stands in a path in the place of a parameter, of one's own. */
function ownSegment(path: string, parameter: string, owner: Owner): string {
  if (parameter === 'secret_id') return owner.secretId;
  if (parameter === 'sid') return claimsOf(owner.token).sid;
  const places: [prefix: string, segment: string][] = [
    ['/api/accounts/', owner.organisation],
    ['/api/identifications/', owner.identification],
    ['/api/v1/oauth_clients/', owner.clientId],
    ['/wayf/', owner.identification],
  ];
  return places.find(([prefix]) => path.startsWith(prefix))?.[1] ?? owner.id;
}

/** A request that is answered with success, if the description is right. */
function goodRequest(described: Described, owner: Owner): RawRequest {
  const { method, path, example } = described;
  const body = filledIn(example, owner) as Record<string, unknown> | undefined;
  // The owner's own is taken.
  if (body && `${method} ${path}` === 'POST /api/v1/accounts') body.email = newEmail();
  // A client shows who it is in one way only.
  if (described.operation.tags.includes('oauth'))
    for (const name of ['client_id', 'client_secret']) delete body?.[name];
  return {
    method,
    path: path.replace(/\{(\w+)\}/g, (_, parameter: string) => ownSegment(path, parameter, owner)),
    headers: { ...(body && JSON_TYPE), ...rightHeaders(described, owner).at(-1) },
    body: body && JSON.stringify(body),
  };
}

const inTurn = async <In, Out>(inputs: In[], work: (input: In) => Promise<Out>): Promise<Out[]> => {
  const outputs: Out[] = [];
  // Bodies are large: not all of them at once.
  for (let done = 0; done < inputs.length; done += 8) {
    outputs.push(...(await Promise.all(inputs.slice(done, done + 8).map(work))));
  }
  return outputs;
};

describe('A body that is none', () => {
  const BODIES_OF: [method: string, path: string, dialect: string][] = [
    ['POST', '/api/accounts', 'connect'],
    ['PATCH', '/api/accounts/{id}', 'connect'],
    ['PATCH', '/accounts/{id}', 'connect'],
    ['POST', '/api/identifications', 'connect'],
    ['POST', '/oauth/v2/token', 'oauth'],
    ['POST', '/oauth/token', 'oauth'],
    ['POST', '/oauth/introspect', 'oauth'],
    ['POST', '/oauth/revoke', 'oauth'],
    ['POST', '/api/v1/oauth_clients', 'app-token'],
    ['PATCH', '/api/v1/oauth_clients/{id}', 'app-token'],
    ['POST', '/api/v1/accounts', 'app-token'],
    ['PATCH', '/api/v1/accounts/{id}', 'app-token'],
    ['POST', '/wayf/{id}', 'page'],
  ];

  it.each(BODIES_OF)('is refused for what it is, in the dialect of the route: %s %s', async (method, path, dialect) => {
    const described = operationsOf(await describedApi()).find((one) => one.method === method && one.path === path);
    if (!described) throw new Error(`${method} ${path} is not described.`);
    const { body = '', headers, ...request } = goodRequest(described, await makeOwner());
    const good = body.toString();
    const types = described.takesForms ? MEDIA_TYPES.filter((type) => type !== FORM_TYPE) : MEDIA_TYPES;
    const form = { 'content-type': FORM_TYPE };
    const bad: [what: string, status: number, sent: Partial<RawRequest>][] = [
      ...UNREADABLE.map(([what, spoil]) => [what, 400, { body: spoil(good) }] as (typeof bad)[number]),
      ...types.map((type) => [type, 415, { body: good, headers: { 'content-type': type } }] as (typeof bad)[number]),
      ...ENCODINGS.map(([what, encoding]) => [what, 415, { body: good, headers: encoding }] as (typeof bad)[number]),
      ['gzip', 415, { body: gzipSync(good), headers: { 'content-encoding': 'gzip' } }],
      ['3 MB', 413, { body: `${good}${' '.repeat(3_000_000)}` }],
      ['3 MB in chunks', 413, { body: `${good}${' '.repeat(3_000_000)}`, chunked: true }],
    ];
    if (described.takesForms) {
      bad.push(
        ['a form with a field given twice', 400, { body: 'a=1&b=2&a=1', headers: form }],
        ['a form with a NUL character', 400, { body: 'a=%00', headers: form }],
        ['a form with a NUL character in a name', 400, { body: 'a%00=', headers: form }],
        ['a form with __proto__', 400, { body: '__proto__=1', headers: form }],
        ['a form that is not UTF-8', 400, { body: Buffer.from([0x61, 0x3d, 0xff]), headers: form }],
        [
          'a form with 90,000 fields',
          400,
          { body: Array.from({ length: 90_000 }, (_, n) => `a${n}`).join('&'), headers: form },
        ],
        ['a form in Latin-1', 415, { body: 'a=1', headers: { 'content-type': `${FORM_TYPE}; charset=latin1` } }],
        ['a form that is gzip', 415, { body: gzipSync('a=1'), headers: { ...form, 'content-encoding': 'gzip' } }],
        ['a form of 3 MB', 413, { body: `a=${'b'.repeat(3_000_000)}`, headers: form }],
      );
    }
    const before = await everything();
    const answers = await inTurn(bad, async ([what, status, sent]) => ({
      what,
      status,
      answer: await send(server, { ...request, ...sent, headers: { ...headers, ...sent.headers } }),
    }));
    for (const { what, status, answer } of answers) {
      expect([what, answer.status]).toEqual([what, status]);
      expectDialect(answer, dialect);
    }
    expect(await everything()).toEqual(before);
    const { status } = await send(server, { ...request, body: good, headers: headers ?? {} });
    expect(status).toBeLessThan(400);
    // None at all, or an empty one, counts as `{}`, whatever its type.
    const ofNothing = await send(server, { ...request, body: '{}', headers: { ...headers, ...JSON_TYPE } });
    expect(ofNothing.status).toBeLessThan(500);
    for (const type of ['application/json', FORM_TYPE, 'text/plain', 'nonsense']) {
      for (const empty of [undefined, '']) {
        const answer = await send(server, { ...request, body: empty, headers: { ...headers, 'content-type': type } });
        expect([type, empty, answer.status]).toEqual([type, empty, ofNothing.status]);
      }
    }
  });
});

describe('Any request', () => {
  const RUNS = 60;
  const UNDESCRIBED = [400, 404, 405, 413, 415];

  it('is answered as documented, in the dialect of its route, and never with 500', async () => {
    const description = await describedApi();
    const operations = operationsOf(description);
    expect(operations.length).toBeGreaterThanOrEqual(48);
    const kinds: fc.Arbitrary<RawRequest>[] = [];
    for (const described of operations) {
      // Each has owners of its own: some end sessions, or delete clients.
      const ends = described.method !== 'GET';
      const owners = await Promise.all(Array.from({ length: ends ? 3 : 2 }, makeOwner));
      kinds.push(fc.oneof(...owners.map((owner) => anyRequest(described, owner))));
    }
    const batch = fc.tuple(...kinds);
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(batch, async (requests) => {
        const answers = await Promise.all(requests.map((request) => send(server, withoutLoad(request))));
        for (const [index, answer] of answers.entries()) {
          sent += 1;
          const request = requests[index] ?? { method: '', path: '' };
          const { method, path, headers = {} } = request;
          const operation = operationsAt(path, description)[method === 'HEAD' ? 'get' : method.toLowerCase()];
          const documented = Object.keys(operation?.responses ?? {}).map(Number);
          const allowed = [...documented, ...UNDESCRIBED].filter((code) => code < 500);
          if (['GET', 'HEAD'].includes(method) && sentAs(headers['if-none-match']) === '*') allowed.push(304);
          const [said, where] = [allowed.includes(answer.status), path.slice(0, 200)];
          expect([method, where, answer.status, said]).toEqual([method, where, answer.status, true]);
          if (answer.status >= 400 && method !== 'HEAD') expectWorded(request, operation, answer);
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    expect(sent).toBeGreaterThanOrEqual(RUNS * operations.length);
    expect(server.logs.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
  }, 120_000);

  it('is answered with success when it is good: what chance changes is one of these', async () => {
    const operations = operationsOf(await describedApi());
    const checked = operations.filter(
      ({ path, operation: { tags } }) =>
        ['admin', 'connect', 'oauth', 'page'].includes(tags[0] ?? '') || path.startsWith('/api/v1/oauth_clients'),
    );
    expect(checked.length).toBeGreaterThanOrEqual(32);
    for (const described of checked) {
      const { method, path, operation } = described;
      const { status } = await send(server, goodRequest(described, await makeOwner()));
      expect([method, path, status, status < 400]).toEqual([method, path, status, true]);
      expect(Object.keys(operation.responses)).toContain(String(status));
    }
  });
});

/** Nobody reads the body of a GET: a long one is cut off with the connection, and a long answer with it. */
function withoutLoad(request: RawRequest): RawRequest {
  const isRead = !['GET', 'HEAD'].includes(request.method);
  return isRead || (request.body?.length ?? 0) < 1_000 ? request : { ...request, body: undefined };
}

/** For what reaches no route: the dialect of its neighbours. */
const PREFIXES: [prefix: RegExp, dialect: string][] = [
  [/^\/accounts?(\/|$)/, 'account'],
  [/^\/v1(\/|$)/, 'publicauth'],
  [/^\/api\/v1(\/|$)/, 'app-token'],
  [/^\/api(\/|$)/, 'connect'],
  [/^\/oauth(\/|$)/, 'oauth'],
  [/^\/wayf(\/|$)/, 'page'],
];

/** The dialects that a refusal may be worded in: nearly always one. */
function dialectsOf({ path, headers = {} }: RawRequest, operation: Operation | undefined, answer: Answer): string[] {
  const [pathname = ''] = path.split('?', 1);
  const ofPath = PREFIXES.find(([prefix]) => prefix.test(pathname))?.[1] ?? 'plain';
  const [tag = ofPath] = operation?.tags ?? [];
  const plain = ['keys', 'operations'].includes(tag) || pathname.startsWith('/.well-known/');
  const ofRoute = plain ? 'plain' : tag === 'admin' ? 'app-token' : tag;
  // Where the credential decides: a client's, good or not, is told by its looks.
  const showsClient = /^(basic( |$)|bearer:? +[0-9a-f]{32}$)/i.test(sentAs(headers.authorization));
  const spoken = operation?.tags.join() === 'account,connect' && showsClient ? 'connect' : ofRoute;
  // What is wrong with a URL, or with a method, is found out before the route and the credential are.
  return [400, 404, 405].includes(answer.status) ? [spoken, ofRoute, ofPath] : [spoken];
}

/** White space around a value is not part of it (RFC 9110 section 5.5). */
const sentAs = (value: string | string[] | undefined) => String(value ?? '').replace(/^[ \t]+|[ \t]+$/g, '');

function expectWorded(request: RawRequest, operation: Operation | undefined, answer: Answer): void {
  const problems: unknown[] = [];
  for (const dialect of dialectsOf(request, operation, answer)) {
    try {
      expectDialect(answer, dialect);
      return;
    } catch (error) {
      problems.push(error);
    }
  }
  const { method, path, headers } = request;
  const [said, asked] = [JSON.stringify(answer.body), `${method} ${path.slice(0, 200)} ${JSON.stringify(headers)}`];
  throw new Error(`${asked} was answered ${answer.status} ${said}`, { cause: problems[0] });
}

/** What is described at the path that a URL names, which need not be the one that it was made from. */
function operationsAt(url: string, { paths }: Description): Record<string, Operation> {
  const [path = ''] = url.split(/[?#]/, 1);
  const found = Object.entries(paths).filter(([template]) => patternOf(template).test(path));
  return Object.assign({}, ...found.map(([, operations]) => operations)) as Record<string, Operation>;
}

const patterns = new Map<string, RegExp>();

/** @returns what paths of a template look like; an empty parameter counts as one when a slash follows */
function patternOf(template: string): RegExp {
  const known = patterns.get(template);
  if (known) return known;
  const parameters = template.replaceAll('.', '\\.').replace(/\{\w+\}/g, '(?:[^/]+|(?=/))');
  const pattern = new RegExp(`^${parameters}/?$`);
  patterns.set(template, pattern);
  return pattern;
}

/** @returns a body that the description gives as an example, or undefined */
function exampleBody(operation: Operation | undefined, { components }: Description): unknown {
  const exampleOf = (schema: Schema): unknown => {
    const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
    const resolved = reference === undefined ? schema : (components.schemas[reference.split('/').at(-1) ?? ''] ?? {});
    if (resolved.example !== undefined || !resolved.properties) return resolved.example;
    return Object.fromEntries(
      Object.entries(resolved.properties).map(([name, property]) => [name, exampleOf(property)]),
    );
  };
  const schema = operation?.requestBody?.content['application/json']?.schema;
  return schema && exampleOf(schema);
}

/** Made once for each owner, not for each request: making what makes texts takes longer than making texts. */
function anyRequest({ path, example, ...described }: Described, owner: Owner): fc.Arbitrary<RawRequest> {
  const text = anyText(owner);
  const method = fc.oneof(
    { weight: 12, arbitrary: fc.constant(described.method) },
    fc.constantFrom('GET', 'HEAD', 'POST', 'PATCH'),
  );
  const target = anyTarget(path, owner, text);
  const isOauth = described.operation.tags.includes('oauth') && example !== undefined;
  const kinds = (isOauth ? [false, true] : [false]).flatMap((inBody) => {
    const good = filledIn(example, owner) as Record<string, unknown> | undefined;
    if (isOauth && !inBody) for (const name of ['client_id', 'client_secret']) delete good?.[name];
    const right = inBody ? [{}] : rightHeaders({ path, example, ...described }, owner);
    return (described.takesForms ? [false, true] : [false]).map((asForm) =>
      fc.record({
        method,
        path: target,
        headers: anyHeaders(owner, right, asForm ? FORM_TYPE : 'application/json'),
        body: anyBody(good, text, asForm ? formOf : JSON.stringify),
        chunked: fc.boolean(),
      }),
    );
  });
  return fc.oneof(...kinds);
}

/** What a form makes of an object: everything is text. */
function formOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return String(body);
  const fields = Object.entries(body).filter(([, value]) => value !== undefined);
  const texts = fields.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
  return texts.map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed())).join('=')).join('&');
}

function anyTarget(path: string, owner: Owner, text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const segment = (own: string) =>
    fc.oneof({ weight: 8, arbitrary: fc.constant(own) }, fc.uuid(), text.map(inUrl), ANY_SEGMENT);
  const parameters = [
    ...['page', 'perpage', 'cursor', 'q', 'institution', 'access_token', 'client_id', 'client_secret'],
    ...['id', 'email', 'name', 'role', 'individual', 'disabled'],
    ...['actor', 'app_token', 'on_behalf_of', 'subject', 'kind', 'outcome', 'from', 'to'],
  ];
  const value = fc.oneof(fc.constantFrom('1', '100', '1000', owner.organisation), text);
  const query = fc.oneof(
    { weight: 3, arbitrary: fc.constant('') },
    ANY_QUERY,
    fc
      .array(fc.tuple(fc.constantFrom(...parameters), value), { minLength: 1, maxLength: 3 })
      .map((pairs) => `?${pairs.map(([name, it]) => `${name}=${inUrl(it).slice(0, 1_000)}`).join('&')}`),
  );
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const segments = fc.tuple(...names.map((name) => segment(ownSegment(path, name, owner))));
  return fc.tuple(segments, fc.constantFrom('', '/'), query).map(([filled, slash, rest]) => {
    const found = [...filled];
    return `${path.replace(/\{\w+\}/g, () => found.shift() ?? '')}${slash}${rest}`;
  });
}

const inUrl = (text: string) => encodeURIComponent(text.toWellFormed()).slice(0, 6_000);

function anyBody(
  good: unknown,
  text: fc.Arbitrary<string>,
  encode: (body: unknown) => string | undefined,
): fc.Arbitrary<string | Buffer | undefined> {
  const value = fc.oneof({ weight: 3, arbitrary: text }, ANY_JSON, fc.constant(undefined));
  const nearlyGood = fc
    .array(fc.tuple(fc.constantFrom(...pathsIn(good)), fc.option(text, { freq: 2 }), value), { maxLength: 3 })
    .map((changes) =>
      changes.reduce((body, [at, key, to]) => changed(body, key === null ? at : [...at, key], to), good),
    )
    .map(encode);
  return fc.oneof(
    { weight: 20, arbitrary: nearlyGood },
    ANY_JSON_TEXT,
    fc.tuple(ANY_JSON_TEXT, fc.nat(40)).map(([json, end]) => json.slice(0, end)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    text,
    fc.constantFrom(undefined, '', `"${'a'.repeat(1_200_000)}"`, '['.repeat(50_000), '{"account":{"account":{}}}'),
  );
}

/** The example, about what is the owner's. */
function filledIn(example: unknown, owner: Owner): unknown {
  if (typeof example !== 'object' || example === null || Array.isArray(example)) return example;
  const own: Record<string, string> = {
    email: owner.email,
    username: owner.email,
    refresh_token: owner.refreshToken,
    reset_password_token: owner.resetToken,
    client_id: owner.clientId,
    client_secret: owner.secret,
    token: owner.accessToken,
    name: owner.name,
    user: owner.id,
    owner: admin.id,
  };
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => [name, own[name] ?? filledIn(value, owner)]),
  );
}

/* What nobody owns is made once for all: fast-check takes its time to make what makes texts. */
const ANY_JSON = fc.jsonValue();
const ANY_JSON_TEXT = ANY_JSON.map((json) => JSON.stringify(json));
const ANY_ADDRESS = fc.oneof(fc.emailAddress(), fc.emailAddress(), fc.ipV4(), fc.ipV6(), fc.domain(), fc.webUrl());
const ANY_BINARY = fc.string({ unit: 'binary', maxLength: 90 });
const ANY_GRAPHEMES = fc.string({ unit: 'grapheme', maxLength: 40 });
/** Lone surrogates and NUL included. */
const ANY_UTF_16 = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
  .map((units) => String.fromCharCode(...units));
const ANY_CHARACTER = fc.string({ maxLength: 1 });
const ANY_SEGMENT = fc.stringMatching(/^[!-~]{0,20}$/);
const ANY_QUERY = fc.stringMatching(/^\?[!-~]{0,30}$/);
/** What HTTP can carry at all. */
const ANY_HEADER = fc.string({
  unit: fc
    .oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }))
    .map((code) => String.fromCharCode(code)),
  maxLength: 60,
});
const ANY_PART_OF_JWT = fc.oneof(
  ANY_JSON_TEXT.map((json) => Buffer.from(json).toString('base64url')),
  fc.base64String({ maxLength: 40 }),
);
const ANY_ACCESS_TOKEN = fc.stringMatching(/^[0-9a-f]{32}$/);

function anyText(owner: Owner): fc.Arbitrary<string> {
  const { id, email, token, refreshToken, resetToken } = owner;
  const known = [id, email, email.toUpperCase(), token, refreshToken, resetToken];
  const ofClient = [owner.clientId, owner.secret, owner.accessToken, owner.organisation, owner.identification];
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(...known, 'example', 'another example', '__proto__', 'constructor', 'account'),
    },
    fc.constantFrom(
      ...ofClient,
      '192.0.2.0/24',
      '::/0',
      '*.example.org',
      'https://publisher.example/',
      'accounts:read',
    ),
    ANY_ADDRESS,
    ANY_BINARY,
    ANY_GRAPHEMES,
    ANY_UTF_16,
    // A token with one character changed.
    fc
      .tuple(fc.constantFrom(...known, ...ofClient), fc.nat(300), ANY_CHARACTER)
      .map(([token, at, character]) => `${token.slice(0, at)}${character}${token.slice(at + 1)}`),
    fc.constantFrom('a'.repeat(100_000), 'İ@example.org', 'ß@example.org', '\u0000', '9'.repeat(400)),
  );
}

function anyHeaders(
  owner: Owner,
  right: Record<string, string>[],
  goodType: string,
): fc.Arbitrary<Record<string, string>> {
  const pair = fc.tuple(fc.oneof(fc.constant(owner.clientId), ANY_HEADER), ANY_HEADER).map((texts) => texts.join(':'));
  const authorization = fc.oneof(
    fc.constantFrom(`Bearer ${owner.token}`, `Bearer ${owner.accessToken}`, `Bearer ${owner.apiToken}`),
    fc.tuple(ANY_PART_OF_JWT, ANY_PART_OF_JWT, ANY_PART_OF_JWT).map((parts) => `Bearer: ${parts.join('.')}`),
    ANY_ACCESS_TOKEN.map((token) => `Bearer ${token}`),
    pair.map((text) => `Basic ${Buffer.from(text).toString('base64')}`),
    fc.oneof(ANY_PART_OF_JWT, ANY_HEADER).map((text) => `Basic ${text}`),
    ANY_HEADER,
  );
  const credentials = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...right) },
    { weight: 5, arbitrary: authorization.map((value) => ({ authorization: value })) },
    fc.record({ 'app-token': ANY_HEADER, token: ANY_HEADER }),
  );
  const contentType = fc.oneof(
    { weight: 20, arbitrary: fc.constant(goodType) },
    fc.constantFrom(
      ...MEDIA_TYPES,
      'application/json',
      'application/json; charset=utf-16',
      'application/json; charset=',
    ),
    ANY_HEADER,
  );
  const others = fc.record(
    {
      'content-type': contentType,
      'content-encoding': fc.oneof({ weight: 20, arbitrary: fc.constant('identity') }, ANY_HEADER),
      'x-request-id': ANY_HEADER,
      'x-forwarded-for': fc.oneof(ANY_HEADER, fc.ipV4(), fc.ipV6(), fc.constant('a'.repeat(4_000))),
      'if-none-match': ANY_HEADER,
      accept: ANY_HEADER,
    },
    { requiredKeys: ['content-type'] },
  );
  return fc.tuple(others, credentials).map((headers) => Object.assign({}, ...headers) as Record<string, string>);
}

type Path = string[];

/** Every place in a JSON value, the whole first. */
function pathsIn(json: unknown): Path[] {
  if (typeof json !== 'object' || json === null) return [[]];
  return [[], ...Object.entries(json).flatMap(([key, child]) => pathsIn(child).map((rest) => [key, ...rest]))];
}

function changed(json: unknown, [key, ...rest]: Path, to: unknown): unknown {
  if (key === undefined) return to;
  const object = typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  const entries = Object.entries(object).filter(([name]) => name !== key);
  // Not by assignment: `__proto__` has to become a key.
  return Object.fromEntries([...entries, [key, changed(Object.hasOwn(object, key) ? object[key] : {}, rest, to)]]);
}
