import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Browser, Locator, Page } from 'playwright-core';
import { describeInBrowser, launchChromium, listenForComplaints } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newClient } from './support/oauth.js';
import { freePort } from './support/process.js';
import { claimsOf, startServer, type TestServer } from './support/server.js';
import { makeAdmin } from './support/tokens.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Not where the page is opened: it calls where it is. */
const PUBLIC_URL = 'https://accounts.example.com/latchkey';
/** What the examples of the documents have, made nobody's. */
const EXAMPLE_EMAIL = /^fred\.\w+@bedrockisp\.com$/;

/** What axe finds in the markup of Swagger UI itself, which a style sheet cannot mend, and why it stays. */
const OF_SWAGGER_UI = {
  'nested-interactive': 'the head of an operation is a button around its link and the one that copies it',
  'label-content-name-mismatch': 'Authorize is called Apply credentials by its aria-label',
};

/** What an operation was called with, and what came back. */
interface Outcome {
  status: number;
  body: any;
  sent: Record<string, string>;
}

describeInBrowser('Swagger UI', () => {
  let database: TestDatabase;
  let server: TestServer;
  let browser: Browser;
  let page: Page;
  /** Where the page is, and what it may call. */
  let origin: string;
  const complaints: string[] = [];
  const requests: string[] = [];

  beforeAll(async () => {
    database = await createDatabase();
    const port = await freePort();
    server = await startServer(database.connection, { port, publicUrl: PUBLIC_URL });
    origin = `http://localhost:${port}`;
    browser = await launchChromium({});
    await openTab(1280);
  });

  async function openTab(width: number): Promise<void> {
    page = await browser.newPage({ viewport: { width, height: 800 } });
    page.setDefaultTimeout(30_000);
    page.on('request', (request) => requests.push(request.url()));
    page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
    await listenForComplaints(page, (text) => complaints.push(text));
  }

  afterAll(async () => {
    await browser.close();
    await server.close();
    await database.drop();
  });

  afterEach(() => {
    expect(complaints).toEqual([]);
    for (const url of requests.splice(0)) expect(new URL(url).origin).toBe(origin);
  });

  /** Opens an operation, fills in what is not to be as its example has it, and executes it. */
  async function tryOut(method: string, path: string, parameters: Record<string, string> = {}): Promise<Outcome> {
    const operation = page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="${path}"]`) }).first();
    await operation.locator('.opblock-summary-control').click();
    // It stays in hand once it was tried.
    const begin = operation.getByRole('button', { name: 'Try it out' });
    await begin.or(operation.getByRole('button', { name: 'Cancel' })).waitFor();
    if (await begin.isVisible()) await begin.click();
    for (const [name, value] of Object.entries(parameters)) {
      await operation.locator(`tr[data-param-name="${name}"] input`).fill(value);
    }
    const pattern = new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}/?$`);
    const answered = page.waitForResponse(
      (response) =>
        response.request().method() === method.toUpperCase() && pattern.test(new URL(response.url()).pathname),
    );
    await operation.getByRole('button', { name: 'Execute' }).click();
    const answer = await answered;
    const status = answer.status();
    await operation.locator('.live-responses-table .response-col_status', { hasText: String(status) }).waitFor();
    // The fewer are open, the faster it draws.
    await operation.locator('.opblock-summary-control').click();
    return { status, body: await answer.json(), sent: await answer.request().allHeaders() };
  }

  /** Uses the dialog: fills in the fields of a scheme, in their order, and authorises it. */
  async function authorise(scheme: string, ...values: string[]): Promise<void> {
    await inDialog(scheme, async (form) => {
      for (const [index, value] of values.entries())
        await form.locator('input:not([type=checkbox])').nth(index).fill(value);
      for (const scope of await form.locator('label.item').all()) await scope.click();
      await form.getByRole('button', { name: /^(Authorize|Apply )/ }).click();
      await form.getByRole('button', { name: /^(Logout|Remove )/ }).waitFor();
    });
  }

  const forget = (scheme: string) =>
    inDialog(scheme, async (form) => {
      await form.getByRole('button', { name: /^(Logout|Remove )/ }).click();
      await form.getByRole('button', { name: /^(Authorize|Apply )/ }).waitFor();
    });

  async function inDialog(scheme: string, act: (form: Locator) => Promise<void>): Promise<void> {
    await page.locator('.auth-wrapper > .authorize').click();
    const title = page.locator('h4', { hasText: new RegExp(`^${scheme}\\b`) });
    await act(page.locator('.modal-ux .auth-container', { has: title }));
    await page.locator('.modal-ux .close-modal').click();
  }

  it('signs up, in and on: an operation of each scheme works from its page, mostly as its example stands', async () => {
    const { appToken } = await makeAdmin(server);
    const client = await newClient(server);
    await page.goto(`${origin}/docs`);
    expect(await page.title()).toBe('Latchkey');

    const signUp = await tryOut('post', '/accounts');
    expect(signUp).toMatchObject({ status: 201, body: { token: expect.any(String) } });
    const signIn = await tryOut('post', '/account/session');
    expect(signIn).toMatchObject({ status: 200, body: { token: expect.any(String) } });
    const { token } = signIn.body as { token: string };
    const { id } = claimsOf(token).data;
    await authorise('session', token);
    const account = await tryOut('get', '/accounts/{id}', { id });
    expect(account.sent.authorization).toBe(`Bearer ${token}`);
    expect(account).toMatchObject({ status: 200, body: { data: { id, email: expect.stringMatching(EXAMPLE_EMAIL) } } });

    await authorise('app-token', appToken);
    const logIn = await tryOut('post', '/api/v1/token');
    expect(logIn).toMatchObject({ status: 200, sent: { 'app-token': appToken } });
    const { token: userToken } = logIn.body as { token: string };
    await authorise('token', userToken);
    const tokens = await tryOut('get', '/api/v1/tokens', { app_token: '' });
    expect(tokens.sent).toMatchObject({ 'app-token': appToken, token: userToken });
    expect(tokens).toMatchObject({ status: 200, body: { tokens: [{ hint: userToken.slice(-4), owner: id }] } });

    const issued = await tryOut('post', '/v1/frontend/auth');
    expect(issued).toMatchObject({ status: 200, sent: { 'app-token': appToken } });
    const { token: apiToken } = issued.body as { token: string };
    await authorise('api-token', apiToken);
    const gateway = await tryOut('get', '/v1/api/auth');
    expect(gateway.sent.authorization).toBe(`Bearer ${apiToken}`);
    expect(gateway).toMatchObject({ status: 200, body: { account_id: 'GATEWAY_ACCOUNT_1' } });

    await authorise('oauth2', client.id, client.secret);
    const entryPoint = await tryOut('get', '/api');
    expect(entryPoint.sent.authorization).toMatch(/^Bearer [0-9a-f]{32}$/);
    expect(entryPoint).toMatchObject({ status: 200, body: { _links: { self: { href: `${PUBLIC_URL}/api` } } } });
    const calls = requests.length;
    expect(await tryOut('get', '/api/accounts')).toMatchObject({ status: 200 });
    // Defaults, and no filter.
    expect(requests.slice(calls)).toEqual([`${origin}/api/accounts?page=1&perpage=100`]);
    const made = await tryOut('post', '/api/identifications');
    expect(made).toMatchObject({ status: 201, body: { status: 'wayf' } });

    await forget('oauth2');
    await authorise('client', client.id, client.secret);
    expect((await server.call('POST', '/api/accounts', { name: 'A university' }, client.basic)).status).toBe(201);
    const anyFilter = { name: '', publisher_reference: '', email_domain: '', network: '' };
    const accounts = await tryOut('get', '/api/accounts', anyFilter);
    expect(accounts.sent.authorization).toBe(client.basic.authorization);
    expect(accounts.status).toBe(200);
    expect((accounts.body as { accounts: unknown[] }).accounts).toHaveLength(1);

    // All of a session, an access token and HTTP Basic are there, and the one that fits is sent.
    await authorise('oauth2', client.id, client.secret);
    const own = await tryOut('get', '/accounts/{id}', { id });
    expect(own.sent.authorization).toBe(`Bearer ${token}`);
    expect(own).toMatchObject({ status: 200, body: { data: { id } } });
    const listed = await tryOut('get', '/api/accounts');
    expect(listed.sent.authorization).toMatch(/^Bearer [0-9a-f]{32}$/);

    // A form shows no credentials to be sent beside HTTP Basic.
    const granted = await tryOut('post', '/oauth/token');
    expect(granted).toMatchObject({ status: 200, sent: client.basic, body: { token_type: 'Bearer' } });
  });

  it('at the port of admins, it calls that port, which has every route, whatever PUBLIC_URL is', async () => {
    const other = await startServer(database.connection, {
      otherDoors: [{ door: 'admin', host: '127.0.0.1', port: 0 }],
    });
    try {
      origin = other.doors.admin ?? '';
      const client = await newClient(other);
      await page.goto(`${origin}/docs`);
      await authorise('oauth2', client.id, client.secret);
      const entryPoint = await tryOut('get', '/api');
      expect(entryPoint.sent.authorization).toMatch(/^Bearer [0-9a-f]{32}$/);
      expect(entryPoint.status).toBe(200);
      expect((await tryOut('get', '/readyz')).status).toBe(200);
    } finally {
      await other.close();
    }
  });

  describe.each([1280, 390, 320])('%s pixels wide', (width) => {
    beforeAll(() => openTab(width));

    it('fits, begins the dialog at its beginning, keeps what was authorised in this tab, and axe finds nothing', async () => {
      origin = `http://localhost:${new URL(server.url).port}`;
      const { appToken } = await makeAdmin(server);
      const tooWide = `[...document.querySelectorAll('body *')].filter((one) => document.documentElement.scrollWidth > ${width} && one.getBoundingClientRect().right > ${width}).map((one) => one.className)`;
      const fits = async () => {
        expect(await page.evaluate<string[]>(tooWide)).toEqual([]);
      };
      await page.goto(`${origin}/docs`);
      await page.getByRole('heading', { name: 'Get started' }).waitFor();
      await fits();
      await page.locator('.auth-wrapper > .authorize').click();
      const dialog = page.locator('.modal-ux-content');
      expect(await page.evaluate<number>("document.querySelector('.modal-ux-content').scrollTop")).toBe(0);
      expect(await dialog.locator('input:enabled').first().and(page.locator(':focus')).count()).toBe(1);
      await fits();
      expect(await violations()).toEqual([]);
      await page.locator('.modal-ux .close-modal').click();
      await authorise('app-token', appToken);
      await page.reload();
      const issued = await tryOut('post', '/v1/frontend/auth');
      expect(issued).toMatchObject({ status: 200, sent: { 'app-token': appToken } });
      expect(await page.evaluate('localStorage.length')).toBe(0);
      await page.getByPlaceholder('Filter by tag').fill('publicauth');
      expect(await page.locator('.opblock-tag').count()).toBe(1);
      await page
        .locator('.opblock-post', { hasText: '/v1/frontend/auth' })
        .first()
        .locator('.opblock-summary-control')
        .click();
      await page.getByRole('button', { name: 'Execute' }).waitFor();
      await fits();
      expect(await violations()).toEqual([]);
      await forget('app-token');
    });
  });

  /** What axe finds that keeps people out, each kind with where it is first. */
  async function violations(): Promise<string[]> {
    await page.evaluate(AXE);
    const { violations: found } = await page.evaluate<AxeResults>('axe.run()');
    return found
      .filter(({ id, impact }) => (impact === 'serious' || impact === 'critical') && !(id in OF_SWAGGER_UI))
      .map(
        ({ id, nodes }) =>
          `${id}: ${[...new Set(nodes.map(({ target }) => target.join(' ').replace(/.*>/, '')))].join(', ')}`,
      );
  }
});
