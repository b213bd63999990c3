import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  admin,
  database,
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
import { newAccessToken, newClient } from '../support/oauth.js';
import { send, type RawRequest } from '../support/raw-http.js';
import { bearer, claimsOf, newEmail, type Answer } from '../support/server.js';
import { newApiToken } from '../support/tokens.js';

withWatcher();

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
  // Another word for the name.
  if (body && 'account_name' in body) body.account_name = body.name;
  // A client shows who it is in one way only.
  if (described.operation.tags.includes('oauth'))
    for (const name of ['client_id', 'client_secret']) delete body?.[name];
  const headers = rightHeaders(described, owner).at(-1);
  const asClient = [owner.basic.authorization, bearer(owner.accessToken).authorization];
  const ownPath = path.replace(/\{(\w+)\}/g, (_, parameter: string) => ownSegment(path, parameter, owner));
  return {
    method,
    // Clients see organisations, and no people.
    path: asClient.includes(headers?.authorization ?? '') ? ownPath.replace(owner.id, owner.organisation) : ownPath,
    headers: { ...(body && JSON_TYPE), ...headers },
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
          'a form with 5,000 fields',
          400,
          { body: Array.from({ length: 5_000 }, (_, n) => `a${n}`).join('&'), headers: form },
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
  });

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
