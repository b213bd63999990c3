import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Bootstrap } from '../../src/bootstrap/bootstrap.service.js';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { TOO_CLOSE, TOO_COMMON } from '../../src/passwords/password-blocklist.service.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { bearer, newEmail, startServer, type Answer, type TestServer } from '../support/server.js';
import { signedInAdmin, type User } from '../support/tokens.js';

const GOOD = 'unrelated words tumble';
const MAIL_FROM = { name: 'Fernhill Press', address: 'no-reply@latchkey.test' };

let database: TestDatabase;
let server: TestServer;
let admin: User;
let folder: string;
const others: TestServer[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-blocklist-'));
  database = await createDatabase();
  server = await startServer(database.connection, {
    passwordBlocklist: 'on',
    publicUrl: 'https://login.fernhill.example',
    mailFrom: MAIL_FROM,
    loginMaxFailures: 1_000_000,
  });
  admin = await signedInAdmin(server);
});

afterEach(async () => {
  for (const other of others.splice(0)) await other.close();
});

afterAll(async () => {
  await server.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

async function another(overrides: Parameters<typeof startServer>[1]): Promise<TestServer> {
  const started = await startServer(database.connection, overrides);
  others.push(started);
  return started;
}

const signUp = (password: string, email = newEmail(), at = server) =>
  at.call('POST', '/accounts', { account: { email, password } });

const outcome = ({ status, body }: Answer) => [status, (body as { errors?: unknown }).errors];
const refused = (problem: string) => [422, { password: [problem] }];

describe('With PASSWORD_BLOCKLIST=on', () => {
  it.each([
    'example',
    'password',
    'PassWord',
    'letmein',
    '1234567',
    '1234567890123456',
    'qwertyuiopasdfgh',
    '\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44',
    'exampleexample',
    'letmeinletmeinletmein',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaa',
    'xyzxyzxyzxyzxyzxyz',
  ])('a password that is guessed first is refused, in words that help: %s', async (password) => {
    expect(outcome(await signUp(password))).toEqual(refused(TOO_COMMON));
    expect(TOO_COMMON).toMatch(/^is one of the most common passwords, .*; choose another one, such as a few words/);
  });

  it.each([
    'wilma.slaghoople@bedrock.example',
    'WILMA.SLAGHOOPLE',
    'wilmaslaghoople',
    'slaghoople',
    'Slaghoople1!',
    'slaghoople19840523',
    'wilma-slaghoople-password',
    'wilma wilma wilma',
    'latchkey',
    'Latchkey2026!',
    'latchkeylatchkey',
    'fernhill press',
    'FernhillPress_24',
    'latchkeywilma99',
  ])('so is the own email, or the name of the service, with or without trimmings: %s', async (password) => {
    expect(outcome(await signUp(password, 'Wilma.Slaghoople@bedrock.example'))).toEqual(refused(TOO_CLOSE));
    expect(TOO_CLOSE).toMatch(
      /^is little more than your email, your name or .*; choose another one, such as a few words/,
    );
  });

  it('so is the own email in another spelling', async () => {
    for (const password of [
      'wilma77@bücher.example',
      'wilma77@bu\u0308cher.example',
      'wilma77@xn--bcher-kva.example',
    ]) {
      expect(outcome(await signUp(password, 'wilma77@xn--bcher-kva.example'))).toEqual(refused(TOO_CLOSE));
    }
    expect(outcome(await signUp('pass\u00adword\u200b'))).toEqual(refused(TOO_COMMON));
  });

  it.each([
    GOOD,
    'latchkey opens the garden gate',
    'wilma likes long walks',
    'example of a long sentence',
    'correct horse battery staple',
    'пароль на берегу реки',
    'fernhill-7f3k-92xq-1b8z',
  ])('others are accepted: %s', async (password) => {
    const email = `wilma.${newEmail()}`;
    expect((await signUp(password, email)).status).toBe(201);
    expect((await server.call('POST', '/account/session', { account: { email, password } })).status).toBe(200);
  });

  it('it holds for a change, with the name of the account and both emails, and nothing is changed', async () => {
    const email = newEmail();
    const { body } = await signUp(GOOD, email);
    const { data } = JSON.parse(
      Buffer.from((body as { token: string }).token.split('.')[1] ?? '', 'base64url').toString(),
    ) as {
      data: { id: string };
    };
    await database.query(`UPDATE accounts SET name = 'Barnaby Rubblestone' WHERE id = $1`, [data.id]);
    const change = (password: string, to = email) =>
      server.call(
        'PUT',
        `/accounts/${data.id}`,
        { account: { email: to, password } },
        bearer((body as { token: string }).token),
      );
    expect(outcome(await change('password'))).toEqual(refused(TOO_COMMON));
    expect(outcome(await change('rubblestone1'))).toEqual(refused(TOO_CLOSE));
    expect(outcome(await change(email))).toEqual(refused(TOO_CLOSE));
    expect(outcome(await change('pebbles.new', 'pebbles.new@example.org'))).toEqual(refused(TOO_CLOSE));
    expect((await server.call('POST', '/account/session', { account: { email, password: GOOD } })).status).toBe(200);
  });

  it('it holds for a reset and an invitation, whose links are not spent by it', async () => {
    const email = `barnaby.${newEmail()}`;
    const made = await server.call('POST', '/api/v1/accounts/', { email, name: 'Betty Rubblestone' }, admin.headers);
    const id = (made.body as { id: string }).id;
    const [reset] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [id]);
    const reset_password_token = server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
    const redeem = (password: string) =>
      server.call('PUT', '/account/password', { account: { password, reset_password_token } });
    expect(outcome(await redeem('password'))).toEqual(refused(TOO_COMMON));
    expect(outcome(await redeem('rubblestone!'))).toEqual(refused(TOO_CLOSE));
    expect(outcome(await redeem('barnaby2026'))).toEqual(refused(TOO_CLOSE));
    expect((await redeem(GOOD)).status).toBe(200);
  });

  it('it holds for accounts that admins make', async () => {
    const make = (password: string) =>
      server.call(
        'POST',
        '/api/v1/accounts/',
        { email: newEmail(), name: `Fred Flagstone ${newEmail()}`, password },
        admin.headers,
      );
    expect((await make('password')).body).toEqual({ errors: { password: TOO_COMMON } });
    expect((await make('flagstone77')).body).toEqual({ errors: { password: TOO_CLOSE } });
    expect((await make(GOOD)).status).toBe(201);
  });

  it('it holds for BOOTSTRAP_ADMIN_PASSWORD, which the start names', async () => {
    const empty = await createDatabase();
    try {
      const unset = { appToken: undefined, clientId: undefined, clientSecret: undefined };
      const bootstrap = { adminEmail: newEmail(), adminPassword: 'password', ...unset };
      const other = await startServer(empty.connection, { passwordBlocklist: 'on', bootstrap });
      await expect(other.app.get(Bootstrap).fromVariables()).rejects.toThrow(`BOOTSTRAP_ADMIN_PASSWORD ${TOO_COMMON}`);
      await other.close();
    } finally {
      await empty.drop();
    }
  });

  it('passwords that accounts have already stay good', async () => {
    const email = newEmail();
    expect((await signUp('example', email, await another({}))).status).toBe(201);
    expect((await server.call('POST', '/account/session', { account: { email, password: 'example' } })).status).toBe(
      200,
    );
  });

  it('there are enough on the list of each length that may be required', () => {
    const list = readFileSync('src/passwords/common-passwords.txt', 'utf8').split('\n');
    // OWASP ASVS 5.0, 6.2.4: the 3,000 most common ones that meet the minimum length.
    for (const least of [7, 8, 12, 15])
      expect(list.filter((word) => word.length >= least).length).toBeGreaterThan(3_000);
  });
});

describe('With PASSWORD_BLOCKLIST as the path of a file', () => {
  it('its lines are refused, whatever their case and ends, and the own words, but not the list of the package', async () => {
    const path = join(folder, 'list.txt');
    writeFileSync(path, 'Yabba-Dabba-Doo\r\nстрашная тайна\n\nlast without an end');
    const other = await another({ passwordBlocklist: path });
    for (const password of [
      'yabba-dabba-doo',
      'СТРАШНАЯ ТАЙНА',
      'last without an end',
      'YABBA-DABBA-DOOyabba-dabba-doo',
    ]) {
      expect([password, ...outcome(await signUp(password, newEmail(), other))]).toEqual([
        password,
        ...refused(TOO_COMMON),
      ]);
    }
    expect(outcome(await signUp('latchkey', newEmail(), other))).toEqual(refused(TOO_CLOSE));
    expect((await signUp('password', newEmail(), other)).status).toBe(201);
  });

  it('it may be large', async () => {
    const path = join(folder, 'large.txt');
    writeFileSync(path, Array.from({ length: 300_000 }, (_, index) => `secret number ${index}`).join('\n'));
    const other = await another({ passwordBlocklist: path });
    for (const number of [0, 65_535, 65_536, 299_999]) {
      expect(outcome(await signUp(`secret number ${number}`, newEmail(), other))).toEqual(refused(TOO_COMMON));
    }
    for (const number of [300_000, 300_001, -1]) {
      expect((await signUp(`secret number ${number}`, newEmail(), other)).status).toBe(201);
    }
  });
});

describe('By default', () => {
  it('there is no list, as the document has it', async () => {
    const other = await another({});
    for (const password of ['example', 'password', 'latchkey', 'fred.flintstone']) {
      const email = `fred.flintstone.${newEmail()}`;
      expect([password, (await signUp(password, email, other)).status]).toEqual([password, 201]);
    }
  });
});
