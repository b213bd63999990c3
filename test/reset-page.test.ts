import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { CONTRASTS, describeInBrowser, launchChromium, listenForComplaints } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { signUp, startServer, type TestServer } from './support/server.js';

const OLD = 'example';
const NEW = 'another example';

/** Chromium trusts `*.localhost` without TLS, and so treats the page as it would treat one behind https. */
const PUBLIC_URL = 'http://latchkey.localhost';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { publicUrl: PUBLIC_URL });
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

/** Waits until there is something, and gives it back. */
async function eventually<T>(read: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + 30_000; ;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error('It never came.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

interface Guest {
  id: string;
  email: string;
  /** From the mail. */
  link: string;
  token: string;
}

/** Signs up and asks for a new password. */
async function forgetful(): Promise<Guest> {
  const { id, email } = await signUp(server, { password: OLD });
  return { id, email, ...(await askForLink(email)) };
}

async function askForLink(email: string): Promise<{ link: string; token: string }> {
  const { status } = await server.call('POST', '/account/password', { account: { email } });
  expect(status).toBe(200);
  const folder = join(server.config.dataDir, 'mail');
  const mail = await eventually(async () => {
    const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.eml'));
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
    return texts.find((text) => text.includes(`\nTo: ${email}\n`));
  });
  const [link = '', token = ''] = /^http:.*#token=(\S+)$/m.exec(mail) ?? [];
  return { link, token };
}

const signIn = async (email: string, password: string) =>
  (await server.call('POST', '/account/session', { account: { email, password } })).status;

async function isSpent({ token }: Guest): Promise<boolean> {
  const rows = await database.query<{ ended: boolean }>(
    'SELECT ended_at IS NOT NULL AS ended FROM password_resets WHERE id = $1',
    [token.slice(0, 36)],
  );
  expect(rows).toHaveLength(1);
  return rows[0]?.ended === true;
}

const redeem = async ({ token }: Guest, password = NEW) =>
  (await server.call('PUT', '/account/password', { account: { password, reset_password_token: token } })).status;

describe('The address of the reset page', () => {
  it('answers with a page that may not be framed, stored by others, or told about', async () => {
    const { status, headers, body } = await server.call('GET', '/password/reset');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toMatch(/^(private, no-cache|no-store)$/);
    expect(headers.get('set-cookie')).toBeNull();
    const policy = (headers.get('content-security-policy') ?? '').split('; ');
    expect(policy).toEqual([
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

  it('spends nothing when a mail scanner only opens it', async () => {
    const guest = await forgetful();
    for (const method of ['GET', 'HEAD']) {
      for (const path of ['/password/reset', '/password/reset/', `/password/reset?token=${guest.token}`]) {
        expect((await server.call(method, path)).status).toBe(200);
      }
    }
    expect(await isSpent(guest)).toBe(false);
    expect(await redeem(guest)).toBe(200);
  });

  it('takes nothing but reading', async () => {
    const { status, headers } = await server.call('POST', '/password/reset', {});
    expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: 'GET, HEAD' });
  });
});

describeInBrowser('The reset page', () => {
  let browser: Browser;
  let context: BrowserContext;
  /** For all tests: a browser takes long to open another. */
  let tab: Page;
  let page: Page;
  /** What the browser complained about, and whom it asked for what. */
  let complaints: string[] = [];
  let requests: { method: string; url: string }[] = [];

  beforeAll(async () => {
    browser = await launchChromium({ [new URL(PUBLIC_URL).host]: server.url });
    context = await browser.newContext({ viewport: { width: 1024, height: 768 } });
    context.setDefaultTimeout(10_000);
    tab = await watched(await context.newPage());
  });

  afterAll(async () => {
    await browser.close();
  });

  beforeEach(async () => {
    await tab.setViewportSize({ width: 1024, height: 768 });
    await tab.goto('about:blank');
    complaints = [];
    requests = [];
    page = tab;
  });

  afterEach(async () => {
    for (const opened of context.pages()) if (opened !== tab) await opened.close();
    await tab.unrouteAll();
    // Chromium reports each refusal by the server as an error of the page; there is no way for a page to prevent that.
    const refusal = 'Failed to load resource: the server responded with a status of 422';
    expect(complaints.filter((text) => !text.startsWith(refusal))).toEqual([]);
    for (const { url } of requests) expect(new URL(url).origin).toBe(PUBLIC_URL);
  });

  async function watched(fresh: Page): Promise<Page> {
    await listenForComplaints(fresh, (text) => complaints.push(text));
    fresh.on('request', (request) => requests.push({ method: request.method(), url: request.url() }));
    return fresh;
  }

  const password = () => page.getByLabel('New password');
  const save = () => page.getByRole('button', { name: 'Save' });
  const problem = () => page.getByRole('alert');
  const done = () => page.getByRole('status');

  async function untilSays(text: string): Promise<void> {
    await page.getByText(text, { exact: true }).waitFor();
  }

  /** A browser moves the focus some time after it has shown the page. */
  const focusIsOn = (id: string) => page.waitForFunction(`document.activeElement.id === '${id}'`);
  const styleOf = (id: string, property: string) =>
    page.evaluate<string>(`getComputedStyle(document.getElementById('${id}')).${property}`);

  const CHANGED = 'Your password has been changed. You can now sign in with it.';
  const UNUSABLE = 'This link has been used or has expired. Request a new one.';

  it('sets the password that is typed there', async () => {
    const guest = await forgetful();
    await page.goto(guest.link);
    await password().fill(NEW);
    await save().click();
    await untilSays(CHANGED);
    expect(await done().textContent()).toBe(CHANGED);
    await focusIsOn('done');
    expect(await page.locator('form').count()).toBe(0);
    expect(await problem().textContent()).toBe('');
    expect(await signIn(guest.email, NEW)).toBe(200);
    expect(await signIn(guest.email, OLD)).toBe(401);
    expect(requests.filter(({ url }) => !url.endsWith('/favicon.ico'))).toEqual([
      { method: 'GET', url: `${PUBLIC_URL}/password/reset` },
      { method: 'PUT', url: `${PUBLIC_URL}/account/password` },
    ]);
  });

  it('takes the token out of the address bar and the history as soon as it is there', async () => {
    const guest = await forgetful();
    page = await watched(await context.newPage());
    await page.goto(guest.link);
    await password().waitFor();
    expect(page.url()).toBe(`${PUBLIC_URL}/password/reset`);
    const session = await context.newCDPSession(page);
    const { entries } = await session.send('Page.getNavigationHistory');
    expect(entries.map(({ url }) => url)).toEqual(['about:blank', `${PUBLIC_URL}/password/reset`]);
    expect(await page.content()).not.toContain(guest.token);
    expect(await page.evaluate('[document.cookie, localStorage.length, sessionStorage.length].join()')).toBe(',0,0');
  });

  it('says why a password is refused, stays at the field, and takes a better one', async () => {
    const guest = await forgetful();
    await page.goto(guest.link);
    expect(await password().getAttribute('aria-invalid')).toBeNull();
    await password().fill('short');
    await save().click();
    await untilSays('The password must be at least 7 characters.');
    expect(await problem().textContent()).toBe('The password must be at least 7 characters.');
    await focusIsOn('password');
    expect(await password().getAttribute('aria-invalid')).toBe('true');
    expect(await password().getAttribute('aria-describedby')).toContain('problem');
    expect(await password().inputValue()).toBe('short');
    expect(await isSpent(guest)).toBe(false);
    await password().fill('x'.repeat(257));
    await save().click();
    await untilSays('The password must be at most 256 characters.');
    await password().fill(NEW);
    await save().click();
    await untilSays(CHANGED);
    expect(await signIn(guest.email, NEW)).toBe(200);
  });

  it('asks the server nothing while there is no password', async () => {
    const guest = await forgetful();
    await page.goto(guest.link);
    await save().click();
    await focusIsOn('password');
    expect(requests.filter(({ method }) => method === 'PUT')).toEqual([]);
  });

  it('says that a link has been used or has expired', async () => {
    const [used, expired] = [await forgetful(), await forgetful()];
    expect(await redeem(used)).toBe(200);
    await database.query('UPDATE password_resets SET expires_at = now() WHERE account_id = $1', [expired.id]);
    for (const [{ link, email }, current] of [
      [used, NEW],
      [expired, OLD],
    ] as const) {
      await page.goto('about:blank');
      await page.goto(link);
      await password().fill('yet another one');
      await save().click();
      await untilSays(UNUSABLE);
      expect(await problem().textContent()).toBe(UNUSABLE);
      await focusIsOn('problem');
      // No other password would help.
      expect(await page.locator('form').count()).toBe(0);
      expect(await done().textContent()).toBe('');
      expect(await signIn(email, current)).toBe(200);
      expect(await signIn(email, 'yet another one')).toBe(401);
    }
  });

  it('says that a link without its token is not complete', async () => {
    for (const rest of ['', '#', '#token=', '#other=x', '?token=x']) {
      await page.goto('about:blank');
      await page.goto(`${PUBLIC_URL}/password/reset${rest}`);
      expect(await problem().textContent()).toBe('This link is incomplete. Open the link from the mail again.');
      expect(await save().isVisible()).toBe(false);
      expect(page.url()).toBe(`${PUBLIC_URL}/password/reset`);
    }
  });

  it('keeps the link when it is loaded again, and in another language, until it is used', async () => {
    const guest = await forgetful();
    await page.goto(guest.link);
    await page.reload();
    await password().waitFor();
    await page.getByRole('link', { name: 'Deutsch' }).click();
    await page.waitForURL('**/password/reset?lang=de');
    await page.reload();
    await page.getByLabel('Neues Passwort').fill('kurz');
    await page.getByRole('button', { name: 'Speichern' }).click();
    await untilSays('Das Passwort muss mindestens 7 Zeichen haben.');
    await page.getByLabel('Neues Passwort').fill(NEW);
    await page.getByRole('button', { name: 'Speichern' }).click();
    await untilSays('Ihr Passwort wurde geändert. Sie können sich jetzt damit anmelden.');
    expect(await signIn(guest.email, NEW)).toBe(200);
    expect(requests.filter(({ url }) => url.includes(guest.token))).toEqual([]);
  });

  it('says what has become of it when it is loaded again, and when one comes back to it', async () => {
    const [guest, late] = [await forgetful(), await forgetful()];
    expect(await redeem(late)).toBe(200);
    for (const [{ link }, said] of [
      [guest, CHANGED],
      [late, UNUSABLE],
    ] as const) {
      await page.goto('about:blank');
      await page.goto(link);
      await password().fill(NEW);
      await save().click();
      await untilSays(said);
      await page.reload();
      await untilSays(said);
      expect(await page.locator('form').count()).toBe(0);
      await page.goto(`${PUBLIC_URL}/password/forgot`);
      await page.goBack();
      await untilSays(said);
    }
    await page.getByRole('link', { name: 'Deutsch' }).click();
    await untilSays('Dieser Link wurde schon benutzt oder ist abgelaufen. Fordern Sie einen neuen an.');
    await page.goto('about:blank');
    await page.goto(`${PUBLIC_URL}/password/reset`);
    await untilSays('This link is incomplete. Open the link from the mail again.');
    // Another link in the same tab is another one.
    const another = await forgetful();
    await page.goto(another.link);
    await password().fill(NEW);
    await save().click();
    await untilSays(CHANGED);
    expect(await signIn(another.email, NEW)).toBe(200);
  });

  it('says that it may have been done when the answer was lost and the link is of no use any more', async () => {
    const guest = await forgetful();
    await page.goto(guest.link);
    await password().fill('short');
    await save().click();
    await untilSays('The password must be at least 7 characters.');
    await page.route('**/account/password', async (route) => {
      expect(await redeem(guest)).toBe(200);
      await route.abort();
    });
    await password().fill(NEW);
    await save().click();
    await untilSays('The server could not be reached. Try again later.');
    await page.unrouteAll();
    await save().click();
    const perhaps =
      'This link has been used or has expired. Your previous attempt may have succeeded. Check that first.';
    await untilSays(perhaps);
    await page.reload();
    await untilSays(perhaps);
    await page.getByRole('link', { name: 'Get a new link' }).waitFor();
    complaints = complaints.filter((text) => !text.includes('net::ERR_FAILED'));
  });

  it('leads to a new link from one that is of no use any more', async () => {
    const guest = await forgetful();
    expect(await redeem(guest)).toBe(200);
    await page.goto(guest.link);
    await password().fill('yet another one');
    await save().click();
    await untilSays(UNUSABLE);
    await page.getByRole('link', { name: 'Get a new link' }).click();
    await page.getByRole('heading', { name: 'Forgot your password?' }).waitFor();
    await page.getByLabel('Email').fill('nobody@example.org');
    await page.getByRole('button', { name: 'Send me a link' }).click();
    await page.getByRole('heading', { name: 'Check your email' }).waitFor();
    expect(await done().textContent()).toContain('If the email that you entered is known to us');
  });

  it('is not spent by a scanner that runs its JavaScript', async () => {
    const guest = await forgetful();
    await page.goto(guest.link, { waitUntil: 'networkidle' });
    await page.reload({ waitUntil: 'networkidle' });
    expect(requests.filter(({ method }) => method !== 'GET')).toEqual([]);
    expect(await isSpent(guest)).toBe(false);
    expect(await redeem(guest)).toBe(200);
  });

  it('works at its address with a trailing slash', async () => {
    const guest = await forgetful();
    await page.goto(guest.link.replace('#', '/#'));
    await password().fill(NEW);
    await save().click();
    await untilSays(CHANGED);
    expect(await signIn(guest.email, NEW)).toBe(200);
  });

  it('works behind a proxy that serves it under a path', async () => {
    const guest = await forgetful();
    await page.route(`${PUBLIC_URL}/auth/**`, (route) =>
      route.continue({ url: route.request().url().replace('/auth/', '/') }),
    );
    await page.goto(guest.link.replace('/password', '/auth/password'));
    await password().fill(NEW);
    await save().click();
    await untilSays(CHANGED);
    expect(page.url()).toBe(`${PUBLIC_URL}/auth/password/reset`);
  });

  it('takes up another link that is opened in the same tab', async () => {
    const [old, fresh] = [await forgetful(), await forgetful()];
    await page.goto(old.link);
    await password().waitFor();
    await Promise.all([page.waitForEvent('load'), page.goto(fresh.link)]);
    await page.waitForURL(`${PUBLIC_URL}/password/reset`);
    await password().fill(NEW);
    await save().click();
    await untilSays(CHANGED);
    expect(await signIn(fresh.email, NEW)).toBe(200);
    expect(await isSpent(old)).toBe(false);
  });

  it('can be used with the keyboard alone', async () => {
    const guest = await forgetful();
    await page.goto(guest.link);
    await page.keyboard.press('Tab');
    await focusIsOn('password');
    await page.keyboard.type('short');
    await page.keyboard.press('Enter');
    await untilSays('The password must be at least 7 characters.');
    await page.keyboard.press('Control+A');
    await page.keyboard.type(NEW);
    await page.keyboard.press('Tab');
    await focusIsOn('show');
    await page.keyboard.press('Space');
    expect(await password().getAttribute('type')).toBe('text');
    expect(await password().inputValue()).toBe(NEW);
    await page.keyboard.press('Space');
    expect(await password().getAttribute('type')).toBe('password');
    await page.keyboard.press('Tab');
    await focusIsOn('save');
    expect(await styleOf('save', 'outlineStyle')).toBe('solid');
    await page.keyboard.press('Enter');
    await untilSays(CHANGED);
    expect(await signIn(guest.email, NEW)).toBe(200);
  });

  it('sends a password once, however often the button is pressed', async () => {
    const guest = await forgetful();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/account/password', async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(guest.link);
    await password().fill(NEW);
    await save().click();
    expect(await save().isDisabled()).toBe(true);
    await password().press('Enter');
    await save().click({ force: true });
    release();
    await untilSays(CHANGED);
    expect(requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });

  it('says that the server could not be reached, and can try again', async () => {
    const guest = await forgetful();
    await page.goto(guest.link);
    await page.route('**/account/password', (route) => route.abort(), { times: 1 });
    await password().fill(NEW);
    await save().click();
    await untilSays('The server could not be reached. Try again later.');
    await focusIsOn('password');
    expect(await password().getAttribute('aria-invalid')).toBeNull();
    expect(complaints).toEqual(['Failed to load resource: net::ERR_FAILED']);
    complaints = [];
    await save().click();
    await untilSays(CHANGED);
    expect(await signIn(guest.email, NEW)).toBe(200);
  });

  it('says what it is that the server refuses for a while, and never repeats a sentence of the API', async () => {
    const guest = await forgetful();
    await page.goto(guest.link);
    const body = JSON.stringify({ id: 'conflict', message: 'Said <b>so</b>.' });
    await password().fill(NEW);
    for (const [status, text] of [
      [429, 'Too many attempts. Try again later.'],
      [503, 'The service is temporarily unavailable. Try again later.'],
      [409, 'The request could not be understood. Go back and try again.'],
    ] as const) {
      await page.route('**/account/password', (route) => route.fulfill({ status, body }), { times: 1 });
      await save().click();
      await untilSays(text);
      expect(await password().getAttribute('aria-invalid')).toBeNull();
      complaints = complaints.filter((complaint) => !complaint.includes(`status of ${status}`));
    }
    await save().click();
    await untilSays(CHANGED);
  });

  it('is named, labelled and described for those who hear it', async () => {
    const guest = await forgetful();
    await page.goto(guest.link);
    expect(await page.title()).toBe('Choose a new password');
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    expect(await page.locator('main').ariaSnapshot()).toBe(
      [
        '- main:',
        '  - heading "Choose a new password" [level=1]',
        '  - alert',
        '  - text: New password',
        '  - textbox "New password"',
        '  - paragraph: At least 7 characters.',
        '  - checkbox "Show password"',
        '  - text: Show password',
        '  - button "Save"',
        '  - status',
      ].join('\n'),
    );
    expect(await password().getAttribute('autocomplete')).toBe('new-password');
    expect(await password().getAttribute('aria-describedby')).toBe('hint problem');
    const doubled = `[...document.querySelectorAll('[id]')].filter(({ id }, at, all) =>
      all.findIndex((other) => other.id === id) !== at).length`;
    expect(await page.evaluate(doubled)).toBe(0);
  });

  it('has contrast enough in every state', async () => {
    const guest = await forgetful();
    const contrasts = async () => Object.fromEntries(await page.evaluate<[string, number][]>(CONTRASTS));
    const seen: Record<string, number>[] = [];
    await page.goto(guest.link);
    seen.push(await contrasts());
    await password().fill('short');
    await save().click();
    await untilSays('The password must be at least 7 characters.');
    seen.push(await contrasts());
    await page.evaluate(`document.getElementById('save').disabled = true`);
    seen.push(await contrasts());
    await page.evaluate(`document.getElementById('save').disabled = false`);
    await password().fill(NEW);
    await save().click();
    await untilSays(CHANGED);
    seen.push(await contrasts());
    expect(seen.map((state) => Object.keys(state))).toEqual([
      ['bdi', 'h1', 'label', 'password', 'hint', 'save', 'a'],
      ['bdi', 'h1', 'problem', 'label', 'password', 'hint', 'save', 'a'],
      ['bdi', 'h1', 'problem', 'label', 'password', 'hint', 'save', 'a'],
      ['bdi', 'h1', 'done', 'a'],
    ]);
    for (const ratio of seen.flatMap((state) => Object.values(state))) expect(ratio).toBeGreaterThanOrEqual(4.5);
  });

  it('fits a narrow screen, in letters that phones need not enlarge', async () => {
    const guest = await forgetful();
    await page.setViewportSize({ width: 320, height: 568 });
    await page.goto(guest.link);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    expect(await page.locator('meta[name=viewport]').getAttribute('content')).toContain('width=device-width');
    for (const part of [password(), save()]) {
      const box = await part.boundingBox();
      expect(box?.x).toBeGreaterThanOrEqual(12);
      expect((box?.x ?? 0) + (box?.width ?? 320)).toBeLessThanOrEqual(308);
      expect(box?.height).toBeGreaterThanOrEqual(40);
    }
    expect([await styleOf('password', 'fontSize'), await styleOf('save', 'fontSize')]).toEqual(['16px', '16px']);
  });

  it('says what it needs where JavaScript is off', async () => {
    const guest = await forgetful();
    const plain = await browser.newContext({ javaScriptEnabled: false });
    const still = await plain.newPage();
    await still.goto(guest.link);
    expect(await still.locator('noscript').innerText()).toContain('This page needs JavaScript');
    expect(await still.locator('noscript p').isVisible()).toBe(true);
    expect(await still.locator('form').isVisible()).toBe(false);
    await plain.close();
    expect(await isSpent(guest)).toBe(false);
  });

  /** A page of somebody else's, without a policy of its own. */
  async function elsewhere(html: string): Promise<Page> {
    const other = await context.newPage();
    await other.route('http://elsewhere.localhost/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: `<!doctype html>${html}` }),
    );
    await other.goto('http://elsewhere.localhost/');
    return other;
  }

  it('shows itself in no frame', async () => {
    const other = await elsewhere(`<iframe src="${PUBLIC_URL}/password/reset"></iframe>`);
    const frame = other.frames()[1];
    expect(await frame?.locator('form').count()).toBe(0);
    expect(frame?.url()).toBe('chrome-error://chromewebdata/');
    // A page without the policy is shown: it is not the frame that is broken.
    const control = await elsewhere('<iframe srcdoc="<form></form>"></iframe>');
    expect(await control.frames()[1]?.locator('form').count()).toBe(1);
  });

  it('leads back to an identification in the browser that asked for the link on its behalf, and in no other', async () => {
    const identification = '01234567-89ab-cdef-0123-456789abcdef';
    /** Opens a link in a browser, and uses it. @returns where the page then leads */
    const waysIn = async (own: BrowserContext, link: string): Promise<(string | null)[]> => {
      page = await own.newPage();
      const [address = '', token = ''] = link.split('#');
      const wayf = address.includes('wayf=') ? '' : `?wayf=${identification}`;
      await page.goto(`${address}${wayf}#${token}`);
      await password().fill(NEW);
      await save().click();
      await page.locator('#done:not(:empty), #problem:not(:empty)').first().waitFor();
      const ways = page.locator('main .button:visible');
      return Promise.all((await ways.all()).map((way) => way.getAttribute('href')));
    };
    const [mine, another] = [await browser.newContext(), await browser.newContext()];
    const { email } = await signUp(server, { password: OLD });
    page = await mine.newPage();
    await page.goto(`${PUBLIC_URL}/password/forgot?wayf=${identification}`);
    await page.getByLabel('Email').fill(email);
    await page.getByRole('button').click();
    await page.getByRole('status').waitFor();
    // Whoever is led to these pages has asked for nothing.
    page = await another.newPage();
    for (const shown of ['forgot', 'forgot/sent'])
      await page.goto(`${PUBLIC_URL}/password/${shown}?wayf=${identification}`);
    const guest = await forgetful();
    expect(await waysIn(another, guest.link)).toEqual([]);
    // It has been used by now.
    expect(await waysIn(another, guest.link)).toEqual([`${PUBLIC_URL}/password/forgot`]);
    expect(await waysIn(mine, guest.link)).toEqual([`/password/forgot?wayf=${identification}`]);
    expect(await waysIn(mine, (await forgetful()).link)).toEqual([`/wayf/${identification}`]);
    for (const own of [mine, another]) await own.close();
  });

  it('runs nothing and sends nothing but what is its own', async () => {
    const inject = `new Promise((resolve) => {
      const directives = new Set();
      addEventListener('securitypolicyviolation', (event) => directives.add(event.effectiveDirective));
      const add = (name, properties) => document.body.append(Object.assign(document.createElement(name), properties));
      add('script', { textContent: 'window.ran = 1' });
      add('div', { innerHTML: '<img src="data:," onerror="window.ran = 2">' });
      add('style', { textContent: 'h1 { color: red }' });
      add('iframe', { src: 'data:text/html,x' });
      fetch('http://elsewhere.localhost/').catch(() => {}).then(() =>
        setTimeout(() => resolve([[...directives].sort().join(' '), window.ran ?? 'nothing ran']), 200));
    })`;
    const guest = await forgetful();
    await page.goto(guest.link);
    expect(await page.evaluate(inject)).toEqual([
      'connect-src frame-src img-src script-src-attr script-src-elem style-src-elem',
      'nothing ran',
    ]);
    const control = await elsewhere('<h1>Elsewhere</h1>');
    expect(await control.evaluate(inject)).toEqual(['', 2]);
    complaints = [];
    requests = requests.filter(({ url }) => url !== 'data:,' && !url.startsWith('data:text/html'));
  });
});
