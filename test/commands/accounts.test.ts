import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  accountNamed,
  createAccount,
  deleteAccount,
  disableAccount,
  enableAccount,
  listAccounts,
  resetPassword,
  revokeAccount,
  showAccount,
  unlockAccount,
} from '../../src/commands/account.command.js';
import type { ApiError } from '../../src/errors/api-error.js';
import { card, table } from '../../src/commands/table.js';
import { Commands, NEVER } from '../support/commands.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/process.js';
import { bearer, newEmail, signUp, startServer, type TestServer } from '../support/server.js';
import { makeAdmin, signedInUser, type Admin } from '../support/tokens.js';

let database: TestDatabase;
let server: TestServer;
let commands: Commands;
let admin: Admin;

const YES = { yes: true, json: true };

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  commands = new Commands(database, server);
  admin = await makeAdmin(server);
});

afterAll(async () => {
  commands.close();
  await server.close();
  await database.drop();
});

/** An account as it is shown; the link, where one is made. */
interface Shown {
  id: string;
  link: string;
}

const answerOf = (name: string, work: () => Promise<string>) => commands.answer<Shown>(name, work);

const signIn = (email: string, password: string) =>
  server.call('POST', '/account/session', { account: { email, password } });

async function choose(link: string, password: string) {
  const [, token] = link.split('#token=');
  return server.call('PUT', '/account/password', { account: { reset_password_token: token, password } });
}

const eventsOf = (subject: string) =>
  database.query<{ kind: string; details: any; actor_id: string | null; address: string | null }>(
    'SELECT kind, details, actor_id, address FROM audit_events WHERE subject = $1 ORDER BY at, id',
    [subject],
  );

it('Whoever opens the link that `account create` shows chooses a password; nothing is mailed', async () => {
  const email = newEmail();
  const made = await answerOf('account create', () => createAccount(NEVER, email, { role: 'admin', json: true }));
  expect(made).toMatchObject({ email, role: 'admin', has_password: false, individual: true });
  expect(await database.query('SELECT FROM outgoing_mails')).toEqual([]);
  expect(await choose(made.link, 'a new example')).toMatchObject({ status: 200, body: { id: made.id } });
  expect(await signIn(email, 'a new example')).toMatchObject({ status: 200 });
  expect(await choose(made.link, 'another example')).toMatchObject({ status: 422 });
});

it('The audit log names the command line as the actor, with the command', async () => {
  const { id } = await answerOf('account create', () => createAccount(NEVER, newEmail(), { json: true }));
  await commands.run('account disable', () => disableAccount(NEVER, id, YES));
  const by = (command: string) => expect.objectContaining({ by: 'command', command });
  expect(await eventsOf(id)).toEqual([
    { kind: 'account.created', details: by('account create'), actor_id: null, address: null },
    { kind: 'password_reset.requested', details: by('account create'), actor_id: null, address: null },
    { kind: 'account.disabled', details: by('account disable'), actor_id: null, address: null },
  ]);
});

it('`--invite` mails an invitation, and shows no link', async () => {
  const email = newEmail();
  const made = await answerOf('account create', () => createAccount(NEVER, email, { invite: true, json: true }));
  expect(made).not.toHaveProperty('link');
  expect(await eventually(() => eventsOf(made.id))).toContainEqual(
    expect.objectContaining({ kind: 'account.invited' }),
  );
});

it('A password comes from a file, and meets the same rules as at the routes', async () => {
  const email = newEmail();
  const create = (password: string) =>
    commands.run('account create', () =>
      createAccount(NEVER, email, { passwordFile: commands.file(password), json: true }),
    );
  await expect(create('short\n')).rejects.toMatchObject({ details: { fields: { password: [expect.any(String)] } } });
  await expect(create('')).rejects.toThrow('There is no password in');
  expect(JSON.parse(await create('from a file\n'))).toMatchObject({ has_password: true });
  expect(await signIn(email, 'from a file')).toMatchObject({ status: 200 });
});

it.each([
  { what: 'no email', email: undefined, options: {}, fields: ['email'] },
  { what: 'what is no email', email: 'ada', options: {}, fields: ['email'] },
  { what: 'a wide network', email: 'x@example.org', options: { network: ['10.0.0.0/8'] }, fields: ['networks'] },
  { what: 'an organisation without a name', email: undefined, options: { organisation: true }, fields: ['name'] },
])('`account create` with $what names what is wrong, and makes nothing', async ({ email, options, fields }) => {
  const before = await database.query('SELECT count(*) FROM accounts');
  const failure = await createAccount(NEVER, email, options).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'invalid_params' });
  expect(Object.keys((failure as ApiError).details.fields ?? {})).toEqual(fields);
  expect(await database.query('SELECT count(*) FROM accounts')).toEqual(before);
});

it('An admin who lost the password gets back in without SQL and without mail, although everybody is locked out', async () => {
  for (let failures = 0; failures < 10; failures += 1) await signIn(admin.email, 'wrong');
  expect(await signIn(admin.email, admin.password)).toMatchObject({ status: 429 });
  const { link } = await answerOf('account reset-password', () => resetPassword(NEVER, admin.email, { json: true }));
  expect(link).toMatch(/^http:\/\/latchkey\.test\/password\/reset#token=/);
  expect(await choose(link, 'remembered now')).toMatchObject({ status: 200 });
  expect(await signIn(admin.email, 'remembered now')).toMatchObject({ status: 200 });
  expect(await database.query(`SELECT FROM outgoing_mails WHERE kind = 'password-reset'`)).toEqual([]);
});

it('There is no link for whom nobody could sign in as', async () => {
  const { id } = await signUp(server);
  await commands.run('account disable', () => disableAccount(NEVER, id, YES));
  await expect(resetPassword(NEVER, id, {})).rejects.toThrow('Nobody can sign in to this account');
  const organisation = { organisation: true, name: `Org ${randomUUID()}`, json: true };
  const made = await answerOf('account create', () => createAccount(NEVER, undefined, organisation));
  await expect(resetPassword(NEVER, made.id, {})).rejects.toThrow('Nobody can sign in to this account');
});

it('An account is named by its id, its legacy_id, or its email in whatever spelling', async () => {
  const { id, email } = await signUp(server);
  const legacyId = randomUUID().replaceAll('-', '').slice(0, 24);
  await database.query('UPDATE accounts SET legacy_id = $2 WHERE id = $1', [id, legacyId]);
  for (const named of [id, id.toUpperCase(), legacyId, legacyId.toUpperCase(), email, email.toUpperCase()]) {
    expect(await accountNamed(server.app, named)).toMatchObject({ id });
  }
  for (const named of [randomUUID(), 'nobody@example.org', '', '%', `${id}'`])
    await expect(accountNamed(server.app, named)).rejects.toThrow('There is no such account.');
});

it('A running server refuses what `account disable` and `account revoke` end, though it remembers it', async () => {
  for (const act of [disableAccount, revokeAccount]) {
    const user = await signedInUser(server);
    const { body } = await signIn(user.email, user.password);
    const isRefused = async (status: number) => {
      expect(
        await server.call('GET', `/accounts/${user.id}`, undefined, bearer((body as { token: string }).token)),
      ).toMatchObject({ status });
      expect(await server.call('GET', '/api/v1/tokens/', undefined, user.headers)).toMatchObject({ status });
    };
    await isRefused(200);
    await commands.run('account', () => act(NEVER, user.email, YES));
    await eventually(() => isRefused(401));
    const left = await database.query(
      `SELECT id FROM sessions WHERE account_id = $1 AND revoked_at IS NULL
       UNION SELECT id FROM tokens WHERE account_id = $1 AND revoked_at IS NULL`,
      [user.id],
    );
    expect(left).toEqual([]);
  }
});

it('`account enable` lets it sign in again, and `account unlock` forgets failures', async () => {
  const { id, email, password } = await signUp(server);
  await commands.run('account disable', () => disableAccount(NEVER, id, YES));
  expect(await signIn(email, password)).toMatchObject({ status: 401 });
  expect(await answerOf('account enable', () => enableAccount(NEVER, id, { json: true }))).toMatchObject({
    disabled_at: null,
  });
  for (let failures = 0; failures < 10; failures += 1) await signIn(email, 'wrong');
  expect(await signIn(email, password)).toMatchObject({ status: 429 });
  await commands.run('account unlock', () => unlockAccount(NEVER, id, {}));
  // A process believes for a second what it knows of a lock.
  await eventually(async () => {
    expect(await signIn(email, password)).toMatchObject({ status: 200 });
  });
});

it('`account delete` deletes it and its emails in the audit log', async () => {
  const { id, email } = await signUp(server);
  expect(await answerOf('account delete', () => deleteAccount(NEVER, email, YES))).toEqual({ id, deleted: true });
  expect(await database.query('SELECT FROM accounts WHERE id = $1', [id])).toEqual([]);
  expect(await database.query('SELECT FROM audit_emails WHERE lower(email) = lower($1)', [email])).toEqual([]);
  expect(await eventsOf(id)).toContainEqual(
    expect.objectContaining({ kind: 'account.deleted', details: expect.objectContaining({ by: 'command' }) }),
  );
});

it('`account delete` deletes its mails too, sent or not, and none that waits for somebody else', async () => {
  const { id, email } = await signUp(server);
  const resets = await database.query<{ id: string }>(
    `INSERT INTO password_resets (account_id, expires_at) VALUES ($1, now() + interval '1 hour') RETURNING id`,
    [id],
  );
  // A mail about the account that waits, one of which only its address tells, and one by which another account asks for that.
  await database.query(
    `INSERT INTO outgoing_mails (kind, subject_id, recipient, next_attempt_at, done_at) VALUES
       ('password_reset', $1, 'former@example.org', now() + interval '1 hour', NULL),
       ('sign_up', gen_random_uuid(), upper($2), now(), now()),
       ('email_confirmation', gen_random_uuid(), $2, now() + interval '1 hour', NULL)`,
    [resets[0]?.id, email],
  );
  await commands.run('account delete', () => deleteAccount(NEVER, id, YES));
  const left = 'SELECT kind FROM outgoing_mails WHERE lower(recipient) = ANY ($1::text[])';
  expect(await database.query(left, [['former@example.org', email.toLowerCase()]])).toEqual([
    { kind: 'email_confirmation' },
  ]);
});

it('Nothing is done without --yes where there is no terminal to ask at', async () => {
  const { id } = await signUp(server);
  for (const act of [disableAccount, revokeAccount, deleteAccount])
    await expect(act(NEVER, id, {})).rejects.toThrow('Pass --yes');
  expect(await answerOf('account show', () => showAccount(NEVER, id, { json: true }))).toMatchObject({
    disabled_at: null,
  });
});

it('The last admin who can sign in is neither disabled nor deleted', async () => {
  const others = await database.query<{ id: string }>(
    `SELECT id FROM accounts WHERE role = 'admin' AND id <> $1 AND disabled_at IS NULL`,
    [admin.id],
  );
  for (const { id } of others) await commands.run('account disable', () => disableAccount(NEVER, id, YES));
  for (const act of [disableAccount, deleteAccount])
    await expect(act(NEVER, admin.id, YES)).rejects.toThrow('last enabled admin');
});

it('Lists are filtered, and go on over pages until the limit', async () => {
  await database.query(
    `INSERT INTO accounts (email, individual) SELECT 'many' || n || '@example.org', true FROM generate_series(1, 205) n`,
  );
  const list = (options: object) =>
    answerOf('account list', () => listAccounts(NEVER, { limit: 1_000, json: true, ...options }));
  expect(await list({ email: 'many' })).toHaveLength(205);
  expect(await list({ email: 'many', limit: 150 })).toHaveLength(150);
  expect(await list({ role: 'admin', enabled: true })).toEqual([expect.objectContaining({ id: admin.id })]);
  expect(await list({ email: 'many', disabled: true })).toEqual([]);
  const text = await listAccounts(NEVER, { limit: 2, email: 'many' });
  expect(text.split('\n')).toHaveLength(4);
  expect(text).toMatch(/^ID +EMAIL +NAME +ROLE +STATE +CREATED\n/);
});

it('What a terminal would obey is shown, not written', () => {
  const name = 'Ada\u001b[2J\u202e\nx';
  for (const text of [table(['NAME'], [[name]]), card({ name })]) {
    expect(text).toContain('Ada\\u{1b}[2J\\u{202e}\\u{a}x\n');
  }
});
