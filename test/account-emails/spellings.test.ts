import { describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { migrations } from '../../migrations/index.js';
import { migrate, migrationDataSource } from '../../src/database/migrate.js';
import {
  type Account,
  administer,
  askForAccount,
  database,
  everyAnswerIsDescribed,
  expectAnswer,
  here,
  OLD,
  post,
  rowOf,
  set,
  signIn,
  withTwoServers,
} from '../support/account-emails.js';
import { createDatabase } from '../support/database.js';
import { newClient } from '../support/oauth.js';
import { newEmail, signUp, startServer } from '../support/server.js';

withTwoServers();

const TAKEN = { id: 'conflict', message: expect.any(String), errors: { email: ['is taken'] } };

let made = 0;
/** Four spellings of one email that nobody has yet: the first is the one that is stored. */
function spellings(): [string, string, string, string] {
  made += 1;
  const local = `jose${made}\u0301`;
  return [
    `${local}@xn--bcher-kva.example`.normalize('NFC'),
    `${local}@bücher.example`.normalize('NFC'),
    `${local}@bücher.example`.normalize('NFD'),
    `"${local.toUpperCase().normalize('NFC')}"@BÜCHER.Example.`,
  ];
}

describe('An email in four spellings', () => {
  it('is one account’s: whichever signs up first, the others are taken', async () => {
    for (let first = 0; first < 4; first += 1) {
      const all = spellings();
      const answer = await askForAccount(all[first] ?? '');
      expect(answer.status).toBe(201);
      for (const email of all) expectAnswer(await askForAccount(email), 409, TAKEN);
      const rows = await database.query<{ email: string }>(
        'SELECT email FROM accounts WHERE lower(email) = lower($1)',
        [all[0]],
      );
      // Capitals before the @ are kept as they were typed.
      expect(rows.map(({ email }) => email.toLowerCase())).toEqual([all[0]]);
    }
  });

  it('signs in, is reset, is found by admins and is counted as one', async () => {
    const all = spellings();
    const { id } = await signUp(here, { email: all[1] });
    for (const email of all) expect((await signIn(email, OLD)).status).toBe(200);
    for (const email of all) expectAnswer(await post('/account/password', { email }), 200, { id, email });
    const resets = await database.query('SELECT id FROM password_resets WHERE account_id = $1', [id]);
    // One mail a minute, whatever the spelling.
    expect(resets).toHaveLength(1);
    const mails = await database.query('SELECT kind FROM outgoing_mails WHERE recipient = $1', [all[0]]);
    expect(mails).toEqual([{ kind: 'password-reset' }]);
    for (const email of all) {
      const found = await administer('GET', `?email=${encodeURIComponent(email)}`);
      expect((found.body as { accounts: Account[] }).accounts.map((account) => account.id)).toEqual([id]);
    }
    set({ loginMaxFailures: 3 });
    const guesses = await Promise.all([...all, ...all].map((email) => signIn(email, 'wrong password')));
    expect(guesses.map(({ status }) => status).filter((status) => status === 401)).toHaveLength(3);
    expect((await signIn(all[2], 'wrong password')).status).toBe(429);
  });

  it('is identified as one, by its account', async () => {
    const all = spellings();
    const { id } = await signUp(here, { email: all[0] });
    const { basic } = await newClient(here);
    for (const email of all) {
      const visitor = { ip: '192.0.2.1', url: 'https://publisher.example/', user_agent: 'seen', email };
      const { body } = await here.call('POST', '/api/identifications', visitor, basic);
      expect(body).toMatchObject({ status: 'identified', account: { id } });
    }
  });

  it('is the same email in a change, an invitation and a change by an admin', async () => {
    const all = spellings();
    const { id } = (await administer('POST', '', { email: all[2] })).body as Account;
    expect(await rowOf(id)).toMatchObject({ email: all[0] });
    for (const email of all) {
      expect((await administer('POST', '', { email })).status).toBe(409);
      expect((await administer('PATCH', id, { email })).status).toBe(200);
    }
    expect(await database.query('SELECT id FROM email_links WHERE account_id = $1', [id])).toEqual([]);
  });
});

describe('The σ at the end of a word', () => {
  it('is kept for the mail, and makes no other account', async () => {
    made += 1;
    const email = `νίκος${made}.νίκος@example.org`;
    const { id } = await signUp(here, { email });
    expect(await rowOf(id)).toMatchObject({ email });
    for (const other of [email.toUpperCase(), email.replaceAll('ς', 'σ')]) {
      expectAnswer(await askForAccount(other), 409, TAKEN);
      expect((await signIn(other, OLD)).status).toBe(200);
    }
  });
});

describe('A text that looks like an email', () => {
  it.each([
    ['a line break in quotes', '"u\r\nBcc: all@example.org"@example.org'],
    ['a mark of direction', 'u\u202e@example.org'],
    ['a space without width', 'u\u200b@example.org'],
    ['a control character', '"\u0007"@example.org'],
    ['a Hangul filler', '\u3164u@example.org'],
  ])('with %s is refused, at every door', async (_, email) => {
    const errors = { email: ['must be an email address'] };
    for (const path of ['/accounts', '/account/session', '/account/password', '/account/email']) {
      expect(await post(path, { email, password: OLD })).toMatchObject({ status: 422, body: { errors } });
    }
    expect((await administer('POST', '', { email })).status).toBe(400);
  });
});

describe('Accounts from before emails had one form', () => {
  it('that fall together stay as they are, are reported, and the right one signs in', async () => {
    const old = await createDatabase({ empty: true });
    const before = migrations.findIndex((migration) => migration.name.startsWith('EmailsInOneForm'));
    const source = await migrationDataSource(old.connection, migrations.slice(0, before)).initialize();
    await source.runMigrations();
    await source.destroy();
    const make = async (email: string, password: string, verified: boolean) => {
      const [row] = await old.query<{ id: string }>(
        `INSERT INTO accounts (email, password_hash, email_verified_at)
         VALUES ($1, $2, CASE WHEN $3 THEN now() END) RETURNING id`,
        [email, await bcrypt.hash(password, 4), verified],
      );
      return row?.id ?? '';
    };
    const unicode = await make('u@bücher.example', 'unicode', false);
    const ascii = await make('u@xn--bcher-kva.example', 'ascii', true);
    const alone = await make('only@bu\u0308cher.example', 'alone', false);
    const plain = await make('plain@example.org', 'plain', false);
    await make('νίκος@example.org', 'greek', false);
    await make('"quoted"@example.org', 'quotes', false);
    await migrate(old.connection);
    const server = await startServer(old.connection);
    try {
      const rows = await old.query<{ subject: string; details: { accounts: string[] } }>(
        `SELECT subject, details FROM audit_events WHERE kind = 'account.email_shared'`,
      );
      expect(new Map(rows.map(({ subject, details }) => [subject, details.accounts]))).toEqual(
        new Map([
          [unicode, [ascii]],
          [ascii, [unicode]],
        ]),
      );
      const isIn = async (email: string, password: string) => (await signIn(email, password, server)).status === 200;
      // Its very spelling finds each; any other the one that is proved.
      expect(await isIn('u@bücher.example', 'unicode')).toBe(true);
      expect(await isIn('u@xn--bcher-kva.example', 'ascii')).toBe(true);
      expect(await isIn('u@bu\u0308cher.example', 'ascii')).toBe(true);
      expect(await isIn('u@bu\u0308cher.example', 'unicode')).toBe(false);
      // Of two that are not proved, the one that signed in last.
      await old.query('UPDATE accounts SET email_verified_at = NULL');
      await old.query('DELETE FROM sessions WHERE account_id = $1', [ascii]);
      expect(await isIn('u@bu\u0308cher.example', 'unicode')).toBe(true);
      // Whoever is alone is found in every spelling, and keeps the email.
      for (const email of ['only@bücher.example', 'ONLY@xn--bcher-kva.example']) {
        expect(await isIn(email, 'alone')).toBe(true);
        expect((await askForAccount(email, OLD, server)).status).toBe(409);
      }
      expect(await isIn('plain@example.org', 'plain')).toBe(true);
      for (const email of ['νίκος@example.org', 'ΝΊΚΟΣ@example.org', 'νίκοσ@example.org']) {
        expect(await isIn(email, 'greek')).toBe(true);
      }
      expect(await isIn('quoted@example.org', 'quotes')).toBe(true);
      expect((await askForAccount('quoted@example.org', OLD, server)).status).toBe(409);
      const stored = await old.query('SELECT email FROM accounts WHERE id = ANY ($1) ORDER BY created_at', [
        [unicode, ascii, alone, plain],
      ]);
      expect(stored).toHaveLength(4);
      // Each can go on to change its password, and keeps its own spelling.
      const { body } = await signIn('u@bücher.example', 'unicode', server);
      const account = { email: 'u@bücher.example', password: 'unicode again' };
      const changed = await server.call(
        'PUT',
        `/accounts/${unicode}`,
        { account },
        {
          authorization: `Bearer ${body.token as string}`,
        },
      );
      expect(changed.status).toBe(200);
      expect(await isIn('u@bücher.example', 'unicode again')).toBe(true);
      expect(await isIn('u@xn--bcher-kva.example', 'ascii')).toBe(true);
    } finally {
      await server.close();
      await old.drop();
    }
  });

  it('and an email in capitals is stored with its domain in small letters', async () => {
    const email = newEmail();
    const { body } = await askForAccount(email.toUpperCase());
    const [row] = await database.query<{ email: string }>('SELECT email FROM accounts WHERE lower(email) = $1', [
      email,
    ]);
    expect(body).toMatchObject({ token: expect.any(String) });
    expect(row?.email).toBe(`${email.split('@')[0]?.toUpperCase() ?? ''}@example.org`);
  });
});

everyAnswerIsDescribed();
