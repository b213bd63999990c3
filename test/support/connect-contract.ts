import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './database.js';
import { newAccessToken, newClient, type Client } from './oauth.js';
import { startServer, type Answer, type TestServer } from './server.js';
import { changeAccount } from './tokens.js';

/** The requests and answers of seed 000 for accounts and identifications, each under its heading, and what is added. */
export let database: TestDatabase;
export let server: TestServer;
/** Has every scope. */
export let client: Client;

/** A server on a database of the suite's own, and a client. */
export function withClient(): void {
  beforeAll(async () => {
    database = await createDatabase();
    server = await startServer(database.connection, { loginMaxFailures: 1_000 });
    client = await newClient(server);
  });

  afterAll(async () => {
    await server.close();
    await database.drop();
  });
}

export type Headers = Record<string, string>;

export const SECOND = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
export const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
export const NOT_FOUND = [404, { status_code: 404, message: 'Not found, or you do not have access to it.' }];
export const NAME_TAKEN = [
  409,
  { status_code: 409, message: 'An account with this name already exists.', errors: { name: 'is taken' } },
];
export const URL_BACK = 'https://publisher.example/read';

/** One value a word. */
export const words = (text: string) => text.trim().split(/\s+/);
export const invalid = (errors: object) => [400, { status_code: 400, message: 'Validation Failed', errors }];
export const outcome = ({ status, body }: Pick<Answer, 'status' | 'body'>): [number, unknown] => [status, body];
export const get = (path: string, headers: Headers = client.basic) => server.call('GET', path, undefined, headers);
export const post = (path: string, body: unknown, headers: Headers = client.basic) =>
  server.call('POST', path, body, headers);
export const patch = (path: string, body: unknown, headers: Headers = client.basic) =>
  server.call('PATCH', path, body, headers);
export const remove = (path: string, headers: Headers = client.basic) =>
  server.call('DELETE', path, undefined, headers);

let names = 0;
export const newName = () => `organisation ${(names += 1)}`;

let blocks = 0;
/** Networks that no other test has. */
export function newBlock() {
  blocks += 1;
  // Whoever has the former; RFC 9637.
  return { ipv4: `45.${blocks}`, ipv6: `3fff:${blocks.toString(16)}` };
}

/** What a client sees of an account that it has changed. */
export interface Account {
  [field: string]: unknown;
  id: string;
  name: string;
  aliases: string[];
  networks: string[];
  email_domains: string[];
  overlaps: { network: string; account_id: string; overlaps_with: string }[];
  overlaps_count: number;
}

/** What is shown of an account beside the documented fields, as published clients read it. */
export const besides = ({
  id,
  name,
  individual = false,
}: {
  id: string;
  name: string | null;
  individual?: boolean;
}) => ({
  account_name: name,
  legacy_id: null,
  active: true,
  type: individual ? 'individual' : 'institution',
  creation_date: SECOND,
  modified_date: SECOND,
  _links: { self: { href: `http://latchkey.test/api/accounts/${id}` } },
});

/** @returns the answer to the making of an organisation */
export async function organisation(fields: object = {}): Promise<Account> {
  const { status, body } = await post('/api/accounts', { name: newName(), ...fields });
  if (status !== 201) throw new Error(`Making an organisation was answered ${status}: ${JSON.stringify(body)}`);
  return body as Account;
}

interface AccountRow {
  [column: string]: unknown;
  id: string;
  email: string | null;
  name: string | null;
  aliases: string[];
  created_at: Date;
  updated_at: Date;
}

/** What is stored of an account, with its lists. */
export async function rowOf(id: string): Promise<AccountRow & { networks: string[]; domains: string[] }> {
  const [row] = await database.query<AccountRow & { networks: string[]; domains: string[] }>(
    `SELECT *,
       ARRAY(SELECT n.network::text FROM account_networks n WHERE n.account_id = id ORDER BY n.network) AS networks,
       ARRAY(SELECT domain FROM account_email_domains WHERE account_id = id ORDER BY domain) AS domains
     FROM accounts WHERE id = $1`,
    [id],
  );
  if (!row) throw new Error('There is no row for this account.');
  return row;
}

export const disable = (id: string) =>
  changeAccount(server, id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');

/** `curl -n` sends HTTP Basic; an access token of the same client is as good, in either spelling. */
export const CREDENTIALS = ['Basic', 'BASIC', 'Bearer X', 'bearer X', 'Bearer: X'] as const;

export async function credential(spelling: (typeof CREDENTIALS)[number], of = client): Promise<Headers> {
  if (spelling === 'Basic') return of.basic;
  if (spelling === 'BASIC') return { authorization: of.basic.authorization.replace('Basic', 'BASIC') };
  return { authorization: spelling.replace('X', await newAccessToken(server, of)) };
}

export const visitor = (fields: object = {}) => ({
  ip: '203.0.113.1',
  url: URL_BACK,
  user_agent: 'example',
  ...fields,
});

export const identify = (fields: object = {}, headers: Headers = client.basic) =>
  post('/api/identifications', visitor(fields), headers);

let domains = 0;
export const newDomain = () => `institution${(domains += 1)}.example`;

/** The last word of a suite. */
export function nothingFailedUnexpectedly(): void {
  it('Nothing of all this was an unexpected failure', () => {
    expect(server.logs.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
  });
}
