import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  ABSENT,
  type Account,
  ACCOUNTS,
  admin,
  ADMINS_ONLY,
  afterAllOfThis,
  change,
  countAccounts,
  database,
  get,
  type Headers,
  invalid,
  make,
  newName,
  newTarget,
  NOT_FOUND,
  onBehalf,
  outcome,
  patch,
  pathOf,
  post,
  publisher,
  remove,
  server,
  type Server,
  statements,
  stored,
  type Target,
  TIME,
  user,
  withAdmins,
} from '../support/account-admin.js';
import { bearer, call, newEmail, type Answer } from '../support/server.js';
import { oboToken, signedInAdmin, tokenHeaders } from '../support/tokens.js';

withAdmins();

const NOT_GOOD = 'is missing or invalid';

/** Each route, with what an admin is answered; `changes`: it leaves something behind. */
const ROUTES: [name: string, status: number, request: (target: Target, headers: Headers) => Promise<Answer>][] = [
  ['list', 200, (_, headers) => get(`${ACCOUNTS}/`, headers)],
  ['create', 201, (_, headers) => post(`${ACCOUNTS}/`, { email: newEmail(), password: 'example' }, headers)],
  ['show', 200, ({ id }, headers) => get(pathOf(id), headers)],
  ['change', 200, ({ id }, headers) => change(id, { name: newName() }, headers)],
  ['delete', 204, ({ id }, headers) => remove(pathOf(id), headers)],
  ['revoke', 204, ({ id }, headers) => post(`${pathOf(id)}/revoke`, undefined, headers)],
  ['unlock', 204, ({ id }, headers) => remove(`${pathOf(id)}/lock`, headers)],
  ['list sessions', 200, ({ id }, headers) => get(`${pathOf(id)}/sessions`, headers)],
  ['show a session', 200, ({ id, sid }, headers) => get(`${pathOf(id)}/sessions/${sid}`, headers)],
  ['end a session', 204, ({ id, sid }, headers) => remove(`${pathOf(id)}/sessions/${sid}`, headers)],
];

const WITH_AN_ID = ROUTES.filter(([name]) => !['list', 'create'].includes(name));

const countEvents = async (actor: string, where: string) =>
  (await database.query(`SELECT 1 FROM audit_events WHERE actor_id = $1 AND outcome = 'success' AND ${where}`, [actor]))
    .length;

describe('The routes for accounts and their sessions', () => {
  /** To whom nothing happens, as nobody may. */
  let bystander: Awaited<ReturnType<typeof newTarget>>;
  let actingForUser: string;

  beforeAll(async () => {
    bystander = await newTarget();
    actingForUser = await oboToken(server, admin, user.id);
  });

  it.each(ROUTES)('%s: an admin may, and so may an admin on behalf of another', async (_, status, request) => {
    const other = await signedInAdmin(server);
    expect((await request(await newTarget(), other.headers)).status).toBe(status);
    expect(await countEvents(other.id, `on_behalf_of IS NULL AND kind NOT LIKE 'sign_in'`)).toBeGreaterThan(0);
    const acting = await onBehalf(other, admin);
    expect((await request(await newTarget(), acting)).status).toBe(status);
    const done = `on_behalf_of = '${other.id}' AND kind <> 'token.issued'`;
    expect(await countEvents(admin.id, done)).toBeGreaterThan(0);
  });

  it.each(ROUTES)('%s: a user may not, neither may an admin on behalf of one', async (_, __, request) => {
    const target = bystander;
    const before = [await stored(target.id), await countAccounts()];
    const acting = tokenHeaders(admin.appToken, actingForUser);
    for (const headers of [user.headers, acting, { ...user.headers, 'app-token': admin.appToken }]) {
      expect(outcome(await request(target, headers))).toEqual(ADMINS_ONLY);
      // Whether there is such an account is none of their business.
      expect(outcome(await request({ id: randomUUID(), sid: randomUUID() }, headers))).toEqual(ADMINS_ONLY);
    }
    expect([await stored(target.id), await countAccounts()]).toEqual(before);
    expect((await get(`/accounts/${target.id}`, bearer(target.jwt))).status).toBe(200);
  });

  it.each(ROUTES)('%s: nobody may, and each header that is not good is named', async (_, __, request) => {
    const target = bystander;
    const before = [await stored(target.id), await countAccounts()];
    const both = { app_token: NOT_GOOD, token: NOT_GOOD };
    for (const [headers, errors] of [
      [{}, both],
      [{ 'app-token': admin.token, token: admin.appToken }, both],
      [{ 'app-token': admin.appToken }, { token: NOT_GOOD }],
      [{ token: admin.token }, { app_token: NOT_GOOD }],
      [bearer(bystander.jwt), both],
      [publisher.basic, both],
    ] as [Headers, object][]) {
      const answer = await request(target, headers);
      expect(outcome(answer)).toEqual([401, { errors }]);
      expect(answer.headers.get('www-authenticate')).toBe('App-Token, Token');
    }
    expect([await stored(target.id), await countAccounts()]).toEqual(before);
    expect((await get(`/accounts/${target.id}`, bearer(target.jwt))).status).toBe(200);
  });

  it.each(WITH_AN_ID)('%s: what is no id, or nobody’s, is 404', async (_, __, request) => {
    for (const id of [
      randomUUID(),
      'nonsense',
      `${admin.id}0`,
      admin.id.replaceAll('-', ''),
      `%7B${admin.id}%7D`,
      encodeURIComponent(`${admin.id}' OR true --`),
      '%F0%9F%8F%A6',
      'a'.repeat(4_000),
    ]) {
      expect([id, ...outcome(await request({ id, sid: randomUUID() }, admin.headers))]).toEqual([id, ...NOT_FOUND]);
    }
  });

  it.each(WITH_AN_ID)('%s: takes ids in capitals', async (_, status, request) => {
    const { id, sid } = await newTarget();
    expect((await request({ id: id.toUpperCase(), sid: sid.toUpperCase() }, admin.headers)).status).toBe(status);
  });

  it('are the same with a slash behind them and without', async () => {
    const { id, sid } = await newTarget();
    for (const path of [ACCOUNTS, pathOf(id), `${pathOf(id)}/sessions`, `${pathOf(id)}/sessions/${sid}`]) {
      expect(outcome(await get(`${path}/`))).toEqual(outcome(await get(path)));
    }
    for (const slash of ['', '/']) {
      expect((await post(`${ACCOUNTS}${slash}`, { email: newEmail(), password: 'example' })).status).toBe(201);
      expect((await patch(`${pathOf(id)}${slash}`, { name: newName() })).status).toBe(200);
      expect((await post(`${pathOf(id)}/revoke${slash}`)).status).toBe(204);
      expect((await remove(`${pathOf((await newTarget()).id)}${slash}`)).status).toBe(204);
    }
    expect((await remove(`${pathOf(id)}/sessions/${sid}/`)).status).toBe(404);
  });

  it.each([
    ['PUT', ACCOUNTS, 'GET, HEAD, POST'],
    ['PUT', pathOf(ABSENT), 'DELETE, GET, HEAD, PATCH'],
    ['GET', `${pathOf(ABSENT)}/revoke`, 'POST'],
    ['GET', `${pathOf(ABSENT)}/lock`, 'DELETE'],
    ['POST', `${pathOf(ABSENT)}/sessions`, 'GET, HEAD'],
    ['PATCH', `${pathOf(ABSENT)}/sessions/${ABSENT}`, 'DELETE, GET, HEAD'],
  ])('refuse %s %s with 405 and Allow', async (method, path, allowed) => {
    const answer = await server.call(method, path, undefined, admin.headers);
    expect(answer.status).toBe(405);
    expect((answer.headers.get('allow') ?? '').split(', ').sort().join(', ')).toBe(allowed);
  });
});

describe('Accounts are listed', () => {
  const list = (query: Record<string, string> | string = '', at: Server = server) =>
    get(`${ACCOUNTS}/?${new URLSearchParams(query).toString()}`, admin.headers, at);
  const idsOf = ({ body }: Answer) => (body.accounts as Account[]).map(({ id }) => id);

  async function idsFor(query: Record<string, string>): Promise<string[]> {
    const answer = await list(query);
    expect([query, answer.status]).toEqual([query, 200]);
    return idsOf(answer);
  }

  /** Follows Link to the end. */
  async function pages(query: string): Promise<{ ids: string[]; url: string }[]> {
    const found: { ids: string[]; url: string }[] = [];
    let url: string | undefined = `${server.url}${ACCOUNTS}/?${query}`;
    while (url !== undefined && found.length < 20) {
      const answer = await call(url, 'GET', undefined, admin.headers);
      expect(answer.status).toBe(200);
      found.push({ ids: idsOf(answer), url });
      const [, target] = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '') ?? [];
      url = target === undefined ? undefined : new URL(target, url).href;
    }
    return found;
  }

  it('newest first, as each is shown alone, disabled or not', async () => {
    const made = [await make({ name: newName() }), await make({ role: 'admin' }), await make()];
    await change(made[1]?.id ?? '', { disabled: true });
    const { body } = await list();
    const shown = await Promise.all(made.map(async ({ id }) => (await get(pathOf(id))).body as Account));
    expect((body.accounts as Account[]).slice(0, 3)).toEqual(shown.reverse());
    expect(shown[1]?.disabled_at).toEqual(TIME);
  });

  it.each([1_000, 7])('a hundred a page, and each page keeps the filters, %d to a microsecond', async (per) => {
    const prefix = `Page of ${per} %_\\ & `;
    await database.query(
      `INSERT INTO accounts (name, email, individual, created_at)
       SELECT $2 || n, 'page.' || $1 || '.' || n || '@example.org', n % 5 = 0,
         '2026-01-02T03:04:05.678901Z'::timestamptz + (n / $1::int) * interval '1 microsecond'
       FROM generate_series(1, 250) n`,
      [per, prefix],
    );
    const all = await database.query<{ id: string }>(
      `SELECT id FROM accounts WHERE starts_with(name, $1) AND NOT individual ORDER BY created_at DESC, id DESC`,
      [prefix],
    );
    const query = { name: prefix.toUpperCase(), email: `PAGE.${per}.`, individual: 'false', disabled: 'false' };
    const found = await pages(new URLSearchParams(query).toString());
    expect(found.map(({ ids }) => ids.length)).toEqual([100, 100]);
    expect(found.flatMap(({ ids }) => ids)).toEqual(all.map(({ id }) => id));
    for (const { url } of found.slice(1)) {
      const { cursor, ...kept } = Object.fromEntries(new URL(url).searchParams);
      expect([cursor, kept]).toEqual([expect.stringMatching(/^\d+\.[0-9a-f-]{36}$/), query]);
    }
    // Page by page, without any, too.
    const plain = await pages('');
    const everybody = await database.query('SELECT id FROM accounts ORDER BY created_at DESC, id DESC');
    expect(plain.flatMap(({ ids }) => ids)).toEqual(everybody.map(({ id }) => id as string));
  });

  it('by how the email or the name begins, in whatever case, by the id, and by what applies to many', async () => {
    const tag = randomUUID().slice(0, 8);
    const person = await make({ email: `Search.${tag}@example.org`, name: `Söarch ${tag}` });
    const boss = await make({ email: `search.${tag}.boss@example.org`, role: 'admin' });
    const house = await make({ individual: false, name: `SÖARCH ${tag} house`, email: `x.${tag}@example.org` });
    await change(boss.id, { disabled: true });
    const all = [house.id, boss.id, person.id];
    for (const [query, expected] of [
      [{ id: person.id }, [person.id]],
      [{ id: person.id.toUpperCase() }, [person.id]],
      [{ id: randomUUID() }, []],
      [{ email: `SEARCH.${tag}@` }, [person.id]],
      [{ email: `search.${tag}` }, [boss.id, person.id]],
      [{ email: `${tag}@example.org` }, []],
      [{ name: `söarch ${tag}` }, [house.id, person.id]],
      [{ name: `so\u0308arch ${tag}` }, [house.id, person.id]],
      [{ name: `SÖARCH ${tag} H` }, [house.id]],
      [{ name: tag }, []],
      [{ name: `Söarch ${tag}`, individual: 'true' }, [person.id]],
      [{ name: `Söarch ${tag}`, individual: 'false' }, [house.id]],
      [{ email: `search.${tag}`, role: 'admin' }, [boss.id]],
      [{ email: `search.${tag}`, role: 'user' }, [person.id]],
      [{ email: `search.${tag}`, disabled: 'true' }, [boss.id]],
      [{ email: `search.${tag}`, disabled: 'false' }, [person.id]],
      [{ email: `search.${tag}`, name: `söarch ${tag}`, id: person.id, role: 'user', individual: 'true' }, [person.id]],
      [{ id: person.id, role: 'admin' }, []],
      [{ email: `search.${tag}` }, [boss.id, person.id]],
    ] as [Record<string, string>, string[]][]) {
      expect([query, await idsFor(query)]).toEqual([query, expected]);
    }
    const among = async (query: Record<string, string>) => (await idsFor(query)).filter((id) => all.includes(id));
    expect(await among({ role: 'admin' })).toEqual([boss.id]);
    expect(await among({ role: 'user' })).toEqual([house.id, person.id]);
    expect(await among({ individual: 'true' })).toEqual([boss.id, person.id]);
    expect(await among({ individual: 'false' })).toEqual([house.id]);
    expect(await among({ disabled: 'true' })).toEqual([boss.id]);
    expect(await among({ disabled: 'false' })).toEqual([house.id, person.id]);
    // Every email begins with nothing, and so does every name.
    expect(await among({ email: '' })).toEqual(all);
    expect(await among({ name: '' })).toEqual([house.id, person.id]);
  });

  it('by signs that mean something in SQL, each as it stands', async () => {
    const tag = randomUUID().slice(0, 8);
    const signs = ['%', '_', '\\', "'", '\\%', '%%', '*', '?', '"', '--'];
    const made: Account[] = [];
    for (const sign of signs) made.push(await make({ name: `${tag}${sign}x` }));
    for (const [index, sign] of signs.entries()) {
      const begins = made.filter(({ name }) => name.startsWith(`${tag}${sign}`)).map(({ id }) => id);
      expect([sign, await idsFor({ name: `${tag}${sign}` })]).toEqual([sign, begins.reverse()]);
      expect(await idsFor({ name: `${tag}${sign}x` })).toEqual([made[index]?.id]);
      expect(await idsFor({ name: `${sign}${tag}` })).toEqual([]);
      expect(await idsFor({ email: sign })).toEqual([]);
    }
    const odd = await make({ email: `per%cent_${tag}@example.org` });
    expect(await idsFor({ email: `per%cent_${tag}` })).toEqual([odd.id]);
    expect(await idsFor({ email: `per_cent%${tag}` })).toEqual([]);
  });

  it.each<[query: string, errors: object]>([
    ['id=nonsense', { id: 'must be a UUID or 24 hexadecimal characters' }],
    ['id=', { id: 'must be a UUID or 24 hexadecimal characters' }],
    ['role=owner', { role: 'must be admin or user' }],
    ['role=', { role: 'must be admin or user' }],
    ['role=ADMIN', { role: 'must be admin or user' }],
    ['individual=yes', { individual: 'must be true or false' }],
    ['individual=', { individual: 'must be true or false' }],
    ['disabled=1', { disabled: 'must be true or false' }],
    ['disabled=TRUE', { disabled: 'must be true or false' }],
    ['cursor=', { cursor: 'is not a valid cursor' }],
    ['cursor=nonsense', { cursor: 'is not a valid cursor' }],
    [`cursor=1.x`, { cursor: 'is not a valid cursor' }],
    [`cursor=99999999999999999999.${ABSENT}`, { cursor: 'is not a valid cursor' }],
    [`id=${ABSENT}&id=${ABSENT}`, { id: 'must be given once' }],
    ['email=a&email=b', { email: 'must be given once' }],
    ['name=a&name=b', { name: 'must be given once' }],
    ['role=user&role=user', { role: 'must be given once' }],
    ['individual=true&individual=true', { individual: 'must be given once' }],
    ['disabled=true&disabled=true', { disabled: 'must be given once' }],
    [`cursor=1.${ABSENT}&cursor=1.${ABSENT}`, { cursor: 'must be given once' }],
    ['role=x&disabled=x', { role: 'must be admin or user', disabled: 'must be true or false' }],
  ])('not by %s', async (query, errors) => {
    expect(outcome(await get(`${ACCOUNTS}?${query}`))).toEqual(invalid(errors));
  });

  it('not by texts that are longer than any email or name', async () => {
    expect((await list({ email: 'x'.repeat(254), name: '😀'.repeat(255) })).status).toBe(200);
    expect(outcome(await list({ email: 'x'.repeat(255), name: '😀'.repeat(256) }))).toEqual(
      invalid({ email: 'must be at most 254 characters', name: 'must be at most 255 characters' }),
    );
  });

  it('and the audit log has what was asked for, but no text', async () => {
    const { id, headers } = await signedInAdmin(server);
    await get(`${ACCOUNTS}?email=secret&role=user`, headers);
    await get(ACCOUNTS, headers);
    const events = await database.query(
      `SELECT details FROM audit_events WHERE actor_id = $1 AND kind = 'account.listed' ORDER BY at`,
      [id],
    );
    expect(events).toEqual([{ details: { filters: ['email', 'role'] } }, { details: { filters: [] } }]);
  });

  describe('and of 20,000,', () => {
    interface Plan {
      'Node Type': string;
      'Index Name'?: string;
      'Relation Name'?: string;
      'Actual Rows': number;
      'Actual Loops': number;
      'Rows Removed by Filter'?: number;
      'Rows Removed by Index Recheck'?: number;
      Plans?: Plan[];
    }

    const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

    beforeAll(async () => {
      await database.query(
        `INSERT INTO accounts (email, name, role, individual, disabled_at, created_at)
         SELECT 'many.' || n || '@example.org', 'Many ' || n, CASE WHEN n % 2000 = 0 THEN 'admin' ELSE 'user' END,
           n % 1000 <> 0, CASE WHEN n % 1000 = 1 THEN now() END, now() - n * interval '1 minute'
         FROM generate_series(1, 20000) n`,
      );
      await database.query('ANALYZE accounts');
    });

    async function explain(query: Record<string, string>) {
      const sent = await statements.during(async () => {
        expect((await list(query)).status).toBe(200);
      });
      const { text, values } = sent.find(
        (one) => one.text.startsWith('SELECT') && /FROM accounts[^]*LIMIT/.test(one.text),
      ) ?? {
        text: '',
        values: [],
      };
      const [row] = await database.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
        values,
      );
      const nodes = row ? nodesOf(row['QUERY PLAN'][0].Plan) : [];
      const read = nodes
        .filter((node) => node['Relation Name'] === 'accounts')
        .map((node) =>
          [node['Actual Rows'], node['Rows Removed by Filter'], node['Rows Removed by Index Recheck']].reduce<number>(
            (sum, count) => sum + (count ?? 0) * node['Actual Loops'],
            0,
          ),
        );
      return {
        indexes: nodes.flatMap((node) => node['Index Name'] ?? []).filter((name) => name.startsWith('accounts')),
        sequential: nodes.filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'accounts'),
        read: Math.max(...read),
      };
    }

    it.each<[query: Record<string, string>, index: string]>([
      [{}, 'accounts_created_at_idx'],
      [{ cursor: `1700000000000000.${ABSENT}` }, 'accounts_created_at_idx'],
      [{ id: ABSENT }, 'accounts_pkey'],
      [{ email: 'many.1234' }, 'accounts_email_search_idx'],
      [{ email: 'MANY.19999@example.org' }, 'accounts_email_search_idx'],
      [{ email: 'nobody@' }, 'accounts_email_search_idx'],
      [{ name: 'MANY 1234' }, 'accounts_name_search_idx'],
      [{ name: 'nobody' }, 'accounts_name_search_idx'],
      [{ name: 'many 12345', disabled: 'true' }, 'accounts_(name_search|disabled)_idx'],
      [{ role: 'admin' }, 'accounts_admins_idx'],
      [{ individual: 'false' }, 'accounts_(organisations|for_clients)_idx'],
      [{ disabled: 'true' }, 'accounts_disabled_idx'],
      [{ role: 'user', individual: 'true', disabled: 'false' }, 'accounts_created_at_idx'],
      [{ role: 'admin', disabled: 'true' }, 'accounts_(admins|disabled)_idx'],
      [{ email: 'many.', role: 'user' }, 'accounts_created_at_idx'],
    ])('EXPLAIN: %j is found by an index, without reading many', async (query, index) => {
      const { indexes, sequential, read } = await explain(query);
      expect(sequential).toEqual([]);
      expect(indexes.join(' ')).toMatch(new RegExp(`^(${index} ?)+$`));
      expect(read).toBeLessThan(1_000);
    });
  });
});

afterAllOfThis('access');
