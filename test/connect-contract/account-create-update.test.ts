import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readNetwork } from '../../src/accounts/networks.js';
import {
  besides,
  credential,
  CREDENTIALS,
  database,
  disable,
  get,
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
  rowOf,
  SECOND,
  server,
  UUID,
  withClient,
} from '../support/connect-contract.js';
import { bearer, signUp } from '../support/server.js';

withClient();

describe('Account Update', () => {
  it.each(CREDENTIALS)('Response Example: 200 for `{}`, which changes nothing, for `%s`', async (spelling) => {
    const { overlaps, ...account } = await organisation({
      publisher_reference: 'example',
      networks: [`${newBlock().ipv4}.0.0/16`],
      email_domains: ['example.org'],
    });
    const before = await rowOf(account.id);
    for (const body of [{}, undefined, '']) {
      const answer = await patch(`/accounts/${account.id}`, body, await credential(spelling));
      expect(outcome(answer)).toEqual([200, { ...account, overlaps }]);
      expect(answer.headers.get('cache-control')).toBe('no-store');
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
      aliases: [] as string[],
      networks: [] as string[],
      email_domains: [] as string[],
    };
    const change = async (fields: Partial<typeof expected>) => {
      Object.assign(expected, fields);
      const before = await rowOf(id);
      expect(await patch(`${path}/${id}`, fields)).toMatchObject({ status: 200, body: expected });
      const { created_at, updated_at, name, publisher_reference, aliases, networks, domains, ...rest } =
        await rowOf(id);
      expect({ name, publisher_reference, aliases, networks, email_domains: domains }).toEqual(expected);
      expect(before).toMatchObject({ created_at, ...rest });
      expect(updated_at.getTime()).toBeGreaterThan(before.updated_at.getTime());
      expect(await get(`/accounts/${id}`)).toMatchObject({ status: 200, body: expected });
    };
    await change({ name: expected.name, publisher_reference: 'first' });
    await change({ networks: [`${ipv4}.0.0/16`, `${ipv6}::/32`] });
    await change({ email_domains: ['*.example.org', 'example.org'] });
    await change({ aliases: ['EX', '例大学', 'Example, the'] });
    await change({ name: newName() });
    await change({ publisher_reference: '' });
    await change({ publisher_reference: null });
    await change({ networks: [`${ipv4}.4.0/24`] });
    await change({ email_domains: ['example.com'], networks: [], aliases: [] });
    await change({ name: newName().padEnd(255, 'x'), publisher_reference: '😀'.repeat(255), email_domains: [] });
  });

  it('trims names, and takes any text of one line', async () => {
    const { id } = await organisation();
    for (const [name, stored] of [
      ['  Universität  Zürich ', 'Universität Zürich'],
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
        networks: 'entry 1 has host bits set: did you mean 192.0.2.0/24?',
      }),
    );
    expect(await rowOf(id)).toEqual(before);
  });

  const LONG_TEXTS = ['x'.repeat(256), '😀'.repeat(256), 'x\ufe0f'.repeat(128), 'x\ufe0e'.repeat(255)];
  const NO_LISTS = [null, 5, {}, true, { 0: 'a', length: 1 }];
  const NO_TEXT_ENTRIES = [null, 5, true, [], ['192.0.2.0/24'], {}].map((value) => [value]);

  it.each<[field: string, message: string, values: unknown[]]>([
    ['name', 'must be a string', [5, true, ['a'], { a: 1 }]],
    ['name', 'must be one line of text', ['', ' ', '\u00a0\u3000', 'a\nb', 'a\n', '\ra', 'a\tb', '\u001b', '\u0085']],
    ['name', 'must be at most 255 characters', LONG_TEXTS],
    ['publisher_reference', 'must be a string', [5, true, ['a'], { a: 1 }]],
    ['publisher_reference', 'must be one line', ['a\nb', '\n', '\u001b[1m']],
    ['publisher_reference', 'must be at most 255 characters', LONG_TEXTS],
    ['aliases', 'must be a list, or a text of lines', NO_LISTS],
    ['aliases', 'entry 1 must be a string', NO_TEXT_ENTRIES],
    [
      'aliases',
      'entry 2 must be one line of text',
      [
        ['EX', ' '],
        ['EX', 'a\nb'],
      ],
    ],
    ['aliases', 'entry 1 must be at most 255 characters', [['x'.repeat(256)]]],
    ['aliases', 'entry 2 repeats entry 1', [['É', ' E\u0301']]],
    ['aliases', 'must have at most 40 entries', [Array.from({ length: 41 }, (_, index) => `${index}`)]],
    ['networks', 'must be a list, or a text of lines', NO_LISTS],
    ['networks', 'entry 1 must be a string', NO_TEXT_ENTRIES],
    ['networks', 'must have at most 400 entries', [Array(401).fill('192.0.2.0/24')]],
    ['email_domains', 'must be a list, or a text of lines', NO_LISTS],
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
    const { id } = await organisation();
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
      {
        created_at: SECOND,
        id: UUID,
        updated_at: SECOND,
        aliases: [],
        ...body,
        ...besides({ ...body, id: answer.body.id as string }),
        overlaps: [],
        overlaps_count: 0,
      },
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

  it('leaves no account without a name', async () => {
    const { id } = await organisation();
    const before = await rowOf(id);
    expect(outcome(await patch(`/accounts/${id}`, { name: null }))).toEqual(invalid({ name: 'must be a string' }));
    expect(await rowOf(id)).toEqual(before);
  });

  it('wants a name, and makes no person', async () => {
    for (const [body, errors] of [
      [{}, { name: 'is required' }],
      [undefined, { name: 'is required' }],
      ['', { name: 'is required' }],
      [{ name: null }, { name: 'is required' }],
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
    ['192.0.2.1/24', 'entry 2 has host bits set: did you mean 192.0.2.0/24?'],
    ['2001:db8::1/32', 'entry 2 has host bits set: did you mean 2001:db8::/32?'],
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
    // Time that grows with the square would be minutes, on any machine.
    expect(performance.now() - begun).toBeLessThan(45_000);
  });
});

nothingFailedUnexpectedly();
