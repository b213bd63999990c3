import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { de } from '../src/messages/de.js';
import { databaseAway, takenEmail } from '../src/errors/common-errors.js';
import { InitialPasswords } from '../src/passwords/initial-passwords.service.js';
import { describeInBrowser, launchChromium } from './support/browser.js';
import { newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import {
  ABSENT,
  database,
  newInstitution,
  newPage,
  OURS,
  PASSWORD,
  PUBLIC_URL,
  server,
  withPublishers,
} from './support/wayf-page.js';

withPublishers();

/** What German pages may say, with anything for a placeholder. */
const GERMAN = Object.values(de).map((message) => {
  const parts = message.replace(/\{\w+, plural,(?:[^{}]|\{[^{}]*\})*\}/g, '{}').split(/\{\w*\}/);
  return new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')}$`);
});

function expectGerman(said: (string | undefined)[]): void {
  for (const text of said) {
    expect(text ?? '').not.toBe('');
    expect(GERMAN.some((message) => message.test(text ?? '')) ? 'German' : text).toBe('German');
  }
}

const unescaped = (text: string | undefined) =>
  text?.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

/** @returns the heading of a page, and its alert */
function saidBy({ body }: Answer): (string | undefined)[] {
  const page = String(body);
  expect(page).toMatch(/^<!doctype html>\n<html lang="de">/);
  return [/<h1>([^<]*)<\/h1>/, /role="alert"[^>]*>([^<]*)</].map((pattern) => unescaped(pattern.exec(page)?.[1]));
}

type Form = Record<string, string>;

function post(path: string, form: Form, headers: Record<string, string> = OURS, at: TestServer = server) {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return at.call('POST', `${path}?lang=de`, new URLSearchParams(form).toString(), { ...type, ...headers });
}

const signIn = async (form: Form, headers = OURS, at = server) =>
  post(`/wayf/${await newPage()}`, { institution: 'none', password: PASSWORD, ...form }, headers, at);

/** How a form or a page is refused, and with what. */
const REFUSALS: [string, number, () => Promise<Answer>][] = [
  ['a wrong password', 422, () => signIn({ email: newEmail() })],
  ['no email', 400, () => signIn({})],
  [
    'an account of another institution',
    422,
    async () => {
      const { id } = await newInstitution({ name: 'Institut für Musik' });
      return signIn({ email: (await signUp(server, { password: PASSWORD })).email, institution: id });
    },
  ],
  ['an institution that is not there', 404, () => signIn({ email: newEmail(), institution: ABSENT })],
  [
    'an institution that is not there, to look at',
    404,
    async () => look(`/wayf/${await newPage()}?institution=${ABSENT}`),
  ],
  ['a search that is too long', 400, async () => look(`/wayf/${await newPage()}?q=${'x'.repeat(101)}`)],
  ['a page that has expired', 404, () => look(`/wayf/${ABSENT}?`)],
  ['a form from elsewhere', 403, () => signIn({ email: newEmail() }, { ...OURS, 'sec-fetch-site': 'cross-site' })],
  [
    'a password that was for the beginning',
    422,
    async () => {
      const { email } = await signUp(server, { password: PASSWORD });
      await database.query(`UPDATE accounts SET initial_password_at = now() - interval '1 year' WHERE email = $1`, [
        email,
      ]);
      const strict = await startServer(database.connection, { publicUrl: PUBLIC_URL, initialPasswordTtl: 60 });
      return closing(strict, signIn({ email }, OURS, strict));
    },
  ],
  [
    'an email that is not verified',
    422,
    async () => {
      const { email } = await signUp(server, { password: PASSWORD });
      const strict = await startServer(database.connection, { publicUrl: PUBLIC_URL, emailVerification: 'required' });
      return closing(strict, signIn({ email }, OURS, strict));
    },
  ],
  [
    'one sign-in too many',
    429,
    async () => {
      const email = newEmail();
      for (let tried = 0; tried < server.config.loginMaxFailures; tried += 1) await signIn({ email });
      return signIn({ email });
    },
  ],
  [
    'one request too many',
    429,
    async () => {
      const strict = await startServer(database.connection, { publicUrl: PUBLIC_URL, rateLimitPerMinute: 1 });
      await post('/password/forgot', { email: newEmail() }, OURS, strict);
      return closing(strict, post('/password/forgot', { email: newEmail() }, OURS, strict));
    },
  ],
  ['what is no email, for a reset', 422, () => post('/password/forgot', { email: 'x' })],
  ['what is no email, for a verification', 422, () => post('/email/verify/again', { email: 'x' })],
  [
    'a form from elsewhere, for a reset',
    403,
    () => post('/password/forgot', { email: newEmail() }, { 'sec-fetch-site': 'none' }),
  ],
  [
    'a form from elsewhere, for a verification',
    403,
    () => post('/email/verify/again', {}, { 'sec-fetch-site': 'none' }),
  ],
  ['a body that is too large', 413, () => post('/password/forgot', { email: 'x'.repeat(2_000_000) })],
  [
    'a body of another kind',
    415,
    () => post('/password/forgot', { email: 'x' }, { ...OURS, 'content-type': 'text/xml' }),
  ],
  ['another method', 405, () => server.call('DELETE', '/password/forgot?lang=de')],
  ['a page that is not there', 404, () => look('/password/nowhere?')],
  ['a failure of the server', 500, () => inCaseOf(new Error('broken'))],
  ['a database that is away', 503, () => inCaseOf(databaseAway())],
];

const look = (address: string) => server.call('GET', `${address}&lang=de`);

async function closing(strict: TestServer, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer;
  } finally {
    await strict.close();
  }
}

/** @returns how a sign-in with the right password fails when the server does */
async function inCaseOf(failure: Error): Promise<Answer> {
  const { email } = await signUp(server, { password: PASSWORD });
  const initial = jest.spyOn(server.app.get(InitialPasswords), 'hasExpired').mockRejectedValue(failure);
  try {
    return await signIn({ email });
  } finally {
    initial.mockRestore();
  }
}

it.each(REFUSALS)('A German page refuses in German: %s', async (_, status, ask) => {
  const answer = await ask();
  expect(answer.status).toBe(status);
  expectGerman(saidBy(answer));
});

interface Described {
  content?: Record<string, { example?: object; examples?: Record<string, { value: object }> }>;
}

/** @returns how a route can fail, as OpenAPI describes it */
function failuresOf(endpoint: '/account/password' | '/account/email' | '/account/email/undo'): [number, string][] {
  const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as {
    paths: Record<string, { put: { responses: Record<string, Described> } }>;
  };
  const responses = paths[endpoint]?.put.responses ?? {};
  return Object.entries(responses)
    .filter(([status]) => !status.startsWith('2'))
    .flatMap(([status, { content = {} }]) =>
      Object.values(content).flatMap(({ example, examples = {} }) =>
        [example, ...Object.values(examples).map(({ value }) => value)]
          .filter((one) => one !== undefined)
          .map((one): [number, string] => [Number(status), JSON.stringify(one)]),
      ),
    );
}

const PASSWORD_PROBLEMS = [
  'must be at least 7 characters',
  'must be at most 256 characters',
  'must not contain control characters, such as tabs and line breaks',
  'is something that nobody has thought of',
];

const refusedPassword = (problem: string): [number, string] => [
  422,
  JSON.stringify({
    id: 'invalid_params',
    message: 'One or more parameters are invalid.',
    errors: { password: [problem] },
  }),
];

describeInBrowser('A German page of a link says in German', () => {
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    browser = await launchChromium({ 'latchkey.localhost': server.url });
    page = await browser.newPage();
  });

  afterAll(() => browser.close());

  it.each([
    ['/password/reset', '/account/password'],
    ['/email/verify', '/account/email'],
    ['/email/undo', '/account/email/undo'],
  ] as const)('every refusal that OpenAPI describes: %s', async (path, endpoint) => {
    const failures = [...failuresOf(endpoint), ...PASSWORD_PROBLEMS.map(refusedPassword)];
    expect(failures.length).toBeGreaterThan(8);
    const said: (string | undefined)[] = [];
    for (const [status, body] of failures) {
      await page.route(`**${endpoint}`, (route) => route.fulfill({ status, body }), { times: 1 });
      await page.goto('about:blank');
      await page.goto(`http://latchkey.localhost${path}?lang=de#token=x`);
      const field = page.locator('#password');
      if ((await field.count()) > 0) await field.fill('quite an example');
      await page.locator('main button[type=submit]').click();
      await page.locator('#problem:not(:empty)').waitFor();
      said.push((await page.locator('#problem').textContent()) ?? undefined);
    }
    expectGerman(said);
  });

  it('who has an email already, and not only that something is wrong', async () => {
    const body = JSON.stringify({ id: 'conflict', message: takenEmail().message });
    await page.route('**/account/email/undo', (route) => route.fulfill({ status: 409, body }), { times: 1 });
    await page.goto('about:blank');
    await page.goto('http://latchkey.localhost/email/undo?lang=de#token=x');
    await page.locator('main button[type=submit]').click();
    await page.getByText(de['link.taken'], { exact: true }).waitFor();
  });
});
