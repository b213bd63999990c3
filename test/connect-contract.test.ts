import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import { EntityManager } from 'typeorm';
import { CLIENT_SCOPE_NAMES } from '../src/access/client-scopes.js';
import { PasswordHasher } from '../src/passwords/password-hasher.js';
import { readNetwork } from '../src/accounts/networks.js';
import { Sweeper } from '../src/database/sweeper.service.js';
import { IDENTIFY } from '../src/identifications/identifications.store.js';
import { Tokens } from '../src/tokens/tokens.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newAccessToken, newClient, type Client } from './support/oauth.js';
import { bearer, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { Statements, type Statement } from './support/statements.js';
import { callExactly, changeAccount, logIn, makeAdmin, newApiToken, tokenHeaders } from './support/tokens.js';

/** The requests and answers of seed 000 for accounts and identifications, each under its heading, and what is added. */
let database: TestDatabase;
let server: TestServer;
/** Has every scope. */
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { loginMaxFailures: 1_000 });
  client = await newClient(server);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

type Headers = Record<string, string>;

const SECOND = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const NOT_FOUND = [404, { status_code: 404, message: 'Not found, or you do not have access to it.' }];
const NAME_TAKEN = [
  409,
  { status_code: 409, message: 'An account with this name exists.', errors: { name: 'is taken' } },
];
const URL_BACK = 'https://publisher.example/read';

/** One value a word. */
const words = (text: string) => text.trim().split(/\s+/);
const invalid = (errors: object) => [400, { status_code: 400, message: 'Validation Failed', errors }];
const outcome = ({ status, body }: Pick<Answer, 'status' | 'body'>): [number, unknown] => [status, body];
const get = (path: string, headers: Headers = client.basic) => server.call('GET', path, undefined, headers);
const post = (path: string, body: unknown, headers: Headers = client.basic) => server.call('POST', path, body, headers);
const patch = (path: string, body: unknown, headers: Headers = client.basic) =>
  server.call('PATCH', path, body, headers);
const remove = (path: string, headers: Headers = client.basic) => server.call('DELETE', path, undefined, headers);

let names = 0;
const newName = () => `organisation ${(names += 1)}`;

let blocks = 0;
/** Networks that no other test has. */
function newBlock() {
  blocks += 1;
  // RFC 1918 and RFC 4193.
  return { ipv4: `10.${blocks}`, ipv6: `fd00:${blocks.toString(16)}` };
}

/** What a client sees of an account that it has changed. */
interface Account {
  [field: string]: unknown;
  id: string;
  name: string;
  networks: string[];
  email_domains: string[];
  overlaps: { network: string; account_id: string; overlaps_with: string }[];
  overlaps_count: number;
}

/** @returns the answer to the making of an organisation */
async function organisation(fields: object = {}): Promise<Account> {
  const { status, body } = await post('/api/accounts', { name: newName(), ...fields });
  if (status !== 201) throw new Error(`Making an organisation was answered ${status}: ${JSON.stringify(body)}`);
  return body as Account;
}

interface AccountRow {
  [column: string]: unknown;
  id: string;
  email: string | null;
  name: string | null;
  created_at: Date;
  updated_at: Date;
}

/** What is stored of an account, with its lists. */
async function rowOf(id: string): Promise<AccountRow & { networks: string[]; domains: string[] }> {
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

const disable = (id: string) => changeAccount(server, id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');

/** `curl -n` sends HTTP Basic; an access token of the same client is as good, in either spelling. */
const CREDENTIALS = ['Basic', 'BASIC', 'Bearer X', 'bearer X', 'Bearer: X'] as const;

async function credential(spelling: (typeof CREDENTIALS)[number], of = client): Promise<Headers> {
  if (spelling === 'Basic') return of.basic;
  if (spelling === 'BASIC') return { authorization: of.basic.authorization.replace('Basic', 'BASIC') };
  return { authorization: spelling.replace('X', await newAccessToken(server, of)) };
}

describe('Account Info', () => {
  it.each(CREDENTIALS)('Response Example: 200 with the documented fields, for `%s`', async (spelling) => {
    const { id, name } = await organisation({ publisher_reference: 'example' });
    const answer = await get(`/accounts/${id}`, await credential(spelling));
    expect(outcome(answer)).toEqual([
      200,
      {
        created_at: SECOND,
        id,
        name,
        publisher_reference: 'example',
        updated_at: SECOND,
        individual: false,
        networks: [],
        email_domains: [],
      },
    ]);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const row = await rowOf(id);
    expect(answer.body.created_at).toBe(`${row.created_at.toISOString().slice(0, 19)}Z`);
    expect(answer.body.updated_at).toBe(`${row.updated_at.toISOString().slice(0, 19)}Z`);
  });

  it('takes the id in capitals, and a slash behind it, and answers the same below /api', async () => {
    const account = await organisation();
    const { overlaps, overlaps_count, ...seen } = account;
    expect([overlaps, overlaps_count]).toEqual([[], 0]);
    for (const path of ['/accounts', '/api/accounts']) {
      for (const id of [account.id, account.id.toUpperCase(), `${account.id}/`]) {
        expect(outcome(await get(`${path}/${id}`))).toEqual([200, seen]);
      }
    }
  });

  it('shows a person as an account without a name, and nothing of what signs them in', async () => {
    const { id, email } = await signUp(server);
    const { status, body } = await get(`/accounts/${id}`);
    expect([status, body]).toEqual([
      200,
      {
        created_at: SECOND,
        id,
        name: null,
        publisher_reference: null,
        updated_at: SECOND,
        individual: true,
        networks: [],
        email_domains: [],
      },
    ]);
    expect(JSON.stringify(body)).not.toContain(email);
  });

  it.each([
    ['an unknown id', () => randomUUID()],
    ['a uuid of zeros', () => '00000000-0000-0000-0000-000000000000'],
    ['no uuid', () => 'example'],
    ['a uuid and more', () => `${randomUUID()}0`],
    ['braces', () => `%7B${randomUUID()}%7D`],
    ['a uuid without hyphens', () => randomUUID().replaceAll('-', '')],
    ['SQL', () => encodeURIComponent(`${randomUUID()}' OR true --`)],
    ['4,000 characters', () => 'a'.repeat(4_000)],
  ])('is 404 for %s, to read, to change and to delete', async (_, idOf) => {
    const id = idOf();
    for (const path of [`/accounts/${id}`, `/api/accounts/${id}`]) {
      expect(outcome(await get(path))).toEqual(NOT_FOUND);
      expect(outcome(await patch(path, {}))).toEqual(NOT_FOUND);
      expect(outcome(await patch(path, { name: newName(), networks: ['203.0.113.0/24'] }))).toEqual(NOT_FOUND);
    }
    expect(outcome(await remove(`/api/accounts/${id}`))).toEqual(NOT_FOUND);
    expect(await database.query(`SELECT 1 FROM account_networks WHERE network = '203.0.113.0/24'`)).toEqual([]);
  });

  it.each(['..', '%2e%2e', '.', '%2f', '%5c', '%', '%zz', '%c3%28', '%00'])(
    'is 400 or 404 for what is no id: %s',
    async (id) => {
      for (const [method, path] of [
        ['GET', `/accounts/${id}`],
        ['PATCH', `/accounts/${id}`],
        ['PATCH', `/api/accounts/${id}`],
        ['DELETE', `/api/accounts/${id}`],
      ] as const) {
        const { status } = await callExactly(server, method, path, method === 'PATCH' ? {} : undefined, client.basic);
        expect([400, 404]).toContain(status);
      }
    },
  );
});

describe('GET /accounts/{id} has two shapes, and the credential decides', () => {
  const account = (id: string, message: string) => ({ id, message });
  const connect = (status_code: number, message: string) => ({ status_code, message });

  it('a session asks about itself: data with id and email', async () => {
    const { id, email, token } = await signUp(server);
    for (const authorization of [`Bearer ${token}`, `Bearer: ${token}`, `bearer ${token}`]) {
      expect(outcome(await get(`/accounts/${id}`, { authorization }))).toEqual([200, { data: { id, email } }]);
    }
  });

  it('a session sees no other account, be it an organisation', async () => {
    const { token } = await signUp(server);
    const stranger = await signUp(server);
    const { id } = await organisation();
    for (const other of [stranger.id, id, randomUUID(), 'example']) {
      const answer = await get(`/accounts/${other}`, bearer(token));
      expect(outcome(answer)).toEqual([404, account('not_found', 'Not found, or you do not have access to it.')]);
    }
  });

  it('errors are worded for the account holder when there is no credential, or one that may be a session', async () => {
    const { id, token } = await signUp(server);
    const { appToken } = await makeAdmin(server);
    await server.call('DELETE', '/account/session', undefined, bearer(token));
    const api = await newApiToken(server, appToken, 1);
    for (const [headers, message] of [
      [{}, 'Authenticate with a session token as a Bearer token.'],
      [{ authorization: 'Digest x' }, 'Authenticate with a session token as a Bearer token.'],
      [{ 'app-token': appToken }, 'Authenticate with a session token as a Bearer token.'],
      [bearer(token), 'The session has ended or the token is invalid.'],
      [bearer('nonsense'), 'The session has ended or the token is invalid.'],
      [bearer(api), 'The session has ended or the token is invalid.'],
    ] as [Headers, string][]) {
      const answer = await get(`/accounts/${id}`, headers);
      expect(outcome(answer)).toEqual([401, account('unauthorized', message)]);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });

  it('errors are worded for clients when the credential is a client’s', async () => {
    const { id } = await signUp(server);
    const gone = await newAccessToken(server, client);
    await server.call('POST', '/oauth/revoke', { token: gone }, client.basic);
    const reader = await newClient(server, { scopes: ['accounts:write'] });
    const wrong = { authorization: `Basic ${Buffer.from(`${client.id}:wrong`).toString('base64')}` };
    for (const [headers, path, status, message] of [
      [bearer(gone), id, 401, 'The access token is invalid or has expired.'],
      [bearer('0'.repeat(32)), id, 401, 'The access token is invalid or has expired.'],
      [wrong, id, 401, 'Unknown client or wrong secret.'],
      [{ authorization: 'Basic nonsense' }, id, 401, 'Unknown client or wrong secret.'],
      [reader.basic, id, 403, 'The client does not have the accounts:read scope.'],
      [client.basic, randomUUID(), 404, 'Not found, or you do not have access to it.'],
      [client.basic, 'example', 404, 'Not found, or you do not have access to it.'],
    ] as [Headers, string, number, string][]) {
      expect(outcome(await get(`/accounts/${path}`, headers))).toEqual([status, connect(status, message)]);
    }
  });

  it('PATCH and PUT of the same path are of two documents too', async () => {
    const { id, token } = await signUp(server);
    const answer = await patch(`/accounts/${id}`, { name: newName() }, bearer(token));
    expect(outcome(answer)).toEqual([401, connect(401, 'The access token is invalid or has expired.')]);
    const put = await server.call('PUT', `/accounts/${id}`, {}, client.basic);
    expect(outcome(put)).toEqual([401, account('unauthorized', expect.any(String) as never)]);
    expect((await rowOf(id)).name).toBeNull();
  });
});

describe('Account List', () => {
  let statements: Statements;
  let ownDatabase: TestDatabase;
  let own: TestServer;
  let reader: Client;

  beforeAll(async () => {
    statements = new Statements();
    ownDatabase = await createDatabase();
    own = await startServer(ownDatabase.connection);
    reader = await newClient(own);
  });

  afterAll(async () => {
    statements.stop();
    await own.close();
    await ownDatabase.drop();
  });

  const list = (query = '') => own.call('GET', `/api/accounts${query}`, undefined, reader.basic);
  const idsOf = ({ body }: Answer) => (body.accounts as { id: string }[]).map(({ id }) => id);
  const add = async () =>
    (await own.call('POST', '/api/accounts', { name: newName() }, reader.basic)).body.id as string;
  const allIds = async () =>
    (await ownDatabase.query<{ id: string }>('SELECT id FROM accounts ORDER BY created_at, id')).map(({ id }) => id);

  /** Adds accounts until there are so many. @returns the ids of all, the oldest first */
  async function atLeast(count: number): Promise<string[]> {
    const missing = count - (await allIds()).length;
    await Promise.all(Array.from({ length: Math.max(0, missing) }, add));
    return allIds();
  }

  /** The query that `Link` names, if it names one. */
  function nextOf({ headers }: Answer): string | undefined {
    const link = headers.get('link');
    if (link === null) return undefined;
    const [, target] = /^<([^>]+)>; rel="next"$/.exec(link) ?? [];
    const next = new URL(target ?? '', `${own.url}/api/accounts`);
    expect([target, next.pathname]).toEqual([expect.any(String), '/api/accounts']);
    return next.search;
  }

  /** @returns the ids of every page, by following `Link` */
  async function walk(query: string, between: (ids: string[]) => Promise<unknown> = () => Promise.resolve()) {
    const pages: string[][] = [];
    for (let next: string | undefined = query; next !== undefined;) {
      const answer: Answer = await list(next);
      expect(answer.status).toBe(200);
      pages.push(idsOf(answer));
      next = nextOf(answer);
      await between(pages.at(-1) ?? []);
    }
    return pages;
  }

  it('Response Example: 200 with no accounts where there are none', async () => {
    const answer = await list();
    expect(outcome(answer)).toEqual([200, { accounts: [] }]);
    expect(answer.headers.get('link')).toBeNull();
  });

  it('shows every account as GET does, the oldest first', async () => {
    for (let count = 0; count < 3; count += 1) await add();
    const { id } = await signUp(own);
    const answer = await list('/');
    expect(idsOf(answer)).toEqual(await allIds());
    for (const account of answer.body.accounts as Account[]) {
      expect(account).toEqual((await own.call('GET', `/accounts/${account.id}`, undefined, reader.basic)).body);
    }
    expect((answer.body.accounts as Account[]).at(-1)).toEqual({
      created_at: SECOND,
      id,
      name: null,
      publisher_reference: null,
      updated_at: SECOND,
      individual: true,
      networks: [],
      email_domains: [],
    });
  });

  it('gives pages of perpage accounts, by page or by Link', async () => {
    const ids = await atLeast(12);
    expect(await walk('?perpage=5')).toEqual([ids.slice(0, 5), ids.slice(5, 10), ids.slice(10)]);
    expect(idsOf(await list('?page=1&perpage=5'))).toEqual(ids.slice(0, 5));
    expect(idsOf(await list('?page=2&perpage=5'))).toEqual(ids.slice(5, 10));
    expect(await walk('?page=2&perpage=5')).toEqual([ids.slice(5, 10), ids.slice(10)]);
    expect(await walk('?page=3&perpage=5')).toEqual([ids.slice(10)]);
    expect(await walk(`?perpage=${ids.length}`)).toEqual([ids]);
    expect(outcome(await list('?page=4&perpage=5'))).toEqual([200, { accounts: [] }]);
    expect(await walk('?page=1000&perpage=100')).toEqual([[]]);
    expect((await walk('?perpage=1')).flat()).toEqual(ids);
  });

  it('can change the size of its pages on the way', async () => {
    const ids = await atLeast(12);
    const { searchParams } = new URL(`http://x/${nextOf(await list('?perpage=3')) ?? ''}`);
    expect(searchParams.get('perpage')).toBe('3');
    const cursor = encodeURIComponent(searchParams.get('cursor') ?? '');
    expect(idsOf(await list(`?cursor=${cursor}&perpage=2`))).toEqual(ids.slice(3, 5));
    expect(idsOf(await list(`?cursor=${cursor}`))).toEqual(ids.slice(3));
  });

  it('a walk sees each account once, whatever is added and deleted meanwhile', async () => {
    const before = await atLeast(12);
    const added: string[] = [];
    const deleted: string[] = [];
    const pages = await walk('?perpage=3', async (page) => {
      if (added.length < 10) added.push(await add(), await add());
      // The one that the cursor stands at.
      const last = page.at(-1) ?? '';
      const { status } = await own.call('DELETE', `/api/accounts/${last}`, undefined, reader.basic);
      if (status === 204) deleted.push(last);
    });
    expect(pages.flat()).toEqual([...before, ...added]);
    expect(deleted.length).toBeGreaterThan(3);
    expect((await walk('?perpage=3')).flat()).toEqual([...before, ...added].filter((id) => !deleted.includes(id)));
  });

  it('a walk tells accounts apart that were made in the same microsecond, and in the next one', async () => {
    await ownDatabase.query(
      `INSERT INTO accounts (individual, created_at)
       SELECT false, timestamptz '2025-03-30 00:59:59.999999Z' + n / 4 * interval '1 microsecond'
       FROM generate_series(0, 15) n`,
    );
    const ids = await allIds();
    for (const size of [1, 2, 3, 5]) expect((await walk(`?perpage=${size}`)).flat()).toEqual(ids);
  });

  it('does not show disabled accounts, at the cursor neither', async () => {
    const ids = await atLeast(12);
    const next = nextOf(await list('?perpage=2'));
    const disabled = ids.slice(1, 4);
    await ownDatabase.query('UPDATE accounts SET disabled_at = now() WHERE id = ANY ($1)', [disabled]);
    expect(idsOf(await list(next)).slice(0, 2)).toEqual(ids.slice(4, 6));
    expect((await walk('?perpage=2')).flat()).toEqual(ids.filter((id) => !disabled.includes(id)));
  });

  const BAD_PAGE = { page: 'must be a whole number from 1 to 1000; follow Link to go further' };
  const BAD_SIZE = { perpage: 'must be a whole number from 1 to 100' };
  const ZEROS = '00000000-0000-0000-0000-000000000000';

  it.each<[queries: string[], errors: object]>([
    [
      words(`page=0 page=-1 page=+1 page=1.5 page=1e2 page=0x1 page=NaN page= page=%20 page=%201 page=1%20 page=1001
        page=a page=%D9%A1 page=${'9'.repeat(400)} page=1&page=2`),
      BAD_PAGE,
    ],
    [
      words(`perpage=0 perpage=-1 perpage=101 perpage=1000 perpage=1.0 perpage= perpage=all perpage=Infinity
        perpage=${'9'.repeat(400)} perpage=1&perpage=1`),
      BAD_SIZE,
    ],
    [['page=0&perpage=0'], { ...BAD_PAGE, ...BAD_SIZE }],
    [['cursor=a&cursor=b'], { cursor: 'must be a string' }],
    [
      words(`cursor= cursor=x cursor=1 cursor=1. cursor=. cursor=1.x cursor=.${ZEROS} cursor=-1.${ZEROS}
        cursor=1.5.${ZEROS} cursor=1e3.${ZEROS} cursor=1.${ZEROS}0 cursor=1.${ZEROS}. cursor=1.${ZEROS.replace('0', 'A')}
        cursor=8000000000000000.${ZEROS} cursor=${'9'.repeat(400)}.${ZEROS} cursor=%D9%A1.${ZEROS} cursor=eyJhIjoxfQ
        cursor=1.%27%20OR%20true%20--`),
      { cursor: 'is not a valid cursor' },
    ],
    [['cursor=x&page=2'], { cursor: 'is not a valid cursor' }],
  ])('refuses bad queries: %#', async (queries, errors) => {
    for (const query of queries) {
      expect([query, ...outcome(await list(`?${query}`))]).toEqual([query, ...invalid(errors)]);
    }
  });

  it('takes every number in its range, and every cursor that can be one of ours', async () => {
    for (const query of words(`page=001 page=1000 perpage=100 perpage=1 cursor=0.${ZEROS}
      cursor=7999999999999999.${ZEROS} nonsense=1`)) {
      expect([query, (await list(`?${query}`)).status]).toEqual([query, 200]);
    }
  });

  describe('with thousands of accounts and networks', () => {
    const ACCOUNTS = 3_000;

    beforeAll(async () => {
      await ownDatabase.query(
        `INSERT INTO accounts (name, email, individual, created_at)
         SELECT 'of many ' || n, n || '@example.org', false, timestamptz '2001-01-01 00:00:00Z' + n * interval '1 second'
         FROM generate_series(1, ${ACCOUNTS}) n`,
      );
      await ownDatabase.query(
        `INSERT INTO account_networks (account_id, network)
         SELECT id, set_masklen('172.16.0.0'::cidr + n * 256, 24) FROM (
           SELECT id, row_number() OVER (ORDER BY created_at) AS n FROM accounts WHERE name LIKE 'of many %') AS a
         UNION ALL
         SELECT id, set_masklen('fd00:ffff::'::cidr + (n << 64), 64) FROM (
           SELECT id, row_number() OVER (ORDER BY created_at) AS n FROM accounts WHERE name LIKE 'of many %') AS a`,
      );
      await ownDatabase.query(
        `INSERT INTO account_email_domains SELECT id, translate(name, ' ', '-') || '.example' FROM accounts
         WHERE name LIKE 'of many %'`,
      );
      await ownDatabase.query('ANALYZE');
    });

    interface Plan {
      'Node Type': string;
      'Index Name'?: string;
      'Index Cond'?: string;
      'Relation Name'?: string;
      'Actual Rows'?: number;
      'Actual Loops'?: number;
      Plans?: Plan[];
    }

    const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

    async function explain({ text, values }: Statement, options = 'FORMAT JSON'): Promise<Plan[]> {
      const [row] = await ownDatabase.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`EXPLAIN (${options}) ${text}`, values);
      return row ? nodesOf(row['QUERY PLAN'][0].Plan) : [];
    }

    it('a page has a hundred accounts, unless fewer are asked for', async () => {
      const answer = await list();
      expect(idsOf(answer)).toEqual((await allIds()).slice(0, 100));
      expect(nextOf(answer)).toMatch(/&perpage=100$/);
    });

    /** How PostgreSQL goes about the statement that serves a list. */
    async function planOf(query: string): Promise<Plan[]> {
      const sent = await statements.during(() => list(query));
      expect(sent).toHaveLength(1);
      return explain(sent[0] ?? { text: '', values: [] }, 'ANALYZE, FORMAT JSON');
    }

    const scansOf = (nodes: Plan[], table: string) => nodes.filter((node) => node['Relation Name'] === table);

    it('EXPLAIN: a page behind a cursor reads no more than itself from an index, at any depth', async () => {
      for (const depth of [1, 1_500, 2_900]) {
        const [row] = await ownDatabase.query<{ cursor: string }>(
          `SELECT (extract(epoch FROM created_at) * 1000000)::bigint || '.' || id AS cursor FROM accounts
           WHERE name = 'of many ${depth}'`,
        );
        const nodes = await planOf(`?perpage=10&cursor=${row?.cursor ?? ''}`);
        expect(scansOf(nodes, 'accounts')).toEqual([
          expect.objectContaining({
            'Node Type': 'Index Scan',
            'Index Name': 'accounts_created_at_idx',
            'Index Cond': expect.stringContaining('ROW(created_at, id) >'),
            'Actual Rows': 11,
          }),
        ]);
        expect(nodes.filter((node) => node['Node Type'] === 'Sort' && (node['Actual Rows'] ?? 0) > 11)).toEqual([]);
      }
    });

    it('EXPLAIN: a page by its number skips accounts without looking up their lists', async () => {
      const nodes = await planOf('?perpage=10&page=250');
      for (const table of ['account_networks', 'account_email_domains']) {
        expect(scansOf(nodes, table)).toEqual([expect.objectContaining({ 'Actual Loops': 11 })]);
      }
    });

    it.each(['172.16.5.9', '172.17.0.0', 'fd00:ffff:0:5::9', '203.0.113.1', '::1'])(
      'EXPLAIN: the most specific network of %s is found by the GiST index, and nothing is read in full',
      async (ip) => {
        const values = [
          ip,
          'a@x.example.org',
          ['x.example.org', '*.example.org', '*.org'],
          reader.id,
          URL_BACK,
          '',
          60,
        ];
        const nodes = await explain({ text: IDENTIFY, values });
        const indexes = nodes.map((node) => node['Index Name']);
        expect(indexes).toContain('account_networks_network_idx');
        expect(indexes).toContainEqual(expect.stringMatching(/^accounts_email_(key|search_idx)$/));
        expect(indexes).toContain('account_email_domains_domain_idx');
        // There are few clients here.
        const inFull = nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name']);
        expect(inFull.filter((table) => table !== 'oauth_clients')).toEqual([]);
      },
    );
  });
});

describe('Account Update', () => {
  it.each(CREDENTIALS)('Response Example: 200 for `{}`, which changes nothing, for `%s`', async (spelling) => {
    const { overlaps, ...account } = await organisation({
      publisher_reference: 'example',
      networks: [`${newBlock().ipv4}.0.0/16`],
      email_domains: ['example.org'],
    });
    const before = await rowOf(account.id);
    for (const path of ['/accounts', '/api/accounts']) {
      for (const body of [{}, undefined, '']) {
        const answer = await patch(`${path}/${account.id}`, body, await credential(spelling));
        expect(outcome(answer)).toEqual([200, { ...account, overlaps }]);
        expect(answer.headers.get('cache-control')).toBe('no-store');
      }
    }
    expect(Object.keys(account).slice(0, 5)).toEqual(['created_at', 'id', 'name', 'publisher_reference', 'updated_at']);
    expect(await rowOf(account.id)).toEqual(before);
  });

  it.each(['/accounts', '/api/accounts'])('changes what is given and leaves the rest, at %s', async (path) => {
    const { ipv4, ipv6 } = newBlock();
    const { id } = await organisation();
    const expected = {
      name: newName(),
      publisher_reference: 'first' as string | null,
      networks: [] as string[],
      email_domains: [] as string[],
    };
    const change = async (fields: Partial<typeof expected>) => {
      Object.assign(expected, fields);
      const before = await rowOf(id);
      expect(await patch(`${path}/${id}`, fields)).toMatchObject({ status: 200, body: expected });
      const { created_at, updated_at, name, publisher_reference, networks, domains, ...rest } = await rowOf(id);
      expect({ name, publisher_reference, networks, email_domains: domains }).toEqual(expected);
      expect(before).toMatchObject({ created_at, ...rest });
      expect(updated_at.getTime()).toBeGreaterThan(before.updated_at.getTime());
      expect(await get(`/accounts/${id}`)).toMatchObject({ status: 200, body: expected });
    };
    await change({ name: expected.name, publisher_reference: 'first' });
    await change({ networks: [`${ipv4}.0.0/16`, `${ipv6}::/32`] });
    await change({ email_domains: ['*.example.org', 'example.org'] });
    await change({ name: newName() });
    await change({ publisher_reference: '' });
    await change({ publisher_reference: null });
    await change({ networks: [`${ipv4}.4.0/24`] });
    await change({ email_domains: ['example.com'], networks: [] });
    await change({ name: newName().padEnd(255, 'x'), publisher_reference: '😀'.repeat(255), email_domains: [] });
  });

  it('trims names, and takes any text of one line', async () => {
    const { id } = await organisation();
    for (const [name, stored] of [
      ['  Universität  Zürich ', 'Universität  Zürich'],
      ['\u00a0東京大学\u3000', '東京大学'],
      ['👩‍🔬', '👩‍🔬'],
      ["Robert'); DROP TABLE accounts;--", "Robert'); DROP TABLE accounts;--"],
      ['<script>alert(1)</script>', '<script>alert(1)</script>'],
      ['null', 'null'],
      ['0', '0'],
    ]) {
      expect(await patch(`/accounts/${id}`, { name })).toMatchObject({ status: 200, body: { name: stored } });
      expect((await rowOf(id)).name).toBe(stored);
    }
  });

  it('leaves the account as it was when one of the fields is bad', async () => {
    const { id } = await organisation({ networks: [`${newBlock().ipv4}.0.0/16`] });
    const before = await rowOf(id);
    const answer = await patch(`/accounts/${id}`, {
      name: newName(),
      publisher_reference: 5,
      networks: ['192.0.2.1/24'],
      email_domains: ['example.org'],
    });
    expect(outcome(answer)).toEqual(
      invalid({
        publisher_reference: 'must be a string',
        networks: 'entry 1 has bits set behind its prefix: did you mean 192.0.2.0/24?',
      }),
    );
    expect(await rowOf(id)).toEqual(before);
  });

  const LONG_TEXTS = ['x'.repeat(256), '😀'.repeat(256), 'x\ufe0f'.repeat(128), 'x\ufe0e'.repeat(255)];
  const NO_LISTS = [null, 'example.org', '192.0.2.0/24', 5, {}, true, { 0: 'a', length: 1 }];
  const NO_TEXT_ENTRIES = [null, 5, true, [], ['192.0.2.0/24'], {}].map((value) => [value]);

  it.each<[field: string, message: string, values: unknown[]]>([
    ['name', 'must be a string', [null, 5, true, ['a'], { a: 1 }]],
    ['name', 'must be one line of text', ['', ' ', '\u00a0\u3000', 'a\nb', 'a\n', '\ra', 'a\tb', '\u001b', '\u0085']],
    ['name', 'must be at most 255 characters', LONG_TEXTS],
    ['publisher_reference', 'must be a string', [5, true, ['a'], { a: 1 }]],
    ['publisher_reference', 'must be one line', ['a\nb', '\n', '\u001b[1m']],
    ['publisher_reference', 'must be at most 255 characters', LONG_TEXTS],
    ['networks', 'must be a list', NO_LISTS],
    ['networks', 'entry 1 must be a string', NO_TEXT_ENTRIES],
    ['networks', 'must have at most 400 entries', [Array(401).fill('192.0.2.0/24')]],
    ['email_domains', 'must be a list', NO_LISTS],
    ['email_domains', 'entry 1 must be a string', NO_TEXT_ENTRIES],
    ['email_domains', 'must have at most 400 entries', [Array(401).fill('example.org')]],
  ])('refuses %s that %s', async (field, message, values) => {
    const { id } = await organisation();
    const before = await rowOf(id);
    for (const value of values) {
      const changed = await patch(`/accounts/${id}`, { [field]: value });
      expect([value, ...outcome(changed)]).toEqual([value, ...invalid({ [field]: message })]);
      const made = await post('/api/accounts', { name: newName(), [field]: value });
      expect([value, ...outcome(made)]).toEqual([value, ...invalid({ [field]: message })]);
    }
    expect(await rowOf(id)).toEqual(before);
  });

  it.each<[field: string, value: unknown]>([
    ['email', 'attacker@example.org'],
    ['email', null],
    ['password', 'another example'],
    ['role', 'admin'],
    ['role', 'user'],
    ['disabled', false],
    ['disabled', true],
  ])('a client never changes it: %s: %j', async (field, value) => {
    const person = await signUp(server);
    const { id } = await organisation();
    for (const account of [person.id, id]) {
      const before = await rowOf(account);
      for (const path of ['/accounts', '/api/accounts']) {
        const answer = await patch(`${path}/${account}`, { [field]: value, name: newName() });
        expect(outcome(answer)).toEqual(invalid({ [field]: 'cannot be set by a client' }));
      }
      expect(await rowOf(account)).toEqual(before);
    }
    const name = newName();
    expect(outcome(await post('/api/accounts', { name, [field]: value }))).toEqual(
      invalid({ [field]: 'cannot be set by a client' }),
    );
    expect(await database.query('SELECT 1 FROM accounts WHERE name = $1', [name])).toEqual([]);
    expect((await server.call('GET', `/accounts/${person.id}`, undefined, bearer(person.token))).status).toBe(200);
  });

  it('no other spelling of them does anything', async () => {
    const { id, email, password } = await signUp(server);
    const before = await rowOf(id);
    const name = newName();
    const sneaky = `{"Email":"a@example.org","ROLE":"admin","password_hash":"x","passwordHash":"x","credential_epoch":9,
      "credentialEpoch":9,"disabled_at":"2015-01-01T12:00:00Z","disabledAt":"2015-01-01T12:00:00Z","id":"${randomUUID()}",
      "created_at":"2015-01-01T12:00:00Z","updated_at":"2015-01-01T12:00:00Z","account":{"role":"admin","email":null},
      "name":"${name}","overlaps":[],"overlaps_count":9}`;
    expect(await patch(`/accounts/${id}`, sneaky)).toMatchObject({ status: 200, body: { id, name } });
    const { updated_at } = await rowOf(id);
    expect(await rowOf(id)).toEqual({ ...before, name, updated_at });
    expect(updated_at.getUTCFullYear()).toBeGreaterThan(2015);
    expect((await server.call('POST', '/account/session', { account: { email, password } })).status).toBe(200);
  });

  it('an organisation stays one, and so does a person', async () => {
    const person = await signUp(server);
    const { id } = await organisation();
    for (const account of [person.id, id]) {
      for (const individual of [true, false, null]) {
        const answer = await patch(`/accounts/${account}`, { individual });
        expect(outcome(answer)).toEqual(invalid({ individual: 'cannot be changed' }));
      }
    }
  });

  it('a change does not sign a person out', async () => {
    const { id, token } = await signUp(server);
    const name = newName();
    const { status, body } = await patch(`/accounts/${id}`, { name, email_domains: ['person.example.org'] });
    expect([status, body]).toMatchObject([200, { name, individual: true, email_domains: ['person.example.org'] }]);
    expect((await get(`/accounts/${id}`, bearer(token))).status).toBe(200);
  });
});

describe('Names are unique', () => {
  it('409 for a name that another account has, when it is made and when it is changed', async () => {
    const { name } = await organisation();
    const { id } = await organisation();
    const before = await rowOf(id);
    for (const taken of [name, ` ${name} `]) {
      expect(outcome(await post('/api/accounts', { name: taken }))).toEqual(NAME_TAKEN);
      for (const path of ['/accounts', '/api/accounts']) {
        const answer = await patch(`${path}/${id}`, { name: taken, networks: [`${newBlock().ipv4}.0.0/16`] });
        expect(outcome(answer)).toEqual(NAME_TAKEN);
      }
    }
    expect(await rowOf(id)).toEqual(before);
    expect(outcome(await patch(`/accounts/${randomUUID()}`, { name }))).toEqual(NOT_FOUND);
  });

  it('an account can be given the name that it has, and one that is free again', async () => {
    const { id, name } = await organisation();
    expect((await patch(`/accounts/${id}`, { name })).status).toBe(200);
    expect((await patch(`/accounts/${id}`, { name: newName() })).status).toBe(200);
    expect((await post('/api/accounts', { name })).status).toBe(201);
  });

  it('of twenty organisations of one name that are made at once, one is', async () => {
    const name = newName();
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('/api/accounts', { name })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
    for (const answer of answers) if (answer.status === 409) expect(outcome(answer)).toEqual(NAME_TAKEN);
    expect(await database.query('SELECT 1 FROM accounts WHERE name = $1', [name])).toHaveLength(1);
  });

  it('of twenty organisations that are given one name at once, one gets it', async () => {
    const name = newName();
    const ids = (await Promise.all(Array.from({ length: 20 }, () => organisation()))).map(({ id }) => id);
    const answers = await Promise.all(ids.map((id) => patch(`/accounts/${id}`, { name })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(19).fill(409)]);
    const rows = await database.query<{ id: string }>('SELECT id FROM accounts WHERE name = $1', [name]);
    expect(rows).toEqual([{ id: ids[answers.findIndex(({ status }) => status === 200)] }]);
  });
});

describe('Account Create', () => {
  it('201 with an organisation that nobody can sign in to', async () => {
    const { ipv4 } = newBlock();
    const body = {
      name: newName(),
      publisher_reference: 'example',
      individual: false,
      networks: [`${ipv4}.0.0/16`],
      email_domains: ['example.org'],
    };
    const answer = await post('/api/accounts', body);
    expect(outcome(answer)).toEqual([
      201,
      { created_at: SECOND, id: UUID, updated_at: SECOND, ...body, overlaps: [], overlaps_count: 0 },
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await rowOf(answer.body.id as string)).toMatchObject({
      name: body.name,
      publisher_reference: 'example',
      individual: false,
      role: 'user',
      email: null,
      password_hash: null,
      disabled_at: null,
      networks: body.networks,
      domains: body.email_domains,
    });
  });

  it('wants a name, and makes no person', async () => {
    for (const [body, errors] of [
      [{}, { name: 'must be a string' }],
      [undefined, { name: 'must be a string' }],
      ['', { name: 'must be a string' }],
      [{ name: newName(), individual: true }, { individual: 'must be false: clients can only create organisations' }],
      [{ name: newName(), individual: null }, { individual: 'must be false: clients can only create organisations' }],
      [
        { name: newName(), individual: 'false' },
        { individual: 'must be false: clients can only create organisations' },
      ],
    ] as const) {
      expect(outcome(await post('/api/accounts', body))).toEqual(invalid(errors));
    }
  });

  it('makes none when a list is bad', async () => {
    const name = newName();
    expect((await post('/api/accounts', { name, networks: ['nonsense'] })).status).toBe(400);
    expect(await database.query('SELECT 1 FROM accounts WHERE name = $1', [name])).toEqual([]);
  });
});

describe('Networks', () => {
  const stored = async (networks: string[]): Promise<[answered: unknown, stored: string[]]> => {
    const { id, networks: answered } = await organisation({ networks });
    return [answered, (await rowOf(id)).networks];
  };

  it('are normalised, sorted, and all kept', async () => {
    const { ipv4, ipv6 } = newBlock();
    const given = [
      `${ipv6.toUpperCase()}:0000::/32`,
      `${ipv6}:0:0:0:0:0:0A`,
      `${ipv4}.2.7`,
      `::ffff:${ipv4}.4.0/118`,
      `${ipv4}.0.0/23`,
    ];
    const kept = [`${ipv4}.0.0/23`, `${ipv4}.2.7/32`, `${ipv4}.4.0/22`, `${ipv6}::/32`, `${ipv6}::a/128`];
    expect(await stored(given)).toEqual([kept, kept]);
  });

  it('an account has all 400 of them, and all 400 domains', async () => {
    const { ipv4 } = newBlock();
    const networks = Array.from({ length: 400 }, (_, index) => `${ipv4}.${index >> 8}.${index & 255}/32`);
    const email_domains = Array.from({ length: 400 }, (_, index) => `d${index}.example.org`);
    const { id } = await organisation({ networks, email_domains });
    const row = await rowOf(id);
    expect([row.networks, row.domains]).toEqual([networks, [...email_domains].sort()]);
  });

  it.each([
    ['not-a-network', 'entry 2 is not a valid IP network, such as 192.0.2.0/24 or 2001:db8::/32'],
    ['192.0.2.0.0/24', 'entry 2 is not a valid IP network, such as 192.0.2.0/24 or 2001:db8::/32'],
    ['192.0.2.0/33', 'entry 2 is not a valid IP network, such as 192.0.2.0/24 or 2001:db8::/32'],
    ['fe80::%eth0/64', 'entry 2 is not a valid IP network, such as 192.0.2.0/24 or 2001:db8::/32'],
    ['', 'entry 2 is not a valid IP network, such as 192.0.2.0/24 or 2001:db8::/32'],
    ['192.0.2.1/24', 'entry 2 has bits set behind its prefix: did you mean 192.0.2.0/24?'],
    ['2001:db8::1/32', 'entry 2 has bits set behind its prefix: did you mean 2001:db8::/32?'],
    ['203.0.113.0/24', 'entry 2 repeats entry 1'],
    ['::ffff:203.0.113.0/120', 'entry 2 repeats entry 1'],
    ['::FFFF:CB00:7100/120', 'entry 2 repeats entry 1'],
  ])('are refused with the place of what is wrong: %s', async (network, message) => {
    const { id } = await organisation();
    const answer = await patch(`/accounts/${id}`, { networks: ['203.0.113.0/24', network] });
    expect(outcome(answer)).toEqual(invalid({ networks: message }));
    expect((await rowOf(id)).networks).toEqual([]);
  });

  it('are what PostgreSQL takes for networks, whatever the spelling', async () => {
    await database.query(`
      CREATE FUNCTION cidr_of(text) RETURNS cidr LANGUAGE plpgsql AS
        $$ BEGIN RETURN $1::cidr; EXCEPTION WHEN invalid_text_representation THEN RETURN NULL; END $$`);
    const batch = fc.sample(anyWrittenNetwork(), 2_000);
    const readings = batch.map(({ text }) => readNetwork(text));
    const rows = await database.query<{ taken: string | null; same: boolean | null }>(
      `SELECT cidr_of(text)::text AS taken, cidr_of(text) = cidr_of(value) AS same
       FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (text, value, n) ORDER BY n`,
      [batch.map(({ text }) => text), readings.map((reading) => ('value' in reading ? reading.value : null))],
    );
    let accepted = 0;
    let mapped = 0;
    for (const [index, { text, wellSpelled }] of batch.entries()) {
      const reading = readings[index];
      const row = rows[index];
      const value = reading && 'value' in reading ? reading.value : undefined;
      // PostgreSQL has abbreviations and leading zeros too: of what is not spelled out it takes more.
      if (wellSpelled) expect([text, value !== undefined]).toEqual([text, row?.taken !== null]);
      if (value === undefined) continue;
      accepted += 1;
      const [, ipv4, length] = /^::ffff:([\d.]+)\/(\d+)$/.exec(row?.taken ?? '') ?? [];
      if (ipv4 === undefined) expect([text, row?.same]).toEqual([text, true]);
      else {
        mapped += 1;
        expect([text, value]).toEqual([text, `${ipv4}/${Number(length) - 96}`]);
      }
    }
    expect([accepted > 500, mapped > 20, batch.length - accepted > 500]).toEqual([true, true, true]);
  });

  it('twenty changes at once leave one of the twenty sets', async () => {
    const { ipv4, ipv6 } = newBlock();
    const { id } = await organisation({ networks: [`${ipv4}.255.0/24`] });
    const sets = Array.from({ length: 20 }, (_, set) => ({
      networks: [
        ...Array.from({ length: 1 + (set % 5) }, (__, index) => `${ipv4}.${set}.${index}/32`),
        // Some are in many of the sets.
        ...(set % 2 === 0 ? [`${ipv4}.128.0/17`] : []),
        ...(set % 3 === 0 ? [`${ipv6}::/32`] : []),
      ],
      email_domains: [`set${set}.example.org`, ...(set % 2 === 0 ? ['even.example.org'] : [])].sort(),
    }));
    const answers = await Promise.all(sets.map((set) => patch(`/accounts/${id}`, set)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const { networks, domains } = await rowOf(id);
    const left = sets.find((set) => set.email_domains.join() === domains.join());
    expect(left).toBeDefined();
    expect(networks.join()).toBe(left?.networks.join());
  });

  describe('that overlap with those of other accounts', () => {
    const overlap = (network: string, account_id: string, overlaps_with: string) => ({
      network,
      account_id,
      overlaps_with,
    });

    it('are accepted and reported: those that hold one, those inside one, and those that are one', async () => {
      const { ipv4, ipv6 } = newBlock();
      const first = await organisation({
        networks: [`${ipv4}.16.0/20`, `${ipv4}.0.5/32`, `${ipv4}.200.0/24`, `${ipv6}:1::/48`],
      });
      const networks = [`${ipv4}.0.0/24`, `${ipv4}.20.0/24`, `${ipv4}.200.0/24`, `${ipv4}.201.0/24`, `${ipv6}::/32`];
      const second = await organisation({ networks });
      const found = [
        overlap(`${ipv4}.0.0/24`, first.id, `${ipv4}.0.5/32`),
        overlap(`${ipv4}.20.0/24`, first.id, `${ipv4}.16.0/20`),
        overlap(`${ipv4}.200.0/24`, first.id, `${ipv4}.200.0/24`),
        overlap(`${ipv6}::/32`, first.id, `${ipv6}:1::/48`),
      ];
      expect(second).toMatchObject({ networks, overlaps: found, overlaps_count: 4 });
      expect((await rowOf(second.id)).networks).toEqual(networks);
      // The other one is told when it changes, whatever it changes.
      const { body } = await patch(`/accounts/${first.id}`, { publisher_reference: 'x' });
      expect(body.overlaps_count).toBe(4);
      expect(body.overlaps).toContainEqual(overlap(`${ipv4}.16.0/20`, second.id, `${ipv4}.20.0/24`));
    });

    it('are not reported where there is nothing in common, within an account, and of disabled accounts', async () => {
      const { ipv4, ipv6 } = newBlock();
      const neighbour = await organisation({ networks: [`${ipv4}.2.0/24`, `${ipv6}:1::/48`] });
      const disabled = await organisation({ networks: [`${ipv4}.0.0/23`] });
      await disable(disabled.id);
      const mine = await organisation({
        networks: [`${ipv4}.0.0/23`, `${ipv4}.0.0/24`, `${ipv4}.3.0/24`, `${ipv6}:2::/48`],
      });
      expect([mine.overlaps, mine.overlaps_count]).toEqual([[], 0]);
      expect((await patch(`/accounts/${neighbour.id}`, {})).body.overlaps).toEqual([]);
    });

    it('are found however IPv4 was written', async () => {
      const { ipv4 } = newBlock();
      const first = await organisation({ networks: [`::ffff:${ipv4}.0.0/112`] });
      const second = await organisation({ networks: [`${ipv4}.7.0/24`] });
      expect(second.overlaps).toEqual([overlap(`${ipv4}.7.0/24`, first.id, `${ipv4}.0.0/16`)]);
    });

    it('are counted beyond the hundred that are named', async () => {
      const { ipv4 } = newBlock();
      const first = await organisation({
        networks: Array.from({ length: 150 }, (_, index) => `${ipv4}.${index}.0/24`),
      });
      const second = await organisation({ networks: [`${ipv4}.0.0/16`] });
      expect(second.overlaps_count).toBe(150);
      expect(second.overlaps).toHaveLength(100);
      expect(second.overlaps[99]).toEqual(overlap(`${ipv4}.0.0/16`, first.id, `${ipv4}.99.0/24`));
    });

    it('are reported to at least one of two accounts that get them at the same moment', async () => {
      const pairs = Array.from({ length: 25 }, () => newBlock().ipv4);
      const answers = await Promise.all(
        pairs.map((ipv4) =>
          Promise.all([`${ipv4}.0.0/16`, `${ipv4}.9.0/24`].map((network) => organisation({ networks: [network] }))),
        ),
      );
      for (const pair of answers) {
        expect(pair.reduce((sum, { overlaps_count: count }) => sum + count, 0)).toBeGreaterThanOrEqual(1);
      }
    });
  });
});

interface WrittenNetwork {
  text: string;
  /** All of the address is there, and a length in digits: only the meaning can be wrong. */
  wellSpelled: boolean;
}

/** Networks in many spellings, half of them with bits behind the prefix, and some with a character more or less. */
function anyWrittenNetwork(): fc.Arbitrary<WrittenNetwork> {
  const byte = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(255), fc.constantFrom(128, 255));
  const bytes = (count: number) => fc.array(byte, { minLength: count, maxLength: count });
  const mapped = bytes(4).map((last) => [...Array<number>(10).fill(0), 255, 255, ...last]);
  const network = fc
    .tuple(fc.oneof(bytes(4), bytes(16), mapped), fc.nat(140), fc.boolean(), fc.nat(0xffff))
    .map(([address, bits, clean, style]) => {
      const length = bits % (address.length * 8 + 3);
      const kept = (index: number) => (clean ? Math.min(8, Math.max(0, length - index * 8)) : 8);
      return `${spell(
        address.map((value, index) => value & (0xff00 >> kept(index)) & 0xff),
        style,
      )}/${length}`;
    });
  const character = fc.constantFrom(...Array.from('0123456789abcdefF.:/% x'), '');
  const changed = fc
    .tuple(network, fc.nat(50), character, fc.boolean())
    .map(([text, at, added, over]) => text.slice(0, at) + added + text.slice(over ? at + 1 : at));
  return fc.oneof(
    { weight: 3, arbitrary: network.map((text) => ({ text, wellSpelled: true })) },
    changed.map((text) => ({ text, wellSpelled: false })),
  );
}

/** Writes an address in one of many ways (RFC 4291 section 2.2). */
function spell(bytes: number[], style: number): string {
  if (bytes.length === 4) return bytes.join('.');
  const padding = style & 1 ? 4 : 1;
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16).padStart(padding, '0'),
  );
  if (style & 2) groups.splice(6, 2, bytes.slice(12).join('.'));
  const from = (style >> 4) & 7;
  const to = groups.findIndex((group, index) => index >= from && !/^0+$/.test(group));
  const end = to === -1 ? groups.length : to;
  const short = `${groups.slice(0, from).join(':')}::${groups.slice(end).join(':')}`;
  const text = end > from && !(style & 4) ? short : groups.join(':');
  return style & 8 ? text.toUpperCase() : text;
}

describe('Email domains', () => {
  it('are normalised, sorted, and all kept', async () => {
    const { id, email_domains } = await organisation({
      email_domains: ['Example.ORG.', '*.EXAMPLE.org', 'bücher.example', 'mail.example.org'],
    });
    const kept = ['*.example.org', 'example.org', 'mail.example.org', 'xn--bcher-kva.example'];
    expect([...email_domains].sort()).toEqual(kept);
    expect((await rowOf(id)).domains.sort()).toEqual(kept);
  });

  it.each([
    ['org', 'entry 2 is not a valid domain, such as example.org or *.example.org'],
    ['user@example.org', 'entry 2 is not a valid domain, such as example.org or *.example.org'],
    ['*.*.example.org', 'entry 2 is not a valid domain, such as example.org or *.example.org'],
    ['example.org/path', 'entry 2 is not a valid domain, such as example.org or *.example.org'],
    ['192.0.2.1', 'entry 2 is not a valid domain, such as example.org or *.example.org'],
    ['x'.repeat(300) + '.org', 'entry 2 is not a valid domain, such as example.org or *.example.org'],
    ['EXAMPLE.com.', 'entry 2 repeats entry 1'],
    ['ｅxample.com', 'entry 2 repeats entry 1'],
  ])('are refused with the place of what is wrong: %s', async (domain, message) => {
    const { id } = await organisation();
    const answer = await patch(`/accounts/${id}`, { email_domains: ['example.com', domain] });
    expect(outcome(answer)).toEqual(invalid({ email_domains: message }));
    expect((await rowOf(id)).domains).toEqual([]);
  });

  it('are refused quickly, however much text there is', async () => {
    const { id } = await organisation();
    const characters = Array.from({ length: 300_000 }, (_, index) => 0x4e00 + ((index * 7_919) % 20_000));
    const text = characters.map((code) => String.fromCodePoint(code)).join('');
    const begun = performance.now();
    expect((await patch(`/accounts/${id}`, { email_domains: [text] })).status).toBe(400);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

describe('Disabled accounts are invisible', () => {
  it('to read, to change, to delete and in the list; their names stay theirs', async () => {
    const { id, name } = await organisation({ networks: [`${newBlock().ipv4}.0.0/16`] });
    const person = await signUp(server);
    for (const account of [id, person.id]) {
      await disable(account);
      const before = await rowOf(account);
      for (const path of [`/accounts/${account}`, `/api/accounts/${account}`]) {
        expect(outcome(await get(path))).toEqual(NOT_FOUND);
        expect(outcome(await patch(path, {}))).toEqual(NOT_FOUND);
        expect(outcome(await patch(path, { name: newName(), networks: [] }))).toEqual(NOT_FOUND);
      }
      expect(outcome(await remove(`/api/accounts/${account}`))).toEqual(NOT_FOUND);
      expect(await rowOf(account)).toEqual(before);
    }
    expect(outcome(await post('/api/accounts', { name }))).toEqual(NAME_TAKEN);
    for (let next = '?perpage=100', page = 1; next !== ''; page += 1) {
      const answer = await get(`/api/accounts?page=${page}&perpage=100`);
      expect(JSON.stringify(answer.body)).not.toMatch(new RegExp(`${id}|${person.id}`));
      next = answer.headers.get('link') ?? '';
    }
  });
});

describe('Account Delete', () => {
  it('204 without a body for an organisation, which is gone, with its networks and domains', async () => {
    const { ipv4 } = newBlock();
    const { id, name } = await organisation({ networks: [`${ipv4}.0.0/16`], email_domains: ['example.org'] });
    const other = await organisation({ networks: [`${ipv4}.0.0/24`] });
    expect(other.overlaps_count).toBe(1);
    const answer = await remove(`/api/accounts/${id.toUpperCase()}/`);
    expect(outcome(answer)).toEqual([204, '']);
    expect(outcome(await get(`/accounts/${id}`))).toEqual(NOT_FOUND);
    expect(outcome(await remove(`/api/accounts/${id}`))).toEqual(NOT_FOUND);
    for (const table of ['account_networks', 'account_email_domains']) {
      expect(await database.query(`SELECT 1 FROM ${table} WHERE account_id = $1`, [id])).toEqual([]);
    }
    expect((await patch(`/accounts/${other.id}`, {})).body.overlaps_count).toBe(0);
    expect((await post('/api/accounts', { name })).status).toBe(201);
  });

  it('of twenty deletions at once, one is answered 204', async () => {
    const { id } = await organisation();
    const answers = await Promise.all(Array.from({ length: 20 }, () => remove(`/api/accounts/${id}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array<number>(19).fill(404)]);
  });

  it('403 for people and for admins, who stay', async () => {
    const person = await signUp(server);
    const admin = await makeAdmin(server);
    const adminOrganisation = await makeAdmin(server);
    await database.query('UPDATE accounts SET individual = false WHERE id = $1', [adminOrganisation.id]);
    for (const { id } of [person, admin, adminOrganisation]) {
      const before = await rowOf(id);
      const answer = await remove(`/api/accounts/${id}`);
      expect(outcome(answer)).toEqual([
        403,
        {
          status_code: 403,
          message: 'A client can only delete organisations, and none that is an admin or owns clients.',
        },
      ]);
      expect(await rowOf(id)).toEqual(before);
    }
    expect((await get(`/accounts/${person.id}`, bearer(person.token))).status).toBe(200);
  });

  it('ends what the organisation holds: sessions, tokens of both kinds, resets, identifications', async () => {
    const { ipv4 } = newBlock();
    const { id } = await organisation({ networks: [`${ipv4}.0.0/16`], email_domains: ['held.example.org'] });
    const email = newEmail();
    const password = 'an example';
    await database.query('UPDATE accounts SET email = $2, password_hash = $3 WHERE id = $1', [
      id,
      email,
      await server.app.get(PasswordHasher).hash(password),
    ]);
    const session = await server.call('POST', '/account/session', { account: { email, password, remember_me: true } });
    const app = await server.app.get(Tokens).issue(server.app.get(EntityManager), 'app', { accountId: id });
    const headers = tokenHeaders(app.secret, await logIn(server, app.secret, { email, password }));
    await server.call('POST', '/account/password', { account: { email } });
    const asked = { ip: `${ipv4}.0.1`, url: URL_BACK, user_agent: 'x', email: 'a@held.example.org' };
    const identification = await post('/api/identifications', asked);
    expect(identification.body).toMatchObject({ account: { id }, user_institution: { id } });
    const { token, refresh_token } = session.body as { token: string; refresh_token: string };
    const all = async () => [
      (await get(`/accounts/${id}`, bearer(token))).status,
      (await server.call('PUT', '/account/session', { account: { id, email, refresh_token } })).status,
      (await get('/api/v1/tokens/', headers)).status,
      (await server.call('POST', '/account/session', { account: { email, password } })).status,
    ];
    // So that whatever remembers credentials remembers these.
    expect((await get(`/accounts/${id}`, bearer(token))).status).toBe(200);
    expect((await get('/api/v1/tokens/', headers)).status).toBe(200);
    expect((await remove(`/api/accounts/${id}`)).status).toBe(204);
    expect(await all()).toEqual([401, 401, 401, 401]);
    for (const table of ['sessions', 'tokens', 'password_resets']) {
      expect(await database.query(`SELECT 1 FROM ${table} WHERE account_id = $1`, [id])).toEqual([]);
    }
    expect((await get(`/api/identifications/${identification.body.id as string}`)).body).toMatchObject({
      status: 'wayf',
      account: null,
      target_account: null,
      user_institution: null,
    });
  });
});

describe('Every route of clients wants its scope', () => {
  /** What each route wants, what it is called with, and what it answers. */
  const ROUTES = [
    ['accounts:read', 'GET', '/accounts/{id}', 200],
    ['accounts:read', 'GET', '/api/accounts', 200],
    ['accounts:read', 'GET', '/api/accounts/{id}', 200],
    ['accounts:write', 'PATCH', '/accounts/{id}', 200],
    ['accounts:write', 'PATCH', '/api/accounts/{id}', 200],
    ['accounts:write', 'POST', '/api/accounts', 201],
    ['accounts:write', 'DELETE', '/api/accounts/{id}', 204],
    ['identifications', 'GET', '/api', 200],
    ['identifications', 'POST', '/api/identifications', 201],
    ['identifications', 'GET', '/api/identifications/{identification}', 200],
  ] as const;

  const bodyFor = (method: string, path: string): unknown => {
    if (path === '/api/identifications' && method === 'POST') return visitor();
    return method === 'POST' ? { name: newName() } : method === 'PATCH' ? {} : undefined;
  };

  it.each(ROUTES)('%s for %s %s', async (scope, method, path, success) => {
    const { id } = await organisation();
    const others = CLIENT_SCOPE_NAMES.filter((name) => name !== scope);
    const [able, unable] = await Promise.all([
      newClient(server, { scopes: [scope] }),
      newClient(server, { scopes: others }),
    ]);
    const narrowed = await newAccessToken(server, client, others.join(' '));
    const bare = await newClient(server, { scopes: [] });
    const tokens = await Promise.all([able, unable, bare].map((each) => newAccessToken(server, each)));
    const made = await post('/api/identifications', visitor());
    const target = path.replace('{id}', id);
    const request = (headers: Headers) =>
      server.call(method, target.replace('{identification}', made.body.id as string), bodyFor(method, path), headers);
    const before = await rowOf(id);
    for (const headers of [...[tokens[1] ?? '', tokens[2] ?? '', narrowed].map(bearer), unable.basic, bare.basic]) {
      const answer = await request(headers);
      expect(outcome(answer)).toEqual([
        403,
        { status_code: 403, message: `The client does not have the ${scope} scope.` },
      ]);
      const challenge = answer.headers.get('www-authenticate');
      if (headers.authorization.startsWith('Basic')) expect(challenge).toBeNull();
      else expect(challenge).toBe(`Bearer realm="latchkey", error="insufficient_scope", scope="${scope}"`);
    }
    expect(await rowOf(id)).toEqual(before);
    const dialect = path === '/accounts/{id}' && method === 'GET' ? { id: 'unauthorized' } : { status_code: 401 };
    const nobody = await request({});
    expect(nobody).toMatchObject({ status: 401, body: dialect });
    expect(nobody.headers.get('www-authenticate')).toMatch(/^Bearer realm=/);
    const { status } = await request(path.includes('{identification}') ? client.basic : able.basic);
    expect(status).toBe(success);
    // 404: it was deleted just now, or is another client's.
    const again = method === 'DELETE' || path.includes('{identification}') ? 404 : success;
    expect((await request(bearer(tokens[0] ?? ''))).status).toBe(again);
  });

  it('credentials of other kinds are no clients', async () => {
    const person = await signUp(server);
    const { appToken, email, password } = await makeAdmin(server);
    const user = await logIn(server, appToken, { email, password });
    for (const headers of [
      bearer(person.token),
      bearer(appToken),
      bearer(user),
      bearer(await newApiToken(server, appToken, 1)),
      tokenHeaders(appToken, user),
    ]) {
      for (const [, method, path] of ROUTES.filter((route) => route[2] !== '/accounts/{id}')) {
        const answer = await server.call(method, path.replace(/\{.*\}/, person.id), bodyFor(method, path), headers);
        expect(answer).toMatchObject({ status: 401, body: { status_code: 401 } });
      }
    }
  });
});

const visitor = (fields: object = {}) => ({ ip: '203.0.113.1', url: URL_BACK, user_agent: 'example', ...fields });

const identify = (fields: object = {}, headers: Headers = client.basic) =>
  post('/api/identifications', visitor(fields), headers);

/** @returns the id of the account that a visitor is found to be of, or null */
async function accountOf(fields: object): Promise<string | null> {
  const { status, body } = await identify(fields);
  expect([status, body.status]).toEqual([201, body.account === null ? 'wayf' : 'identified']);
  expect(body.target_account).toEqual(body.account);
  return body.account === null ? null : (body.account.id as string);
}

let domains = 0;
const newDomain = () => `institution${(domains += 1)}.example`;

describe('Identification Create', () => {
  it.each(CREDENTIALS)('Response Example: 201 Created with created and id, for `%s`', async (spelling) => {
    const example = { email: 'username@example.com', ip: '192.0.2.1', user_agent: 'example', url: URL_BACK };
    const answer = await post('/api/identifications', example, await credential(spelling));
    const id = answer.body.id as string;
    expect(outcome(answer)).toEqual([
      201,
      {
        created: SECOND,
        id: UUID,
        status: 'wayf',
        ...example,
        account: null,
        target_account: null,
        user_institution: null,
        _links: {
          self: { href: `http://latchkey.test/api/identifications/${id}` },
          wayf: { href: `http://latchkey.test/wayf/${id}` },
        },
      },
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const [row] = await database.query(
      `SELECT *, host(ip) AS ip, extract(epoch FROM expires_at - created_at)::int AS seconds FROM identifications
       WHERE id = $1`,
      [id],
    );
    expect(row).toMatchObject({
      client_id: client.id,
      account_id: null,
      institution_id: null,
      ip: '192.0.2.1',
      url: URL_BACK,
      user_agent: 'example',
      email: 'username@example.com',
      seconds: server.config.identificationTtl,
    });
    expect(`${(row?.created_at as Date).toISOString().slice(0, 19)}Z`).toBe(answer.body.created);
  });

  it('email is optional, and may be null', async () => {
    for (const fields of [{}, { email: null }]) {
      expect(await identify(fields)).toMatchObject({ status: 201, body: { email: null, user_institution: null } });
    }
  });

  it('shows the account that was found, with its name, its reference and its type', async () => {
    const { ipv4 } = newBlock();
    const domain = newDomain();
    const found = await organisation({ networks: [`${ipv4}.0.0/16`], publisher_reference: 'example' });
    const home = await organisation({ email_domains: [domain] });
    const account = {
      id: found.id,
      account_name: found.name,
      publisher_reference: 'example',
      type: 'institution',
      individual: false,
    };
    const user_institution = {
      id: home.id,
      account_name: home.name,
      publisher_reference: null,
      type: 'institution',
      individual: false,
    };
    const { body } = await identify({ ip: `${ipv4}.0.1`, email: `a@${domain}` });
    expect(body).toMatchObject({ status: 'identified', account, target_account: account, user_institution });
    const [row] = await database.query('SELECT account_id, institution_id FROM identifications WHERE id = $1', [
      body.id,
    ]);
    expect(row).toEqual({ account_id: found.id, institution_id: home.id });
  });

  it('shows a person who was found by email as an individual without a name', async () => {
    const { id, email } = await signUp(server, { email: `someone@${newDomain()}` });
    const account = { id, account_name: null, publisher_reference: null, type: 'individual', individual: true };
    for (const spelled of [email, email.toUpperCase()]) {
      const { body } = await identify({ email: spelled });
      expect(body).toMatchObject({ status: 'identified', email: spelled, account, user_institution: null });
    }
  });

  describe('works out the account', () => {
    it('by the most specific network that holds the address, whichever account is older', async () => {
      const { ipv4, ipv6 } = newBlock();
      const [middle, outer, inner, single] = await Promise.all([
        organisation({ networks: [`${ipv4}.0.0/20`, `${ipv6}:1::/48`] }),
        organisation({ networks: [`${ipv4}.0.0/16`, `${ipv6}::/32`] }),
        organisation({ networks: [`${ipv4}.1.0/24`, `${ipv6}:1:1::/64`] }),
        organisation({ networks: [`${ipv4}.1.7`, `${ipv6}:1:1::7`] }),
      ]);
      for (const [ip, account] of [
        [`${ipv4}.1.7`, single],
        [`${ipv4}.1.6`, inner],
        [`${ipv4}.1.255`, inner],
        [`${ipv4}.2.0`, middle],
        [`${ipv4}.15.255`, middle],
        [`${ipv4}.16.0`, outer],
        [`${ipv4}.255.255`, outer],
        [`::ffff:${ipv4}.1.7`, single],
        [`::FFFF:${ipv4}.16.0`, outer],
        [`${ipv6}:1:1::7`, single],
        [`${ipv6}:1:1:0:0:0:0007`.toUpperCase(), single],
        [`${ipv6}:1:1::8`, inner],
        [`${ipv6}:1:1:ffff:ffff:ffff:ffff`, inner],
        [`${ipv6}:1:2::`, middle],
        [`${ipv6}:2::`, outer],
      ] as const) {
        expect([ip, await accountOf({ ip })]).toEqual([ip, account.id]);
      }
    });

    it('without taking IPv4 for IPv6, or the other way round', async () => {
      const { ipv4 } = newBlock();
      const [all6, inner] = await Promise.all([
        organisation({ networks: ['::/0'] }),
        organisation({ networks: [`${ipv4}.0.0/16`] }),
      ]);
      const dotted = `${ipv4}.0.1`;
      const hex = Buffer.from(dotted.split('.').map(Number))
        .toString('hex')
        .replace(/^(.{4})/, '$1:');
      for (const ip of [dotted, `::ffff:${dotted}`, `::ffff:${hex}`]) {
        expect(await identify({ ip })).toMatchObject({ body: { ip: dotted, account: { id: inner.id } } });
      }
      // IPv4-compatible is not IPv4-mapped (RFC 4291 section 2.5.5); both spellings are one address.
      for (const ip of [`::${dotted}`, `::${hex}`, '2001:db8::1', '::']) {
        expect([ip, await accountOf({ ip })]).toEqual([ip, all6.id]);
      }
      expect(await accountOf({ ip: '203.0.113.1' })).toBeNull();
      await remove(`/api/accounts/${all6.id}`);
    });

    it('with the whole of IPv4, and the whole of IPv6, as the last resort', async () => {
      const { ipv4 } = newBlock();
      const whole = await organisation({ networks: ['0.0.0.0/0', '::/0'] });
      const inner = await organisation({ networks: [`${ipv4}.0.0/16`] });
      expect(await accountOf({ ip: `${ipv4}.0.1` })).toBe(inner.id);
      for (const ip of ['0.0.0.0', '255.255.255.255', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']) {
        expect(await accountOf({ ip })).toBe(whole.id);
      }
      await remove(`/api/accounts/${whole.id}`);
    });

    it('of two accounts with the same network: the older one, and of the same age always the same', async () => {
      const { ipv4 } = newBlock();
      const made = async () => (await organisation({ networks: [`${ipv4}.0.0/24`] })).id;
      const [first, second, third, fourth] = [await made(), await made(), await made(), await made()];
      const age = (id: string, created: string) =>
        database.query('UPDATE accounts SET created_at = $2 WHERE id = $1', [id, created]);
      expect(await accountOf({ ip: `${ipv4}.0.1` })).toBe(first);
      await age(third, '2020-01-01T00:00:00.000001Z');
      expect(await accountOf({ ip: `${ipv4}.0.1` })).toBe(third);
      await age(second, '2020-01-01T00:00:00Z');
      expect(await accountOf({ ip: `${ipv4}.0.1` })).toBe(second);
      await age(fourth, '2020-01-01T00:00:00Z');
      const [lower] = [second, fourth].sort();
      for (let count = 0; count < 5; count += 1) expect(await accountOf({ ip: `${ipv4}.0.1` })).toBe(lower);
    });

    it('by the network, then by the email’s account, then by its domain', async () => {
      const { ipv4 } = newBlock();
      const domain = newDomain();
      const network = await organisation({ networks: [`${ipv4}.0.0/16`] });
      const institution = await organisation({ email_domains: [domain] });
      const person = await signUp(server, { email: `someone@${domain}` });
      const inside = { ip: `${ipv4}.0.1` };
      const other = { email: `other@${domain}` };
      expect(await accountOf({ ...inside, email: person.email })).toBe(network.id);
      expect(await accountOf({ ...inside, ...other })).toBe(network.id);
      expect(await accountOf(inside)).toBe(network.id);
      expect(await accountOf({ email: person.email })).toBe(person.id);
      expect(await accountOf(other)).toBe(institution.id);
      expect(await accountOf({ email: `someone@${newDomain()}` })).toBeNull();
      // The institution is told whichever way the account was found.
      for (const fields of [{ ...inside, ...other }, { email: person.email }, other]) {
        expect((await identify(fields)).body.user_institution).toMatchObject({ id: institution.id });
      }
      expect((await identify(inside)).body.user_institution).toBeNull();
    });

    it('by the most specific domain: *.example.org covers what is below example.org, and not itself', async () => {
      const domain = newDomain();
      const other = newDomain();
      const [exact, below, deeper, itself] = await Promise.all([
        organisation({ email_domains: [`mail.${domain}`] }),
        organisation({ email_domains: [`*.${domain}`] }),
        organisation({ email_domains: [`*.lists.${domain}`] }),
        organisation({ email_domains: [other] }),
      ]);
      for (const [email, account] of [
        [`a@mail.${domain}`, exact],
        [`a@MAIL.${domain.toUpperCase()}`, exact],
        [`a@x.mail.${domain}`, below],
        [`a@other.${domain}`, below],
        [`a@x.y.z.${domain}`, below],
        [`a@lists.${domain}`, below],
        [`a@x.lists.${domain}`, deeper],
        [`a@x.y.lists.${domain}`, deeper],
        [`a@${domain}`, null],
        [`a@x${domain}`, null],
        [`a@${domain}.example.com`, null],
        [`a@${other}`, itself],
        [`a@x.${other}`, null],
      ] as const) {
        expect([email, await accountOf({ email })]).toEqual([email, account?.id ?? null]);
      }
    });

    it('by a domain in any script', async () => {
      const { id } = await organisation({ email_domains: ['müller.example'] });
      for (const email of ['a@müller.example', 'a@MÜLLER.example', 'a@xn--mller-kva.example', 'ü@müller.example']) {
        expect([email, await accountOf({ email })]).toEqual([email, id]);
      }
    });

    it('of two accounts with the same domain: the older one', async () => {
      const domain = newDomain();
      const first = await organisation({ email_domains: [domain] });
      const second = await organisation({ email_domains: [domain, `*.${domain}`] });
      expect(await accountOf({ email: `a@${domain}` })).toBe(first.id);
      await database.query(`UPDATE accounts SET created_at = '2020-01-01T00:00:00Z' WHERE id = $1`, [second.id]);
      expect(await accountOf({ email: `a@${domain}` })).toBe(second.id);
    });

    it('without disabled accounts: the next best one is found', async () => {
      const { ipv4 } = newBlock();
      const domain = newDomain();
      const outer = await organisation({ networks: [`${ipv4}.0.0/16`], email_domains: [`*.${domain}`] });
      const inner = await organisation({ networks: [`${ipv4}.0.0/24`], email_domains: [`mail.${domain}`] });
      const person = await signUp(server, { email: `someone@mail.${domain}` });
      await disable(inner.id);
      const { body } = await identify({ ip: `${ipv4}.0.1`, email: person.email });
      expect(body).toMatchObject({ account: { id: outer.id }, user_institution: { id: outer.id } });
      expect(await accountOf({ email: person.email })).toBe(person.id);
      await disable(person.id);
      expect(await accountOf({ email: person.email })).toBe(outer.id);
      await disable(outer.id);
      expect(await accountOf({ ip: `${ipv4}.0.1`, email: person.email })).toBeNull();
    });

    it('as the networks are now: a change counts from its answer on', async () => {
      const { ipv4 } = newBlock();
      const ip = `${ipv4}.0.1`;
      const { id } = await organisation();
      expect(await accountOf({ ip })).toBeNull();
      await patch(`/accounts/${id}`, { networks: [`${ipv4}.0.0/16`] });
      expect(await accountOf({ ip })).toBe(id);
      await patch(`/accounts/${id}`, { networks: [] });
      expect(await accountOf({ ip })).toBeNull();
    });
  });

  it('twenty at once are twenty', async () => {
    const { ipv4 } = newBlock();
    const { id } = await organisation({ networks: [`${ipv4}.0.0/16`] });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => identify({ ip: `${ipv4}.0.${index}` })));
    expect(new Set(answers.map(({ body }) => body.id as string)).size).toBe(20);
    for (const [index, answer] of answers.entries()) {
      expect(answer).toMatchObject({ status: 201, body: { ip: `${ipv4}.0.${index}`, account: { id } } });
    }
  });

  it('a client that is being deleted at that moment is told so, and nothing breaks', async () => {
    const leaving = await newClient(server);
    const visitor = { ip: '192.0.2.1', url: URL_BACK, user_agent: 'example' };
    const ask = () => server.call('POST', '/api/identifications', visitor, leaving.basic);
    expect((await ask()).status).toBe(201);
    const deleter = new pg.Client(database.connection);
    await deleter.connect();
    try {
      await deleter.query('BEGIN');
      await deleter.query('DELETE FROM oauth_clients WHERE id = $1', [leaving.id]);
      const asked = ask();
      for (let waiting: unknown[] = []; waiting.length === 0;) {
        waiting = await database.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
      }
      await deleter.query('COMMIT');
      expect(await asked).toMatchObject({ status: 401, body: { status_code: 401, message: 'The client has ended.' } });
    } finally {
      await deleter.end();
    }
  });

  it('an account that is being deleted at that moment holds nobody up, and is not shown when it is gone', async () => {
    const { ipv4 } = newBlock();
    const { id } = await organisation({ networks: [`${ipv4}.0.0/24`] });
    const deleter = new pg.Client(database.connection);
    await deleter.connect();
    try {
      await deleter.query('BEGIN');
      await deleter.query('DELETE FROM accounts WHERE id = $1', [id]);
      const asked = await identify({ ip: `${ipv4}.0.1` });
      expect(asked).toMatchObject({ status: 201, body: { status: 'identified', account: { id } } });
      await deleter.query('COMMIT');
      const again = await get(`/api/identifications/${asked.body.id as string}`);
      expect(again).toMatchObject({ status: 200, body: { status: 'wayf', account: null } });
    } finally {
      await deleter.end();
    }
  });

  it('accounts that are deleted, renamed and moved meanwhile break nothing', async () => {
    const { ipv4 } = newBlock();
    const domain = newDomain();
    const lists = { networks: [`${ipv4}.0.0/16`], email_domains: [domain] };
    const accounts = await Promise.all(Array.from({ length: 8 }, () => organisation(lists)));
    const asked = { ip: `${ipv4}.0.1`, email: `a@${domain}` };
    const answers = await Promise.all(
      accounts.flatMap(({ id }, index) => [
        identify(asked),
        index % 2 === 0 ? remove(`/api/accounts/${id}`) : patch(`/accounts/${id}`, { name: newName() }),
        identify(asked),
        patch(`/accounts/${id}`, { networks: index % 3 === 0 ? [] : [`${ipv4}.0.0/24`] }),
        identify(asked),
      ]),
    );
    for (const [index, { status }] of answers.entries()) {
      expect([index, index % 5 === 1 || index % 5 === 3 ? [200, 204, 404] : [201]]).toContainEqual(
        index % 5 === 1 || index % 5 === 3 ? expect.arrayContaining([status]) : [status],
      );
    }
    const deleted = accounts.filter((_, index) => index % 2 === 0).map(({ id }) => id);
    for (const { status, body } of answers.filter((_, index) => index % 5 !== 1 && index % 5 !== 3)) {
      expect(status).toBe(201);
      const now = await get(`/api/identifications/${body.id as string}`);
      expect(now.status).toBe(200);
      expect(deleted).not.toContain(now.body.account?.id);
    }
  });

  describe('Required Parameters', () => {
    const MISSING = {
      ip: 'must be an IPv4 or IPv6 address',
      url: 'must be a string',
      user_agent: 'must be a string',
    };

    it.each([undefined, '', '{}', {}, { visitor: {} }])('are all named when they are missing: %j', async (body) => {
      expect(outcome(await post('/api/identifications', body))).toEqual(invalid(MISSING));
    });

    it.each<[field: string, message: string, values: unknown[]]>([
      [
        'ip',
        'must be an IPv4 or IPv6 address',
        [
          null,
          5,
          3221225985,
          true,
          ['192.0.2.1'],
          {},
          '',
          ' ',
          ' 192.0.2.1',
          '192.0.2.1\n',
          '192.0.2.1\t',
          'x'.repeat(10_000),
        ],
      ],
      [
        'ip',
        'must be an IPv4 or IPv6 address',
        words(`192.0.2 192.0.2.1.1 192.0.2.256 192.0.2.01 0x7f.1 192.0.2.1/32 192.0.2.0/24 2001:db8::/32 192.0.2.1:80
          [2001:db8::1] fe80::1%eth0 fe80::1%25eth0 2001:db8::1:: 1:2:3:4:5:6:7 12345:: 192.0.2.1,203.0.113.1 localhost`),
      ],
      ['url', 'must be a string', [null, 5, true, [URL_BACK], {}]],
      // The first one is the document's own example: it has words where it says that a URI belongs.
      [
        'url',
        'must be an absolute http or https URL, without a user',
        words(`example /read //publisher.example/read ?read #read publisher.example publisher.example:443/read
          https: https:// https:/// https://? https:publisher.example https:/publisher.example`),
      ],
      [
        'url',
        'must be an absolute http or https URL, without a user',
        words(`ftp://publisher.example file:///etc/passwd javascript:alert(1) JAVASCRIPT:alert(1) data:text/html,x
          javascript://publisher.example/%0aalert(1) mailto:a@example.org ws://publisher.example
          blob:https://publisher.example/x view-source:https://publisher.example`),
      ],
      [
        'url',
        'must be an absolute http or https URL, without a user',
        words(`https://user@publisher.example https://user:password@publisher.example https://:pw@publisher.example
          https://publisher.example@attacker.example/ https://publisher.example\\@attacker.example
          https://@publisher.example https://:@publisher.example https:///publisher.example https:////publisher.example
          https:\\\\publisher.example https://publisher.example:99999 https://publisher.example:-1
          https://publisher.example:a https://[::1 https://[::g]/ https://a|b.example https://192.0.2.256/ https://%00/
          https://xn--a.example/ https://pub<lisher.example`),
      ],
      [
        'url',
        'must be an absolute http or https URL, without a user',
        [
          '',
          ' ',
          ...['\n', '\t', ' ', '\r\nSet-Cookie:a=b', '\u00a0', '\u2028', '\u0085', '\u007f'].flatMap((text) => [
            `${URL_BACK}${text}`,
            `${text}${URL_BACK}`,
            URL_BACK.replace('publisher', `pub${text}lisher`),
            URL_BACK.replace('https', `ht${text}tps`),
          ]),
        ],
      ],
      [
        'url',
        'must be at most 2048 characters',
        ['x'.repeat(2_048), 'x'.repeat(100_000), 'x\ufe0f'.repeat(1_020)].map((text) => `${URL_BACK}?${text}`),
      ],
      ['user_agent', 'must be a string', [null, 5, true, ['example'], {}]],
      [
        'user_agent',
        'must be at most 2048 characters',
        ['x'.repeat(2_049), 'x'.repeat(10_240), '😀'.repeat(2_049), 'x\ufe0f'.repeat(1_025), 'x\ufe0e'.repeat(2_048)],
      ],
      ['email', 'must be a string', [5, true, false, 0, ['a@example.org'], {}]],
      [
        'email',
        'must be an email address',
        words(`a a@ @example.org a@b a@@example.org a@example a@example..org a@-example.org .a@example.org a.@example.org
          <a@example.org> mailto:a@example.org a@example.org,b@example.org a@192.0.2.1 a@[192.0.2.1]
          ${'a'.repeat(65)}@example.org a@${'a.'.repeat(126)}org a@${'a'.repeat(64)}.org
          ${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.org`),
      ],
      [
        'email',
        'must be an email address',
        [
          '',
          ' ',
          'a b@example.org',
          'a@exa mple.org',
          'a@example.org\n',
          '\na@example.org',
          'Fred <a@example.org>',
          'a@example.org\r\nBcc: b@example.org',
          'a'.repeat(10_000),
        ],
      ],
    ])('400 that names the field: %s %s', async (field, message, values) => {
      for (const value of values) {
        const answer = await identify({ [field]: value });
        expect([value, ...outcome(answer)]).toEqual([value, ...invalid({ [field]: message })]);
      }
    });

    it('400 that names every field that is bad, and nothing is stored', async () => {
      const count = () => database.query('SELECT count(*)::int AS count FROM identifications');
      const before = await count();
      const answer = await identify({ ip: '192.0.2.0/24', url: 'example', user_agent: null, email: 'example' });
      expect(outcome(answer)).toEqual(
        invalid({
          ip: 'must be an IPv4 or IPv6 address',
          url: 'must be an absolute http or https URL, without a user',
          user_agent: 'must be a string',
          email: 'must be an email address',
        }),
      );
      expect(await count()).toEqual(before);
    });

    const UNSTORABLE = 'The body contains a NUL character or an unpaired surrogate.';
    const NO_JSON = 'Send the body as application/json.';

    it.each<[name: string, body: string, headers: Headers, status: number, message: string]>([
      ['malformed JSON', '{"ip":', {}, 400, 'The body is not valid JSON.'],
      ['a list', '[]', {}, 400, 'The body must be a JSON object.'],
      ['null', 'null', {}, 400, 'The body must be a JSON object.'],
      ['a NUL', '{"user_agent":"a\\u0000b"}', {}, 400, UNSTORABLE],
      ['half a pair', '{"user_agent":"\\ud800"}', {}, 400, UNSTORABLE],
      ['a form', 'ip=192.0.2.1', { 'content-type': 'application/x-www-form-urlencoded' }, 415, NO_JSON],
      ['text', 'ip', { 'content-type': 'text/plain' }, 415, NO_JSON],
      ['two megabytes', `"${'x'.repeat(2_000_000)}"`, {}, 413, 'The body is too large.'],
    ])('are refused in the dialect of the document when the body is %s', async (_, body, headers, status, message) => {
      for (const [method, path] of [
        ['POST', '/api/identifications'],
        ['POST', '/api/accounts'],
        ['PATCH', `/accounts/${randomUUID()}`],
        ['PATCH', `/api/accounts/${randomUUID()}`],
      ] as const) {
        const answer = await server.call(method, path, body, { ...client.basic, ...headers });
        expect(outcome(answer)).toEqual([status, { status_code: status, message }]);
      }
    });

    it.each([
      'http://localhost:3000',
      'http://127.0.0.1:8080/back?a=b&c=d#e',
      'http://[::1]/',
      'HTTPS://Publisher.Example/Read',
      'https://publisher.example',
      'https://publisher.example:8443/%7Euser/?q=%20#/app',
      'https://bücher.example/ünïcode?q=ü',
      'https://publisher.example/?url=https://other.example/@user',
      "https://publisher.example/;a=b,c(d)!$'*+",
      `https://publisher.example/?${'x'.repeat(2_048 - 27)}`,
    ])('url is stored and echoed as it was sent: %s', async (url) => {
      const { body } = await identify({ url });
      expect(body.url).toBe(url);
      expect(await database.query('SELECT url FROM identifications WHERE id = $1', [body.id])).toEqual([{ url }]);
    });

    it.each([
      ['2001:0DB8:0:0::0001', '2001:db8::1'],
      ['::ffff:203.0.113.9', '203.0.113.9'],
      ['0:0:0:0:0:FFFF:CB00:7109', '203.0.113.9'],
      ['0.0.0.0', '0.0.0.0'],
      ['::', '::'],
    ])('ip is answered in its one spelling: %s is %s', async (ip, spelling) => {
      const { body } = await identify({ ip });
      expect(body.ip).toBe(spelling);
      expect(
        await database.query('SELECT host(ip) AS ip, masklen(ip) AS length FROM identifications WHERE id = $1', [
          body.id,
        ]),
      ).toEqual([{ ip: spelling, length: spelling.includes(':') ? 128 : 32 }]);
    });

    it.each([
      '',
      ' ',
      'x'.repeat(2_048),
      '😀'.repeat(2_048),
      'a\nb\tc',
      '<script>',
      "'; DROP TABLE identifications;--",
    ])('user_agent can be any text: %j', async (user_agent) => {
      expect(await identify({ user_agent })).toMatchObject({ status: 201, body: { user_agent } });
    });

    it('fields that are the server’s are left out', async () => {
      const { id: other } = await organisation();
      const own = { id: randomUUID(), status: 'identified', account: { id: other }, account_id: other, client_id: 'x' };
      const { status, body } = await identify({ ...own, created: '2015-01-01T12:00:00Z', expires_at: '2999-01-01' });
      expect([status, body.status, body.account]).toEqual([201, 'wayf', null]);
      expect(body.id).not.toBe(own.id);
    });
  });
});

describe('Identification Info', () => {
  const path = (id: unknown) => `/api/identifications/${id as string}`;

  it.each(CREDENTIALS)('Response Example: 200 with what creating it was answered, for `%s`', async (spelling) => {
    const { ipv4 } = newBlock();
    const domain = newDomain();
    await organisation({ networks: [`${ipv4}.0.0/16`], email_domains: [domain] });
    const { body } = await identify({ ip: `${ipv4}.0.1`, email: `a@${domain}` });
    const headers = await credential(spelling);
    for (const id of [body.id as string, (body.id as string).toUpperCase(), `${body.id as string}/`]) {
      expect(outcome(await get(path(id), headers))).toEqual([200, body]);
    }
  });

  it('another client’s is 404, as is what does not exist', async () => {
    const { body } = await identify();
    const other = await newClient(server);
    const ids = [body.id, randomUUID(), 'x', '0', `${body.id as string}0`, '00000000-0000-0000-0000-000000000000'];
    for (const id of [...ids, encodeURIComponent(`${body.id as string}' OR true --`), 'a'.repeat(4_000)]) {
      expect(outcome(await get(path(id), other.basic))).toEqual(NOT_FOUND);
      if (id !== body.id) expect(outcome(await get(path(id)))).toEqual(NOT_FOUND);
    }
    expect((await get(path(body.id))).status).toBe(200);
  });

  it('shows the account as it is now', async () => {
    const { ipv4 } = newBlock();
    const domain = newDomain();
    const { id } = await organisation({ networks: [`${ipv4}.0.0/16`], email_domains: [domain] });
    const { body } = await identify({ ip: `${ipv4}.0.1`, email: `a@${domain}` });
    const name = newName();
    await patch(`/accounts/${id}`, { name, publisher_reference: 'now', networks: [], email_domains: [] });
    const now = { id, account_name: name, publisher_reference: 'now' };
    expect((await get(path(body.id))).body).toMatchObject({
      status: 'identified',
      account: now,
      user_institution: now,
    });
  });

  it('does not show an account that has been disabled since, nor one that has been deleted', async () => {
    const { ipv4 } = newBlock();
    const domain = newDomain();
    const account = await organisation({ networks: [`${ipv4}.0.0/16`] });
    const institution = await organisation({ email_domains: [domain] });
    const { body } = await identify({ ip: `${ipv4}.0.1`, email: `a@${domain}` });
    const none = { account: null, target_account: null, user_institution: null };
    const { _links, created, id } = body;
    const rest = { _links, created, id, ip: `${ipv4}.0.1`, email: `a@${domain}`, url: URL_BACK, user_agent: 'example' };
    await disable(account.id);
    const { user_institution } = body;
    const expected = { ...rest, status: 'wayf', ...none };
    expect((await get(path(id))).body).toEqual({ ...expected, user_institution });
    await disable(institution.id);
    expect((await get(path(id))).body).toEqual(expected);
    await changeAccount(server, account.id, 'UPDATE accounts SET disabled_at = NULL WHERE id = $1');
    await changeAccount(server, institution.id, 'UPDATE accounts SET disabled_at = NULL WHERE id = $1');
    expect((await get(path(id))).body).toEqual(body);
    expect((await remove(`/api/accounts/${account.id}`)).status).toBe(204);
    expect((await get(path(id))).body).toEqual({ ...expected, user_institution });
    expect((await remove(`/api/accounts/${institution.id}`)).status).toBe(204);
    expect((await get(path(id))).body).toEqual(expected);
  });

  it('is 404 from the moment it expires, and is swept away then', async () => {
    const [expired, alive] = [await identify(), await identify()].map(({ body }) => body.id as string);
    const expire = (seconds: number) =>
      database.query(`UPDATE identifications SET expires_at = now() + $2 * interval '1 second' WHERE id = $1`, [
        expired,
        seconds,
      ]);
    await expire(60);
    expect((await get(path(expired))).status).toBe(200);
    await expire(0);
    expect(outcome(await get(path(expired)))).toEqual(NOT_FOUND);
    expect(await server.app.get(Sweeper).sweep()).toBeGreaterThanOrEqual(1);
    expect(await database.query('SELECT id FROM identifications WHERE id = ANY ($1)', [[expired, alive]])).toEqual([
      { id: alive },
    ]);
    expect((await get(path(alive))).status).toBe(200);
  });

  it('goes with its client', async () => {
    const leaving = await newClient(server);
    const { body } = await identify({}, leaving.basic);
    await database.query('DELETE FROM oauth_clients WHERE id = $1', [leaving.id]);
    expect(await database.query('SELECT 1 FROM identifications WHERE id = $1', [body.id])).toEqual([]);
  });
});

describe('The entry point', () => {
  it.each(['/api', '/api/'])('GET %s says where the rest is', async (path) => {
    expect(outcome(await get(path))).toEqual([
      200,
      {
        _links: {
          self: { href: 'http://latchkey.test/api' },
          '@new_identification': { href: 'http://latchkey.test/api/identifications' },
          '@get_identification': { href: 'http://latchkey.test/api/identifications/{id}', templated: true },
        },
      },
    ]);
  });

  it('leads to a new identification, and that to itself', async () => {
    const here = (href: string) => new URL(href).pathname;
    const { _links: links } = (await get('/api')).body;
    const { body } = await post(here(links['@new_identification'].href as string), visitor());
    const { href } = links['@get_identification'] as { href: string };
    expect(decodeURI(here(href)).replace('{id}', body.id as string)).toBe(here(body._links.self.href as string));
    expect((await get(here(body._links.self.href as string))).body).toEqual(body);
  });
});

describe('Other methods and other paths', () => {
  it.each([
    ['/api', 'GET, HEAD'],
    ['/api/accounts', 'GET, HEAD, POST'],
    [`/api/accounts/${randomUUID()}`, 'DELETE, GET, HEAD, PATCH'],
    ['/api/identifications', 'POST'],
    [`/api/identifications/${randomUUID()}`, 'GET, HEAD'],
  ])('405 with Allow: %s has %s', async (path, allowed) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((name) => !allowed.includes(name))) {
      const answer = await server.call(method, path, undefined, client.basic);
      expect(answer.headers.get('allow')).toBe(allowed);
      expect(outcome(answer)).toEqual([405, { status_code: 405, message: `This URL only accepts ${allowed}.` }]);
    }
  });

  it.each([
    '/api/x',
    '/api/accounts/a/b',
    '/api/identifications/a/b',
    '/api/account',
    '/api//accounts',
    '/api/v2/tokens',
  ])('404 in the dialect of the neighbours: %s', async (path) => {
    const answer = await callExactly(server, 'GET', path, undefined, client.basic);
    expect(outcome(answer)).toEqual([404, { status_code: 404, message: 'Not found.' }]);
  });
});

it('Nothing of all this was an unexpected failure', () => {
  expect(server.logs.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
});
