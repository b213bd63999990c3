import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Bootstrap } from '../src/bootstrap/bootstrap.service.js';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newAccessToken, newClient, postForm, type Client } from './support/oauth.js';
import { cleanUp, eventually, newFolder, ServerProcess } from './support/process.js';
import {
  bearer,
  call,
  claimsOf,
  newEmail,
  signUp,
  startServer,
  TEST_SECRET_KEY,
  type Answer,
  type TestServer,
} from './support/server.js';
import { Statements } from './support/statements.js';
import {
  changeAccount,
  logIn,
  newAppToken,
  oboToken,
  rowOf,
  signedInAdmin,
  signedInUser,
  tokenHeaders,
  type User,
} from './support/tokens.js';

/** Accounts and their sessions, for admins: one server, one database, and a replica that takes no invitations. */
let database: TestDatabase;
let server: TestServer;
/** In a process of its own, as passport's strategies are one set for each process. */
let replica: ServerProcess;
let replicaFolder: string;
let statements: Statements;
/** Nobody touches this one before the races on the last admin. */
let admin: User;
let user: User;
/** Nobody answers for it. */
let publisher: Client;

/** What the replicas promise each other at worst, in milliseconds. */
const AT_WORST = 2_000;

beforeAll(async () => {
  database = await createDatabase();
  replicaFolder = newFolder();
  const { host, port, user: name, password, database: path } = database.connection;
  const starting = ServerProcess.start({
    DATABASE_URL: `postgres://${name}:${encodeURIComponent(password)}@localhost/${path}?host=${encodeURIComponent(host)}&port=${port}`,
    DATA_DIR: replicaFolder,
    PUBLIC_URL: 'http://latchkey.test',
    SECRET_KEY: TEST_SECRET_KEY,
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: '0',
    RUN_MIGRATIONS: 'false',
    SIGNUP: 'closed',
  });
  statements = new Statements();
  server = await startServer(database.connection, { loginMaxFailures: 1_000 });
  admin = await signedInAdmin(server);
  user = await signedInUser(server);
  publisher = await newClient(server);
  replica = await (await starting).ready();
});

afterAll(async () => {
  statements.stop();
  await server.close();
  await cleanUp();
  await database.drop();
});

type Headers = Record<string, string>;
type Server = Pick<TestServer, 'call'>;

const ACCOUNTS = '/api/v1/accounts';
const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const NOT_FOUND = [404, { errors: { request: 'Not found, or you do not have access to it.' } }];
const ADMINS_ONLY = [403, { errors: { request: 'This requires an admin account.' } }];
const LAST_ADMIN = [
  409,
  { errors: { request: 'This is the last enabled admin who can sign in. Create another admin first.' } },
];
const REVOKED = [401, { errors: { token: 'has been revoked' } }];
const EMAIL_TAKEN = [409, { errors: { email: 'is taken' } }];
const NAME_TAKEN = [409, { errors: { name: 'is taken' } }];
const GONE = [204, ''];
const ABSENT = '01234567-89ab-4def-8123-456789abcdef';
const NOT_GOOD = 'is missing or invalid';

const outcome = ({ status, body }: Pick<Answer, 'status' | 'body'>): [number, unknown] => [status, body];
const invalid = (errors: object) => [400, { errors }];
const get = (path: string, headers: Headers = admin.headers, at: Server = server) =>
  at.call('GET', path, undefined, headers);
const post = (path: string, body?: unknown, headers: Headers = admin.headers, at: Server = server) =>
  at.call('POST', path, body, headers);
const patch = (path: string, body: unknown, headers: Headers = admin.headers, at: Server = server) =>
  at.call('PATCH', path, body, headers);
const remove = (path: string, headers: Headers = admin.headers, at: Server = server) =>
  at.call('DELETE', path, undefined, headers);
const pathOf = (id: string) => `${ACCOUNTS}/${id}`;
const change = (id: string, body: unknown, headers?: Headers, at?: Server) => patch(pathOf(id), body, headers, at);
const signIn = (email: string, password: string, at: Server = server) =>
  at.call('POST', '/account/session', { account: { email, password } });
const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status).sort();
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
const atOnce = <T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => act(index)));

let names = 0;
const newName = () => `Account ${(names += 1)} of ${process.pid}`;

/** What an admin sees of an account. */
interface Account {
  [field: string]: unknown;
  id: string;
  email: string;
  name: string;
}

/** @returns the answer to the making of an account */
async function make(fields: object = {}): Promise<Account> {
  const answer = await post(`${ACCOUNTS}/`, { email: newEmail(), password: 'example', ...fields });
  if (answer.status !== 201) throw new Error(`It was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body as Account;
}

interface AccountRow {
  [column: string]: unknown;
  email: string | null;
  role: string;
  password_hash: string | null;
  credential_epoch: number;
  updated_at: Date;
  disabled_at: Date | null;
  email_verified_at: Date | null;
}

/** What is stored of an account, with its lists; undefined: there is none. */
async function stored(id: string) {
  const [row] = await database.query<AccountRow & { networks: string[]; domains: string[] }>(
    `SELECT *,
       ARRAY(SELECT n.network::text FROM account_networks n WHERE n.account_id = id ORDER BY n.network) AS networks,
       ARRAY(SELECT domain FROM account_email_domains WHERE account_id = id ORDER BY domain) AS domains
     FROM accounts WHERE id = $1`,
    [id],
  );
  return row;
}

const countAccounts = async () =>
  (await database.query<{ count: number }>('SELECT count(*)::int FROM accounts'))[0]?.count;

/** The kinds of what the audit log has of changes of an account, with who did it. */
const eventsOf = (subject: string) =>
  database.query<{ kind: string; actor_id: string; on_behalf_of: string | null }>(
    `SELECT kind, actor_id, on_behalf_of FROM audit_events
     WHERE subject = $1 AND kind NOT LIKE '%.read' AND kind NOT LIKE '%.listed' ORDER BY at, kind`,
    [subject],
  );

const mailsAbout = (email: string) =>
  database.query<{ kind: string; subject_id: string }>(
    'SELECT kind, subject_id FROM outgoing_mails WHERE recipient = $1 ORDER BY created_at, kind',
    [email],
  );

async function pendingReset(accountId: string): Promise<string> {
  const [reset] = await database.query<{ id: string }>(
    'SELECT id FROM password_resets WHERE account_id = $1 AND ended_at IS NULL ORDER BY created_at DESC LIMIT 1',
    [accountId],
  );
  return reset?.id ?? '';
}

const redeem = (resetId: string, at: Server = server) =>
  at.call('PUT', '/account/password', {
    account: {
      password: 'another example',
      reset_password_token: server.app.get(SecretKeys).sign('password-reset', resetId),
      remember_me: true,
    },
  });

/** Whoever is given this acts for `of`, and is `by`. */
async function onBehalf(of: { id: string }, by: User): Promise<Headers> {
  return tokenHeaders(by.appToken, await oboToken(server, by, of.id));
}

interface Target {
  id: string;
  sid: string;
}

/** Each route, with what an admin is answered; `changes`: it leaves something behind. */
const ROUTES: [name: string, status: number, request: (target: Target, headers: Headers) => Promise<Answer>][] = [
  ['list', 200, (_, headers) => get(`${ACCOUNTS}/`, headers)],
  ['create', 201, (_, headers) => post(`${ACCOUNTS}/`, { email: newEmail(), password: 'example' }, headers)],
  ['show', 200, ({ id }, headers) => get(pathOf(id), headers)],
  ['change', 200, ({ id }, headers) => change(id, { name: newName() }, headers)],
  ['delete', 204, ({ id }, headers) => remove(pathOf(id), headers)],
  ['revoke', 204, ({ id }, headers) => post(`${pathOf(id)}/revoke`, undefined, headers)],
  ['list sessions', 200, ({ id }, headers) => get(`${pathOf(id)}/sessions`, headers)],
  ['show a session', 200, ({ id, sid }, headers) => get(`${pathOf(id)}/sessions/${sid}`, headers)],
  ['end a session', 204, ({ id, sid }, headers) => remove(`${pathOf(id)}/sessions/${sid}`, headers)],
];

const WITH_AN_ID = ROUTES.filter(([name]) => !['list', 'create'].includes(name));

async function newTarget(): Promise<Target & { jwt: string; email: string; password: string }> {
  const { id, email, password, token } = await signUp(server);
  return { id, email, password, jwt: token, sid: claimsOf(token).sid };
}

const countEvents = async (actor: string, where: string) =>
  (await database.query(`SELECT 1 FROM audit_events WHERE actor_id = $1 AND outcome = 'success' AND ${where}`, [actor]))
    .length;

describe('The routes for accounts and their sessions', () => {
  /** To whom nothing happens, as nobody may. */
  let bystander: Awaited<ReturnType<typeof newTarget>>;
  let actingForUser: string;

  beforeAll(async () => {
    bystander = await newTarget();
    actingForUser = await oboToken(server, admin, user.id);
  });

  it.each(ROUTES)('%s: an admin may, and so may an admin on behalf of another', async (_, status, request) => {
    const other = await signedInAdmin(server);
    expect((await request(await newTarget(), other.headers)).status).toBe(status);
    expect(await countEvents(other.id, `on_behalf_of IS NULL AND kind NOT LIKE 'sign_in'`)).toBeGreaterThan(0);
    const acting = await onBehalf(other, admin);
    expect((await request(await newTarget(), acting)).status).toBe(status);
    const done = `on_behalf_of = '${other.id}' AND kind <> 'token.issued'`;
    expect(await countEvents(admin.id, done)).toBeGreaterThan(0);
  });

  it.each(ROUTES)('%s: a user may not, neither may an admin on behalf of one', async (_, __, request) => {
    const target = bystander;
    const before = [await stored(target.id), await countAccounts()];
    const acting = tokenHeaders(admin.appToken, actingForUser);
    for (const headers of [user.headers, acting, { ...user.headers, 'app-token': admin.appToken }]) {
      expect(outcome(await request(target, headers))).toEqual(ADMINS_ONLY);
      // Whether there is such an account is none of their business.
      expect(outcome(await request({ id: randomUUID(), sid: randomUUID() }, headers))).toEqual(ADMINS_ONLY);
    }
    expect([await stored(target.id), await countAccounts()]).toEqual(before);
    expect((await get(`/accounts/${target.id}`, bearer(target.jwt))).status).toBe(200);
  });

  it.each(ROUTES)('%s: nobody may, and each header that is not good is named', async (_, __, request) => {
    const target = bystander;
    const before = [await stored(target.id), await countAccounts()];
    const both = { app_token: NOT_GOOD, token: NOT_GOOD };
    for (const [headers, errors] of [
      [{}, both],
      [{ 'app-token': admin.token, token: admin.appToken }, both],
      [{ 'app-token': admin.appToken }, { token: NOT_GOOD }],
      [{ token: admin.token }, { app_token: NOT_GOOD }],
      [bearer(bystander.jwt), both],
      [publisher.basic, both],
    ] as [Headers, object][]) {
      const answer = await request(target, headers);
      expect(outcome(answer)).toEqual([401, { errors }]);
      expect(answer.headers.get('www-authenticate')).toBe('App-Token, Token');
    }
    expect([await stored(target.id), await countAccounts()]).toEqual(before);
    expect((await get(`/accounts/${target.id}`, bearer(target.jwt))).status).toBe(200);
  });

  it.each(WITH_AN_ID)('%s: what is no id, or nobody’s, is 404', async (_, __, request) => {
    for (const id of [
      randomUUID(),
      'nonsense',
      `${admin.id}0`,
      admin.id.replaceAll('-', ''),
      `%7B${admin.id}%7D`,
      encodeURIComponent(`${admin.id}' OR true --`),
      '%F0%9F%8F%A6',
      'a'.repeat(4_000),
    ]) {
      expect([id, ...outcome(await request({ id, sid: randomUUID() }, admin.headers))]).toEqual([id, ...NOT_FOUND]);
    }
  });

  it.each(WITH_AN_ID)('%s: takes ids in capitals', async (_, status, request) => {
    const { id, sid } = await newTarget();
    expect((await request({ id: id.toUpperCase(), sid: sid.toUpperCase() }, admin.headers)).status).toBe(status);
  });

  it('are the same with a slash behind them and without', async () => {
    const { id, sid } = await newTarget();
    for (const path of [ACCOUNTS, pathOf(id), `${pathOf(id)}/sessions`, `${pathOf(id)}/sessions/${sid}`]) {
      expect(outcome(await get(`${path}/`))).toEqual(outcome(await get(path)));
    }
    for (const slash of ['', '/']) {
      expect((await post(`${ACCOUNTS}${slash}`, { email: newEmail(), password: 'example' })).status).toBe(201);
      expect((await patch(`${pathOf(id)}${slash}`, { name: newName() })).status).toBe(200);
      expect((await post(`${pathOf(id)}/revoke${slash}`)).status).toBe(204);
      expect((await remove(`${pathOf((await newTarget()).id)}${slash}`)).status).toBe(204);
    }
    expect((await remove(`${pathOf(id)}/sessions/${sid}/`)).status).toBe(404);
  });

  it.each([
    ['PUT', ACCOUNTS, 'GET, HEAD, POST'],
    ['PUT', pathOf(ABSENT), 'DELETE, GET, HEAD, PATCH'],
    ['GET', `${pathOf(ABSENT)}/revoke`, 'POST'],
    ['POST', `${pathOf(ABSENT)}/sessions`, 'GET, HEAD'],
    ['PATCH', `${pathOf(ABSENT)}/sessions/${ABSENT}`, 'DELETE, GET, HEAD'],
  ])('refuse %s %s with 405 and Allow', async (method, path, allowed) => {
    const answer = await server.call(method, path, undefined, admin.headers);
    expect(answer.status).toBe(405);
    expect((answer.headers.get('allow') ?? '').split(', ').sort().join(', ')).toBe(allowed);
  });
});

/** What an admin sees of a new person, unless more is said. */
const seen = (fields: object) => ({
  id: UUID,
  email: null,
  email_verified_at: null,
  name: null,
  publisher_reference: null,
  individual: true,
  role: 'user',
  has_password: true,
  networks: [],
  email_domains: [],
  created_at: TIME,
  updated_at: TIME,
  disabled_at: null,
  ...fields,
});

const LONG_TEXTS = ['x'.repeat(256), '😀'.repeat(256), 'x\ufe0e'.repeat(128)];
const NO_STRINGS = [null, 5, true, ['a'], { a: 1 }];
const NO_LISTS = [null, 'example.org', 5, true, { 0: 'a', length: 1 }];

/** What is refused of a field, whether an account is made or changed. */
const BAD_FIELDS: [field: string, message: string, values: unknown[]][] = [
  [
    'email',
    'must be an email address',
    ['', 'x', 'x@', '@example.org', 'a@b@example.org', `${'x'.repeat(243)}@example.org`],
  ],
  ['email', 'must be a string', [5, true, ['a@example.org'], { a: 1 }]],
  ['name', 'must be a string', [5, true, ['a'], { a: 1 }]],
  ['name', 'must be one line of text', ['', ' ', '\u00a0\u3000', 'a\nb', 'a\t', '\u202ea']],
  // The last one is longer in the spelling that names are stored in.
  ['name', 'must be at most 255 characters', [...LONG_TEXTS, '\uFB2C'.repeat(255)]],
  ['publisher_reference', 'must be a string', [5, true, ['a'], { a: 1 }]],
  ['publisher_reference', 'must be one line', ['a\nb', '\u001b[1m']],
  ['publisher_reference', 'must be at most 255 characters', LONG_TEXTS],
  ['networks', 'must be a list', NO_LISTS],
  ['networks', 'entry 1 must be a string', [[null], [5], [['192.0.2.0/24']]]],
  ['networks', 'entry 2 repeats entry 1', [['192.0.2.0/24', '::ffff:192.0.2.0/120']]],
  ['networks', 'must have at most 400 entries', [Array(401).fill('192.0.2.0/24')]],
  ['email_domains', 'must be a list', NO_LISTS],
  ['email_domains', 'entry 1 must be a string', [[null], [5]]],
  ['email_domains', 'entry 2 repeats entry 1', [['example.org', 'EXAMPLE.org.']]],
  ['email_domains', 'must have at most 400 entries', [Array(401).fill('example.org')]],
  ['role', 'must be admin or user', [null, '', 'ADMIN', 'owner', 5, ['admin'], { a: 1 }]],
];

describe('An account is made', () => {
  it('with a password: its holder signs in at once, and no mail is written', async () => {
    const email = `Ada.${newEmail()}`;
    const answer = await post(ACCOUNTS, { email, password: 'an example of Ada' });
    expect(outcome(answer)).toEqual([201, seen({ email })]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { id } = answer.body as Account;
    expect(await stored(id)).toMatchObject({
      email,
      role: 'user',
      name: null,
      publisher_reference: null,
      individual: true,
      disabled_at: null,
      email_verified_at: null,
      credential_epoch: 0,
      password_hash: expect.stringMatching(/^\$2b\$04\$/),
      networks: [],
      domains: [],
    });
    expect((await signIn(email.toUpperCase(), 'an example of Ada')).status).toBe(200);
    expect(await mailsAbout(email)).toEqual([]);
    expect(await eventsOf(id)).toMatchObject([
      { kind: 'account.created', actor_id: admin.id },
      { kind: 'sign_in', actor_id: id },
    ]);
    expect(outcome(await get(pathOf(id)))).toEqual(outcome({ ...answer, status: 200 }));
  });

  it('with an invitation: the link in its mail lets its holder choose a password, once, and sign in', async () => {
    const email = newEmail();
    const answer = await post(ACCOUNTS, { email, name: newName() });
    expect(outcome(answer)).toEqual([201, seen({ email, name: answer.body.name, has_password: false })]);
    const { id } = answer.body as Account;
    expect(await stored(id)).toMatchObject({ password_hash: null, email_verified_at: null });
    const [mail, ...others] = await mailsAbout(email);
    expect([mail?.kind, others]).toEqual(['invitation', []]);
    const [reset] = await database.query(
      `SELECT id, extract(epoch FROM expires_at - created_at)::float8 AS seconds FROM password_resets WHERE account_id = $1`,
      [id],
    );
    expect(reset).toEqual({ id: mail?.subject_id, seconds: server.config.invitationTtl });
    const text = await eventually(async () => {
      // Whichever replica takes it up first.
      for (const folder of [server.config.dataDir, replicaFolder].map((parent) => join(parent, 'mail'))) {
        for (const file of await readdir(folder).catch(() => [])) {
          const content = await readFile(join(folder, file), 'utf8');
          if (content.includes(email)) return content;
        }
      }
      throw new Error('There is no mail yet.');
    });
    const token = /^http:\/\/latchkey\.test\/password\/reset#token=(\S+)$/m.exec(text)?.[1];
    const choose = (password: string) =>
      server.call('PUT', '/account/password', { account: { password, reset_password_token: token } });
    expect((await signIn(email, 'chosen by its holder')).status).toBe(401);
    expect(outcome(await choose('chosen by its holder'))).toEqual([200, { id, email }]);
    expect((await signIn(email, 'chosen by its holder')).status).toBe(200);
    expect((await choose('chosen by another')).status).toBe(422);
    expect((await get(pathOf(id))).body).toMatchObject({ has_password: true, email_verified_at: TIME });
    expect((await eventsOf(id)).map(({ kind }) => kind)).toEqual([
      'account.created',
      'account.invited',
      // The attempt without one.
      'sign_in',
      'password_reset.redeemed',
      'sign_in',
    ]);
  });

  it('as an organisation without an email, which gets no mail, or with one, which may get one', async () => {
    const name = newName();
    const answer = await post(ACCOUNTS, { individual: false, name: `  ${name}\u3000`, publisher_reference: null });
    expect(outcome(answer)).toEqual([201, seen({ name, individual: false, has_password: false })]);
    expect(await stored(answer.body.id as string)).toMatchObject({ name, individual: false, email: null });
    expect(await database.query('SELECT 1 FROM password_resets WHERE account_id = $1', [answer.body.id])).toEqual([]);
    const email = newEmail();
    expect((await post(ACCOUNTS, { individual: false, name: newName(), email })).status).toBe(201);
    expect(await mailsAbout(email)).toMatchObject([{ kind: 'invitation' }]);
  });

  it('with all there is to say of it, in one spelling', async () => {
    const [email, name] = [newEmail(), `${newName()} Zu\u0308rich`];
    const answer = await post(ACCOUNTS, {
      email,
      password: 'example',
      name: ` ${name} `,
      publisher_reference: 'x'.repeat(255),
      role: 'admin',
      individual: true,
      networks: ['2001:DB8:0::/48', '::ffff:198.51.100.0/120', '192.0.2.7'],
      email_domains: ['EXAMPLE.org', '*.bücher.example'],
      disabled: true,
      credential_epoch: 9,
      password_hash: 'x',
      email_verified_at: '2015-01-01T12:00:00Z',
    });
    const fields = {
      email,
      name: name.normalize('NFC'),
      publisher_reference: 'x'.repeat(255),
      role: 'admin',
      networks: ['192.0.2.7/32', '198.51.100.0/24', '2001:db8::/48'],
      email_domains: ['*.xn--bcher-kva.example', 'example.org'],
    };
    expect(outcome(answer)).toEqual([201, seen(fields)]);
    const { id } = answer.body as Account;
    expect(await stored(id)).toMatchObject({ credential_epoch: 0, disabled_at: null, networks: fields.networks });
    const token = await logIn(server, admin.appToken, { email, password: 'example' });
    expect((await get(ACCOUNTS, tokenHeaders(admin.appToken, token))).status).toBe(200);
    // A network and a domain of many accounts' are theirs to have.
    await remove(pathOf(id));
  });

  it('whose texts are as long as they can be', async () => {
    for (const fields of [
      {
        email: `${'x'.repeat(64)}@${'y'.repeat(63)}.${'z'.repeat(63)}.${'w'.repeat(54)}.org`,
        password: 'é'.repeat(36),
      },
      { name: `${newName()} `.padEnd(255, 'x'), publisher_reference: '😀'.repeat(255), password: 'x'.repeat(72) },
      { name: '😀'.repeat(255), publisher_reference: '' },
    ]) {
      const { status, body } = await post(ACCOUNTS, { email: newEmail(), password: 'example', ...fields });
      const shown = Object.fromEntries(Object.entries(fields).filter(([name]) => name !== 'password'));
      expect({ status, body }).toMatchObject({ status: 201, body: shown });
      await remove(pathOf(body.id as string));
    }
  });

  it.each<[body: object, errors: object]>([
    [{}, { email: 'is required for a person' }],
    [{ name: 'nobody' }, { email: 'is required for a person' }],
    [{ password: 'example', individual: true }, { email: 'is required for a person' }],
    [{ individual: false }, { name: 'is required for an organisation' }],
    [{ individual: false, email: 'a@example.org' }, { name: 'is required for an organisation' }],
    [{ individual: false, name: 'nobody', password: 'example' }, { password: 'requires an email' }],
    [{ email: 'a@example.org', password: 'short' }, { password: 'must be at least 7 characters' }],
    [{ email: 'a@example.org', password: '' }, { password: 'must be at least 7 characters' }],
    [{ email: 'a@example.org', password: 'x'.repeat(73) }, { password: 'must be at most 72 bytes' }],
    [{ email: 'a@example.org', password: 'é'.repeat(37) }, { password: 'must be at most 72 bytes' }],
    [{ email: null, individual: false, name: 'nobody' }, { email: 'must be a string' }],
    [{ email: 'a@example.org', name: null }, { name: 'must be a string' }],
    [{ email: 'a@example.org', id: ABSENT }, { id: 'You cannot specify your own id.' }],
    [{ email: 'a@example.org', id: null }, { id: 'You cannot specify your own id.' }],
    [
      { email: 5, name: '', role: 'owner', individual: 'yes', networks: ['x'], email_domains: 'x' },
      {
        email: 'must be a string',
        name: 'must be one line of text',
        role: 'must be admin or user',
        individual: 'must be true or false',
        networks: 'entry 1 is not a valid IP network, such as 192.0.2.0/24 or 2001:db8::/32',
        email_domains: 'must be a list',
      },
    ],
  ])('not with %j', async (body, errors) => {
    const before = await countAccounts();
    expect(outcome(await post(ACCOUNTS, body))).toEqual(invalid(errors));
    expect(await countAccounts()).toBe(before);
  });

  it.each<[field: string, message: string, values: unknown[]]>([
    ...BAD_FIELDS,
    ['password', 'must be a string', NO_STRINGS],
    ['individual', 'must be true or false', [null, 'true', 0, 1, []]],
  ])('not with a field %s that %s', async (field, message, values) => {
    const before = await countAccounts();
    for (const value of values) {
      const answer = await post(ACCOUNTS, { email: newEmail(), password: 'example', [field]: value });
      expect([value, ...outcome(answer)]).toEqual([value, ...invalid({ [field]: message })]);
    }
    expect(await countAccounts()).toBe(before);
  });

  it('not with an email or a name that is taken, and then no invitation is mailed', async () => {
    const { email, name } = await make({ name: newName() });
    const before = await countAccounts();
    for (const [body, expected] of [
      [{ email: email.toUpperCase() }, EMAIL_TAKEN],
      [{ email, password: 'example', name }, EMAIL_TAKEN],
      [{ email: newEmail(), name }, NAME_TAKEN],
      [{ individual: false, name: ` ${name}` }, NAME_TAKEN],
    ]) {
      expect(outcome(await post(ACCOUNTS, body))).toEqual(expected);
    }
    expect(await countAccounts()).toBe(before);
    expect(await mailsAbout(email.toUpperCase())).toEqual([]);
  });

  it('with a password only, where there are no invitations', async () => {
    const refused = invalid({ password: 'is required, as invitations are disabled (SIGNUP=closed)' });
    expect(outcome(await post(ACCOUNTS, { email: newEmail() }, admin.headers, replica))).toEqual(refused);
    const organisation = { individual: false, name: newName() };
    const withEmail = { ...organisation, email: newEmail() };
    expect(outcome(await post(ACCOUNTS, withEmail, admin.headers, replica))).toEqual(refused);
    const person = { email: newEmail(), password: 'example' };
    for (const body of [organisation, person]) {
      expect((await post(ACCOUNTS, body, admin.headers, replica)).status).toBe(201);
    }
  });

  it('with what is JSON only', async () => {
    for (const [body, headers, status] of [
      ['email=a@example.org', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
      ['{', {}, 400],
      ['[]', {}, 400],
      ['{"email":"a@example.org","email":"b@example.org"}', {}, 400],
    ] as const) {
      const answer = await post(ACCOUNTS, body, { ...admin.headers, ...headers });
      // Of one name given twice, JSON's own way is to take the last.
      if (answer.status !== 201) expect([body, answer.status]).toEqual([body, status]);
      else await remove(pathOf(answer.body.id as string));
    }
  });
});

describe('Accounts are listed', () => {
  const list = (query: Record<string, string> | string = '', at: Server = server) =>
    get(`${ACCOUNTS}/?${new URLSearchParams(query).toString()}`, admin.headers, at);
  const idsOf = ({ body }: Answer) => (body.accounts as Account[]).map(({ id }) => id);

  async function idsFor(query: Record<string, string>): Promise<string[]> {
    const answer = await list(query);
    expect([query, answer.status]).toEqual([query, 200]);
    return idsOf(answer);
  }

  /** Follows Link to the end. */
  async function pages(query: string): Promise<{ ids: string[]; url: string }[]> {
    const found: { ids: string[]; url: string }[] = [];
    let url: string | undefined = `${server.url}${ACCOUNTS}/?${query}`;
    while (url !== undefined && found.length < 20) {
      const answer = await call(url, 'GET', undefined, admin.headers);
      expect(answer.status).toBe(200);
      found.push({ ids: idsOf(answer), url });
      const [, target] = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '') ?? [];
      url = target === undefined ? undefined : new URL(target, url).href;
    }
    return found;
  }

  it('newest first, as each is shown alone, disabled or not', async () => {
    const made = [await make({ name: newName() }), await make({ role: 'admin' }), await make()];
    await change(made[1]?.id ?? '', { disabled: true });
    const { body } = await list();
    const shown = await Promise.all(made.map(async ({ id }) => (await get(pathOf(id))).body as Account));
    expect((body.accounts as Account[]).slice(0, 3)).toEqual(shown.reverse());
    expect(shown[1]?.disabled_at).toEqual(TIME);
  });

  it.each([1_000, 7])('a hundred a page, and each page keeps the filters, %d to a microsecond', async (per) => {
    const prefix = `Page of ${per} %_\\ & `;
    await database.query(
      `INSERT INTO accounts (name, email, individual, created_at)
       SELECT $2 || n, 'page.' || $1 || '.' || n || '@example.org', n % 5 = 0,
         '2026-01-02T03:04:05.678901Z'::timestamptz + (n / $1::int) * interval '1 microsecond'
       FROM generate_series(1, 250) n`,
      [per, prefix],
    );
    const all = await database.query<{ id: string }>(
      `SELECT id FROM accounts WHERE starts_with(name, $1) AND NOT individual ORDER BY created_at DESC, id DESC`,
      [prefix],
    );
    const query = { name: prefix.toUpperCase(), email: `PAGE.${per}.`, individual: 'false', disabled: 'false' };
    const found = await pages(new URLSearchParams(query).toString());
    expect(found.map(({ ids }) => ids.length)).toEqual([100, 100]);
    expect(found.flatMap(({ ids }) => ids)).toEqual(all.map(({ id }) => id));
    for (const { url } of found.slice(1)) {
      const { cursor, ...kept } = Object.fromEntries(new URL(url).searchParams);
      expect([cursor, kept]).toEqual([expect.stringMatching(/^\d+\.[0-9a-f-]{36}$/), query]);
    }
    // Page by page, without any, too.
    const plain = await pages('');
    const everybody = await database.query('SELECT id FROM accounts ORDER BY created_at DESC, id DESC');
    expect(plain.flatMap(({ ids }) => ids)).toEqual(everybody.map(({ id }) => id as string));
  });

  it('by how the email or the name begins, in whatever case, by the id, and by what applies to many', async () => {
    const tag = randomUUID().slice(0, 8);
    const person = await make({ email: `Search.${tag}@example.org`, name: `Söarch ${tag}` });
    const boss = await make({ email: `search.${tag}.boss@example.org`, role: 'admin' });
    const house = await make({ individual: false, name: `SÖARCH ${tag} house`, email: `x.${tag}@example.org` });
    await change(boss.id, { disabled: true });
    const all = [house.id, boss.id, person.id];
    for (const [query, expected] of [
      [{ id: person.id }, [person.id]],
      [{ id: person.id.toUpperCase() }, [person.id]],
      [{ id: randomUUID() }, []],
      [{ email: `SEARCH.${tag}@` }, [person.id]],
      [{ email: `search.${tag}` }, [boss.id, person.id]],
      [{ email: `${tag}@example.org` }, []],
      [{ name: `söarch ${tag}` }, [house.id, person.id]],
      [{ name: `so\u0308arch ${tag}` }, [house.id, person.id]],
      [{ name: `SÖARCH ${tag} H` }, [house.id]],
      [{ name: tag }, []],
      [{ name: `Söarch ${tag}`, individual: 'true' }, [person.id]],
      [{ name: `Söarch ${tag}`, individual: 'false' }, [house.id]],
      [{ email: `search.${tag}`, role: 'admin' }, [boss.id]],
      [{ email: `search.${tag}`, role: 'user' }, [person.id]],
      [{ email: `search.${tag}`, disabled: 'true' }, [boss.id]],
      [{ email: `search.${tag}`, disabled: 'false' }, [person.id]],
      [{ email: `search.${tag}`, name: `söarch ${tag}`, id: person.id, role: 'user', individual: 'true' }, [person.id]],
      [{ id: person.id, role: 'admin' }, []],
      [{ email: `search.${tag}`, nonsense: 'x' }, [boss.id, person.id]],
    ] as [Record<string, string>, string[]][]) {
      expect([query, await idsFor(query)]).toEqual([query, expected]);
    }
    const among = async (query: Record<string, string>) => (await idsFor(query)).filter((id) => all.includes(id));
    expect(await among({ role: 'admin' })).toEqual([boss.id]);
    expect(await among({ role: 'user' })).toEqual([house.id, person.id]);
    expect(await among({ individual: 'true' })).toEqual([boss.id, person.id]);
    expect(await among({ individual: 'false' })).toEqual([house.id]);
    expect(await among({ disabled: 'true' })).toEqual([boss.id]);
    expect(await among({ disabled: 'false' })).toEqual([house.id, person.id]);
    // Every email begins with nothing, and so does every name.
    expect(await among({ email: '' })).toEqual(all);
    expect(await among({ name: '' })).toEqual([house.id, person.id]);
  });

  it('by signs that mean something in SQL, each as it stands', async () => {
    const tag = randomUUID().slice(0, 8);
    const signs = ['%', '_', '\\', "'", '\\%', '%%', '*', '?', '"', '--'];
    const made: Account[] = [];
    for (const sign of signs) made.push(await make({ name: `${tag}${sign}x` }));
    for (const [index, sign] of signs.entries()) {
      const begins = made.filter(({ name }) => name.startsWith(`${tag}${sign}`)).map(({ id }) => id);
      expect([sign, await idsFor({ name: `${tag}${sign}` })]).toEqual([sign, begins.reverse()]);
      expect(await idsFor({ name: `${tag}${sign}x` })).toEqual([made[index]?.id]);
      expect(await idsFor({ name: `${sign}${tag}` })).toEqual([]);
      expect(await idsFor({ email: sign })).toEqual([]);
    }
    const odd = await make({ email: `per%cent_${tag}@example.org` });
    expect(await idsFor({ email: `per%cent_${tag}` })).toEqual([odd.id]);
    expect(await idsFor({ email: `per_cent%${tag}` })).toEqual([]);
  });

  it.each<[query: string, errors: object]>([
    ['id=nonsense', { id: 'must be a uuid' }],
    ['id=', { id: 'must be a uuid' }],
    ['role=owner', { role: 'must be admin or user' }],
    ['role=', { role: 'must be admin or user' }],
    ['role=ADMIN', { role: 'must be admin or user' }],
    ['individual=yes', { individual: 'must be true or false' }],
    ['individual=', { individual: 'must be true or false' }],
    ['disabled=1', { disabled: 'must be true or false' }],
    ['disabled=TRUE', { disabled: 'must be true or false' }],
    ['cursor=', { cursor: 'is not a valid cursor' }],
    ['cursor=nonsense', { cursor: 'is not a valid cursor' }],
    [`cursor=1.x`, { cursor: 'is not a valid cursor' }],
    [`cursor=99999999999999999999.${ABSENT}`, { cursor: 'is not a valid cursor' }],
    [`id=${ABSENT}&id=${ABSENT}`, { id: 'must be a uuid' }],
    ['email=a&email=b', { email: 'must be a string' }],
    ['name=a&name=b', { name: 'must be a string' }],
    ['role=user&role=user', { role: 'must be admin or user' }],
    ['individual=true&individual=true', { individual: 'must be true or false' }],
    ['disabled=true&disabled=true', { disabled: 'must be true or false' }],
    [`cursor=1.${ABSENT}&cursor=1.${ABSENT}`, { cursor: 'must be a string' }],
    ['role=x&disabled=x', { role: 'must be admin or user', disabled: 'must be true or false' }],
  ])('not by %s', async (query, errors) => {
    expect(outcome(await get(`${ACCOUNTS}?${query}`))).toEqual(invalid(errors));
  });

  it('not by texts that are longer than any email or name', async () => {
    expect((await list({ email: 'x'.repeat(254), name: '😀'.repeat(255) })).status).toBe(200);
    expect(outcome(await list({ email: 'x'.repeat(255), name: '😀'.repeat(256) }))).toEqual(
      invalid({ email: 'must be at most 254 characters', name: 'must be at most 255 characters' }),
    );
  });

  it('and the audit log has what was asked for, but no text', async () => {
    const { id, headers } = await signedInAdmin(server);
    await get(`${ACCOUNTS}?email=secret&role=user`, headers);
    await get(ACCOUNTS, headers);
    const events = await database.query(
      `SELECT details FROM audit_events WHERE actor_id = $1 AND kind = 'account.listed' ORDER BY at`,
      [id],
    );
    expect(events).toEqual([{ details: { filters: ['email', 'role'] } }, { details: { filters: [] } }]);
  });

  describe('and of 20,000,', () => {
    interface Plan {
      'Node Type': string;
      'Index Name'?: string;
      'Relation Name'?: string;
      'Actual Rows': number;
      'Actual Loops': number;
      'Rows Removed by Filter'?: number;
      'Rows Removed by Index Recheck'?: number;
      Plans?: Plan[];
    }

    const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

    beforeAll(async () => {
      await database.query(
        `INSERT INTO accounts (email, name, role, individual, disabled_at, created_at)
         SELECT 'many.' || n || '@example.org', 'Many ' || n, CASE WHEN n % 2000 = 0 THEN 'admin' ELSE 'user' END,
           n % 1000 <> 0, CASE WHEN n % 1000 = 1 THEN now() END, now() - n * interval '1 minute'
         FROM generate_series(1, 20000) n`,
      );
      await database.query('ANALYZE accounts');
    });

    async function explain(query: Record<string, string>) {
      const sent = await statements.during(async () => {
        expect((await list(query)).status).toBe(200);
      });
      const { text, values } = sent.find((one) => one.text.includes('FROM accounts') && one.text.includes('LIMIT')) ?? {
        text: '',
        values: [],
      };
      const [row] = await database.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
        values,
      );
      const nodes = row ? nodesOf(row['QUERY PLAN'][0].Plan) : [];
      const read = nodes
        .filter((node) => node['Relation Name'] === 'accounts')
        .map((node) =>
          [node['Actual Rows'], node['Rows Removed by Filter'], node['Rows Removed by Index Recheck']].reduce<number>(
            (sum, count) => sum + (count ?? 0) * node['Actual Loops'],
            0,
          ),
        );
      return {
        indexes: nodes.flatMap((node) => node['Index Name'] ?? []).filter((name) => name.startsWith('accounts')),
        sequential: nodes.filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'accounts'),
        read: Math.max(...read),
      };
    }

    it.each<[query: Record<string, string>, index: string]>([
      [{}, 'accounts_created_at_idx'],
      [{ cursor: `1700000000000000.${ABSENT}` }, 'accounts_created_at_idx'],
      [{ id: ABSENT }, 'accounts_pkey'],
      [{ email: 'many.1234' }, 'accounts_email_search_idx'],
      [{ email: 'MANY.19999@example.org' }, 'accounts_email_search_idx'],
      [{ email: 'nobody@' }, 'accounts_email_search_idx'],
      [{ name: 'MANY 1234' }, 'accounts_name_search_idx'],
      [{ name: 'nobody' }, 'accounts_name_search_idx'],
      [{ name: 'many 12345', disabled: 'true' }, 'accounts_(name_search|disabled)_idx'],
      [{ role: 'admin' }, 'accounts_admins_idx'],
      [{ individual: 'false' }, 'accounts_organisations_idx'],
      [{ disabled: 'true' }, 'accounts_disabled_idx'],
      [{ role: 'user', individual: 'true', disabled: 'false' }, 'accounts_created_at_idx'],
      [{ role: 'admin', disabled: 'true' }, 'accounts_(admins|disabled)_idx'],
      [{ email: 'many.', role: 'user' }, 'accounts_created_at_idx'],
    ])('EXPLAIN: %j is found by an index, without reading many', async (query, index) => {
      const { indexes, sequential, read } = await explain(query);
      expect(sequential).toEqual([]);
      expect(indexes.join(' ')).toMatch(new RegExp(`^(${index} ?)+$`));
      expect(read).toBeLessThan(1_000);
    });
  });
});

/** All that an admin can have open. */
interface Holdings {
  id: string;
  email: string;
  password: string;
  headers: Headers;
  jwt: string;
  refreshToken: string;
  userToken: string;
  /** On behalf of this account, and by it on behalf of another. */
  onBehalfOfIt: string;
  onBehalfOfOthers: string;
  appToken: string;
  scopedAppToken: string;
  resetId: string;
  client: Client;
  accessToken: string;
}

type Opened = Record<
  | 'jwt'
  | 'refresh'
  | 'userToken'
  | 'onBehalfOfIt'
  | 'onBehalfOfOthers'
  | 'appToken'
  | 'scopedAppToken'
  | 'reset'
  | 'secret'
  | 'accessToken',
  boolean
>;

/** Makes an admin, by way of the API, who has everything open. */
async function everything(): Promise<Holdings> {
  const { id, email, password, token: jwt, refreshToken } = await signUp(server, { remember: true });
  expect((await change(id, { role: 'admin' })).status).toBe(200);
  const userToken = await logIn(server, admin.appToken, { email, password });
  const holder: User = {
    id,
    email,
    password,
    appToken: admin.appToken,
    token: userToken,
    headers: tokenHeaders(admin.appToken, userToken),
  };
  await server.call('POST', '/account/password', { account: { email } });
  const client = await newClient(server, { ownerId: id });
  return {
    ...{ id, email, password, headers: holder.headers, jwt, refreshToken, userToken, client },
    onBehalfOfIt: await oboToken(server, admin, id),
    onBehalfOfOthers: await oboToken(server, holder, user.id),
    appToken: await newAppToken(server, holder),
    scopedAppToken: await newAppToken(server, holder, { scopes: ['frontend'] }),
    resetId: await pendingReset(id),
    accessToken: await newAccessToken(server, client),
  };
}

/** What of it a server accepts. Neither yes nor no is a failure of the test. */
async function opened(held: Holdings, at: Server = server): Promise<Opened> {
  const tells = async (asking: Promise<Answer>) => {
    const { status, body } = await asking;
    if (![200, 401].includes(status)) throw new Error(`It was answered ${status}: ${JSON.stringify(body)}`);
    return status === 200;
  };
  const asUser = (token: string, appToken = admin.appToken) =>
    tells(get('/api/v1/tokens/', tokenHeaders(appToken, token), at));
  const refresh = async () => {
    const account = { refresh_token: held.refreshToken, remember_me: true };
    const answer = await at.call('PUT', '/account/session', { account });
    if (answer.status === 200) held.refreshToken = answer.body.refresh_token as string;
    return answer;
  };
  const [reset] = await database.query('SELECT 1 FROM password_resets WHERE id = $1 AND ended_at IS NULL', [
    held.resetId,
  ]);
  return {
    jwt: await tells(get(`/accounts/${held.id}`, bearer(held.jwt), at)),
    refresh: await tells(refresh()),
    userToken: await asUser(held.userToken),
    onBehalfOfIt: await asUser(held.onBehalfOfIt),
    onBehalfOfOthers: await asUser(held.onBehalfOfOthers),
    appToken: await asUser(user.token, held.appToken),
    scopedAppToken: await tells(get('/v1/frontend/auth/nobody', { 'app-token': held.scopedAppToken }, at)),
    reset: reset !== undefined,
    secret: await tells(get('/api/accounts?perpage=1', held.client.basic, at)),
    accessToken: await tells(get('/api/accounts?perpage=1', bearer(held.accessToken), at)),
  };
}

const ALL: Opened = {
  jwt: true,
  refresh: true,
  userToken: true,
  onBehalfOfIt: true,
  onBehalfOfOthers: true,
  appToken: true,
  scopedAppToken: true,
  reset: true,
  secret: true,
  accessToken: true,
};
const NONE = Object.fromEntries(Object.keys(ALL).map((name) => [name, false])) as Opened;
/** What signs somebody in, or could. */
const SIGNED_OUT = {
  ...{ jwt: false, refresh: false, userToken: false },
  ...{ onBehalfOfIt: false, onBehalfOfOthers: false, reset: false },
};

describe('An account is changed:', () => {
  it('each field alone, all together, and none, which leaves all as it was', async () => {
    const account = await make({ name: newName() });
    const expected = { ...account } as Record<string, unknown>;
    const other = newEmail();
    for (const fields of [
      { name: newName() },
      { name: null },
      { publisher_reference: 'first' },
      { publisher_reference: null },
      { networks: ['192.0.2.0/24', '2001:db8::/32'] },
      { email_domains: ['example.org'] },
      { networks: ['192.0.2.0/25'] },
      { networks: [], email_domains: [] },
      { role: 'admin' },
      { role: 'user' },
      { disabled: true },
      { disabled: false },
      { email: other },
      { email: other.toUpperCase() },
      { password: null },
      {
        ...{
          name: newName(),
          publisher_reference: 'all',
          networks: ['198.51.100.0/24'],
          email_domains: ['example.com'],
        },
        ...{ role: 'admin', disabled: true, email: newEmail(), password: null },
      },
      { networks: [], email_domains: [], disabled: false, role: 'user' },
    ]) {
      const before = await stored(account.id);
      const { disabled, password, ...shown } = fields as Record<string, unknown>;
      Object.assign(expected, shown, {
        ...(disabled !== undefined && { disabled_at: disabled === true ? TIME : null }),
        ...(password === null && { has_password: false }),
        updated_at: TIME,
      });
      expect([fields, ...outcome(await change(account.id, fields))]).toEqual([fields, 200, expected]);
      expect((await get(pathOf(account.id))).body).toEqual(expected);
      const after = await stored(account.id);
      expect(after?.updated_at.getTime()).toBeGreaterThan(before?.updated_at.getTime() ?? Infinity);
      if (!('password' in fields)) expect(after?.password_hash).toBe(before?.password_hash);
    }
    const before = await stored(account.id);
    for (const body of [{}, undefined, { nonsense: 1, password_hash: 'x', created_at: '2015-01-01T12:00:00Z' }]) {
      expect(outcome(await change(account.id, body))).toEqual([200, expected]);
    }
    expect(await stored(account.id)).toEqual(before);
  });

  it.each<[field: string, message: string, values: unknown[]]>([
    ...BAD_FIELDS,
    ['disabled', 'must be true or false', [null, 'true', 0, 1, '', []]],
    ['password', 'can only be removed (null); the account holder chooses it', ['another example', '', 5, true, [null]]],
    ['id', 'cannot be changed', [null, ABSENT]],
    ['individual', 'cannot be changed', [null, true, false]],
  ])('not to a field %s that %s', async (field, message, values) => {
    const { id } = await make();
    const before = await stored(id);
    for (const value of values) {
      const answer = await change(id, { publisher_reference: 'changed', [field]: value });
      expect([value, ...outcome(answer)]).toEqual([value, ...invalid({ [field]: message })]);
    }
    expect(await stored(id)).toEqual(before);
  });

  it('not so that it lacks what it needs, or has what is another’s', async () => {
    const person = await make({ name: newName() });
    const house = await make({ individual: false, name: newName() });
    for (const [id, body, expected] of [
      [person.id, { email: null }, invalid({ email: 'is required for a person' })],
      [house.id, { name: null }, invalid({ name: 'is required for an organisation' })],
      [person.id, { email: house.email.toUpperCase() }, EMAIL_TAKEN],
      [person.id, { email: house.email, name: house.name, disabled: true }, EMAIL_TAKEN],
      [house.id, { name: person.name, email: newEmail(), role: 'admin' }, NAME_TAKEN],
    ] as [string, object, unknown[]][]) {
      const before = await stored(id);
      expect(outcome(await change(id, { publisher_reference: 'changed', ...body }))).toEqual(expected);
      expect(await stored(id)).toEqual(before);
    }
    expect((await change(house.id, { email: null })).body).toMatchObject({ email: null });
    expect((await change(person.id, { name: null })).body).toMatchObject({ name: null });
    expect((await signIn(person.email, 'example')).status).toBe(200);
    expect((await signIn(house.email, 'example')).status).toBe(401);
  });

  it.each<[what: string, body: () => object, left: Partial<Opened>]>([
    [
      'what it is called, and whom it stands for, end nothing',
      () => ({ name: newName(), publisher_reference: 'x', networks: ['192.0.2.0/24'], email_domains: ['example.org'] }),
      ALL,
    ],
    ['what it is already ends nothing', () => ({ role: 'admin', disabled: false }), ALL],
    ['another email ends what signs in, and not what applications have', () => ({ email: newEmail() }), SIGNED_OUT],
    ['no password ends the same', () => ({ password: null }), SIGNED_OUT],
    [
      'a demotion ends tokens on behalf of others, and refuses what only admins have',
      () => ({ role: 'user' }),
      { onBehalfOfOthers: false, scopedAppToken: false, secret: false, accessToken: false },
    ],
    [
      'a demotion with another email ends both',
      () => ({ role: 'user', email: newEmail() }),
      { ...SIGNED_OUT, scopedAppToken: false, secret: false, accessToken: false },
    ],
    ['disabling ends everything', () => ({ disabled: true }), NONE],
    [
      'disabling ends everything, whatever else there is',
      () => ({ disabled: true, email: newEmail(), name: 'x' }),
      NONE,
    ],
  ])('%s, on both replicas', async (_, body, left) => {
    const held = await everything();
    expect([await opened(held), await opened(held, replica)]).toEqual([ALL, ALL]);
    expect((await change(held.id, body())).status).toBe(200);
    expect(await opened(held)).toEqual({ ...ALL, ...left });
    await eventually(async () => {
      expect(await opened(held, replica)).toEqual({ ...ALL, ...left });
    }, AT_WORST);
    if (left.reset === false) expect((await redeem(held.resetId)).status).toBe(422);
    await change(held.id, { disabled: true });
  });

  it('the case of its email alone ends nothing', async () => {
    const held = await everything();
    expect((await change(held.id, { email: held.email.toUpperCase() })).body.email).toBe(held.email.toUpperCase());
    expect(await opened(held)).toEqual(ALL);
    expect((await mailsAbout(held.email)).map(({ kind }) => kind)).toEqual(['password-reset']);
  });

  it('a promotion keeps what is open, and gives rights at once, on both replicas', async () => {
    const person = await signedInUser(server);
    for (const at of [server, replica]) expect((await get(ACCOUNTS, person.headers, at)).status).toBe(403);
    expect((await change(person.id, { role: 'admin' })).body.role).toBe('admin');
    expect((await get(ACCOUNTS, person.headers)).status).toBe(200);
    await eventually(async () => {
      expect((await get(ACCOUNTS, person.headers, replica)).status).toBe(200);
    }, AT_WORST);
    expect((await change(person.id, { role: 'user' }, person.headers)).status).toBe(200);
    // Signed in all the same, but no admin.
    expect(outcome(await get(ACCOUNTS, person.headers))).toEqual(ADMINS_ONLY);
    await eventually(async () => {
      expect((await get(ACCOUNTS, person.headers, replica)).status).toBe(403);
    }, AT_WORST);
    expect((await post('/api/v1/app_tokens/', { scopes: ['frontend'] }, person.headers)).status).toBe(403);
    expect((await post('/api/v1/tokens/', { user: user.id }, person.headers)).status).toBe(403);
  });

  it('another email is told to the old address, is not verified, and the old one is kept for two days', async () => {
    const account = await make();
    const changed = await change(account.id, { email: newEmail() });
    expect(changed.body).toMatchObject({ email_verified_at: null });
    expect(await mailsAbout(account.email)).toMatchObject([{ kind: 'email-changed' }]);
    expect(outcome(await post(ACCOUNTS, { email: account.email, password: 'example' }))).toEqual(EMAIL_TAKEN);
    expect((await signIn(account.email, 'example')).status).toBe(401);
    expect((await signIn(changed.body.email as string, 'example')).status).toBe(200);
    // The admin who has made a mistake puts it right.
    expect((await change(account.id, { email: account.email })).status).toBe(200);
    expect((await signIn(account.email, 'example')).status).toBe(200);
    expect((await eventsOf(account.id)).filter(({ kind }) => kind === 'account.email_changed')).toHaveLength(2);
  });

  it('an email to which an invitation went by mistake is no way in once it is put right', async () => {
    const wrong = newEmail();
    const { id } = (await post(ACCOUNTS, { email: wrong, role: 'admin' })).body as Account;
    const invitation = await pendingReset(id);
    expect((await change(id, { email: newEmail() })).status).toBe(200);
    expect((await redeem(invitation)).status).toBe(422);
    // Nobody has ever signed in with it, so that there is nobody to bring it back to.
    const links = await database.query(
      `SELECT purpose FROM email_links WHERE account_id = $1 AND ended_at IS NULL AND expires_at > now()`,
      [id],
    );
    expect(links).toEqual([]);
    expect((await mailsAbout(wrong)).map(({ kind }) => kind)).toEqual(['invitation', 'email-gone']);
  });

  it('who has no password asks for a link, and chooses another', async () => {
    const { id, email } = await make();
    expect((await change(id, { password: null })).body.has_password).toBe(false);
    expect((await signIn(email, 'example')).status).toBe(401);
    await server.call('POST', '/account/password', { account: { email } });
    expect((await redeem(await pendingReset(id))).status).toBe(200);
    expect((await signIn(email, 'another example')).status).toBe(200);
  });

  it('who is disabled is refused at every door, and who is enabled again gets nothing back', async () => {
    const held = await everything();
    const linkOf = async () => {
      const [link] = await database.query('SELECT 1 FROM email_links WHERE account_id = $1 AND ended_at IS NULL', [
        held.id,
      ]);
      return link !== undefined;
    };
    held.email = newEmail();
    await change(held.id, { email: held.email });
    expect(await linkOf()).toBe(true);
    await change(held.id, { disabled: true });
    const [, disabledAt] = [await linkOf(), (await stored(held.id))?.disabled_at];
    expect(await linkOf()).toBe(false);
    const login = () =>
      post('/api/v1/token/', { username: held.email, password: held.password }, { 'app-token': admin.appToken });
    const doors = async () => [
      (await signIn(held.email, held.password)).status,
      (await login()).status,
      (await post('/api/v1/tokens/', { user: held.id })).status,
      (await postForm(server, '/oauth/token', {}, held.client.basic)).status,
    ];
    expect(await doors()).toEqual([401, 401, 400, 401]);
    // Again: it stays as it was.
    expect((await change(held.id, { disabled: true })).body.disabled_at).toBe(disabledAt?.toISOString());
    expect(outcome(await get(pathOf(held.id)))[0]).toBe(200);
    expect((await change(held.id, { disabled: false })).body).toMatchObject({ disabled_at: null, role: 'admin' });
    expect(await opened(held)).toEqual({ ...NONE, secret: true });
    expect(await opened(held, replica)).toEqual({ ...NONE, secret: true });
    expect(await linkOf()).toBe(false);
    expect(await doors()).toEqual([200, 200, 201, 200]);
    expect((await eventsOf(held.id)).map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['account.email_changed', 'account.disabled', 'account.enabled', 'account.role_changed']),
    );
  });

  it('and the audit log has each act once, and nothing of what was refused', async () => {
    const { id } = await make();
    for (const body of [
      { email: newEmail() },
      { role: 'admin' },
      { role: 'admin' },
      { disabled: true },
      { disabled: true },
      { disabled: false },
      { disabled: false },
      { password: null },
      { name: newName(), networks: [] },
      {},
    ]) {
      expect((await change(id, body)).status).toBe(200);
    }
    expect((await change(id, { name: '' })).status).toBe(400);
    expect((await change(id, { name: newName() }, user.headers)).status).toBe(403);
    expect((await eventsOf(id)).map(({ kind, actor_id }) => [kind, actor_id])).toEqual(
      [...['created', 'email_changed', 'role_changed', 'disabled', 'enabled'], ...['password_removed', 'changed']].map(
        (kind) => [`account.${kind}`, admin.id],
      ),
    );
  });
});

describe('All that an account has open is ended', () => {
  it('at once, on both replicas, and its holder signs in again', async () => {
    const held = await everything();
    expect([await opened(held), await opened(held, replica)]).toEqual([ALL, ALL]);
    const before = await stored(held.id);
    expect(outcome(await post(`${pathOf(held.id)}/revoke`))).toEqual(GONE);
    expect(await opened(held)).toEqual({ ...NONE, secret: true });
    await eventually(async () => {
      expect(await opened(held, replica)).toEqual({ ...NONE, secret: true });
    }, AT_WORST);
    expect(await stored(held.id)).toEqual({ ...before, credential_epoch: (before?.credential_epoch ?? 0) + 1 });
    expect((await redeem(held.resetId)).status).toBe(422);
    expect((await signIn(held.email, held.password)).status).toBe(200);
    expect(await logIn(server, admin.appToken, held)).toEqual(expect.any(String));
    await newAccessToken(server, held.client);
    // Nobody else lost anything.
    for (const headers of [admin.headers, user.headers])
      expect((await get('/api/v1/tokens/', headers)).status).toBe(200);
  });

  it('of whoever asks for it, too', async () => {
    const { id, headers } = await signedInAdmin(server);
    expect(outcome(await post(`${pathOf(id)}/revoke`, undefined, headers))).toEqual(GONE);
    expect((await get(ACCOUNTS, headers)).status).toBe(401);
  });

  it('when there is nothing, when it is disabled, and when a body comes along', async () => {
    const { id } = await make({ individual: false, name: newName(), email: undefined, password: undefined });
    await change(id, { disabled: true });
    for (const body of [undefined, {}, { nonsense: 1 }]) {
      expect(outcome(await post(`${pathOf(id)}/revoke`, body))).toEqual(GONE);
    }
  });
});

describe('An account is deleted', () => {
  const TABLES = [
    ['sessions', 'account_id'],
    ['tokens', 'account_id'],
    ['tokens', 'actor_id'],
    ['password_resets', 'account_id'],
    ['email_links', 'account_id'],
    ['account_networks', 'account_id'],
    ['account_email_domains', 'account_id'],
  ] as const;

  const countOf = (id: string) =>
    Promise.all(
      TABLES.map(async ([table, column]) => {
        const rows = await database.query(`SELECT 1 FROM ${table} WHERE ${column} = $1`, [id]);
        return [table, column, rows.length > 0];
      }),
    );

  it('with all that it held, and its emails leave the audit log, which stays', async () => {
    const held = await everything();
    const path = `/api/v1/oauth_clients/${held.client.id}`;
    await patch(path, { owner: admin.id });
    await change(held.id, { networks: ['192.0.2.0/24'], email_domains: ['example.org'] });
    await change(held.id, { email: newEmail() });
    expect(await countOf(held.id)).toEqual(TABLES.map((one) => [...one, true]));
    const [events, emails] = [
      await eventsOf(held.id),
      await database.query('SELECT 1 FROM audit_emails m JOIN audit_events e ON e.id = m.event_id WHERE subject = $1', [
        held.id,
      ]),
    ];
    expect(emails.length).toBeGreaterThan(1);
    expect(outcome(await remove(pathOf(held.id)))).toEqual(GONE);
    const open = { ...NONE, secret: true, accessToken: true };
    expect(await opened(held)).toEqual(open);
    await eventually(async () => {
      expect(await opened(held, replica)).toEqual(open);
    }, AT_WORST);
    expect(await countOf(held.id)).toEqual(TABLES.map((one) => [...one, false]));
    expect(await eventsOf(held.id)).toEqual([
      ...events,
      { kind: 'account.deleted', actor_id: admin.id, on_behalf_of: null },
    ]);
    for (const answer of [await get(pathOf(held.id)), await remove(pathOf(held.id))]) {
      expect(outcome(answer)).toEqual(NOT_FOUND);
    }
    expect(
      await database.query(
        `SELECT 1 FROM audit_emails m LEFT JOIN audit_events e ON e.id = m.event_id
         WHERE subject = $1 OR lower(m.email) = lower($2)`,
        [held.id, held.email],
      ),
    ).toEqual([]);
    // Whoever comes next may have them.
    expect((await post(ACCOUNTS, { email: held.email, password: 'example' })).status).toBe(201);
  });

  it('not while it answers for clients', async () => {
    const owner = await signedInAdmin(server);
    const client = await newClient(server, { ownerId: owner.id });
    const refused = [
      409,
      {
        errors: {
          request: 'The account owns OAuth2 clients. Transfer them to another admin or delete them first.',
        },
      },
    ];
    const path = `/api/v1/oauth_clients/${client.id}`;
    for (const fields of [{}, { role: 'user' }, { disabled: true }]) {
      await change(owner.id, fields);
      expect(outcome(await remove(pathOf(owner.id)))).toEqual(refused);
    }
    expect((await patch(path, { owner: admin.id })).status).toBe(200);
    expect(outcome(await remove(pathOf(owner.id)))).toEqual(GONE);
    expect((await get(path)).status).toBe(200);
  });

  it('by itself, if it is an admin, and then nothing of its own is accepted', async () => {
    const { id, headers } = await signedInAdmin(server);
    expect(outcome(await remove(pathOf(id), headers))).toEqual(GONE);
    expect((await get(ACCOUNTS, headers)).status).toBe(401);
    expect((await eventsOf(id)).at(-1)).toEqual({ kind: 'account.deleted', actor_id: id, on_behalf_of: null });
  });

  it('on behalf of another, or as the one who acts', async () => {
    const [actor, other] = [await signedInAdmin(server), await signedInAdmin(server)];
    const acting = await onBehalf(other, actor);
    expect(outcome(await remove(pathOf(other.id), acting))).toEqual(GONE);
    expect((await get(ACCOUNTS, acting)).status).toBe(401);
    expect((await get(ACCOUNTS, actor.headers)).status).toBe(200);
    const third = await signedInAdmin(server);
    const again = await onBehalf(third, actor);
    expect(outcome(await remove(pathOf(actor.id), again))).toEqual(GONE);
    expect((await get(ACCOUNTS, again)).status).toBe(401);
    expect((await get(ACCOUNTS, third.headers)).status).toBe(200);
  });
});

describe('The sessions of an account', () => {
  const sessionsOf = (id: string, query = '') => get(`${pathOf(id)}/sessions${query}`);

  it('are listed newest first, with where each was opened from, and shown one by one', async () => {
    const { id, email, password } = await signUp(server);
    const opened = await server.call(
      'POST',
      '/account/session',
      { account: { email, password } },
      { 'user-agent': 'A laptop' },
    );
    const { sid } = claimsOf(opened.body.token as string);
    const { status, body } = await sessionsOf(id);
    expect(status).toBe(200);
    expect(body.sessions).toHaveLength(2);
    const [newest] = body.sessions as { id: string }[];
    expect(newest).toEqual({
      id: sid,
      created_at: TIME,
      last_used_at: null,
      expires_at: TIME,
      address: '127.0.0.1',
      user_agent: 'A laptop',
    });
    expect(outcome(await get(`${pathOf(id)}/sessions/${sid}`))).toEqual([200, newest]);
    expect((await sessionsOf((await make()).id)).body).toEqual({ sessions: [] });
  });

  it('are listed a hundred a page, only those that are open', async () => {
    const { id } = await make();
    await database.query(
      `INSERT INTO sessions (account_id, created_at, expires_at, revoked_at)
       SELECT $1, '2026-01-02T03:04:05.678901Z'::timestamptz + (n / 7) * interval '1 microsecond',
         now() + CASE WHEN n % 10 = 0 THEN interval '-1 second' ELSE interval '1 hour' END,
         CASE WHEN n % 10 = 1 THEN now() END
       FROM generate_series(1, 150) n`,
      [id],
    );
    const open = await database.query<{ id: string }>(
      `SELECT id FROM sessions WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now()
       ORDER BY created_at DESC, id DESC`,
      [id],
    );
    const first = await sessionsOf(id);
    const [, next = ''] = /^<([^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? [];
    const second = await sessionsOf(id, next);
    const pages = [first, second].map(({ body }) => (body.sessions as { id: string }[]).map((one) => one.id));
    expect(pages.map(({ length }) => length)).toEqual([100, 20]);
    expect(pages.flat()).toEqual(open.map((one) => one.id));
    expect(second.headers.get('link')).toBeNull();
    for (const cursor of ['', 'nonsense', '1.x', `1.${ABSENT}&cursor=1.${ABSENT}`]) {
      expect(outcome(await sessionsOf(id, `?cursor=${cursor}`))).toEqual(invalid({ cursor: 'is not a valid cursor' }));
    }
  });

  it('are ended one by one: its JWT and its refresh token are refused at once, the others stay', async () => {
    const { id, email, password, token, refreshToken } = await signUp(server, { remember: true });
    const kept = (await signIn(email, password)).body.token as string;
    const ask = (jwt: string, at: Server) => get(`/accounts/${id}`, bearer(jwt), at);
    for (const at of [server, replica]) expect((await ask(token, at)).status).toBe(200);
    const path = `${pathOf(id)}/sessions/${claimsOf(token).sid}`;
    expect(outcome(await remove(path))).toEqual(GONE);
    expect((await ask(token, server)).status).toBe(401);
    await eventually(async () => {
      expect((await ask(token, replica)).status).toBe(401);
    }, AT_WORST);
    const refresh = { account: { refresh_token: refreshToken, remember_me: true } };
    expect((await server.call('PUT', '/account/session', refresh)).status).toBe(401);
    for (const at of [server, replica]) expect((await ask(kept, at)).status).toBe(200);
    for (const answer of [await get(path), await remove(path)]) expect(outcome(answer)).toEqual(NOT_FOUND);
    expect((await sessionsOf(id)).body.sessions).toHaveLength(1);
    expect((await eventsOf(id)).at(-1)).toMatchObject({ kind: 'session.ended', actor_id: admin.id });
  });

  it('of another account, or none at all, are 404 and stay', async () => {
    const { id } = await make();
    const other = await newTarget();
    for (const sid of [other.sid, randomUUID(), 'nonsense', other.id, '%F0%9F%8F%A6']) {
      const path = `${pathOf(id)}/sessions/${sid}`;
      for (const answer of [await get(path), await remove(path)]) {
        expect([sid, ...outcome(answer)]).toEqual([sid, ...NOT_FOUND]);
      }
    }
    expect((await get(`/accounts/${other.id}`, bearer(other.jwt))).status).toBe(200);
  });

  it('that have expired are 404', async () => {
    const { id, sid } = await newTarget();
    await database.query('UPDATE sessions SET expires_at = now() WHERE id = $1', [sid]);
    const path = `${pathOf(id)}/sessions/${sid}`;
    for (const answer of [await get(path), await remove(path)]) expect(outcome(answer)).toEqual(NOT_FOUND);
  });
});

/** Runs something while a lock is held that somebody else's transaction has taken. */
async function whileLocked<T>(lock: string, values: unknown[], during: () => Promise<T>): Promise<T> {
  const connection = new pg.Client(database.connection);
  await connection.connect();
  try {
    await connection.query('BEGIN');
    await connection.query(lock, values);
    return await during();
  } finally {
    await connection.end();
  }
}

/** Waits until so many wait for locks. */
const waiting = (count: number) =>
  eventually(async () => {
    const backends = await database.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    expect(backends).toHaveLength(count);
  });

/** Opens a session of an account, by which its changes can be held up: they end it, once they have changed the account. */
async function handleOf({ id }: { id: string }): Promise<unknown[]> {
  const [row] = await database.query<{ id: string }>(
    `INSERT INTO sessions (account_id, expires_at) VALUES ($1, now() + interval '1 hour') RETURNING id`,
    [id],
  );
  return [row?.id];
}

const HANDLE = 'SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE';

describe('An admin who loses their rights while their own request waits', () => {
  /** How it is done to them, and what holds it up until their request waits behind it. */
  const losses: [name: string, lose: (loser: User) => Promise<Answer>][] = [
    ['is disabled', ({ id }) => change(id, { disabled: true })],
    ['gets another email', ({ id }) => change(id, { email: newEmail() })],
    ['gets no password', ({ id }) => change(id, { password: null })],
    ['is revoked', ({ id }) => post(`${pathOf(id)}/revoke`)],
    ['is deleted', ({ id }) => remove(pathOf(id))],
    ['is no longer an admin', ({ id }) => change(id, { role: 'user', password: null })],
    // Nothing of it is a session: its handle is a token on behalf of somebody.
    ['is no longer an admin, and nothing else', ({ id }) => change(id, { role: 'user' })],
  ];

  const requests: ((target: Target, headers: Headers) => Promise<Answer>)[] = [
    ({ id }, headers) => change(id, { role: 'admin', disabled: true, email: newEmail(), name: newName() }, headers),
    ({ id }, headers) => remove(pathOf(id), headers),
    ({ id }, headers) => post(`${pathOf(id)}/revoke`, undefined, headers),
    ({ id, sid }, headers) => remove(`${pathOf(id)}/sessions/${sid}`, headers),
    (_, headers) => post(ACCOUNTS, { email: newEmail(), name: 'in flight', role: 'admin' }, headers),
    (_, headers) => post('/api/v1/app_tokens/', { scopes: ['frontend'] }, headers),
    ({ id }, headers) => post('/api/v1/tokens/', { user: id }, headers),
    (_, headers) => post('/api/v1/oauth_clients', { name: 'in flight', scopes: [] }, headers),
  ];

  it.each(losses)('%s, gets 401, and has changed nothing', async (_, lose) => {
    const loser = await signedInAdmin(server);
    const target = await newTarget();
    const session = await handleOf(loser);
    const acting = await onBehalf(await signedInAdmin(server), loser);
    const token = await rowOf(database, acting.token ?? '');
    const before = await stored(target.id);
    const lock = `SELECT (SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE), (SELECT 1 FROM tokens WHERE id = $2 FOR UPDATE)`;
    const [losing, asking] = await whileLocked(lock, [...session, token.id], async () => {
      const losing = lose(loser);
      await waiting(1);
      const asking = requests.map((request, index) => request(target, index % 2 === 0 ? loser.headers : acting));
      await waiting(1 + requests.length);
      return [losing, asking];
    });
    expect([200, 204]).toContain((await losing).status);
    expect((await Promise.all(asking)).map(outcome)).toEqual(requests.map(() => REVOKED));
    expect(await stored(target.id)).toEqual(before);
    expect((await get(`/accounts/${target.id}`, bearer(target.jwt))).status).toBe(200);
    expect(await database.query(`SELECT 1 FROM accounts WHERE name = 'in flight'`)).toEqual([]);
  });

  it('was first: then both happen', async () => {
    const [loser, target] = [await signedInAdmin(server), await newTarget()];
    const [changing, losing] = await whileLocked(HANDLE, [target.sid], async () => {
      const changing = change(target.id, { disabled: true }, loser.headers);
      await waiting(1);
      const losing = change(loser.id, { role: 'user' });
      await waiting(2);
      return [changing, losing];
    });
    expect([(await changing).status, (await losing).status]).toEqual([200, 200]);
    expect((await stored(target.id))?.disabled_at).not.toBeNull();
  });
});

describe('An account that is disabled', () => {
  /** Everything that opens something, with what it gave, as an answer to whether that is accepted. */
  type Door = (held: Holdings, at: Server) => Promise<(() => Promise<Answer>) | undefined>;

  const wayfPage = async () => {
    const visitor = { ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'x' };
    return (await post('/api/identifications', visitor, publisher.basic)).body.id as string;
  };

  const given =
    (allowed: number[], present: (answer: Answer) => Promise<Answer>) =>
    (answer: Answer): (() => Promise<Answer>) | undefined => {
      if (answer.status >= 200 && answer.status < 400) return () => present(answer);
      expect(allowed).toContain(answer.status);
      return undefined;
    };

  const asSession = (held: Holdings) => (answer: Answer) =>
    get(`/accounts/${held.id}`, bearer(answer.body.token as string));
  const asUser = (answer: Answer) => get('/api/v1/tokens/', tokenHeaders(admin.appToken, answer.body.token as string));

  const doors: [name: string, door: Door][] = [
    ['a sign-in', async (held, at) => given([401], asSession(held))(await signIn(held.email, held.password, at))],
    [
      'a refresh',
      async (held, at) => {
        const account = { refresh_token: held.refreshToken, remember_me: true };
        return given([401], asSession(held))(await at.call('PUT', '/account/session', { account }));
      },
    ],
    [
      'a login',
      async ({ email, password }, at) => {
        const login = { username: email, password };
        return given([401], asUser)(await post('/api/v1/token/', login, { 'app-token': admin.appToken }, at));
      },
    ],
    [
      'a token on behalf of it',
      async ({ id }, at) => given([400, 401], asUser)(await post('/api/v1/tokens/', { user: id }, admin.headers, at)),
    ],
    [
      'a token on behalf of somebody that it asks for',
      async ({ headers }, at) => given([401], asUser)(await post('/api/v1/tokens/', { user: user.id }, headers, at)),
    ],
    [
      'an App-Token that it asks for',
      async ({ headers }, at) =>
        given([401], ({ body }) => get('/api/v1/tokens/', tokenHeaders(body.app_token as string, admin.token)))(
          await post('/api/v1/app_tokens/', {}, headers, at),
        ),
    ],
    [
      'an access token of its client',
      async ({ client }, at) =>
        given([401], ({ body }) => get('/api/accounts?perpage=1', bearer(body.access_token as string)))(
          await at.call('POST', '/oauth/token', { grant_type: 'client_credentials' }, client.basic),
        ),
    ],
    ['a new password', async (held, at) => given([422], asSession(held))(await redeem(held.resetId, at))],
    [
      'a sign-in on the WAYF page',
      async ({ id, email, password }, at) => {
        const form = new URLSearchParams({ institution: 'none', email, password }).toString();
        const answer = await at.call('POST', `/wayf/${await wayfPage()}`, form, {
          'content-type': 'application/x-www-form-urlencoded',
          'sec-fetch-site': 'same-origin',
        });
        return given([422], async ({ headers }) => {
          const made = new URL(headers.get('location') ?? '').searchParams.get('identification') ?? '';
          const { status, body } = await get(`/api/identifications/${made}`, publisher.basic);
          // Whoever is disabled is not shown.
          return { ...answer, status: status === 200 && !JSON.stringify(body).includes(id) ? 401 : status };
        })(answer);
      },
    ],
  ];

  /** What of an account is live in the database, whoever accepts it. */
  const liveRows = (id: string) =>
    database.query(
      `SELECT 'session' FROM sessions WHERE account_id = $1 AND revoked_at IS NULL
       UNION ALL SELECT 'token' FROM tokens t LEFT JOIN oauth_clients c ON c.id = t.client_id
         WHERE (t.account_id = $1 OR t.actor_id = $1 OR c.account_id = $1) AND t.revoked_at IS NULL
           AND (t.client_epoch IS NULL OR t.client_epoch = c.epoch)
       UNION ALL SELECT 'reset' FROM password_resets WHERE account_id = $1 AND ended_at IS NULL`,
      [id],
    );

  /** It holds nothing of its client and its owner, and so waits for nobody. */
  const UNHELD = 'an access token of its client';

  it(`while it is being disabled: ${UNHELD} is issued, and refused from the moment that it is disabled`, async () => {
    const held = await everything();
    const door = doors.find(([name]) => name === UNHELD)?.[1];
    const lock = 'SELECT 1 FROM password_resets WHERE id = $1 FOR UPDATE';
    const [disabling, present] = await whileLocked(lock, [held.resetId], async () => {
      const disabling = change(held.id, { disabled: true });
      await waiting(1);
      const present = await door?.(held, server);
      expect((await present?.())?.status).toBe(200);
      return [disabling, present] as const;
    });
    expect((await disabling).status).toBe(200);
    expect((await present?.())?.status).toBe(401);
    expect(await liveRows(held.id)).toEqual([]);
    await change(held.id, { disabled: false });
    expect((await present?.())?.status).toBe(401);
  });

  const waitingDoors = doors.filter(([name]) => name !== UNHELD);

  it.each(waitingDoors)('while it is being disabled: %s waits, and is refused', async (_, door) => {
    const held = await everything();
    const lock = 'SELECT 1 FROM password_resets WHERE id = $1 FOR UPDATE';
    const [disabling, ...opening] = await whileLocked(lock, [held.resetId], async () => {
      const disabling = change(held.id, { disabled: true });
      await waiting(1);
      const opening = [server, replica].map((at) => door(held, at));
      await waiting(3);
      return [disabling, ...opening] as const;
    });
    expect((await disabling).status).toBe(200);
    expect(await Promise.all(opening)).toEqual([undefined, undefined]);
    expect(await liveRows(held.id)).toEqual([]);
  });

  it('at the same moment as it uses every door, on both replicas: what was opened is refused afterwards', async () => {
    let [openedOnce, refusedOnce] = [0, 0];
    for (let round = 0; round < 4; round += 1) {
      const held = await everything();
      const opening = doors.flatMap(([, door]) => [door(held, server), door(held, replica)]);
      await sleep(round * 8);
      expect((await change(held.id, { disabled: true })).status).toBe(200);
      expect(await opened(held)).toEqual(NONE);
      for (const present of await Promise.all(opening)) {
        if (present) expect((await present()).status).toBe(401);
        if (present) openedOnce += 1;
        else refusedOnce += 1;
      }
      expect(await liveRows(held.id)).toEqual([]);
      await eventually(async () => {
        expect(await opened(held, replica)).toEqual(NONE);
      }, AT_WORST);
    }
    expect([openedOnce > 0, refusedOnce > 0]).toEqual([true, true]);
  });
});

/** What PostgreSQL had to break up since this was last asked, if anything: it is told as 503. */
function deadlocks(): string[] {
  const found = server.logs.slice(logsSeen).filter((line) => line.includes('40P01'));
  logsSeen = server.logs.length;
  return found;
}

let logsSeen = 0;

describe('Twenty of the same at once', () => {
  it('are changes that all succeed', async () => {
    for (const body of [
      { name: newName(), networks: ['198.51.100.0/24', '2001:db8::/32'], email_domains: ['example.org'] },
      { email: newEmail() },
      { role: 'admin' },
      { password: null },
      { disabled: true },
      { disabled: false, role: 'user' },
    ]) {
      const { id } = await make();
      const answers = await atOnce(20, (index) => change(id, body, admin.headers, index % 2 ? server : replica));
      expect([body, statusesOf(answers)]).toEqual([body, times(20, 200)]);
    }
  });

  it('are one deletion and nineteen 404', async () => {
    const { id } = await make();
    const answers = await atOnce(20, () => remove(pathOf(id)));
    expect(statusesOf(answers)).toEqual([204, ...times(19, 404)]);
  });

  it('are one account and nineteen conflicts, by its email as by its name', async () => {
    const email = newEmail();
    const byEmail = await atOnce(20, (index) => post(ACCOUNTS, { email: index % 2 ? email : email.toUpperCase() }));
    expect(statusesOf(byEmail)).toEqual([201, ...times(19, 409)]);
    const name = newName();
    const byName = await atOnce(20, () => post(ACCOUNTS, { individual: false, name }));
    expect(statusesOf(byName)).toEqual([201, ...times(19, 409)]);
    expect(await mailsAbout(email)).toHaveLength(
      (byEmail.find(({ status }) => status === 201)?.body.email as string) === email ? 1 : 0,
    );
  });

  it('are twenty ends of everything, and one end of a session', async () => {
    const { id, sid } = await newTarget();
    const ends = await atOnce(20, () => remove(`${pathOf(id)}/sessions/${sid}`));
    expect(statusesOf(ends)).toEqual([204, ...times(19, 404)]);
    expect(statusesOf(await atOnce(20, () => post(`${pathOf(id)}/revoke`)))).toEqual(times(20, 204));
    expect((await stored(id))?.credential_epoch).toBe(20);
  });

  it('are two who want the same email, of whom one gets it', async () => {
    const [one, other] = [await make(), await make()];
    const email = newEmail();
    const answers = await Promise.all([one, other].map(({ id }) => change(id, { email })));
    expect(statusesOf(answers)).toEqual([200, 409]);
    // Each wants what the other has: an email that was given up is kept for its holder.
    const [first, second] = [await make(), await make()];
    const swapped = await Promise.all([
      change(first.id, { email: second.email }),
      change(second.id, { email: first.email }),
    ]);
    expect(statusesOf(swapped)).toEqual([409, 409]);
  });

  it('have not had to wait for each other in a circle', () => {
    expect(deadlocks()).toEqual([]);
  });
});

describe('Acts that meet on many tokens', () => {
  const MANY = 20;

  /** Tokens that are on disk in another order than that of their ids. @returns the one in the middle */
  async function fill(kind: string, columns: string, values: unknown[]): Promise<unknown> {
    const rows = await database.query<{ id: string }>(
      `INSERT INTO tokens (id, kind, digest, hint, scopes, expires_at, ${columns})
       SELECT id, $1, sha256(id::text::bytea), 'test', '{accounts:read}', now() + interval '1 hour',
         ${values.map((_, index) => `$${index + 2}`).join(', ')}
       FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, ${MANY}) ORDER BY 1 DESC) AS ids RETURNING id`,
      [kind, ...values],
    );
    return rows[MANY / 2]?.id;
  }

  const changePassword = ({ id, email, jwt }: { id: string; email: string; jwt: string }) =>
    server.call('PUT', `/accounts/${id}`, { account: { email, password: 'another example' } }, bearer(jwt));

  /** An organisation that signs in, an admin, and a client. */
  interface Meeting {
    holder: Awaited<ReturnType<typeof newTarget>>;
    asker: User & { jwt: string };
    client: Client;
  }

  const pathOfClient = ({ client }: Meeting) => `/api/v1/oauth_clients/${client.id}`;

  type Act = (meeting: Meeting) => Promise<Answer>;

  /** Acts on an organisation, and on an admin who has tokens on behalf of it. */
  const ON_HOLDER: [name: string, act: Act][] = [
    ['they change the password', ({ holder }) => changePassword(holder)],
    ['all of them is revoked', ({ holder }) => post(`${pathOf(holder.id)}/revoke`)],
    ['they are deleted', ({ holder }) => remove(pathOf(holder.id))],
    ['they are deleted by a client', ({ holder }) => remove(`/api/accounts/${holder.id}`, publisher.basic)],
  ];
  const ON_ASKER: [name: string, act: Act][] = [
    ['an admin who acts for them is demoted', ({ asker }) => change(asker.id, { role: 'user' })],
    ['an admin who acts for them is deleted', ({ asker }) => remove(pathOf(asker.id))],
    ['an admin who acts for them changes the password', ({ asker }) => changePassword(asker)],
  ];
  /** Acts on a client, and on the admin who answers for it. */
  const ON_CLIENT: [name: string, act: Act][] = [
    ['its tokens are revoked', (meeting) => post(`${pathOfClient(meeting)}/revoke`)],
    ['it loses scopes', (meeting) => patch(pathOfClient(meeting), { scopes: [] })],
    ['it is deleted', (meeting) => remove(pathOfClient(meeting))],
  ];
  const ON_OWNER: [name: string, act: Act][] = [
    ['all of its owner is revoked', ({ asker }) => post(`${pathOf(asker.id)}/revoke`)],
    ['its owner is disabled', ({ asker }) => change(asker.id, { disabled: true })],
  ];

  const crossed = (some: typeof ON_HOLDER, others: typeof ON_HOLDER) =>
    some.flatMap(([one, act]) => others.map(([other, also]): [string, Act, Act] => [`${one}, ${other}`, act, also]));

  /** Both acts have some of the tokens when they are let go. */
  async function meet(token: 'on behalf' | 'of a client', acts: [Act, Act]): Promise<void> {
    const [holder, asker] = [await newTarget(), await signedInAdmin(server)];
    await database.query('UPDATE accounts SET individual = false, name = $2 WHERE id = $1', [holder.id, newName()]);
    const jwt = (await signIn(asker.email, asker.password)).body.token as string;
    const client = await newClient(server, token === 'of a client' ? { ownerId: asker.id } : {});
    const middle = await (token === 'of a client'
      ? fill('oauth', 'client_id', [client.id])
      : fill('user', 'account_id, actor_id', [holder.id, asker.id]));
    const answers = await whileLocked('SELECT 1 FROM tokens WHERE id = $1 FOR UPDATE', [middle], async () => {
      const meeting: Promise<Answer>[] = [];
      for (const act of acts) {
        meeting.push(act({ holder, asker: { ...asker, jwt }, client }));
        await waiting(meeting.length);
      }
      return meeting;
    });
    for (const { status } of await Promise.all(answers)) expect([200, 204]).toContain(status);
    expect(deadlocks()).toEqual([]);
  }

  it.each(crossed(ON_HOLDER, ON_ASKER))('do not wait for each other in a circle: %s', async (_, ...acts) => {
    await meet('on behalf', acts);
  });

  it.each(crossed(ON_CLIENT, ON_OWNER))('do not wait for each other in a circle: %s', async (_, ...acts) => {
    await meet('of a client', acts);
  });

  it('leave no client to an account that is deleted while it is to be its owner', async () => {
    const owner = await signedInAdmin(server);
    const client = await newClient(server, { ownerId: admin.id });
    const [removing, giving] = await whileLocked(HANDLE, await handleOf(owner), async () => {
      const removing = remove(pathOf(owner.id));
      await waiting(1);
      const giving = patch(`/api/v1/oauth_clients/${client.id}`, { owner: owner.id });
      await waiting(2);
      return [removing, giving];
    });
    expect(outcome(await removing)).toEqual(GONE);
    expect(outcome(await giving)).toEqual(invalid({ owner: 'is not an enabled admin' }));
    expect((await get(`/api/v1/oauth_clients/${client.id}`)).body.owner).toBe(admin.id);
  });

  it('leave no access token that was asked for while all of its owner is revoked', async () => {
    const held = await everything();
    const [revoking, asked] = await whileLocked(HANDLE, await handleOf(held), async () => {
      const revoking = post(`${pathOf(held.id)}/revoke`);
      await waiting(1);
      const asked = await newAccessToken(server, held.client);
      expect((await get('/api', bearer(asked))).status).toBe(200);
      return [revoking, asked];
    });
    expect((await revoking).status).toBe(204);
    expect((await get('/api', bearer(asked))).status).toBe(401);
  });
});

describe('The last enabled admin', () => {
  const enabledAdmins = () =>
    database.query<{ id: string }>(`SELECT id FROM accounts WHERE role = 'admin' AND disabled_at IS NULL`);

  /** So many admins who are signed in, and no others. */
  async function lone(count: number): Promise<User[]> {
    const others = await enabledAdmins();
    const admins: User[] = [];
    for (let index = 0; index < count; index += 1) admins.push(await signedInAdmin(server));
    for (const { id } of others) {
      await changeAccount(server, id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
    }
    return admins;
  }

  type Act = (id: string, by: User, at?: Server) => Promise<Answer>;

  const acts: [name: string, act: Act][] = [
    ['demoted', (id, { headers }, at) => change(id, { role: 'user' }, headers, at)],
    ['disabled', (id, { headers }, at) => change(id, { disabled: true }, headers, at)],
    ['deleted', (id, { headers }, at) => remove(pathOf(id), headers, at)],
  ];

  it.each(acts)(
    'cannot be %s, twenty times at once as well, and nothing else of the same request is done',
    async (_, act) => {
      const [last] = (await lone(1)) as [User];
      const before = await stored(last.id);
      expect(outcome(await act(last.id, last))).toEqual(LAST_ADMIN);
      const answers = await atOnce(20, (index) => act(last.id, last, index % 2 ? server : replica));
      expect(answers.map(outcome)).toEqual(times(20, LAST_ADMIN));
      const both = { name: newName(), email: newEmail(), password: null, role: 'user', disabled: true, networks: [] };
      expect(outcome(await change(last.id, both, last.headers))).toEqual(LAST_ADMIN);
      expect(await stored(last.id)).toEqual(before);
      expect((await get(ACCOUNTS, last.headers)).status).toBe(200);
    },
  );

  it('can be anything else: another name, another email, signed out everywhere', async () => {
    const [last] = (await lone(1)) as [User];
    const same = { role: 'admin', disabled: false, name: newName() };
    expect((await change(last.id, same, last.headers)).status).toBe(200);
    expect(outcome(await post(`${pathOf(last.id)}/revoke`, undefined, last.headers))).toEqual(GONE);
    expect((await get(ACCOUNTS, last.headers)).status).toBe(401);
  });

  it('is not last while there is another, and is when that one is disabled or a user', async () => {
    const [one, other] = (await lone(2)) as [User, User];
    expect((await change(other.id, { disabled: true }, one.headers)).status).toBe(200);
    for (const [, act] of acts) expect(outcome(await act(one.id, one))).toEqual(LAST_ADMIN);
    // Whoever is disabled is no enabled admin, and can be anything.
    expect((await change(other.id, { role: 'user' }, one.headers)).status).toBe(200);
    expect((await change(other.id, { role: 'admin' }, one.headers)).status).toBe(200);
    for (const [, act] of acts) expect(outcome(await act(one.id, one))).toEqual(LAST_ADMIN);
    expect((await change(other.id, { disabled: false }, one.headers)).status).toBe(200);
    expect((await change(one.id, { role: 'user' }, one.headers)).status).toBe(200);
    expect((await enabledAdmins()).map(({ id }) => id)).toEqual([other.id]);
  });

  /** What such races may be answered: whoever comes second is no longer an admin, or the last one. */
  const ALLOWED = [200, 204, 401, 403, 409];

  it.each(
    acts.flatMap(([one, act]) => acts.map(([other, also]): [string, string, Act, Act] => [one, other, act, also])),
  )('is left when one is %s and another %s, each by the other at the same moment', async (_, __, act, also) => {
    for (let round = 0; round < 3; round += 1) {
      const [one, other] = (await lone(2)) as [User, User];
      const answers = await Promise.all([
        act(other.id, one, round % 2 ? server : replica),
        also(one.id, other, server),
      ]);
      const statuses = statusesOf(answers);
      expect(statuses.filter((status) => !ALLOWED.includes(status))).toEqual([]);
      expect(statuses.filter((status) => status < 300)).toHaveLength(1);
      expect(await enabledAdmins()).toHaveLength(1);
    }
  });

  it('is left when three do all of this to each other and to themselves at once, five times', async () => {
    for (let round = 0; round < 5; round += 1) {
      const admins = await lone(3);
      const answers = await Promise.all(
        admins.flatMap((by, index) =>
          admins.flatMap((of, number) =>
            acts
              .slice((round + index + number) % acts.length)
              .slice(0, 1)
              .map(([, act]) => act(of.id, by, (index + number) % 2 ? server : replica)),
          ),
        ),
      );
      const statuses = statusesOf(answers);
      // 404: somebody deleted them before.
      expect(statuses.filter((status) => ![...ALLOWED, 404].includes(status))).toEqual([]);
      const [left, ...others] = await enabledAdmins();
      expect([left !== undefined, others]).toEqual([true, []]);
      expect(statuses.filter((status) => status < 300).length).toBeGreaterThanOrEqual(2);
    }
    expect(deadlocks()).toEqual([]);
  });

  it('is left when one makes another an admin while being demoted', async () => {
    const [one, other] = (await lone(2)) as [User, User];
    const { id } = await signUp(server);
    const answers = await Promise.all([
      change(id, { role: 'admin' }, one.headers),
      change(one.id, { role: 'user' }, other.headers),
      change(other.id, { disabled: true }, one.headers),
    ]);
    expect(statusesOf(answers).filter((status) => !ALLOWED.includes(status))).toEqual([]);
    expect((await enabledAdmins()).length).toBeGreaterThan(0);
  });
});

describe('When no App-Token is left that anybody could use', () => {
  const restore = () => server.app.get(Bootstrap).generated();

  /** Says that all App-Tokens have expired but one, and what is done to that one. */
  const ends: [name: string, end: (token: { id: string; owner: User }) => Promise<unknown>][] = [
    ['is revoked', ({ owner }) => post(`${pathOf(owner.id)}/revoke`, undefined, owner.headers)],
    ['is deleted', ({ id, owner }) => remove(`/api/v1/app_tokens/${id}`, owner.headers)],
    ['has expired', ({ id }) => database.query('UPDATE tokens SET expires_at = now() WHERE id = $1', [id])],
    ['is of somebody who is disabled', ({ owner }) => change(owner.id, { disabled: true }, owner.headers)],
    [
      'has a scope, and is of somebody who is no longer an admin',
      ({ owner }) => change(owner.id, { role: 'user' }, owner.headers),
    ],
    ['is of somebody who is deleted', ({ owner }) => remove(pathOf(owner.id), owner.headers)],
  ];

  it.each(ends)('as the last one %s, one is made for the oldest enabled admin, and only then', async (_, end) => {
    await database.query(`UPDATE accounts SET disabled_at = now() WHERE role = 'admin'`);
    const [oldest, owner] = [await signedInAdmin(server), await signedInAdmin(server)];
    const { id } = await rowOf(database, owner.appToken);
    await database.query(`UPDATE tokens SET expires_at = now() WHERE kind = 'app' AND id <> $1`, [id]);
    expect(await restore()).toBeUndefined();
    await end({ id, owner });
    const made = await restore();
    expect(made).toEqual({ appToken: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(await rowOf(database, made?.appToken ?? '')).toMatchObject({ account_id: oldest.id, scopes: ['frontend'] });
    expect(await restore()).toBeUndefined();
    const token = await logIn(server, made?.appToken ?? '', oldest);
    expect((await get(ACCOUNTS, tokenHeaders(made?.appToken ?? '', token))).status).toBe(200);
  });

  it('a user’s own is enough, as an admin can log in with it', async () => {
    await database.query(`UPDATE tokens SET expires_at = now() WHERE kind = 'app'`);
    const holder = await signedInUser(server);
    expect(await restore()).toBeUndefined();
    await database.query(`UPDATE tokens SET expires_at = now() WHERE id = $1`, [
      (await rowOf(database, holder.appToken)).id,
    ]);
    // Asked for by two at once, it is one.
    const made = await atOnce(2, restore);
    expect(made.filter((one) => one !== undefined)).toHaveLength(1);
  });
});

describe('After all of this', () => {
  it('nothing has failed unexpectedly, here or on the replica', () => {
    const failed = [...server.logs, ...replica.stdout.split('\n')].filter((line) =>
      /unexpected failure|40P01|the database is away/.test(line),
    );
    expect(failed).toEqual([]);
  });

  it('each route has answered as it is described, in each way', () => {
    expect(server.answers.undescribed()).toEqual([]);
    const routes = server.answers.seen().filter((name) => name.includes(` ${ACCOUNTS}`));
    const account = `${ACCOUNTS}/{id}`;
    const expected = [
      ...[200, 400, 401, 403].map((status) => `GET ${ACCOUNTS} ${status}`),
      ...[201, 400, 401, 403, 409, 415].map((status) => `POST ${ACCOUNTS} ${status}`),
      ...[200, 401, 403, 404].map((status) => `GET ${account} ${status}`),
      ...[200, 400, 401, 403, 404, 409].map((status) => `PATCH ${account} ${status}`),
      ...[204, 401, 403, 404, 409].map((status) => `DELETE ${account} ${status}`),
      ...[204, 401, 403, 404].map((status) => `POST ${account}/revoke ${status}`),
      ...[200, 400, 401, 403, 404].map((status) => `GET ${account}/sessions ${status}`),
      ...[200, 401, 403, 404].map((status) => `GET ${account}/sessions/{sid} ${status}`),
      ...[204, 401, 403, 404].map((status) => `DELETE ${account}/sessions/{sid} ${status}`),
    ];
    expect(routes).toEqual(expected.sort());
  });
});
