import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { send, type RawRequest } from './support/raw-http.js';
import { bearer, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { trustProxy: 1, rateLimitPerMinute: 1_000_000 });
});

afterAll(async () => {
  await server.close();
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

/** All that is stored. Limits count requests, and mails that are queued go out: neither is harm done. */
async function everything(): Promise<Record<string, unknown>> {
  const columns = await database.query<{ table: string; columns: string }>(
    `SELECT table_name AS table, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) AS columns
     FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name <> 'attempt_limits'
       AND (table_name <> 'outgoing_mails' OR column_name IN ('id', 'kind', 'subject_id', 'recipient'))
     GROUP BY 1`,
  );
  const digests = await database.query<{ name: string; rows: number; digest: string }>(
    columns
      .map(
        ({ table, columns }) =>
          `SELECT '${table}' AS name, count(*)::int AS rows, md5(string_agg(t::text, ';' ORDER BY t::text)) AS digest
           FROM (SELECT ${columns} FROM ${table}) t`,
      )
      .join(' UNION ALL '),
  );
  return Object.fromEntries(digests.map(({ name, rows, digest }) => [name, { rows, digest }]));
}

const ID_OF: Record<number, string> = {
  400: 'bad_request',
  401: 'unauthorized',
  404: 'not_found',
  405: 'bad_request',
  413: 'bad_request',
  415: 'bad_request',
  422: 'invalid_params',
};

function expectDialect({ status, headers, body }: Answer): void {
  expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-request-id')).toMatch(/./);
  const { id, message, errors, ...others } = body as { id: string; message: string; errors?: Record<string, string[]> };
  expect({ id, others }).toEqual({ id: ID_OF[status], others: {} });
  expect(message).toMatch(/^[A-Z].*\.$/);
  expect(errors !== undefined).toBe(status === 422);
  for (const messages of Object.values(errors ?? {})) {
    expect(messages.length).toBeGreaterThan(0);
    for (const text of messages) expect(text).toMatch(/^[a-z]/);
  }
}

async function expectRefusal(request: RawRequest, status: number): Promise<Answer> {
  const before = await everything();
  const answer = await send(server, request);
  expect({ status: answer.status, body: answer.body as unknown }).toEqual({ status, body: expect.anything() });
  expectDialect(answer);
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
  { name: 'GET /accounts/{id}', method: 'GET', path: ({ id }) => `/accounts/${id}`, session: true, success: 200 },
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
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      });

      it.each(['Bearer', 'Bearer ', 'Bearer a b', 'Bearer x', 'Bearer ..', 'Basic YTpi', 'é', ','])(
        'refuses the credential "%s"',
        async (authorization) => {
          const answer = await expectRefusal(request({ headers: { authorization } }), 401);
          expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
        },
      );
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

describe('A method that a path does not have', () => {
  const ALLOWED: [path: string, methods: string[]][] = [
    ['/accounts', ['POST']],
    ['/accounts/f47ac10b-58cc-4372-a567-0e02b2c3d479', ['GET', 'HEAD', 'PUT']],
    ['/account/session', ['DELETE', 'POST', 'PUT']],
    ['/account/password', ['POST', 'PUT']],
  ];
  const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'];
  const cases = ALLOWED.flatMap(([path, allowed]) =>
    METHODS.filter((method) => !allowed.includes(method)).map((method) => [method, path, allowed.join(', ')] as const),
  );

  it.each(cases)('is refused: %s %s, which has %s', async (method, path, allowed) => {
    const before = await everything();
    for (const spelling of [path, `${path}/`, `${path}?a=b`]) {
      for (const body of [undefined, '{}', '{"account":', '\xff']) {
        const answer = await send(server, { method, path: spelling, headers: JSON_TYPE, body });
        expect([answer.status, answer.headers.get('allow')]).toEqual([405, allowed]);
        if (method === 'HEAD') expect(answer.body).toBe('');
        else expectDialect(answer);
      }
    }
    expect(await everything()).toEqual(before);
  });
});

describe('A path that nobody knows', () => {
  it.each([
    '/account',
    '/account/',
    '/account/sessions',
    '/account/session/x',
    '/account/password/reset',
    '/account//session',
    '/account/./session',
    '/account/../account',
    '/accounts/a/b',
    '/accounts//',
    `/account/${'a'.repeat(10_000)}`,
    '/account/%E2%82%AC',
  ])('is 404 in the dialect of its neighbours: %s', async (path) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const body = method === 'GET' ? undefined : '{"account":{}}';
      const answer = await expectRefusal({ method, path, headers: JSON_TYPE, body }, 404);
      expect(answer.headers.get('allow')).toBeNull();
    }
  });
});

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  example?: unknown;
  properties?: Record<string, Schema>;
}

interface Operation {
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, unknown>;
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

describe('Any request', () => {
  const RUNS = 100;
  const UNDESCRIBED = [400, 404, 405, 413, 415];

  it('is answered as documented, and never with 500', async () => {
    const { body } = await server.call('GET', '/docs-json');
    const description = body as Description;
    const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
    );
    expect(operations.length).toBeGreaterThanOrEqual(11);
    const kinds: fc.Arbitrary<RawRequest>[] = [];
    for (const { path, method } of operations) {
      // Each has accounts of its own: some end sessions.
      const holders = await Promise.all(Array.from({ length: 16 }, makeHolder));
      const operation = description.paths[path]?.[method.toLowerCase()];
      kinds.push(anyRequest(method, path, exampleBody(operation, description), holders));
    }
    const batch = fc.tuple(...kinds);
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(batch, async (requests) => {
        const answers = await Promise.all(requests.map((request) => send(server, request)));
        for (const [index, { status }] of answers.entries()) {
          sent += 1;
          const { method = '', path = '', headers = {} } = requests[index] ?? {};
          const operation = operationsAt(path, description)[method === 'HEAD' ? 'get' : method.toLowerCase()];
          const documented = Object.keys(operation?.responses ?? {}).map(Number);
          const allowed = [...documented, ...UNDESCRIBED].filter((code) => code < 500);
          if (method === 'GET' && headers['if-none-match'] === '*') allowed.push(304);
          expect(allowed).toContain(status);
        }
      }),
      { numRuns: RUNS },
    );
    expect(sent).toBeGreaterThanOrEqual(RUNS * operations.length);
    expect(server.logs.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
  }, 60_000);
});

/** What is described at the path that a URL names, which need not be the one that it was made from. */
function operationsAt(url: string, { paths }: Description): Record<string, Operation> {
  const [path = ''] = url.split(/[?#]/, 1);
  const matches = (template: string) =>
    new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}/?$`).test(path);
  const found = Object.entries(paths).filter(([template]) => matches(template));
  return Object.assign({}, ...found.map(([, operations]) => operations)) as Record<string, Operation>;
}

/** @returns a body that the description gives as an example, or undefined */
function exampleBody(operation: Operation | undefined, { components }: Description): unknown {
  const exampleOf = (schema: Schema): unknown => {
    const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
    const resolved = reference === undefined ? schema : (components.schemas[reference.split('/').at(-1) ?? ''] ?? {});
    if (resolved.example !== undefined) return resolved.example;
    return Object.fromEntries(
      Object.entries(resolved.properties ?? {}).map(([name, property]) => [name, exampleOf(property)]),
    );
  };
  const schema = operation?.requestBody?.content['application/json']?.schema;
  return schema && exampleOf(schema);
}

function anyRequest(method: string, path: string, example: unknown, holders: Holder[]): fc.Arbitrary<RawRequest> {
  return fc.constantFrom(...holders).chain((holder) =>
    fc.record({
      method: fc.oneof({ weight: 12, arbitrary: fc.constant(method) }, fc.constantFrom('GET', 'HEAD', 'POST', 'PATCH')),
      path: anyTarget(path, holder),
      headers: anyHeaders(holder),
      body: anyBody(example, holder),
      chunked: fc.boolean(),
    }),
  );
}

function anyTarget(path: string, holder: Holder): fc.Arbitrary<string> {
  const segment = fc.oneof(
    { weight: 8, arbitrary: fc.constant(holder.id) },
    fc.uuid(),
    anyText(holder).map((id) => encodeURIComponent(id.toWellFormed()).slice(0, 6_000)),
    fc.stringMatching(/^[!-~]{0,20}$/),
  );
  const query = fc.oneof({ weight: 3, arbitrary: fc.constant('') }, fc.stringMatching(/^\?[!-~]{0,30}$/));
  return fc
    .tuple(segment, fc.constantFrom('', '/'), query)
    .map(([id, slash, rest]) => `${path.replace(/\{\w+\}/g, id)}${slash}${rest}`);
}

function anyBody(example: unknown, holder: Holder): fc.Arbitrary<string | Buffer | undefined> {
  const text = anyText(holder);
  const value = fc.oneof({ weight: 3, arbitrary: text }, fc.jsonValue(), fc.constant(undefined));
  const good = filledIn(example, holder);
  const nearlyGood = fc
    .array(fc.tuple(fc.constantFrom(...pathsIn(good)), fc.option(text, { freq: 2 }), value), { maxLength: 3 })
    .map((changes) =>
      changes.reduce((body, [at, key, to]) => changed(body, key === null ? at : [...at, key], to), good),
    )
    .map((body) => JSON.stringify(body) as string | undefined);
  return fc.oneof(
    { weight: 20, arbitrary: nearlyGood },
    fc.json(),
    fc.tuple(fc.json(), fc.nat(40)).map(([json, end]) => json.slice(0, end)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    text,
    fc.constantFrom(undefined, '', `"${'a'.repeat(1_200_000)}"`, '['.repeat(50_000), '{"account":{"account":{}}}'),
  );
}

/** The example, about the account of the holder. */
function filledIn(example: unknown, holder: Holder): unknown {
  if (typeof example !== 'object' || example === null) return example;
  const own: Record<string, string> = {
    email: holder.email,
    refresh_token: holder.refreshToken,
    reset_password_token: holder.resetToken,
  };
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => [name, own[name] ?? filledIn(value, holder)]),
  );
}

function anyText({ id, email, token, refreshToken, resetToken }: Holder): fc.Arbitrary<string> {
  const known = [id, email, email.toUpperCase(), token, refreshToken, resetToken];
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(...known, 'example', 'another example', '__proto__', 'constructor', 'account'),
    },
    fc.emailAddress(),
    fc.string({ unit: 'binary', maxLength: 90 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    // Any UTF-16, lone surrogates and NUL included.
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
    // A token with one character changed.
    fc.tuple(fc.constantFrom(...known), fc.nat(300), fc.string({ maxLength: 1 })).map(([token, at, character]) => {
      return `${token.slice(0, at)}${character}${token.slice(at + 1)}`;
    }),
    fc.constantFrom('a'.repeat(100_000), 'İ@example.org', 'ß@example.org', '\u0000', '9'.repeat(400)),
  );
}

function anyHeaders({ token }: Holder): fc.Arbitrary<Record<string, string>> {
  // What HTTP can carry at all.
  const anything = fc.string({
    unit: fc
      .oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }))
      .map((code) => String.fromCharCode(code)),
    maxLength: 60,
  });
  const part = fc.oneof(
    fc.jsonValue().map((json) => Buffer.from(JSON.stringify(json)).toString('base64url')),
    fc.base64String({ maxLength: 40 }),
  );
  const authorization = fc.oneof(
    { weight: 8, arbitrary: fc.constant(`Bearer ${token}`) },
    fc.tuple(part, part, part).map((parts) => `Bearer: ${parts.join('.')}`),
    anything,
  );
  const contentType = fc.oneof(
    { weight: 20, arbitrary: fc.constant('application/json') },
    fc.constantFrom(...MEDIA_TYPES, 'application/json; charset=utf-16', 'application/json; charset='),
    anything,
  );
  return fc.record(
    {
      authorization,
      'content-type': contentType,
      'content-encoding': fc.oneof({ weight: 20, arbitrary: fc.constant('identity') }, anything),
      'x-request-id': anything,
      'x-forwarded-for': fc.oneof(anything, fc.ipV4(), fc.ipV6(), fc.constant('a'.repeat(4_000))),
      'if-none-match': anything,
      accept: anything,
    },
    { requiredKeys: ['authorization', 'content-type'] },
  );
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
