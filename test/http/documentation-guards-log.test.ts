import { readFile } from 'node:fs/promises';
import { get } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, type DynamicModule } from '@nestjs/common';
import type { Access } from '../../src/access/access.js';
import { EXAMPLE_ID } from '../../src/accounts/accounts.dto.js';
import { AppModule } from '../../src/app.module.js';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { describeApi } from '../../src/openapi/docs.js';
import { another, database, routes, server, withRoutes, WORDED } from '../support/http.js';
import { basic, newClient } from '../support/oauth.js';
import { send } from '../support/raw-http.js';
import { bearer, newEmail, signUp, TEST_SECRET_KEY, type TestServer } from '../support/server.js';
import { signedInAdmin } from '../support/tokens.js';

withRoutes();

/** Those that Swagger UI serves, and the pages: no part of the API. */
const isPage = (url: string) =>
  /^\/docs(-json)?(\/|$)|^\/password\/(reset|forgot(\/sent)?)$|^\/email\/(verify(\/again(\/sent)?)?|undo)$|^\/brand\/logo$|^\/wayf\/:id$/.test(
    url,
  );

interface MediaType {
  schema?: { oneOf?: { $ref?: string }[] };
  example?: object;
  examples?: Record<string, { value: object }>;
}

interface Operation {
  operationId: string;
  tags: string[];
  requestBody?: { content: Record<string, MediaType> };
  security?: Record<string, string[]>[];
  responses: Record<string, { content?: Record<string, MediaType>; headers?: object }>;
}

/** What a client has to present, for each scheme of `access`. */
function securityOf(access: Access | undefined): Record<string, string[]>[] {
  const asClient = (scope: string) => [{ client: [] }, { oauth2: [scope] }];
  switch (access?.scheme) {
    case 'session':
      return [{ session: [] }];
    case 'client':
      return asClient(access.scope);
    case 'session-or-client':
      return [...asClient(access.scope), { session: [] }];
    case 'client-secret':
      return [{ client: [] }];
    case 'app':
    case 'frontend':
      return [{ 'app-token': [] }];
    case 'user':
      return [{ 'app-token': [], token: [] }];
    case 'api':
      return [{ 'api-token': [] }];
    default:
      return access?.scheme === 'public' && access.session ? [{}, { session: [] }] : [];
  }
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { securitySchemes: Record<string, object>; schemas: Record<string, Schema> };
  tags: { name: string }[];
}

interface Schema {
  $ref?: string;
  type?: string;
  nullable?: boolean;
  enum?: unknown[];
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
}

const referred = ({ $ref }: Schema, schemas: Record<string, Schema>) => schemas[$ref?.split('/').at(-1) ?? ''];

/** @returns everything that these parts of the description contain and refer to, but for examples */
function schemasWithin(parts: unknown[], schemas: Record<string, Schema>, seen = new Set<object>()): Schema[] {
  for (const part of parts) {
    if (typeof part !== 'object' || part === null || seen.has(part)) continue;
    seen.add(part);
    const inside = Object.entries(part).filter(([key]) => !/^examples?$/.test(key));
    schemasWithin([...inside.map(([, value]) => value as unknown), referred(part, schemas)], schemas, seen);
  }
  return [...seen] as Schema[];
}

/** As OpenAPI 3.0.3 has it: `nullable` is for the `type` beside it, and everything else that is said holds too. */
function admitsNull(schema: Schema, schemas: Record<string, Schema>): boolean {
  const target = referred(schema, schemas);
  if (target) return admitsNull(target, schemas);
  const { type, nullable, enum: values, allOf = [], oneOf, anyOf } = schema;
  const admits = (one: Schema) => admitsNull(one, schemas);
  return (
    (type === undefined || nullable === true) &&
    (nullable !== true || type !== undefined) &&
    (values === undefined || values.includes(null)) &&
    allOf.every(admits) &&
    (oneOf === undefined || oneOf.filter(admits).length === 1) &&
    (anyOf === undefined || anyOf.some(admits))
  );
}

/** Every body that is shown for a request, of each type. */
function requestExamples({ paths }: Description): { name: string; type: string; body: object; byClient: boolean }[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { requestBody, security = [] }]) =>
      Object.entries(requestBody?.content ?? {}).flatMap(
        ([type, { example = {}, examples = { it: { value: example } } }]) =>
          Object.values(examples).map(({ value: body }) => ({
            name: `${method.toUpperCase()} ${path}`,
            type,
            body,
            byClient: security.some((one) => 'client' in one),
          })),
      ),
    ),
  );
}

/** @returns an answer as it is sent, in this content coding */
function bytesOf(url: string, coding: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': coding } }, (answer) => {
      expect(answer.headers['content-encoding']).toBe(coding);
      buffer(answer).then(resolve, reject);
    }).on('error', reject);
  });
}

describe('The documentation', () => {
  it('is served as a page that loads its own scripts', async () => {
    for (const path of ['/docs', '/docs/']) {
      const { status, body, headers } = await server.call('GET', path);
      expect([status, headers.get('content-type')]).toEqual([200, 'text/html']);
      const scripts = [...(body as string).matchAll(/<script src="([^"]+)"/g)].map(([, src]) => src ?? '');
      expect(scripts.length).toBeGreaterThan(0);
      for (const script of scripts) {
        const { pathname } = new URL(script, `http://latchkey.test${path}`);
        expect([path, pathname, (await server.call('GET', pathname)).status]).toEqual([path, pathname, 200]);
      }
    }
  });

  it('is sent compressed to whoever takes that, and its files are kept for good under an address that has their version', async () => {
    const page = (await server.call('GET', '/docs')).body as string;
    const files = [...page.matchAll(/(?:src|href)="\.\/(docs\/[^"]+\?v=[^"]+)"/g)].map(([, path]) => `/${path ?? ''}`);
    expect(files.length).toBeGreaterThanOrEqual(4);
    for (const file of files) {
      const plain = await server.call('GET', file);
      expect([file, plain.status, plain.headers.get('content-encoding')]).toEqual([file, 200, null]);
      expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      const other = await server.call('GET', file.replace(/v=.*/, 'v=other'));
      expect(other.headers.get('cache-control')).toBe('public, no-cache');
    }
    for (const [path, coding, decode] of [
      ['/docs-json', 'br', brotliDecompressSync],
      ['/docs-json', 'gzip', gunzipSync],
      ['/docs/swagger-ui-bundle.js', 'br', brotliDecompressSync],
      ['/docs/swagger-ui-init.js', 'gzip', gunzipSync],
    ] as const) {
      const plain = await fetch(`${server.url}${path}`, { headers: { 'accept-encoding': 'identity' } });
      expect(plain.headers.get('vary')).toBe('Accept-Encoding');
      const bytes = await bytesOf(`${server.url}${path}`, coding);
      expect([path, coding, decode(bytes).toString()]).toEqual([path, coding, await plain.text()]);
    }
  });

  it('describes every route, with what it takes and how it fails', async () => {
    const { status, body } = await server.call('GET', '/docs-json');
    expect(status).toBe(200);
    const { paths } = body as Description;
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = routes.filter(({ url, method }) => method !== 'HEAD' && !isPage(url));
    const names = served.map(({ method, url }) => `${[method].flat().join()} ${url.replace(/:(\w+)/g, '{$1}')}`);
    expect(described.sort()).toEqual(names.sort());
    const checked = new Set<string>();
    for (const { method, url, config } of served) {
      const operation = paths[url.replace(/:(\w+)/g, '{$1}')]?.[[method].flat().join().toLowerCase()];
      const { access, dialect } = config ?? {};
      if (dialect) checked.add(dialect);
      const isLimited = access?.scheme === 'public' ? access.limited : /app|client/.test(access?.scheme ?? '');
      expect([method, url, Object.keys(operation?.responses ?? {})]).toEqual([
        method,
        url,
        expect.arrayContaining([
          ...['400', '500'],
          ...(dialect !== undefined ? ['503'] : []),
          ...(access?.scheme !== 'public' ? ['401'] : []),
          ...(access && 'scope' in access ? ['403'] : []),
          ...(isLimited ? ['429'] : []),
          ...(method !== 'GET' ? ['413', '415'] : []),
          ...(operation?.requestBody && dialect === 'account' ? ['422'] : []),
          ...(url.includes(':') && ['account', 'connect'].includes(dialect ?? '') ? ['404'] : []),
        ]),
      ]);
      const scheme = access?.scheme ?? '';
      const isTold = access?.scheme === 'public' ? access.limited : scheme === 'app';
      for (const [code, { headers = {} }] of Object.entries(operation?.responses ?? {})) {
        const tells = /^2|429/.test(code) && (isTold || (/^(session|user)$/.test(scheme) && method !== 'GET'));
        expect([method, url, code, 'RateLimit' in headers, 'RateLimit-Policy' in headers]).toEqual([
          ...[method, url, code],
          ...[tells, tells],
        ]);
      }
      const takesBody = method !== 'GET' && url !== '/api/v1/oauth_clients/:id/revoke';
      if (method !== 'DELETE') expect([url, operation?.requestBody !== undefined]).toEqual([url, takesBody]);
      expect([url, operation?.security]).toEqual([url, securityOf(access)]);
      for (const [code, response] of Object.entries(operation?.responses ?? {})) {
        if (/^(204|3\d\d)$/.test(code)) continue;
        const { example, examples } = response.content?.['application/json'] ?? {};
        const shown = examples ? Object.values(examples).map(({ value }) => value) : [example];
        // Text: redocly.yaml asks for its example.
        if (url === '/metrics' && code === '200') continue;
        // RFC 7009 section 2.2: the status says it all.
        if (url === '/oauth/revoke' && code === '200') continue;
        for (const one of shown) {
          expect([url, code, one]).toEqual([url, code, expect.any(Object)]);
          if (dialect !== 'account' || access?.scheme === 'session-or-client' || Number(code) < 400) continue;
          expect(one).toMatchObject({ id: expect.stringMatching(/^[a-z_]+$/), message: expect.any(String) });
        }
      }
    }
    expect([...checked].sort()).toEqual(['account', 'app-token', 'connect', 'oauth', 'publicauth']);
  });

  it('shows both shapes of an account at the address that has both', async () => {
    const { paths } = (await server.call('GET', '/docs-json')).body as Description;
    const content = paths['/accounts/{id}']?.get?.responses['200']?.content?.['application/json'];
    expect(content?.schema?.oneOf?.map(({ $ref }) => $ref?.split('/').at(-1))).toEqual([
      'AccountAnswer',
      'ClientAccountView',
    ]);
  });

  it('has what generators of clients need: names of their own, nulls that are allowed, no defaults in bodies', async () => {
    const { paths, components } = (await server.call('GET', '/docs-json')).body as Description;
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids.filter((id) => !/^[A-Za-z]\w*$/.test(id))).toEqual([]);
    const names = ids.map((id) => id.replaceAll('_', '').toLowerCase());
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    const { schemas } = components;
    const everything = schemasWithin(operations, schemas);
    expect(everything.filter(({ nullable }) => nullable).length).toBeGreaterThan(20);
    expect(everything.filter((schema) => schema.nullable && !admitsNull(schema, schemas))).toEqual([]);
    const bodies = operations.flatMap(({ requestBody }) => requestBody ?? []);
    expect(schemasWithin(bodies, schemas).filter((schema) => 'default' in schema)).toEqual([]);
  });

  it('shows the credentials of a client in the body only in examples of their own, never in the first', async () => {
    const { paths } = (await server.call('GET', '/docs-json')).body as Description;
    const bodies = Object.values(paths).flatMap((path) =>
      Object.values(path).flatMap(({ requestBody }) => Object.values(requestBody?.content ?? {})),
    );
    const shown = bodies.map(({ example = {}, examples = { it: { value: example } } }) =>
      Object.values(examples).map(({ value }) => 'client_id' in value || 'client_secret' in value),
    );
    expect(shown.filter(([first]) => first)).toEqual([]);
    expect(shown.filter((all) => all.includes(true)).length).toBeGreaterThanOrEqual(8);
  });

  it('declares every kind of credential and every tag that it names, and names all that it declares', async () => {
    const { paths, components, tags } = (await server.call('GET', '/docs-json')).body as Description;
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    const schemes = operations.flatMap(({ security = [] }) => security.flatMap((one) => Object.keys(one)));
    expect([...new Set(schemes)].sort()).toEqual(Object.keys(components.securitySchemes).sort());
    const named = operations.flatMap((operation) => operation.tags);
    expect([...new Set(named)].sort()).toEqual(tags.map(({ name }) => name).sort());
    expect(components.securitySchemes).toMatchObject({
      client: { type: 'http', scheme: 'basic' },
      oauth2: {
        type: 'oauth2',
        flows: {
          clientCredentials: {
            tokenUrl: 'http://latchkey.test/oauth/token',
            scopes: {
              'accounts:read': expect.any(String),
              'accounts:write': expect.any(String),
              identifications: expect.any(String),
              'tokens:introspect': expect.any(String),
            },
          },
        },
      },
    });
  });

  it('shows requests that are understood as they stand', async () => {
    const admin = await signedInAdmin(server);
    const { id, token } = await signUp(server);
    // Whom the examples are about. Its email stays free for the example of a sign-up.
    await database.query('INSERT INTO accounts (id) VALUES ($1)', [EXAMPLE_ID]);
    const credentials = { ...bearer(token), ...admin.headers };
    const { id: client_id, secret: client_secret, basic: client } = await newClient(server);
    // Tokens of links and of sessions are nobody's.
    const expected: Record<string, number> = {
      'PUT /account/session': 401,
      'PUT /account/password': 422,
      // Shown with a session that has ended.
      'PUT /account/email': 401,
      'PUT /account/email/undo': 422,
      'POST /api/v1/accounts/{id}/revoke': 204,
      // The change of credentials, which is shown before, has ended the session.
      'DELETE /account/session': 401,
      'PATCH /account': 401,
      'DELETE /account/sessions/{sid}': 401,
    };
    const examples = requestExamples(describeApi(server.app, server.config.publicUrl) as unknown as Description);
    expect(examples.length).toBeGreaterThanOrEqual(15);
    for (const { name, type, body: shown, byClient } of examples) {
      // Both ways at once are refused.
      const inBody = 'client_secret' in shown;
      const body = inBody ? { ...shown, client_id, client_secret } : shown;
      const [method = '', template = ''] = name.split(' ');
      const known = template.replace('/accounts/{id}', `/accounts/${id}`).replace('{mode}', 'live');
      const path = known.replace(/\{(\w+)\}/g, 'example');
      const text = type.endsWith('json') ? JSON.stringify(body) : new URLSearchParams({ ...body }).toString();
      const answer = await server.call(method, path, text, {
        'content-type': type,
        ...(!inBody && { ...credentials, ...(byClient && client) }),
      });
      // What a request names may be absent, or taken.
      const understood = [expected[name] ?? 200, ...(name in expected ? [] : [201, 404, 409])];
      expect([name, text, understood]).toEqual([name, text, expect.arrayContaining([answer.status])]);
    }
  });

  it('is what docs/openapi.json holds, which `npm run openapi` writes', async () => {
    const committed = JSON.parse(await readFile('docs/openapi.json', 'utf8')) as { servers: { url: string }[] };
    const described = describeApi(server.app, committed.servers[0]?.url ?? '');
    // As text: the order of everything counts too.
    expect(JSON.stringify(described, null, 2)).toBe(JSON.stringify(committed, null, 2));
  });
});

describe('Every route declares its guard', () => {
  it('and it is the one that is listed here', () => {
    const guards = Object.fromEntries(
      routes
        .filter(({ url }) => !/^\/docs(-json)?(\/|$)/.test(url))
        .map(({ method, url, config }) => [`${[method].flat().join()} ${url}`, config?.access]),
    );
    const open = { scheme: 'public', limited: false };
    const limited = { scheme: 'public', limited: true };
    const session = { scheme: 'session' };
    const app = { scheme: 'app' };
    const user = { scheme: 'user' };
    const api = { scheme: 'api' };
    const frontend = { scheme: 'frontend' };
    const client = (scope: string) => ({ scheme: 'client', scope });
    const secret = { scheme: 'client-secret' };
    const expected: Record<string, object> = {
      'POST /accounts': limited,
      'POST /account/session': limited,
      'PUT /account/session': limited,
      'POST /account/password': limited,
      'PUT /account/password': limited,
      'DELETE /account/session': session,
      'POST /account/email': limited,
      'PUT /account/email': { ...limited, session: true },
      'PUT /account/email/undo': limited,
      'GET /account': session,
      'PATCH /account': session,
      'GET /account/sessions': session,
      'DELETE /account/sessions/:sid': session,
      'PUT /accounts/:id': session,
      'GET /accounts/:id': { scheme: 'session-or-client', scope: 'accounts:read' },
      'GET /api/accounts': client('accounts:read'),
      'GET /api/accounts/:id': client('accounts:read'),
      'PATCH /accounts/:id': client('accounts:write'),
      'POST /api/accounts': client('accounts:write'),
      'PATCH /api/accounts/:id': client('accounts:write'),
      'PUT /api/accounts/:id': client('accounts:write'),
      'DELETE /api/accounts/:id': client('accounts:write'),
      'GET /api': client('identifications'),
      'POST /api/identifications': client('identifications'),
      'GET /api/identifications/:id': client('identifications'),
      'POST /oauth/v2/token': secret,
      'POST /oauth/token': secret,
      'POST /oauth/introspect': { ...secret, scope: 'tokens:introspect' },
      'POST /oauth/revoke': secret,
      'GET /v1/api/auth': api,
      'GET /v1/auth': api,
      'POST /v1/frontend/auth': frontend,
      'PUT /v1/frontend/auth': frontend,
      'GET /v1/frontend/auth/:account_id': frontend,
      'DELETE /v1/frontend/auth/:account_id': frontend,
      'GET /v1/frontend/auth/:account_id/:token_link': frontend,
      'DELETE /v1/frontend/auth/:account_id/revoke-all': frontend,
      'GET /v1/frontend/auth/service/:service_external_id/mode/:mode': frontend,
      'DELETE /v1/frontend/auth/service/:service_external_id/mode/:mode': frontend,
      'GET /v1/frontend/auth/service/:service_external_id/mode/:mode/:token_link': frontend,
      'DELETE /v1/frontend/auth/service/:service_external_id/mode/:mode/revoke-all': frontend,
      'POST /api/v1/token': app,
      'POST /api/v1/app_tokens': user,
      'GET /api/v1/app_tokens': user,
      'GET /api/v1/app_tokens/:name': user,
      'PATCH /api/v1/app_tokens/:name': user,
      'DELETE /api/v1/app_tokens/:name': user,
      'POST /api/v1/tokens': user,
      'GET /api/v1/tokens': user,
      'GET /api/v1/tokens/:name': user,
      'PATCH /api/v1/tokens/:name': user,
      'DELETE /api/v1/tokens/:name': user,
      'GET /api/v1/accounts': user,
      'POST /api/v1/accounts': user,
      'GET /api/v1/accounts/:id': user,
      'PATCH /api/v1/accounts/:id': user,
      'DELETE /api/v1/accounts/:id': user,
      'POST /api/v1/accounts/:id/revoke': user,
      'DELETE /api/v1/accounts/:id/lock': user,
      'POST /api/v1/accounts/import': user,
      'GET /api/v1/accounts/:id/sessions': user,
      'GET /api/v1/accounts/:id/sessions/:sid': user,
      'DELETE /api/v1/accounts/:id/sessions/:sid': user,
      'GET /api/v1/audit_events': user,
      'POST /api/v1/oauth_clients': user,
      'GET /api/v1/oauth_clients': user,
      'GET /api/v1/oauth_clients/:id': user,
      'PATCH /api/v1/oauth_clients/:id': user,
      'DELETE /api/v1/oauth_clients/:id': user,
      'POST /api/v1/oauth_clients/:id/revoke': user,
      'POST /api/v1/oauth_clients/:id/secrets': user,
      'DELETE /api/v1/oauth_clients/:id/secrets/:secret_id': user,
      'GET /': open,
      'GET /.well-known/jwks.json': open,
      'GET /.well-known/oauth-authorization-server': open,
      'GET /.well-known/openid-configuration': open,
      'GET /healthz': open,
      'GET /readyz': open,
      'GET /metrics': open,
      'GET /password/reset': open,
      'GET /email/verify': open,
      'GET /email/undo': open,
      'GET /password/forgot': open,
      'POST /password/forgot': limited,
      'GET /password/forgot/sent': open,
      'GET /email/verify/again': open,
      'POST /email/verify/again': limited,
      'GET /email/verify/again/sent': open,
      'GET /brand/logo': open,
      'GET /wayf/:id': { ...open, limitedWith: 'q' },
      'POST /wayf/:id': limited,
    };
    const heads = Object.entries(expected).filter(([route]) => route.startsWith('GET '));
    expect(guards).toEqual({
      ...expected,
      ...Object.fromEntries(heads.map(([route, access]) => [route.replace('GET', 'HEAD'), access])),
    });
  });

  it('and nobody gets past it without a credential', async () => {
    const bearerOnly = 'Bearer realm="latchkey"';
    const challenges: Record<string, string> = {
      session: bearerOnly,
      'session-or-client': bearerOnly,
      api: bearerOnly,
      client: bearerOnly,
      'client-secret': 'Basic realm="latchkey", charset="UTF-8"',
      app: 'App-Token',
      frontend: 'App-Token',
      user: 'App-Token, Token',
    };
    const guarded = routes.filter(({ config }) => config?.access && config.access.scheme !== 'public');
    expect(guarded.length).toBeGreaterThanOrEqual(55);
    expect(new Set(guarded.map(({ config }) => config?.access?.scheme))).toEqual(new Set(Object.keys(challenges)));
    for (const { method, url, config } of guarded) {
      const path = url.replace(/:\w+/g, 'f47ac10b-58cc-4372-a567-0e02b2c3d479');
      const answer = await send(server, { method: [method].flat().join(), path });
      expect([method, url, answer.status]).toEqual([method, url, 401]);
      const challenge = challenges[config?.access?.scheme ?? ''];
      expect([method, url, answer.headers.get('www-authenticate')]).toEqual([method, url, challenge]);
      const body = WORDED[config?.dialect ?? '']?.(401);
      // Which consumers of the publicauth document read.
      const more = config?.access?.scheme === 'api' ? { error_identifier: 'AUTH_TOKEN_INVALID' } : {};
      const expected = method === 'HEAD' ? '' : { ...(body as object), ...more };
      expect([method, url, answer.body as unknown]).toEqual([method, url, expected]);
    }
  });

  it('and a server with a route that declares none does not start', async () => {
    @Controller()
    class CarelessController {
      @Get('careless')
      careless(): string {
        return 'open to anyone';
      }
    }
    const build = Object.getOwnPropertyDescriptor(AppModule, 'with')?.value as typeof AppModule.with;
    const spy = jest.spyOn(AppModule, 'with').mockImplementation((options): DynamicModule => ({
      ...build(options),
      controllers: [CarelessController],
    }));
    try {
      await expect(another()).rejects.toThrow(/^These routes declare no access: .*GET \/careless/);
    } finally {
      spy.mockRestore();
    }
  });
});

describe('The log', () => {
  async function talkative(): Promise<TestServer> {
    const one = await another();
    const fastify = one.app.getHttpAdapter().getInstance() as unknown as { log: { level: string } };
    fastify.log.level = 'trace';
    return one;
  }

  it('holds no secret, at its most talkative, whatever fails', async () => {
    const one = await talkative();
    const secrets = new Set([TEST_SECRET_KEY]);
    const remember = (...values: unknown[]) => {
      for (const value of values) if (typeof value === 'string') secrets.add(value);
    };
    const password = (text: string) => {
      remember(`pass-${text}`);
      return `pass-${text}`;
    };
    const ask = async (
      expected: number,
      method: string,
      path: string,
      account?: object,
      headers?: Record<string, string>,
    ) => {
      const answer = await one.call(method, path, account && { account }, headers);
      expect([method, path, answer.status]).toEqual([method, path, expected]);
      const { token, refresh_token } = answer.body as { token?: string; refresh_token?: string };
      remember(token, refresh_token, headers?.authorization);
      return { token: token ?? '', refresh_token: refresh_token ?? '' };
    };

    const email = newEmail();
    const first = await ask(201, 'POST', '/accounts', { email, password: password('one'), remember_me: true });
    const [account] = await database.query<{ id: string }>('SELECT id FROM accounts WHERE email = $1', [email]);
    const path = `/accounts/${account?.id ?? ''}`;
    await ask(409, 'POST', '/accounts', { email, password: password('two') });
    await ask(422, 'POST', '/accounts', { email: 'none', password: password('three') });
    await ask(401, 'POST', '/account/session', { email, password: password('wrong') });
    await ask(422, 'POST', '/account/session', { email, password: [password('list')] });
    await ask(200, 'POST', '/account/session', { email, password: 'pass-one', remember_me: true });
    const second = await ask(200, 'PUT', '/account/session', { refresh_token: first.refresh_token, remember_me: true });
    await ask(401, 'PUT', '/account/session', { refresh_token: `${first.refresh_token}x` });
    await ask(200, 'PUT', '/account/session', { refresh_token: second.refresh_token, remember_me: true });
    await database.query(`UPDATE sessions SET refreshed_at = now() - interval '1 minute'`);
    await ask(401, 'PUT', '/account/session', { refresh_token: first.refresh_token });
    await ask(401, 'GET', path, undefined, bearer(first.token));
    const third = await ask(200, 'POST', '/account/session', { email, password: 'pass-one', remember_me: true });
    await ask(200, 'GET', path, undefined, bearer(third.token));
    await ask(404, 'GET', `/accounts/${third.refresh_token}?token=${third.token}`, undefined, bearer(third.token));
    await ask(401, 'GET', path, undefined, { authorization: `Bearer ${third.token.slice(0, -10)}` });
    await ask(405, 'DELETE', `/accounts/${third.token}`, { password: password('four') });
    await ask(401, 'PATCH', `/accounts/${third.token}`, { password: password('nine') }, bearer(third.token));
    await ask(404, 'GET', `/account/${third.token}`);
    await ask(400, 'GET', `/account/${third.token}%zz`);
    await ask(404, 'GET', `/password/reset/${third.refresh_token}`);
    expect((await one.call('POST', '/account/session', `{"account":{"password":"${password('cut')}"`)).status).toBe(
      400,
    );
    expect(
      (await one.call('POST', '/accounts', `password=${password('form')}`, { 'content-type': 'text/plain' })).status,
    ).toBe(415);

    await ask(200, 'POST', '/account/password', { email });
    const [reset] = await database.query<{ id: string }>(
      'SELECT id FROM password_resets WHERE account_id = $1 AND ended_at IS NULL',
      [account?.id],
    );
    const resetToken = one.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
    remember(resetToken);
    await waitFor(async () => {
      const [{ waiting } = { waiting: 1 }] = await database.query<{ waiting: number }>(
        'SELECT count(*)::int AS waiting FROM outgoing_mails WHERE done_at IS NULL AND subject_id = $1',
        [reset?.id],
      );
      return waiting === 0;
    });
    const redeem = { reset_password_token: resetToken, password: password('five'), remember_me: true };
    await ask(422, 'PUT', '/account/password', { ...redeem, password: password('x'.repeat(300)) });
    const fourth = await ask(200, 'PUT', '/account/password', redeem);
    await ask(422, 'PUT', '/account/password', redeem);
    const fifth = await ask(200, 'PUT', path, { email, password: password('six') }, bearer(fourth.token));
    const hashes = await database.query<{ hash: string }>('SELECT password_hash AS hash FROM accounts');
    remember(...hashes.map(({ hash }) => hash));

    // PostgreSQL's own words for this one hold the whole row, with the hash.
    await database.query('ALTER TABLE accounts ADD CHECK (password_hash IS NULL) NOT VALID');
    await ask(500, 'POST', '/accounts', { email: newEmail(), password: password('seven') });
    await ask(500, 'PUT', path, { email, password: password('eight') }, bearer(fifth.token));
    await database.query('ALTER TABLE accounts DROP CONSTRAINT accounts_password_hash_check');
    await ask(200, 'DELETE', '/account/session', undefined, bearer(fifth.token));
    await ask(401, 'DELETE', '/account/session', undefined, bearer(fifth.token));

    const log = one.logs.join('\n');
    expect(log).toContain('"level":"error"');
    expect(log).toContain('violates check constraint');
    expect(one.logs.filter((line) => line.includes('"msg":"request"')).length).toBeGreaterThan(25);
    expect(secrets.size).toBeGreaterThan(25);
    // The signature of a JWT, and the MAC of another token, would be enough to know it by.
    const pieces = [...secrets].flatMap((secret) => [secret, /\.([\w-]{43,})$/.exec(secret)?.[1] ?? secret]);
    expect(pieces.filter((piece) => piece.length >= 8 && log.includes(piece))).toEqual([]);
    expect(log).not.toMatch(/\$2[aby]\$\d\d\$|eyJ[\w-]+\.|BEGIN [A-Z ]*PRIVATE/);
  });

  it('holds no secret of a client either, nor what a visitor signs in with', async () => {
    const one = await talkative();
    const [admin, visitor] = [await signedInAdmin(one), await signUp(one, { password: 'pass-visitor' })];
    const secrets = new Set([admin.appToken, admin.token, visitor.token, visitor.password]);
    const ask = async (
      expected: number,
      method: string,
      path: string,
      body?: object | string,
      headers: Record<string, string> = {},
    ) => {
      const type = typeof body === 'string' ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
      const answer = await one.call(method, path, body, { ...type, ...headers });
      expect([method, path, answer.status]).toEqual([method, path, expected]);
      const said = answer.body as Record<'id' | 'client_secret' | 'access_token', string | undefined>;
      for (const value of [said.client_secret, said.access_token, headers.authorization?.split(' ')[1]]) {
        if (value !== undefined) secrets.add(value);
      }
      return { id: said.id ?? '', secret: said.client_secret ?? '', accessToken: said.access_token ?? '' };
    };
    const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();

    const registration = { name: 'test', scopes: ['accounts:read', 'accounts:write', 'identifications'] };
    const { id, secret } = await ask(201, 'POST', '/api/v1/oauth_clients', registration, admin.headers);
    const inBody = { client_id: id, client_secret: secret };
    const { accessToken } = await ask(200, 'POST', '/oauth/token', undefined, basic(id, secret));
    await ask(200, 'POST', '/oauth/v2/token', form(inBody));
    await ask(401, 'POST', '/oauth/token', undefined, basic(id, `${secret}x`));
    await ask(401, 'POST', '/oauth/token', undefined, basic(secret, accessToken));
    await ask(401, 'POST', '/oauth/token', { client_id: secret, client_secret: accessToken });
    await ask(400, 'POST', '/oauth/token', form(inBody), basic(id, secret));
    await ask(400, 'POST', `/oauth/token?${form(inBody)}`);
    await ask(400, 'POST', '/oauth/token', { ...inBody, grant_type: accessToken });
    await ask(400, 'POST', '/oauth/token', { ...inBody, scope: accessToken });
    await ask(400, 'POST', '/oauth/token', `${form(inBody)}&client_secret=${secret}`);
    await ask(415, 'POST', '/oauth/token', form(inBody), { 'content-type': 'text/plain' });
    await ask(403, 'POST', '/oauth/introspect', { ...inBody, token: visitor.token });
    await ask(405, 'GET', `/oauth/revoke?token=${accessToken}`);
    await ask(404, 'GET', `/oauth/${accessToken}`);
    await ask(200, 'GET', '/api', undefined, bearer(accessToken));
    await ask(400, 'GET', `/api?access_token=${accessToken}`, undefined, bearer(accessToken));
    await ask(401, 'GET', '/api', undefined, bearer(secret));
    await ask(404, 'GET', `/api/identifications/${accessToken}`, undefined, bearer(accessToken));
    await ask(404, 'GET', `/api/${accessToken}`);
    await ask(400, 'GET', `/api/accounts?cursor=${accessToken}`, undefined, bearer(accessToken));
    const organisation = { name: secret, password: 'pass-organisation' };
    secrets.add(organisation.password);
    await ask(400, 'POST', '/api/accounts', organisation, bearer(accessToken));

    const described = { ip: '192.0.2.1', url: 'https://publisher.example/', user_agent: 'example' };
    const identification = await ask(201, 'POST', '/api/identifications', described, bearer(accessToken));
    const page = `/wayf/${identification.id}`;
    const signIn = { institution: 'none', email: visitor.email, password: visitor.password };
    const ours = { origin: 'http://latchkey.test' };
    await ask(303, 'POST', page, form(signIn), ours);
    await ask(422, 'POST', page, form({ ...signIn, password: 'pass-visit' }), ours);
    await ask(403, 'POST', page, form(signIn), { origin: 'https://evil.example.org' });
    await ask(400, 'POST', page, `${form(signIn)}&password=${visitor.password}`, ours);
    await ask(404, 'POST', `/wayf/${accessToken}`, form(signIn), ours);
    await ask(404, 'GET', `${page}?institution=${secret}`);

    // PostgreSQL's own words for these hold the whole row, with the digest.
    await database.query('ALTER TABLE tokens ADD CHECK (digest IS NULL) NOT VALID');
    await ask(500, 'POST', '/oauth/token', form(inBody));
    await database.query('ALTER TABLE tokens DROP CONSTRAINT tokens_digest_check');
    await database.query('ALTER TABLE oauth_client_secrets ADD CHECK (digest IS NULL) NOT VALID');
    await ask(500, 'POST', `/api/v1/oauth_clients/${id}/secrets`, undefined, admin.headers);
    await database.query('ALTER TABLE oauth_client_secrets DROP CONSTRAINT oauth_client_secrets_digest_check');
    await ask(200, 'POST', '/oauth/revoke', form({ ...inBody, token: accessToken }));
    await ask(401, 'GET', '/api', undefined, bearer(accessToken));
    const digests = await database.query<{ digest: string }>(
      `SELECT encode(digest, 'hex') AS digest FROM oauth_client_secrets
       UNION ALL SELECT encode(digest, 'hex') FROM tokens`,
    );
    for (const { digest } of digests) secrets.add(digest);

    const log = one.logs.join('\n');
    expect(log).toContain('violates check constraint');
    expect(one.logs.filter((line) => line.includes('"msg":"request"')).length).toBeGreaterThan(30);
    expect([...secrets].filter((text) => text.length >= 8 && log.includes(text))).toEqual([]);
    expect(log).not.toMatch(/[0-9a-f]{64}/);
  });
});

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await condition());) {
    if (Date.now() > deadline) throw new Error('It did not happen within half a minute.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
