import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './database.js';
import { newAccessToken, newClient, type Client } from './oauth.js';
import { cleanUp, newFolder, ServerProcess } from './process.js';
import {
  bearer,
  claimsOf,
  newEmail,
  signUp,
  startServer,
  TEST_SECRET_KEY,
  type Answer,
  type TestServer,
} from './server.js';
import { Statements } from './statements.js';
import { logIn, newAppToken, oboToken, signedInAdmin, signedInUser, tokenHeaders, type User } from './tokens.js';

/** Accounts and their sessions, for admins: one server, one database, and a replica that takes no invitations. */
export let database: TestDatabase;
export let server: TestServer;
/** In a process of its own, as passport's strategies are one set for each process. */
export let replica: ServerProcess;
export let replicaFolder: string;
export let statements: Statements;
/** Nobody touches this one before the races on the last admin. */
export let admin: User;
export let user: User;
/** Nobody answers for it. */
export let publisher: Client;

/**
 * In milliseconds: how long it may take here until a revocation is heard on the other server. The promise is 100 ms, and
 * two seconds at worst; but a busy machine may keep everybody waiting, and what is never heard of fails all the same.
 */
export const AT_WORST = 20_000;

/** A server and a replica on a database of the suite's own, an admin, a user and a client. */
export function withAdmins(): void {
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
}

export type Headers = Record<string, string>;
export type Server = Pick<TestServer, 'call'>;

export const ACCOUNTS = '/api/v1/accounts';
export const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
export const NOT_FOUND = [404, { errors: { request: 'Not found, or you do not have access to it.' } }];
export const ADMINS_ONLY = [403, { errors: { request: 'This requires an admin account.' } }];
export const GONE = [204, ''];
export const ABSENT = '01234567-89ab-4def-8123-456789abcdef';

export const outcome = ({ status, body }: Pick<Answer, 'status' | 'body'>): [number, unknown] => [status, body];
export const invalid = (errors: object) => [400, { errors }];
export const get = (path: string, headers: Headers = admin.headers, at: Server = server) =>
  at.call('GET', path, undefined, headers);
export const post = (path: string, body?: unknown, headers: Headers = admin.headers, at: Server = server) =>
  at.call('POST', path, body, headers);
export const patch = (path: string, body: unknown, headers: Headers = admin.headers, at: Server = server) =>
  at.call('PATCH', path, body, headers);
export const remove = (path: string, headers: Headers = admin.headers, at: Server = server) =>
  at.call('DELETE', path, undefined, headers);
export const pathOf = (id: string) => `${ACCOUNTS}/${id}`;
export const change = (id: string, body: unknown, headers?: Headers, at?: Server) =>
  patch(pathOf(id), body, headers, at);
export const signIn = (email: string, password: string, at: Server = server) =>
  at.call('POST', '/account/session', { account: { email, password } });

let names = 0;
export const newName = () => `Account ${(names += 1)} of ${process.pid}`;

/** What an admin sees of an account. */
export interface Account {
  [field: string]: unknown;
  id: string;
  email: string;
  name: string;
}

/** @returns the answer to the making of an account */
export async function make(fields: object = {}): Promise<Account> {
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
export async function stored(id: string) {
  const [row] = await database.query<AccountRow & { networks: string[]; domains: string[] }>(
    `SELECT *,
       ARRAY(SELECT n.network::text FROM account_networks n WHERE n.account_id = id ORDER BY n.network) AS networks,
       ARRAY(SELECT domain FROM account_email_domains WHERE account_id = id ORDER BY domain) AS domains
     FROM accounts WHERE id = $1`,
    [id],
  );
  return row;
}

export const countAccounts = async () =>
  (await database.query<{ count: number }>('SELECT count(*)::int FROM accounts'))[0]?.count;

/** The kinds of what the audit log has of changes of an account, with who did it. */
export const eventsOf = (subject: string) =>
  database.query<{ kind: string; actor_id: string; on_behalf_of: string | null }>(
    `SELECT kind, actor_id, on_behalf_of FROM audit_events
     WHERE subject = $1 AND kind NOT LIKE '%.read' AND kind NOT LIKE '%.listed' ORDER BY at, kind`,
    [subject],
  );

export const mailsAbout = (email: string) =>
  database.query<{ kind: string; subject_id: string }>(
    'SELECT kind, subject_id FROM outgoing_mails WHERE recipient = $1 ORDER BY created_at, kind',
    [email],
  );

export async function pendingReset(accountId: string): Promise<string> {
  const [reset] = await database.query<{ id: string }>(
    'SELECT id FROM password_resets WHERE account_id = $1 AND ended_at IS NULL ORDER BY created_at DESC LIMIT 1',
    [accountId],
  );
  return reset?.id ?? '';
}

export const redeem = (resetId: string, at: Server = server) =>
  at.call('PUT', '/account/password', {
    account: {
      password: 'another example',
      reset_password_token: server.app.get(SecretKeys).sign('password-reset', resetId),
      remember_me: true,
    },
  });

/** Whoever is given this acts for `of`, and is `by`. */
export async function onBehalf(of: { id: string }, by: User): Promise<Headers> {
  return tokenHeaders(by.appToken, await oboToken(server, by, of.id));
}

export interface Target {
  id: string;
  sid: string;
}

export async function newTarget(): Promise<Target & { jwt: string; email: string; password: string }> {
  const { id, email, password, token } = await signUp(server);
  return { id, email, password, jwt: token, sid: claimsOf(token).sid };
}

/** All that an admin can have open. */
export interface Holdings {
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

export type Opened = Record<
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
export async function everything(): Promise<Holdings> {
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
export async function opened(held: Holdings, at: Server = server): Promise<Opened> {
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

export const ALL: Opened = {
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
export const NONE = Object.fromEntries(Object.keys(ALL).map((name) => [name, false])) as Opened;

/** Opens a session of an account, by which its changes can be held up: they end it, once they have changed the account. */
export async function handleOf({ id }: { id: string }): Promise<unknown[]> {
  const [row] = await database.query<{ id: string }>(
    `INSERT INTO sessions (account_id, expires_at) VALUES ($1, now() + interval '1 hour') RETURNING id`,
    [id],
  );
  return [row?.id];
}

export const HANDLE = 'SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE';

const ONE = `${ACCOUNTS}/{id}`;
/** How the routes answer, and which suite shows it, whoever comes first in its races. */
const ANSWERS = {
  access: {
    [`GET ${ACCOUNTS}`]: [200, 400, 401, 403],
    [`POST ${ACCOUNTS}`]: [401, 403],
    [`GET ${ONE}`]: [200, 401, 403, 404],
    [`PATCH ${ONE}`]: [401, 403, 404],
    [`DELETE ${ONE}`]: [204, 401, 403, 404],
    [`POST ${ONE}/revoke`]: [204, 401, 403, 404],
    [`DELETE ${ONE}/lock`]: [204, 401, 403, 404],
    [`GET ${ONE}/sessions`]: [200, 401, 403, 404],
    [`GET ${ONE}/sessions/{sid}`]: [200, 401, 403, 404],
    [`DELETE ${ONE}/sessions/{sid}`]: [204, 401, 403, 404],
  },
  making: { [`POST ${ACCOUNTS}`]: [201, 400, 409, 415], [`PATCH ${ONE}`]: [200, 400, 409] },
  ending: { [`DELETE ${ONE}`]: [409], [`POST ${ONE}/revoke`]: [400], [`GET ${ONE}/sessions`]: [400] },
  races: { [`DELETE ${ONE}`]: [409], [`PATCH ${ONE}`]: [409], [`POST ${ACCOUNTS}`]: [409] },
};

const namesOf = (answers: Record<string, number[]>): string[] =>
  Object.entries(answers).flatMap(([route, statuses]) => statuses.map((status) => `${route} ${status}`));

/** The last word of a suite. */
export function afterAllOfThis(suite: keyof typeof ANSWERS): void {
  describe('After all of this', () => {
    it('nothing has failed unexpectedly, here or on the replica', () => {
      const failed = [...server.logs, ...replica.stdout.split('\n')].filter((line) =>
        /unexpected failure|40P01|the database is unavailable/.test(line),
      );
      expect(failed).toEqual([]);
    });

    it('each route has answered as it is described, in each way', () => {
      expect(server.answers.undescribed()).toEqual([]);
      const routes = server.answers.seen().filter((name) => name.includes(` ${ACCOUNTS}`));
      const expected = Object.values(ANSWERS).flatMap(namesOf);
      expect(expected).toEqual(expect.arrayContaining(routes));
      expect(routes).toEqual(expect.arrayContaining(namesOf(ANSWERS[suite])));
    });
  });
}
