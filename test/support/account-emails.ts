import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Config } from '../../src/config/config.js';
import { SecretKeys, type KeyPurpose } from '../../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './database.js';
import { MailServer } from './mail-server.js';
import { newClient } from './oauth.js';
import { eventually } from './process.js';
import { bearer, newEmail, signUp, startServer, type Answer, type TestServer } from './server.js';
import { signedInAdmin, type User } from './tokens.js';
import { tablesOf } from './tables.js';

export const PUBLIC_URL = 'http://latchkey.test';
export const OLD = 'example';
export const NEW = 'another example';

export let database: TestDatabase;
export let mailServer: MailServer;
export let here: TestServer;
/** Another server on the same database. */
export let there: TestServer;
export let admin: User;
/** A client, as HTTP Basic. */
export let client: { authorization: string };

/** Two servers on a database of the suite's own, with a mail server, an admin and a client. */
export function withTwoServers(): void {
  beforeAll(async () => {
    database = await createDatabase();
    mailServer = await new MailServer().start();
    const overrides = {
      publicUrl: PUBLIC_URL,
      trustProxy: 1,
      smtpUrl: mailServer.url(),
      mailFrom: { name: 'Latchkey', address: 'no-reply@latchkey.test' },
    };
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

  beforeEach(() => {
    set({ signup: 'open', emailVerification: 'off', loginMaxFailures: 1_000 });
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });
}

/** As if both servers had been started with these settings: each is read when it matters. */
export function set(settings: Partial<Config>): void {
  for (const { config } of [here, there]) Object.assign(config, settings);
}

export interface Account {
  id: string;
  email: string;
}

export const post = (path: string, account: object, at = here) => at.call('POST', path, { account });
export const askForAccount = (email: string, password = OLD, at = here) => post('/accounts', { email, password }, at);
export const signIn = (email: string, password: string, at = here) => post('/account/session', { email, password }, at);
export const askToVerify = (email: string) => post('/account/email', { email });
export const verify = (verify_email_token: string, password = OLD, at = here) =>
  at.call('PUT', '/account/email', { account: { verify_email_token, password } });
/** Without a password, and as whoever is signed in by a JWT. */
export const verifyAs = (verify_email_token: string, token?: string) =>
  here.call('PUT', '/account/email', { account: { verify_email_token } }, token === undefined ? {} : bearer(token));
export const undo = (undo_email_token: string, at = here) =>
  at.call('PUT', '/account/email/undo', { account: { undo_email_token } });
export const redeem = (reset_password_token: string, password = NEW) =>
  here.call('PUT', '/account/password', { account: { password, reset_password_token } });
export const change = (id: string, token: string, email: string, password = OLD, at = here) =>
  at.call('PUT', `/accounts/${id}`, { account: { email, password } }, bearer(token));
export const administer = (method: string, path: string, body?: object) =>
  here.call(method, `/api/v1/accounts/${path}`, body, admin.headers);
export const reads = async (id: string, token: string, at = here) =>
  (await at.call('GET', `/accounts/${id}`, undefined, bearer(token))).status;

export const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status);

export function expectAnswer({ status, body }: Answer, expected: number, content: unknown): void {
  expect({ status, body }).toEqual({ status: expected, body: content });
}

export function expectUnusable(answer: Answer, field: 'verify_email_token' | 'undo_email_token'): void {
  expectAnswer(answer, 422, {
    id: 'invalid_params',
    message: expect.any(String),
    errors: { [field]: ['is invalid, has expired or has already been used'] },
  });
}

export type Purpose = 'verify' | 'undo' | 'reset';

const PATHS: Record<Purpose, string> = { verify: 'email/verify', undo: 'email/undo', reset: 'password/reset' };
export const KEYS: Record<Purpose, KeyPurpose> = {
  verify: 'email-verification',
  undo: 'email-undo',
  reset: 'password-reset',
};

/** The link of a purpose on a line of its own in a mail, and its token. */
const linkIn = (text: string, purpose: Purpose): RegExpExecArray | undefined =>
  new RegExp(`^${PUBLIC_URL}/${PATHS[purpose]}(?:\\?for=invitation)?#token=(\\S+)$`, 'm').exec(text) ?? undefined;

/** @returns the mails of a purpose that have come to an address, oldest first, as they are read */
function mailsTo(email: string, purpose: Purpose): string[] {
  return mailServer.mails
    .filter(({ to }) => to.includes(email))
    .map(({ raw }) => raw.replace(/=\r\n/g, '').replaceAll('\r\n', '\n'))
    .map((raw) => raw.replace(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16))))
    .filter((text) => linkIn(text, purpose) !== undefined);
}

/** @returns the kinds of all mails about emails that were ever queued for an address, in whatever case */
export async function queuedTo(email: string): Promise<string[]> {
  const rows = await database.query<{ kind: string }>(
    `SELECT kind FROM outgoing_mails
     WHERE lower(recipient) = lower($1) AND kind <> 'password-changed' ORDER BY created_at`,
    [email],
  );
  return rows.map(({ kind }) => kind);
}

/** Waits for as many mails. */
export async function mails(email: string, purpose: Purpose, count = 1): Promise<string[]> {
  return eventually(() => {
    const found = mailsTo(email, purpose);
    expect(found).toHaveLength(count);
    return found;
  });
}

/** @returns the token in the last of as many mails */
export async function mailedToken(email: string, purpose: Purpose, count = 1): Promise<string> {
  const text = (await mails(email, purpose, count)).at(-1) ?? '';
  const link = linkIn(text, purpose);
  if (link?.[1] === undefined) throw new Error(`There is no link on a line of its own in ${text}`);
  return link[1];
}

/** @returns the token of the account's newest link, without the wait for its mail */
export async function tokenOf(id: string, purpose: Purpose): Promise<string> {
  const table = purpose === 'reset' ? 'password_resets' : 'email_links';
  const [link] = await database.query<{ id: string }>(
    `SELECT id FROM ${table} l WHERE account_id = $1
       AND coalesce(to_jsonb(l) ->> 'purpose', 'reset') = $2 ORDER BY created_at DESC LIMIT 1`,
    [id, purpose],
  );
  if (!link) throw new Error(`There is no link to ${purpose}.`);
  return here.app.get(SecretKeys).sign(KEYS[purpose], link.id);
}

/** @returns the token of the newest attempt to sign up with an email, or of the newest pending change to it */
export async function claimOf(email: string): Promise<string> {
  const [link] = await database.query<{ id: string }>(
    `SELECT id FROM email_links WHERE lower(email) = lower($1) AND purpose IN ('sign_up', 'change')
     ORDER BY created_at DESC LIMIT 1`,
    [email],
  );
  if (!link) throw new Error(`Nobody claims ${email}.`);
  return here.app.get(SecretKeys).sign('email-verification', link.id);
}

export const idIn = (token: string) => token.slice(0, 36);

/** Moves links into the past. */
export async function age(token: string, seconds: number): Promise<void> {
  await database.query(
    `UPDATE email_links SET created_at = created_at - $2 * interval '1 second',
       expires_at = expires_at - $2 * interval '1 second' WHERE id = $1`,
    [idIn(token), seconds],
  );
}

export async function rowOf(id: string): Promise<{ email: string; verified: boolean; password: boolean } | undefined> {
  const [row] = await database.query<{ email: string; verified: boolean; password: boolean }>(
    `SELECT email, email_verified_at IS NOT NULL AS verified, password_hash IS NOT NULL AS password FROM accounts
     WHERE id = $1`,
    [id],
  );
  return row;
}

export async function liveSessions(id: string): Promise<number> {
  const rows = await database.query(
    'SELECT id FROM sessions WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now()',
    [id],
  );
  return rows.length;
}

/** An account while emails have to be verified: one that has signed up, or one of an admin's that is not verified yet. */
export async function newAccount({ verified = true, email = newEmail() } = {}): Promise<Account> {
  if (!verified) {
    const { status, body } = await administer('POST', '', { email, password: OLD });
    expect(status).toBe(201);
    return { id: (body as Account).id, email };
  }
  expectAnswer(await askForAccount(email), 201, { id: expect.any(String), email });
  const answer = await verify(await claimOf(email));
  expectAnswer(answer, 200, { id: expect.any(String), email });
  return answer.body as Account;
}

/** An account, and a second address that it was given. Whoever did that is signed in by `token`. */
export async function changedAccount(): Promise<{ id: string; a: string; b: string; token: string }> {
  const { id, email: a, token } = await signUp(here);
  const b = newEmail();
  const { status, body } = await change(id, token, b);
  expect(status).toBe(200);
  return { id, a, b, token: body.token as string };
}

export const tables = () => tablesOf(database);

/** The last word of a suite. */
export function everyAnswerIsDescribed(): void {
  describe('All that was answered here', () => {
    it('is as OpenAPI says', () => {
      expect(here.answers.undescribed()).toEqual([]);
    });
  });
}
