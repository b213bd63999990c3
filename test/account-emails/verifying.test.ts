import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import bcrypt from 'bcrypt';
import { migrations } from '../../migrations/index.js';
import { migrationDataSource } from '../../src/database/migrate.js';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { AuditLog } from '../../src/audit-log/audit-log.service.js';
import { HashingThreads } from '../../src/passwords/hashing-threads.js';
import { PasswordHasher } from '../../src/passwords/password-hasher.js';
import {
  type Account,
  admin,
  administer,
  age,
  askForAccount,
  askToVerify,
  change,
  changedAccount,
  client,
  database,
  everyAnswerIsDescribed,
  expectAnswer,
  expectUnusable,
  here,
  idIn,
  KEYS,
  liveSessions,
  mailedToken,
  mails,
  NEW,
  newAccount,
  OLD,
  post,
  PUBLIC_URL,
  type Purpose,
  queuedTo,
  reads,
  redeem,
  rowOf,
  set,
  signIn,
  statusesOf,
  tables,
  tokenOf,
  undo,
  verify,
  withTwoServers,
} from '../support/account-emails.js';
import { createDatabase } from '../support/database.js';
import { newEmail, shouted, signUp, startServer, type Answer } from '../support/server.js';

withTwoServers();

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

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
        [taken, OLD],
      ] as const) {
        // Another minute, or only the first of these would be written as it is.
        await here.app.get(AuditLog).flush();
        const added = await rowsAdded(async () => {
          expectAnswer(await askForAccount(email, password), 403, refused);
        });
        expect(added).toEqual({ audit_events: 1, audit_emails: 1 });
      }
      expect(hash).not.toHaveBeenCalled();
      expect((await askForAccount('no email')).status).toBe(422);
      expect((await askForAccount(newEmail(), 'short')).status).toBe(422);
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
    const stranger = (answer.body as Account).id;
    expectAnswer(answer, 201, { id: stranger, email });
    expect(await database.query('SELECT id FROM accounts WHERE email = $1', [email])).toEqual([]);
    expectAnswer(await signIn(email, OLD), 401, { id: 'unauthorized', message: 'Invalid email or password.' });
    const verified = await verify(await mailedToken(email, 'verify'));
    const { id } = verified.body as Account;
    expectAnswer(verified, 200, { id, email });
    expect(id).not.toBe(stranger);
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
    expect(mail).toContain(`Somebody is creating an account at latchkey.test with the email ${email}.`);
    expect(mail).toContain(
      'If this is you, open this link within one hour and enter the password that you signed up with:',
    );
    const link = `${PUBLIC_URL}/email/verify#token=${await mailedToken(email, 'verify')}`;
    expect(mail).toMatch(new RegExp(`<a href="${link.replaceAll('.', '\\.')}" style="[^"]*">Verify email</a>`));
    expect(mail).toContain('the email <bdi>o&#39;neil&#38;co.');
    // In the text, at the button and below it.
    expect(mail.split(link)).toHaveLength(4);
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
    const compare = jest.spyOn(HashingThreads.prototype, 'compare');
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

  it('a new email is pending until its link is redeemed; the password and the sessions change at once', async () => {
    const { id, email } = await newAccount();
    const { token } = (await signIn(email, OLD)).body as { token: string };
    const next = newEmail();
    const answer = await post(`/account/session`, { email, password: OLD, remember_me: true });
    const changed = await change(id, token, next, NEW);
    expectAnswer(changed, 200, { token: expect.any(String) });
    expect(await reads(id, token)).toBe(401);
    const { refresh_token } = answer.body as { refresh_token: string };
    expect((await here.call('PUT', '/account/session', { account: { refresh_token } })).status).toBe(401);
    expect(await rowOf(id)).toEqual({ email, verified: true, password: true });
    expect((await signIn(next, NEW)).status).toBe(401);
    expect((await signIn(email, NEW)).status).toBe(200);
    expect(await queuedTo(email)).not.toContain('email-changed');
    expectAnswer(await verify(await mailedToken(next, 'verify'), NEW), 200, { id, email: next });
    expect(await reads(id, changed.body.token as string)).toBe(200);
    expect((await signIn(next, NEW)).status).toBe(200);
    expect((await signIn(email, NEW)).status).toBe(401);
    expectAnswer(await undo(await mailedToken(email, 'undo')), 200, { id, email });
  });

  it('an email of which only the case changes, or nothing, stays verified, and the session is opened', async () => {
    const { id, email } = await newAccount();
    let { token } = (await signIn(email, OLD)).body as { token: string };
    for (const same of [shouted(email), shouted(email), email]) {
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
    expect(await queuedTo(email)).not.toContain('email-changed');
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
        endless: 'a.'.repeat(1_000),
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
        const message = token == null ? 'is required' : 'must be a string';
        expect({ status, body }).toMatchObject({ status: 422, body: { errors: { [field]: [message] } } });
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
    const letMinutePass = async () => {
      await database.query(`UPDATE attempt_limits SET window_ends_at = now() WHERE key LIKE 'verify %'`);
      here.advanceClock(60);
    };

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
      const same = { email_links: 1, outgoing_mails: 1, audit_events: 1, audit_emails: 1 };
      expect(seen).toEqual(Array.from({ length: 4 }, () => ({ ...same, attempt_limits: 3 })));
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
      await migrateTo(migrations.length);
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

everyAnswerIsDescribed();
