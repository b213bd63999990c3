import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import {
  besides,
  client,
  credential,
  CREDENTIALS,
  database,
  disable,
  get,
  type Headers,
  identify,
  invalid,
  newBlock,
  newDomain,
  newName,
  nothingFailedUnexpectedly,
  organisation,
  outcome,
  patch,
  post,
  remove,
  SECOND,
  server,
  URL_BACK,
  UUID,
  withClient,
  words,
} from '../support/connect-contract.js';
import { waiting } from '../support/locks.js';
import { newClient } from '../support/oauth.js';
import { signUp } from '../support/server.js';

withClient();

/** @returns the id of the account that a visitor is found to be of, or null */
async function accountOf(fields: object): Promise<string | null> {
  const { status, body } = await identify(fields);
  expect([status, body.status]).toEqual([201, body.account === null ? 'wayf' : 'identified']);
  expect(body.target_account).toEqual(body.account);
  return body.account === null ? null : (body.account.id as string);
}

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
        account_individual: null,
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
      publisher_reference: 'example',
      individual: false,
      ...besides(found),
    };
    const user_institution = {
      id: home.id,
      publisher_reference: null,
      individual: false,
      ...besides(home),
    };
    const { body } = await identify({ ip: `${ipv4}.0.1`, email: `a@${domain}` });
    expect(body).toMatchObject({ status: 'identified', account_individual: null });
    expect(body).toMatchObject({ account, target_account: account, user_institution });
    const [row] = await database.query('SELECT account_id, institution_id FROM identifications WHERE id = $1', [
      body.id,
    ]);
    expect(row).toEqual({ account_id: found.id, institution_id: home.id });
  });

  it('shows a person who was found by email as an individual without a name', async () => {
    const { id, email } = await signUp(server, { email: `someone@${newDomain()}` });
    const whose = { id, name: null, individual: true };
    const account = { id, publisher_reference: null, individual: true, ...besides(whose) };
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
        organisation({ networks: ['::/0'], allow_wide: true }),
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
      const whole = await organisation({ networks: ['0.0.0.0/0', '::/0'], allow_wide: true });
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
      await waiting(database, 1);
      await deleter.query('COMMIT');
      expect(await asked).toMatchObject({
        status: 401,
        body: { status_code: 401, message: 'Unknown client or wrong secret.' },
      });
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
    const BAD_URL =
      'must be an absolute http or https URL without user information, or a relative reference such as /read';
    const MISSING = {
      ip: 'is required',
      url: 'is required',
    };

    it.each([undefined, '', '{}', {}, { visitor: {} }])('are all named when they are missing: %j', async (body) => {
      expect(outcome(await post('/api/identifications', body))).toEqual(invalid(MISSING));
    });

    it.each<[field: string, message: string, values: unknown[]]>([
      [
        'ip',
        'must be an IPv4 or IPv6 address',
        [
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
      ['ip', 'is required', [null]],
      ['url', 'is required', [null]],
      ['url', 'must be a string', [5, true, [URL_BACK], {}]],
      [
        'url',
        BAD_URL,
        words(`publisher.example:443/read https: https:// https:/// https://? https:publisher.example
          https:/publisher.example :// :read 1:2`),
      ],
      [
        'url',
        BAD_URL,
        words(`ftp://publisher.example file:///etc/passwd javascript:alert(1) JAVASCRIPT:alert(1) data:text/html,x
          javascript://publisher.example/%0aalert(1) mailto:a@example.org ws://publisher.example
          blob:https://publisher.example/x view-source:https://publisher.example`),
      ],
      [
        'url',
        BAD_URL,
        words(`https://user@publisher.example https://user:password@publisher.example https://:pw@publisher.example
          https://publisher.example@attacker.example/ https://publisher.example\\@attacker.example
          https://@publisher.example https://:@publisher.example https:///publisher.example https:////publisher.example
          https:\\\\publisher.example https://publisher.example:99999 https://publisher.example:-1
          https://publisher.example:a https://[::1 https://[::g]/ https://a|b.example https://192.0.2.256/ https://%00/
          https://xn--a.example/ https://pub<lisher.example`),
      ],
      [
        'url',
        BAD_URL,
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
        ['x'.repeat(2_048), 'x'.repeat(50_000), 'x\ufe0f'.repeat(1_020)].map((text) => `${URL_BACK}?${text}`),
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
      const answer = await identify({ ip: '192.0.2.0/24', url: 'mailto:a', user_agent: null, email: 'example' });
      expect(outcome(answer)).toEqual(
        invalid({
          ip: 'must be an IPv4 or IPv6 address',
          url: BAD_URL,
          user_agent: 'must be a string',
          email: 'must be an email address',
        }),
      );
      expect(await count()).toEqual(before);
    });

    const UNSTORABLE = 'The body contains a NUL character or an unpaired surrogate.';
    const NO_JSON = 'Send the body as application/json.';
    const NO_FORM = 'Send the body as application/x-www-form-urlencoded or application/json.';
    const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

    it.each<[name: string, body: string, headers: Headers, status: number, message: string]>([
      ['malformed JSON', '{"ip":', {}, 400, 'The body is not valid JSON.'],
      ['a list', '[]', {}, 400, 'The body must be a JSON object.'],
      ['null', 'null', {}, 400, 'The body must be a JSON object.'],
      ['a NUL', '{"user_agent":"a\\u0000b"}', {}, 400, UNSTORABLE],
      ['half a pair', '{"user_agent":"\\ud800"}', {}, 400, UNSTORABLE],
      ['a form', 'ip=192.0.2.1&ip=192.0.2.1', FORM, 415, NO_JSON],
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
        // A form is taken for a visitor, if it is one.
        const takesForms = path === '/api/identifications';
        const expected =
          takesForms && headers === FORM
            ? [400, 'A field is repeated.']
            : [status, takesForms && message === NO_JSON ? NO_FORM : message];
        expect(outcome(answer)).toEqual([expected[0], { status_code: expected[0], message: expected[1] }]);
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

nothingFailedUnexpectedly();
