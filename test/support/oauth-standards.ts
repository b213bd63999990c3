import { readdirSync, readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Revocations } from '../../src/revocations/revocations.service.js';
import { createDatabase, type TestDatabase } from './database.js';
import { basic, newClient, postForm, type Client } from './oauth.js';
import { startServer, type Answer, type TestServer } from './server.js';
import { rowOf, signedInAdmin, type User } from './tokens.js';

/** One test for each line of docs/standards.md that applies, under the name that the line gives. */
export let database: TestDatabase;
export let server: TestServer;
export let admin: User;
/** May ask what tokens are. */
export let asker: Client;

export const DOCUMENT = 'docs/standards.md';
export const MOST_FAILURES = 10;

/** A server on a database of the suite's own, an admin, and a client that asks about tokens. */
export function withAsker(): void {
  beforeAll(async () => {
    database = await createDatabase();
    const behindProxy = { publicUrl: 'https://latchkey.test', trustProxy: 1 };
    server = await startServer(database.connection, { ...behindProxy, loginMaxFailures: MOST_FAILURES });
    admin = await signedInAdmin(server);
    asker = await newClient(server, { scopes: ['tokens:introspect'] });
  });

  afterAll(async () => {
    await server.close();
    await database.drop();
  });
}

const titles: string[] = [];

/** A test that a line of the document names. */
export function shows(title: string, test: () => Promise<unknown>): void {
  titles.push(title);
  it(title, async () => {
    await test();
  });
}

export type Headers = Record<string, string>;

export const GRANT = { grant_type: 'client_credentials' };
export const ENDPOINTS = ['/oauth/token', '/oauth/introspect', '/oauth/revoke'];
export const UNKNOWN = '0'.repeat(32);
export const INACTIVE = [200, { active: false }];
/** What `error` and `error_description` may hold. */
export const ERROR_TEXT = /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/;

export const outcome = ({ status, body }: Answer): [number, unknown] => [status, body];
/** Status and error code. */
export const refusal = ({ status, body }: Answer): [number, unknown] => [status, body.error];
export const ask = (client: Client, form: string | Record<string, string> = GRANT) =>
  postForm(server, '/oauth/token', form, client.basic);
export const introspect = (token: string, extra: Record<string, string> = {}) =>
  postForm(server, '/oauth/introspect', { token, ...extra }, asker.basic);
export const revoke = (client: Client, token: string, extra: Record<string, string> = {}) =>
  postForm(server, '/oauth/revoke', { token, ...extra }, client.basic);
export const get = (path: string, headers: Headers = {}) => server.call('GET', path, undefined, headers);
export const accounts = (headers: Headers) => get('/api/accounts?perpage=1', headers);
/** Announced, so that nobody goes by what they remember. */
export const expire = async (token: string) => {
  const { id } = await rowOf(database, token);
  const move = 'UPDATE tokens SET expires_at = now() WHERE id = $1';
  await server.app.get(Revocations).during(`token ${id}`, (tx) => tx.query(move, [id]));
};

interface Metadata {
  issuer: string;
  jwks_uri: string;
  grant_types_supported: string[];
  response_types_supported: string[];
  scopes_supported: string[];
  [name: string]: unknown;
}

export const metadata = async () => (await get('/.well-known/oauth-authorization-server')).body as Metadata;

/** A client of an admin's, made over REST. */
export async function madeClient(fields: object = {}): Promise<{ answer: Answer; client: Client }> {
  const answer = await server.call(
    'POST',
    '/api/v1/oauth_clients/',
    { name: 'x', scopes: [], ...fields },
    admin.headers,
  );
  const { id, client_secret: secret } = answer.body as { id: string; client_secret: string };
  return { answer, client: { id, secret, basic: basic(id, secret) } };
}

interface Challenge {
  scheme: string;
  parameters: [name: string, value: string][];
}

/** Reads one challenge, and nothing but a well-formed one. */
export function readChallenge(header: string | null): Challenge {
  const [, scheme = '', rest = ''] = /^([A-Za-z-]+)((?: (?:[a-z_]+="[^"]*"(?:, )?)+)?)$/.exec(header ?? '') ?? [];
  if (scheme === '') throw new Error(`This is no challenge: ${header ?? 'nothing'}`);
  const parameters = [...rest.matchAll(/([a-z_]+)="([^"]*)"/g)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );
  return { scheme, parameters: parameters.map(([name, value]) => [name, value]) };
}

export const errorOf = ({ headers }: Answer) =>
  new Map(readChallenge(headers.get('www-authenticate')).parameters).get('error');

export const ID = randomUUID();

const SUITES = 'test/oauth-standards';

/** The titles of the tests of all suites of the document, as they are written there. */
const allTitles = (): string[] =>
  readdirSync(SUITES)
    .map((name) => readFileSync(`${SUITES}/${name}`, 'utf8'))
    .flatMap((source) => [...source.matchAll(/^ *shows\(\s*(['"])(.+?)\1,/gm)].map(([, , title = '']) => title));

/** The last word of a suite. */
export function theDocumentNamesEveryTest(): void {
  describe(DOCUMENT, () => {
    interface Line {
      rfc: string;
      section: string;
      asks: string;
      answer: string;
    }

    function readLines(): Line[] {
      let rfc = '';
      return readFileSync(DOCUMENT, 'utf8')
        .split('\n')
        .flatMap((text) => {
          rfc = /^## (RFC \d+)/.exec(text)?.[1] ?? rfc;
          if (!text.startsWith('| ') || /^\| (section|-)/.test(text)) return [];
          const [section = '', asks = '', answer = '', ...rest] = text.split('|').slice(1, -1);
          if (rest.length > 0) throw new Error(`This line has too many cells: ${text}`);
          return [{ rfc, section: section.trim(), asks: asks.trim(), answer: answer.trim() }];
        });
    }

    /** The title that a line names, if that is what its last cell has. */
    const titleIn = ({ answer }: Line) => /^`([^`]+)`$/.exec(answer)?.[1];

    it('names tests that exist, and has every one of them in a line', () => {
      const named = new Set(
        readLines()
          .map(titleIn)
          .filter((title) => title !== undefined),
      );
      const all = allTitles();
      expect(all).toEqual(expect.arrayContaining(titles));
      expect([...named].sort()).toEqual(all.sort());
    });

    it('has a section, a demand and an answer in every line, and lines for each RFC', () => {
      const lines = readLines();
      for (const line of lines) {
        expect(line.section).toMatch(/^\d+(\.\d+)*((, | to )\d+(\.\d+)*)*$/);
        expect(line.asks.length).toBeGreaterThan(10);
        expect(line.answer.length).toBeGreaterThan(2);
      }
      const rfcs = new Set(lines.map(({ rfc }) => rfc));
      expect([...rfcs]).toEqual(['RFC 6749', 'RFC 6750', 'RFC 7009', 'RFC 7662', 'RFC 8414', 'RFC 8707', 'RFC 9700']);
    });
  });
}
