import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { waiting, whileLocked } from './support/locks.js';
import { bearer, newEmail, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { logIn, makeAdmin, newAppToken, signedInUser, tokenHeaders } from './support/tokens.js';
import { tablesOf } from './support/tables.js';

const OLD = 'example';
const NEW = 'another example';
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ROUNDS = 30;
/** Of races that are put in order by locks, and end in the same way each time. */
const ORDERED_ROUNDS = 8;

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const request = (email: string) => server.call('POST', '/account/password', { account: { email } });

const redeem = (token: string, password = NEW, more: object = {}) =>
  server.call('PUT', '/account/password', { account: { password, reset_password_token: token, ...more } });

/** Of a user who logs in at somebody's application. */
async function headersOf(email: string, appToken: string) {
  return tokenHeaders(appToken, await logIn(server, appToken, { email, password: NEW }));
}

const signIn = (email: string, password: string) =>
  server.call('POST', '/account/session', { account: { email, password } });

const changeCredentials = (account: { id: string; email: string; token: string }, password: string) =>
  server.call('PUT', `/accounts/${account.id}`, { account: { email: account.email, password } }, bearer(account.token));

/** Whether a session's token opens anything. */
async function isAlive(accountId: string, token: string): Promise<boolean> {
  const { status } = await server.call('GET', `/accounts/${accountId}`, undefined, bearer(token));
  if (status !== 200 && status !== 401) throw new Error(`It was answered ${status}.`);
  return status === 200;
}

async function liveSessions(accountId: string): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    'SELECT count(*)::int FROM sessions WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now()',
    [accountId],
  );
  return row?.count ?? -1;
}

/** Waits until a value is as wanted, and gives it back. */
async function eventually<T>(read: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + 30_000; ;) {
    const value = await read();
    if (wanted(value)) return value;
    if (Date.now() > deadline) throw new Error(`It stayed ${JSON.stringify(value)}`);
    await pause(10);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** What has been read from the folder, by file name: files there never change. */
const mails = new Map<string, string>();

/** @returns the mails that were written for an address, oldest first */
async function mailsTo(email: string): Promise<string[]> {
  const folder = join(server.config.dataDir, 'mail');
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((candidate) => candidate.endsWith('.eml') && !mails.has(candidate)).sort()) {
    mails.set(name, await readFile(join(folder, name), 'utf8'));
  }
  return [...mails.values()].filter((text) => text.includes(`\nTo: ${email}\n`));
}

const countMailsTo = async (email: string) => (await mailsTo(email)).length;

/** As if a minute had passed since the last mail. */
async function letMinutePass(): Promise<void> {
  await database.query(`UPDATE attempt_limits SET window_ends_at = now() WHERE key LIKE 'reset %'`);
  server.advanceClock(60);
}

function tokenIn(mail: string | undefined): string {
  const token = /^http:\/\/latchkey\.test\/password\/reset#token=(\S+)$/m.exec(mail ?? '')?.[1];
  if (token === undefined) throw new Error(`There is no link in ${mail ?? 'no mail'}.`);
  return token;
}

/** @returns the token from the mail that answers a request for this address */
async function mailedToken(email: string): Promise<string> {
  await letMinutePass();
  // A change of the password is told by mail too, whenever that comes.
  const withLinks = async () => (await mailsTo(email)).filter((text) => text.includes('/password/reset#token='));
  const before = (await withLinks()).length;
  expect((await request(email)).status).toBe(200);
  const all = await eventually(withLinks, (found) => found.length > before);
  return tokenIn(all.at(-1));
}

/** @returns the token of a reset that is asked for, without the wait for its mail */
async function tokenFor({ id, email }: { id: string; email: string }): Promise<string> {
  await letMinutePass();
  expect((await request(email)).status).toBe(200);
  const [reset] = await database.query<{ id: string }>(
    'SELECT id FROM password_resets WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1',
    [id],
  );
  return server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
}

const idIn = (token: string) => token.slice(0, 36);

interface ResetRow {
  id: string;
  account_id: string | null;
  ended: boolean;
  seconds: number;
}

async function resetRow(token: string): Promise<ResetRow | undefined> {
  const [row] = await database.query<ResetRow>(
    `SELECT id, account_id, ended_at IS NOT NULL AS ended, extract(epoch FROM expires_at - created_at)::float8 AS seconds
     FROM password_resets WHERE id = $1`,
    [idIn(token)],
  );
  return row;
}

interface QueuedReset {
  account_id: string | null;
  recipient: string;
  kind: string;
  done: boolean;
  born_done: boolean | null;
  attempts: number;
}

/** Does something, and tells what it queued, and how many rows it added to which table. */
async function watching(work: () => Promise<unknown>) {
  const [clock] = await database.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  const before = await countRows();
  await work();
  const after = await countRows();
  const added = Object.fromEntries(
    Object.entries(after)
      .map(([table, count]) => [table, count - (before[table] ?? 0)] as const)
      .filter(([, count]) => count !== 0),
  );
  const queued = await database.query<QueuedReset>(
    `SELECT r.account_id, m.recipient, m.kind, m.done_at IS NOT NULL AS done, m.done_at = m.created_at AS born_done,
       m.attempts
     FROM password_resets r JOIN outgoing_mails m ON m.subject_id = r.id WHERE r.created_at > $1`,
    [clock?.now],
  );
  return { added, queued };
}

const tables = () => tablesOf(database);

async function countRows(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of await tables()) {
    const [row] = await database.query<{ count: number }>(`SELECT count(*)::int FROM "${table}"`);
    counts[table] = row?.count ?? 0;
  }
  return counts;
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

/** Runs PL/pgSQL on each new row of a table, for as long as the work lasts. */
async function withTrigger<T>(trigger: string, statements: string, work: () => Promise<T>): Promise<T> {
  await database.query(
    `CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql SET log_min_messages = panic
       AS $$ BEGIN ${statements} RETURN NEW; END $$;
     CREATE ${trigger} FOR EACH ROW EXECUTE FUNCTION meddle()`,
  );
  try {
    return await work();
  } finally {
    await database.query('DROP FUNCTION meddle CASCADE');
  }
}

const LOCK_ACCOUNT = 'SELECT id FROM accounts WHERE id = $1 FOR UPDATE';

function expectUnusable(answer: Answer | undefined): void {
  expect({ status: answer?.status, body: answer?.body as unknown }).toEqual({
    status: 422,
    body: {
      id: 'invalid_params',
      message: expect.any(String),
      errors: { reset_password_token: ['is invalid, has expired or has already been used'] },
    },
  });
}

function expectRefusedPassword({ status, body }: Answer, reason: string): void {
  expect({ status, body }).toMatchObject({
    status: 422,
    body: { id: 'invalid_params', errors: { password: [reason] } },
  });
}

/** Exactly one of these passwords signs in: the given one. */
async function expectOnlyPassword(email: string, right: string, wrong: string[]): Promise<void> {
  expect((await signIn(email, right)).status).toBe(200);
  for (const password of wrong) expect((await signIn(email, password)).status).toBe(401);
}

describe('Whoever asks for a new password', () => {
  it('is mailed a link with which to set one', async () => {
    const account = await signUp(server);
    const { status, headers, body } = await request(account.email);
    expect({ status, body }).toEqual({ status: 200, body: { id: account.id, email: account.email } });
    expect(headers.get('cache-control')).toBe('no-store');
    const [mail] = await eventually(
      () => mailsTo(account.email),
      (all) => all.length > 0,
    );
    const token = tokenIn(mail);
    const answer = await redeem(token);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 200,
      body: { id: account.id, email: account.email },
    });
    await expectOnlyPassword(account.email, NEW, [OLD]);
    expect(await resetRow(token)).toEqual({ id: idIn(token), account_id: account.id, ended: true, seconds: 3_600 });
  });

  it('gets the mail as text and as HTML, with the same link in both', async () => {
    const account = await signUp(server, { email: `o'neil&co.${newEmail()}` });
    const token = await mailedToken(account.email);
    const [mail = ''] = await mailsTo(account.email);
    expect(mail).toContain('\nSubject: Choose a new password for latchkey.test\n');
    const html = (mail.split('Content-Type: text/html')[1] ?? '')
      .replace(/=\n/g, '')
      .replace(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
    expect(html).toContain(`<a href="http://latchkey.test/password/reset#token=${token}" `);
    expect(html).toContain('for <bdi>o&#39;neil&#38;co.');
    expect(mail).toContain(`Open this link within one hour to choose a new password:`);
  });

  it('loses every session that was open before', async () => {
    const account = await signUp(server, { remember: true });
    const other = (await signIn(account.email, OLD)).body as { token: string };
    const token = await mailedToken(account.email);
    expect(await isAlive(account.id, account.token)).toBe(true);
    expect((await redeem(token)).status).toBe(200);
    expect(await isAlive(account.id, account.token)).toBe(false);
    expect(await isAlive(account.id, other.token)).toBe(false);
    const refresh = { account: { refresh_token: account.refreshToken, remember_me: true } };
    expect((await server.call('PUT', '/account/session', refresh)).status).toBe(401);
    expect(await liveSessions(account.id)).toBe(0);
  });

  it('leaves nothing to whoever had the account without having proved its email, and their App-Tokens to others', async () => {
    const [unproved, proved] = [await signedInUser(server), await signedInUser(server)];
    await database.query('UPDATE accounts SET email_verified_at = now() WHERE id = $1', [proved.id]);
    const admin = await makeAdmin(server);
    const logsIn = (appToken: string) => {
      const { email: username, password } = admin;
      return server.call('POST', '/api/v1/token/', { username, password }, { 'app-token': appToken });
    };
    const second = await newAppToken(server, unproved);
    for (const account of [unproved, proved]) expect((await redeem(await tokenFor(account))).status).toBe(200);
    const answers = await Promise.all([unproved.appToken, second, proved.appToken].map(logsIn));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 200]);
    // From then on it is proved.
    const own = await newAppToken(server, { ...unproved, headers: await headersOf(unproved.email, proved.appToken) });
    expect((await redeem(await tokenFor(unproved), 'a third example')).status).toBe(200);
    expect((await logsIn(own)).status).toBe(200);
  });

  it('is signed in at once with remember_me', async () => {
    const account = await signUp(server);
    const answer = await redeem(await mailedToken(account.email), NEW, { remember_me: true });
    const { token, refresh_token, ...rest } = answer.body as Record<string, string>;
    expect({ status: answer.status, rest }).toEqual({ status: 200, rest: { id: account.id, email: account.email } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await isAlive(account.id, token ?? '')).toBe(true);
    const refreshed = await server.call('PUT', '/account/session', { account: { refresh_token } });
    expect(refreshed.status).toBe(200);
    expect(await isAlive(account.id, (refreshed.body as { token: string }).token)).toBe(true);
    expect(await liveSessions(account.id)).toBe(1);
  });

  it('is answered the email as it was sent, and mailed at the address as it is stored', async () => {
    const account = await signUp(server);
    const shouted = account.email.toUpperCase();
    const { status, body } = await request(shouted);
    expect({ status, body }).toEqual({ status: 200, body: { id: account.id, email: shouted } });
    const [mail] = await eventually(
      () => mailsTo(account.email),
      (all) => all.length > 0,
    );
    expect(await mailsTo(shouted)).toEqual([]);
    expect((await redeem(tokenIn(mail))).body).toEqual({ id: account.id, email: account.email });
  });

  it('can set a first password on an account that has none', async () => {
    const account = await signUp(server);
    await database.query('UPDATE accounts SET password_hash = NULL WHERE id = $1', [account.id]);
    expect((await signIn(account.email, OLD)).status).toBe(401);
    expect((await redeem(await mailedToken(account.email))).status).toBe(200);
    expect((await signIn(account.email, NEW)).status).toBe(200);
  });

  it('is mailed once a minute, whatever the case of the email, and answered the same', async () => {
    const account = await signUp(server);
    const spellings = [account.email, account.email.toUpperCase(), account.email.replace('user', 'User')];
    const first = await watching(async () => {
      for (const email of spellings) {
        const { status, body } = await request(email);
        expect({ status, body }).toEqual({ status: 200, body: { id: account.id, email } });
      }
    });
    expect(first.queued).toHaveLength(1);
    await letMinutePass();
    const second = await watching(() => Promise.all([...spellings, ...spellings].map(request)));
    expect(second.queued).toHaveLength(1);
    await eventually(
      () => countMailsTo(account.email),
      (count) => count === 2,
    );
  });
});

describe('An email that nobody has', () => {
  const ADDED = { password_resets: 1, outgoing_mails: 1, attempt_limits: 3, audit_events: 1, audit_emails: 1 };

  /** Asks, and sees that nothing but the recipient tells that there is nobody to write to. */
  async function expectUnknown(email: string, accountId?: string): Promise<string> {
    let answer: Answer | undefined;
    const { added, queued } = await watching(async () => (answer = await request(email)));
    const { id, ...rest } = answer?.body as Record<string, string>;
    expect({ status: answer?.status, rest }).toEqual({ status: 200, rest: { email } });
    expect(id).toMatch(UUID_V4);
    expect(id).not.toBe(accountId);
    expect(added).toEqual(ADDED);
    expect(queued).toEqual([
      { account_id: null, recipient: '', kind: 'password-reset', done: true, born_done: true, attempts: 0 },
    ]);
    return id ?? '';
  }

  it('is answered as any other is, leaves rows of the same kinds, and gets no mail', async () => {
    const { email, id } = await signUp(server);
    const unknown = newEmail();
    await expectUnknown(unknown);
    const known = await watching(() => request(email));
    expect(known.added).toEqual(ADDED);
    expect(known.queued).toMatchObject([{ account_id: id, recipient: email, kind: 'password-reset' }]);
    // The queue is worked through in order: what came before this mail has had its turn.
    await eventually(
      () => countMailsTo(email),
      (count) => count === 1,
    );
    expect(await mailsTo(unknown)).toEqual([]);
    expect(await mailsTo('')).toEqual([]);
  });

  it('always has the same id, whatever its case, and one of its own', async () => {
    const email = newEmail();
    const id = await expectUnknown(email);
    for (const spelling of [email, email.toUpperCase()]) {
      expect((await request(spelling)).body).toEqual({ id, email: spelling });
    }
    await letMinutePass();
    expect((await request(email)).body).toEqual({ id, email });
    expect((await request(newEmail())).body).not.toMatchObject({ id });
    await server.close();
    server = await startServer(database.connection);
    expect((await request(email)).body).toEqual({ id, email });
  });

  it('is what the email of a disabled account looks like', async () => {
    const account = await signUp(server);
    await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [account.id]);
    const id = await expectUnknown(account.email, account.id);
    expect((await request(account.email)).body).toEqual({ id, email: account.email });
    expect(await mailsTo(account.email)).toEqual([]);
  });

  it('is what the former email of an account without one looks like', async () => {
    const account = await signUp(server);
    const token = await mailedToken(account.email);
    await database.query('UPDATE accounts SET email = NULL WHERE id = $1', [account.id]);
    expectUnusable(await redeem(token));
    expect((await resetRow(token))?.ended).toBe(false);
    await database.query(`DELETE FROM attempt_limits WHERE key LIKE 'reset %' OR key LIKE 'mail-links %'`);
    await expectUnknown(account.email, account.id);
    expect(await countMailsTo(account.email)).toBe(1);
  });
});

describe('A reset token', () => {
  it('works once: of five at once with different passwords, one sets its password', async () => {
    const account = await signUp(server);
    const token = await mailedToken(account.email);
    const passwords = [1, 2, 3, 4, 5].map((number) => `new password ${number}`);
    const answers = await Promise.all(passwords.map((password) => redeem(token, password)));
    const winner = answers.findIndex(({ status }) => status === 200);
    expect(winner).toBeGreaterThanOrEqual(0);
    for (const [index, answer] of answers.entries()) if (index !== winner) expectUnusable(answer);
    const wrong = passwords.filter((_, index) => index !== winner);
    await expectOnlyPassword(account.email, passwords[winner] ?? '', [OLD, ...wrong]);
    expectUnusable(await redeem(token, 'yet another one'));
    expect((await signIn(account.email, 'yet another one')).status).toBe(401);
  });

  it('is not spent by a password that is refused', async () => {
    const account = await signUp(server);
    const token = await mailedToken(account.email);
    expectRefusedPassword(await redeem(token, 'sixsix'), 'must be at least 7 characters');
    expectRefusedPassword(await redeem(token, '🔑🔑🔑🔑🔑🔑'), 'must be at least 7 characters');
    expectRefusedPassword(await redeem(token, 'x'.repeat(257)), 'must be at most 256 characters');
    expectRefusedPassword(await redeem(token, 'é'.repeat(257)), 'must be at most 256 characters');
    expect((await resetRow(token))?.ended).toBe(false);
    expect(await isAlive(account.id, account.token)).toBe(true);
    expect((await redeem(token, 'é'.repeat(36))).status).toBe(200);
    await expectOnlyPassword(account.email, 'é'.repeat(36), [OLD]);
  });

  it('expires', async () => {
    const account = await signUp(server);
    const token = await mailedToken(account.email);
    await database.query(`UPDATE password_resets SET expires_at = now() - interval '1 second' WHERE id = $1`, [
      idIn(token),
    ]);
    expectUnusable(await redeem(token));
    await expectOnlyPassword(account.email, OLD, [NEW]);
    expect(await isAlive(account.id, account.token)).toBe(true);
  });

  it('is ended when the account changes its password', async () => {
    const account = await signUp(server);
    const token = await mailedToken(account.email);
    expect((await changeCredentials(account, 'changed by hand')).status).toBe(200);
    expectUnusable(await redeem(token));
    expect((await resetRow(token))?.ended).toBe(true);
    await expectOnlyPassword(account.email, 'changed by hand', [OLD, NEW]);
  });

  it('is ended when another one is used', async () => {
    const account = await signUp(server);
    const [first, second] = [await mailedToken(account.email), await mailedToken(account.email)];
    expect(idIn(first)).not.toBe(idIn(second));
    expect((await redeem(second)).status).toBe(200);
    expectUnusable(await redeem(first, 'yet another one'));
    expect((await resetRow(first))?.ended).toBe(true);
    await expectOnlyPassword(account.email, NEW, [OLD, 'yet another one']);
  });

  it('survives signing out', async () => {
    const account = await signUp(server);
    const token = await mailedToken(account.email);
    const { status } = await server.call('DELETE', '/account/session', undefined, bearer(account.token));
    expect(status).toBe(200);
    expect((await redeem(token)).status).toBe(200);
    await expectOnlyPassword(account.email, NEW, [OLD]);
  });

  it('is refused on an account that has been disabled, and changes nothing there', async () => {
    const account = await signUp(server);
    const token = await mailedToken(account.email);
    await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [account.id]);
    expectUnusable(await redeem(token, NEW, { remember_me: true }));
    await database.query('UPDATE accounts SET disabled_at = NULL WHERE id = $1', [account.id]);
    await expectOnlyPassword(account.email, OLD, [NEW]);
  });

  it('that is not one of ours is refused without asking the database', async () => {
    const account = await signUp(server, { remember: true });
    const token = await mailedToken(account.email);
    const other = await mailedToken((await signUp(server)).email);
    const [id = '', key = '', mac = ''] = token.split('.');
    const [otherId = '', , otherMac = ''] = other.split('.');
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const swap = (character: string) => alphabet.charAt(alphabet.indexOf(character) ^ 1);
    const bad = {
      empty: '',
      'a word': 'token',
      'the id alone': id,
      'without the mac': `${id}.${key}`,
      'cut at its end': token.slice(0, -1),
      'cut at its start': token.slice(1),
      longer: `${token}A`,
      'with a line feed': `${token}\n`,
      'with a space before it': ` ${token}`,
      'with a changed id': `${id.startsWith('0') ? '1' : '0'}${id.slice(1)}.${key}.${mac}`,
      'with its id in capitals': `${id.toUpperCase()}.${key}.${mac}`,
      'with another key': `${id}.00000000.${mac}`,
      'with a changed mac': `${id}.${key}.${swap(mac.charAt(0))}${mac.slice(1)}`,
      // The last of 43 characters has two bits to spare: this one decodes to the same 32 bytes.
      'with a mac spelt otherwise': `${id}.${key}.${mac.slice(0, -1)}${swap(mac.slice(-1))}`,
      'with the mac of another reset': `${id}.${key}.${otherMac}`,
      'with the id of another reset': `${otherId}.${key}.${mac}`,
      'a refresh token': account.refreshToken,
      'a session token': account.token,
      endless: 'a.'.repeat(1_000),
    };
    let control: Promise<Answer> | undefined;
    await whileLocked(
      database,
      'LOCK TABLE accounts, sessions, password_resets IN ACCESS EXCLUSIVE MODE',
      [],
      async () => {
        for (const [what, candidate] of Object.entries(bad)) {
          const { status, body } = await redeem(candidate);
          expect({ what, status, errors: (body as { errors: object }).errors }).toEqual({
            what,
            status: 422,
            errors: { reset_password_token: [expect.any(String)] },
          });
        }
        // The good one shows that the lock holds up whoever asks.
        control = redeem(token);
        await waiting(database, 1);
      },
    );
    expect((await control)?.status).toBe(200);
    expect((await redeem(other)).status).toBe(200);
  });

  it('must be text', async () => {
    for (const token of [undefined, null, 1, {}, ['x']]) {
      const { status, body } = await redeem(token as string);
      expect({ status, body }).toMatchObject({
        status: 422,
        body: { errors: { reset_password_token: [token == null ? 'is required' : 'must be a string'] } },
      });
    }
  });

  it('never appears in the database or in the log', async () => {
    const account = await signUp(server);
    const used = await mailedToken(account.email);
    await redeem(used, 'sixsix');
    await redeem(used, NEW, { remember_me: true });
    await redeem(used, NEW);
    const pending = await mailedToken(account.email);
    const [stored, logged] = [await dump(), server.logs.join('')];
    for (const token of [used, pending]) {
      // The id is there, so this is where the rest would be.
      expect(stored).toContain(idIn(token));
      for (const text of [stored, logged]) {
        expect(text).not.toContain(token);
        expect(text).not.toContain(token.split('.')[2]);
        expect(text).not.toContain(NEW);
      }
    }
    expect(logged).toContain('password-reset mail');
    expect(logged).not.toContain(account.email);
  });
});

describe('The mail of a reset', () => {
  it.each(['password_resets', 'outgoing_mails'])(
    'is queued together with the reset or not at all, and can be asked for again at once (%s fails)',
    async (table) => {
      const account = await signUp(server);
      const work = () => watching(() => request(account.email));
      const trigger = `CONSTRAINT TRIGGER meddle AFTER INSERT ON ${table} DEFERRABLE INITIALLY DEFERRED`;
      const failing = await withTrigger(trigger, `RAISE EXCEPTION 'full' USING ERRCODE = '53100';`, async () => {
        const { status, headers } = await request(account.email);
        expect({ status, retry: headers.get('retry-after') }).toEqual({ status: 503, retry: '1' });
        return work();
      });
      expect(failing).toEqual({ added: {}, queued: [] });
      expect((await work()).queued).toHaveLength(1);
      await eventually(
        () => countMailsTo(account.email),
        (count) => count === 1,
      );
      const mails = await database.query('SELECT id FROM outgoing_mails WHERE recipient = $1', [account.email]);
      expect(mails).toHaveLength(1);
    },
  );

  it.each([
    ['has expired', `UPDATE password_resets SET expires_at = now() WHERE account_id = $1`],
    ['has ended', `UPDATE password_resets SET ended_at = now() WHERE account_id = $1`],
    ['is for an account that has been disabled', `UPDATE accounts SET disabled_at = now() WHERE id = $1`],
    ['is for an account that has no email any more', `UPDATE accounts SET email = NULL WHERE id = $1`],
  ])('is not sent when the reset %s before its turn', async (_, statement) => {
    const [late, control] = [await signUp(server), await signUp(server)];
    const later = 'TRIGGER meddle BEFORE INSERT ON outgoing_mails';
    await withTrigger(later, `NEW.next_attempt_at := 'infinity';`, async () => {
      for (const { email } of [late, control]) expect((await request(email)).status).toBe(200);
    });
    await database.query(statement, [late.id]);
    const recipients = [late.email, control.email];
    await database.query('UPDATE outgoing_mails SET next_attempt_at = now() WHERE recipient = ANY($1)', [recipients]);
    await eventually(
      () =>
        database.query('SELECT id FROM outgoing_mails WHERE recipient = ANY($1) AND done_at IS NOT NULL', [recipients]),
      (done) => done.length === 2,
    );
    expect(await countMailsTo(late.email)).toBe(0);
    expect(await countMailsTo(control.email)).toBe(1);
  });
});

describe('A reset that races', () => {
  const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status);

  it('with sign-ins leaves no session that was opened with the old password', async () => {
    const seen = { opened: 0, refused: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      const account = await signUp(server);
      const token = await tokenFor(account);
      const [reset, ...signIns] = await Promise.all([
        pause((round % 6) * 2).then(() => redeem(token)),
        ...[0, 4, 8].map((delay) => pause(delay).then(() => signIn(account.email, OLD))),
      ]);
      expect(reset.status).toBe(200);
      for (const { status, body } of signIns) {
        expect([200, 401]).toContain(status);
        if (status === 200) expect(await isAlive(account.id, (body as { token: string }).token)).toBe(false);
        seen[status === 200 ? 'opened' : 'refused'] += 1;
      }
      expect(await liveSessions(account.id)).toBe(0);
      await expectOnlyPassword(account.email, NEW, [OLD]);
    }
    // Both ends of the race were there.
    expect(seen.opened).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(0);
  });

  it('with a sign-in that has checked the old password already refuses it', async () => {
    for (let round = 0; round < ORDERED_ROUNDS; round += 1) {
      const account = await signUp(server);
      const token = await tokenFor(account);
      let answers: Promise<Answer[]> | undefined;
      await whileLocked(database, LOCK_ACCOUNT, [account.id], async () => {
        const reset = redeem(token);
        await waiting(database, 1);
        answers = Promise.all([reset, signIn(account.email, OLD)]);
        await waiting(database, 2);
      });
      expect(statusesOf((await answers) ?? [])).toEqual([200, 401]);
      expect(await liveSessions(account.id)).toBe(0);
    }
  });

  it('with a sign-in that is just opening its session ends that session', async () => {
    for (let round = 0; round < ORDERED_ROUNDS; round += 1) {
      const account = await signUp(server);
      const token = await tokenFor(account);
      let answers: Promise<Answer[]> | undefined;
      await whileLocked(database, LOCK_ACCOUNT, [account.id], async () => {
        const opening = signIn(account.email, OLD);
        await waiting(database, 1);
        answers = Promise.all([opening, redeem(token)]);
        await waiting(database, 2);
      });
      const [opened, reset] = (await answers) ?? [];
      expect([opened?.status, reset?.status]).toEqual([200, 200]);
      expect(await isAlive(account.id, (opened?.body as { token: string }).token)).toBe(false);
      expect(await liveSessions(account.id)).toBe(0);
    }
  });

  it('with another reset of the account sets one password, and ends the other reset', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const account = await signUp(server);
      const tokens = [await tokenFor(account), await tokenFor(account)];
      const passwords = ['by the first', 'by the second'];
      const answers = await Promise.all(
        tokens.map((token, index) => redeem(token, passwords[index], { remember_me: true })),
      );
      const [won, lost] = answers[0]?.status === 200 ? [0, 1] : [1, 0];
      const [winner, loser] = [answers[won], answers[lost]];
      expect(winner?.status).toBe(200);
      expectUnusable(loser);
      expect(await isAlive(account.id, (winner?.body as { token: string }).token)).toBe(true);
      expect(await liveSessions(account.id)).toBe(1);
      await expectOnlyPassword(account.email, passwords[won] ?? '', [OLD, passwords[lost] ?? '']);
      for (const token of tokens) expect((await resetRow(token))?.ended).toBe(true);
    }
  });

  it('with a change of the credentials sets one of the two passwords, and ends what the other side had', async () => {
    const wins = { reset: 0, change: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      const account = await signUp(server);
      const token = await tokenFor(account);
      await letMinutePass();
      const moved = { ...account, email: newEmail() };
      const resetting = () => redeem(token, 'by the reset', { remember_me: true });
      const changing = () => changeCredentials(moved, 'by the change');
      const asking = request(account.email);
      // Each is the first once, however fast they are.
      const first = round === 0 ? resetting() : round === 1 ? changing() : undefined;
      await first;
      const [reset, change, again] = await Promise.all([
        round === 0 && first ? first : pause((round % 5) * 8).then(resetting),
        round === 1 && first ? first : pause(8).then(changing),
        asking,
      ]);
      expect(again.status).toBe(200);
      if (reset.status === 200) {
        wins.reset += 1;
        expect(change.status).toBe(401);
        await expectOnlyPassword(account.email, 'by the reset', [OLD, 'by the change']);
        expect((await signIn(moved.email, 'by the change')).status).toBe(401);
      } else {
        wins.change += 1;
        expectUnusable(reset);
        expect(change.status).toBe(200);
        await expectOnlyPassword(moved.email, 'by the change', [OLD, 'by the reset']);
      }
      const winner = (reset.status === 200 ? reset : change).body as { token: string };
      expect(await isAlive(account.id, winner.token)).toBe(true);
      expect(await isAlive(account.id, account.token)).toBe(false);
      // The winner's own, and the one that has just tried the password.
      expect(await liveSessions(account.id)).toBe(2);
      const rows = await database.query('SELECT credential_epoch FROM accounts WHERE id = $1', [account.id]);
      expect(rows).toEqual([{ credential_epoch: 1 }]);
    }
    expect(wins.reset).toBeGreaterThan(0);
    expect(wins.change).toBeGreaterThan(0);
  });
});
