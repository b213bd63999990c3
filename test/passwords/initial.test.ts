import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { announce } from '../../src/bootstrap/announcement.js';
import { Bootstrap } from '../../src/bootstrap/bootstrap.service.js';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { bearer, claimsOf, newEmail, signUp, startServer, type Answer, type TestServer } from '../support/server.js';
import { logIn, makeAdmin, signedInAdmin, type Admin, type User } from '../support/tokens.js';

const DAY = 86_400;
const GIVEN = 'given by an admin';
const CHOSEN = 'chosen by myself';
const EXPIRED = 'This temporary password has expired. Request a password reset link.';
const BOOTSTRAP = {
  adminEmail: undefined,
  adminPassword: undefined,
  appToken: undefined,
  clientId: undefined,
  clientSecret: undefined,
};

let database: TestDatabase;
/** INITIAL_PASSWORD_TTL is a day. */
let server: TestServer;
/** It is off. */
let off: TestServer;
let admin: User;
let app: Admin;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { initialPasswordTtl: DAY });
  off = await startServer(database.connection);
  admin = await signedInAdmin(server);
  app = await makeAdmin(server);
});

afterAll(async () => {
  await off.close();
  await server.close();
  await database.drop();
});

interface Account {
  id: string;
  email: string;
}

async function given(more: object = {}): Promise<Account> {
  const email = newEmail();
  const { status, body } = await server.call(
    'POST',
    '/api/v1/accounts/',
    { email, password: GIVEN, ...more },
    admin.headers,
  );
  expect(status).toBe(201);
  return { id: body.id as string, email };
}

const signIn = (email: string, password = GIVEN, at = server) =>
  at.call('POST', '/account/session', { account: { email, password } });

const logsIn = ({ email }: Account, at = server) =>
  at.call('POST', '/api/v1/token/', { username: email, password: GIVEN }, { 'app-token': app.appToken });

async function jwt(account: Account): Promise<string> {
  const { status, body } = await signIn(account.email);
  expect(status).toBe(200);
  return body.token as string;
}

const change = ({ id, email }: Account, token: string, password: string, more: object = {}) =>
  server.call('PUT', `/accounts/${id}`, { account: { email, password, ...more } }, bearer(token));

const age = ({ id }: Account, seconds = DAY) =>
  database.query(
    `UPDATE accounts SET initial_password_at = initial_password_at - $2 * interval '1 second' WHERE id = $1`,
    [id, seconds],
  );

const rowOf = async (id: string) => {
  const [row] = await database.query<{ password_hash: string; initial: boolean }>(
    'SELECT password_hash, initial_password_at IS NOT NULL AS initial FROM accounts WHERE id = $1',
    [id],
  );
  return row;
};

async function resetOf({ id, email }: Account): Promise<string> {
  expect((await server.call('POST', '/account/password', { account: { email } })).status).toBe(200);
  const [reset] = await database.query<{ id: string }>(
    'SELECT id FROM password_resets WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1',
    [id],
  );
  return server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
}

const redeem = (reset_password_token: string, password: string) =>
  server.call('PUT', '/account/password', { account: { password, reset_password_token } });

function expectExpired({ status, body }: Answer): void {
  expect([status, body]).toEqual([403, { id: 'password_expired', message: EXPIRED }]);
}

describe('A password that an admin gives to a new account', () => {
  it('signs in for INITIAL_PASSWORD_TTL, and then at no door', async () => {
    const account = await given();
    await age(account, DAY - 60);
    const token = await jwt(account);
    expect((await logsIn(account)).status).toBe(200);
    await age(account, 60);
    const before = await rowOf(account.id);
    expectExpired(await signIn(account.email));
    const login = await logsIn(account);
    expect([login.status, login.body]).toEqual([403, { errors: { request: EXPIRED } }]);
    // Nor does it confirm anything, and the refusal says why.
    expectExpired(await change(account, token, CHOSEN, { current_password: GIVEN }));
    // Whoever does not know it learns nothing.
    expect((await signIn(account.email, 'another one')).status).toBe(401);
    expect(await rowOf(account.id)).toEqual(before);
    const events = await database.query(
      `SELECT details FROM audit_events WHERE kind = 'sign_in' AND outcome = 'refused' AND subject = $1 LIMIT 1`,
      [account.id],
    );
    expect(events).toEqual([{ details: { reason: 'password_expired' } }]);
  });

  it('does not count against its holder when it has expired', async () => {
    const account = await given();
    await age(account);
    for (let time = 0; time <= server.config.loginMaxFailures; time += 1) expectExpired(await signIn(account.email));
  });

  it('is followed by one that its holder chooses, which lasts', async () => {
    const account = await given();
    expect((await change(account, await jwt(account), CHOSEN)).status).toBe(200);
    expect((await rowOf(account.id))?.initial).toBe(false);
    await age(account);
    expect((await signIn(account.email, CHOSEN)).status).toBe(200);
  });

  it('is not chosen to stay, neither by whoever is signed in nor by a link, which is good for another one', async () => {
    const account = await given();
    const token = await jwt(account);
    const refused = { password: ['must be different from your temporary one'] };
    const kept = await change(account, token, GIVEN);
    expect([kept.status, kept.body.errors]).toEqual([422, refused]);
    const link = await resetOf(account);
    const again = await redeem(link, GIVEN);
    expect([again.status, again.body.errors]).toEqual([422, refused]);
    expect((await rowOf(account.id))?.initial).toBe(true);
    await age(account);
    expect((await redeem(link, CHOSEN)).status).toBe(200);
    expect((await rowOf(account.id))?.initial).toBe(false);
    expect((await signIn(account.email, CHOSEN)).status).toBe(200);
  });

  it('is told as such to nobody who guesses at it without changing it', async () => {
    const account = await given();
    const token = await jwt(account);
    const stale = { ...bearer(token), 'if-match': '"stale"' };
    const guess = (password: string) =>
      server.call('PUT', `/accounts/${account.id}`, { account: { email: account.email, password } }, stale);
    expect([(await guess(GIVEN)).status, (await guess(CHOSEN)).status]).toEqual([412, 412]);
    const taken = { email: (await given()).email };
    const claims = await Promise.all([GIVEN, CHOSEN].map((password) => change(account, token, password, taken)));
    for (const { status, body } of claims) expect([status, body.errors]).toEqual([409, { email: ['is taken'] }]);
    expect((await rowOf(account.id))?.initial).toBe(true);
  });

  it('stays one when its hash is renewed', async () => {
    const account = await given();
    Object.assign(server.config, { bcryptCost: server.config.bcryptCost + 1 });
    try {
      const before = await rowOf(account.id);
      await jwt(account);
      expect((await rowOf(account.id))?.password_hash).not.toBe(before?.password_hash);
    } finally {
      Object.assign(server.config, { bcryptCost: server.config.bcryptCost - 1 });
    }
    await age(account);
    expectExpired(await signIn(account.email));
  });

  it('leaves no admin behind who could be locked out as the last one', async () => {
    const other = await createDatabase();
    try {
      const lone = await startServer(other.connection, { initialPasswordTtl: DAY });
      try {
        const first = await signedInAdmin(lone);
        const demote = () => lone.call('PATCH', `/api/v1/accounts/${first.id}`, { role: 'user' }, first.headers);
        const second = { email: newEmail(), password: GIVEN, role: 'admin' };
        const { body } = await lone.call('POST', '/api/v1/accounts/', second, first.headers);
        expect((await demote()).status).toBe(409);
        const { token } = (await signIn(second.email, GIVEN, lone)).body as { token: string };
        const account = { email: second.email, password: CHOSEN };
        expect((await lone.call('PUT', `/accounts/${body.id}`, { account }, bearer(token))).status).toBe(200);
        expect((await demote()).status).toBe(200);
      } finally {
        await lone.close();
      }
    } finally {
      await other.drop();
    }
  });

  it('lasts where INITIAL_PASSWORD_TTL is off', async () => {
    const account = await given();
    await age(account, 10 * 365 * DAY);
    expect((await signIn(account.email, GIVEN, off)).status).toBe(200);
    expect((await logsIn(account, off)).status).toBe(200);
  });
});

it('A password that somebody has chosen by signing up never expires', async () => {
  const { id, email, password } = await signUp(server);
  expect((await rowOf(id))?.initial).toBe(false);
  await database.query(`UPDATE accounts SET created_at = now() - interval '10 years' WHERE id = $1`, [id]);
  expect((await signIn(email, password)).status).toBe(200);
});

describe('The password of the first admin', () => {
  const inEmpty = async (
    settings: Parameters<typeof startServer>[1],
    work: (at: TestServer, empty: TestDatabase) => Promise<void>,
  ) => {
    const empty = await createDatabase();
    const at = await startServer(empty.connection, settings);
    try {
      await work(at, empty);
    } finally {
      await at.close();
      await empty.drop();
    }
  };

  it.each([
    ['that the bootstrap generates', undefined],
    ['in BOOTSTRAP_ADMIN_PASSWORD', 'the password of root'],
  ])('%s is good for INITIAL_PASSWORD_TTL only, and can be changed', async (_, adminPassword) => {
    const bootstrap = { ...BOOTSTRAP, adminEmail: newEmail(), adminPassword };
    await inEmpty({ initialPasswordTtl: DAY, bootstrap }, async (at, empty) => {
      const made = await at.app.get(Bootstrap).generated();
      const { adminEmail = '', adminPassword: password = '', appToken = '' } = made ?? {};
      expect(announce(at.config, made ?? {})).toContain('Password is good for  one day, to choose another one\n');
      await logIn(at, appToken, { email: adminEmail, password });
      const { body } = await signIn(adminEmail, password, at);
      await empty.query(`UPDATE accounts SET initial_password_at = now() - interval '1 day'`);
      expectExpired(await signIn(adminEmail, password, at));
      const account = { email: adminEmail, password: CHOSEN };
      const { id } = claimsOf(body.token as string).data;
      expect((await at.call('PUT', `/accounts/${id}`, { account }, bearer(body.token as string))).status).toBe(200);
      expect((await signIn(adminEmail, CHOSEN, at)).status).toBe(200);
    });
  });

  it('lasts by default, and nothing is said of it', async () => {
    await inEmpty({ bootstrap: BOOTSTRAP }, async (at, empty) => {
      const made = (await at.app.get(Bootstrap).generated()) ?? {};
      expect(announce(at.config, made)).not.toContain('good for');
      await empty.query(`UPDATE accounts SET initial_password_at = now() - interval '10 years'`);
      expect((await signIn(made.adminEmail ?? '', made.adminPassword, at)).status).toBe(200);
    });
  });

  it('wants a mailbox that somebody has named, where it expires and mails leave the machine', async () => {
    await inEmpty({ initialPasswordTtl: DAY, bootstrap: BOOTSTRAP }, async (at, empty) => {
      Object.assign(at.config, { database: {} });
      await expect(at.app.get(Bootstrap).generated()).rejects.toThrow('BOOTSTRAP_ADMIN_EMAIL must be a mailbox');
      expect(await empty.query('SELECT id FROM accounts')).toEqual([]);
    });
  });
});
