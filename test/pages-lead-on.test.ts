import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { loadConfig } from '../src/config/config.js';
import { describeInBrowser, launchChromium } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { mailedLink, startMailbox, type Mailbox } from './support/pages.js';
import { newClient } from './support/oauth.js';
import { newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';

const PUBLIC_URL = 'http://latchkey.test';
const OURS = { 'sec-fetch-site': 'same-origin', origin: PUBLIC_URL };
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><script>alert(1)</script></svg>';

let database: TestDatabase;
let server: TestServer;
let mailbox: Mailbox;

beforeAll(async () => {
  const logo = join(mkdtempSync(join(tmpdir(), 'logo-')), 'logo');
  writeFileSync(logo, SVG);
  const { brand, appUrl } = loadConfig({
    BRAND_NAME: 'Example & Press',
    BRAND_LOGO: logo,
    BRAND_COLOR: '#7a1f5c',
    SUPPORT_URL: 'mailto:help@example.org',
    APP_URL: 'https://app.example.org/start',
  });
  database = await createDatabase();
  server = await startServer(database.connection, { publicUrl: PUBLIC_URL, brand, appUrl, rateLimitPerMinute: 0 });
  mailbox = startMailbox(server);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const titleOf = ({ body }: Answer) => /<title>([^<]*)<\/title>/.exec(body as string)?.[1];
const unescaped = (text: string) => text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
/** @returns where a page of a refusal leads on */
const wayOf = ({ body }: Answer) => /<p class="ways"><a href="([^"]*)"/.exec(unescaped(body as string))?.[1];
const problemIn = ({ body }: Answer) => /role="alert">([^<]*)</.exec(body as string)?.[1];

/** @returns an answer without what differs from one to the next */
const comparable = ({ status, body, headers }: Answer) => ({
  status,
  body,
  headers: [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name)),
});

/** @returns the page that a form which was taken leads to */
const follow = ({ headers }: Answer) => server.call('GET', headers.get('location') ?? '');

async function mailsOf(kind: string, email: string): Promise<number | undefined> {
  const [row] = await database.query<{ count: number }>(
    'SELECT count(*)::int FROM outgoing_mails WHERE kind = $1 AND recipient = $2',
    [kind, email],
  );
  return row?.count;
}

const ask = (path: string, email: string, headers: Record<string, string> = OURS) =>
  server.call('POST', path, new URLSearchParams({ email }).toString(), {
    'content-type': 'application/x-www-form-urlencoded',
    ...headers,
  });

describe('The page on which a reset is asked for', () => {
  it('mails a link, and says the same of an email that nobody has', async () => {
    const { email } = await signUp(server);
    const [one, other] = [await ask('/password/forgot', email), await ask('/password/forgot', newEmail())];
    expect([one.status, one.body, one.headers.get('location')]).toEqual([303, '', '/password/forgot/sent']);
    expect(comparable(one)).toEqual(comparable(other));
    const sent = await follow(one);
    expect([sent.status, titleOf(sent)]).toEqual([200, 'Check your email']);
    expect(sent.body).toContain('a link is on its way there. It can be used once, within one hour.');
    expect(sent.body).toContain('<a href="/password/forgot">Use another email</a>');
    expect(await mailedLink(mailbox, email)).toMatch(/^http:\/\/latchkey\.test\/password\/reset#token=/);
  });

  it('leads back to the identification that it was opened from', async () => {
    const { basic } = await newClient(server);
    const visitor = { ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'x' };
    const { body } = await server.call('POST', '/api/identifications', visitor, basic);
    const { id } = body as { id: string };
    const form = await server.call('GET', `/wayf/${id}?institution=none`);
    expect(form.body).toContain(`<a href="/password/forgot?wayf=${id}">Forgot your password?</a>`);
    const { email } = await signUp(server);
    const sent = await follow(await ask(`/password/forgot?wayf=${id}`, email));
    expect(sent.body).toContain(`<a href="/password/forgot?wayf=${id}">Use another email</a>`);
    expect(sent.body).toContain(`<a href="/wayf/${id}">Back to sign-in</a>`);
    const link = await mailedLink(mailbox, email);
    expect(link).toMatch(new RegExp(`^http://latchkey\\.test/password/reset\\?wayf=${id}#token=`));
    const page = await server.call('GET', new URL(link).pathname + new URL(link).search);
    expect(page.body).toContain(
      `<p id="back" data-for="${id}" hidden><a class="button" href="/wayf/${id}">Sign in</a></p>`,
    );
  });

  it('keeps what is no email, says so, and sends nothing', async () => {
    for (const wrong of ['', 'x', 'a@b@', `${'x'.repeat(300)}@example.org`, '"><script>']) {
      const answer = await ask('/password/forgot', wrong);
      expect([answer.status, problemIn(answer)]).toEqual([422, 'Enter an email address, such as jane@example.org.']);
      expect(answer.body).not.toContain('"><script>"');
    }
  });

  it('mails one link a minute, and says the same of the next one', async () => {
    const { email } = await signUp(server);
    const [first, second] = [await ask('/password/forgot', email), await ask('/password/forgot', email)];
    expect(first.status).toBe(303);
    expect(comparable(second)).toEqual(comparable(first));
    await mailedLink(mailbox, email);
    expect(await mailsOf('password-reset', email)).toBe(1);
  });

  it('takes no form from another site', async () => {
    const answer = await ask('/password/forgot', newEmail(), { 'sec-fetch-site': 'cross-site' });
    expect([answer.status, titleOf(answer)]).toEqual([403, 'This is not allowed here']);
  });

  it('leads from there to the form with what it is for, and with nothing else of that address', async () => {
    const wayf = '01234567-89ab-cdef-0123-456789abcdef';
    const strange = 'email=a@example.org&next=//evil.example&x="><script>';
    for (const [query, kept] of [
      [`?for=invitation&wayf=${wayf}&lang=de&${strange}`, `for=invitation&wayf=${wayf}&lang=de`],
      [`?wayf=${wayf}`, `wayf=${wayf}`],
      [`?for=else&wayf=//evil.example&lang=xx&${strange}`, ''],
      [`?wayf=${wayf}&wayf=${wayf}&for=invitation&for=invitation`, ''],
    ] as const) {
      const answer = await ask(`/password/forgot${query}`, newEmail(), { 'sec-fetch-site': 'cross-site' });
      expect([answer.status, wayOf(answer)]).toEqual([403, `?${kept}`]);
      // So does the same page in another language.
      const state = kept.replace('lang=de', '');
      expect(unescaped(answer.body as string)).toContain(
        `href="?${state}${state && !state.endsWith('&') ? '&' : ''}lang=en"`,
      );
      expect(answer.body).not.toMatch(/evil\.example|a@example\.org|><script>/);
    }
    const answer = await ask('/email/verify/again?lang=de&wayf=x', newEmail(), { 'sec-fetch-site': 'cross-site' });
    expect([answer.status, wayOf(answer)]).toEqual([403, '?lang=de']);
  });

  it('keeps what it is for and the language in the address that it leads to, and nothing else', async () => {
    const wayf = '01234567-89ab-cdef-0123-456789abcdef';
    for (const [query, kept] of [
      ['?for=invitation&lang=de', '?for=invitation&lang=de'],
      [`?lang=ar&wayf=${wayf}&for=invitation`, `?for=invitation&wayf=${wayf}&lang=ar`],
      [`?wayf=${wayf}`, `?wayf=${wayf}`],
      ['?for=else&wayf=//evil.example&lang=xx&email=a@example.org&token=x', ''],
      [`?wayf=${wayf}&wayf=${wayf}`, ''],
    ]) {
      const answer = await ask(`/password/forgot${query}`, newEmail());
      expect([answer.status, answer.headers.get('location')]).toEqual([303, `/password/forgot/sent${kept}`]);
    }
    const sent = await follow(await ask('/password/forgot?for=invitation&lang=de', newEmail()));
    expect(titleOf(sent)).toBe('Sehen Sie in Ihr Postfach');
    expect(sent.body).toContain(
      '<a href="/password/forgot?for=invitation&#38;lang=de">Eine andere Adresse verwenden</a>',
    );
    expect(sent.body).toContain('href="?for=invitation&#38;lang=en"');
  });

  it('has other words for an invitation', async () => {
    expect(titleOf(await server.call('GET', '/password/forgot?for=invitation'))).toBe('Get a new invitation');
    const { body } = await server.call('GET', '/password/reset?for=invitation');
    expect(body).toContain('<h1>Welcome: choose a password</h1>');
    expect(body).toContain('href="/password/forgot?for=invitation"');
  });
});

it('The page on which a verification is asked for says the same whoever asks', async () => {
  const path = '/email/verify/again?lang=fr';
  const [one, other] = [await ask(path, (await signUp(server)).email), await ask(path, newEmail())];
  expect([one.status, one.body, one.headers.get('location')]).toEqual([303, '', '/email/verify/again/sent?lang=fr']);
  expect(comparable(one)).toEqual(comparable(other));
  const sent = await follow(one);
  expect([sent.status, titleOf(sent)]).toEqual([200, 'Consultez votre boîte de réception']);
  expect(sent.body).toContain('<a href="/email/verify/again?lang=fr">Utiliser une autre adresse</a>');
});

it('Behind a path of a proxy, the page of a link that was asked for is under that path', async () => {
  const behind = await startServer(database.connection, { publicUrl: `${PUBLIC_URL}/login`, rateLimitPerMinute: 0 });
  try {
    const answer = await behind.call('POST', '/password/forgot', `email=${encodeURIComponent(newEmail())}`, {
      'content-type': 'application/x-www-form-urlencoded',
      ...OURS,
    });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/login/password/forgot/sent']);
  } finally {
    await behind.close();
  }
});

describeInBrowser('Whoever has asked for a link', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium({ 'latchkey.test': server.url });
  });

  afterAll(() => browser.close());

  it.each([
    ['/password/forgot', 'password-reset', true],
    ['/password/forgot', 'password-reset', false],
    ['/email/verify/again', 'email-verification', true],
  ])('at %s sends no second mail (%s) by loading the page again, with script: %s', async (path, kind, hasScript) => {
    const { email } = await signUp(server);
    const context = await browser.newContext({ javaScriptEnabled: hasScript, locale: 'de' });
    const page = await context.newPage();
    const sent: string[] = [];
    page.on('request', (request) => {
      if (request.isNavigationRequest()) sent.push(`${request.method()} ${new URL(request.url()).pathname}`);
    });
    await page.goto(PUBLIC_URL + path);
    await page.locator('#email').fill(email);
    await page.locator('main button').click();
    await page.getByRole('status').waitFor();
    const said = await page.locator('main').innerText();
    expect(page.url()).toBe(`${PUBLIC_URL}${path}/sent`);
    expect(await mailsOf(kind, email)).toBe(1);
    // As if a minute had passed, after which there could be another one.
    await database.query('DELETE FROM attempt_limits');
    await page.reload();
    expect(await page.locator('main').innerText()).toBe(said);
    expect(sent).toEqual([`GET ${path}`, `POST ${path}`, `GET ${path}/sent`, `GET ${path}/sent`]);
    expect(await mailsOf(kind, email)).toBe(1);
    // Another form is sent, so that nothing else than how the page was loaded has kept the second mail away.
    await page.goBack();
    await page.locator('#email').fill(email);
    await page.locator('main button').click();
    await page.getByRole('status').waitFor();
    expect(await mailsOf(kind, email)).toBe(2);
    await context.close();
  });
});

describe('Pages show whose they are', () => {
  it('by name, logo and colour, with a way to help and on to the application', async () => {
    const { body, headers } = await server.call('GET', '/email/verify');
    const [, logo = ''] = /<img src="([^"]+)" alt="">/.exec(body as string) ?? [];
    expect(body).toContain('<bdi>Example &#38; Press</bdi>');
    expect(body).toContain('--brand:#7a1f5c');
    expect(body).toContain('<a href="mailto:help@example.org">Help</a>');
    expect(body).toContain('<a class="button" href="https://app.example.org/start">Continue</a>');
    expect(headers.get('content-security-policy')).toContain("img-src 'self';");
    const picture = await server.call('GET', logo);
    expect(picture.body).toBe(SVG);
    expect(picture.headers.get('content-type')).toBe('image/svg+xml');
    expect(picture.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(picture.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await server.call('GET', '/brand/logo')).headers.get('cache-control')).toBe('no-cache');
  });

  it('in under 15 KB, with style and script', async () => {
    for (const path of ['/password/reset', '/email/verify', '/password/forgot']) {
      const { body } = await server.call('GET', path);
      expect(Buffer.byteLength(body as string)).toBeLessThan(15_000);
    }
  });
});

describe('Pages speak the language of their visitor', () => {
  const languageOf = async (header: string | undefined, query = '') => {
    const { body, headers } = await server.call(
      'GET',
      `/password/forgot${query}`,
      undefined,
      header === undefined ? {} : { 'accept-language': header },
    );
    expect(headers.get('vary')).toMatch(/accept-language/i);
    const [, said] = /<html lang="([^"]+)"/.exec(body as string) ?? [];
    expect(headers.get('content-language')).toBe(said);
    return said;
  };

  it.each([
    [undefined, '', 'en'],
    ['de-CH, de;q=0.9, en;q=0.5', '', 'de'],
    ['xx, de;q=0.2', '', 'de'],
    ['xx', '', 'en'],
    ['de;q=0, en;q=0.1', '', 'en'],
    ['*', '', 'en'],
    ['\u0000;;,=', '', 'en'],
    ['de', '?lang=en', 'en'],
    ['en', '?lang=de', 'de'],
    ['en', '?lang=xx', 'en'],
    ['en', '?lang=de&lang=en', 'en'],
    ['en', '?lang=constructor', 'en'],
  ])('for Accept-Language %p and the query %p in %s', async (header, query, expected) => {
    if (header?.includes('\u0000')) header = header.replace('\u0000', '');
    expect(await languageOf(header, query)).toBe(expected);
  });

  it('and keep the one that was chosen in every link and form', async () => {
    const { body } = await server.call('GET', '/password/forgot?lang=de&for=invitation');
    expect(body).toContain('action="?for=invitation&#38;lang=de"');
    expect(body).toContain('href="?for=invitation&#38;lang=en"');
  });
});

describe('What an operator cannot mean is refused at start, in a sentence', () => {
  const problemOf = (env: Record<string, string>) => {
    try {
      loadConfig(env);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };

  it.each([
    [{ BRAND_COLOR: '#ffd400' }, /BRAND_COLOR must be darker: the contrast of white text on it is 1\.43:1/],
    [{ BRAND_COLOR: 'red' }, /BRAND_COLOR must be a colour such as #0b57d0/],
    [{ BRAND_LOGO: '/nowhere.svg' }, /BRAND_LOGO must be the path of a readable SVG or PNG/],
    [{ BRAND_LOGO: 'package.json' }, /BRAND_LOGO must be the path of a readable SVG or PNG/],
    [{ BRAND_NAME: 'two\nlines' }, /BRAND_NAME must be 1 to 60 characters on one line/],
    [{ SUPPORT_URL: 'mailto:a%zz@example.org' }, /SUPPORT_URL must be a URL in which each % begins an escape/],
    [{ SUPPORT_URL: 'javascript:alert(1)' }, /SUPPORT_URL must be a URL that starts with https:\/\/ or mailto:/],
    [{ APP_URL: 'app' }, /APP_URL must be a URL/],
  ])('%p', (env, expected) => {
    expect(problemOf(env)).toMatch(expected);
  });
});
