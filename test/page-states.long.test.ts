import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { loadConfig } from '../src/config/config.js';
import { describeInBrowser, launchChromium, listenForComplaints } from './support/browser.js';
import { STATES } from './support/page-states.js';
import { startServer, type TestServer } from './support/server.js';
import { database, server, withPublishers } from './support/wayf-page.js';

withPublishers({ runsBackgroundJobs: true });

const ORIGIN = 'http://latchkey.localhost';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How what is pressed is framed. */
const BORDERS = `[...document.querySelectorAll('main button, main .button')]
  .filter((element) => element.checkVisibility())
  .map((element) => getComputedStyle(element).border)`;

const WIDTHS = [1280, 390, 320] as const;
const SCHEMES = ['light', 'dark', 'forced'] as const;
const LANGUAGES = ['en', 'de', 'ar'] as const;

/** What is tried of each state: pairwise, so that any two values meet somewhere, by three Latin squares. */
const combinations = STATES.flatMap((state, at) =>
  WIDTHS.map((width, row) => ({
    state,
    width,
    scheme: SCHEMES[(row + at) % 3] ?? 'light',
    language: LANGUAGES[(row + Math.floor(at / 3)) % 3] ?? 'en',
    scripts: state.needsScript === true || (row + at) % 2 === 0,
  })),
);

/** What Chromium says of every refusal by a server. */
const REFUSED = /^Failed to load resource: the server responded with a status of 4\d\d/;

describeInBrowser('Every page, in every state,', () => {
  let browser: Browser;
  /** With an operator's name, logo and colour. */
  let branded: TestServer;

  beforeAll(async () => {
    const { brand, appUrl } = loadConfig({
      BRAND_NAME: 'Example & Press مكتبة',
      BRAND_LOGO: 'docs/images/architecture-light.svg',
      BRAND_COLOR: '#7a1f5c',
      SUPPORT_URL: 'mailto:help@example.org',
      APP_URL: 'https://app.example.org/',
    });
    branded = await startServer(database.connection, { brand, appUrl, publicUrl: 'http://branded.localhost' });
    browser = await launchChromium({ 'latchkey.localhost': server.url, 'branded.localhost': branded.url });
  });

  afterAll(async () => {
    await browser.close();
    await branded.close();
  });

  async function inTab(
    { width, scheme, scripts }: (typeof combinations)[number],
    use: (page: Page) => Promise<void>,
  ): Promise<string[]> {
    const complaints: string[] = [];
    const context = await browser.newContext({
      viewport: { width, height: 800 },
      colorScheme: scheme === 'light' ? 'light' : 'dark',
      forcedColors: scheme === 'forced' ? 'active' : 'none',
      javaScriptEnabled: scripts,
    });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    await listenForComplaints(page, (text) => complaints.push(text));
    await use(page);
    await context.close();
    return complaints.filter((text) => !REFUSED.test(text));
  }

  it.each(combinations.map((one) => ({ ...one, name: one.state.name })))(
    '$name at $width px, $scheme, $language, with scripts: $scripts',
    async (one) => {
      const complaints = await inTab(one, async (page) => {
        await one.state.open(page, ORIGIN, `lang=${one.language}`);
        expect(await page.locator('html').getAttribute('lang')).toBe(one.language);
        expect(await page.locator('html').getAttribute('dir')).toBe(one.language === 'ar' ? 'rtl' : null);
        expect(await page.locator('h1').count()).toBe(1);
        if (one.scripts) {
          expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(one.width);
          expect(await problemsOf(page)).toEqual([]);
        }
        if (one.scripts && one.scheme === 'forced') {
          for (const border of await page.evaluate<string[]>(BORDERS)) {
            expect(border).toMatch(/^1px solid rgb\(/);
          }
        }
      });
      expect(complaints).toEqual([]);
    },
  );

  const looks = [
    'root',
    'wayf-found',
    'sign-in',
    'sign-in-wrong',
    'page-expired',
    'forgotten-password',
    'link-sent',
    'reset-done',
  ];
  const ofOperator = looks.flatMap((name, at) =>
    SCHEMES.map((scheme, row) => ({
      ...{ name, scheme, width: WIDTHS[(row + at) % 3] ?? 320, language: LANGUAGES[(row + at + 1) % 3] ?? 'en' },
    })),
  );

  it.each(ofOperator)("$name in an operator's look at $width px, $scheme, $language", async ({ name, ...one }) => {
    const state = STATES.find((known) => known.name === name);
    if (!state) throw new Error(`There is no state ${name}.`);
    const complaints = await inTab({ ...one, state, scripts: true }, async (page) => {
      await state.open(page, 'http://branded.localhost', `lang=${one.language}`);
      expect(await page.evaluate("document.querySelector('header img').naturalWidth")).toBeGreaterThan(0);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(one.width);
      expect(await problemsOf(page)).toEqual([]);
    });
    expect(complaints).toEqual([]);
  });

  /** `npm run screenshots` sets it. */
  const folder = process.env.SCREENSHOTS;
  const pictures = [
    { name: 'wayf-found', language: 'en', scheme: 'light' },
    { name: 'sign-in-wrong', language: 'de', scheme: 'dark' },
    { name: 'reset', language: 'ar', scheme: 'light' },
    { name: 'link-sent', language: 'ja', scheme: 'dark' },
  ] as const;

  // No test, but a command that is made of the same states.
  for (const { name, language, scheme } of folder === undefined ? [] : pictures) {
    it(`looks so: ${name}`, async () => {
      const context = await browser.newContext({ viewport: { width: 480, height: 720 }, colorScheme: scheme });
      const page = await context.newPage();
      await STATES.find((state) => state.name === name)?.open(page, ORIGIN, `lang=${language}`);
      await page.screenshot({ path: `${folder}/${name}.png` });
      await context.close();
    });
  }

  /** @returns what axe finds wrong: WCAG 2.2 A and AA, and its best practices */
  async function problemsOf(page: Page): Promise<string[]> {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  }
});
