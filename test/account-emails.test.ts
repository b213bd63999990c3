import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import bcrypt from 'bcrypt';
import { migrations } from '../migrations/index.js';
import { PasswordHasher } from '../src/passwords/password-hasher.js';
import type { Config } from '../src/config/config.js';
import { ADMINISTRATION_LOCK } from '../src/database/locks.js';
import { migrationDataSource } from '../src/database/migrate.js';
import { Sweeper } from '../src/database/sweeper.service.js';
import { SecretKeys, type KeyPurpose } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { waiting, whileLocked } from './support/locks.js';
import { MailServer } from './support/mail-server.js';
import { newClient } from './support/oauth.js';
import { eventually } from './support/process.js';
import { bearer, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { logIn, newApiToken, newAppToken, oboToken, signedInAdmin, signedInUser, type User } from './support/tokens.js';

const PUBLIC_URL = 'http://latchkey.test';
const OLD = 'example';
const NEW = 'another example';
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** What replicas promise each other, in milliseconds. */
const AT_WORST = 2_000;
const UNDO_TTL = 48 * 3_600;
const ROUNDS = 12;
/** Of races that locks put in order, one way or the other. */
const ORDERED_ROUNDS = 5;

let database: TestDatabase;
let mailServer: MailServer;
let here: TestServer;
/** Another server on the same database. */
let there: TestServer;
let admin: User;
/** A client, as HTTP Basic. */
let client: { authorization: string };

beforeAll(async () => {
  database = await createDatabase();
  mailServer = await new MailServer().start();
  const overrides = { publicUrl: PUBLIC_URL, smtpUrl: mailServer.url(), mailFrom: 'Latchkey <no-reply@latchkey.test>' };
  here = await startServer(database.connection, overrides);
  there = await startServer(database.connection, overrides);
  admin = await signedInAdmin(here);
  client = (await newClient(here)).basic;
});

afterAll(async () => {
  await there.close();
  await here.close();
  await mailServer.stop();
  await database.drop();
});

/** As if both servers had been started with these settings: each is read when it matters. */
function set(settings: Partial<Config>): void {
  for (const { config } of [here, there]) Object.assign(config, settings);
}

beforeEach(() => {
  set({ signup: 'open', emailVerification: 'off', loginMaxFailures: 1_000 });
});

afterEach(() => {
  jest.restoreAllMocks();
});

interface Account {
  id: string;
  email: string;
}

const post = (path: string, account: object, at = here) => at.call('POST', path, { account });
const askForAccount = (email: string, password = OLD, at = here) => post('/accounts', { email, password }, at);
const signIn = (email: string, password: string, at = here) => post('/account/session', { email, password }, at);
const askToVerify = (email: string) => post('/account/email', { email });
const verify = (verify_email_token: string) => here.call('PUT', '/account/email', { account: { verify_email_token } });
const undo = (undo_email_token: string, at = here) =>
  at.call('PUT', '/account/email/undo', { account: { undo_email_token } });
const redeem = (reset_password_token: string, password = NEW) =>
  here.call('PUT', '/account/password', { account: { password, reset_password_token } });
const change = (id: string, token: string, email: string, password = OLD, at = here) =>
  at.call('PUT', `/accounts/${id}`, { account: { email, password } }, bearer(token));
const administer = (method: string, path: string, body?: object) =>
  here.call(method, `/api/v1/accounts/${path}`, body, admin.headers);
const reads = async (id: string, token: string, at = here) =>
  (await at.call('GET', `/accounts/${id}`, undefined, bearer(token))).status;

const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status);

function expectAnswer({ status, body }: Answer, expected: number, content: unknown): void {
  expect({ status, body }).toEqual({ status: expected, body: content });
}

const TAKEN = { id: 'conflict', message: expect.any(String), errors: { email: ['is taken'] } };

function expectUnusable(answer: Answer, field: 'verify_email_token' | 'undo_email_token'): void {
  expectAnswer(answer, 422, {
    id: 'invalid_params',
    message: expect.any(String),
    errors: { [field]: ['is invalid, has expired or has already been used'] },
  });
}

type Purpose = 'verify' | 'undo' | 'reset';

const PATHS: Record<Purpose, string> = { verify: 'email/verify', undo: 'email/undo', reset: 'password/reset' };
const KEYS: Record<Purpose, KeyPurpose> = {
  verify: 'email-verification',
  undo: 'email-undo',
  reset: 'password-reset',
};

/** @returns the mails of a purpose that have come to an address, oldest first, as they are read */
function mailsTo(email: string, purpose: Purpose): string[] {
  return mailServer.mails
    .filter(({ to }) => to.includes(email))
    .map(({ raw }) => raw.replace(/=\r\n/g, '').replaceAll('\r\n', '\n'))
    .map((raw) => raw.replace(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16))))
    .filter((text) => text.includes(`${PUBLIC_URL}/${PATHS[purpose]}#token=`));
}

/** @returns the kinds of all mails that were ever queued for an address, in whatever case */
async function queuedTo(email: string): Promise<string[]> {
  const rows = await database.query<{ kind: string }>(
    'SELECT kind FROM outgoing_mails WHERE lower(recipient) = lower($1) ORDER BY created_at',
    [email],
  );
  return rows.map(({ kind }) => kind);
}

/** Waits for as many mails. */
async function mails(email: string, purpose: Purpose, count = 1): Promise<string[]> {
  return eventually(() => {
    const found = mailsTo(email, purpose);
    expect(found).toHaveLength(count);
    return found;
  });
}

/** @returns the token in the last of as many mails */
async function mailedToken(email: string, purpose: Purpose, count = 1): Promise<string> {
  const text = (await mails(email, purpose, count)).at(-1) ?? '';
  const link = new RegExp(`^${PUBLIC_URL}/${PATHS[purpose]}#token=(\\S+)$`, 'm').exec(text);
  if (link?.[1] === undefined) throw new Error(`There is no link on a line of its own in ${text}`);
  return link[1];
}

/** @returns the token of the account's newest link, without the wait for its mail */
async function tokenOf(id: string, purpose: Purpose): Promise<string> {
  const table = purpose === 'reset' ? 'password_resets' : 'email_links';
  const [link] = await database.query<{ id: string }>(
    `SELECT id FROM ${table} l WHERE account_id = $1
       AND coalesce(to_jsonb(l) ->> 'purpose', 'reset') = $2 ORDER BY created_at DESC LIMIT 1`,
    [id, purpose],
  );
  if (!link) throw new Error(`There is no link to ${purpose}.`);
  return here.app.get(SecretKeys).sign(KEYS[purpose], link.id);
}

const idIn = (token: string) => token.slice(0, 36);

/** Moves links into the past. */
async function age(token: string, seconds: number): Promise<void> {
  await database.query(
    `UPDATE email_links SET created_at = created_at - $2 * interval '1 second',
       expires_at = expires_at - $2 * interval '1 second' WHERE id = $1`,
    [idIn(token), seconds],
  );
}

async function rowOf(id: string): Promise<{ email: string; verified: boolean; password: boolean } | undefined> {
  const [row] = await database.query<{ email: string; verified: boolean; password: boolean }>(
    `SELECT email, email_verified_at IS NOT NULL AS verified, password_hash IS NOT NULL AS password FROM accounts
     WHERE id = $1`,
    [id],
  );
  return row;
}

async function liveSessions(id: string): Promise<number> {
  const rows = await database.query(
    'SELECT id FROM sessions WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now()',
    [id],
  );
  return rows.length;
}

/** Signs up while emails have to be verified, and verifies it or not. */
async function newAccount({ verified = true } = {}): Promise<Account> {
  const email = newEmail();
  const answer = await askForAccount(email);
  const { id } = answer.body as Account;
  expectAnswer(answer, 201, { id, email });
  if (verified) expect((await verify(await tokenOf(id, 'verify'))).status).toBe(200);
  return { id, email };
}

/** An account, and a second address that it was given. Whoever did that is signed in by `token`. */
async function changedAccount(): Promise<{ id: string; a: string; b: string; token: string }> {
  const { id, email: a, token } = await signUp(here);
  const b = newEmail();
  const { status, body } = await change(id, token, b);
  expect(status).toBe(200);
  return { id, a, b, token: body.token as string };
}

async function tables(): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`,
  );
  return rows.map(({ name }) => name);
}

/** All that the database holds, as text. */
async function dump(): Promise<string> {
  const texts: string[] = [];
  for (const table of await tables()) {
    const rows = await database.query<{ text: string }>(`SELECT t::text AS text FROM "${table}" t`);
    texts.push(...rows.map(({ text }) => text));
  }
  return texts.join('\n');
}

async function countRows(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of await tables()) {
    const [row] = await database.query<{ count: number }>(`SELECT count(*)::int FROM "${table}"`);
    counts[table] = row?.count ?? 0;
  }
  return counts;
}

/** @returns how many rows were added to which table meanwhile */
async function rowsAdded(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await countRows();
  await work();
  const after = Object.entries(await countRows());
  return Object.fromEntries(
    after.map(([table, count]) => [table, count - (before[table] ?? 0)] as const).filter(([, count]) => count !== 0),
  );
}

const logInAt = (username: string, password: string) =>
  here.call('POST', '/api/v1/token/', { username, password }, { 'app-token': admin.appToken });

/** Fills in the form of a new WAYF page. */
async function fillIn(email: string, password: string): Promise<Answer> {
  const visitor = { ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'seen' };
  const { body } = await here.call('POST', '/api/identifications', visitor, client);
  const form = new URLSearchParams({ institution: 'none', email, password }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' };
  return here.call('POST', `/wayf/${(body as Account).id}`, form, headers);
}

const problemIn = ({ body }: Answer) => /role="alert">([^<]*)</.exec(body as string)?.[1];

describe('Signing up', () => {
  it.each(['invite', 'closed'] as const)(
    'is refused with SIGNUP=%s, whatever is sent and before anything is hashed',
    async (signup) => {
      const { email: taken } = await signUp(here);
      set({ signup });
      const hash = jest.spyOn(here.app.get(PasswordHasher), 'hash');
      const refused = { id: 'forbidden', message: 'Sign-up is disabled. Ask an administrator for an account.' };
      for (const [email, password] of [
        [newEmail(), OLD],
        [newEmail(), 'short'],
        [taken, OLD],
      ] as const) {
        const added = await rowsAdded(async () => {
          expectAnswer(await askForAccount(email, password), 403, refused);
        });
        expect(added).toEqual({ audit_events: 1, audit_emails: 1 });
      }
      expect(hash).not.toHaveBeenCalled();
      expect((await askForAccount('no email')).status).toBe(422);
      // Whoever has an account goes on as ever.
      expect((await signIn(taken, OLD)).status).toBe(200);
    },
  );

  it('is left to admins with SIGNUP=invite: they make accounts with a password, or with an invitation', async () => {
    set({ signup: 'invite' });
    const [email, invited] = [newEmail(), newEmail()];
    expect((await administer('POST', '', { email, password: OLD })).status).toBe(201);
    expect((await signIn(email, OLD)).status).toBe(200);
    expect((await administer('POST', '', { email: invited })).status).toBe(201);
    const [mail = ''] = await mails(invited, 'reset');
    expect(mail).toContain('\nSubject: You are invited to latchkey.test\n');
    expect((await redeem(await mailedToken(invited, 'reset'))).status).toBe(200);
    expect((await signIn(invited, NEW)).status).toBe(200);
  });

  it('is left to admins with SIGNUP=closed: they make accounts with a password only', async () => {
    set({ signup: 'closed' });
    const email = newEmail();
    expectAnswer(await administer('POST', '', { email }), 400, {
      errors: { password: 'is required, as invitations are disabled (SIGNUP=closed)' },
    });
    expect((await administer('POST', '', { email, password: OLD })).status).toBe(201);
    expect((await signIn(email, OLD)).status).toBe(200);
  });
});

describe('With EMAIL_VERIFICATION=off', () => {
  it('nobody is asked to verify anything, at any door, and a change of email opens a session', async () => {
    const { id, email, token } = await signUp(here);
    expect(await rowOf(id)).toEqual({ email, verified: false, password: true });
    expect((await signIn(email, OLD)).status).toBe(200);
    expect((await logInAt(email, OLD)).status).toBe(200);
    expect((await fillIn(email, OLD)).status).toBe(303);
    const next = newEmail();
    const changed = await change(id, token, next);
    expectAnswer(changed, 200, { token: expect.any(String) });
    expect(await reads(id, changed.body.token as string)).toBe(200);
    const links = await database.query('SELECT purpose, email FROM email_links WHERE account_id = $1', [id]);
    expect(links).toEqual([{ purpose: 'undo', email }]);
  });
});

describe('With EMAIL_VERIFICATION=required', () => {
  beforeEach(() => {
    set({ emailVerification: 'required' });
  });

  const UNVERIFIED = {
    id: 'unverified',
    message: 'Verify your email first. Open the link that was sent to it.',
  };

  it('whoever signs up is given no session, and signs in once they have used the link in the mail', async () => {
    const email = newEmail();
    const answer = await post('/accounts', { email, password: OLD, remember_me: true });
    const { id } = answer.body as Account;
    expectAnswer(answer, 201, { id, email });
    expect(await liveSessions(id)).toBe(0);
    expectAnswer(await signIn(email, OLD), 403, UNVERIFIED);
    const verified = await verify(await mailedToken(email, 'verify'));
    expectAnswer(verified, 200, { id, email });
    expect(verified.headers.get('cache-control')).toBe('no-store');
    expect(await liveSessions(id)).toBe(0);
    const { status, body } = await signIn(email.toUpperCase(), OLD);
    expect(status).toBe(200);
    expect(await reads(id, body.token as string)).toBe(200);
  });

  it('the mail is plain text and HTML, with the same link in both', async () => {
    const email = `o'neil&co.${newEmail()}`;
    expect((await askForAccount(email)).status).toBe(201);
    const [mail = ''] = await mails(email, 'verify');
    expect(mail).toContain('\nSubject: Verify your email for latchkey.test\n');
    expect(mail).toContain('\nFrom: Latchkey <no-reply@latchkey.test>\n');
    expect(mail).toContain(`has an account with the email ${email} at latchkey.test.`);
    expect(mail).toContain('Open this link within one hour to confirm that the email is yours:');
    const link = `${PUBLIC_URL}/email/verify#token=${await mailedToken(email, 'verify')}`;
    expect(mail).toContain(`<a href="${link}">Verify the email</a>`);
    expect(mail).toContain('the email o&#39;neil&#38;co.');
    expect(mail.split(link)).toHaveLength(3);
  });

  it('every door tells whoever knows the password, and nobody else, that the email is not verified', async () => {
    const [account, control] = [await newAccount({ verified: false }), await newAccount()];
    expectAnswer(await signIn(account.email, OLD), 403, UNVERIFIED);
    expectAnswer(await logInAt(account.email, OLD), 403, {
      errors: { request: 'Verify your email first. Open the link that was sent to it.' },
    });
    const page = await fillIn(account.email, OLD);
    // The form stays: once the link is opened, it can be sent again.
    expect(page.status).toBe(422);
    expect(problemIn(page)).toBe(UNVERIFIED.message);
    expect(page.body).toContain(`value="${account.email}"`);
    for (const door of [signIn, logInAt, fillIn]) {
      const [wrong, usual, unknown] = [
        await door(account.email, 'wrong password'),
        await door(control.email, 'wrong password'),
        await door(newEmail(), 'wrong password'),
      ];
      expect(wrong.status).toBe(door === fillIn ? 422 : 401);
      expect(usual.status).toBe(wrong.status);
      if (door === fillIn) expect(problemIn(wrong)).toBe('Invalid email or password.');
      else expect([usual.body, unknown.body]).toEqual([wrong.body, wrong.body]);
    }
    expect(await liveSessions(account.id)).toBe(0);
    expect(await database.query('SELECT id FROM tokens WHERE account_id = $1', [account.id])).toEqual([]);
  });

  it('a wrong password costs as much hashing as ever, and the right one is no failure', async () => {
    const [account, control] = [await newAccount({ verified: false }), await newAccount()];
    const compare = jest.spyOn(bcrypt, 'compare');
    const counts: number[] = [];
    for (const email of [account.email, control.email, newEmail()]) {
      compare.mockClear();
      expect((await signIn(email, 'wrong password')).status).toBe(401);
      counts.push(compare.mock.calls.length);
    }
    expect(counts).toEqual([1, 1, 1]);
    set({ loginMaxFailures: 3 });
    expect((await signIn(account.email, 'wrong password')).status).toBe(401);
    for (let attempt = 0; attempt < 5; attempt += 1) expectAnswer(await signIn(account.email, OLD), 403, UNVERIFIED);
    expect((await signIn(account.email, 'wrong password')).status).toBe(401);
    expect((await signIn(account.email, OLD)).status).toBe(429);
  });

  it('the answer is the same 401 for an unverified account that is disabled', async () => {
    const account = await newAccount({ verified: false });
    expect((await administer('PATCH', account.id, { disabled: true })).status).toBe(200);
    expectAnswer(await signIn(account.email, OLD), 401, { id: 'unauthorized', message: expect.any(String) });
  });

  it('an account that an admin makes with a password has to verify its email too', async () => {
    const email = newEmail();
    const made = await administer('POST', '', { email, password: OLD });
    expect({ status: made.status, body: made.body }).toMatchObject({ status: 201, body: { email_verified_at: null } });
    expectAnswer(await signIn(email, OLD), 403, UNVERIFIED);
    expect((await verify(await mailedToken(email, 'verify'))).status).toBe(200);
    const { id } = made.body as Account;
    expect((await administer('GET', id)).body).toMatchObject({ email_verified_at: expect.any(String) });
    expect((await signIn(email, OLD)).status).toBe(200);
  });

  it('an invitation verifies the email, and so does a reset of the password', async () => {
    const invited = newEmail();
    const { body } = await administer('POST', '', { email: invited });
    expect((await redeem(await tokenOf((body as Account).id, 'reset'))).status).toBe(200);
    expect((await signIn(invited, NEW)).status).toBe(200);
    expect(await queuedTo(invited)).toEqual(['invitation']);

    const account = await newAccount({ verified: false });
    expect((await post('/account/password', { email: account.email })).status).toBe(200);
    const reset = { password: NEW, reset_password_token: await tokenOf(account.id, 'reset'), remember_me: true };
    const redeemed = await here.call('PUT', '/account/password', { account: reset });
    expect(redeemed.status).toBe(200);
    expect(await reads(account.id, redeemed.body.token as string)).toBe(200);
    expect((await signIn(account.email, NEW)).status).toBe(200);
  });

  it('a new email has to be verified before the account signs in again', async () => {
    const { id, email } = await newAccount();
    const { token } = (await signIn(email, OLD)).body as { token: string };
    const next = newEmail();
    const answer = await post(`/account/session`, { email, password: OLD, remember_me: true });
    expectAnswer(await change(id, token, next), 200, { id, email: next });
    expect(await liveSessions(id)).toBe(0);
    expect(await reads(id, token)).toBe(401);
    const { refresh_token } = answer.body as { refresh_token: string };
    expect((await here.call('PUT', '/account/session', { account: { refresh_token } })).status).toBe(401);
    expectAnswer(await signIn(next, OLD), 403, UNVERIFIED);
    expect((await signIn(email, OLD)).status).toBe(401);
    expectAnswer(await verify(await mailedToken(next, 'verify')), 200, { id, email: next });
    expect((await signIn(next, OLD)).status).toBe(200);
  });

  it('an email of which only the case changes, or nothing, stays verified, and the session is opened', async () => {
    const { id, email } = await newAccount();
    let { token } = (await signIn(email, OLD)).body as { token: string };
    for (const same of [email.toUpperCase(), email.toUpperCase(), email]) {
      const { status, body } = await change(id, token, same);
      expect({ status, keys: Object.keys(body as object) }).toEqual({ status: 200, keys: ['token'] });
      token = body.token as string;
      expect(await rowOf(id)).toEqual({ email: same, verified: true, password: true });
    }
    expect((await administer('PATCH', id, { email: email.toUpperCase() })).body).toMatchObject({
      email_verified_at: expect.any(String),
    });
    expect(await reads(id, token)).toBe(200);
    expect((await signIn(email, OLD)).status).toBe(200);
    expect(await queuedTo(email)).toEqual(['email-verification']);
  });

  it('an email that an admin changes has to be verified', async () => {
    const { id, email } = await newAccount();
    const { token } = (await signIn(email, OLD)).body as { token: string };
    const next = newEmail();
    const { status, body } = await administer('PATCH', id, { email: next });
    expect({ status, body }).toMatchObject({ status: 200, body: { email: next, email_verified_at: null } });
    expect(await reads(id, token)).toBe(401);
    expectAnswer(await signIn(next, OLD), 403, UNVERIFIED);
    expect((await verify(await mailedToken(next, 'verify'))).status).toBe(200);
    expect((await signIn(next, OLD)).status).toBe(200);
    await mails(email, 'undo');
  });

  describe('a verification token', () => {
    it('works once, also of several at once', async () => {
      const account = await newAccount({ verified: false });
      const token = await mailedToken(account.email, 'verify');
      const answers = await Promise.all([verify(token), verify(token), verify(token)]);
      expect(statusesOf(answers).sort()).toEqual([200, 422, 422]);
      expectUnusable(await verify(token), 'verify_email_token');
      expect((await signIn(account.email, OLD)).status).toBe(200);
    });

    it('lasts as long as the mail says', async () => {
      const [late, intime] = [await newAccount({ verified: false }), await newAccount({ verified: false })];
      const [lateToken, token] = [await tokenOf(late.id, 'verify'), await tokenOf(intime.id, 'verify')];
      await age(lateToken, 3_600);
      await age(token, 3_600 - 60);
      expectUnusable(await verify(lateToken), 'verify_email_token');
      expect((await rowOf(late.id))?.verified).toBe(false);
      expect((await verify(token)).status).toBe(200);
    });

    it('that is not one of ours, or is for something else, is refused', async () => {
      const account = await newAccount({ verified: false });
      const other = await newAccount({ verified: false });
      const { id, b } = await withOff(changedAccount);
      await post('/account/password', { email: account.email });
      const [token, otherToken] = [await tokenOf(account.id, 'verify'), await tokenOf(other.id, 'verify')];
      const [linkId = '', key = '', mac = ''] = token.split('.');
      const reset = await tokenOf(account.id, 'reset');
      const undoing = await tokenOf(id, 'undo');
      const sign = (purpose: Purpose, text: string) => here.app.get(SecretKeys).sign(KEYS[purpose], text);
      const bad = {
        empty: '',
        'a word': 'token',
        'without the mac': `${linkId}.${key}`,
        'cut at its end': token.slice(0, -1),
        longer: `${token}A`,
        'with a space before it': ` ${token}`,
        'with its id in capitals': `${linkId.toUpperCase()}.${key}.${mac}`,
        'with another key': `${linkId}.00000000.${mac}`,
        'with the mac of another link': `${linkId}.${key}.${otherToken.split('.')[2] ?? ''}`,
        'with the id of another link': `${idIn(otherToken)}.${key}.${mac}`,
        'a reset token': reset,
        'an undo token': undoing,
        'for a reset, but signed for this': sign('verify', idIn(reset)),
        'for undoing, but signed for this': sign('verify', idIn(undoing)),
        'signed for a reset': sign('reset', linkId),
        'signed for undoing': sign('undo', linkId),
        endless: 'a.'.repeat(50_000),
      };
      for (const [what, candidate] of Object.entries(bad)) {
        const { status, body } = await verify(candidate);
        expect({ what, status, errors: (body as { errors: object }).errors }).toEqual({
          what,
          status: 422,
          errors: { verify_email_token: ['is invalid, has expired or has already been used'] },
        });
      }
      // And the other way round.
      for (const candidate of [
        token,
        reset,
        sign('undo', linkId),
        sign('undo', idIn(reset)),
        sign('verify', idIn(undoing)),
      ]) {
        expectUnusable(await undo(candidate), 'undo_email_token');
      }
      for (const candidate of [token, undoing, sign('reset', linkId), sign('reset', idIn(undoing))]) {
        expect((await redeem(candidate)).status).toBe(422);
      }
      expect(await rowOf(account.id)).toMatchObject({ verified: false });
      expect(await rowOf(id)).toMatchObject({ email: b });
      expect((await verify(token)).status).toBe(200);
      expect((await undo(undoing)).status).toBe(200);
    });

    it.each(['verify_email_token', 'undo_email_token'])('must be text: %s', async (field) => {
      const path = field === 'undo_email_token' ? '/account/email/undo' : '/account/email';
      for (const token of [undefined, null, 1, {}, ['x']]) {
        const { status, body } = await here.call('PUT', path, { account: { [field]: token } });
        expect({ status, body }).toMatchObject({ status: 422, body: { errors: { [field]: ['must be a string'] } } });
      }
    });

    it('is worth nothing once the email is another one, or is it again', async () => {
      const { id, email } = await newAccount({ verified: false });
      const token = await tokenOf(id, 'verify');
      const next = newEmail();
      expect((await administer('PATCH', id, { email: next })).status).toBe(200);
      expectUnusable(await verify(token), 'verify_email_token');
      expect((await administer('PATCH', id, { email })).status).toBe(200);
      expectUnusable(await verify(token), 'verify_email_token');
      expect(await rowOf(id)).toMatchObject({ email, verified: false });
      expect((await verify(await tokenOf(id, 'verify'))).status).toBe(200);
    });

    it('is still good when only the case of the email is another one', async () => {
      const { id, email } = await newAccount({ verified: false });
      expect((await administer('PATCH', id, { email: email.toUpperCase() })).status).toBe(200);
      expect((await verify(await tokenOf(id, 'verify'))).status).toBe(200);
      expect((await signIn(email, OLD)).status).toBe(200);
    });

    it('is refused for an account that is disabled, also when it is enabled again, and for one that is deleted', async () => {
      const [disabled, deleted] = [await newAccount({ verified: false }), await newAccount({ verified: false })];
      const tokens = [await tokenOf(disabled.id, 'verify'), await tokenOf(deleted.id, 'verify')] as const;
      expect((await administer('PATCH', disabled.id, { disabled: true })).status).toBe(200);
      expectUnusable(await verify(tokens[0]), 'verify_email_token');
      expect((await administer('PATCH', disabled.id, { disabled: false })).status).toBe(200);
      expectUnusable(await verify(tokens[0]), 'verify_email_token');
      expect(await rowOf(disabled.id)).toMatchObject({ verified: false });
      expect((await administer('DELETE', deleted.id)).status).toBe(204);
      expectUnusable(await verify(tokens[1]), 'verify_email_token');
    });
  });

  describe('whoever asks for the link again', () => {
    /** As if a minute had passed since the last mail. */
    const letMinutePass = () =>
      database.query(`UPDATE attempt_limits SET window_ends_at = now() WHERE key LIKE 'verify %'`);

    it('gets one a minute, whatever the case of the email, and the same answer each time', async () => {
      const { id, email } = await newAccount({ verified: false });
      await mails(email, 'verify');
      for (const spelling of [email, email.toUpperCase(), email]) {
        expectAnswer(await askToVerify(spelling), 200, { id, email: spelling });
      }
      const second = await mailedToken(email, 'verify', 2);
      await letMinutePass();
      await Promise.all([1, 2, 3, 4].map(() => askToVerify(email)));
      const third = await mailedToken(email, 'verify', 3);
      expect(new Set([second, third]).size).toBe(2);
      // Any of them will do, and then no other.
      expect((await verify(second)).status).toBe(200);
      expectUnusable(await verify(third), 'verify_email_token');
    });

    it('learns nothing about an email: one that is unknown, verified or disabled looks as one that is not verified', async () => {
      const unverified = await newAccount({ verified: false });
      const verified = await newAccount();
      const disabled = await newAccount({ verified: false });
      expect((await administer('PATCH', disabled.id, { disabled: true })).status).toBe(200);
      const unknown = newEmail();
      await mails(unverified.email, 'verify');
      const ids: string[] = [];
      const seen: unknown[] = [];
      for (const email of [unknown, verified.email, disabled.email, unverified.email]) {
        const added = await rowsAdded(async () => {
          const { status, headers, body } = await askToVerify(email);
          const { id, ...rest } = body as Account;
          expect({ status, rest }).toEqual({ status: 200, rest: { email } });
          expect(id).toMatch(UUID_V4);
          expect(headers.get('cache-control')).toBe('no-store');
          ids.push(id);
        });
        seen.push(added);
      }
      expect(seen).toEqual(
        Array(4).fill({ email_links: 1, outgoing_mails: 1, attempt_limits: 1, audit_events: 1, audit_emails: 1 }),
      );
      expect(ids.slice(1)).toEqual([verified.id, expect.any(String), unverified.id]);
      expect(ids[2]).not.toBe(disabled.id);
      // The same as when the password is forgotten, and each time.
      expect((await post('/account/password', { email: unknown })).body).toEqual({ id: ids[0], email: unknown });
      expect((await askToVerify(unknown.toUpperCase())).body).toEqual({ id: ids[0], email: unknown.toUpperCase() });
      await mails(unverified.email, 'verify', 2);
      // One that is queued is queued as done, or for whoever wants it.
      const mail = { kind: 'email-verification', attempts: 0, born_done: true };
      for (const email of [unknown, verified.email, disabled.email]) {
        const queued = await database.query(
          `SELECT kind, attempts, done_at = created_at AS born_done FROM outgoing_mails
           WHERE recipient = $1 ORDER BY created_at DESC, id LIMIT 1`,
          [email],
        );
        expect(queued).toEqual([mail]);
      }
    });

    it.each([['no email'], [''], [null], [`${'x'.repeat(250)}@example.org`]])(
      'is told when %j is no email',
      async (email) => {
        const { status, body } = await post('/account/email', { email });
        expect({ status, body }).toMatchObject({ status: 422, body: { errors: { email: expect.any(Array) } } });
      },
    );
  });
});

/** Runs something as if no email had to be verified. */
async function withOff<T>(work: () => Promise<T>): Promise<T> {
  const { emailVerification } = here.config;
  set({ emailVerification: 'off' });
  try {
    return await work();
  } finally {
    set({ emailVerification });
  }
}

describe('An account from before emails were verified', () => {
  it('counts as verified', async () => {
    const old = await createDatabase({ empty: true });
    try {
      const migrateTo = async (count: number) => {
        const source = await migrationDataSource(old.connection, migrations.slice(0, count)).initialize();
        await source.runMigrations();
        await source.destroy();
      };
      await migrateTo(13);
      const hash = await bcrypt.hash(OLD, 4);
      await old.query(`INSERT INTO accounts (email, password_hash) VALUES ('ada@example.org', $1)`, [hash]);
      await migrateTo(14);
      // One that an old replica makes meanwhile, or a new one.
      await old.query(`INSERT INTO accounts (email, password_hash) VALUES ('eve@example.org', $1)`, [hash]);
      const rows = await old.query(
        'SELECT email, email_verified_at IS NOT NULL AS verified FROM accounts ORDER BY email',
      );
      expect(rows).toEqual([
        { email: 'ada@example.org', verified: true },
        { email: 'eve@example.org', verified: false },
      ]);
      const server = await startServer(old.connection, { emailVerification: 'required' });
      try {
        expect((await signIn('ada@example.org', OLD, server)).status).toBe(200);
        expect((await signIn('eve@example.org', OLD, server)).status).toBe(403);
      } finally {
        await server.close();
      }
    } finally {
      await old.drop();
    }
  });
});

describe('A change of email', () => {
  const TOLD = 'The email of your account at latchkey.test was changed from';

  it.each([
    ['by its holder', (id: string, token: string, email: string) => change(id, token, email)],
    ['by an admin', (id: string, _token: string, email: string) => administer('PATCH', id, { email })],
  ])('%s tells the old address, and only that', async (_, changeTo) => {
    const { id, email, token } = await signUp(here);
    const next = newEmail();
    expect((await changeTo(id, token, next)).status).toBe(200);
    const [mail = ''] = await mails(email, 'undo');
    expect(mail).toContain('\nSubject: The email of your account at latchkey.test was changed\n');
    expect(mail).toContain(`${TOLD} ${email} to another one. If this was you, no action is needed.`);
    expect(mail).toContain('If it was not you, open this link within 2 days to restore your email');
    // Not whose it is now.
    expect(mail).not.toContain(next);
    const link = `${PUBLIC_URL}/email/undo#token=${await mailedToken(email, 'undo')}`;
    expect(mail).toContain(`<a href="${link}">Undo the change</a>`);
    expect(await queuedTo(next)).toEqual([]);
  });

  it('that takes the email from an organisation tells the old address too, and it can be undone', async () => {
    const email = newEmail();
    const organisation = { individual: false, name: `Organisation of ${email}`, email, password: OLD };
    const { id } = (await administer('POST', '', organisation)).body as Account;
    expect((await administer('PATCH', id, { email: null })).status).toBe(200);
    expectAnswer(await askForAccount(email), 409, TAKEN);
    expectAnswer(await undo(await mailedToken(email, 'undo')), 200, { id, email });
    expect(await rowOf(id)).toMatchObject({ email, password: false });
  });

  it('is none when only its case, the password or something else is another', async () => {
    const { id, email, token } = await signUp(here);
    const changed = await change(id, token, email.toUpperCase(), NEW);
    expect((await change(id, changed.body.token as string, email, NEW)).status).toBe(200);
    expect((await administer('PATCH', id, { email: email.toUpperCase() })).status).toBe(200);
    expect((await administer('PATCH', id, { email, name: `Name of ${id}` })).status).toBe(200);
    expect(await database.query('SELECT id FROM email_links WHERE account_id = $1', [id])).toEqual([]);
    expect(await queuedTo(email)).toEqual([]);
  });
});

describe('Undoing a change of email', () => {
  /** Somebody has taken an account over, and is signed in everywhere. */
  async function hijacked() {
    const user = await signedInUser(here);
    const { id, email: a } = user;
    const first = (await post('/account/session', { email: a, password: OLD, remember_me: true })).body as {
      token: string;
    };
    const b = newEmail();
    const account = { email: b, password: NEW, remember_me: true };
    const changed = await here.call('PUT', `/accounts/${id}`, { account }, bearer(first.token));
    expect(changed.status).toBe(200);
    const { token, refresh_token } = changed.body as { token: string; refresh_token: string };
    const other = (await signIn(b, NEW, there)).body as { token: string };
    const userToken = await logIn(here, user.appToken, { email: b, password: NEW });
    const obo = await oboToken(here, admin, id);
    const asUser = { ...user.headers, token: userToken };
    const credentials: ((at: TestServer) => Promise<Answer>)[] = [
      ...[token, other.token].map(
        (jwt) => (at: TestServer) => at.call('GET', `/accounts/${id}`, undefined, bearer(jwt)),
      ),
      (at) => at.call('GET', '/api/v1/tokens/', undefined, asUser),
      (at) => at.call('GET', '/api/v1/tokens/', undefined, { 'app-token': admin.appToken, token: obo }),
    ];
    return { id, a, b, user: { ...user, token: userToken, headers: asUser }, refresh_token, credentials };
  }

  it('brings the email back, ends all that was open, everywhere, and mails a link to a new password', async () => {
    const { id, a, b, refresh_token, credentials } = await hijacked();
    expect((await post('/account/password', { email: b })).status).toBe(200);
    const pendingReset = await mailedToken(b, 'reset');
    for (const at of [here, there]) for (const ask of credentials) expect((await ask(at)).status).toBe(200);
    const answer = await undo(await mailedToken(a, 'undo'));
    expectAnswer(answer, 200, { id, email: a });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    for (const ask of credentials) expect((await ask(here)).status).toBe(401);
    await eventually(async () => {
      for (const ask of credentials) expect((await ask(there)).status).toBe(401);
    }, AT_WORST);
    expect((await here.call('PUT', '/account/session', { account: { refresh_token } })).status).toBe(401);
    expect(await liveSessions(id)).toBe(0);
    expect(await rowOf(id)).toEqual({ email: a, verified: true, password: false });
    for (const email of [a, b]) {
      for (const password of [OLD, NEW]) expect((await signIn(email, password)).status).toBe(401);
    }
    expect((await redeem(pendingReset, 'of the hijacker')).status).toBe(422);
    expect((await redeem(await mailedToken(a, 'reset'), 'chosen again')).status).toBe(200);
    expect((await signIn(a, 'chosen again')).status).toBe(200);
    expect(await queuedTo(b)).toEqual(['password-reset', 'email-gone']);
    // Whoever has the other email, it is no account's any more.
    expect((await askForAccount(b)).status).toBe(201);
    const events = await database.query(
      `SELECT e.kind, e.actor_id, m.email FROM audit_events e LEFT JOIN audit_emails m ON m.event_id = e.id
       WHERE e.subject = $1 AND e.kind = 'account.email_change_undone'`,
      [id],
    );
    expect(events).toEqual([{ kind: 'account.email_change_undone', actor_id: id, email: a }]);
  });

  it('ends the App-Tokens too, which whoever changed the email may have made', async () => {
    const { id, a, user } = await hijacked();
    const made = await newAppToken(here, user);
    const logsIn = async (appToken: string) =>
      (
        await here.call(
          'POST',
          '/api/v1/token/',
          { username: admin.email, password: admin.password },
          { 'app-token': appToken },
        )
      ).status;
    expect([await logsIn(made), await logsIn(user.appToken)]).toEqual([200, 200]);
    expect((await undo(await tokenOf(id, 'undo'))).status).toBe(200);
    expect([await logsIn(made), await logsIn(user.appToken)]).toEqual([401, 401]);
    expect((await rowOf(id))?.email).toBe(a);
    // What the gateway has issued is no account's.
    expect(await newApiToken(here, admin.appToken, 'GATEWAY ACCOUNT')).toEqual(expect.any(String));
  });

  it('works where the new email has to be verified, and verifies the old one', async () => {
    set({ emailVerification: 'required' });
    const { id, email: a } = await newAccount();
    const { token } = (await signIn(a, OLD)).body as { token: string };
    const b = newEmail();
    expect((await change(id, token, b)).status).toBe(200);
    const pending = await mailedToken(b, 'verify');
    expectAnswer(await undo(await mailedToken(a, 'undo')), 200, { id, email: a });
    expectUnusable(await verify(pending), 'verify_email_token');
    expect((await redeem(await tokenOf(id, 'reset'))).status).toBe(200);
    expect((await signIn(a, NEW)).status).toBe(200);
  });

  /** What an account was mailed links about, oldest first. */
  const linksOf = (id: string) =>
    database.query<{ purpose: string; email: string }>(
      'SELECT purpose, email FROM email_links WHERE account_id = $1 ORDER BY created_at',
      [id],
    );

  it('brings back the first of two emails: whoever had the second is told without a link', async () => {
    const { id, a, b, token } = await changedAccount();
    const ofA = await tokenOf(id, 'undo');
    const c = newEmail();
    expect((await change(id, token, c)).status).toBe(200);
    expect(await linksOf(id)).toEqual([
      { purpose: 'undo', email: a },
      { purpose: 'tell', email: b },
    ]);
    expect(await queuedTo(b)).toEqual(['email-gone']);
    expectAnswer(await undo(ofA), 200, { id, email: a });
    expect((await rowOf(id))?.email).toBe(a);
    // And what is given up is free.
    for (const email of [b, c]) expect((await askForAccount(email)).status).toBe(201);
  });

  it('is possible for 48 hours after the last change, and its link is mailed again to an email that goes twice', async () => {
    const { id, a, token } = await changedAccount();
    const ofA = await tokenOf(id, 'undo');
    await age(ofA, UNDO_TTL - 60);
    const back = (await change(id, token, a)).body as { token: string };
    expect((await change(id, back.token, newEmail())).status).toBe(200);
    expect(await queuedTo(a)).toEqual(['email-changed', 'email-changed']);
    await age(ofA, UNDO_TTL - 60);
    expectAnswer(await undo(ofA), 200, { id, email: a });
  });

  it('brings back the first of two emails also when the second change had to wait for the first', async () => {
    const { id, email: a, token } = await signUp(here);
    const [b, c] = [newEmail(), newEmail()];
    let second: Promise<Answer> | undefined;
    // Begins before the first change, and is made after it.
    await whileLocked(database, 'SELECT pg_advisory_xact_lock($1, $2)', [...ADMINISTRATION_LOCK], async () => {
      second = administer('PATCH', id, { email: c });
      await waiting(database, 1);
      expect((await change(id, token, b)).status).toBe(200);
    });
    expect((await second)?.status).toBe(200);
    expect((await linksOf(id)).map(({ purpose }) => purpose).sort()).toEqual(['tell', 'undo']);
    expectAnswer(await undo(await tokenOf(id, 'undo')), 200, { id, email: a });
  });

  it('is possible for 48 hours', async () => {
    const [late, intime] = [await changedAccount(), await changedAccount()];
    const [lateToken, token] = [await tokenOf(late.id, 'undo'), await tokenOf(intime.id, 'undo')];
    await age(lateToken, UNDO_TTL);
    await age(token, UNDO_TTL - 60);
    expectUnusable(await undo(lateToken), 'undo_email_token');
    expect((await rowOf(late.id))?.email).toBe(late.b);
    expectAnswer(await askForAccount(intime.a), 409, TAKEN);
    expect((await askForAccount(late.a)).status).toBe(201);
    expect((await undo(token)).status).toBe(200);
  });

  it('is done once, also of several at once on two servers', async () => {
    const { id, a } = await changedAccount();
    const token = await tokenOf(id, 'undo');
    const answers = await Promise.all([undo(token), undo(token, there), undo(token), undo(token, there)]);
    expect(statusesOf(answers).sort()).toEqual([200, 422, 422, 422]);
    for (const answer of answers) if (answer.status !== 200) expectUnusable(answer, 'undo_email_token');
    expectUnusable(await undo(token), 'undo_email_token');
    await mails(a, 'reset');
    expect(await database.query('SELECT id FROM password_resets WHERE account_id = $1', [id])).toHaveLength(1);
  });

  it('is refused for an account that is disabled, also when it is enabled again, and for one that is deleted', async () => {
    const [disabled, deleted] = [await changedAccount(), await changedAccount()];
    const tokens = [await tokenOf(disabled.id, 'undo'), await tokenOf(deleted.id, 'undo')] as const;
    expect((await administer('PATCH', disabled.id, { disabled: true })).status).toBe(200);
    expectUnusable(await undo(tokens[0]), 'undo_email_token');
    expect((await administer('PATCH', disabled.id, { disabled: false })).status).toBe(200);
    expectUnusable(await undo(tokens[0]), 'undo_email_token');
    expect(await rowOf(disabled.id)).toMatchObject({ email: disabled.b, password: true });
    expect((await administer('DELETE', deleted.id)).status).toBe(204);
    expectUnusable(await undo(tokens[1]), 'undo_email_token');
    // Nobody can bring the email back any more, so it is kept for nobody.
    for (const { a } of [disabled, deleted]) expect((await askForAccount(a)).status).toBe(201);
  });

  it('is still possible when the password has been changed since', async () => {
    const { id, a, b, token } = await changedAccount();
    const link = await tokenOf(id, 'undo');
    expect((await change(id, token, b, NEW)).status).toBe(200);
    expect((await post('/account/password', { email: b })).status).toBe(200);
    expect((await redeem(await tokenOf(id, 'reset'), 'a third one')).status).toBe(200);
    expectAnswer(await undo(link), 200, { id, email: a });
    for (const password of [OLD, NEW, 'a third one']) expect((await signIn(a, password)).status).toBe(401);
  });
});

describe('An email that can be brought back', () => {
  it('is kept from everybody else, in whatever case, and its holder can change back to it', async () => {
    const { id, a, token } = await changedAccount();
    const stranger = await signUp(here);
    const invited = await administer('POST', '', { email: newEmail() });
    for (const email of [a, a.toUpperCase()]) {
      expectAnswer(await askForAccount(email), 409, TAKEN);
      expectAnswer(await change(stranger.id, stranger.token, email), 409, TAKEN);
      for (const answer of [
        await administer('POST', '', { email, password: OLD }),
        await administer('POST', '', { email }),
        await administer('PATCH', (invited.body as Account).id, { email }),
      ]) {
        expectAnswer(answer, 409, { errors: { email: 'is taken' } });
      }
    }
    expect(await reads(stranger.id, stranger.token)).toBe(200);
    const back = await change(id, token, a.toUpperCase());
    expect(back.status).toBe(200);
    expect((await rowOf(id))?.email).toBe(a.toUpperCase());
    // The link still brings it back, and takes the password away.
    expect((await undo(await firstUndo(id))).status).toBe(200);
    expect(await rowOf(id)).toMatchObject({ email: a, password: false });
  });

  async function firstUndo(id: string): Promise<string> {
    const [link] = await database.query<{ id: string }>(
      `SELECT id FROM email_links WHERE account_id = $1 AND purpose = 'undo' ORDER BY created_at LIMIT 1`,
      [id],
    );
    return here.app.get(SecretKeys).sign('email-undo', link?.id ?? '');
  }

  it('is nobody else’s, however closely they follow its change', async () => {
    const strangers = [await signUp(here), await signUp(here)] as const;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { id, email: a, token } = await signUp(here);
      const b = newEmail();
      const later = (milliseconds: number, act: () => Promise<Answer>) => sleep(milliseconds).then(act);
      const [changed, ...others] = await Promise.all([
        change(id, token, b),
        askForAccount(a, OLD, there),
        ...[4, 8].map((wait) => later(wait + (round % 4), () => askForAccount(a.toUpperCase(), OLD, here))),
        later(6 + (round % 4), () => change(strangers[0].id, strangers[0].token, a, OLD, there)),
        later(round % 8, () => administer('PATCH', strangers[1].id, { email: a })),
      ]);
      expect(changed.status).toBe(200);
      // A change of credentials is limited: ten a minute.
      await database.query(`DELETE FROM attempt_limits WHERE key LIKE 'change %' OR key LIKE 'email %'`);
      expect(statusesOf(others)).toEqual(others.map(() => 409));
      expect((await undo(await tokenOf(id, 'undo'))).status).toBe(200);
      expect((await rowOf(id))?.email).toBe(a);
    }
  });

  it('is nobody else’s when it is being taken from an organisation at that moment', async () => {
    const email = newEmail();
    const organisation = { individual: false, name: `Organisation of ${email}`, email, password: OLD };
    const { id } = (await administer('POST', '', organisation)).body as Account;
    let answers: Promise<Answer[]> | undefined;
    // The email is gone, but not yet kept.
    await whileLocked(database, 'LOCK TABLE email_links IN SHARE MODE', [], async () => {
      const taking = administer('PATCH', id, { email: null });
      await waiting(database, 1);
      answers = Promise.all([taking, askForAccount(email)]);
      await waiting(database, 2);
    });
    expect(statusesOf((await answers) ?? [])).toEqual([200, 409]);
    expectAnswer(await undo(await tokenOf(id, 'undo')), 200, { id, email });
  });
});

describe('Undoing a change of email at the same moment as', () => {
  /** Runs rounds, each with the acts a little closer or further apart: the first answer is that of the undoing. */
  async function race(
    act: (account: Awaited<ReturnType<typeof changedAccount>>, undoing: () => Promise<Answer>) => Promise<Answer[]>,
  ): Promise<void> {
    for (let round = 0; round < ORDERED_ROUNDS; round += 1) {
      const account = await changedAccount();
      const link = await tokenOf(account.id, 'undo');
      const at = round % 2 === 0 ? here : there;
      const [undone, ...others] = await act(account, () => sleep(round * 3).then(() => undo(link, at)));
      expect({ status: undone?.status, body: undone?.body as unknown }).toEqual({
        status: 200,
        body: { id: account.id, email: account.a },
      });
      for (const { status, body } of others) {
        expect([200, 401, 422]).toContain(status);
        const { token } = body as { token?: string };
        if (token === undefined) continue;
        expect(await reads(account.id, token)).toBe(401);
        await eventually(async () => {
          expect(await reads(account.id, token, there)).toBe(401);
        }, AT_WORST);
      }
      expect(await rowOf(account.id)).toEqual({ email: account.a, verified: true, password: false });
      expect(await liveSessions(account.id)).toBe(0);
      const live = await database.query(
        'SELECT email FROM email_links WHERE account_id = $1 AND ended_at IS NULL AND expires_at > now()',
        [account.id],
      );
      expect(live).toEqual([]);
      // One way in: the link that was mailed.
      const resets = await database.query<{ live: boolean }>(
        'SELECT ended_at IS NULL AS live FROM password_resets WHERE account_id = $1',
        [account.id],
      );
      expect(resets.filter((reset) => reset.live)).toHaveLength(1);
    }
  }

  it('a change of the password leaves nothing of that', () =>
    race(({ id, b, token }, undoing) => Promise.all([undoing(), change(id, token, b, NEW)])));

  it('another change of the email leaves nothing of that, and no way to undo the undoing', () =>
    race(({ id, token }, undoing) => Promise.all([undoing(), change(id, token, newEmail(), NEW)])));

  it('a sign-in leaves no session', () =>
    race(({ b }, undoing) => Promise.all([undoing(), signIn(b, OLD), signIn(b, OLD, there)])));

  it('a reset of the password leaves no password', () =>
    race(async ({ id, b }, undoing) => {
      expect((await post('/account/password', { email: b })).status).toBe(200);
      const reset = await tokenOf(id, 'reset');
      const body = { account: { password: NEW, reset_password_token: reset, remember_me: true } };
      return Promise.all([undoing(), here.call('PUT', '/account/password', body)]);
    }));

  it('an admin’s change of the email settles on the later of the two', async () => {
    for (let round = 0; round < ORDERED_ROUNDS; round += 1) {
      const { id, a } = await changedAccount();
      const link = await tokenOf(id, 'undo');
      const d = newEmail();
      const [undone, changed] = await Promise.all([
        sleep(round * 3).then(() => undo(link)),
        administer('PATCH', id, { email: d }),
      ]);
      expect([undone.status, changed.status]).toEqual([200, 200]);
      const row = await rowOf(id);
      expect([a, d]).toContain(row?.email);
      expect(row?.password).toBe(false);
      expect(await liveSessions(id)).toBe(0);
    }
  });
});

describe('Links about emails', () => {
  it('are swept away a week after they have expired', async () => {
    const [fresh, recent, old] = [await changedAccount(), await changedAccount(), await changedAccount()];
    set({ emailVerification: 'required' });
    const { id } = await newAccount({ verified: false });
    const unknown = newEmail();
    await askToVerify(unknown);
    const week = 7 * 86_400;
    await age(await tokenOf(recent.id, 'undo'), UNDO_TTL + week - 60);
    await age(await tokenOf(old.id, 'undo'), UNDO_TTL + week + 60);
    await age(await tokenOf(id, 'verify'), 3_600 + week + 60);
    await database.query(`UPDATE email_links SET expires_at = now() - interval '8 days' WHERE email = $1`, [unknown]);
    await here.app.get(Sweeper).sweep();
    const rows = await database.query<{ account_id: string }>(
      'SELECT account_id FROM email_links WHERE account_id = ANY ($1) OR email = $2',
      [[fresh.id, recent.id, old.id, id], unknown],
    );
    expect(rows.map((row) => row.account_id).sort()).toEqual([fresh.id, recent.id].sort());
  });

  it('are secret: their tokens are in no answer, in no log, and not in the database', async () => {
    set({ emailVerification: 'required' });
    const email = newEmail();
    const answers = [await askForAccount(email)];
    const { id } = answers[0]?.body as Account;
    const verifying = await mailedToken(email, 'verify');
    answers.push(await askToVerify(email));
    const pending = await mailedToken(email, 'verify', 2);
    answers.push(await verify(`${verifying}x`), await verify(verifying), await verify(verifying));
    const signedIn = await signIn(email, OLD);
    answers.push(await change(id, signedIn.body.token as string, newEmail()));
    const undoing = await mailedToken(email, 'undo');
    answers.push(await undo(`x${undoing}`), await undo(undoing), await undo(undoing));
    expect(statusesOf(answers)).toEqual([201, 200, 422, 200, 422, 200, 422, 200, 422]);
    const answered = JSON.stringify(answers.map(({ body, headers }) => ({ body, headers: [...headers] })));
    const stored = await dump();
    const logged = [...here.logs, ...there.logs].join('');
    for (const token of [verifying, pending, undoing]) {
      // The id is there, so this is where the rest would be.
      expect(stored).toContain(idIn(token));
      for (const text of [stored, logged, answered]) expect(text).not.toContain(token.split('.')[2]);
    }
    expect(logged).toMatch(/email-verification mail .*accepted by the mail server/);
    expect(logged).toMatch(/email-changed mail .*accepted by the mail server/);
    expect(logged).not.toContain(email);
  });
});

/** Faults that are known and not mended: each of these has to become an `it` with its mend, or go with a decision. */
describe('Nobody brings an account back who', () => {
  /** @returns what an account's links could bring back now */
  async function undoable(id: string): Promise<string[]> {
    const rows = await database.query<{ email: string }>(
      `SELECT email FROM email_links
       WHERE account_id = $1 AND purpose = 'undo' AND ended_at IS NULL AND expires_at > now() ORDER BY created_at`,
      [id],
    );
    return rows.map(({ email }) => email);
  }

  it('took the email from its holder, when an admin gives it back', async () => {
    const { id, a } = await changedAccount();
    expect((await administer('PATCH', id, { email: a, password: null })).status).toBe(200);
    const emails = await undoable(id);
    // Whether the link of the address that is the account's again stays good does not matter.
    expect(emails.filter((email) => email !== a)).toEqual([]);
  });

  it('has an email that was never verified, where that is required', async () => {
    set({ emailVerification: 'required' });
    const mistyped = newEmail();
    const { id } = (await administer('POST', '', { email: mistyped })).body as Account;
    expect((await administer('PATCH', id, { email: newEmail() })).status).toBe(200);
    expect(await undoable(id)).toEqual([]);
  });

  it('has the email of a disabled account; they are told of its change all the same', async () => {
    const { id, email } = await signUp(here);
    expect((await administer('PATCH', id, { disabled: true })).status).toBe(200);
    expect((await administer('PATCH', id, { email: newEmail() })).status).toBe(200);
    await eventually(async () => {
      const done = 'SELECT id FROM outgoing_mails WHERE recipient = $1 AND done_at IS NOT NULL';
      expect(await database.query(done, [email])).toHaveLength(1);
    });
    expect(mailServer.mails.filter(({ to }) => to.includes(email))).toHaveLength(1);
  });
});

describe('All that was answered here', () => {
  it('is as OpenAPI says', () => {
    expect(here.answers.undescribed()).toEqual([]);
  });
});
