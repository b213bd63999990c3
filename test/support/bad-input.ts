import { afterAll, beforeAll, expect } from '@jest/globals';
import pg from 'pg';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './database.js';
import { signUp, startServer, type Answer, type TestServer } from './server.js';
import { signedInAdmin, type User } from './tokens.js';

export let database: TestDatabase;
export let server: TestServer;
export let admin: User;
let watcher: pg.Client;
let everythingStored: pg.QueryConfig;

/** A server on a database of the suite's own, in which every change is seen. */
export function withWatcher(): void {
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
}

/** An account, and all that can open it. */
export interface Holder {
  id: string;
  email: string;
  token: string;
  refreshToken: string;
  resetToken: string;
}

export async function makeHolder(): Promise<Holder> {
  const account = await signUp(server, { remember: true });
  await server.call('POST', '/account/password', { account: { email: account.email } });
  const [reset] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [
    account.id,
  ]);
  return { ...account, resetToken: server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '') };
}

/**
 * Gets ready to ask for all that is stored. Limits count requests, the audit log has what failed, mails go out, uses of tokens and
 * of SECRET_KEY are noted, and the index of the search follows on its own: that is no harm done.
 */
async function watch(): Promise<void> {
  watcher = new pg.Client(database.connection);
  await watcher.connect();
  const { rows } = await watcher.query<{ table: string; columns: string }>(
    `SELECT table_name AS table, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) AS columns
     FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name NOT IN (
         'attempt_limits', 'sign_in_failures', 'known_addresses', 'audit_events', 'audit_emails', 'institution_changes',
         'institution_search', 'institution_words', 'secret_keys')
       AND NOT (SELECT relispartition FROM pg_class WHERE oid = quote_ident(table_name)::regclass)
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
export async function everything(): Promise<Record<string, unknown>> {
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
  400: /^(invalid_request|invalid_scope|invalid_target|unsupported_grant_type)$/,
  401: /^invalid_client$/,
  403: /^insufficient_scope$/,
  404: /^invalid_request$/,
  405: /^invalid_request$/,
  413: /^invalid_request$/,
  415: /^invalid_request$/,
  429: /^temporarily_unavailable$/,
};

const SENTENCE = expect.stringMatching(/^[A-Z].*\.$/);

/** What is said of a field goes on after its name, unless it is unknown. */
const FIELD = /^([a-z]|Unknown (field|query parameter): )/;

/** One text, or a list of them, for each bad field, and at least one field. */
function expectFields(errors: object, text: unknown): void {
  expect(Object.keys(errors).length).toBeGreaterThan(0);
  expect(errors).toEqual(Object.fromEntries(Object.keys(errors).map((field) => [field, text])));
}

/** What the body of a refusal looks like in each dialect. */
const BODIES: Record<string, (status: number, body: Record<string, unknown>) => void> = {
  account: (status, { errors, ...others }) => {
    expect(others).toEqual({ id: ID_OF[status], message: SENTENCE });
    // A change of nothing is 400, and names what is missing.
    if (status !== 400) expect(errors !== undefined).toBe([409, 422].includes(status));
    for (const messages of Object.values((errors ?? {}) as Record<string, string[]>)) {
      expect(messages.length).toBeGreaterThan(0);
      for (const text of messages) expect(text).toMatch(FIELD);
    }
  },
  connect: (status, { errors, ...others }) => {
    const invalid = status === 400 && errors !== undefined;
    expect(others).toEqual({ status_code: status, message: invalid ? 'Validation Failed' : SENTENCE });
    if (status !== 400) expect(errors !== undefined).toBe(status === 409);
    if (errors !== undefined) expectFields(errors as object, expect.stringMatching(FIELD));
  },
  oauth: (status, body) => {
    // RFC 6749 says which characters a description has.
    const description = expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    expect(body).toEqual({
      error: expect.stringMatching(OAUTH_ERRORS[status] ?? /^$/),
      error_description: description,
    });
  },
  publicauth: (_, { error_identifier = 'AUTH_TOKEN_INVALID', ...body }) => {
    expect(error_identifier).toBe('AUTH_TOKEN_INVALID');
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

export const BASIC = 'Basic realm="latchkey", charset="UTF-8"';
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

export function expectDialect({ status, headers, body }: Answer, dialect = 'account'): void {
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

export const JSON_TYPE = { 'content-type': 'application/json' };

/** What makes any body unreadable: from the text of a good one to a spoilt one. */
export const UNREADABLE: [what: string, spoil: (good: string) => string | Buffer][] = [
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
  ['arrays 10,000 deep', () => `{"other":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
  ['objects 10,000 deep', () => `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ['5,000 fields', () => `{"account":{${Array.from({ length: 5_000 }, (_, index) => `"k${index}":1`).join()}}}`],
  ['10,000 brackets that nobody closes', () => '['.repeat(10_000)],
];

function spoilBytes(good: string, bytes: number[]): Buffer {
  return Buffer.concat([Buffer.from(`{"other":"`), Buffer.from(bytes), Buffer.from(`",${good.slice(1)}`)]);
}

export const MEDIA_TYPES = [
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

export const ENCODINGS: [what: string, headers: Record<string, string>][] = [
  ['a charset of UTF-16', { 'content-type': 'application/json; charset=utf-16le' }],
  ['a charset of Latin-1', { 'content-type': 'application/json;charset="ISO-8859-1"' }],
  ['a body that says it is gzip', { ...JSON_TYPE, 'content-encoding': 'gzip' }],
  ['an unknown content encoding', { ...JSON_TYPE, 'content-encoding': 'rot13' }],
];
