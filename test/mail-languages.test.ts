import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretKeys, type KeyPurpose } from '../src/keys/secret-keys.js';
import { LANGUAGES, LANGUAGE_TAGS, type LanguageTag } from '../src/messages/languages.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { MailServer } from './support/mail-server.js';
import { eventually } from './support/process.js';
import { newEmail, startServer, type TestServer } from './support/server.js';
import { signedInAdmin } from './support/tokens.js';

const PASSWORD = 'example';
const NEW = 'another example';
const NAME = '</title><b>Ünïq</b> مكتبة';
/** Whoever asks chooses what stands here. */
const EVIL = 'x</p><a href="https://evil.example/">y</a> evil.example a@evil.example';

let database: TestDatabase;
let mailServer: MailServer;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  mailServer = await new MailServer().start();
  server = await startServer(database.connection, {
    publicUrl: 'http://latchkey.test',
    smtpUrl: mailServer.url(),
    mailFrom: { name: 'Latchkey', address: 'no-reply@latchkey.test' },
    emailVerification: 'required',
    brand: { name: undefined, logo: undefined, color: undefined, supportUrl: 'https://help.latchkey.test/' },
  });
});

afterAll(async () => {
  await server.close();
  await mailServer.stop();
  await database.drop();
});

interface Parts {
  subject: string;
  text: string;
  html: string;
}

const fromQuotedPrintable = (text: string) =>
  Buffer.from(
    text.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16))),
    'latin1',
  ).toString();

/** Decodes the words of a header (RFC 2047). */
const readHeader = (header: string) =>
  header
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?UTF-8\?([BQ])\?(.*?)\?=/gi, (_, encoding: string, word: string) =>
      encoding.toUpperCase() === 'B'
        ? Buffer.from(word, 'base64').toString()
        : fromQuotedPrintable(word.replaceAll('_', ' ')),
    )
    .replace(/\r\n /g, ' ');

function partsOf(raw: string): Parts {
  const part = (type: string) => {
    const [, headers = '', body = ''] =
      new RegExp(`Content-Type: ${type}([^]*?)\\r\\n\\r\\n([^]*?)\\r\\n--`).exec(raw) ?? [];
    return headers.includes('base64') ? Buffer.from(body, 'base64').toString() : fromQuotedPrintable(body);
  };
  const subject = /^Subject: (.*(?:\r\n .*)*)/m.exec(raw)?.[1] ?? '';
  const lines = (type: string) => part(type).replaceAll('\r\n', '\n');
  return { subject: readHeader(subject), text: lines('text/plain'), html: lines('text/html') };
}

/** @returns the newest of so many mails to an address, when they are there */
async function mailTo(email: string, count: number): Promise<Parts> {
  return eventually(() => {
    const found = mailServer.mails.filter(({ to }) => to.includes(email));
    expect(found).toHaveLength(count);
    return partsOf(found.at(-1)?.raw ?? '');
  });
}

const call = (method: string, path: string, account: object, language?: string, more: Record<string, string> = {}) =>
  server.call(method, path, { account }, { ...(language !== undefined && { 'accept-language': language }), ...more });

async function tokenOf(table: 'email_links' | 'password_resets', purpose: KeyPurpose, email: string) {
  const where = table === 'email_links' ? 'email = $1' : 'account_id = (SELECT id FROM accounts WHERE email = $1)';
  const [row] = await database.query<{ id: string }>(
    `SELECT id FROM ${table} WHERE ${where} ORDER BY created_at DESC LIMIT 1`,
    [email],
  );
  return server.app.get(SecretKeys).sign(purpose, row?.id ?? '');
}

/** Signs up in a language and verifies the email in none. @returns the mails of signing up, a reset, and the new password */
async function mailsOf(language: string | undefined): Promise<{ email: string; mails: Parts[]; reset: string }> {
  const email = newEmail();
  expect((await call('POST', '/accounts', { email, password: PASSWORD }, language)).status).toBe(201);
  const signUp = await mailTo(email, 1);
  const verify_email_token = await tokenOf('email_links', 'email-verification', email);
  expect((await call('PUT', '/account/email', { verify_email_token, password: PASSWORD }, 'ja')).status).toBe(200);
  expect((await call('POST', '/account/password', { email }, 'ja')).status).toBe(200);
  const asked = await mailTo(email, 2);
  const reset = await tokenOf('password_resets', 'password-reset', email);
  const redeemed = { reset_password_token: reset, password: NEW };
  expect((await call('PUT', '/account/password', redeemed, 'ja', { 'user-agent': EVIL })).status).toBe(200);
  return { email, mails: [signUp, asked, await mailTo(email, 3)], reset };
}

const localeOf = async (email: string) =>
  (await database.query<{ locale: string | null }>('SELECT locale FROM accounts WHERE email = $1', [email]))[0]?.locale;

/** A phrase of each mail, in the order in which they come. */
const SAID: Record<LanguageTag, [string, string, string]> = {
  en: ['Somebody is creating an account', 'to reset the password for', 'was set with a link'],
  de: ['Jemand legt bei', 'möchte das Passwort für', 'wurde mit einem Link gesetzt'],
  fr: ['Quelqu’un crée un compte', 'demande de réinitialisation', 'a été défini avec un lien'],
  es: ['Alguien está creando una cuenta', 'solicitud para restablecer', 'se ha establecido con un enlace'],
  ja: ['作成されようとしています', 'パスワード再設定の依頼', '送られたリンクで設定されました'],
  ar: ['هناك من ينشئ حسابًا', 'طلبًا لإعادة تعيين كلمة مرور', 'عُيّنت كلمة مرور حسابك'],
};

function expectLink({ text, html }: Parts): void {
  expect(text).toContain('\nhttp://latchkey.test/password/forgot\n');
  expect(html).toContain('href="http://latchkey.test/password/forgot"');
}

describe('Mails', () => {
  it.each(LANGUAGE_TAGS)('are in the language in which somebody signed up: %s', async (tag) => {
    const { email, mails, reset } = await mailsOf(`${tag}-x-private;q=0.1, ${tag}`);
    expect(await localeOf(email)).toBe(tag);
    const { direction } = LANGUAGES[tag];
    for (const [index, { subject, text, html }] of mails.entries()) {
      expect(subject).toContain('latchkey.test');
      expect(text).toContain(SAID[tag][index]);
      expect(html).toContain(SAID[tag][index]);
      expect(html).toContain(`<html lang="${tag}" dir="${direction}">`);
      expect(html).toContain('content="light dark"');
      expect(text).toContain('https://help.latchkey.test/');
    }
    expect(mails[1]?.text).toContain(`\nhttp://latchkey.test/password/reset#token=${reset}\n`);
    expect(mails[1]?.html).toContain(`href="http://latchkey.test/password/reset#token=${reset}"`);
    for (const { text, html } of mails) {
      expect(text).toMatch(/\d\d:\d\d UTC\n/);
      expect(text).toMatch(/: \u2068?127\.0\.0\.1/);
      expect(html).toContain('<bdi>127.0.0.1');
    }
    // Words of another direction do not move what is around them.
    expect(/\u2068[^\u2069]*@example\.org\u2069/.test(mails[0]?.text ?? '')).toBe(direction === 'rtl');
  });

  it('are in English for whoever prefers a language that there is not, any, or none, and nothing is stored', async () => {
    for (const language of ['pt-BR', '*', undefined, 'not a tag; q=x', `de-${'x'.repeat(60)}`]) {
      const email = newEmail();
      expect((await call('POST', '/accounts', { email, password: PASSWORD }, language)).status).toBe(201);
      expect((await mailTo(email, 1)).text).toContain(SAID.en[0]);
      expect(await database.query('SELECT locale FROM email_links WHERE email = $1', [email])).toEqual([
        { locale: null },
      ]);
    }
  });

  it('keep the region of a locale, which the account gets without a proof of its email, too', async () => {
    Object.assign(server.config, { emailVerification: 'off' });
    const email = newEmail();
    expect((await call('POST', '/accounts', { email, password: PASSWORD }, 'pt, DE-ch;q=0.9')).status).toBe(201);
    Object.assign(server.config, { emailVerification: 'required' });
    expect(await localeOf(email)).toBe('de-CH');
    await call('POST', '/account/password', { email });
    expect((await mailTo(email, 1)).text).toContain(SAID.de[1]);
  });

  it('say to whom has an account already that somebody asked for another one, in the language of the account', async () => {
    const { email } = await mailsOf('de');
    expect((await call('POST', '/accounts', { email, password: NEW }, 'ja')).status).toBe(201);
    expect((await mailTo(email, 4)).subject).toBe('Sie haben schon ein Konto bei latchkey.test');
  });

  it.each(LANGUAGE_TAGS)(
    'lead to a new password whoever has an account already, or whose password an admin removed: %s',
    async (tag) => {
      const { email } = await mailsOf(tag);
      expect((await call('POST', '/accounts', { email, password: NEW })).status).toBe(201);
      expectLink(await mailTo(email, 4));
      Object.assign(server.config, { emailVerification: 'off' });
      const admin = await signedInAdmin(server);
      Object.assign(server.config, { emailVerification: 'required' });
      const [row] = await database.query<{ id: string }>('SELECT id FROM accounts WHERE email = $1', [email]);
      const path = `/api/v1/accounts/${row?.id ?? ''}`;
      expect((await server.call('PATCH', path, { password: null }, admin.headers)).status).toBe(200);
      expectLink(await mailTo(email, 5));
    },
  );

  it.each(LANGUAGE_TAGS)('tell the old address when its account got another one, and from where: %s', async (tag) => {
    const { email } = await mailsOf(tag);
    Object.assign(server.config, { emailVerification: 'off' });
    const { body } = await call('POST', '/account/session', { email, password: NEW });
    const [row] = await database.query<{ id: string }>('SELECT id FROM accounts WHERE email = $1', [email]);
    const changed = await call('PUT', `/accounts/${row?.id ?? ''}`, { email: newEmail(), password: NEW }, undefined, {
      authorization: `Bearer ${body.token as string}`,
    });
    Object.assign(server.config, { emailVerification: 'required' });
    expect(changed.status).toBe(200);
    const told = await eventually(() => {
      const found = mailServer.mails.filter(({ to }) => to.includes(email)).map(({ raw }) => partsOf(raw));
      const [mail] = found.filter(({ text }) => text.includes('/email/undo#token='));
      if (!mail) throw new Error('It has not come yet.');
      return mail;
    });
    expect(told.text).toMatch(/\d\d:\d\d UTC\n/);
    expect(told.text).toMatch(/: \u2068?127\.0\.0\.1/);
    expect(told.html).toContain('<bdi>127.0.0.1</bdi>');
  });

  it('carry nothing that whoever asks has written, but as harmless words', async () => {
    Object.assign(server.config, { brand: { name: NAME, supportUrl: 'mailto:he%6Cp@latchkey.test?subject=Help' } });
    const { mails } = await mailsOf('ar');
    for (const { html, text } of mails) {
      expect(html).toContain('<bdi>&#60;/title&#62;&#60;b&#62;Ünïq&#60;/b&#62; مكتبة</bdi>');
      expect(html).not.toMatch(/<b>|evil\.example/);
      expect(text).not.toContain('evil.example');
      expect(text).toMatch(/help@latchkey\.test\u2069\n/);
    }
  });

  it('say when a claim was made that is mailed again, from where, and for how long it is still good', async () => {
    const email = newEmail();
    expect((await call('POST', '/accounts', { email, password: PASSWORD }, 'de')).status).toBe(201);
    expect((await mailTo(email, 1)).text).toContain('innerhalb von einer Stunde');
    await database.query(
      `UPDATE email_links SET created_at = '2026-01-02T03:04:05Z', asked_from = '2001:db8::7',
         expires_at = expires_at - interval '50 minutes' WHERE email = $1`,
      [email],
    );
    expect((await call('POST', '/account/email', { email })).status).toBe(200);
    const { text } = await mailTo(email, 2);
    expect(text).toContain('innerhalb von 10 Minuten');
    expect(text).toContain('Wann: 2. Januar 2026, 03:04 UTC');
    expect(text).toContain('Herkunft: 2001:db8::7');
    const form = new URLSearchParams({ email: newEmail() }).toString();
    const { headers } = await server.call('POST', '/email/verify/again?lang=de', form, {
      ...{ 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
    });
    const { body } = await server.call('GET', headers.get('location') ?? '');
    expect(body).toMatch(/so lange, wie es in der E-Mail steht/);
  });

  it('that the previous release has queued are sent', async () => {
    const { email } = await mailsOf('de');
    await database.query('UPDATE accounts SET locale = NULL WHERE email = $1', [email]);
    await database.query(
      `WITH r AS (INSERT INTO password_resets (account_id, expires_at)
         SELECT id, now() + interval '1 hour' FROM accounts WHERE email = $1 RETURNING id)
       INSERT INTO outgoing_mails (kind, subject_id, recipient) SELECT 'password-reset', id, $1 FROM r`,
      [email],
    );
    const { text } = await mailTo(email, 4);
    expect(text).toContain(SAID.en[1]);
    expect(text).toMatch(/^When: /m);
    expect(text).not.toMatch(/^From: /m);
  });

  it('that invite say who does and when, also when they are sent again, and not where an admin is', async () => {
    Object.assign(server.config, { emailVerification: 'off' });
    const admin = await signedInAdmin(server);
    Object.assign(server.config, { emailVerification: 'required' });
    const email = newEmail();
    const invite = (to: string, locale: string) =>
      server.call('POST', '/api/v1/accounts', { email: to, locale }, admin.headers);
    expect((await invite(email, 'de')).status).toBe(201);
    expect((await mailTo(email, 1)).text).not.toContain('Eingeladen von');
    await database.query('UPDATE accounts SET name = $2 WHERE id = $1', [admin.id, 'מרים <b>']);
    const named = newEmail();
    expect((await invite(named, 'ar')).status).toBe(201);
    const { text, html } = await mailTo(named, 1);
    expect(text).toContain('\nالداعي: \u2068מרים <b>\u2069\n');
    expect(text).toMatch(/\d\d:\d\d UTC\n/);
    expect(text).not.toContain('127.0.0.1');
    expect(html).toContain('<bdi>מרים &#60;b&#62;</bdi>');
    // Whoever signs up with the email has no invitation of their own.
    expect((await call('POST', '/accounts', { email: named, password: PASSWORD })).status).toBe(201);
    await mailTo(named, 2);
    const verify_email_token = await tokenOf('email_links', 'email-verification', named);
    expect((await call('PUT', '/account/email', { verify_email_token, password: PASSWORD })).status).toBe(409);
    expect((await mailTo(named, 3)).text).toContain('\u2068מרים <b>\u2069');
  });

  it('are in the language that the holder sets', async () => {
    const email = newEmail();
    await call('POST', '/accounts', { email, password: PASSWORD }, 'fr');
    await mailTo(email, 1);
    const verify_email_token = await tokenOf('email_links', 'email-verification', email);
    await call('PUT', '/account/email', { verify_email_token, password: PASSWORD });
    const signedIn = await call('POST', '/account/session', { email, password: PASSWORD });
    const changed = await server.call(
      'PATCH',
      '/account',
      { account: { locale: 'es' } },
      {
        authorization: `Bearer ${signedIn.body.token as string}`,
      },
    );
    expect(changed).toMatchObject({ status: 200, body: { data: { email, locale: 'es' } } });
    await call('POST', '/account/password', { email }, 'fr');
    expect((await mailTo(email, 2)).text).toContain(SAID.es[1]);
  });

  it('are in the language that an admin sets, from the invitation on', async () => {
    Object.assign(server.config, { emailVerification: 'off' });
    const admin = await signedInAdmin(server);
    Object.assign(server.config, { emailVerification: 'required' });
    const as = (method: string, path: string, body: object) => server.call(method, path, body, admin.headers);
    const email = newEmail();
    const made = await as('POST', '/api/v1/accounts', { email, locale: 'DE-ch' });
    expect(made).toMatchObject({ status: 201, body: { locale: 'de-CH' } });
    const { id } = made.body as { id: string };
    expect((await mailTo(email, 1)).subject).toMatch(/^Einladung zu /);
    const changed = await as('PATCH', `/api/v1/accounts/${id}`, { locale: 'fr' });
    expect(changed).toMatchObject({ status: 200, body: { locale: 'fr' } });
    await call('POST', '/account/password', { email }, 'ja');
    expect((await mailTo(email, 2)).text).toContain(SAID.fr[1]);
    expect(await as('PATCH', `/api/v1/accounts/${id}`, { locale: null })).toMatchObject({
      status: 200,
      body: { locale: null },
    });
    for (const locale of ['', 'd', 'not a tag', 'de_CH', '*', 5, ['de'], 'de-'.padEnd(40, 'x')]) {
      const { status, body } = await as('PATCH', `/api/v1/accounts/${id}`, { locale });
      expect([locale, status, body.errors?.locale]).toEqual([locale, 400, expect.stringMatching(/^must be a/)]);
    }
  });
});
