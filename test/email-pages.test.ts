import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { CONTRASTS, describeInBrowser, launchChromium, listenForComplaints } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { MailServer } from './support/mail-server.js';
import { eventually } from './support/process.js';
import { bearer, claimsOf, newEmail, startServer, type TestServer } from './support/server.js';

/** Chromium trusts `*.localhost` without TLS, and so treats the pages as it would treat those behind https. */
const PUBLIC_URL = 'http://latchkey.localhost';
const PASSWORD = 'example';

let database: TestDatabase;
let mailServer: MailServer;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  mailServer = await new MailServer().start();
  server = await startServer(database.connection, {
    publicUrl: PUBLIC_URL,
    emailVerification: 'required',
    smtpUrl: mailServer.url(),
  });
});

afterAll(async () => {
  await server.close();
  await mailServer.stop();
  await database.drop();
});

/** What the pages are about, and what tells whether their button has been pressed. */
interface Guest {
  email: string;
  link: string;
  token: string;
}

/** @returns the link in the last mail to an address whose subject begins so */
async function mailedLink(email: string, subject: string): Promise<{ link: string; token: string }> {
  const text = await eventually(() => {
    const mail = mailServer.mails.findLast(({ to, raw }) => to.includes(email) && raw.includes(`Subject: ${subject}`));
    if (!mail) throw new Error('There is no such mail yet.');
    return mail.raw.replace(/=\r\n/g, '').replaceAll('=3D', '=').replaceAll('\r\n', '\n');
  });
  const [link = '', token = ''] = /^http:.*#token=(\S+)$/m.exec(text) ?? [];
  return { link, token };
}

/** Signs up, and is mailed a link. */
async function unverified(): Promise<Guest> {
  const email = newEmail();
  const { status } = await server.call('POST', '/accounts', { account: { email, password: PASSWORD } });
  expect(status).toBe(201);
  return { email, ...(await mailedLink(email, 'Verify your email')) };
}

/** Has another email now, and is mailed a link at the one before. */
async function changed(): Promise<Guest> {
  const guest = await unverified();
  expect(await use('verify', guest.token)).toBe(200);
  const { body } = await server.call('POST', '/account/session', {
    account: { email: guest.email, password: PASSWORD },
  });
  const { id } = claimsOf(body.token as string).data;
  const account = { email: newEmail(), password: PASSWORD };
  const answer = await server.call('PUT', `/accounts/${id}`, { account }, bearer(body.token as string));
  expect(answer.status).toBe(200);
  const { token } = await mailedLink(account.email, 'Confirm your new email');
  expect(await use('verify', token)).toBe(200);
  return { ...guest, ...(await mailedLink(guest.email, 'The email of your account')) };
}

const use = async (purpose: 'verify' | 'undo', token: string) =>
  (purpose === 'verify'
    ? await server.call('PUT', '/account/email', { account: { verify_email_token: token, password: PASSWORD } })
    : await server.call('PUT', '/account/email/undo', { account: { undo_email_token: token } })
  ).status;

async function isSpent({ token }: Guest): Promise<boolean> {
  const rows = await database.query<{ ended: boolean }>(
    'SELECT ended_at IS NOT NULL AS ended FROM email_links WHERE id = $1',
    [token.slice(0, 36)],
  );
  expect(rows).toHaveLength(1);
  return rows[0]?.ended === true;
}

interface Kind {
  /** The snapshot of its fields, as a regular expression. */
  fields: string;
  purpose: 'verify' | 'undo';
  path: string;
  endpoint: string;
  prepare: () => Promise<Guest>;
  title: string;
  button: string;
  done: string;
}

const KINDS: Kind[] = [
  {
    fields: String.raw`  - text: Password\n  - textbox.*\n  - checkbox.*\n  - text: Show password\n`,
    purpose: 'verify',
    path: '/email/verify',
    endpoint: '/account/email',
    prepare: unverified,
    title: 'Verify your email',
    button: 'Verify email',
    done: 'Your email is verified. You can sign in now.',
  },
  {
    fields: '',
    purpose: 'undo',
    path: '/email/undo',
    endpoint: '/account/email/undo',
    prepare: changed,
    title: 'Undo the change of email',
    button: 'Undo the change',
    done: 'Your email has been restored, and everyone has been signed out. You will receive a mail to choose a new password.',
  },
];

describe.each(KINDS)('The address of the page $path', ({ purpose, path, prepare }) => {
  it('answers with a page that may not be framed, stored by others, or told about', async () => {
    const { status, headers, body } = await server.call('GET', path);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toMatch(/^(private, no-cache|no-store)$/);
    expect(headers.get('set-cookie')).toBeNull();
    expect((headers.get('content-security-policy') ?? '').split('; ')).toEqual([
      "default-src 'none'",
      expect.stringMatching(/^script-src 'sha256-[\w+/]{43}='$/),
      expect.stringMatching(/^style-src 'sha256-[\w+/]{43}='$/),
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(body).toMatch(/^<!doctype html>\n<html lang="en">/);
  });

  it('spends nothing when a mail scanner only opens it, and takes nothing but reading', async () => {
    const guest = await prepare();
    for (const method of ['GET', 'HEAD']) {
      for (const address of [path, `${path}/`, `${path}?token=${guest.token}`]) {
        expect((await server.call(method, address)).status).toBe(200);
      }
    }
    expect(await isSpent(guest)).toBe(false);
    for (const method of ['POST', 'PUT']) {
      const { status, headers } = await server.call(method, path, {});
      expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: 'GET, HEAD' });
    }
    expect(await use(purpose, guest.token)).toBe(200);
  });
});

describeInBrowser('In a browser', () => {
  let browser: Browser;
  let context: BrowserContext;
  /** For all tests: a browser takes long to open another. */
  let page: Page;
  /** What the browser complained about, and whom it asked for what. */
  let complaints: string[] = [];
  let requests: { method: string; url: string }[] = [];

  beforeAll(async () => {
    browser = await launchChromium({ [new URL(PUBLIC_URL).host]: server.url });
    context = await browser.newContext();
    context.setDefaultTimeout(10_000);
    page = await context.newPage();
    await listenForComplaints(page, (text) => complaints.push(text));
    page.on('request', (request) => requests.push({ method: request.method(), url: request.url() }));
  });

  afterAll(async () => {
    await browser.close();
  });

  beforeEach(async () => {
    await page.goto('about:blank');
    complaints = [];
    requests = [];
  });

  afterEach(async () => {
    await page.unrouteAll();
    // Chromium reports each refusal by the server as an error of the page; there is no way for a page to prevent that.
    const refusal = 'Failed to load resource: the server responded with a status of 422';
    expect(complaints.filter((text) => !text.startsWith(refusal))).toEqual([]);
    for (const { url } of requests) expect(new URL(url).origin).toBe(PUBLIC_URL);
  });

  const problem = () => page.getByRole('alert');
  const done = () => page.getByRole('status');
  /** A browser moves the focus some time after it has shown the page. */
  const focusIsOn = (id: string) => page.waitForFunction(`document.activeElement.id === '${id}'`);

  async function untilSays(text: string): Promise<void> {
    await page.getByText(text, { exact: true }).waitFor();
  }

  describe.each(KINDS)('the page $path', (kind) => {
    const { purpose, path, endpoint, prepare, title, fields } = kind;
    const button = () => page.getByRole('button', { name: kind.button });
    const fillIn = async () => {
      if (purpose === 'verify') await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    };

    it('changes nothing when it is opened, hides its token, and does its work when the button is pressed', async () => {
      const guest = await prepare();
      await page.goto(guest.link, { waitUntil: 'networkidle' });
      expect(await page.title()).toBe(title);
      expect(await page.locator('main').ariaSnapshot()).toMatch(
        new RegExp(
          `^- main:\\n  - heading "${title}" \\[level=1\\]\\n  - alert\\n  - paragraph: .+\\n${fields}  - button "${kind.button}"\\n  - status$`,
        ),
      );
      expect(page.url()).toBe(PUBLIC_URL + path);
      const session = await context.newCDPSession(page);
      const { entries } = await session.send('Page.getNavigationHistory');
      expect(entries.at(-1)?.url).toBe(PUBLIC_URL + path);
      expect(entries.filter(({ url }) => url.includes('#'))).toEqual([]);
      expect(await page.content()).not.toContain(guest.token);
      expect(requests.filter(({ method }) => method !== 'GET')).toEqual([]);
      expect(await isSpent(guest)).toBe(false);
      const contrasts = await page.evaluate<[string, number][]>(CONTRASTS);

      await page.keyboard.press('Tab');
      if (purpose === 'verify') {
        await focusIsOn('password');
        await page.keyboard.type(PASSWORD);
        await page.keyboard.press('Tab');
        await page.keyboard.press('Tab');
      }
      await focusIsOn('press');
      await page.keyboard.press('Enter');
      await untilSays(kind.done);
      expect(await done().textContent()).toBe(kind.done);
      await focusIsOn('done');
      expect(await page.locator('form').count()).toBe(0);
      expect(await isSpent(guest)).toBe(true);
      expect(requests.filter(({ url }) => !url.endsWith('/favicon.ico'))).toEqual([
        { method: 'GET', url: PUBLIC_URL + path },
        { method: 'PUT', url: PUBLIC_URL + endpoint },
      ]);
      for (const [, ratio] of [...contrasts, ...(await page.evaluate<[string, number][]>(CONTRASTS))]) {
        expect(ratio).toBeGreaterThanOrEqual(4.5);
      }
    });

    it('says that a link has been used or is for something else', async () => {
      const guest = await prepare();
      expect(await use(purpose, guest.token)).toBe(200);
      const other = purpose === 'verify' ? 'email-undo' : 'email-verification';
      const forged = server.app.get(SecretKeys).sign(other, guest.token.slice(0, 36));
      for (const link of [guest.link, guest.link.replace(guest.token, forged)]) {
        await page.goto('about:blank');
        await page.goto(link);
        await fillIn();
        await button().click();
        await untilSays('This link has been used or has expired.');
        await focusIsOn('problem');
        expect(await page.locator('form').count()).toBe(0);
        expect(await done().textContent()).toBe('');
      }
    });

    it('says that a link without its token is not complete', async () => {
      for (const rest of ['#token=', '?token=x']) {
        await page.goto('about:blank');
        await page.goto(PUBLIC_URL + path + rest);
        expect(await problem().textContent()).toBe('This link is incomplete. Open the link from the mail again.');
        expect(await button().isVisible()).toBe(false);
      }
    });

    it('works under a path, with a trailing slash, and again after the server was away, pressed once or more', async () => {
      const guest = await prepare();
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      await page.route(`${PUBLIC_URL}/auth/**`, async (route) => {
        if (route.request().method() === 'PUT') await held;
        await route.continue({ url: route.request().url().replace('/auth/', '/') });
      });
      await page.goto(guest.link.replace('/email', '/auth/email').replace('#', '/#'));
      await page.route(`${PUBLIC_URL}/auth${endpoint}`, (route) => route.abort(), { times: 1 });
      await fillIn();
      await button().click();
      await untilSays('The server could not be reached. Try again later.');
      expect(complaints).toEqual(['Failed to load resource: net::ERR_FAILED']);
      complaints = [];
      requests = [];
      await button().click();
      expect(await button().isDisabled()).toBe(true);
      await button().click({ force: true });
      release();
      await untilSays(kind.done);
      expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([`PUT ${PUBLIC_URL}/auth${endpoint}`]);
      expect(page.url()).toBe(`${PUBLIC_URL}/auth${path}/`);
    });
  });

  it('a second link that is opened in the same tab takes the place of the first', async () => {
    const [old, fresh] = [await unverified(), await unverified()];
    await page.goto(old.link);
    await page.getByRole('button').waitFor();
    await Promise.all([page.waitForEvent('load'), page.goto(fresh.link)]);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button').click();
    await untilSays('Your email is verified. You can sign in now.');
    expect([await isSpent(old), await isSpent(fresh)]).toEqual([false, true]);
  });

  it('the pages say what is wrong in words of their own, and what they need where JavaScript is off', async () => {
    const guest = await unverified();
    await page.goto(guest.link);
    await page.getByLabel('Password', { exact: true }).fill('the password of somebody else');
    await page.getByRole('button').click();
    await untilSays('The password is not the one that you signed up with.');
    await focusIsOn('password');
    expect(await isSpent(guest)).toBe(false);
    complaints = complaints.filter((text) => !text.includes('status of 422'));
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    const body = JSON.stringify({ id: 'conflict', message: 'An account with this email already exists.' });
    await page.route('**/account/email', (route) => route.fulfill({ status: 409, body }), { times: 1 });
    await page.getByRole('button').click();
    await untilSays('An account with this email already exists.');
    complaints = complaints.filter((text) => !text.includes('status of 409'));
    await page.getByRole('button').click();
    await untilSays('Your email is verified. You can sign in now.');
    const plain = await browser.newContext({ javaScriptEnabled: false });
    const still = await plain.newPage();
    await still.goto(`${PUBLIC_URL}/email/undo#token=x`);
    expect(await still.locator('noscript').innerText()).toContain('This page needs JavaScript');
    expect(await still.locator('form').isVisible()).toBe(false);
    await plain.close();
  });
});

describe('All that was answered here', () => {
  it('is as OpenAPI says', () => {
    expect(server.answers.undescribed()).toEqual([]);
  });
});
