import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { PasswordHasher } from '../../src/passwords/password-hasher.js';
import { waiting } from '../support/locks.js';
import { newEmail, signUp } from '../support/server.js';
import { changeAccount } from '../support/tokens.js';
import {
  ABSENT,
  competitor,
  countIdentifications,
  database,
  expectPage,
  identificationIn,
  identify,
  type Institution,
  look,
  names,
  newInstitution,
  newPage,
  OURS,
  PASSWORD,
  policy,
  policyOf,
  problemIn,
  PUBLIC_URL,
  server,
  show,
  submit,
  URL_OF_CLIENT,
  withPublishers,
  WRONG,
} from '../support/wayf-page.js';

withPublishers();

const SECOND = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

describe('Signing in on the WAYF page', () => {
  /** Signs up, with an email in a domain. */
  async function newVisitor(domain = 'example.org') {
    return signUp(server, { email: newEmail().replace(/@.*/, `@${domain}`) });
  }

  it('leads back to the url with a new, identified identification; the one of the page stays as it was', async () => {
    const { id: accountId, email } = await newVisitor();
    const before = await identify();
    const browser = { ...OURS, 'user-agent': 'Browser/1', 'x-forwarded-for': '198.51.100.7' };
    const id = identificationIn(await submit(before.id, { email }, browser));
    expect(id).not.toBe(before.id);
    expect((await look(before.id)).body).toEqual(before);
    const { status, body } = await look(id);
    expect(status).toBe(200);
    const account = {
      id: accountId,
      account_name: null,
      legacy_id: null,
      publisher_reference: null,
      type: 'individual',
      individual: true,
      active: true,
      creation_date: SECOND,
      modified_date: SECOND,
      _links: { self: { href: `${PUBLIC_URL}/api/accounts/${accountId}` } },
    };
    expect(body).toEqual({
      id,
      created: SECOND,
      status: 'identified',
      ip: '198.51.100.7',
      url: URL_OF_CLIENT,
      user_agent: 'Browser/1',
      email,
      account,
      target_account: account,
      account_individual: { ...account, individual: { display_name: email } },
      user_institution: null,
      _links: {
        self: { href: `${PUBLIC_URL}/api/identifications/${id}` },
        wayf: { href: `${PUBLIC_URL}/wayf/${id}` },
      },
    });
  });

  it('says that a password has expired which somebody else chose, to whoever has it', async () => {
    const { id, email } = await newVisitor();
    await database.query(`UPDATE accounts SET initial_password_at = now() - interval '1 day' WHERE id = $1`, [id]);
    const before = await countIdentifications();
    Object.assign(server.config, { initialPasswordTtl: 86_400 });
    try {
      const page = await newPage();
      const answer = await submit(page, { email });
      expect([answer.status, problemIn(answer)]).toEqual([422, expect.stringContaining('has expired')]);
      const wrong = await submit(page, { email, password: 'another one' });
      expect([wrong.status, problemIn(wrong)]).toEqual([422, WRONG]);
      expect(await countIdentifications()).toBe(before + 1);
    } finally {
      Object.assign(server.config, { initialPasswordTtl: 0 });
    }
  });

  it('makes an identification of the same client, that another one cannot read', async () => {
    const { email } = await newVisitor();
    const theirs = await identify({ client: competitor });
    const id = identificationIn(await submit(theirs.id, { email }));
    expect((await look(id, competitor)).body).toMatchObject({ status: 'identified' });
    const [denied, absent] = [await look(id), await look(ABSENT)];
    expect([denied.status, denied.body]).toEqual([404, absent.body]);
  });

  it('makes a new identification each time', async () => {
    const { email } = await newVisitor();
    const page = await newPage();
    const ids = [identificationIn(await submit(page, { email })), identificationIn(await submit(page, { email }))];
    expect(new Set([...ids, page]).size).toBe(3);
  });

  it('opens no session, and answers with nothing but the way back', async () => {
    const { id, email } = await newVisitor();
    const answer = await submit(await newPage(), { email });
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('referrer-policy')).toBe('same-origin');
    const sessions = await database.query('SELECT 1 FROM sessions WHERE account_id = $1', [id]);
    expect(sessions).toHaveLength(1);
  });

  it('takes an email in any case, and with spaces around it as phones leave them', async () => {
    const { email } = await newVisitor();
    for (const typed of [email.toUpperCase(), ` ${email} `]) {
      expect((await look(identificationIn(await submit(await newPage(), { email: typed })))).body.email).toBe(email);
    }
  });

  it.each([
    ['a wrong password', { password: 'another' }],
    ['no password', { password: '' }],
    ['a password with something behind it', { password: `${PASSWORD} ` }],
    ['an unknown email', { email: 'nobody@example.org' }],
    ['no email', { email: '' }],
    ['what is no email', { email: '"><script>alert(1)</script>' }],
  ])('says the same of %s, shows the form again with the email, and identifies nobody', async (_, wrong) => {
    const { email } = await newVisitor();
    const page = await newPage();
    const before = await countIdentifications();
    const answer = await submit(page, { email, ...wrong });
    expectPage(answer, 422);
    expect(problemIn(answer)).toBe(WRONG);
    const shown = ('email' in wrong ? wrong.email : email)
      .replace('"', '&#34;')
      .replaceAll('>', '&#62;')
      .replaceAll('<', '&#60;');
    expect(answer.body).toContain(`\nvalue="${shown}">`);
    expect(answer.body).not.toContain(`"${PASSWORD}`);
    expect(await countIdentifications()).toBe(before);
  });

  it('knows 256 characters of a password, and no 257 that begin with them', async () => {
    const [longest, tooLong] = ['x'.repeat(256), 'x'.repeat(257)];
    const { email } = await signUp(server, { password: longest });
    const page = await newPage();
    identificationIn(await submit(page, { email, password: longest }));
    expect(problemIn(await submit(page, { email, password: tooLong }))).toBe(WRONG);
    expect(problemIn(await submit(page, { email, password: 'x'.repeat(2_048) }))).toBe(WRONG);
  });

  it('does not know an account that is disabled, has no password, or is gone', async () => {
    const page = await newPage();
    for (const statement of [
      'UPDATE accounts SET disabled_at = now() WHERE id = $1',
      'UPDATE accounts SET password_hash = NULL WHERE id = $1',
      'DELETE FROM accounts WHERE id = $1',
    ]) {
      const { id, email } = await newVisitor();
      identificationIn(await submit(page, { email }));
      await changeAccount(server, id, statement);
      expect([statement, problemIn(await submit(page, { email }))]).toEqual([statement, WRONG]);
    }
  });

  it('takes accounts of the institution by the domain of their email, and says so of others', async () => {
    const [exact, below, other] = [
      await newInstitution({ name: 'Exactly & Co.', domains: ['exact.example'] }),
      await newInstitution({ domains: ['*.below.example'] }),
      await newInstitution(),
    ];
    const page = await newPage();
    const cases: [domain: string, institution: Institution, isOf: boolean][] = [
      ['exact.example', exact, true],
      ['EXACT.example', exact, true],
      ['sub.exact.example', exact, false],
      ['notexact.example', exact, false],
      ['exact.example', other, false],
      ['a.below.example', below, true],
      ['a.b.below.example', below, true],
      ['below.example', below, false],
      ['xbelow.example', below, false],
      ['a.below.example.org', below, false],
    ];
    for (const [domain, institution, isOf] of cases) {
      const visitor = await newVisitor(domain);
      const answer = await submit(page, { email: visitor.email, institution: institution.id });
      if (isOf) {
        const { body } = await look(identificationIn(answer));
        expect(body).toMatchObject({ status: 'identified', email: visitor.email.replace('EXACT', 'exact') });
        expect(body.account.id).toBe(visitor.id);
        expect(body.user_institution).toMatchObject({
          id: institution.id,
          account_name: institution.name,
          publisher_reference: null,
          type: 'institution',
          individual: false,
        });
      } else {
        expectPage(answer, 422);
        expect(problemIn(answer)).toBe(`This account does not belong to ${institution.name.replace('&', '&#38;')}.`);
        expect(answer.body).toContain(`name="institution" value="${institution.id}"`);
      }
    }
  });

  it('says of a wrong password nothing about the institution', async () => {
    const [institution, { email }] = [await newInstitution(), await newVisitor()];
    const answer = await submit(await newPage(), { email, password: 'another', institution: institution.id });
    expect([answer.status, problemIn(answer)]).toEqual([422, WRONG]);
  });

  it('takes the account of the institution itself', async () => {
    const institution = await newInstitution();
    const email = newEmail();
    const hash = await server.app.get(PasswordHasher).hash(PASSWORD);
    await database.query('UPDATE accounts SET email = $2, password_hash = $3 WHERE id = $1', [
      institution.id,
      email,
      hash,
    ]);
    const { body } = await look(
      identificationIn(await submit(await newPage(), { email, institution: institution.id })),
    );
    expect(body.account).toMatchObject({ id: institution.id, type: 'institution', account_name: institution.name });
    expect(body.user_institution).toBeNull();
  });

  it('notes the institution that an email belongs to where none was chosen', async () => {
    const institution = await newInstitution();
    const domain = `institution${names}.example`;
    const { email } = await newVisitor(domain);
    const { body } = await look(identificationIn(await submit(await newPage(), { email })));
    expect(body.user_institution.id).toBe(institution.id);
  });

  it('does not know an institution that was disabled while the page was open', async () => {
    const institution = await newInstitution();
    const { email } = await newVisitor(`institution${names}.example`);
    const page = await newPage();
    identificationIn(await submit(page, { email, institution: institution.id }));
    await changeAccount(server, institution.id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
    expectPage(await submit(page, { email, institution: institution.id }), 404);
    const { body } = await look(identificationIn(await submit(page, { email })));
    expect(body.user_institution).toBeNull();
  });

  it.each([
    ['password is changed', 'UPDATE accounts SET credential_epoch = credential_epoch + 1 WHERE id = $1'],
    ['account is disabled', 'UPDATE accounts SET disabled_at = now() WHERE id = $1'],
    ['account is deleted', 'DELETE FROM accounts WHERE id = $1'],
  ])('identifies nobody whose %s while the old password is being checked', async (_, statement) => {
    const { id, email } = await newVisitor();
    const page = await newPage();
    const before = await countIdentifications();
    const other = new pg.Client(database.connection);
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query(statement, [id]);
      const signIn = submit(page, { email });
      await waiting(database, 1);
      await other.query('COMMIT');
      const answer = await signIn;
      expectPage(answer, 422);
      expect(problemIn(answer)).toBe(WRONG);
    } finally {
      await other.end();
    }
    expect(await countIdentifications()).toBe(before);
  });

  it('works for twenty at once', async () => {
    const visitors = await Promise.all(Array.from({ length: 4 }, () => newVisitor()));
    const page = await newPage();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => submit(page, { email: visitors[index % 4]?.email ?? '' })),
    );
    const ids = answers.map((answer) => identificationIn(answer));
    expect(new Set(ids).size).toBe(20);
    const found = await Promise.all(ids.map(async (id) => (await look(id)).body.account.id as string));
    expect(found).toEqual(Array.from({ length: 20 }, (_, index) => visitors[index % 4]?.id));
    expect((await look(page)).body.status).toBe('wayf');
  });

  it.each([
    ['2001:DB8:0::1', '2001:db8::1'],
    ['::ffff:198.51.100.9', '198.51.100.9'],
    // What some proxies write for those that they do not know, or that only they could reach.
    ['unknown', '192.0.2.1'],
    ['198.51.100.9:50123', '198.51.100.9'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('from the address %s notes %s', async (forwarded, ip) => {
    const { email } = await newVisitor();
    const answer = await submit(await newPage(), { email }, { ...OURS, 'x-forwarded-for': forwarded });
    expect((await look(identificationIn(answer))).body.ip).toBe(ip);
  });

  it('notes as much of a user agent as there is room for', async () => {
    const { email } = await newVisitor();
    for (const agent of ['', 'ü', 'x'.repeat(5_000)]) {
      const answer = await submit(await newPage(), { email }, { ...OURS, 'user-agent': agent });
      const { user_agent } = (await look(identificationIn(answer))).body as { user_agent: string };
      expect(user_agent).toHaveLength(Math.min(agent.length, 2_048));
    }
  });
});

describe('The way back', () => {
  it.each([
    ['https://publisher.example/read', 'https://publisher.example/read?identification=ID'],
    ['https://publisher.example', 'https://publisher.example/?identification=ID'],
    ['https://publisher.example/read?', 'https://publisher.example/read?identification=ID'],
    ['https://publisher.example/?a=1&b=2', 'https://publisher.example/?a=1&b=2&identification=ID'],
    [
      'https://publisher.example/?a=%20b+c;d&e=%C3%BC&f',
      'https://publisher.example/?a=%20b+c;d&e=%C3%BC&f&identification=ID',
    ],
    ['https://publisher.example/#part', 'https://publisher.example/?identification=ID#part'],
    ['https://publisher.example/?a=1#/route?b=2', 'https://publisher.example/?a=1&identification=ID#/route?b=2'],
    [`https://publisher.example/?identification=${ABSENT}&a=1`, 'https://publisher.example/?a=1&identification=ID'],
    [`https://publisher.example/?a=1&%69dentification=${ABSENT}`, 'https://publisher.example/?a=1&identification=ID'],
    [
      'https://publisher.example/?identification&a=1&identification=&identificatio%6E=x&identifications=2',
      'https://publisher.example/?a=1&identifications=2&identification=ID',
    ],
    [
      `https://publisher.example/?next=/?identification=${ABSENT}`,
      `https://publisher.example/?next=/?identification=${ABSENT}&identification=ID`,
    ],
    ['https://bücher.example/ü?ö=ä#ß', 'https://xn--bcher-kva.example/%C3%BC?%C3%B6=%C3%A4&identification=ID#%C3%9F'],
    ['http://publisher.example:8080/read', 'http://publisher.example:8080/read?identification=ID'],
    ['HTTPS://Publisher.Example:443/Read', 'https://publisher.example/Read?identification=ID'],
    ['http://[2001:db8::1]:8080/read', 'http://[2001:db8::1]:8080/read?identification=ID'],
  ])('from %s is there', async (url, expected) => {
    const { email } = await signUp(server);
    const page = await newPage(url);
    const { status, headers } = await submit(page, { email });
    const location = headers.get('location') ?? '';
    const id = /identification=([0-9a-f-]{36})(#|$)/.exec(location)?.[1] ?? '';
    expect({ status, location }).toEqual({
      status: 303,
      location: expected.replace(/identification=ID/, `identification=${id}`),
    });
    expect(id).not.toBe(page);
    expect((await look(id)).body).toMatchObject({ status: 'identified', url });
  });

  it('is the one that the client gave, whatever else a request names', async () => {
    const { email } = await signUp(server);
    const page = await newPage();
    const evil = 'https://evil.example/';
    const query = new URLSearchParams({ url: evil, next: evil, redirect_uri: evil, identification: page }).toString();
    const body = `email=${email}&password=${PASSWORD}&institution=none&${query}`;
    const headers = {
      ...OURS,
      'content-type': 'application/x-www-form-urlencoded',
      referer: evil,
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
    };
    expect(identificationIn(await server.call('POST', `/wayf/${page}?${query}`, body, headers))).not.toBe(page);
    const shown = await show(page, `?${query}`);
    expect(shown.body).not.toContain('evil.example');
    expect(policyOf(shown)).toEqual(policy("'self'", 'https://publisher.example', 'https:'));
  });
});
