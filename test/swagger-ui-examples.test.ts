import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { MediaType, Operation, Schemas } from '../src/openapi/description.js';
import { blanksOf } from '../src/openapi/for-readers.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newAccessToken, newClient, type Client } from './support/oauth.js';
import { bearer, startServer, type TestServer } from './support/server.js';
import { logIn, makeAdmin, newApiToken, type Admin } from './support/tokens.js';

let database: TestDatabase;
let server: TestServer;
/** What the first start prints. */
let admin: Admin;
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  admin = await makeAdmin(server);
  client = await newClient(server);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  example?: unknown;
  schema?: { example?: unknown; default?: unknown; enum?: unknown[] };
}

/** An operation as the page has it. */
interface Shown {
  name: string;
  method: string;
  path: string;
  operation: Operation & { parameters?: Parameter[] };
}

/** @returns what Swagger UI is given when somebody opens the page: the page's own script says */
async function openPage(): Promise<OpenAPIObject> {
  const { body: script } = await server.call('GET', '/docs/swagger-ui-init.js');
  let given: { spec?: OpenAPIObject } = {};
  const Bundle = Object.assign((options: typeof given) => (given = options), { presets: {}, plugins: {} });
  const page = {
    sessionStorage: {},
    MutationObserver: class {
      observe() {
        return undefined;
      }
    },
    SwaggerUIBundle: Bundle,
    window: {},
    URL,
    document: { currentScript: { src: `${server.url}/docs/x.js` } },
  };
  runInNewContext(script as string, Object.assign(page, { window: page }));
  expect(given.spec?.servers).toEqual([{ url: server.url }]);
  return JSON.parse(JSON.stringify(given.spec)) as OpenAPIObject;
}

const operationsOf = ({ paths }: OpenAPIObject): Shown[] =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Shown['operation']>).map(([key, operation]) => {
      const method = key.toUpperCase();
      return { name: `${method} ${path}`, method, path, operation };
    }),
  );

/** Authorises every scheme that an operation has, as its reader would, anew: what was done before may have signed out. */
async function authorise({ operation }: Shown): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  // Of several ways, Swagger UI takes the last one that puts something into the same header.
  for (const scheme of (operation.security ?? []).flatMap((one) => Object.keys(one))) {
    Object.assign(headers, await SCHEMES[scheme]?.());
  }
  return headers;
}

const SCHEMES: Record<string, () => Promise<Record<string, string>>> = {
  session: async () => {
    const account = { email: admin.email, password: admin.password };
    return bearer((await server.call('POST', '/account/session', { account })).body.token as string);
  },
  'app-token': () => Promise.resolve({ 'app-token': admin.appToken }),
  token: async () => ({ token: await logIn(server, admin.appToken, admin) }),
  'api-token': async () => bearer(await newApiToken(server, admin.appToken, 'GATEWAY')),
  oauth2: async () => bearer(await newAccessToken(server, client)),
  client: () => Promise.resolve(client.basic),
};

/** Executes an operation with what the page fills in. */
async function execute(shown: Shown, type?: string, body?: unknown): Promise<{ status: number; answer: unknown }> {
  const { method, path, operation } = shown;
  const headers = await authorise(shown);
  const query = new URLSearchParams();
  let url = path;
  for (const { name, in: place, required, example, schema = {} } of operation.parameters ?? []) {
    const value = example ?? schema.example ?? schema.default ?? (required ? schema.enum?.[0] : undefined);
    if (value === undefined) continue;
    if (place === 'path') url = url.replace(`{${name}}`, String(value));
    else if (place === 'query') query.set(name, String(value));
    else headers[name] = String(value);
  }
  const text =
    type === undefined || type.endsWith('json')
      ? JSON.stringify(body)
      : new URLSearchParams(body as Record<string, string>).toString();
  const target = query.size > 0 ? `${url}?${query.toString()}` : url;
  const answer = await server.call(method, target, text, {
    ...headers,
    ...(type !== undefined && { 'content-type': type }),
  });
  return { status: answer.status, answer: answer.body as unknown };
}

/** The body that each media type begins with. Of a form, Swagger UI shows the examples of the fields. */
function bodiesOf({ requestBody }: Operation, { components = {} }: OpenAPIObject): [string | undefined, unknown][] {
  const content = Object.entries((requestBody as { content?: Record<string, MediaType> } | undefined)?.content ?? {});
  if (content.length === 0) return [[undefined, undefined]];
  return content.map(([type, { schema = {}, example, examples = {} }]) => {
    const [first] = Object.values(examples) as { value: unknown }[];
    const body = (example ?? first?.value) as Record<string, unknown>;
    if (type.endsWith('json')) return [type, body];
    const { properties = {} } = (components.schemas as Schemas)[schema.$ref?.split('/').at(-1) ?? ''] ?? {};
    return [type, Object.fromEntries(Object.keys(body).map((name) => [name, properties[name]?.example]))];
  });
}

/** The rule: an operation needs something of its reader's own if it has a blank, in its path or its body. */
const needsOwn = (description: OpenAPIObject, { operation }: Shown) =>
  blanksOf(operation, (description.components?.schemas ?? {}) as Schemas).length > 0;

it('every operation does what it is for with its examples unchanged, whenever the page is opened', async () => {
  const description = (await server.call('GET', '/docs-json')).body as OpenAPIObject;
  const exempt = new Set(
    operationsOf(description)
      .filter((one) => needsOwn(description, one))
      .map(({ name }) => name),
  );
  for (const time of ['first', 'second']) {
    const page = await openPage();
    const failed: unknown[] = [];
    let executed = 0;
    for (const shown of operationsOf(page).filter(({ name }) => !exempt.has(name))) {
      for (const [type, body] of bodiesOf(shown.operation, page)) {
        const { status, answer } = await execute(shown, type, body);
        executed += 1;
        if (status < 200 || status > 299) failed.push([shown.name, type, status, answer]);
      }
    }
    expect({ time, failed }).toEqual({ time, failed: [] });
    expect(executed).toBeGreaterThanOrEqual(30);
  }
});

it('ids and tokens that only the reader can have are blank, and optional parameters are left out', async () => {
  const page = await openPage();
  const { paths } = page;
  const parametersOf = (path: string) => paths[path]?.get?.parameters as Parameter[];
  const [id] = parametersOf('/accounts/{id}');
  expect([id?.name, id?.example ?? id?.schema?.example]).toEqual(['id', undefined]);
  for (const { example, schema } of parametersOf('/api/v1/audit_events')) {
    expect(example ?? schema?.example).toBeUndefined();
  }
  const shown = Object.fromEntries(
    operationsOf(page).map(({ name, operation }) => [name, bodiesOf(operation, page)[0]?.[1]]),
  );
  expect(shown).toMatchObject({
    'PUT /account/session': { account: { refresh_token: '' } },
    'PUT /account/password': { account: { reset_password_token: '', password: 'example' } },
    'POST /api/v1/tokens': { user: '' },
    'PUT /v1/frontend/auth': { token_link: '' },
    'DELETE /v1/frontend/auth/{account_id}': { token_link: '' },
    'POST /oauth/introspect': { token: '' },
  });
});
