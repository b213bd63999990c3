import type { Page } from 'playwright-core';
import { identify, newInstitution, PASSWORD, server } from './wayf-page.js';
import { mailedLink, startMailbox } from './pages.js';
import { newEmail, signUp } from './server.js';

/** A page in one of its states, and how a visitor gets there. */
export interface PageState {
  name: string;
  needsScript?: boolean;
  /** @param origin where the server is for the browser; `query` is what chooses the language */
  open: (page: Page, origin: string, query: string) => Promise<void>;
}

const press = (page: Page) => page.locator('main button[type=submit]').click();

/** @returns an address with a query added to what it has */
function withQuery(address: string, query: string): string {
  const url = new URL(address);
  for (const [name, value] of new URLSearchParams(query)) url.searchParams.set(name, value);
  return url.href;
}

async function openWayf(page: Page, origin: string, query: string): Promise<void> {
  const { id } = await identify({ url: 'https://publisher.example/read' });
  await page.goto(withQuery(`${origin}/wayf/${id}`, query));
}

async function openReset(page: Page, origin: string, query: string): Promise<string> {
  const { email } = await signUp(server, { password: PASSWORD });
  await server.call('POST', '/account/password', { account: { email } });
  const link = new URL(await mailedLink(startMailbox(server), email));
  await page.goto('about:blank');
  await page.goto(withQuery(`${origin}${link.pathname}${link.search}${link.hash}`, query));
  await page.locator('#password').waitFor();
  return link.hash.replace('#token=', '');
}

export const STATES: PageState[] = [
  {
    name: 'root',
    open: async (page, origin, query) => {
      await page.goto(`${origin}/?${query}`);
    },
  },
  { name: 'wayf', open: openWayf },
  {
    name: 'wayf-remembered',
    open: async (page, origin, query) => {
      const { id } = await newInstitution({ name: `Université de Montréal ${newEmail().slice(0, 6)}` });
      await openWayf(page, origin, `${query}&last=${id}`);
    },
  },
  {
    name: 'sign-in-for',
    open: async (page, origin, query) => {
      const { id } = await newInstitution({ name: `University of Łódź ${newEmail().slice(0, 6)}` });
      await openWayf(page, origin, `${query}&institution=${id}`);
    },
  },
  {
    name: 'wayf-found',
    open: async (page, origin, query) => {
      for (const name of ['University of Zürich', 'University of the Arts', 'جامعة القاهرة University'])
        await newInstitution({ name: `${name} ${newEmail().slice(0, 6)}` });
      await openWayf(page, origin, `${query}&q=university`);
    },
  },
  { name: 'wayf-nothing-found', open: (page, origin, query) => openWayf(page, origin, `${query}&q=qqqqzzzz`) },
  { name: 'sign-in', open: (page, origin, query) => openWayf(page, origin, `${query}&institution=none`) },
  {
    name: 'sign-in-wrong',
    open: async (page, origin, query) => {
      await openWayf(page, origin, `${query}&institution=none`);
      await page.locator('#email').fill('nobody@example.org');
      await page.locator('#password').fill('wrong password');
      await press(page);
      await page.locator('#problem:not(:empty)').waitFor();
    },
  },
  {
    name: 'page-expired',
    open: async (page, origin, query) => {
      await page.goto(`${origin}/wayf/01234567-89ab-cdef-0123-456789abcdef?${query}`);
    },
  },
  {
    name: 'page-not-found',
    open: async (page, origin, query) => {
      await page.goto(`${origin}/password/nowhere?${query}`);
    },
  },
  {
    name: 'forgotten-password',
    open: async (page, origin, query) => {
      await page.goto(`${origin}/password/forgot?${query}`);
    },
  },
  {
    name: 'forgotten-password-wrong',
    open: async (page, origin, query) => {
      await page.goto(`${origin}/password/forgot?${query}`);
      await page.locator('#email').fill('nobody');
      await press(page);
      await page.locator('#problem:not(:empty)').waitFor();
    },
  },
  {
    name: 'link-sent',
    open: async (page, origin, query) => {
      await page.goto(`${origin}/email/verify/again?${query}`);
      await page.locator('#email').fill(newEmail());
      await press(page);
      await page.getByRole('status').waitFor();
    },
  },
  {
    name: 'reset',
    needsScript: true,
    open: async (page, origin, query) => {
      await openReset(page, origin, query);
    },
  },
  {
    name: 'reset-refused',
    needsScript: true,
    open: async (page, origin, query) => {
      await openReset(page, origin, query);
      await page.locator('#password').fill('short');
      await press(page);
      await page.locator('#problem:not(:empty)').waitFor();
    },
  },
  {
    name: 'reset-done',
    needsScript: true,
    open: async (page, origin, query) => {
      await openReset(page, origin, query);
      await page.locator('#password').fill('quite another example');
      await press(page);
      await page.locator('#done:not(:empty)').waitFor();
    },
  },
  {
    name: 'reset-used',
    needsScript: true,
    open: async (page, origin, query) => {
      const token = await openReset(page, origin, query);
      const account = { password: 'quite another example', reset_password_token: token };
      await server.call('PUT', '/account/password', { account });
      await page.locator('#password').fill('yet another example');
      await press(page);
      await page.locator('#problem:not(:empty)').waitFor();
    },
  },
  {
    name: 'invitation',
    needsScript: true,
    open: (page, origin, query) => openReset(page, origin, `${query}&for=invitation`).then(() => undefined),
  },
  {
    name: 'verify',
    needsScript: true,
    open: async (page, origin, query) => {
      await page.goto('about:blank');
      await page.goto(`${origin}/email/verify?${query}#token=x`);
      await page.locator('#password').waitFor();
    },
  },
  {
    name: 'undo',
    needsScript: true,
    open: async (page, origin, query) => {
      await page.goto('about:blank');
      await page.goto(`${origin}/email/undo?${query}#token=x`);
      await page.locator('#press').waitFor();
    },
  },
  {
    name: 'link-incomplete',
    open: async (page, origin, query) => {
      await page.goto('about:blank');
      await page.goto(`${origin}/password/reset?${query}`);
    },
  },
];
