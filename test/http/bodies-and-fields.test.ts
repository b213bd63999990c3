import { describe, expect, it, jest } from '@jest/globals';
import { describeApi } from '../../src/openapi/docs.js';
import { server, withRoutes, WORDED } from '../support/http.js';
import { send } from '../support/raw-http.js';

withRoutes();

const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };

describe('A body', () => {
  it.each([
    ['POST', '/accounts', 'account'],
    ['POST', '/account/session', 'account'],
    ['PUT', '/account/password', 'account'],
    ['POST', '/api/v1/token', 'app-token'],
    ['POST', '/v1/frontend/auth', 'publicauth'],
    ['POST', '/oauth/token', 'oauth'],
    ['POST', '/oauth/introspect', 'oauth'],
    ['POST', '/api/identifications', 'connect'],
    ['POST', '/wayf/x', 'page'],
  ])('has at most 64 KiB where nobody needs more: %s %s', async (method, path, dialect) => {
    const ofSize = (size: number) => `{"a":"${'x'.repeat(size - 8)}"}`;
    for (const chunked of [false, true]) {
      const large = await send(server, { method, path, headers: JSON_TYPE, body: ofSize(65_537), chunked });
      expect([large.status, large.body]).toEqual([413, WORDED[dialect]?.(413)]);
    }
    const small = await send(server, { method, path, headers: JSON_TYPE, body: ofSize(65_536) });
    expect([path, small.status]).not.toEqual([path, 413]);
  });

  it('may be larger, up to BODY_LIMIT, where accounts have networks and domains', async () => {
    for (const [method, path] of [
      ['POST', '/api/v1/accounts'],
      ['PATCH', '/api/v1/accounts/x'],
      ['POST', '/api/accounts'],
      ['PATCH', '/api/accounts/x'],
      ['PATCH', '/accounts/x'],
    ] as const) {
      const body = `{"a":"${'x'.repeat(1_000_000)}"}`;
      expect([path, (await send(server, { method, path, headers: JSON_TYPE, body })).status]).toEqual([path, 401]);
      const larger = await send(server, { method, path, headers: JSON_TYPE, body: `${body}${' '.repeat(50_000)}` });
      expect([path, larger.status]).toEqual([path, 413]);
    }
  });

  it.each([
    ['a million elements', `{"a":[${'1,'.repeat(500_000)}1]}`, 'The body has too many fields.'],
    [
      'a thousand and one fields',
      `{${Array.from({ length: 1_001 }, (_, n) => `"${n}":1`).join()}}`,
      'The body has too many fields.',
    ],
    ['empty lists', `{"a":[${'[],'.repeat(1_000)}1]}`, 'The body has too many fields.'],
    ['much depth', `{"a":${'['.repeat(100_000)}`, 'The body is nested too deeply.'],
  ])('of %s is counted before anything is made of it', async (_, body, message) => {
    const parse = jest.spyOn(JSON, 'parse');
    try {
      const answer = await send(server, { method: 'POST', path: '/api/accounts', headers: JSON_TYPE, body });
      expect(answer).toMatchObject({ status: 400, body: { status_code: 400, message } });
      expect(parse.mock.calls.filter(([text]) => text === body)).toEqual([]);
    } finally {
      parse.mockRestore();
    }
  });

  it.each([
    ['commas and brackets in texts', JSON.stringify({ a: '[{,'.repeat(5_000) })],
    ['quotation marks and backslashes in texts', JSON.stringify({ a: '\\",[{'.repeat(3_000), '\\",[{\\': '\\' })],
    ['a thousand fields', `{${Array.from({ length: 1_000 }, (_, n) => `"${n}":1`).join()}}`],
    ['lists, thirty deep', `{"a":${'['.repeat(30)}${']'.repeat(30)}}`],
  ])('is taken for what it is: %s', async (_, body) => {
    const { status } = await send(server, { method: 'POST', path: '/api/accounts', headers: JSON_TYPE, body });
    expect(status).toBe(401);
  });

  it('that is a form is counted first too', async () => {
    const names = (count: number) => Array.from({ length: count }, (_, n) => n.toString(36)).join('&');
    const post = (body: string) => send(server, { method: 'POST', path: '/oauth/token', headers: FORM_TYPE, body });
    expect(await post(names(1_001))).toMatchObject({
      status: 400,
      body: { error: 'invalid_request', error_description: 'The body has too many fields.' },
    });
    expect((await post(names(1_000))).status).toBe(401);
  });

  it.each(['a=%ff%fe', 'a%c3=1', 'a=%c3&%a9=1', 'a=%E2%82'])(
    'that is a form is refused when what it escapes is not UTF-8: %s',
    async (body) => {
      const answer = await send(server, { method: 'POST', path: '/oauth/token', headers: FORM_TYPE, body });
      expect(answer).toMatchObject({ status: 400, body: { error_description: 'The body is not valid UTF-8.' } });
    },
  );

  it('that is a form may escape whatever is UTF-8', async () => {
    const body = 'a=%c3%A9+%25ff&%F0%9F%98%80=100%';
    expect((await send(server, { method: 'POST', path: '/oauth/token', headers: FORM_TYPE, body })).status).toBe(401);
  });
});

interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  enum?: unknown[];
  maxLength?: number;
  maxItems?: number;
  properties?: Record<string, Schema>;
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
}

interface Description {
  paths: Record<
    string,
    Record<
      string,
      { parameters?: { name: string; schema: Schema }[]; requestBody?: { content: Record<string, { schema: Schema }> } }
    >
  >;
  components: { schemas: Record<string, Schema> };
}

/** Each says how long a text is. An email's does not. */
const BOUNDED_FORMATS = ['uuid', 'date-time', 'date'];

/** @returns the places in what a request sends, where a text or a list may be of any length; of what it has seen, too */
function unbounded(schema: Schema, place: string, schemas: Record<string, Schema>, seen: string[]): string[] {
  const { $ref, type, format, properties = {}, items, allOf = [], oneOf = [], anyOf = [] } = schema;
  if ($ref !== undefined) return unbounded(schemas[$ref.split('/').at(-1) ?? ''] ?? {}, place, schemas, seen);
  const isText = type === 'string';
  if (isText || items) seen.push(place);
  const isBounded =
    schema.enum !== undefined || schema.maxLength !== undefined || BOUNDED_FORMATS.includes(format ?? '');
  return [
    ...(isText && !isBounded ? [place] : []),
    ...(items && schema.maxItems === undefined ? [`${place}[]`] : []),
    ...Object.entries(properties).flatMap(([name, one]) => unbounded(one, `${place}.${name}`, schemas, seen)),
    ...(items ? unbounded(items, `${place}[*]`, schemas, seen) : []),
    ...[...allOf, ...oneOf, ...anyOf].flatMap((one) => unbounded(one, place, schemas, seen)),
  ];
}

describe('Every text and every list that a request may hold', () => {
  it('has a maximum', () => {
    const { paths, components } = describeApi(server.app, 'http://latchkey.test') as unknown as Description;
    const seen: string[] = [];
    const found = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { parameters = [], requestBody }]) => [
        ...parameters.flatMap(({ name, schema }) =>
          unbounded(schema, `${method} ${path} ?${name}`, components.schemas, seen),
        ),
        ...Object.entries(requestBody?.content ?? {}).flatMap(([type, { schema }]) =>
          unbounded(schema, `${method} ${path} ${type} `, components.schemas, seen),
        ),
      ]),
    );
    expect(found).toEqual([]);
    expect(seen.length).toBeGreaterThan(100);
  });
});
