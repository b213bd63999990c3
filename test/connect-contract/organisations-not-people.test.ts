import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  client,
  database,
  get,
  identify,
  invalid,
  newBlock,
  newDomain,
  newName,
  NOT_FOUND,
  nothingFailedUnexpectedly,
  organisation,
  outcome,
  remove,
  rowOf,
  server,
  withClient,
} from '../support/connect-contract.js';
import { newClient } from '../support/oauth.js';
import { bearer, signUp } from '../support/server.js';
import { makeAdmin, signedInAdmin } from '../support/tokens.js';

withClient();

const CHANGES = [
  ['PATCH', '/accounts'],
  ['PATCH', '/api/accounts'],
  ['PUT', '/api/accounts'],
] as const;
const ORGANISATIONS_ONLY = [
  403,
  { status_code: 403, message: 'Clients can only change organisations that are not admins.' },
];

const change = ([method, path]: readonly [string, string], id: string, fields: object, as = client.basic) =>
  server.call(method, `${path}/${id}`, fields, as);

const personOf = async (name: string) => {
  const [row] = await database.query<{ id: string }>(
    'INSERT INTO accounts (individual, name) VALUES (true, $1) RETURNING id',
    [name],
  );
  return row?.id ?? '';
};

const listed = async (query: string) => {
  const { status, body } = await get(`/api/accounts${query}`);
  expect(status).toBe(200);
  return (body.accounts as { id: string }[]).map(({ id }) => id);
};

describe('Clients see and change organisations, not people', () => {
  it('a person who can sign in is not there: to read, to change, to delete, in the list, among overlaps', async () => {
    const { ipv4 } = newBlock();
    const [person, admin] = [await signUp(server), await makeAdmin(server)];
    const { id: invited } = await signUp(server);
    await database.query('UPDATE accounts SET password_hash = NULL WHERE id = $1', [invited]);
    for (const id of [person.id, admin.id, invited]) {
      const name = newName();
      await database.query('UPDATE accounts SET name = $2 WHERE id = $1', [id, name]);
      await database.query('INSERT INTO account_networks VALUES ($1, $2)', [id, `${ipv4}.0.0/16`]);
      const before = await rowOf(id);
      for (const path of ['/accounts', '/api/accounts']) expect(outcome(await get(`${path}/${id}`))).toEqual(NOT_FOUND);
      for (const door of CHANGES) {
        expect(outcome(await change(door, id, { networks: ['198.51.100.0/24'] }))).toEqual(NOT_FOUND);
      }
      expect(outcome(await change(CHANGES[0], id, {}))).toEqual(NOT_FOUND);
      expect(outcome(await remove(`/api/accounts/${id}`))).toEqual(NOT_FOUND);
      expect(await listed(`?name=${name}`)).toEqual([]);
      expect(await listed(`?network=${ipv4}.0.1`)).toEqual([]);
      expect(await rowOf(id)).toEqual(before);
    }
    expect(await organisation({ networks: [`${ipv4}.0.0/24`] })).toMatchObject({ overlaps: [], overlaps_count: 0 });
    expect((await get(`/accounts/${person.id}`, bearer(person.token))).status).toBe(200);
  });

  it("a client gives an administrator's account no network, so that no publisher takes an address for the administrator", async () => {
    const { ipv4 } = newBlock();
    const { id } = await makeAdmin(server);
    await identify({ email: (await rowOf(id)).email });
    for (const door of CHANGES) {
      expect(outcome(await change(door, id, { networks: [`${ipv4}.0.0/16`] }))).toEqual(ORGANISATIONS_ONLY);
    }
    expect((await rowOf(id)).networks).toEqual([]);
    expect((await identify({ ip: `${ipv4}.0.1` })).body.account).toBeNull();
  });

  it('an organisation that is an admin is seen, and not changed', async () => {
    const { id } = await makeAdmin(server);
    await database.query('UPDATE accounts SET individual = false WHERE id = $1', [id]);
    const before = await rowOf(id);
    expect((await get(`/api/accounts/${id}`)).status).toBe(200);
    for (const door of CHANGES) {
      expect(outcome(await change(door, id, { name: newName() }))).toEqual(ORGANISATIONS_ONLY);
    }
    expect(await rowOf(id)).toEqual(before);
  });

  it('whom an identification has found is seen by the client whose it is, until it expires, and not changed', async () => {
    const { id, email } = await signUp(server);
    const { body } = await identify({ email });
    const other = await newClient(server);
    for (const path of ['/accounts', '/api/accounts']) {
      const seen = await get(`${path}/${id}`);
      expect(seen).toMatchObject({ status: 200, body: { id, type: 'individual', individual: true } });
      expect(JSON.stringify(seen.body)).not.toContain(email);
      expect(outcome(await get(`${path}/${id}`, other.basic))).toEqual(NOT_FOUND);
    }
    const before = await rowOf(id);
    for (const door of CHANGES) {
      expect(outcome(await change(door, id, { name: newName() }))).toEqual(ORGANISATIONS_ONLY);
    }
    expect((await remove(`/api/accounts/${id}`)).status).toBe(403);
    expect(await rowOf(id)).toEqual(before);
    expect(await listed('?perpage=100')).not.toContain(id);
    await database.query('UPDATE identifications SET expires_at = now() WHERE id = $1', [body.id]);
    expect(outcome(await get(`/api/accounts/${id}`))).toEqual(NOT_FOUND);
  });

  it('the institution of an email, where it is a person, is not shown by that alone', async () => {
    const domain = newDomain();
    const { id } = await signUp(server);
    await database.query('INSERT INTO account_email_domains VALUES ($1, $2)', [id, domain]);
    const found = await organisation({ networks: ['198.51.100.200/32'] });
    const { body } = await identify({ ip: '198.51.100.200', email: `a@${domain}` });
    expect([body.account.id, body.user_institution.id]).toEqual([found.id, id]);
    expect(outcome(await get(`/api/accounts/${id}`))).toEqual(NOT_FOUND);
  });

  it('a person who cannot sign in is seen, and not changed', async () => {
    const id = await personOf(newName());
    expect((await get(`/api/accounts/${id}`)).status).toBe(200);
    for (const door of CHANGES) {
      expect(outcome(await change(door, id, { name: newName() }))).toEqual(ORGANISATIONS_ONLY);
    }
  });

  it('an organisation that can sign in is seen and changed like any other', async () => {
    const { id } = await organisation();
    await database.query('UPDATE accounts SET email = $2 WHERE id = $1', [id, `${randomUUID()}@example.org`]);
    for (const door of CHANGES) {
      const name = newName();
      expect(await change(door, id, { name })).toMatchObject({ status: 200, body: { id, name } });
    }
  });
});

describe('GET /api/accounts finds', () => {
  it('by name: the whole name, in whatever form of Unicode', async () => {
    const name = `Université ${newName()}`;
    const { id } = await organisation({ name });
    await organisation({ name: `${name} Library` });
    const query = (text: string) => `?${new URLSearchParams({ name: text }).toString()}`;
    for (const text of [name, name.normalize('NFD'), ` ${name} `]) expect(await listed(query(text))).toEqual([id]);
    for (const text of [name.toUpperCase(), name.slice(0, -1), "' OR true --"]) {
      expect(await listed(query(text))).toEqual([]);
    }
  });

  it('by name: one that looks the same, and one that a release before has stored as it came', async () => {
    const name = `Open ${newName()}`;
    const { id } = await organisation({ name: `${name}\u200b` });
    const query = (text: string) => `?${new URLSearchParams({ name: text }).toString()}`;
    for (const text of [name, name.replace(' ', '\u00a0 '), `${name}\u2060`])
      expect(await listed(query(text))).toEqual([id]);
    const old = name.replace(' ', '  ');
    await database.query('UPDATE accounts SET name = $2 WHERE id = $1', [id, old]);
    expect(await listed(query(old))).toEqual([id]);
  });

  it('by publisher_reference: all that have it', async () => {
    const publisher_reference = newName();
    const first = await organisation({ publisher_reference });
    const second = await organisation({ publisher_reference });
    await organisation({ publisher_reference: `${publisher_reference}0` });
    expect(await listed(`?publisher_reference=${encodeURIComponent(publisher_reference)}`)).toEqual([
      first.id,
      second.id,
    ]);
  });

  it('by email_domain: one of those that the account has, in whatever spelling', async () => {
    const domain = newDomain();
    const { id } = await organisation({ email_domains: [domain, `*.${domain}`] });
    const other = await organisation({ email_domains: [`mail.${domain}`] });
    for (const spelled of [domain, domain.toUpperCase(), `${domain}.`, `*.${domain}`]) {
      expect(await listed(`?email_domain=${spelled}`)).toEqual([id]);
    }
    expect(await listed(`?email_domain=mail.${domain}`)).toEqual([other.id]);
    expect(await listed(`?email_domain=x.${domain}`)).toEqual([]);
  });

  it('by network: those that share addresses with it, or hold an address', async () => {
    const { ipv4, ipv6 } = newBlock();
    const outer = await organisation({ networks: [`${ipv4}.0.0/16`, `${ipv6}::/32`] });
    const inner = await organisation({ networks: [`${ipv4}.7.0/24`, `${ipv4}.8.0/24`] });
    for (const [network, found] of [
      [`${ipv4}.7.9`, [outer.id, inner.id]],
      [`${ipv4}.9.9`, [outer.id]],
      [`${ipv4}.7.0/24`, [outer.id, inner.id]],
      [`${ipv4}.0.0/16`, [outer.id, inner.id]],
      [`::ffff:${ipv4}.7.9`, [outer.id, inner.id]],
      [`${ipv6}:1::9`, [outer.id]],
      ['203.0.113.99', []],
    ] as const) {
      expect([network, await listed(`?network=${encodeURIComponent(network)}`)]).toEqual([network, found]);
    }
  });

  it('by several at once, and page by page: Link keeps them', async () => {
    const { ipv4 } = newBlock();
    const publisher_reference = newName();
    const made = [];
    for (let index = 0; index < 5; index += 1) {
      made.push((await organisation({ publisher_reference, networks: [`${ipv4}.${index}.0/24`] })).id);
    }
    await organisation({ networks: [`${ipv4}.9.0/24`] });
    const query = new URLSearchParams({ publisher_reference, network: `${ipv4}.0.0/16`, perpage: '2' }).toString();
    const found: string[][] = [];
    for (let next: string | undefined = `?${query}`; next !== undefined;) {
      const answer = await get(`/api/accounts${next}`);
      found.push((answer.body.accounts as { id: string }[]).map(({ id }) => id));
      next = /^<(\?[^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    expect(found).toEqual([made.slice(0, 2), made.slice(2, 4), made.slice(4)]);
    expect(await listed(`?${query}&name=nobody`)).toEqual([]);
  });

  it('no disabled account, and nothing by a filter that is bad', async () => {
    const publisher_reference = newName();
    const { id } = await organisation({ publisher_reference });
    await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [id]);
    expect(await listed(`?publisher_reference=${encodeURIComponent(publisher_reference)}`)).toEqual([]);
    for (const [query, errors] of [
      ['name=', { name: 'must be one line of text' }],
      ['name=a&name=b', { name: 'must be a string' }],
      [`publisher_reference=${'x'.repeat(256)}`, { publisher_reference: 'must be at most 255 characters' }],
      ['email_domain=nonsense', { email_domain: expect.stringMatching(/^is not a valid domain/) }],
      ['network=nonsense', { network: expect.stringMatching(/^is not a valid IP network/) }],
      ['network=192.0.2.1/24', { network: 'has host bits set: did you mean 192.0.2.0/24?' }],
      ['network=x&email_domain=y', { network: expect.any(String), email_domain: expect.any(String) }],
    ] as const) {
      expect([query, ...outcome(await get(`/api/accounts?${query}`))]).toEqual([query, ...invalid(errors)]);
    }
  });
});

describe('Networks as librarians paste them', () => {
  const doors = [['POST', '/api/accounts'] as const, ...CHANGES];

  it.each<[pasted: unknown, networks: string[]]>([
    [['45.0.0.1-45.0.0.9'], ['45.0.0.1/32', '45.0.0.2/31', '45.0.0.4/30', '45.0.0.8/31']],
    [
      ['45.1.*.*', '45.2.0.0/255.255.0.0'],
      ['45.1.0.0/16', '45.2.0.0/16'],
    ],
    ['45.1.*.*\r\n45.2.0.0 255.255.0.0\r\n\r\n2001:db8::/32\n', ['45.1.0.0/16', '45.2.0.0/16', '2001:db8::/32']],
    ['', []],
  ])('%j becomes several, which the answer shows, at every door', async (networks, stored) => {
    for (const [method, path] of doors) {
      const id = method === 'POST' ? '' : `/${(await organisation({ networks: ['198.51.100.0/24'] })).id}`;
      const fields = method === 'POST' ? { name: newName(), networks } : { networks };
      const { status, body } = await server.call(method, `${path}${id}`, fields, client.basic);
      expect([status, body.networks]).toEqual([method === 'POST' ? 201 : 200, stored]);
      expect((await rowOf(body.id as string)).networks).toEqual(stored);
      await remove(`/api/accounts/${body.id as string}`);
    }
  });

  it.each([
    ['0.0.0.0/1', 'covers a large part of the internet'],
    ['*.*.*.*', 'covers a large part of the internet'],
    ['::/0', 'covers a large part of the internet'],
    ['10.0.*.*', 'holds private addresses'],
    ['192.168.0.1-192.168.0.9', 'holds private addresses'],
    ['127.0.0.1', 'holds loopback addresses'],
    ['::1', 'holds loopback addresses'],
    ['224.0.0.0/4', 'holds multicast addresses'],
    ['ff00::/8', 'holds multicast addresses'],
  ])('%s is refused, unless allow_wide says that it is meant', async (network, problem) => {
    const { id } = await organisation();
    const message = `entry 2 ${problem}: send allow_wide: true if that is meant`;
    for (const door of CHANGES) {
      const networks = ['198.51.100.0/24', network];
      for (const meant of [{}, { allow_wide: false }]) {
        expect(outcome(await change(door, id, { networks, ...meant }))).toEqual(invalid({ networks: message }));
      }
      expect(outcome(await change(door, id, { networks, allow_wide: 'true' }))).toEqual(
        invalid({ networks: message, allow_wide: 'must be true or false' }),
      );
      expect((await rowOf(id)).networks).toEqual([]);
    }
    for (const door of CHANGES) {
      expect((await change(door, id, { networks: [network], allow_wide: true })).status).toBe(200);
      expect((await rowOf(id)).networks.length).toBeGreaterThan(0);
      expect((await change(door, id, { networks: [] })).status).toBe(200);
    }
  });

  it('allow_wide alone changes nothing', async () => {
    const { id } = await organisation();
    const before = await rowOf(id);
    for (const door of CHANGES) expect((await change(door, id, { allow_wide: true })).status).toBe(200);
    expect(await rowOf(id)).toEqual(before);
  });

  it('admins paste them too', async () => {
    const admin = await signedInAdmin(server);
    const { id } = await organisation();
    const path = `/api/v1/accounts/${id}`;
    const ask = (fields: object) => server.call('PATCH', path, fields, admin.headers);
    expect(await ask({ networks: '45.9.*.*\n45.10.0.0-45.10.255.255' })).toMatchObject({
      status: 200,
      body: { networks: ['45.9.0.0/16', '45.10.0.0/16'] },
    });
    expect(await ask({ networks: ['10.0.0.0/8'] })).toMatchObject({
      status: 400,
      body: { errors: { networks: 'entry 1 holds private addresses: send allow_wide: true if that is meant' } },
    });
    const before = await rowOf(id);
    expect((await ask({ allow_wide: true })).status).toBe(200);
    expect(await rowOf(id)).toEqual(before);
    expect((await ask({ networks: ['10.0.0.0/8'], allow_wide: true })).body.networks).toEqual(['10.0.0.0/8']);
  });
});

nothingFailedUnexpectedly();
