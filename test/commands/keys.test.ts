import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createAccount, listAccounts } from '../../src/commands/account.command.js';
import { examine } from '../../src/commands/doctor.command.js';
import { listKeys, rotateKeys } from '../../src/commands/keys.command.js';
import { checkSecret } from '../../src/commands/secret.command.js';
import { Commands, NEVER } from '../support/commands.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import {
  bearer,
  claimsOf,
  newEmail,
  signUp,
  startServer,
  TEST_SECRET_KEY,
  type TestServer,
} from '../support/server.js';
import { logIn, newApiToken, signedInAdmin } from '../support/tokens.js';

const OLD = TEST_SECRET_KEY;
const NEW = 'the next secret key of the tests that is long enough';
const REFUSED = /encrypted with another SECRET_KEY.*`new,old`.*`latchkey keys rotate --compromised`/;

let database: TestDatabase;
let commands: Commands;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  commands = new Commands(database, server);
});

/** One key, which OLD encrypts. */
beforeEach(async () => {
  await server.close();
  await database.query('DELETE FROM signing_keys');
  await database.query('DELETE FROM secret_keys');
  server = await startWith(OLD);
});

afterEach(() => {
  process.env.SECRET_KEY = OLD;
});

afterAll(async () => {
  commands.close();
  await server.close();
  await database.drop();
});

const startWith = (...secretKeys: string[]) => startServer(database.connection, { secretKeys });

const rows = () =>
  database.query<{ kid: string; id: string }>(
    'SELECT kid, secret_key_id AS id, encrypted_private_key, token_ttl FROM signing_keys ORDER BY signs_from, kid',
  );

const rotate = (options: Parameters<typeof rotateKeys>[1]) =>
  commands.run('keys rotate', () => rotateKeys(NEVER, options));

const signIn = async (at: TestServer, account: object) =>
  (await at.call('POST', '/account/session', { account })).status;

const look = async (at: TestServer, token: string) =>
  (await at.call('GET', `/accounts/${claimsOf(token).data.id}`, undefined, bearer(token))).status;

const refresh = (at: TestServer, refresh_token: string) =>
  at.call('PUT', '/account/session', { account: { refresh_token, remember_me: true } });

const ORDINARY: [name: string, run: () => Promise<unknown>][] = [
  ['doctor', () => examine(NEVER, {})],
  ['secret rotate --check', () => checkSecret(NEVER, { check: true })],
  ['keys list', () => listKeys(NEVER, {})],
  ['account list', () => listAccounts(NEVER, { limit: 10 })],
  ['account create', () => createAccount(NEVER, newEmail(), { invite: true, json: true })],
];

describe('With SECRET_KEY=new,old', () => {
  it.each(ORDINARY)('`%s` leaves the signing keys as they are: a server with the old one starts', async (name, run) => {
    const before = await rows();
    expect(before).toHaveLength(1);
    process.env.SECRET_KEY = `${NEW},${OLD}`;
    await commands.run(name, run);
    expect(await rows()).toEqual(before);
    const replica = await startWith(OLD);
    await replica.close();
  });

  it('a server encrypts them with the new one, which is all that is needed after that', async () => {
    const [before] = await rows();
    const both = await startWith(NEW, OLD);
    await both.close();
    const [after] = await rows();
    expect(after?.kid).toBe(before?.kid);
    expect(after?.id).not.toBe(before?.id);
    const alone = await startWith(NEW);
    await alone.close();
    await expect(startWith(OLD)).rejects.toThrow(REFUSED);
  });

  it('`keys rotate` encrypts what it makes with the new one, and leaves the others', async () => {
    const [before] = await rows();
    process.env.SECRET_KEY = `${NEW},${OLD}`;
    await rotate({ now: true });
    const [first, second] = await rows();
    expect(first).toEqual(before);
    expect(second?.id).not.toBe(before?.id);
  });

  it('`secret rotate --check` says that signing keys need the old one, until a server has started', async () => {
    await database.query(`INSERT INTO secret_keys (id, current_until) SELECT secret_key_id, now() FROM signing_keys
      ON CONFLICT (id) DO UPDATE SET current_until = now() - interval '1 day'`);
    process.env.SECRET_KEY = `${NEW},${OLD}`;
    const check = () => commands.run('secret rotate', () => checkSecret(NEVER, { check: true }));
    for (let time = 0; time < 2; time += 1)
      expect(await check()).toMatchObject({ isDone: false, text: expect.stringContaining('1 signing keys') });
    const both = await startWith(NEW, OLD);
    await both.close();
    expect((await check()).text).not.toContain('signing keys');
  });
});

it('Of a database that no server has used yet, a command that makes no key leaves it so', async () => {
  await server.close();
  await database.query('DELETE FROM signing_keys');
  for (const [name, run] of ORDINARY) await commands.run(name, run);
  expect(await rows()).toEqual([]);
  const { text } = await commands.run('doctor', () => examine(NEVER, {}));
  expect(text).toContain('There is none yet.');
});

describe('When SECRET_KEY is lost', () => {
  it('no server starts with another one, nor do commands, which say what to do', async () => {
    const before = await rows();
    process.env.SECRET_KEY = NEW;
    await expect(startWith(NEW)).rejects.toThrow(REFUSED);
    await expect(listKeys(NEVER, {})).rejects.toThrow(REFUSED);
    await expect(checkSecret(NEVER, { check: true })).rejects.toThrow(REFUSED);
    await expect(createAccount(NEVER, newEmail(), { invite: true })).rejects.toThrow(REFUSED);
    for (const options of [{}, { now: true, yes: true }]) await expect(rotate(options)).rejects.toThrow(REFUSED);
    const { text } = await commands.run('doctor', () => examine(NEVER, {}));
    expect(text).toMatch(REFUSED);
    expect(await rows()).toEqual(before);
  });

  it('`keys rotate --compromised` asks first, as the key may be mistyped, and says what else to do', async () => {
    const before = await rows();
    process.env.SECRET_KEY = NEW;
    await expect(rotate({ compromised: true })).rejects.toThrow(/cannot be read.*\n.*`new,old`(.*\n)+.*Pass --yes/);
    expect(await rows()).toEqual(before);
    // With the right one it does not ask.
    process.env.SECRET_KEY = OLD;
    expect(await rotate({ compromised: true })).toContain('Whoever has a refresh token goes on with it');
  });

  it('it asks as well when only some of them cannot be read', async () => {
    process.env.SECRET_KEY = `${NEW},${OLD}`;
    await rotate({ now: true });
    const before = await rows();
    process.env.SECRET_KEY = NEW;
    await expect(rotate({ compromised: true })).rejects.toThrow('Pass --yes');
    expect(await rows()).toEqual(before);
    await rotate({ compromised: true, yes: true });
    expect((await rows()).map(({ id }) => id)).toEqual([before[1]?.id]);
  });

  it('it makes a key with which servers start, sign in and check tokens; what the lost one had made is void', async () => {
    const { email, password, token, refreshToken } = await signUp(server, { remember: true });
    const admin = await signedInAdmin(server);
    const api = await newApiToken(server, admin.appToken, 'GATEWAY');
    const [lost] = await rows();
    await server.close();

    process.env.SECRET_KEY = NEW;
    const told = await rotate({ compromised: true, yes: true });
    expect(told).toContain(lost?.kid);
    expect(told).toContain('Everybody signs in again');
    const [made, ...others] = await rows();
    expect(others).toEqual([]);
    expect(made?.id).not.toBe(lost?.id);
    const events = await database.query(
      'SELECT kind, subject FROM audit_events WHERE subject = ANY($1) ORDER BY kind, at',
      [[lost?.kid, made?.kid]],
    );
    expect(events).toEqual([
      { kind: 'signing_key.published', subject: lost?.kid },
      { kind: 'signing_key.published', subject: made?.kid },
      { kind: 'signing_key.revoked', subject: lost?.kid },
    ]);
    // By now it can be read: nobody is asked any more.
    await rotate({ compromised: true });

    server = await startWith(NEW);
    expect(await signIn(server, { email, password })).toBe(200);
    expect((await server.call('GET', '/v1/api/auth', undefined, bearer(api))).status).toBe(200);
    expect((await server.call('GET', '/api/v1/tokens/', undefined, admin.headers)).status).toBe(200);
    await logIn(server, admin.appToken, admin);
    expect(await look(server, token)).toBe(401);
    expect((await refresh(server, refreshToken)).status).toBe(401);
    const renewed = await signUp(server, { remember: true });
    expect(await look(server, renewed.token)).toBe(200);
    expect((await refresh(server, renewed.refreshToken)).status).toBe(200);
  });
});
