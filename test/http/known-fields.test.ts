import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { describeApi } from '../../src/openapi/docs.js';
import { database, routes, server, withRoutes } from '../support/http.js';
import { newClient, postForm, type Client } from '../support/oauth.js';
import { bearer, newEmail, signUp, type Answer } from '../support/server.js';
import { rowOf, signedInAdmin, type User } from '../support/tokens.js';

withRoutes();

let admin: User;
let client: Client;

beforeAll(async () => {
  admin = await signedInAdmin(server);
  client = await newClient(server);
});

/** A session of its own for each request, as some of them end it. */
const headersFor = async (scheme: string | undefined): Promise<Record<string, string>> => {
  if (scheme === 'session') return bearer((await signUp(server)).token);
  if (scheme === 'user') return admin.headers;
  if (scheme === 'app' || scheme === 'frontend') return { 'app-token': admin.appToken };
  return scheme?.includes('client') ? client.basic : {};
};

/** Document 000, 001 and 002: their clients send more. */
const OF_DOCUMENTS = [
  'GET /accounts/:id',
  'GET /api/accounts',
  'POST /api/accounts',
  'PUT /api/accounts/:id',
  'PATCH /accounts/:id',
  'POST /api/identifications',
  'GET /api/identifications/:id',
  'POST /oauth/v2/token',
  'POST /accounts',
  'POST /account/session',
  'PUT /account/session',
  'DELETE /account/session',
  'PUT /accounts/:id',
  'POST /account/password',
  'PUT /account/password',
  'GET /v1/api/auth',
  'GET /v1/auth',
  'POST /v1/frontend/auth',
  'PUT /v1/frontend/auth',
  'GET /v1/frontend/auth/:account_id',
  'DELETE /v1/frontend/auth/:account_id',
  'GET /v1/frontend/auth/service/:service_external_id/mode/:mode',
  'DELETE /v1/frontend/auth/service/:service_external_id/mode/:mode',
];

/** RFC 6749 section 3.2, RFC 7009 and RFC 7662 have it so; and what browsers, probes and caches ask for in their own ways. */
const OF_OTHERS = [
  'POST /oauth/token',
  'POST /oauth/introspect',
  'POST /oauth/revoke',
  'GET /.well-known/oauth-authorization-server',
  'GET /.well-known/openid-configuration',
  'GET /.well-known/jwks.json',
  'GET /',
  'GET /password/reset',
  'GET /email/verify',
  'GET /email/undo',
  'GET /password/forgot',
  'POST /password/forgot',
  'GET /password/forgot/sent',
  'GET /email/verify/again',
  'POST /email/verify/again',
  'GET /email/verify/again/sent',
  'GET /brand/logo',
  'GET /wayf/:id',
  'POST /wayf/:id',
  'GET /healthz',
  'GET /readyz',
  'GET /metrics',
];

/** Only the account document has 422. */
const REFUSED = [400, 422];

interface Route {
  name: string;
  method: string;
  url: string;
  scheme: string | undefined;
}

const served = (): Route[] =>
  routes
    .filter(({ method, url }) => method !== 'HEAD' && !/^\/docs(-json)?(\/|$)/.test(url))
    .map(({ method, url, config }) => ({
      name: `${[method].flat().join()} ${url}`,
      method: [method].flat().join(),
      url,
      scheme: config?.access?.scheme,
    }));

async function ask({ method, url, scheme }: Route, query: string, body?: unknown): Promise<Answer> {
  const path = url.replace(/:\w+/g, randomUUID());
  return server.call(method, `${path}${query}`, method === 'GET' ? undefined : body, await headersFor(scheme));
}

const said = ({ body }: Answer) => JSON.stringify(body);

describe('Each route', () => {
  it('refuses what it does not know by name, unless it is on the list of those that ignore it', async () => {
    const ignoring = routes
      .filter(({ config }) => config?.ignoresUnknown)
      .map(({ method, url }) => `${String(method)} ${url}`);
    const listed = [...OF_DOCUMENTS, ...OF_OTHERS];
    expect(ignoring.filter((name) => !name.startsWith('HEAD ')).sort()).toEqual([...listed].sort());
    const refusing = served().filter(({ name }) => !listed.includes(name));
    expect(refusing.length).toBeGreaterThan(30);
    for (const route of refusing) {
      const byQuery = await ask(route, '?nonesuch=1');
      expect([route.name, REFUSED.includes(byQuery.status)]).toEqual([route.name, true]);
      expect([route.name, said(byQuery)]).toEqual([
        route.name,
        expect.stringContaining('Unknown query parameter: nonesuch.'),
      ]);
      if (route.method === 'GET') continue;
      const byBody = await ask(route, '', { nonesuch: 1 });
      expect([route.name, REFUSED.includes(byBody.status)]).toEqual([route.name, true]);
      expect([route.name, said(byBody)]).toEqual([route.name, expect.stringContaining('Unknown field: nonesuch.')]);
    }
    expect(server.answers.undescribed()).toEqual([]);
  });

  it('on that list says nothing of what it does not know, and answers as without it', async () => {
    const ignoring = served().filter(({ name }) => [...OF_DOCUMENTS, ...OF_OTHERS].includes(name));
    for (const route of ignoring) {
      const sent = () => ({ account: {}, account_id: randomUUID(), name: randomUUID() });
      const [plain, more] = [await ask(route, '', sent()), await ask(route, '?nonesuch=1', { ...sent(), nonesuch: 1 })];
      expect([route.name, more.status, said(more).includes('nonesuch')]).toEqual([route.name, plain.status, false]);
    }
    expect(server.answers.undescribed()).toEqual([]);
  });

  it('says so in its description', () => {
    const { paths, components } = describeApi(server.app, 'http://latchkey.test') as unknown as {
      paths: Record<
        string,
        Record<string, { requestBody?: { content: Record<string, { schema: { $ref?: string } }> } }>
      >;
      components: { schemas: Record<string, { additionalProperties?: boolean }> };
    };
    const bodies = served().flatMap(({ name, method, url }) => {
      const operation = paths[url.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
      return Object.entries(operation?.requestBody?.content ?? {}).map(([type, { schema }]) => {
        const isClosed = components.schemas[schema.$ref?.split('/').at(-1) ?? '']?.additionalProperties === false;
        const ignores = [...OF_DOCUMENTS, ...OF_OTHERS].includes(name) || type !== 'application/json';
        return { name, type, isClosed, ignores };
      });
    });
    expect(bodies.length).toBeGreaterThan(20);
    expect(bodies.filter(({ isClosed, ignores }) => isClosed === ignores)).toEqual([]);
  });

  it('that changes something refuses a body without any field that it knows, and an empty one but for one', async () => {
    const changes = served().filter(({ method }) => method === 'PATCH' || method === 'PUT');
    expect(changes.length).toBeGreaterThan(10);
    for (const route of changes) {
      const unknown = await ask(route, '', { nonesuch: 1 });
      expect([route.name, unknown.status]).toEqual([route.name, 400]);
      const empty = await ask(route, '', {});
      // Nobody has this id. That it changes nothing is tested below.
      expect([route.name, empty.status]).toEqual([route.name, route.name === 'PATCH /accounts/:id' ? 404 : 400]);
    }
    expect(server.answers.undescribed()).toEqual([]);
  });
});

const post = (path: string, body: unknown) => server.call('POST', path, body, admin.headers);
const patch = (path: string, body: unknown) => server.call('PATCH', path, body, admin.headers);
const outcome = ({ status, body }: Answer): [number, unknown] => [status, body];

describe('A field that is nearly right', () => {
  it('changes nobody: {"disable":true}', async () => {
    const { id } = await signUp(server);
    const unknown = { disable: 'Unknown field: disable. Did you mean disabled?' };
    expect(outcome(await patch(`/api/v1/accounts/${id}`, { disable: true }))).toEqual([400, { errors: unknown }]);
    const withAnother = await patch(`/api/v1/accounts/${id}`, { disable: true, name: 'A new name' });
    expect(outcome(withAnother)).toEqual([400, { errors: unknown }]);
    const stored = await database.query('SELECT disabled_at, name FROM accounts WHERE id = $1', [id]);
    expect(stored).toEqual([{ disabled_at: null, name: null }]);
  });

  it('makes no token that lives for 200 years: {"seconds_until_expiry":60}', async () => {
    const count = () => database.query(`SELECT count(*)::int AS tokens FROM tokens WHERE kind IN ('app', 'user')`);
    const before = await count();
    const errors = {
      seconds_until_expiry: 'Unknown field: seconds_until_expiry. Did you mean seconds_until_expire?',
    };
    expect(outcome(await post('/api/v1/app_tokens/', { seconds_until_expiry: 60 }))).toEqual([400, { errors }]);
    const { id } = await signUp(server);
    const onBehalf = await post('/api/v1/tokens/', { seconds_until_expiry: 60, user: id });
    expect(outcome(onBehalf)).toEqual([400, { errors }]);
    expect(await count()).toEqual(before);
  });

  it('gives no unfiltered log: audit_events?subject_id=…', async () => {
    const answer = await server.call('GET', '/api/v1/audit_events?subject_id=x', undefined, admin.headers);
    const subject_id = 'Unknown query parameter: subject_id. Did you mean subject?';
    expect(outcome(answer)).toEqual([400, { errors: { subject_id } }]);
  });

  it.each([
    ['Disabled', 'Unknown field: Disabled. Did you mean disabled?'],
    ['disabled ', 'Unknown field: disabled . Did you mean disabled?'],
    ['emial', 'Unknown field: emial. Did you mean email?'],
    ['email-domains', 'Unknown field: email-domains. Did you mean email_domains?'],
    ['constructor', 'Unknown field: constructor.'],
    ['toString', 'Unknown field: toString.'],
    ['hasOwnProperty', 'Unknown field: hasOwnProperty.'],
    ['', 'Unknown field: .'],
  ])('is unknown, whatever it is: %j', async (field, problem) => {
    const answer = await patch(`/api/v1/accounts/${randomUUID()}`, { [field]: true, role: 'user' });
    expect(outcome(answer)).toEqual([400, { errors: { [field]: problem } }]);
  });

  it('nobody is pointed to a field that is only known to be refused', async () => {
    const answer = await post('/api/v1/app_tokens/', { tokens: 'x' });
    expect(outcome(answer)).toEqual([400, { errors: { tokens: 'Unknown field: tokens.' } }]);
  });

  it('is named with the object that it is in', async () => {
    const account = { verify_email_token: 'x', verify_email_tokn: 'x', nonesuch: {} };
    const answer = await server.call('PUT', '/account/email', { account, acount: 1 });
    expect([answer.status, answer.body.errors]).toEqual([
      422,
      {
        'account.verify_email_tokn': [
          'Unknown field: account.verify_email_tokn. Did you mean account.verify_email_token?',
        ],
        'account.nonesuch': ['Unknown field: account.nonesuch.'],
        acount: ['Unknown field: acount. Did you mean account?'],
      },
    ]);
  });

  it('is named beside every other field that is wrong', async () => {
    const answer = await post('/api/v1/accounts?dry_run=1', {
      emial: 'x',
      role: 'owner',
      password: 'short',
      name: '\n',
    });
    expect(outcome(answer)).toEqual([
      400,
      {
        errors: {
          email: 'is required for a person',
          emial: 'Unknown field: emial. Did you mean email?',
          role: 'must be admin or user',
          password: 'must be at least 7 characters',
          name: 'must be one line of text',
          dry_run: 'Unknown query parameter: dry_run.',
        },
      },
    ]);
  });

  it('of __proto__ in a body or a query is refused too', async () => {
    const path = `/api/v1/accounts/${randomUUID()}`;
    for (const field of ['"__proto__":{"role":"admin"}', '"__proto__":1', '"constructor":{"prototype":1}']) {
      expect(await patch(path, `{${field},"role":"user"}`)).toMatchObject({
        status: 400,
        body: { errors: { request: 'The body must not contain the fields __proto__ or constructor.prototype.' } },
      });
    }
    const answer = await server.call('GET', '/api/v1/accounts?__proto__=1&constructor=1', undefined, admin.headers);
    expect(answer.status).toBe(400);
    expect(Object.entries(answer.body.errors as object)).toEqual([
      ['__proto__', 'Unknown query parameter: __proto__.'],
      ['constructor', 'Unknown query parameter: constructor.'],
    ]);
  });

  it('of any length and number is answered in little', async () => {
    const many = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`emai${index}`, 1]));
    const answer = await patch(`/api/v1/accounts/${randomUUID()}`, { ...many, role: 'user' });
    expect([answer.status, Object.keys(answer.body.errors as object)]).toEqual([400, Object.keys(many)]);
    const long = await patch(`/api/v1/accounts/${randomUUID()}`, { ['x'.repeat(60_000)]: 1 });
    expect(said(long).length).toBeLessThan(500);
  });
});

describe('A parameter that is given twice', () => {
  it('is refused, as one of the two would count', async () => {
    const answer = await server.call(
      'GET',
      '/api/v1/audit_events?outcome=failure&outcome=success',
      undefined,
      admin.headers,
    );
    expect(outcome(answer)).toEqual([400, { errors: { outcome: 'must be given once' } }]);
  });
});

describe('The login', () => {
  const fields = () => ({ username: admin.email, password: admin.password, submit: 'Log in' });

  it('by form takes the button that a browser sends', async () => {
    const answer = await postForm(server, '/api/v1/token/', fields(), { 'app-token': admin.appToken });
    expect(answer.status).toBe(200);
    expect((await rowOf(database, answer.body.token as string)).account_id).toBe(admin.id);
  });

  it('by JSON does not', async () => {
    const answer = await server.call('POST', '/api/v1/token/', fields(), { 'app-token': admin.appToken });
    expect(outcome(answer)).toEqual([400, { errors: { submit: 'Unknown field: submit.' } }]);
  });
});

describe('Of an organisation', () => {
  const organisation = async () =>
    (await server.call('POST', '/api/accounts', { name: randomUUID() }, client.basic)).body as { id: string };

  it("the change in the document's own example changes nothing, and is no mistake", async () => {
    const made = await organisation();
    const answer = await server.call('PATCH', `/accounts/${made.id}`, {}, client.basic);
    expect(outcome(answer)).toEqual([200, made]);
  });

  it('a change that is misspelt is refused, and one beside a field that is known is ignored', async () => {
    const { id } = await organisation();
    const misspelt = await server.call('PATCH', `/accounts/${id}`, { nmae: 'x' }, client.basic);
    expect(outcome(misspelt)).toEqual([
      400,
      { status_code: 400, message: 'Validation Failed', errors: { nmae: 'Unknown field: nmae. Did you mean name?' } },
    ]);
    const reference = { publisher_reference: 'x', nmae: 'x' };
    expect((await server.call('PATCH', `/accounts/${id}`, reference, client.basic)).body).toMatchObject({
      publisher_reference: 'x',
    });
  });

  it("a change at the path of the list is Latchkey's own, and strict", async () => {
    const { id } = await organisation();
    const answer = await server.call(
      'PATCH',
      `/api/accounts/${id}`,
      { publisher_reference: 'x', nmae: 'x' },
      client.basic,
    );
    expect([answer.status, answer.body.errors]).toEqual([400, { nmae: 'Unknown field: nmae. Did you mean name?' }]);
    const [stored] = await database.query<{ publisher_reference: string | null }>(
      'SELECT publisher_reference FROM accounts WHERE id = $1',
      [id],
    );
    expect(stored?.publisher_reference).toBeNull();
    expect((await server.call('PATCH', `/api/accounts/${id}`, {}, client.basic)).status).toBe(400);
  });
});

describe('Every field that is wrong is named at once', () => {
  it('an email and a password that is too short', async () => {
    const account = { email: 'nobody', password: 'short', remember_me: 'yes' };
    const answer = await server.call('POST', '/accounts', { account });
    expect(outcome(answer)).toEqual([
      422,
      {
        id: 'invalid_params',
        message: 'One or more parameters are invalid.',
        errors: {
          email: ['must be an email address'],
          password: ['must be at least 7 characters'],
          remember_me: ['must be true or false'],
        },
      },
    ]);
  });

  it('also where credentials are changed, and where a password is reset', async () => {
    const { id, token } = await signUp(server);
    const change = { account: { email: 'nobody', password: 'short' } };
    const changed = await server.call('PUT', `/accounts/${id}`, change, bearer(token));
    expect([changed.status, Object.keys(changed.body.errors as object)]).toEqual([422, ['email', 'password']]);
    const reset = { account: { password: 'short', reset_password_token: 1 } };
    const refused = await server.call('PUT', '/account/password', reset);
    expect([refused.status, Object.keys(refused.body.errors as object)]).toEqual([
      422,
      expect.arrayContaining(['password', 'reset_password_token']),
    ]);
  });

  it('but who signs in with a short password is not told how long it has to be', async () => {
    const answer = await server.call('POST', '/account/session', { account: { email: newEmail(), password: 'x' } });
    expect([answer.status, said(answer)]).toEqual([401, expect.not.stringContaining('characters')]);
  });

  it('fields that are missing, and those that are bad, in the words of the publicauth document', async () => {
    const headers = { 'app-token': admin.appToken };
    const only = await server.call('POST', '/v1/frontend/auth', { description: 'x' }, headers);
    expect(outcome(only)).toEqual([400, { message: 'Missing fields: [account_id]' }]);
    const both = await server.call('POST', '/v1/frontend/auth', { description: 1, created_by: 1 }, headers);
    expect(outcome(both)).toEqual([
      400,
      { message: 'Missing fields: [account_id]; description must be a string; created_by must be a string' },
    ]);
  });

  it('filters and the place in a list', async () => {
    const path = '/api/v1/audit_events?outcome=x&cursor=x&from=x&app_token=x';
    const answer = await server.call('GET', path, undefined, admin.headers);
    expect([answer.status, Object.keys(answer.body.errors as object).sort()]).toEqual([
      400,
      ['app_token', 'cursor', 'from', 'outcome'],
    ]);
  });
});
