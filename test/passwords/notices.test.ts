import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { MailServer } from '../support/mail-server.js';
import { eventually } from '../support/process.js';
import { bearer, newEmail, signUp, startServer, type TestServer } from '../support/server.js';
import { signedInAdmin, type User } from '../support/tokens.js';

const PUBLIC_URL = 'http://latchkey.test';
const NEW = 'another example';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const FROM = { 'x-forwarded-for': '2001:DB8::7', 'user-agent': FIREFOX };

let database: TestDatabase;
let mailServer: MailServer;
let server: TestServer;
let admin: User;

beforeAll(async () => {
  database = await createDatabase();
  mailServer = await new MailServer().start();
  server = await startServer(database.connection, {
    publicUrl: PUBLIC_URL,
    smtpUrl: mailServer.url(),
    mailFrom: { name: 'Latchkey', address: 'no-reply@latchkey.test' },
    trustProxy: 1,
    maxMailsPerAddress: 3,
  });
  admin = await signedInAdmin(server);
});

afterAll(async () => {
  await server.close();
  await mailServer.stop();
  await database.drop();
});

const change = (id: string, token: string, account: object, headers: Record<string, string> = FROM) =>
  server.call('PUT', `/accounts/${id}`, { account }, { ...bearer(token), ...headers });

const administer = (method: string, path: string, body: object) =>
  server.call(method, `/api/v1/accounts/${path}`, body, { ...admin.headers, ...FROM });

async function redeem(id: string, password = NEW, headers: Record<string, string> = FROM) {
  const [reset] = await database.query<{ id: string }>(
    'SELECT id FROM password_resets WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1',
    [id],
  );
  const reset_password_token = server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
  return server.call('PUT', '/account/password', { account: { password, reset_password_token } }, headers);
}

const queued = (email: string) =>
  database.query<{ kind: string; way: string; address: string | null; user_agent: string | null }>(
    `SELECT m.kind, c.way, c.address, c.user_agent FROM outgoing_mails m JOIN password_changes c ON c.id = m.subject_id
     WHERE m.recipient = $1 ORDER BY m.created_at`,
    [email],
  );

/** @returns the plain text of the only such mail to an address, in one line */
async function mailTo(email: string, done: 'changed' | 'removed' = 'changed'): Promise<string> {
  const [raw = ''] = await eventually(() => {
    const subject = new RegExp(`^Subject: Your password .* ${done}`, 'm');
    const found = mailServer.mails.filter(({ to, raw }) => to.includes(email) && subject.test(raw));
    expect(found).toHaveLength(1);
    return found.map((mail) => mail.raw);
  });
  const bytes = raw
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
  return Buffer.from(bytes, 'latin1').toString().replace(/\s+/g, ' ');
}

const WHEN = /When: \d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC/;

describe('The holder of an account is told by mail', () => {
  it('that whoever was signed in has changed the password, when, from where, and what to do', async () => {
    const { id, email, token } = await signUp(server);
    expect((await change(id, token, { email, password: NEW })).status).toBe(200);
    const mail = await mailTo(email);
    expect(mail).toContain('Subject: Your password for latchkey.test was changed');
    expect(mail).toContain('was changed by somebody who was signed in to it.');
    expect(mail).toMatch(WHEN);
    expect(mail).toContain(`From: 2001:db8::7 (${FIREFOX})`);
    expect(mail).toContain(
      'If this was not you, choose a new password: where you sign in, ask for a link to reset it.',
    );
    expect(mail).not.toContain(NEW);
    expect(await queued(email)).toEqual([
      { kind: 'password-changed', way: 'session', address: '2001:db8::7', user_agent: FIREFOX },
    ]);
  });

  it('that it was set by a link', async () => {
    const { id, email } = await signUp(server);
    await server.call('POST', '/account/password', { account: { email } });
    expect((await redeem(id)).status).toBe(200);
    const mail = await mailTo(email);
    expect(mail).toContain('was set with a link that was sent to this address.');
    expect(mail).toMatch(WHEN);
    expect(mail).toContain('From: 2001:db8::7');
    expect((await redeem(id)).status).toBe(422);
    expect((await queued(email)).map(({ way }) => way)).toEqual(['link']);
  });

  it('that it was set by an invitation', async () => {
    const email = newEmail();
    const { body } = await administer('POST', '', { email });
    expect((await redeem(body.id as string)).status).toBe(200);
    expect(await mailTo(email)).toContain('was set with a link that was sent to this address.');
  });

  it('that an admin has removed it, but not where that admin is', async () => {
    const { id, email } = await signUp(server);
    expect((await administer('PATCH', id, { password: null })).status).toBe(200);
    const mail = await mailTo(email, 'removed');
    expect(mail).toContain('Subject: Your password for latchkey.test was removed');
    expect(mail).toContain('An administrator removed the password');
    expect(mail).toMatch(WHEN);
    expect(mail).not.toMatch(/2001:db8|Firefox/);
    expect(mail).toContain(' http://latchkey.test/password/forgot ');
    expect((await administer('PATCH', id, { password: null })).status).toBe(200);
    expect(await queued(email)).toEqual([{ kind: 'password-changed', way: 'admin', address: null, user_agent: null }]);
  });

  it('at the address that the account has then, and at the one that it had before', async () => {
    const { id, email, token } = await signUp(server);
    const other = newEmail();
    expect((await change(id, token, { email: other, password: NEW })).status).toBe(200);
    expect(await mailTo(other)).toContain('was changed by somebody who was signed in to it.');
    const before = await mailTo(email);
    expect(before).toContain('The email and the password of your account at latchkey.test were changed by somebody');
    expect(before).toContain('From: 2001:db8::7');
    expect(before).toContain('If this was not you, open the link in our mail about the change of your email');
    // Not whose it is now.
    expect(before).not.toContain(other);
    expect((await queued(email)).map(({ way }) => way)).toEqual(['moved']);
  });

  it('that the link which undoes a change of email has removed it, once', async () => {
    const { id, email, token } = await signUp(server);
    expect((await change(id, token, { email: newEmail(), password: NEW })).status).toBe(200);
    const [link] = await database.query<{ id: string }>('SELECT id FROM email_links WHERE account_id = $1', [id]);
    const undo_email_token = server.app.get(SecretKeys).sign('email-undo', link?.id ?? '');
    const undo = () => server.call('PUT', '/account/email/undo', { account: { undo_email_token } }, FROM);
    expect((await undo()).status).toBe(200);
    const mail = await mailTo(email, 'removed');
    expect(mail).toContain('Subject: Your password for latchkey.test was removed');
    expect(mail).toContain('was undone, with a link that was sent to this address. The password was removed');
    expect(mail).toMatch(WHEN);
    expect(mail).toContain(`From: 2001:db8::7 (${FIREFOX})`);
    expect(mail).toContain('choose a new password with the link that we have sent you in another mail.');
    expect((await undo()).status).toBe(422);
    expect((await queued(email)).slice(1)).toEqual([
      { kind: 'password-changed', way: 'undo', address: '2001:db8::7', user_agent: FIREFOX },
    ]);
  });
});

describe('No such mail', () => {
  it('is sent for what did not happen', async () => {
    const { id, email, token } = await signUp(server);
    const taken = (await signUp(server)).email;
    expect((await change(id, token, { email, password: 'short' })).status).toBe(422);
    expect((await change(id, token, { email: taken, password: NEW })).status).toBe(409);
    expect((await server.call('POST', '/account/session', { account: { email, password: 'example' } })).status).toBe(
      200,
    );
    await server.call('POST', '/account/password', { account: { email } });
    expect((await redeem(id, 'short')).status).toBe(422);
    const made = newEmail();
    expect((await administer('POST', '', { email: made, password: NEW })).status).toBe(201);
    for (const one of [email, taken, made]) expect(await queued(one)).toEqual([]);
  });

  it('is sent to the address of an account that is gone', async () => {
    const { id, email, token } = await signUp(server);
    mailServer.behaviour = 'refuse for now';
    try {
      expect((await change(id, token, { email, password: NEW })).status).toBe(200);
      expect((await server.call('DELETE', `/api/v1/accounts/${id}`, undefined, admin.headers)).status).toBe(204);
    } finally {
      mailServer.behaviour = 'take';
    }
    expect(await database.query('SELECT 1 FROM password_changes WHERE account_id = $1', [id])).toEqual([]);
    await database.query('UPDATE outgoing_mails SET next_attempt_at = now() WHERE recipient = $1', [email]);
    await eventually(async () => {
      const rows = await database.query('SELECT 1 FROM outgoing_mails WHERE recipient = $1 AND done_at IS NULL', [
        email,
      ]);
      expect(rows).toEqual([]);
    });
    expect(mailServer.mails.filter(({ to }) => to.includes(email))).toEqual([]);
  });

  it('says what whoever changed the password wants it to', async () => {
    const { id, email, token } = await signUp(server);
    const agent = 'Fine <b>x</b> go to https://evil.example/x or evil.example or mail@evil.example Firefox/140.0';
    const headers = { 'x-forwarded-for': '192.0.2.7', 'user-agent': agent };
    expect((await change(id, token, { email, password: NEW }, headers)).status).toBe(200);
    const mail = await mailTo(email);
    expect(mail).toContain('From: 192.0.2.7 (Fine <b>x</b> go to … or … or … Firefox/140.0)');
    expect(mail).toContain('Fine &#60;b&#62;x&#60;/b&#62; go to …');
    expect(mail).not.toContain('evil');
  });
});

describe('An address is told so often in a day', () => {
  it('and no change more is made by whoever is signed in, but the holder of the mailbox can still choose one', async () => {
    const { id, email, token: first } = await signUp(server);
    let token = first;
    for (let time = 0; time < 3; time += 1) {
      const { status, body } = await change(id, token, { email, password: `${NEW} ${time}` });
      expect(status).toBe(200);
      ({ token } = body as { token: string });
    }
    expect((await change(id, token, { email, password: NEW })).status).toBe(429);
    expect((await server.call('POST', '/account/session', { account: { email, password: NEW } })).status).toBe(401);
    await server.call('POST', '/account/password', { account: { email } });
    expect((await redeem(id)).status).toBe(200);
    expect((await queued(email)).map(({ way }) => way)).toEqual(['session', 'session', 'session', 'link']);
  });
});
