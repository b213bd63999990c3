import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { byDomain, byNetwork } from '../src/identifications/identify-visitors.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { waiting, whileLocked } from './support/locks.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(() => database.drop());

beforeEach(() => database.query('DELETE FROM accounts'));

/** What the rule says, without any way to be quick: the most specific network, then the oldest account. */
const BY_THE_RULE = `
  SELECT a.id FROM account_networks n JOIN accounts a ON a.id = n.account_id
  WHERE n.network >>= $1::inet AND a.disabled_at IS NULL
  ORDER BY masklen(n.network) DESC, a.created_at, a.id LIMIT 1`;

const foundBy = async (statement: string, ...values: unknown[]) =>
  (await database.query<{ found: string }>(`SELECT (${statement}) AS found`, values))[0]?.found;
const foundByDomain = (...domains: string[]) => foundBy(byDomain('$1::text[]'), domains);
const foundByNetwork = (ip: string) => foundBy(byNetwork('$1::inet'), ip);

async function newAccount(age: string, ...networks: string[]): Promise<string> {
  const [row] = await database.query<{ id: string }>(
    `INSERT INTO accounts (individual, created_at) VALUES (false, date_trunc('day', now()) - $1::interval) RETURNING id`,
    [age],
  );
  const id = row?.id ?? '';
  await database.query('INSERT INTO account_networks (account_id, network) SELECT $1, unnest($2::cidr[])', [
    id,
    networks,
  ]);
  await database.query(`INSERT INTO account_email_domains (account_id, domain) VALUES ($1, 'example.org')`, [id]);
  return id;
}

const disable = (id: string) => database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [id]);
const enable = (id: string) => database.query('UPDATE accounts SET disabled_at = NULL WHERE id = $1', [id]);

describe('The account of an address', () => {
  it('is that of the most specific network, and of several the oldest that is not disabled, as if all were compared', async () => {
    // Of few different bits, so that many are inside others, and beside them.
    const bits = () => Math.floor(Math.random() * 256) & Math.floor(Math.random() * 256) & 0b11000111;
    const address = (size: number) =>
      size === 4
        ? Array.from({ length: 4 }, bits).join('.')
        : Array.from({ length: 8 }, () => ((bits() << 8) | bits()).toString(16)).join(':');
    await database.query(
      `INSERT INTO accounts (individual, created_at, disabled_at)
       SELECT false, now() - (n % 7) * interval '1 day', CASE WHEN n % 3 = 0 THEN now() END FROM generate_series(1, 60) n`,
    );
    const made = Array.from({ length: 3_000 }, (_, index) => address(index % 2 === 0 ? 4 : 16));
    await database.query(
      `INSERT INTO account_networks (account_id, network)
       SELECT ids[1 + (n % 60)], network(set_masklen(ip::inet, (random() * CASE family(ip::inet) WHEN 4 THEN 32 ELSE 128 END)::int))
       FROM unnest($1::text[]) WITH ORDINALITY AS t (ip, n), (SELECT array_agg(id) AS ids FROM accounts) a
       ON CONFLICT DO NOTHING`,
      [made],
    );
    const asked = [
      ...made.slice(0, 300),
      ...Array.from({ length: 300 }, (_, index) => address(index % 2 === 0 ? 4 : 16)),
    ];
    const compare = async () => {
      const rows = await database.query<{ ip: string; quick: string | null; right: string | null }>(
        `SELECT ip, (${byNetwork('asked.ip::inet')}) AS quick, (${BY_THE_RULE.replaceAll('$1', 'asked.ip')}) AS right
         FROM unnest($1::text[]) AS asked (ip)`,
        [asked],
      );
      expect(rows.filter(({ quick, right }) => quick !== right)).toEqual([]);
      return rows.filter(({ right }) => right !== null).length;
    };
    expect(await compare()).toBeGreaterThan(100);
    // Half of them the other way round, and without the widest, which contain everything.
    await database.query(
      `UPDATE accounts SET disabled_at = CASE WHEN disabled_at IS NULL THEN now() END WHERE random() < 0.5`,
    );
    await database.query(`UPDATE accounts SET created_at = created_at - random() * interval '3 days'`);
    await database.query('DELETE FROM account_networks WHERE masklen(network) < 5');
    expect(await compare()).toBeGreaterThan(10);
  });

  it('has the ends of the address space too, of either family', async () => {
    const wide = await newAccount('1 day', '0.0.0.0/0', '::/0');
    const narrow = await newAccount(
      '1 day',
      '255.255.255.255/32',
      '0.0.0.0/32',
      '::/128',
      'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128',
    );
    for (const ip of ['255.255.255.255', '0.0.0.0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']) {
      expect(await foundByNetwork(ip)).toBe(narrow);
    }
    for (const ip of ['255.255.255.254', '0.0.0.1', '::1', '8000::']) expect(await foundByNetwork(ip)).toBe(wide);
    await database.query(`DELETE FROM account_networks WHERE network = '::/0'`);
    expect(await foundByNetwork('::1')).toBeNull();
  });

  it('is another one from the moment that an account is disabled, enabled or gone', async () => {
    const [first, second] = [await newAccount('2 days', '192.0.2.0/24'), await newAccount('1 day', '192.0.2.0/24')];
    const both = async () => [await foundByNetwork('192.0.2.1'), await foundByDomain('none.example', 'example.org')];
    expect(await both()).toEqual([first, first]);
    await disable(first);
    expect(await both()).toEqual([second, second]);
    await disable(second);
    expect(await both()).toEqual([null, null]);
    await enable(first);
    expect(await both()).toEqual([first, first]);
    await database.query('DELETE FROM accounts WHERE id = $1', [first]);
    await enable(second);
    expect(await both()).toEqual([second, second]);
  });

  it('is never one that was disabled while it was given the network', async () => {
    const id = await newAccount('1 day');
    const disabling = 'UPDATE accounts SET disabled_at = now() WHERE id = $1';
    const { given } = await whileLocked(database, disabling, [id], async () => {
      const given = database.query(`INSERT INTO account_networks VALUES ($1, '192.0.2.0/24')`, [id]);
      await waiting(database, 1);
      return { given };
    });
    await given;
    expect(await foundByNetwork('192.0.2.1')).toBeNull();
    await enable(id);
    expect(await foundByNetwork('192.0.2.1')).toBe(id);
  });

  it('is one whose disabling was taken back while it was given the network', async () => {
    const id = await newAccount('1 day');
    const disabling = await database.hold(`UPDATE accounts SET disabled_at = now() WHERE id = '${id}'`);
    const given = database.query(`INSERT INTO account_networks VALUES ($1, '192.0.2.0/24')`, [id]);
    await waiting(database, 1);
    await disabling.end();
    await given;
    expect(await foundByNetwork('192.0.2.1')).toBe(id);
    await disable(id);
    expect(await foundByNetwork('192.0.2.1')).toBeNull();
  });
});

describe('Where 10,000 accounts share a network and a domain', () => {
  it('a few pages are read to find the oldest, also when all but the youngest are disabled', async () => {
    await database.query(
      `INSERT INTO accounts (individual, created_at) SELECT false, now() - n * interval '1 second' FROM generate_series(1, 10000) n`,
    );
    await database.query(`INSERT INTO account_networks SELECT id, '198.18.0.0/24' FROM accounts`);
    await database.query(`INSERT INTO account_networks SELECT id, '0.0.0.0/0' FROM accounts`);
    await database.query(`INSERT INTO account_email_domains SELECT id, 'example.org' FROM accounts`);
    const pagesOf = async (statement: string, value: unknown) => {
      const rows = await database.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement}`,
        [value],
      );
      const plan = rows[0]?.['QUERY PLAN'][0]?.Plan ?? {};
      return (plan['Shared Hit Blocks'] ?? NaN) + (plan['Shared Read Blocks'] ?? NaN);
    };
    const FEW = 20;
    const expectFew = async () => {
      // Far fewer than to compare all of them.
      expect(await pagesOf(BY_THE_RULE, '198.18.0.1')).toBeGreaterThan(10 * FEW);
      for (const ip of ['198.18.0.1', '198.18.1.1', '1.1.1.1'])
        expect(await pagesOf(byNetwork('$1::inet'), ip)).toBeLessThan(FEW);
      expect(
        await pagesOf(byDomain('$1::text[]'), ['a.example.org', '*.example.org', 'example.org', '*.org']),
      ).toBeLessThan(FEW);
    };
    await database.query('VACUUM ANALYZE accounts, account_networks, account_email_domains');
    await expectFew();
    const oldest = (await database.query<{ id: string }>('SELECT id FROM accounts ORDER BY created_at'))[0]?.id;
    expect([
      await foundByNetwork('198.18.0.1'),
      await foundByNetwork('1.1.1.1'),
      await foundByDomain('example.org'),
    ]).toEqual([oldest, oldest, oldest]);

    const youngest = (await database.query<{ id: string }>('SELECT id FROM accounts ORDER BY created_at DESC'))[0]?.id;
    await database.query('UPDATE accounts SET disabled_at = now() WHERE id <> $1', [youngest]);
    await database.query('VACUUM ANALYZE account_networks, account_email_domains');
    await expectFew();
    expect([await foundByNetwork('198.18.0.1'), await foundByDomain('example.org')]).toEqual([youngest, youngest]);
  });
});
