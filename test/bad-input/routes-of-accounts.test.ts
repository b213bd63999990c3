import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  BASIC,
  ENCODINGS,
  everything,
  expectDialect,
  type Holder,
  JSON_TYPE,
  makeHolder,
  MEDIA_TYPES,
  server,
  UNREADABLE,
  withWatcher,
} from '../support/bad-input.js';
import { send, type RawRequest } from '../support/raw-http.js';
import { bearer, newEmail, signUp, type Answer } from '../support/server.js';

withWatcher();

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

function requestTo(route: Route, holder: Holder): RawRequest {
  return {
    method: route.method,
    path: route.path(holder),
    headers: { ...JSON_TYPE, ...(route.session && bearer(holder.token)) },
  };
}

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
    ['an email of 60,000 characters', `a@${'b.'.repeat(30_000)}org`],
  ],
  password: [
    ['a password of 257 characters', 'x'.repeat(257)],
    ['a password of 257 characters that take 1028 bytes', '😀'.repeat(257)],
    ['a password of 257 characters in NFC', 'e\u0301'.repeat(257)],
    ['a password of 60,000 bytes', 'x'.repeat(60_000)],
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
    ['a reset token of 2,000 characters', `${'a.'.repeat(950)}.00000000.${'a'.repeat(43)}`],
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
  '.'.repeat(2_000),
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

      // A change of nothing is a mistake.
      const nothing = route.name.startsWith('PUT ') ? 400 : 422;

      it.each(MEDIA_TYPES)('takes an empty body of the type "%s" as {}', async (type) => {
        const headers = { ...request().headers, 'content-type': type };
        for (const empty of [{ body: undefined }, { body: '' }]) {
          const answer = await expectRefusal(request({ headers, ...empty }), nothing);
          expect((answer.body as { errors: unknown }).errors).toEqual({ account: ['is required'] });
        }
      });

      it.each([undefined, null, 1, 'example', true, [], [{}]].map((value) => [value]))(
        'refuses %j as the account',
        async (account) => {
          const status = account === undefined ? nothing : 422;
          const answer = await expectRefusal(request({ body: JSON.stringify({ account }) }), status);
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
  it.each(['x'.repeat(72), '€'.repeat(24), '😀'.repeat(18), '😀'.repeat(7), 'x'.repeat(256), '😀'.repeat(256)])(
    'of up to 256 characters opens the account that it was given to, and no shorter one does: %s',
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
    ['/account', ['GET', 'HEAD', 'PATCH'], 'account'],
    ['/account/session', ['DELETE', 'POST', 'PUT'], 'account'],
    ['/account/password', ['POST', 'PUT'], 'account'],
    ['/account/email', ['POST', 'PUT'], 'account'],
    ['/account/email/undo', ['PUT'], 'account'],
    ['/account/sessions', ['GET', 'HEAD'], 'account'],
    [`/account/sessions/${AN_ID}`, ['DELETE'], 'account'],
    ['/api', ['GET', 'HEAD'], 'connect'],
    ['/api/accounts', ['GET', 'HEAD', 'POST'], 'connect'],
    [`/api/accounts/${AN_ID}`, ['DELETE', 'GET', 'HEAD', 'PATCH', 'PUT'], 'connect'],
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
    [`/api/v1/accounts/${AN_ID}/lock`, ['DELETE'], 'app-token'],
    [`/api/v1/accounts/${AN_ID}/sessions`, ['GET', 'HEAD'], 'app-token'],
    [`/api/v1/accounts/${AN_ID}/sessions/${AN_ID}`, ['DELETE', 'GET', 'HEAD'], 'app-token'],
    ['/api/v1/audit_events', ['GET', 'HEAD'], 'app-token'],
    [`/wayf/${AN_ID}`, ['GET', 'HEAD', 'POST'], 'page'],
    ['/.well-known/oauth-authorization-server', ['GET', 'HEAD'], 'plain'],
    ['/.well-known/openid-configuration', ['GET', 'HEAD'], 'plain'],
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
    ['/account/x', 'account'],
    ['/account/x/', 'account'],
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
  ])('is 404 in the dialect of its neighbours: %s', async (path, dialect) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const body = method === 'GET' ? undefined : '{"account":{}}';
      const answer = await expectRefusal({ method, path, headers: JSON_TYPE, body }, 404, dialect);
      expect(answer.headers.get('allow')).toBeNull();
    }
  });
});
