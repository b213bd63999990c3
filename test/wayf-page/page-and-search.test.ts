import { beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase } from '../support/database.js';
import { newClient } from '../support/oauth.js';
import { newEmail, signUp, startServer, type Answer } from '../support/server.js';
import { changeAccount, makeAdmin } from '../support/tokens.js';
import {
  ABSENT,
  countIdentifications,
  database,
  expectPage,
  identificationIn,
  identify,
  names,
  newInstitution,
  newPage,
  OURS,
  PASSWORD,
  policy,
  policyOf,
  publisher,
  problemIn,
  PUBLIC_URL,
  server,
  show,
  submit,
  withPublishers,
} from '../support/wayf-page.js';

withPublishers();

const EXPIRED = 'This page has expired. Go back to the site that sent you here.';
const titleOf = ({ body }: Answer) => /<title>([^<]*)<\/title>/.exec(body as string)?.[1];

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
    expect(titleOf(await show(id, '?q=entitled'))).toBe('Where are you from? No institution found');
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
      expect(titleOf(answer)).toBe('This page has expired');
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
      await submit(id, { email, password: 'x'.repeat(2_049) }),
      await submit(id, { email, password: 'NUL\0' }),
    ];
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 400));
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
        expect(problemIn(answer)).toBe('This institution is not available. Go back and choose another.');
        expect(answer.body).toContain('<a href="?">Choose another institution</a>');
      }
    }
    const german = await show(id, `?institution=${ABSENT}&lang=de`);
    expect(german.body).toContain('<a href="?lang=de">Eine andere Einrichtung wählen</a>');
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
        expect(problemIn(answer)).toBe('The service is temporarily unavailable. Try again later.');
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
    for (const q of ['uant', 'quantumxyz', 'quantum absent', 'kelvinite']) {
      expect([q, await find(q)]).toEqual([q, expect.objectContaining({ names: [], summary: NONE })]);
    }
  });

  it.each([
    "'; --",
    "' OR '1'='1",
    '!quark',
    'quark | lepton',
    'quark <-> lepton',
    'quark:*ABCD',
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

  it('says so when nothing is called that, and offers what is called something like it', async () => {
    const { name } = await newInstitution({ name: 'Pentaquark Laboratory' });
    const { names: found, summary } = await find('Pentakwark');
    expect({ found, summary }).toEqual({
      found: [name],
      summary: 'No institution has this name. These have a similar one:',
    });
  });

  it('finds by other names that a client or an admin has given, and shows them', async () => {
    const { id } = await newInstitution({ name: 'Mesonic Institute of Technology' });
    const { status } = await server.call('PATCH', `/api/accounts/${id}`, { aliases: ['MesIT', 'מזון'] }, publisher);
    expect(status).toBe(200);
    for (const [q, alias] of [
      ['mesit', 'MesIT'],
      ['מזון', 'מזון'],
    ])
      expect((await find(q ?? '')).answer.body).toContain(`>Mesonic Institute of Technology (<bdi>${alias}</bdi>)</a>`);
  });

  it('says how many there are, and repeats what was asked for without running it', async () => {
    await newInstitution({ name: 'Gluon Institute' });
    expect((await find('gluon')).summary).toBe('1 institution:');
    await newInstitution({ name: 'Gluon Library' });
    expect((await find('gluon')).summary).toBe('2 institutions:');
    const { summary, answer } = await find('"><script>muon(1)</script>');
    expect(summary).toBe(NONE);
    expect(answer.body).not.toContain('muon(1)<');
    expect(answer.body).not.toContain('<li dir="auto"><a href="?institution');
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
    expect(more.summary).toBe('The first 20 institutions: Type more of the name to narrow the search.');
    expect((await find('crowded 21')).names).toEqual(['Crowded 21']);
  });

  it('offers organisations only that have a name and are enabled; and says of which nobody can sign in for them', async () => {
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
    const { names: offeredNames, answer, summary } = await find('boson');
    expect(offeredNames).toEqual(['Boson with a domain', 'Boson with an email']);
    expect(summary).toBe('3 institutions:');
    expect(answer.body).toContain('<li dir="auto"><span>Boson without anything</span></li>');
    expect(answer.body).toContain('connect to it and reload this page');
    expect((await find('boson with a domain')).answer.body).not.toContain('connect to it');
    for (const id of [offered.id, withEmail]) expectPage(await show(page, `?institution=${id}`), 200);
    for (const id of [domainless, person, disabled, nameless]) {
      expectPage(await show(page, `?institution=${id}`), 404);
      expectPage(await submit(page, { email: newEmail(), institution: id }), 404);
    }
    await changeAccount(server, offered.id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
    expect((await find('boson')).names).toEqual(['Boson with an email']);
  });
});

describe('The form of the WAYF page', () => {
  const REFUSAL = 'This form was submitted from another site. Open it here and fill it in again.';

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

  it('leads from that refusal to the same form, with nothing else of its address', async () => {
    const page = await newPage();
    const { id } = await newInstitution();
    const leads = async (query: string) => {
      const answer = await server.call('POST', `/wayf/${page}${query}`, 'institution=none&email=x&password=x', {
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'cross-site',
      });
      expect(answer.status).toBe(403);
      expect(answer.body).not.toMatch(/evil|secret/);
      const [, way = ''] = /<p class="ways"><a href="([^"]*)"/.exec(answer.body as string) ?? [];
      return way.replaceAll('&#38;', '&');
    };
    expect(await leads(`?institution=${id}&lang=de&email=secret&q=evil`)).toBe(`?institution=${id}&lang=de`);
    expect(await leads('?institution=none')).toBe('?institution=none');
    expect(await leads('')).toBe('?');
    for (const wrong of ['//evil.example', 'javascript:evil', '"><script>evil', `${id}evil`, `${id}&institution=evil`])
      expect(await leads(`?institution=${wrong}`)).toBe('?');
    const form = await show(page, await leads(`?institution=${id}`));
    expect(form.body).toContain(`<input type="hidden" name="institution" value="${id}">`);
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
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(15);
      if (second === doors.page) {
        expectPage(refused, 429);
        expect(policyOf(refused)).toEqual(policy("'self'", 'https://publisher.example', 'https:'));
        expect(refused.body).toContain(`value="${email}"`);
        expect(problemIn(refused)).toMatch(
          /^Too many attempts\. Try again in (one minute|[0-9]+ (minutes|seconds))\.$/,
        );
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

  it('counts each form that is sent and each search among the requests of a minute, and no look at it', async () => {
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
      for (const look of ['', '?institution=none', `?last=${ABSENT}`]) expectPage(await show(page, look, busy), 200);
      const search = await show(page, '?q=exam&lang=de', busy);
      expect({ status: search.status, policy: search.headers.get('ratelimit-policy') }).toEqual({
        status: 429,
        policy: '"requests";q=3;w=60',
      });
      expect(search.body).toMatch(/Zu viele Versuche/);
      const body = { account: { email: newEmail(), password: PASSWORD } };
      expect((await busy.call('POST', '/account/session', body)).status).toBe(429);
    } finally {
      await busy.close();
    }
  });
});
