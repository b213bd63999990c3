import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EntityManager } from 'typeorm';
import { IDENTIFY_MANY, valuesOf } from '../../src/identifications/identify-visitors.js';
import { PasswordHasher } from '../../src/passwords/password-hasher.js';
import { TokenIssuer } from '../../src/tokens/token-issuer.service.js';
import {
  type Account,
  besides,
  client,
  credential,
  CREDENTIALS,
  database,
  disable,
  get,
  type Headers,
  invalid,
  NAME_TAKEN,
  newBlock,
  newName,
  NOT_FOUND,
  nothingFailedUnexpectedly,
  organisation,
  outcome,
  patch,
  post,
  remove,
  rowOf,
  SECOND,
  server,
  URL_BACK,
  withClient,
  words,
} from '../support/connect-contract.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { newAccessToken, newClient, type Client } from '../support/oauth.js';
import { bearer, newEmail, signUp, startServer, type Answer, type TestServer } from '../support/server.js';
import { Statements, type Statement } from '../support/statements.js';
import { callExactly, logIn, makeAdmin, newApiToken, tokenHeaders } from '../support/tokens.js';

withClient();

/** @returns the id of a person without an email, as an admin makes one for those who come from a network */
async function newPerson(at = database): Promise<string> {
  const [row] = await at.query<{ id: string }>('INSERT INTO accounts (individual) VALUES (true) RETURNING id');
  return row?.id ?? '';
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
        aliases: [],
        networks: [],
        email_domains: [],
        ...besides({ id, name }),
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

  it('shows a person who cannot sign in as an account without a name', async () => {
    const id = await newPerson();
    expect(outcome(await get(`/accounts/${id}`))).toEqual([
      200,
      {
        created_at: SECOND,
        id,
        name: null,
        publisher_reference: null,
        updated_at: SECOND,
        individual: true,
        aliases: [],
        networks: [],
        email_domains: [],
        ...besides({ id, name: null, individual: true }),
      },
    ]);
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
      if (path.startsWith('/accounts/')) expect(outcome(await patch(path, {}))).toEqual(NOT_FOUND);
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
    own = await startServer(ownDatabase.connection, {}, {}, { runsBackgroundJobs: false });
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
  const allIds = async () => {
    const rows = await ownDatabase.query<{ id: string }>(
      'SELECT id FROM accounts WHERE NOT individual OR email IS NULL ORDER BY created_at, id',
    );
    return rows.map(({ id }) => id);
  };

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

  it('shows organisations, and persons who cannot sign in, as GET does, the oldest first', async () => {
    for (let count = 0; count < 3; count += 1) await add();
    await signUp(own);
    const id = await newPerson(ownDatabase);
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
      aliases: [],
      networks: [],
      email_domains: [],
      ...besides({ id, name: null, individual: true }),
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
            'Index Name': expect.stringMatching(/^accounts_(created_at|for_clients)_idx$/),
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
      'EXPLAIN: the most specific network of %s is found by an index, and nothing is read in full',
      async (ip) => {
        const visitor = { ip, email: 'a@x.example.org', url: URL_BACK, userAgent: '' };
        const asked = [{ visitor, client: { clientId: reader.id, scopes: [] } }];
        const nodes = await explain({
          text: IDENTIFY_MANY.text,
          values: valuesOf(asked, { seconds: 60, isProved: false }),
        });
        const indexes = nodes.map((node) => node['Index Name']);
        expect(indexes.filter((name) => name === 'account_networks_seniority_idx')).toHaveLength(2);
        expect(indexes).toContainEqual(expect.stringMatching(/^accounts_email_(key|search_idx)$/));
        expect(indexes).toContain('account_email_domains_seniority_idx');
        // There are few clients here, few tokens, and few sessions.
        const inFull = nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name']);
        expect(
          inFull.filter(
            (table) => !['oauth_clients', 'oauth_client_secrets', 'sessions', 'tokens'].includes(table ?? ''),
          ),
        ).toEqual([]);
      },
    );
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
        if (path.startsWith('/accounts/')) expect(outcome(await patch(path, {}))).toEqual(NOT_FOUND);
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

  it('403 for persons who cannot sign in and for admins, who stay', async () => {
    const person = await newPerson();
    const adminOrganisation = await makeAdmin(server);
    await database.query('UPDATE accounts SET individual = false WHERE id = $1', [adminOrganisation.id]);
    for (const id of [person, adminOrganisation.id]) {
      const before = await rowOf(id);
      const answer = await remove(`/api/accounts/${id}`);
      expect(outcome(answer)).toEqual([
        403,
        {
          status_code: 403,
          message: 'Clients can only delete organisations that are not admins and own no clients.',
        },
      ]);
      expect(await rowOf(id)).toEqual(before);
    }
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
    const app = await server.app.get(TokenIssuer).issue(server.app.get(EntityManager), 'app', { accountId: id });
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

nothingFailedUnexpectedly();
