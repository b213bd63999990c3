import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Sweeper } from '../../src/database/sweeper.service.js';
import { HashingThreads } from '../../src/passwords/hashing-threads.js';
import {
  type Account,
  administer,
  age,
  askForAccount,
  askToVerify,
  change,
  claimOf,
  database,
  everyAnswerIsDescribed,
  expectAnswer,
  expectUnusable,
  here,
  idIn,
  liveSessions,
  mailedToken,
  mailServer,
  NEW,
  newAccount,
  OLD,
  post,
  PUBLIC_URL,
  queuedTo,
  reads,
  redeem,
  rowOf,
  set,
  signIn,
  statusesOf,
  there,
  tokenOf,
  undo,
  verify,
  verifyAs,
  withTwoServers,
} from '../support/account-emails.js';
import { eventually } from '../support/process.js';
import { newEmail, shouted, signUp } from '../support/server.js';

withTwoServers();

const ATTACKER = 'of the attacker';
const VICTIM = 'of the victim';

/** What the 401 of every sign-in says. */
const REFUSED = { id: 'unauthorized', message: 'Invalid email or password.' };

const accountsWith = (email: string) =>
  database.query<{ id: string; disabled: boolean }>(
    'SELECT id, disabled_at IS NOT NULL AS disabled FROM accounts WHERE lower(email) = lower($1)',
    [email],
  );

const eventsOf = (kind: string, subject: string) =>
  database.query<{ outcome: string; details: object }>(
    'SELECT outcome, details FROM audit_events WHERE kind = $1 AND subject = $2',
    [kind, subject],
  );

/** Waits for as many mails to an address, and reads the last one. */
async function lastMail(email: string, count: number): Promise<string> {
  return eventually(() => {
    const found = mailServer.mails.filter(({ to }) => to.some((one) => one.toLowerCase() === email));
    expect(found).toHaveLength(count);
    return found.at(-1)?.raw ?? '';
  });
}

describe('With EMAIL_VERIFICATION=required, an attempt to sign up', () => {
  beforeEach(() => {
    set({ emailVerification: 'required' });
  });

  it('is opened by its own password only: a victim who opens the link of an attacker opens nothing', async () => {
    const email = newEmail();
    await askForAccount(email, ATTACKER);
    const link = await mailedToken(email, 'verify');
    const wrong = { id: 'invalid_params', message: expect.any(String) };
    expectAnswer(await verifyAs(link), 422, {
      ...wrong,
      errors: { password: [expect.stringMatching(/^is required/)] },
    });
    const errors = { password: ['is not the one that you signed up with'] };
    expectAnswer(await verify(link, VICTIM), 422, { ...wrong, errors });
    expect(await accountsWith(email)).toEqual([]);
    // Their own sign-up is none the worse for it.
    await askForAccount(email, VICTIM);
    expect((await verify(await mailedToken(email, 'verify', 2), VICTIM)).status).toBe(200);
    expect((await signIn(email, ATTACKER)).status).toBe(401);
    expect((await signIn(email, VICTIM)).status).toBe(200);
    expectUnusable(await verify(link, ATTACKER), 'verify_email_token');
  });

  it('can be guessed at ten times', async () => {
    const email = newEmail();
    await askForAccount(email);
    const link = await claimOf(email);
    set({ loginMaxFailures: 10 });
    const guesses = Array.from({ length: 14 }, (_, index) => verify(link, `guess ${index}`, index % 2 ? there : here));
    const statuses = statusesOf(await Promise.all(guesses)).sort();
    expect(statuses.filter((status) => status === 422).length).toBeLessThanOrEqual(10);
    expect(statuses.at(-1)).toBe(429);
  });

  it('answers the same whether the email is unknown, an account’s, a disabled one’s, invited or claimed', async () => {
    const [unknown, claimed, invited] = [newEmail(), newEmail(), newEmail()];
    const account = await newAccount();
    const disabled = await newAccount();
    expect((await administer('PATCH', disabled.id, { disabled: true })).status).toBe(200);
    expect((await administer('POST', '', { email: invited })).status).toBe(201);
    await askForAccount(claimed);
    const hash = jest.spyOn(HashingThreads.prototype, 'hash');
    for (const email of [unknown, account.email, disabled.email, invited, claimed]) {
      hash.mockClear();
      const before = (await post('/account/password', { email })).body as Account;
      const answer = await askForAccount(email, NEW);
      expectAnswer(answer, 201, { id: before.id, email });
      expect(hash).toHaveBeenCalledTimes(1);
      expectAnswer(await signIn(email, NEW), 401, REFUSED);
      // Nor from what can be asked for afterwards.
      expectAnswer(await askToVerify(email), 200, { id: before.id, email });
    }
    expect(await accountsWith(unknown)).toEqual([]);
  });

  it('tells whoever has an account, by mail and nobody else, and changes nothing about it', async () => {
    const { id, email } = await newAccount();
    await lastMail(email, 1);
    const before = await rowOf(id);
    expect((await askForAccount(shouted(email), ATTACKER)).status).toBe(201);
    const mail = await lastMail(email, 2);
    expect(mail).toContain('Subject: You already have an account at latchkey.test');
    expect(mail).not.toContain('#token');
    expect(mail.replace(/=\r?\n/g, '')).toContain(`${PUBLIC_URL}/password/forgot`);
    // Its link was mailed to nobody; and whoever had it could not use it.
    expect((await verify(await claimOf(email), ATTACKER)).status).toBe(409);
    expect(await rowOf(id)).toEqual(before);
    expect((await signIn(email, OLD)).status).toBe(200);
  });

  it('that is redeemed first makes the account, also of ten for one email at once on two servers', async () => {
    const email = newEmail();
    for (let attempt = 0; attempt < 5; attempt += 1) await askForAccount(email, `password ${attempt}`);
    const links = await database.query<{ id: string }>('SELECT id FROM email_links WHERE email = $1', [email]);
    expect(links).toHaveLength(5);
    const tokens = await Promise.all(
      Array.from({ length: 5 }, async (_, index) => {
        await database.query(`UPDATE email_links SET created_at = now() + interval '1 hour' * $2 WHERE id = $1`, [
          links[index]?.id,
          index + 1,
        ]);
        return claimOf(email);
      }),
    );
    const passwords = new Map<string, string>();
    for (const token of tokens) {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        if (passwords.has(token)) continue;
        passwords.set(token, `password ${tokens.indexOf(token)}`);
      }
    }
    const answers = await Promise.all(
      [...passwords].flatMap(([token, password]) => [verify(token, password), verify(token, password, there)]),
    );
    expect(statusesOf(answers).filter((status) => status === 200)).toHaveLength(1);
    expect(await accountsWith(email)).toHaveLength(1);
    const left = await database.query(
      'SELECT id FROM email_links WHERE email = $1 AND (ended_at IS NULL OR password_hash IS NOT NULL)',
      [email],
    );
    expect(left).toEqual([]);
  });

  it('takes the email from an account that never proved it, which is ended with all that it has', async () => {
    // From when nobody had to verify anything.
    set({ emailVerification: 'off' });
    const squatter = await signUp(here);
    set({ emailVerification: 'required' });
    const { email } = squatter;
    await askForAccount(email, VICTIM);
    const answer = await verify(await mailedToken(email, 'verify'), VICTIM);
    const { id } = answer.body as Account;
    expect({ status: answer.status, isNew: id !== squatter.id }).toEqual({ status: 200, isNew: true });
    expect(await reads(squatter.id, squatter.token)).toBe(401);
    expect(await liveSessions(squatter.id)).toBe(0);
    expect((await administer('GET', squatter.id)).body).toMatchObject({
      email: null,
      disabled_at: expect.any(String),
    });
    expect(await eventsOf('account.displaced', squatter.id)).toEqual([{ outcome: 'success', details: {} }]);
    expect(await rowOf(id)).toEqual({ email, verified: true, password: true });
    expect((await signIn(email, OLD)).status).toBe(401);
    expect((await signIn(email, VICTIM)).status).toBe(200);
  });

  it('takes it also after the account has changed to an email that it proved: what was never proved is kept for nobody', async () => {
    set({ emailVerification: 'off' });
    const squatter = await signUp(here);
    set({ emailVerification: 'required' });
    const own = newEmail();
    expect((await change(squatter.id, squatter.token, own, ATTACKER)).status).toBe(200);
    expect((await verify(await claimOf(own), ATTACKER)).status).toBe(200);
    await askForAccount(squatter.email, VICTIM);
    expect((await verify(await claimOf(squatter.email), VICTIM)).status).toBe(200);
    expect((await signIn(squatter.email, VICTIM)).status).toBe(200);
  });

  it('does not touch an account that was invited: its invitation is sent again', async () => {
    const email = newEmail();
    const { id } = (await administer('POST', '', { email, name: `Invited ${email}` })).body as Account;
    await mailedToken(email, 'reset');
    await askForAccount(email, ATTACKER);
    const answer = await verify(await claimOf(email), ATTACKER);
    expectAnswer(answer, 409, {
      id: 'conflict',
      message: 'There is an invitation for this email. We have sent it again: open it to choose a password.',
    });
    expect(await rowOf(id)).toEqual({ email, verified: false, password: false });
    expect((await redeem(await mailedToken(email, 'reset', 2))).status).toBe(200);
    expect((await signIn(email, NEW)).status).toBe(200);
    expect(await accountsWith(email)).toEqual([{ id, disabled: false }]);
  });

  it('ends after an hour, and then its hash is gone', async () => {
    const email = newEmail();
    await askForAccount(email);
    const link = await claimOf(email);
    await age(link, 3_600);
    expectUnusable(await verify(link), 'verify_email_token');
    await here.app.get(Sweeper).sweep();
    expect(await database.query('SELECT id FROM email_links WHERE id = $1', [idIn(link)])).toEqual([]);
  });

  it('is refused once nobody may sign up any more', async () => {
    const email = newEmail();
    await askForAccount(email);
    set({ signup: 'invite' });
    expect((await verify(await claimOf(email))).status).toBe(403);
    expect(await accountsWith(email)).toEqual([]);
  });

  it('is mailed a few times for whoever floods an address from one network, and goes on for its owner', async () => {
    const email = newEmail();
    const from = (address: string) => ({ 'x-forwarded-for': address });
    const ask = (address: string) =>
      here.call('POST', '/accounts', { account: { email, password: ATTACKER } }, from(address));
    const flood = await Promise.all(Array.from({ length: 30 }, (_, index) => ask(`198.51.100.${index + 1}`)));
    expect(statusesOf(flood).filter((status) => status === 201)).toHaveLength(10);
    expect(statusesOf(flood).filter((status) => status === 429)).toHaveLength(20);
    expect((await ask('203.0.113.1')).status).toBe(201);
    // Nor does it use up the links by which an owner gets in again.
    expect((await verify(await claimOf(email), ATTACKER)).status).toBe(200);
    await post('/account/password', { email });
    expect(await queuedTo(email)).toContain('password-reset');
  });

  it('is mailed again when it is asked for', async () => {
    const email = newEmail();
    await askForAccount(email);
    const first = await mailedToken(email, 'verify');
    await askToVerify(email);
    expect(await mailedToken(email, 'verify', 2)).toBe(first);
    expect((await verify(first)).status).toBe(200);
  });

  it('is in the audit log, with its email and without a subject', async () => {
    const email = newEmail();
    await askForAccount(email);
    const events = await database.query(
      `SELECT e.kind, e.subject, m.account_id FROM audit_events e JOIN audit_emails m ON m.event_id = e.id
       WHERE m.email = $1`,
      [email],
    );
    expect(events).toEqual([{ kind: 'account.sign_up_requested', subject: null, account_id: null }]);
  });
});

describe('With EMAIL_VERIFICATION=required, a change of email', () => {
  beforeEach(() => {
    set({ emailVerification: 'required' });
  });

  /** An account whose holder is signed in. */
  async function signedIn() {
    const account = await newAccount();
    return { ...account, token: (await signIn(account.email, OLD)).body.token as string };
  }

  it('is confirmed with a session of the account, and by nobody else’s', async () => {
    const [account, other] = [await signedIn(), await signedIn()];
    const next = newEmail();
    const changed = await change(account.id, account.token, next);
    const link = await mailedToken(next, 'verify');
    expect((await verifyAs(link, other.token)).status).toBe(422);
    expect((await verifyAs(link, account.token)).status).toBe(401);
    expect(await rowOf(account.id)).toMatchObject({ email: account.email });
    expectAnswer(await verifyAs(link, changed.body.token as string), 200, { id: account.id, email: next });
    expect(await eventsOf('account.email_change_requested', account.id)).toHaveLength(1);
    expect(await eventsOf('account.email_changed', account.id)).toHaveLength(1);
  });

  it('to the address of a victim stays a claim, which the victim cannot confirm by mistake', async () => {
    const attacker = await signedIn();
    const victim = newEmail();
    expect((await change(attacker.id, attacker.token, victim, ATTACKER)).status).toBe(200);
    const link = await mailedToken(victim, 'verify');
    expect((await verify(link, VICTIM)).status).toBe(422);
    expect(await rowOf(attacker.id)).toMatchObject({ email: attacker.email });
    // The victim signs up, whatever is pending, and that ends it.
    await askForAccount(victim, VICTIM);
    const made = await verify(await claimOf(victim), VICTIM);
    expect(made.status).toBe(200);
    expectUnusable(await verify(link, ATTACKER), 'verify_email_token');
    expect((await signIn(victim, VICTIM)).status).toBe(200);
    expect((await signIn(attacker.email, ATTACKER)).status).toBe(200);
  });

  it('to an email that an account has answers the same, and its holder is told', async () => {
    const [attacker, { email }] = [await signedIn(), await newAccount()];
    await lastMail(email, 1);
    const free = await change(attacker.id, attacker.token, newEmail());
    const taken = await change(attacker.id, free.body.token as string, email);
    expectAnswer(taken, free.status, { token: expect.any(String) });
    expect(await lastMail(email, 2)).toContain('Subject: You already have an account at latchkey.test');
    expect((await verify(await claimOf(email))).status).toBe(409);
    expect(await rowOf(attacker.id)).toMatchObject({ email: attacker.email });
  });

  it('to an email that was invited is refused, and the invitation is sent again', async () => {
    const email = newEmail();
    const { id } = (await administer('POST', '', { email, name: `Invited ${email}` })).body as Account;
    await mailedToken(email, 'reset');
    const account = await signedIn();
    const { body } = await change(account.id, account.token, email);
    expectAnswer(await verifyAs(await claimOf(email), body.token as string), 409, {
      id: 'conflict',
      message: 'There is an invitation for this email. We have sent it again: open it to choose a password.',
    });
    expect(await rowOf(account.id)).toMatchObject({ email: account.email });
    expect((await redeem(await mailedToken(email, 'reset', 2))).status).toBe(200);
    expect(await accountsWith(email)).toEqual([{ id, disabled: false }]);
  });

  it('to an email that was invited is refused like one that is taken where nobody is invited any more, and spends nothing', async () => {
    const email = newEmail();
    await administer('POST', '', { email, name: `Invited ${email}` });
    await mailedToken(email, 'reset');
    const account = await signedIn();
    const { body } = await change(account.id, account.token, email);
    const link = await claimOf(email);
    set({ signup: 'closed' });
    const refused = await verifyAs(link, body.token as string);
    expect([refused.status, refused.body.message]).toEqual([409, expect.not.stringContaining('invitation')]);
    expect(await rowOf(account.id)).toMatchObject({ email: account.email });
    set({ signup: 'open' });
    expect((await verifyAs(link, body.token as string)).body.message).toContain('We have sent it again');
    expect((await redeem(await mailedToken(email, 'reset', 2))).status).toBe(200);
  });

  it('is ended by a reset of the password, by a new one, and by an admin who ends everything', async () => {
    const endings: ((account: Account) => Promise<unknown>)[] = [
      async ({ id, email }) => {
        await post('/account/password', { email });
        return redeem(await tokenOf(id, 'reset'), OLD);
      },
      async ({ id, email }) => change(id, (await signIn(email, OLD)).body.token as string, newEmail()),
      ({ id }) => administer('POST', `${id}/revoke`),
    ];
    for (const end of endings) {
      const account = await signedIn();
      const next = newEmail();
      await change(account.id, account.token, next);
      const link = await claimOf(next);
      await end(account);
      expectUnusable(await verify(link), 'verify_email_token');
      expect(await rowOf(account.id)).toMatchObject({ email: account.email });
    }
  });

  it('is taken back by the old address for 48 hours, whatever the new one does', async () => {
    const account = await signedIn();
    const next = newEmail();
    const changed = await change(account.id, account.token, next, ATTACKER);
    expect((await verifyAs(await claimOf(next), changed.body.token as string)).status).toBe(200);
    const link = await mailedToken(account.email, 'undo');
    // Whoever has stolen the session has a mailbox too.
    await post('/account/password', { email: next });
    expect((await redeem(await tokenOf(account.id, 'reset'), ATTACKER)).status).toBe(200);
    expectAnswer(await undo(link), 200, { id: account.id, email: account.email });
    expect(await rowOf(account.id)).toEqual({ email: account.email, verified: true, password: false });
  });

  it('and a sign-up for the same email at the same moment: one of them has it', async () => {
    for (let round = 0; round < 4; round += 1) {
      const account = await signedIn();
      const next = newEmail();
      await change(account.id, account.token, next);
      const pending = await claimOf(next);
      await askForAccount(next, NEW);
      const attempt = await claimOf(next);
      const answers = await Promise.all([verify(pending, OLD), verify(attempt, NEW, there)]);
      expect(statusesOf(answers).filter((status) => status === 200)).toHaveLength(1);
      expect(await accountsWith(next)).toHaveLength(1);
    }
  });

  it('and a sign-up that takes the email from an account which changes its password: nobody waits in a circle', async () => {
    for (let round = 0; round < 4; round += 1) {
      set({ emailVerification: 'off' });
      const squatter = await signUp(here);
      set({ emailVerification: 'required' });
      await askForAccount(squatter.email, NEW);
      const attempt = await claimOf(squatter.email);
      const answers = await Promise.all([
        verify(attempt, NEW, there),
        change(squatter.id, squatter.token, squatter.email, 'another one'),
        change(squatter.id, squatter.token, newEmail(), 'another one', there),
      ]);
      expect(answers[0].status).toBe(200);
      for (const { status } of answers) expect([200, 401]).toContain(status);
      expect(await accountsWith(squatter.email)).toHaveLength(1);
    }
  });
});

describe('With EMAIL_VERIFICATION=off, whoever moves in', () => {
  it('by a reset through the new mailbox is there to stay: the link of an attacker’s old address is over', async () => {
    const attacker = await signUp(here);
    const victim = newEmail();
    expect((await change(attacker.id, attacker.token, victim, ATTACKER)).status).toBe(200);
    const link = await mailedToken(attacker.email, 'undo');
    await post('/account/password', { email: victim });
    expect((await redeem(await tokenOf(attacker.id, 'reset'), VICTIM)).status).toBe(200);
    expectUnusable(await undo(link), 'undo_email_token');
    expect((await signIn(victim, VICTIM)).status).toBe(200);
    // What was the attacker's is nobody's now.
    expect((await askForAccount(attacker.email)).status).toBe(201);
  });

  it('by verifying the new mailbox is there to stay too, also after several changes', async () => {
    const attacker = await signUp(here);
    const first = await change(attacker.id, attacker.token, newEmail());
    const link = await mailedToken(attacker.email, 'undo');
    const victim = newEmail();
    expect((await change(attacker.id, first.body.token as string, victim)).status).toBe(200);
    await askToVerify(victim);
    expect((await verify(await mailedToken(victim, 'verify'), OLD)).status).toBe(200);
    expectUnusable(await undo(link), 'undo_email_token');
    expect(await rowOf(attacker.id)).toMatchObject({ email: victim, verified: true });
  });

  it('by an invitation to an account that had another email before is there to stay', async () => {
    const former = await signUp(here);
    const victim = newEmail();
    expect((await administer('PATCH', former.id, { email: victim, password: null })).status).toBe(200);
    const link = await mailedToken(former.email, 'undo');
    expect((await redeem(await mailedToken(victim, 'reset'), VICTIM)).status).toBe(200);
    expectUnusable(await undo(link), 'undo_email_token');
    expect((await signIn(victim, VICTIM)).status).toBe(200);
  });

  it('and where a change was undone before, the link is spent: an email that is given up is free to claim', async () => {
    const { id, email, token } = await signUp(here);
    const next = newEmail();
    await change(id, token, next);
    expect((await undo(await mailedToken(email, 'undo'))).status).toBe(200);
    const other = await signUp(here, { email: next });
    expect(await queuedTo(next)).not.toContain('email-changed');
    expect(await rowOf(other.id)).toMatchObject({ email: next });
  });
});

everyAnswerIsDescribed();
