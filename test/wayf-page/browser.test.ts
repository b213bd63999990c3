import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { CONTRASTS, describeInBrowser, launchChromium, listenForComplaints } from '../support/browser.js';
import { eventually } from '../support/process.js';
import { newEmail, signUp } from '../support/server.js';
import {
  ABSENT,
  countIdentifications,
  type Identification,
  identify,
  look,
  names,
  newInstitution,
  PASSWORD,
  publisher,
  server,
  withPublishers,
  WRONG,
} from '../support/wayf-page.js';

withPublishers();

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
    page.evaluate<string>(
      '(document.activeElement.labels?.[0]?.textContent ?? document.activeElement.innerText).trim()',
    );
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

  /** Types into the field that has the focus, again where the browser was still busy and lost a key. */
  async function type(text: string): Promise<void> {
    const field = page.locator('input:focus');
    // A busy machine shows the page before it gives the focus.
    await field.waitFor();
    await eventually(async () => {
      await page.keyboard.press('ControlOrMeta+A');
      await page.keyboard.type(text);
      expect(await field.inputValue()).toBe(text);
    });
  }

  async function send(text: string): Promise<void> {
    await type(text);
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
    await send(`key ${word.toLowerCase()}`);
    await page.waitForURL('**?q=*');
    expect(await page.title()).toBe('Where are you from? 1 institution');
    await focusIsOn('1 institution:');
    await page.keyboard.press('Tab');
    await focusIsOn(institution.name);
    await page.keyboard.press('Enter');
    await page.waitForURL('**?institution=*');
    expect(await page.title()).toBe(`Sign in: ${institution.name}`);
    await focusIsOn('Email');
    await type(visitor.email);
    await page.keyboard.press('Tab');
    await focusIsOn('Password');
    await send('wrong password');
    await page.getByText(WRONG).waitFor();
    expect(page.url()).toBe(`${link}?institution=${institution.id}`);
    await focusIsOn('Password');
    await type(PASSWORD);
    await page.keyboard.press('Tab');
    if (scripts) {
      await focusIsOn('Remember this institution in this browser');
      await page.keyboard.press('Tab');
    }
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

  describe('with a choice that is remembered in this browser', () => {
    /** One of its own, which has chosen nothing yet. */
    beforeEach(async () => {
      page = await newTab({});
    });

    const offered = (name: string) => page.getByRole('status').getByRole('link', { name });
    const checkbox = () => page.getByLabel('Remember this institution in this browser');

    async function signInFor(institution: { id: string }, isRemembered = true): Promise<void> {
      const visitor = await signUp(server, { email: newEmail().replace(/@.*/, `@institution${names}.example`) });
      await openNew(LANDING, `?institution=${institution.id}`);
      await checkbox().setChecked(isRemembered);
      await fillIn(visitor.email);
      await landed();
    }

    it('offers it the next time, by the name that it has by then, and forgets it when told to', async () => {
      const institution = await newInstitution({ name: 'Before Renaming' });
      await signInFor(institution);
      await server.call('PATCH', `/api/accounts/${institution.id}`, { name: 'After & Renaming' }, publisher);
      await openNew();
      await offered('After & Renaming').click();
      await page.waitForURL(`**?institution=${institution.id}`);
      await focusIsOn('Email');
      await openNew();
      await offered('After & Renaming').waitFor();
      await page.getByRole('button', { name: 'Forget this choice' }).click();
      await focusIsOn('Your institution');
      expect(await page.getByText('After & Renaming').count()).toBe(0);
      expect(await page.evaluate('localStorage.length')).toBe(0);
      await openNew();
      await page.waitForLoadState('networkidle');
      expect(await page.getByRole('status').textContent()).toBe('');
    });

    it('remembers nothing that it is not to remember, and forgets what is not to be remembered any more', async () => {
      const institution = await newInstitution({ name: 'Not Remembered' });
      const counts: unknown[] = [];
      for (const isRemembered of [false, true, false]) {
        await signInFor(institution, isRemembered);
        await openNew();
        counts.push(await page.evaluate('localStorage.length'));
      }
      expect(counts).toEqual([0, 1, 0]);
    });

    it.each([
      ['that is gone', ABSENT],
      ['that is no id', '"><script>alert(1)</script>'],
    ])('offers nothing %s, and forgets it', async (_, id) => {
      const link = await openNew();
      await page.evaluate(`localStorage.setItem('institution', ${JSON.stringify(id)})`);
      await page.goto(link);
      await eventually(async () => {
        expect(await page.evaluate('localStorage.length')).toBe(0);
      });
      expect(await page.getByRole('status').textContent()).toBe('');
    });
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
    await focusIsOn('Password');
  });

  it('stays at its address after an error, so that it can be opened again in the same state', async () => {
    const { id, name } = await newInstitution();
    const start = await openNew(LANDING, `?institution=${id}&lang=de`);
    await page.getByLabel('E-Mail-Adresse').fill('nobody@example.org');
    await page.getByLabel('Passwort').fill('wrong password');
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await page.getByText('E-Mail-Adresse oder Passwort ist falsch.').waitFor();
    expect(page.url()).toBe(`${start}?institution=${id}&lang=de`);
    await page.goto(page.url());
    await page.getByText(`Mit einem Konto von ${name}.`).waitFor();
  });

  it('stays at the field when nothing is found, and says so there', async () => {
    await newInstitution({ name: 'Graviton' });
    await openNew();
    await send('photino');
    await page.getByText('No institution matches this name.').waitFor();
    expect(await page.title()).toBe('Where are you from? No institution found');
    await focusIsOn('Your institution');
    expect(await page.getByLabel('Your institution').getAttribute('aria-describedby')).toBe('found');
    await page.keyboard.press('Control+A');
    await send('graviton');
    await page.getByRole('link', { name: 'Graviton' }).waitFor();
  });

  it('sends nothing that is not filled in', async () => {
    const start = await openNew();
    await page.keyboard.press('Enter');
    expect(page.url()).toBe(start);
    await page.goto(`${start}?institution=none`);
    await page.keyboard.press('Enter');
    await focusIsOn('Email');
    await send('somebody@example.org');
    await focusIsOn('Password');
    expect(page.url()).toBe(`${start}?institution=none`);
  });

  it.each([
    ['jörg@example.org', 'jörg@example.org'],
    ['visitor@bücher.example', 'visitor@xn--bcher-kva.example'],
  ])('takes the email %s', async (address, stored) => {
    await signUp(server, { email: address });
    await openNew(LANDING, '?institution=none');
    await fillIn(address);
    expect((await landed()).email).toBe(stored);
  });

  it('is named, labelled and described for those who hear it', async () => {
    for (const name of ['Heard & understood', 'Heard twice']) await newInstitution({ name });
    const snapshot = () => page.locator('main').ariaSnapshot();
    const start = await openNew();
    const search = [
      '- main:',
      '  - heading "Where are you from?" [level=1]',
      '  - paragraph: You sign in at latchkey.test and then return to publisher.test.',
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
    expect(await snapshot()).toBe([...search.toSpliced(3, 0, '  - status'), ...skip].join('\n'));
    await page.goto(`${start}?q=heard`);
    expect((await snapshot()).replaceAll(/[0-9a-f-]{36}/g, 'ID')).toBe(
      [
        ...search.map((line) => line.replace('searchbox "Your institution"', '$&: heard')),
        '  - status: "2 institutions:"',
        '  - list:',
        '    - listitem:',
        '      - link "Heard twice":',
        '        - /url: "?institution=ID"',
        '    - listitem:',
        '      - link "Heard & understood":',
        '        - /url: "?institution=ID"',
        ...skip,
      ].join('\n'),
    );
    await page.getByRole('link', { name: 'Heard twice' }).click();
    await fillIn('nobody@example.org');
    expect((await snapshot()).replaceAll(/[0-9a-f-]{36}/g, 'ID')).toBe(
      [
        '- main:',
        '  - heading "Sign in" [level=1]',
        '  - paragraph: You sign in at latchkey.test and then return to publisher.test.',
        '  - paragraph:',
        '    - text: Use your',
        '    - strong: Heard twice',
        '    - text: account.',
        '    - link "Choose another institution":',
        '      - /url: "?"',
        `  - alert: ${WRONG}`,
        '  - text: Email',
        '  - textbox "Email" [invalid]: nobody@example.org',
        '  - text: Password',
        '  - textbox "Password" [invalid]',
        '  - button "Sign in"',
        '  - paragraph:',
        '    - link "Forgot your password?":',
        '      - /url: /password/forgot?wayf=ID',
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
      for (const part of await page.locator('input:not([type=hidden], [type=checkbox]), button, li a').all()) {
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
    const action = `${wayfOf(identification).replace('latchkey.test', host)}?institution=none`;
    sites.evil = `${referrer}<form method="post" action="${action}">
      <input name="email" value="${attacker.email}"><input name="password" value="${PASSWORD}">
      <input name="institution" value="none"></form><script>document.forms[0].submit()</script>`;
    page = withScripts;
    await page.goto(evil);
    await page.getByRole('heading', { name: 'This is not allowed here' }).waitFor();
    expect(new URL(page.url()).host).toBe(host);
    expect(await alert().textContent()).toBe(
      'This form was submitted from another site. Open it here and fill it in again.',
    );
    expect(await countIdentifications()).toBe(before);
    expect(complaints.splice(0)).toEqual([
      'Failed to load resource: the server responded with a status of 403 (Forbidden)',
    ]);
    // The form can be opened from there, and sent from here.
    await page.getByRole('link', { name: 'Open the form' }).click();
    await fillIn(attacker.email);
    await page.waitForURL((url) => url.searchParams.has('identification'));
  });
});
