import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { describeWhere } from './where.js';

const CHROMIUM = [
  process.env.CHROMIUM_PATH,
  // The same without what draws on a screen: it takes a quarter less of the processor.
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
].find((path) => path !== undefined && existsSync(path));

/** `describe`, skipped with a word about it where there is no Chromium. */
export function describeInBrowser(what: string, tests: () => void): void {
  const otherwise = `there is no Chromium for "${what}" (apt-get install chromium, or set CHROMIUM_PATH)`;
  describeWhere({ has: CHROMIUM !== undefined, otherwise })(what, tests);
}

/**
 * @param hosts names that the browser finds at servers of the test's own: `{ 'publisher.test': 'http://127.0.0.1:4567' }`.
 *   Chromium trusts `*.localhost` without TLS, and so treats it as it would treat a site behind https.
 */
export function launchChromium(hosts: Record<string, string>): Promise<Browser> {
  const rules = Object.entries(hosts).map(([name, url]) => `MAP ${name}:80 ${new URL(url).host}`);
  return chromium.launch({
    ...(CHROMIUM !== undefined && { executablePath: CHROMIUM }),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--no-proxy-server',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=${rules.join(', ')}`,
    ],
  });
}

/** Tells what the page complains about: errors, warnings and violations of its policy. */
export async function listenForComplaints(page: Page, complain: (text: string) => void): Promise<void> {
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complain(message.text());
  });
  page.on('pageerror', (error) => {
    complain(error.message);
  });
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => console.error('violates ' + event.violatedDirective))`,
  );
}

/** WCAG 2.2's contrast ratio of each visible text on the page with what is behind it; see its definition there. */
export const CONTRASTS = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [red, green, blue] = channels(color).slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) === 1) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const speaks = (element) => element.matches('input[type=password], input[type=text], input[type=search]') ||
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== '');
  return [...document.body.querySelectorAll('*')]
    .filter((element) => speaks(element) && element.checkVisibility())
    .map((element) => {
      const levels = [getComputedStyle(element).color, background(element)].map(luminance).sort((a, b) => b - a);
      return [element.id || element.localName, (levels[0] + 0.05) / (levels[1] + 0.05)];
    });
})()`;
