import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { ADMINISTRATION_LOCK } from '../../src/database/locks.js';
import { Sweeper } from '../../src/database/sweeper.service.js';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import {
  type Account,
  admin,
  administer,
  age,
  askForAccount,
  askToVerify,
  change,
  changedAccount,
  claimOf,
  database,
  everyAnswerIsDescribed,
  expectAnswer,
  expectUnusable,
  here,
  idIn,
  liveSessions,
  mailedToken,
  mails,
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
  tables,
  there,
  tokenOf,
  undo,
  verify,
  withTwoServers,
} from '../support/account-emails.js';
import { waiting, whileLocked } from '../support/locks.js';
import { eventually } from '../support/process.js';
import { bearer, newEmail, shouted, signUp, type Answer, type TestServer } from '../support/server.js';
import { logIn, newApiToken, newAppToken, oboToken, signedInUser } from '../support/tokens.js';

withTwoServers();

/**
 * In milliseconds: how long it may take here until a revocation is heard on the other server. The promise is 100 ms, and
 * two seconds at worst; but a busy machine may keep everybody waiting, and what is never heard of fails all the same.
 */
const AT_WORST = 20_000;
const UNDO_TTL = 48 * 3_600;
const ROUNDS = 12;
/** Of races that locks put in order, one way or the other. */
const ORDERED_ROUNDS = 5;

const TAKEN = { id: 'conflict', message: expect.any(String), errors: { email: ['is taken'] } };

/** All that the database holds, as text. */
async function dump(): Promise<string> {
  const texts: string[] = [];
  for (const table of await tables()) {
    const rows = await database.query<{ text: string }>(`SELECT t::text AS text FROM "${table}" t`);
    texts.push(...rows.map(({ text }) => text));
  }
  return texts.join('\n');
}

describe('A change of email', () => {
  const TOLD = 'The email of your account at latchkey.test was changed from';

  it.each([
    ['by its holder', true, (id: string, token: string, email: string) => change(id, token, email)],
    ['by an admin', false, (id: string, _token: string, email: string) => administer('PATCH', id, { email })],
  ])('%s tells the old address, and only that', async (_, saysWhere, changeTo) => {
    const { id, email, token } = await signUp(here);
    const next = newEmail();
    expect((await changeTo(id, token, next)).status).toBe(200);
    const [mail = ''] = await mails(email, 'undo');
    expect(mail).toContain('\nSubject: The email of your account at latchkey.test was changed\n');
    expect(mail).toContain(`${TOLD} ${email} to another one. If this was you, no action is needed.`);
    expect(mail).toContain('If this was not you, open this link within 2 days to restore your email');
    expect(mail).toMatch(/\nWhen: \d{1,2} \w+ \d{4}, \d\d:\d\d UTC\n/);
    // Where an admin is does not concern whoever reads it.
    expect(mail.includes('\nFrom: 127.0.0.1\n')).toBe(saysWhere);
    // Not whose it is now.
    expect(mail).not.toContain(next);
    const link = `${PUBLIC_URL}/email/undo#token=${await mailedToken(email, 'undo')}`;
    expect(mail).toMatch(new RegExp(`<a href="${link.replaceAll('.', '\\.')}" style="[^"]*">Undo the change</a>`));
    expect(await queuedTo(next)).toEqual([]);
  });

  it('back and forth says of the last one when it was', async () => {
    const { id, email, token } = await signUp(here);
    const next = newEmail();
    const there = await change(id, token, next);
    await mails(email, 'undo');
    await database.query(
      `UPDATE email_links SET created_at = now() - interval '1 day', asked_from = '192.0.2.7' WHERE account_id = $1`,
      [id],
    );
    const back = await change(id, there.body.token as string, email);
    await change(id, back.body.token as string, next);
    const [, last = ''] = await mails(email, 'undo', 2);
    expect(last).toContain('From: 127.0.0.1');
    expect(
      await database.query(`SELECT asked_from FROM email_links WHERE account_id = $1 AND purpose = 'undo'`, [id]),
    ).toEqual([{ asked_from: '127.0.0.1' }]);
    expect(
      await database.query(
        `SELECT id FROM email_links WHERE account_id = $1 AND created_at < now() - interval '12 hours'`,
        [id],
      ),
    ).toEqual([]);
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
    const gone = await eventually(() => {
      const found = mailServer.mails.filter(({ to, raw }) => to.includes(b) && raw.includes('to another one.'));
      expect(found).toHaveLength(1);
      return found[0]?.raw ?? '';
    });
    expect(gone).toMatch(/\nWhen: \d{1,2} \w+ \d{4}, \d\d:\d\d UTC\r?\n/);
    // Whoever reads this mailbox may have taken the account over: where its holder is does not concern them.
    expect(gone).not.toMatch(/From: (?!Latchkey)|127\.0\.0\.1/);
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
    const [b, c] = [newEmail(), newEmail()];
    const changed = await change(id, token, b);
    expect((await verify(await claimOf(b))).status).toBe(200);
    expect((await change(id, changed.body.token as string, c)).status).toBe(200);
    const pending = await claimOf(c);
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
    expectAnswer(await undo(link), 200, { id, email: a });
    for (const password of [OLD, NEW]) expect((await signIn(a, password)).status).toBe(401);
  });
});

describe('An email that can be brought back', () => {
  it('is kept from everybody else, in whatever case, and its holder can change back to it', async () => {
    const { id, a, token } = await changedAccount();
    const stranger = await signUp(here);
    const invited = await administer('POST', '', { email: newEmail() });
    for (const email of [a, shouted(a)]) {
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
    const back = await change(id, token, shouted(a));
    expect(back.status).toBe(200);
    expect((await rowOf(id))?.email).toBe(shouted(a));
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
        ...[4, 8].map((wait) => later(wait + (round % 4), () => askForAccount(shouted(a), OLD, here))),
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

  it('a reset through the new mailbox: one of the two is done, and the other refused', async () => {
    for (let round = 0; round < ORDERED_ROUNDS; round += 1) {
      const { id, a, b } = await changedAccount();
      expect((await post('/account/password', { email: b })).status).toBe(200);
      const [link, reset] = [await tokenOf(id, 'undo'), await tokenOf(id, 'reset')];
      const [undone, redeemed] = await Promise.all([sleep(round * 3).then(() => undo(link)), redeem(reset)]);
      expect([undone.status, redeemed.status].sort()).toEqual([200, 422]);
      const isUndone = undone.status === 200;
      expect(await rowOf(id)).toEqual({ email: isUndone ? a : b, verified: true, password: !isUndone });
    }
  });

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
    const verifying = await mailedToken(email, 'verify');
    answers.push(await askToVerify(email), await verify(`${verifying}x`));
    const made = await verify(verifying);
    answers.push(made, await verify(verifying));
    const { id } = made.body as Account;
    const signedIn = await signIn(email, OLD);
    const next = newEmail();
    answers.push(await change(id, signedIn.body.token as string, next));
    const pending = await mailedToken(next, 'verify');
    answers.push(await verify(pending));
    const undoing = await mailedToken(email, 'undo');
    answers.push(await undo(`x${undoing}`), await undo(undoing), await undo(undoing));
    expect(statusesOf(answers)).toEqual([201, 200, 422, 200, 422, 200, 200, 422, 200, 422]);
    const answered = JSON.stringify(answers.map(({ body, headers }) => ({ body, headers: [...headers] })));
    const stored = await dump();
    const logged = [...here.logs, ...there.logs].join('');
    for (const token of [verifying, pending, undoing]) {
      // The id is there, so this is where the rest would be.
      expect(stored).toContain(idIn(token));
      for (const text of [stored, logged, answered]) expect(text).not.toContain(token.split('.')[2]);
    }
    expect(logged).toMatch(/sign-up mail .*accepted by the mail server/);
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

everyAnswerIsDescribed();
