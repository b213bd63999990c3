import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { PasswordHasher } from '../src/passwords/password-hasher.js';
import { CONTRASTS, describeInBrowser, launchChromium, listenForComplaints } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { eventually } from './support/process.js';
import { waiting } from './support/locks.js';
import { newClient } from './support/oauth.js';
import { newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { changeAccount, makeAdmin } from './support/tokens.js';

const PUBLIC_URL = 'http://latchkey.test';
const URL_OF_CLIENT = 'https://publisher.example/read';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ABSENT = '01234567-89ab-cdef-0123-456789abcdef';

const PASSWORD = 'example';
const WRONG = 'Invalid email or password.';
const EXPIRED = 'This page has expired. Go back to where you came from.';

/** What browsers say of a form that our own page has sent. */
const OURS = { 'sec-fetch-site': 'same-origin', origin: PUBLIC_URL };

let database: TestDatabase;
/** Believes X-Forwarded-For, so that visitors can come from anywhere. */
let server: TestServer;
/** Two clients, as HTTP Basic. */
let publisher: { authorization: string };
let competitor: { authorization: string };

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { publicUrl: PUBLIC_URL, trustProxy: 1 });
  publisher = (await newClient(server)).basic;
  competitor = (await newClient(server)).basic;
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

interface Identification {
  id: string;
  _links: { wayf: { href: string } };
}

/** @returns a new identification of a visitor whom nothing tells about */
async function identify({ url = URL_OF_CLIENT, client = publisher } = {}): Promise<Identification> {
  const visitor = { ip: '192.0.2.1', url, user_agent: 'first seen' };
  const { status, body } = await server.call('POST', '/api/identifications', visitor, client);
  expect({ status, body }).toMatchObject({ status: 201, body: { status: 'wayf' } });
  return body as Identification;
}

const newPage = async (url = URL_OF_CLIENT): Promise<string> => (await identify({ url })).id;

const show = (id: string, query = '', at = server) => at.call('GET', `/wayf/${id}${query}`);

type Form = Partial<Record<'email' | 'password' | 'institution', string>>;

function submit(id: string, form: Form, headers: Record<string, string> = OURS, at = server): Promise<Answer> {
  const body = new URLSearchParams({ institution: 'none', password: PASSWORD, ...form }).toString();
  return at.call('POST', `/wayf/${id}`, body, { 'content-type': 'application/x-www-form-urlencoded', ...headers });
}

/** @returns the id of the new identification, after a look at how the browser is sent back */
function identificationIn({ status, headers, body }: Answer): string {
  expect(status).toBe(303);
  expect(body).toBe('');
  const [, before, id = ''] = /^(.*)\?identification=([0-9a-f-]+)$/.exec(headers.get('location') ?? '') ?? [];
  expect(before).toBe(URL_OF_CLIENT);
  expect(id).toMatch(UUID);
  return id;
}

const look = (id: string, client = publisher) => server.call('GET', `/api/identifications/${id}`, undefined, client);

interface Institution {
  id: string;
  name: string;
}

let names = 0;

async function newInstitution({ name, domains }: { name?: string; domains?: string[] } = {}): Promise<Institution> {
  names += 1;
  const organisation = {
    name: name ?? `Institution ${names}`,
    email_domains: domains ?? [`institution${names}.example`],
  };
  const { status, body } = await server.call('POST', '/api/accounts', organisation, publisher);
  expect(status).toBe(201);
  return body as Institution;
}

const problemIn = ({ body }: Answer) => /role="alert">([^<]*)</.exec(body as string)?.[1];
const titleOf = ({ body }: Answer) => /<title>([^<]*)<\/title>/.exec(body as string)?.[1];

async function countIdentifications(): Promise<number> {
  const [row] = await database.query<{ count: number }>('SELECT count(*)::int FROM identifications');
  return row?.count ?? -1;
}

function expectPage(answer: Answer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('x-frame-options')).toBe('DENY');
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(answer.headers.get('set-cookie')).toBeNull();
  expect(answer.headers.get('etag')).toBeNull();
  expect(answer.body).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect(answer.body).not.toMatch(/<script|<link|<img|<iframe|<base|\son\w+=|javascript:/i);
}

const policyOf = ({ headers }: Answer) => (headers.get('content-security-policy') ?? '').split('; ');

const policy = (...targets: string[]) => [
  "default-src 'none'",
  expect.stringMatching(/^style-src 'sha256-[\w+/]{43}='$/),
  "base-uri 'none'",
  `form-action ${targets.join(' ') || "'none'"}`,
  "frame-ancestors 'none'",
];

describe('The WAYF page, in each of its states,', () => {
  it('runs and loads nothing, sends its form home and to the url only, and is kept and framed by nobody', async () => {
    const id = await newPage('https://publisher.example:8443/read?x=1');
    const { id: institution } = await newInstitution();
    const states: [Answer, number][] = [
      [await show(id), 200],
      [await show(id, '?q=institution'), 200],
      [await show(id, '?q=nothing'), 200],
      [await show(id, '?institution=none'), 200],
      [await show(id, `?institution=${institution}`), 200],
      [await submit(id, { email: newEmail() }), 422],
    ];
    for (const [answer, status] of states) {
      expectPage(answer, status);
      expect(policyOf(answer)).toEqual(policy("'self'", 'https://publisher.example:8443', 'https:'));
      // With `no-referrer`, browsers say `Origin: null` of the form.
      expect(answer.headers.get('referrer-policy')).toBe('same-origin');
    }
    const head = await server.call('HEAD', `/wayf/${id}`);
    expect({ status: head.status, body: head.body }).toEqual({ status: 200, body: '' });
    const slash = await show(id, '/');
    expect(slash.body).toBe((await show(id)).body);
  });

  it('says by its title where the visitor is', async () => {
    const id = await newPage();
    const { id: institution } = await newInstitution({ name: 'Title & <Sons>' });
    expect(titleOf(await show(id))).toBe('Where are you from?');
    expect(titleOf(await show(id, '?q=title'))).toBe('Where are you from? 1 institution');
    expect(titleOf(await show(id, '?q=titles'))).toBe('Where are you from? No institution found');
    expect(titleOf(await show(id, '?institution=none'))).toBe('Sign in');
    expect(titleOf(await show(id, `?institution=${institution}`))).toBe('Sign in: Title &#38; &#60;Sons&#62;');
    expect(titleOf(await submit(id, { email: newEmail() }))).toBe('Sign in: try again');
  });

  it.each(['http://[2001:db8::1]:8080', 'https://my_host.example', 'https://a;sandbox.example', 'https://a,b.example'])(
    'allows the scheme where a policy has no word for the origin: %s',
    async (origin) => {
      expect(policyOf(await show(await newPage(`${origin}/read`)))).toEqual(
        policy("'self'", origin.startsWith('https') ? 'https:' : 'http:'),
      );
    },
  );
});

describe('The answer is a page of its own', () => {
  it.each([
    ['that there has never been', ABSENT],
    ['that is no uuid', 'x'],
    ['with something behind it', `${ABSENT}x`],
    ['of braces', `%7B${ABSENT}%7D`],
    ['of nothing but a space', '%20'],
    ['with SQL in it', "x'%3B--"],
    ['with markup in it', '%3Cscript%3Ealert(1)%3C%2Fscript%3E'],
    ['that is very long', 'a'.repeat(4_000)],
  ])('404 for an id %s', async (_, id) => {
    for (const answer of [await show(id), await show(id, '?q=x'), await submit(id, { email: newEmail() })]) {
      expectPage(answer, 404);
      expect(policyOf(answer)).toEqual(policy());
      expect(problemIn(answer)).toBe(EXPIRED);
      expect(titleOf(answer)).toBe('Not Found');
    }
  });

  it('404 for an identification that has expired, also where the page is open already', async () => {
    const { email } = await signUp(server);
    const id = await newPage();
    await database.query('UPDATE identifications SET expires_at = now() WHERE id = $1', [id]);
    for (const answer of [await show(id), await submit(id, { email })]) {
      expectPage(answer, 404);
      expect(problemIn(answer)).toBe(EXPIRED);
    }
  });

  it('400 for what no page of ours asks for', async () => {
    const id = await newPage();
    const form = { 'content-type': 'application/x-www-form-urlencoded', ...OURS };
    const { email } = await signUp(server);
    const answers = [
      await show(id, '?q=a&q=b'),
      await show(id, `?q=${'x'.repeat(101)}`),
      await show(id, '?q=%00'),
      await show(id, '?institution=none&institution=none'),
      await server.call('POST', `/wayf/${id}`, undefined, form),
      await server.call('POST', `/wayf/${id}`, `email=${email}&institution=none`, form),
      await server.call('POST', `/wayf/${id}`, `email=${email}&password=${PASSWORD}`, form),
      await server.call('POST', `/wayf/${id}`, `email=${email}&email=x&password=x&institution=none`, form),
      await server.call('POST', `/wayf/${id}`, { email: [email], password: PASSWORD, institution: 'none' }, OURS),
      await submit(id, { email: `${'x'.repeat(243)}@example.org` }),
      await submit(id, { email, password: 'x'.repeat(1_001) }),
      await submit(id, { email, password: 'NUL\0' }),
    ];
    for (const answer of answers) {
      expectPage(answer, 400);
      expect(policyOf(answer)).toEqual(policy());
      expect(problemIn(answer)).toMatch(/\.$/);
    }
  });

  it('404 for institutions that cannot be chosen, 405 and 415 for what is no form', async () => {
    const id = await newPage();
    for (const institution of [ABSENT, 'x', "'; --"]) {
      const query = `?institution=${encodeURIComponent(institution)}`;
      for (const answer of [await show(id, query), await submit(id, { email: newEmail(), institution })]) {
        expectPage(answer, 404);
        expect(problemIn(answer)).toBe('This institution is not available. Go back and choose another one.');
      }
    }
    const wrongMethod = await server.call('PUT', `/wayf/${id}`, {});
    expectPage(wrongMethod, 405);
    expect(wrongMethod.headers.get('allow')).toBe('GET, HEAD, POST');
    expectPage(await server.call('POST', `/wayf/${id}`, 'email=x', { 'content-type': 'text/plain', ...OURS }), 415);
  });

  it('503 while the database is away, with how long to wait', async () => {
    const ownDatabase = await createDatabase();
    const away = await startServer(ownDatabase.connection, { publicUrl: PUBLIC_URL });
    const { database: name } = ownDatabase.connection;
    try {
      await database.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
      await database.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
      for (const answer of [await show(ABSENT, '', away), await submit(ABSENT, { email: 'x' }, OURS, away)]) {
        expectPage(answer, 503);
        expect(policyOf(answer)).toEqual(policy());
        expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
        expect(problemIn(answer)).toBe('The service is temporarily unavailable. Try again.');
      }
    } finally {
      await away.close();
      await ownDatabase.drop();
    }
  });
});

describe('The search on the WAYF page', () => {
  let page: string;

  beforeAll(async () => {
    page = await newPage();
  });

  async function find(q: string): Promise<{ names: string[]; summary: string; answer: Answer }> {
    const answer = await show(page, `?q=${encodeURIComponent(q)}`);
    expectPage(answer, 200);
    const unescape = (text: string) =>
      text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
    const body = answer.body as string;
    expect(unescape(/name="q"[^>]*\nvalue="([^"]*)">/.exec(body)?.[1] ?? '')).toBe(q);
    const links = [...body.matchAll(/<a href="\?institution=([0-9a-f-]{36})">([^<]*)<\/a>/g)];
    const summary = /<p id="found"[^>]*>([^<]*)<\/p>/.exec(body)?.[1] ?? '';
    return { names: links.map(([, , name = '']) => unescape(name)), summary, answer };
  }

  const NONE = 'No institution matches this name.';

  it.each([
    'Universität Zürich',
    'ÉCOLE NORMALE SUPÉRIEURE',
    'Hochschule Süd/Nord',
    'Université Lyon-3',
    'Verein der Freunde e.V.',
    'U.C.X.Y. Bibliothek',
    'archive.example.net',
    'Saône–Rhône Institut',
    "St. Jude's College",
    'St. Mary’s „Old“ School',
    `O'Brien & "Sons" <b>Press</b>`,
    '<script>alert(1)</script> Foundry',
    'हिन्दी विश्वविद्यालय',
    '東京大学',
    'Μουσείο Αθήνα',
    'مكتبة الإسكندرية',
    '4th B2B Lab (West)',
    "Robert'); DROP TABLE accounts;--",
    'this & that | !other:* <-> following',
    'someone@mail.example/path?query=1',
    '50%_ Percent \\ Backslash',
    '-7.5e10 Exponent',
  ])('finds by its name, in any case, and by the beginning of any word of it: %s', async (name) => {
    await newInstitution({ name });
    const words = name.match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
    const beginnings = words.map((word) => Array.from(word).slice(0, 3).join('')).reverse();
    for (const q of [`  ${name}!`, name.toUpperCase(), beginnings.join(' ')]) {
      expect([q, (await find(q)).names]).toEqual([q, [name]]);
    }
  });

  it('wants every word, in any order, from its beginning', async () => {
    const { name } = await newInstitution({ name: 'Quantum Kelvin Observatory' });
    for (const q of ['quantum', 'obs qua', 'kelvin quantum observatory', 'KEL-quan', 'q k o']) {
      expect([q, (await find(q)).names]).toEqual([q, [name]]);
    }
    for (const q of ['uantum', 'quantumx', 'quantum absent', 'kelvins']) {
      expect([q, await find(q)]).toEqual([q, expect.objectContaining({ names: [], summary: NONE })]);
    }
  });

  it.each([
    "'; --",
    "' OR '1'='1",
    '!quark',
    'quark | lepton',
    'quark <-> lepton',
    'quark:*A',
    'quark &',
    '((',
    '\\',
    '%',
    '_',
  ])('takes operators and quotes as what they are between words: %s', async (q) => {
    await newInstitution({ name: `Quark ${names}` });
    const { names: found } = await find(q);
    const isWord = /^\W*quark\W*$/.test(q);
    expect(found.length > 0).toBe(isWord);
  });

  it('says how many there are, and repeats what was asked for without running it', async () => {
    await newInstitution({ name: 'Gluon Institute' });
    expect((await find('gluon')).summary).toBe('1 institution:');
    await newInstitution({ name: 'Gluon Library' });
    expect((await find('gluon')).summary).toBe('2 institutions:');
    const { summary, answer } = await find('"><script>muon(1)</script>');
    expect(summary).toBe(NONE);
    expect(answer.body).not.toContain('muon(1)<');
    expect(answer.body).not.toContain('<ul');
  });

  it('shows twenty, and says that there are more', async () => {
    for (let number = 1; number <= 20; number += 1)
      await newInstitution({ name: `Crowded ${String(number).padStart(2, '0')}` });
    const twenty = await find('crowded');
    expect(twenty.names).toHaveLength(20);
    expect(twenty.summary).toBe('20 institutions:');
    await newInstitution({ name: 'Crowded 21' });
    const more = await find('crowded');
    expect(more.names).toEqual(twenty.names);
    expect(more.summary).toBe('The first 20 institutions: Type more of the name to find others.');
    expect((await find('crowded 21')).names).toEqual(['Crowded 21']);
  });

  it('offers organisations only that have a name, are enabled, and that somebody can sign in for', async () => {
    const offered = await newInstitution({ name: 'Boson with a domain' });
    const insert = async (name: string, more: Record<string, unknown> = {}) => {
      const values = { name, email: null, individual: false, disabled_at: null, ...more };
      const [row] = await database.query<{ id: string }>(
        `INSERT INTO accounts (name, email, individual, disabled_at)
         VALUES ($1, $2, $3, $4) RETURNING id`,
        Object.values(values),
      );
      return row?.id ?? '';
    };
    const withEmail = await insert('Boson with an email', { email: newEmail() });
    const [domainless, person, disabled] = [
      await insert('Boson without anything'),
      await insert('Boson the person', { email: newEmail(), individual: true }),
      await insert('Boson that is disabled', { email: newEmail(), disabled_at: new Date() }),
    ];
    const { id: nameless } = await newInstitution({ name: 'Boson once' });
    await database.query('UPDATE accounts SET name = NULL WHERE id = $1', [nameless]);
    expect((await find('boson')).names).toEqual(['Boson with a domain', 'Boson with an email']);
    for (const id of [offered.id, withEmail]) expectPage(await show(page, `?institution=${id}`), 200);
    for (const id of [domainless, person, disabled, nameless]) {
      expectPage(await show(page, `?institution=${id}`), 404);
      expectPage(await submit(page, { email: newEmail(), institution: id }), 404);
    }
    await changeAccount(server, offered.id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
    expect((await find('boson')).names).toEqual(['Boson with an email']);
  });
});

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
      publisher_reference: null,
      type: 'individual',
      individual: true,
    };
    expect(body).toEqual({
      id,
      created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      status: 'identified',
      ip: '198.51.100.7',
      url: URL_OF_CLIENT,
      user_agent: 'Browser/1',
      email,
      account,
      target_account: account,
      user_institution: null,
      _links: {
        self: { href: `${PUBLIC_URL}/api/identifications/${id}` },
        wayf: { href: `${PUBLIC_URL}/wayf/${id}` },
      },
    });
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

  it('knows 72 bytes of a password, and no 73 that begin with them', async () => {
    const [longest, tooLong] = ['x'.repeat(72), 'x'.repeat(73)];
    const { email } = await signUp(server, { password: longest });
    const page = await newPage();
    identificationIn(await submit(page, { email, password: longest }));
    expect(problemIn(await submit(page, { email, password: tooLong }))).toBe(WRONG);
    expect(problemIn(await submit(page, { email, password: 'x'.repeat(1_000) }))).toBe(WRONG);
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
        expect(body).toMatchObject({ status: 'identified', email: visitor.email });
        expect(body.account.id).toBe(visitor.id);
        expect(body.user_institution).toEqual({
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
    ['198.51.100.9:50123', '192.0.2.1'],
    ['fe80::1%eth0', '192.0.2.1'],
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

describe('The form of the WAYF page', () => {
  const REFUSAL = 'This form was not sent from this site. Open the page again.';

  it.each<[string, Record<string, string>]>([
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['another site that claims our origin', { 'sec-fetch-site': 'cross-site', origin: PUBLIC_URL }],
    ['a neighbour on the same site', { 'sec-fetch-site': 'same-site', origin: 'http://evil.latchkey.test' }],
    ['nowhere', { 'sec-fetch-site': 'none' }],
    ['two places', { 'sec-fetch-site': 'same-origin, cross-site' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['another port', { origin: `${PUBLIC_URL}:8080` }],
    ['another scheme', { origin: 'https://latchkey.test' }],
    ['a longer name', { origin: `${PUBLIC_URL}.evil.example` }],
    ['an origin that is not told', { origin: 'null' }],
    ['a program that says nothing', {}],
    ['a page that only its referrer tells of', { referer: `${PUBLIC_URL}/wayf/` }],
  ])('is refused from %s', async (_, headers) => {
    const { email } = await signUp(server);
    const page = await newPage();
    const before = await countIdentifications();
    const answer = await submit(page, { email }, headers);
    expectPage(answer, 403);
    expect(policyOf(answer)).toEqual(policy());
    expect(problemIn(answer)).toBe(REFUSAL);
    expect(answer.headers.get('location')).toBeNull();
    expect(await countIdentifications()).toBe(before);
  });

  it.each<[string, Record<string, string>]>([
    ['the browser that says so', { 'sec-fetch-site': 'same-origin' }],
    [
      'the browser that says so, at another name of ours',
      { 'sec-fetch-site': 'same-origin', origin: 'http://10.0.0.1' },
    ],
    ['an older one that names our origin', { origin: PUBLIC_URL }],
  ])('is taken from our own page by %s', async (_, headers) => {
    const { email } = await signUp(server);
    identificationIn(await submit(await newPage(), { email }, headers));
  });
});

describe('The WAYF page', () => {
  const signInByApi = (email: string, password: string, from: string) =>
    server.call('POST', '/account/session', { account: { email, password } }, { 'x-forwarded-for': from });

  it('counts wrong passwords together with the other doors, and says when to come back', async () => {
    const page = await newPage();
    const doors = {
      page: (email: string, password: string, from: string) =>
        submit(page, { email, password }, { ...OURS, 'x-forwarded-for': from }),
      api: signInByApi,
    };
    for (const [index, [first, second]] of [
      [doors.page, doors.page],
      [doors.page, doors.api],
      [doors.api, doors.page],
    ].entries()) {
      if (!first || !second) throw new Error('There are two doors.');
      const [from, elsewhere] = [`203.0.113.${index}`, `203.0.113.${100 + index}`];
      const { email } = await signUp(server);
      for (let failure = 0; failure < 10; failure += 1) {
        expect([401, 422]).toContain((await first(email, 'wrong password', from)).status);
      }
      const refused = await second(email, PASSWORD, from);
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(800);
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(900);
      if (second === doors.page) {
        expectPage(refused, 429);
        expect(policyOf(refused)).toEqual(policy());
        expect(problemIn(refused)).toBe('Too many attempts. Try again later.');
      }
      expect((await doors.page(email, PASSWORD, elsewhere)).status).toBe(303);
    }
  });

  it.each([
    ['is disabled', 'UPDATE accounts SET disabled_at = now() WHERE id = $1'],
    ['is no longer an admin', `UPDATE accounts SET role = 'user' WHERE id = $1`],
  ])('is gone, and signs nobody in, when the admin who answers for the client %s', async (_, change) => {
    const admin = await makeAdmin(server);
    const client = await newClient(server, { ownerId: admin.id });
    const { id } = await identify({ client: client.basic });
    const { email } = await signUp(server, { password: PASSWORD });
    expectPage(await show(id), 200);
    await changeAccount(server, admin.id, change);
    const before = await countIdentifications();
    expectPage(await show(id), 404);
    expectPage(await submit(id, { email }), 404);
    expect(await countIdentifications()).toBe(before);
  });

  it('counts each form that is sent among the requests of a minute, and no look at it', async () => {
    const busy = await startServer(database.connection, { publicUrl: PUBLIC_URL, rateLimitPerMinute: 3 });
    try {
      const page = await newPage();
      for (let sent = 0; sent < 3; sent += 1) {
        expectPage(await submit(page, { email: newEmail() }, OURS, busy), 422);
      }
      const refused = await submit(page, { email: newEmail() }, OURS, busy);
      expectPage(refused, 429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
      // A whole campus may come from one address.
      expectPage(await show(page, '', busy), 200);
      const body = { account: { email: newEmail(), password: PASSWORD } };
      expect((await busy.call('POST', '/account/session', body)).status).toBe(429);
    } finally {
      await busy.close();
    }
  });
});

/** Sites of others: a publisher that may send its visitors on, and whatever `evil` says. */
class Sites {
  /** What was asked for, as `host/path`. */
  readonly visits: { url: string; referer: string | undefined }[] = [];
  evil = '';
  private readonly server: Server;

  constructor() {
    this.server = createServer(({ url = '', headers }, response) => {
      const { pathname, search } = new URL(url, 'http://sites.test');
      this.visits.push({ url: `http://${headers.host}${url}`, referer: headers.referer });
      if (pathname === '/favicon.ico') response.writeHead(204).end();
      else if (pathname === '/here') response.writeHead(302, { location: `/read${search}` }).end();
      else if (pathname === '/away') response.writeHead(302, { location: `http://reader.test/read${search}` }).end();
      else {
        const html = pathname === '/evil' ? this.evil : '<title>Welcome</title><h1>Welcome</h1>';
        response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><html lang="en">${html}`);
      }
    });
  }

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

describeInBrowser('The WAYF page in a browser', () => {
  const LANDING = 'http://publisher.test/read';
  const sites = new Sites();
  let browser: Browser;
  let withScripts: Page;
  let withoutScripts: Page;
  /** The one that the test uses. */
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    const elsewhere = await sites.listen();
    browser = await launchChromium({
      'latchkey.test': server.url,
      'latchkey.localhost': server.url,
      'publisher.test': elsewhere,
      'my_publisher.test': elsewhere,
      'reader.test': elsewhere,
      'evil.test': elsewhere,
      'evil.localhost': elsewhere,
    });
    [withScripts, withoutScripts] = await Promise.all([newTab({}), newTab({ javaScriptEnabled: false })]);
  });

  afterAll(async () => {
    await browser.close();
    await sites.close();
  });

  beforeEach(() => {
    sites.visits.length = 0;
    page = withoutScripts;
  });

  afterEach(async () => {
    expect(await page.context().cookies()).toEqual([]);
    expect(complaints.splice(0)).toEqual([]);
  });

  /** What Chromium says of every refusal by a server, and of headers of ours that it heeds on trusted origins only. */
  const NOISE =
    /^Failed to load resource: .* status of 422|^The Cross-Origin-Opener-Policy header has been ignored, because the URL's origin was untrustworthy|^The page requested an origin-keyed agent cluster/;

  async function newTab(options: BrowserContextOptions): Promise<Page> {
    const context = await browser.newContext({ userAgent: 'Browser/2', ...options });
    context.setDefaultTimeout(10_000);
    const tab = await context.newPage();
    await listenForComplaints(tab, (text) => {
      if (!NOISE.test(text)) complaints.push(text);
    });
    return tab;
  }

  const wayfOf = (identification: Identification) => identification._links.wayf.href;

  /** Opens the page of a new identification, and gives its address. */
  async function openNew(url = LANDING, query = ''): Promise<string> {
    const link = wayfOf(await identify({ url }));
    await page.goto(`${link}${query}`);
    return link;
  }

  /** What has the focus: its label, or its text. */
  const focused = () =>
    page.evaluate<string>('document.activeElement.labels?.[0]?.textContent ?? document.activeElement.innerText');
  /** A browser moves the focus some time after it has shown the page. */
  const focusIsOn = (what: string) =>
    eventually(async () => {
      expect(await focused()).toBe(what);
    });
  const email = () => page.getByLabel('Email');
  const password = () => page.getByLabel('Password');
  const alert = () => page.getByRole('alert');

  async function fillIn(typed: string, secret = PASSWORD): Promise<void> {
    await email().fill(typed);
    await password().fill(secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  /** Waits until the browser is at a url of the client, and gives what that brought. */
  async function landed(url = LANDING): Promise<any> {
    await page.getByRole('heading', { name: 'Welcome' }).waitFor();
    const [, before, id = ''] = /^(.*)\?identification=([0-9a-f-]+)$/.exec(page.url()) ?? [];
    expect(before).toBe(url);
    expect(sites.visits).toContainEqual({ url: page.url(), referer: undefined });
    return (await look(id)).body;
  }

  async function type(text: string): Promise<void> {
    // A busy machine shows the page before it gives the focus.
    await page.locator('input:focus').waitFor();
    await page.keyboard.type(text);
    await page.keyboard.press('Enter');
  }

  it.each([
    ['without JavaScript', 'Qwerty', false, 'latchkey.test'],
    ['with JavaScript', 'Dvorak', true, 'latchkey.test'],
    ['where the browser says what site a form comes from', 'Colemak', false, 'latchkey.localhost'],
  ])('leads from the link of the client back to its url by the keyboard alone, %s', async (_, word, scripts, host) => {
    const institution = await newInstitution({ name: `${word} Keyboard & Keys` });
    const visitor = await signUp(server, { email: newEmail().replace(/@.*/, `@institution${names}.example`) });
    const identification = await identify({ url: LANDING });
    const link = wayfOf(identification).replace('latchkey.test', host);
    page = scripts ? withScripts : withoutScripts;
    await page.goto(link);
    await focusIsOn('Your institution');
    await type(`key ${word.toLowerCase()}`);
    await page.waitForURL('**?q=*');
    expect(await page.title()).toBe('Where are you from? 1 institution');
    await focusIsOn('1 institution:');
    await page.keyboard.press('Tab');
    await focusIsOn(institution.name);
    await page.keyboard.press('Enter');
    await page.waitForURL('**?institution=*');
    expect(await page.title()).toBe(`Sign in: ${institution.name}`);
    await focusIsOn('Email');
    await page.keyboard.type(visitor.email);
    await page.keyboard.press('Tab');
    await focusIsOn('Password');
    await type('wrong password');
    await page.getByText(WRONG).waitFor();
    expect(page.url()).toBe(`${link}?`);
    await focusIsOn('Email');
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Tab');
    await focusIsOn('Sign in');
    await page.keyboard.press('Enter');
    const found = await landed();
    expect(found).toMatchObject({
      status: 'identified',
      ip: '127.0.0.1',
      user_agent: 'Browser/2',
      email: visitor.email,
    });
    expect([found.account.id, found.user_institution.id]).toEqual([visitor.id, institution.id]);
    expect((await look(identification.id)).body.status).toBe('wayf');
  });

  it('goes back to the search from a form, and on without an institution', async () => {
    const visitor = await signUp(server);
    const institution = await newInstitution({ name: 'Wrongly chosen' });
    const start = await openNew();
    await page.getByLabel('Your institution').fill('wrong');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('link', { name: institution.name }).click();
    await fillIn(visitor.email);
    await page.getByText('This account does not belong to Wrongly chosen.').waitFor();
    await page.getByRole('link', { name: 'Choose another institution' }).click();
    expect(page.url()).toBe(`${start}?`);
    await page.getByRole('link', { name: 'Sign in without an institution' }).click();
    await fillIn(visitor.email);
    expect(await landed()).toMatchObject({ email: visitor.email, user_institution: null });
  });

  it('announces an error by its title, as an alert, and at both fields; and keeps the email only', async () => {
    await openNew(LANDING, '?institution=none');
    expect(await page.title()).toBe('Sign in');
    expect(await alert().textContent()).toBe('');
    for (const field of [email(), password()]) expect(await field.getAttribute('aria-invalid')).toBeNull();
    await fillIn('nobody@example.org', 'wrong password');
    await page.getByText(WRONG).waitFor();
    expect(await page.title()).toBe('Sign in: try again');
    expect(await alert().textContent()).toBe(WRONG);
    expect(await alert().getAttribute('id')).toBe('problem');
    for (const field of [email(), password()]) {
      expect(await field.getAttribute('aria-invalid')).toBe('true');
      expect(await field.getAttribute('aria-describedby')).toBe('problem');
    }
    expect([await email().inputValue(), await password().inputValue()]).toEqual(['nobody@example.org', '']);
    await focusIsOn('Email');
  });

  it('stays at the field when nothing is found, and says so there', async () => {
    await newInstitution({ name: 'Graviton' });
    await openNew();
    await type('photino');
    await page.getByText('No institution matches this name.').waitFor();
    expect(await page.title()).toBe('Where are you from? No institution found');
    await focusIsOn('Your institution');
    expect(await page.getByLabel('Your institution').getAttribute('aria-describedby')).toBe('found');
    await page.keyboard.press('Control+A');
    await type('graviton');
    await page.getByRole('link', { name: 'Graviton' }).waitFor();
  });

  it('sends nothing that is not filled in', async () => {
    const start = await openNew();
    await page.keyboard.press('Enter');
    expect(page.url()).toBe(start);
    await page.goto(`${start}?institution=none`);
    await page.keyboard.press('Enter');
    await focusIsOn('Email');
    await type('somebody@example.org');
    await focusIsOn('Password');
    expect(page.url()).toBe(`${start}?institution=none`);
  });

  it.each(['jörg@example.org', 'visitor@bücher.example'])('takes emails as they are: %s', async (address) => {
    await signUp(server, { email: address });
    await openNew(LANDING, '?institution=none');
    await fillIn(address);
    expect((await landed()).email).toBe(address);
  });

  it('is named, labelled and described for those who hear it', async () => {
    for (const name of ['Heard & understood', 'Heard twice']) await newInstitution({ name });
    const snapshot = () => page.locator('body').ariaSnapshot();
    const start = await openNew();
    const search = [
      '- main:',
      '  - heading "Where are you from?" [level=1]',
      '  - search:',
      '    - text: Your institution',
      '    - searchbox "Your institution"',
      '    - button "Search"',
    ];
    const skip = [
      '  - paragraph:',
      '    - link "Sign in without an institution":',
      '      - /url: "?institution=none"',
    ];
    expect(await snapshot()).toBe([...search, ...skip].join('\n'));
    await page.goto(`${start}?q=heard`);
    expect((await snapshot()).replaceAll(/[0-9a-f-]{36}/g, 'ID')).toBe(
      [
        ...search.map((line) => line.replace('searchbox "Your institution"', '$&: heard')),
        '  - status: "2 institutions:"',
        '  - list:',
        '    - listitem:',
        '      - link "Heard & understood":',
        '        - /url: "?institution=ID"',
        '    - listitem:',
        '      - link "Heard twice":',
        '        - /url: "?institution=ID"',
        ...skip,
      ].join('\n'),
    );
    await page.getByRole('link', { name: 'Heard twice' }).click();
    await fillIn('nobody@example.org');
    expect(await snapshot()).toBe(
      [
        '- main:',
        '  - heading "Sign in" [level=1]',
        '  - paragraph:',
        '    - text: With an account of',
        '    - strong: Heard twice',
        '    - text: .',
        '    - link "Choose another institution":',
        '      - /url: "?"',
        `  - alert: ${WRONG}`,
        '  - text: Email',
        '  - textbox "Email" [invalid]: nobody@example.org',
        '  - text: Password',
        '  - textbox "Password" [invalid]',
        '  - button "Sign in"',
      ].join('\n'),
    );
    expect(await email().getAttribute('autocomplete')).toBe('username');
    expect(await email().getAttribute('inputmode')).toBe('email');
    expect(await password().getAttribute('autocomplete')).toBe('current-password');
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
  });

  it('has contrast enough in every state, and fits a narrow screen whatever the name', async () => {
    const institution = await newInstitution({ name: `Narrow ${'X'.repeat(240)}` });
    const start = await openNew();
    await page.setViewportSize({ width: 320, height: 568 });
    const expectReadable = async () => {
      const contrasts = await page.evaluate<[string, number][]>(CONTRASTS);
      expect(contrasts.length).toBeGreaterThan(4);
      expect(contrasts.filter(([, ratio]) => ratio < 4.5)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    };
    for (const state of ['', '?q=narrow', '?q=absent', `?institution=${institution.id}`]) {
      await page.goto(`${start}${state}`);
      await expectReadable();
      for (const part of await page.locator('input:not([type=hidden]), button, li a').all()) {
        expect((await part.boundingBox())?.height).toBeGreaterThanOrEqual(40);
      }
    }
    await fillIn('nobody@example.org');
    await page.getByText(WRONG).waitFor();
    await expectReadable();
    await page.setViewportSize({ width: 1024, height: 768 });
  });

  it('gets through to a url that redirects within its own origin, or whose host no policy can name', async () => {
    const visitor = await signUp(server);
    for (const [url, end] of [
      ['http://publisher.test/here', LANDING],
      ['http://my_publisher.test/read', 'http://my_publisher.test/read'],
    ]) {
      await openNew(url, '?institution=none');
      await fillIn(visitor.email);
      expect((await landed(end)).email).toBe(visitor.email);
    }
  });

  it('gets through to a url that redirects to another origin, against which Chromium holds form-action too', async () => {
    const visitor = await signUp(server);
    await openNew('http://publisher.test/away', '?institution=none');
    await fillIn(visitor.email);
    await page.waitForURL((url) => url.host !== 'latchkey.test' && url.host !== 'publisher.test');
    const hosts = sites.visits.map(({ url }) => new URL(url).host);
    expect(hosts.slice(0, 2)).toEqual(['publisher.test', 'reader.test']);
  });

  it.each([
    ['latchkey.test', 'http://evil.test/evil', ''],
    ['latchkey.test', 'http://evil.test/evil', '<meta name="referrer" content="no-referrer">'],
    ['latchkey.localhost', 'http://evil.test/evil', ''],
    ['latchkey.localhost', 'http://evil.localhost/evil', '<meta name="referrer" content="no-referrer">'],
  ])('at %s signs nobody in with a form that %s sends by itself %s', async (host, evil, referrer) => {
    const attacker = await signUp(server);
    const identification = await identify({ url: LANDING });
    const before = await countIdentifications();
    sites.evil = `${referrer}<form method="post" action="${wayfOf(identification).replace('latchkey.test', host)}">
      <input name="email" value="${attacker.email}"><input name="password" value="${PASSWORD}">
      <input name="institution" value="none"></form><script>document.forms[0].submit()</script>`;
    page = withScripts;
    await page.goto(evil);
    await page.getByRole('heading', { name: 'Forbidden' }).waitFor();
    expect(new URL(page.url()).host).toBe(host);
    expect(await alert().textContent()).toBe('This form was not sent from this site. Open the page again.');
    expect(await countIdentifications()).toBe(before);
    expect(complaints.splice(0)).toEqual([
      'Failed to load resource: the server responded with a status of 403 (Forbidden)',
    ]);
  });
});
