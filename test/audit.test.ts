import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { listStatement } from '../src/audit-log-reader/audit-log-reader.store.js';
import type { AuditFilter } from '../src/audit-log-reader/audit-log-reader.dto.js';
import { AUDIT_KINDS, type AuditKind } from '../src/audit-log/audit-kinds.js';
import { Sweeper } from '../src/database/sweeper.service.js';
import type { Cursor } from '../src/database/keyset.js';
import { SecretKeys, type KeyPurpose } from '../src/keys/secret-keys.js';
import { Limits } from '../src/limits/limits.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { basic, newAccessToken, newClient, type Client } from './support/oauth.js';
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
  newApiToken,
  newAppToken,
  oboToken,
  rowOf,
  signedInAdmin,
  signedInUser,
  tokenHeaders,
  type User,
} from './support/tokens.js';

type Headers = Record<string, string>;

/** What the audit log has of an event. */
interface Row {
  kind: AuditKind;
  outcome: 'success' | 'failure' | 'refused';
  account: string | null;
  client: string | null;
  app_token: string | null;
  on_behalf_of: string | null;
  subject: string | null;
  address: string | null;
  request_id: string | null;
  email: string | null;
  details: Record<string, unknown>;
}

interface Request {
  at?: TestServer;
  method: string;
  path: string;
  /** A form is a text. */
  body?: object | string;
  headers?: Headers;
}

/** Something that is about to be done, and what it is to leave behind. */
interface Act {
  request: Request;
  status: number;
  /** Rows by the order of their kinds; what is left out is empty, and a success. */
  leaves: (answer: Answer) => Partial<Row>[] | Promise<Partial<Row>[]>;
}

const ADDRESS = '198.51.100.7';
const AUDIT = '/api/v1/audit_events/';
const NDJSON = { accept: 'application/x-ndjson' };
const PUBLIC_URL = 'http://latchkey.test';
const VISIT = { ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'test' };
const YEAR = 31_536_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Has deletions leave something, too, by which their transaction can be told; see {@link tablesOf}. */
const WITNESS = `
  CREATE TABLE deletions (at timestamptz);
  CREATE FUNCTION note_deletion() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO deletions VALUES (now()); RETURN OLD; END';
  ${['accounts', 'oauth_clients', 'oauth_client_secrets', 'tokens']
    .map((table) => `CREATE TRIGGER noted AFTER DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION note_deletion();`)
    .join('\n  ')}`;

let statements: Statements;
let database: TestDatabase;
/** Believes X-Forwarded-For. */
let server: TestServer;
/** The same, but nobody signs up, emails have to be verified, and whoever reaches it may make API tokens. */
let strict: TestServer;
let admin: User;
let user: User;
let client: Client;
let accessToken: string;
/** Every secret that went over the wire; see {@link listen}. */
const secrets = new Map<string, string>();

beforeAll(async () => {
  statements = new Statements();
  database = await createDatabase();
  await database.query(WITNESS);
  const settings = { trustProxy: 1, publicUrl: PUBLIC_URL };
  server = listen(await startServer(database.connection, settings));
  strict = listen(
    await startServer(database.connection, {
      ...settings,
      signup: 'closed',
      emailVerification: 'required',
      frontendAuth: 'none',
    }),
  );
  admin = await signedInAdmin(server);
  user = await signedInUser(server);
  client = await newClient(server);
  accessToken = await newAccessToken(server, client);
  secrets.set(client.secret, 'client_secret').set(accessToken, 'access_token');
});

afterAll(async () => {
  await strict.close();
  await server.close();
  await database.drop();
  await cleanUp();
  statements.stop();
});

/** Collects what is secret of all that a server is asked and answers, but for the password that everybody has; ids of tokens are none. */
function listen(heard: TestServer): TestServer {
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (/password|secret|token$/.test(name) && typeof inner === 'string' && inner !== 'example' && !UUID.test(inner))
        secrets.set(inner, name);
      collect(inner);
    }
  };
  const original = heard.call.bind(heard);
  heard.call = async (method, path, body, headers) => {
    const form = typeof body === 'string' && !body.startsWith('{') && Object.fromEntries(new URLSearchParams(body));
    for (const sent of [form, body, headers]) collect(sent);
    const authorization = headers?.authorization?.split(' ')[1];
    if (authorization !== undefined) secrets.set(authorization, 'authorization');
    const answer = await original(method, path, body, headers);
    collect(answer.body);
    return answer;
  };
  return heard;
}

function send({ at = server, method, path, body, headers = {} }: Request, requestId: string, address = ADDRESS) {
  const form = typeof body === 'string' && { 'content-type': 'application/x-www-form-urlencoded' };
  return at.call(method, path, body, { ...form, ...headers, 'x-request-id': requestId, 'x-forwarded-for': address });
}

const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();

let numbers = 0;
const newRequestId = () => `audit-test-${(numbers += 1)}`;
const newPassword = () => `correct horse ${randomUUID()}`;
const newName = () => `Institution ${randomUUID()}`;

/** @returns what the audit log has of these requests */
const eventsOf = (...requestIds: string[]) =>
  database.query<Row & Record<string, unknown>>(
    `SELECT kind, outcome, actor_id AS account, client_id AS client, app_token_id AS app_token, on_behalf_of, subject,
       address, request_id, email, details
     FROM audit_events e LEFT JOIN audit_emails m ON m.event_id = e.id
     WHERE request_id = ANY ($1) ORDER BY kind, e.at, e.id`,
    [requestIds],
  );

const countEvents = async () =>
  (await database.query<{ count: number }>('SELECT count(*)::int FROM audit_events'))[0]?.count;

/** @returns the whole row of an event with these properties */
function event(row: Partial<Row>, requestId: string, address = ADDRESS): Row {
  const nobody = { account: null, client: null, app_token: null, on_behalf_of: null };
  const nothing = { subject: null, email: null, details: {} };
  return { kind: 'sign_in', outcome: 'success', ...nobody, ...nothing, address, request_id: requestId, ...row };
}

const appTokenOf = async ({ appToken }: User) => (await rowOf(database, appToken)).id;
/** A user at an application, as the audit log has them. */
const by = async (who: User) => ({ account: who.id, app_token: await appTokenOf(who) });
const idOf = async (secret: string) => (await rowOf(database, secret)).id;
const signed = (purpose: KeyPurpose, id: string) => server.app.get(SecretKeys).sign(purpose, id);

/** @returns an account with a password of its own */
const newAccount = (more: { remember?: boolean } = {}) => signUp(server, { password: newPassword(), ...more });

async function newOrganisation(fields: object = {}): Promise<string> {
  const body = { name: newName(), email_domains: [`${randomUUID()}.example`], ...fields };
  const answer = await server.call('POST', '/api/accounts', body, client.basic);
  expect(answer.status).toBe(201);
  return answer.body.id as string;
}

async function newOauthClient(): Promise<{ id: string; secret: string; secretId: string }> {
  const answer = await server.call('POST', '/api/v1/oauth_clients/', { name: 'test', scopes: [] }, admin.headers);
  expect(answer.status).toBe(201);
  return { id: answer.body.id, secret: answer.body.client_secret, secretId: answer.body.secrets[0].id };
}

/** @returns a token of the mail that answers a request for a new password */
async function resetToken({ id, email }: { id: string; email: string }): Promise<{ reset: string; token: string }> {
  expect((await server.call('POST', '/account/password', { account: { email } })).status).toBe(200);
  const [row] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [id]);
  return { reset: row?.id ?? '', token: signed('password-reset', row?.id ?? '') };
}

/** @returns the token of the mail about an email of an account */
async function emailToken(accountId: string, purpose: 'verify' | 'undo'): Promise<string> {
  const [row] = await database.query<{ id: string }>(
    'SELECT id FROM email_links WHERE account_id = $1 AND purpose = $2',
    [accountId, purpose],
  );
  return signed(purpose === 'verify' ? 'email-verification' : 'email-undo', row?.id ?? '');
}

async function newWayfPage(): Promise<string> {
  const { status, body } = await server.call('POST', '/api/identifications', VISIT, client.basic);
  expect(status).toBe(201);
  return `/wayf/${body.id as string}`;
}

const OUR_PAGE = { 'sec-fetch-site': 'same-origin' };

async function reset(account: { id: string; email: string }, password: string): Promise<Request & { reset: string }> {
  const { token, reset } = await resetToken(account);
  const body = { account: { password, reset_password_token: token } };
  return { method: 'PUT', path: '/account/password', body, reset };
}

const refresh = (refresh_token: string): Request => ({
  method: 'PUT',
  path: '/account/session',
  body: { account: { refresh_token, remember_me: true } },
});

const asked = (method: string, path: string, body?: object, headers = admin.headers as Headers): Request => ({
  method,
  path,
  headers,
  ...(body && { body }),
});

/** What admins look at, and the row of it. */
const reading =
  (
    path: () => string | Promise<string>,
    kind: AuditKind,
    row: () => Partial<Row> | Promise<Partial<Row>> = () => ({}),
  ) =>
  async (): Promise<Act> => ({
    request: asked('GET', await path()),
    status: 200,
    leaves: async () => [{ kind, ...(await by(admin)), ...(await row()) }],
  });

/** A change by an admin, and the row of it. */
const changing =
  (
    kind: AuditKind,
    prepare: () => Promise<{ request: Request; status?: number; subject?: string; details?: object }>,
  ) =>
  async (): Promise<Act> => {
    const { request, status = 204, subject = null, details = {} } = await prepare();
    const row = { kind, ...(await by(admin)), subject, details: details as Row['details'] };
    return { request, status, leaves: () => [row] };
  };

const tokenChange = (kind: AuditKind, method: string, body?: object) =>
  changing(kind, async () => {
    const subject = await idOf(await newAppToken(server, user));
    const details = { kind: 'app', account: user.id };
    return { request: asked(method, `/api/v1/app_tokens/${subject}`, body), subject, details };
  });

const oauthClientChange = (
  kind: AuditKind,
  request: (made: { id: string; secretId: string }) => {
    method: string;
    path?: string;
    body?: object;
    status?: number;
  },
  details: (made: { secretId: string }) => object = () => ({}),
) =>
  changing(kind, async () => {
    const made = await newOauthClient();
    const { method, path = '', body, status = 204 } = request(made);
    const full = asked(method, `/api/v1/oauth_clients/${made.id}${path}`, body);
    return { request: full, status, subject: made.id, details: details(made) };
  });

const accountChange = (kind: AuditKind, body: object, details: object = {}) =>
  changing(kind, async () => {
    const { id } = await newAccount();
    return { request: asked('PATCH', `/api/v1/accounts/${id}`, body), status: 200, subject: id, details };
  });

/** All that is done, by everybody who can do it; each is to leave just these rows. */
const ACTS: [sentence: string, prepare: () => Promise<Act>][] = [
  // Sign-up, sign-in and out.
  [
    'signing up',
    () => {
      const account = { email: newEmail(), password: newPassword() };
      return Promise.resolve({
        request: { method: 'POST', path: '/accounts', body: { account } },
        status: 201,
        leaves: ({ body }) => {
          const { id } = claimsOf(body.token as string).data;
          return [{ kind: 'account.created', account: id, subject: id, email: account.email }];
        },
      });
    },
  ],
  [
    'signing up with an email that is taken',
    () => {
      const account = { email: user.email.toUpperCase(), password: newPassword() };
      return Promise.resolve({
        request: { method: 'POST', path: '/accounts', body: { account } },
        status: 409,
        leaves: () => [{ kind: 'account.created', outcome: 'failure', email: account.email }],
      });
    },
  ],
  [
    'signing up where nobody does',
    () => {
      const account = { email: newEmail(), password: newPassword() };
      return Promise.resolve({
        request: { at: strict, method: 'POST', path: '/accounts', body: { account } },
        status: 403,
        leaves: () => [{ kind: 'account.created', outcome: 'refused', email: account.email }],
      });
    },
  ],
  [
    'signing in to a session',
    async () => {
      const { id, email, password } = await newAccount();
      return {
        request: { method: 'POST', path: '/account/session', body: { account: { email, password } } },
        status: 200,
        leaves: ({ body }) => {
          const session = claimsOf(body.token as string).sid;
          return [{ kind: 'sign_in', account: id, subject: id, details: { session } }];
        },
      };
    },
  ],
  [
    'a wrong password for a session',
    async () => {
      const { id, email } = await newAccount();
      const account = { email: email.toUpperCase(), password: newPassword() };
      return {
        request: { method: 'POST', path: '/account/session', body: { account } },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', subject: id, email: account.email }],
      };
    },
  ],
  [
    'an unknown email',
    () => {
      const account = { email: newEmail(), password: newPassword() };
      return Promise.resolve({
        request: { method: 'POST', path: '/account/session', body: { account } },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', email: account.email }],
      });
    },
  ],
  [
    'signing in with an email that is not verified',
    async () => {
      const { id, email, password } = await newAccount();
      return {
        request: { at: strict, method: 'POST', path: '/account/session', body: { account: { email, password } } },
        status: 403,
        leaves: () => [{ kind: 'sign_in', outcome: 'refused', subject: id, details: { reason: 'unverified' } }],
      };
    },
  ],
  [
    'logging in at an application',
    async () => {
      const { id, email, password } = await newAccount();
      const headers = { 'app-token': user.appToken };
      return {
        request: { method: 'POST', path: '/api/v1/token/', body: { username: email, password }, headers },
        status: 200,
        leaves: async ({ body }) => {
          const details = { token: await idOf(body.token as string) };
          return [{ kind: 'sign_in', account: id, app_token: await appTokenOf(user), subject: id, details }];
        },
      };
    },
  ],
  [
    'a wrong password at an application',
    async () => {
      const { id, email } = await newAccount();
      const body = { username: email, password: newPassword() };
      const row = { outcome: 'failure', app_token: await appTokenOf(user), subject: id, email } as const;
      return {
        request: { method: 'POST', path: '/api/v1/token/', body, headers: { 'app-token': user.appToken } },
        status: 401,
        leaves: () => [{ kind: 'sign_in', ...row }],
      };
    },
  ],
  [
    'a password in the place of the email',
    async () => {
      const body = { username: newPassword(), password: newPassword() };
      const app_token = await appTokenOf(user);
      secrets.set(body.username, 'username');
      return {
        request: { method: 'POST', path: '/api/v1/token/', body, headers: { 'app-token': user.appToken } },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', app_token }],
      };
    },
  ],
  [
    'signing in on the WAYF page',
    async () => {
      const { id, email, password } = await newAccount();
      const body = form({ email, password, institution: 'none' });
      return {
        request: { method: 'POST', path: await newWayfPage(), body, headers: OUR_PAGE },
        status: 303,
        leaves: ({ headers }) => {
          const identification = new URL(headers.get('location') ?? '').searchParams.get('identification');
          return [{ kind: 'sign_in', account: id, subject: id, details: { identification } }];
        },
      };
    },
  ],
  [
    'a wrong password on the WAYF page',
    async () => {
      const { id, email } = await newAccount();
      const body = form({ email, password: newPassword(), institution: 'none' });
      return {
        request: { method: 'POST', path: await newWayfPage(), body, headers: OUR_PAGE },
        status: 422,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', subject: id, email }],
      };
    },
  ],
  [
    'an account of another institution on the WAYF page',
    async () => {
      const { id, email, password } = await newAccount();
      const institution = await newOrganisation();
      const body = form({ email, password, institution });
      return {
        request: { method: 'POST', path: await newWayfPage(), body, headers: OUR_PAGE },
        status: 422,
        leaves: () => [{ kind: 'sign_in', outcome: 'refused', subject: id, details: { institution } }],
      };
    },
  ],
  [
    'a wrong client secret, as Basic',
    () =>
      Promise.resolve({
        request: { method: 'GET', path: '/api/accounts', headers: basic(client.id, newPassword()) },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', subject: client.id }],
      }),
  ],
  [
    'a wrong client secret, in a form',
    () => {
      const fields = { grant_type: 'client_credentials', client_id: client.id, client_secret: newPassword() };
      return Promise.resolve({
        request: { method: 'POST', path: '/oauth/token', body: form(fields) },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', subject: client.id }],
      });
    },
  ],
  [
    'a client secret in the place of the id',
    () =>
      Promise.resolve({
        request: { method: 'POST', path: '/oauth/token', headers: basic(client.secret, client.id) },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure' }],
      }),
  ],
  [
    'signing out',
    async () => {
      const { id, token } = await newAccount();
      return {
        request: asked('DELETE', '/account/session', undefined, bearer(token)),
        status: 200,
        leaves: () => [{ kind: 'sign_out', account: id, subject: id }],
      };
    },
  ],
  [
    'one attempt to sign in too many',
    async () => {
      const { email } = await newAccount();
      const account = { email, password: newPassword() };
      const request = { method: 'POST', path: '/account/session', body: { account } };
      for (let attempt = 0; attempt < server.config.loginMaxFailures; attempt += 1) await send(request, newRequestId());
      return {
        request,
        status: 429,
        leaves: () => [{ kind: 'limit.reached', outcome: 'refused', subject: 'sign-in' }],
      };
    },
  ],

  // Sessions, emails and passwords of one's own.
  [
    'ending a session of one’s own',
    async () => {
      const { id, email, password, token } = await newAccount();
      const other = await server.call('POST', '/account/session', { account: { email, password } });
      const session = claimsOf(other.body.token as string).sid;
      return {
        request: asked('DELETE', `/account/sessions/${session}`, undefined, bearer(token)),
        status: 204,
        leaves: () => [{ kind: 'session.ended', account: id, subject: id, details: { session } }],
      };
    },
  ],
  [
    'using a refresh token again too late',
    async () => {
      const { id, token, refreshToken } = await newAccount({ remember: true });
      const next = await send(refresh(refreshToken), newRequestId());
      await send(refresh(next.body.refresh_token as string), newRequestId());
      const details = { session: claimsOf(token).sid };
      return {
        request: refresh(refreshToken),
        status: 401,
        leaves: () => [{ kind: 'session.reused', outcome: 'refused', subject: id, details }],
      };
    },
  ],
  [
    'changing one’s password and email',
    async () => {
      const { id, token } = await newAccount();
      const account = { email: newEmail(), password: newPassword() };
      const row = { account: id, subject: id };
      return {
        request: asked('PUT', `/accounts/${id}`, { account }, bearer(token)),
        status: 200,
        leaves: () => [
          { kind: 'account.credentials_changed', ...row },
          { kind: 'account.email_changed', ...row, email: account.email },
        ],
      };
    },
  ],
  [
    'verifying one’s email',
    async () => {
      const { id, email } = await newAccount();
      await strict.call('POST', '/account/email', { account: { email } });
      const account = { verify_email_token: await emailToken(id, 'verify') };
      return {
        request: { at: strict, method: 'PUT', path: '/account/email', body: { account } },
        status: 200,
        leaves: () => [{ kind: 'account.email_verified', account: id, subject: id }],
      };
    },
  ],
  [
    'undoing a change of email',
    async () => {
      const { id, email, token } = await newAccount();
      const changed = { account: { email: newEmail(), password: newPassword() } };
      await server.call('PUT', `/accounts/${id}`, changed, bearer(token));
      const account = { undo_email_token: await emailToken(id, 'undo') };
      return {
        request: { method: 'PUT', path: '/account/email/undo', body: { account } },
        status: 200,
        leaves: () => [
          { kind: 'account.email_change_undone', account: id, subject: id, email },
          { kind: 'password_reset.requested', subject: id, email, details: { reset: expect.any(String) } },
        ],
      };
    },
  ],
  [
    'a link about an email that has been used',
    async () => {
      const { id, email } = await newAccount();
      await strict.call('POST', '/account/email', { account: { email } });
      const account = { verify_email_token: await emailToken(id, 'verify') };
      const request = { at: strict, method: 'PUT', path: '/account/email', body: { account } };
      expect((await send(request, newRequestId())).status).toBe(200);
      const [row] = await database.query<{ id: string }>('SELECT id FROM email_links WHERE account_id = $1', [id]);
      const details = { link: row?.id };
      return {
        request,
        status: 422,
        leaves: () => [{ kind: 'account.email_verified', outcome: 'failure', details }],
      };
    },
  ],
  [
    'asking for another mail to verify an email',
    async () => {
      const { id, email } = await newAccount();
      return {
        request: { at: strict, method: 'POST', path: '/account/email', body: { account: { email } } },
        status: 200,
        leaves: () => [{ kind: 'account.verification_requested', subject: id, email }],
      };
    },
  ],
  [
    'asking for one mail too many',
    async () => {
      const { id, email } = await newAccount();
      await resetToken({ id, email });
      return {
        request: { method: 'POST', path: '/account/password', body: { account: { email } } },
        status: 200,
        leaves: () => [{ kind: 'limit.reached', outcome: 'refused', subject: 'reset' }],
      };
    },
  ],
  [
    'asking for a new password',
    async () => {
      const { id, email } = await newAccount();
      return {
        request: { method: 'POST', path: '/account/password', body: { account: { email } } },
        status: 200,
        leaves: async () => {
          const [row] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [
            id,
          ]);
          return [{ kind: 'password_reset.requested', subject: id, email, details: { reset: row?.id } }];
        },
      };
    },
  ],
  [
    'asking for a new password for nobody',
    () => {
      const email = newEmail();
      return Promise.resolve({
        request: { method: 'POST', path: '/account/password', body: { account: { email } } },
        status: 200,
        leaves: () => [{ kind: 'password_reset.requested', email, details: { reset: expect.any(String) } }],
      });
    },
  ],
  [
    'choosing a new password',
    async () => {
      const account = await newAccount();
      const { reset: id, ...request } = await reset(account, newPassword());
      const row = { account: account.id, subject: account.id, details: { reset: id } };
      return { request, status: 200, leaves: () => [{ kind: 'password_reset.redeemed', ...row }] };
    },
  ],
  [
    'a link to choose a password that has been used',
    async () => {
      const { reset: id, ...request } = await reset(await newAccount(), newPassword());
      expect((await send(request, newRequestId())).status).toBe(200);
      const row = { outcome: 'failure', details: { reset: id } } as const;
      return { request, status: 422, leaves: () => [{ kind: 'password_reset.redeemed', ...row }] };
    },
  ],

  // Accounts, by clients and by admins.
  [
    'an organisation that a client makes',
    () => {
      const body = { name: newName(), networks: ['192.0.2.0/24'], email_domains: ['Example.ORG'] };
      return Promise.resolve({
        request: { method: 'POST', path: '/api/accounts', body, headers: bearer(accessToken) },
        status: 201,
        leaves: ({ body: { id } }) => {
          const details = { fields: ['name'], networks: ['192.0.2.0/24'], email_domains: ['example.org'] };
          return [{ kind: 'account.created', client: client.id, subject: id as string, details }];
        },
      });
    },
  ],
  [
    'an organisation that a client changes',
    async () => {
      const id = await newOrganisation();
      const request = asked('PATCH', `/api/accounts/${id.toUpperCase()}`, { publisher_reference: 'p' }, client.basic);
      const row = { client: client.id, subject: id, details: { fields: ['publisher_reference'] } };
      return { request, status: 200, leaves: () => [{ kind: 'account.changed', ...row }] };
    },
  ],
  [
    'an organisation that a client deletes',
    async () => {
      const subject = await newOrganisation();
      return {
        request: asked('DELETE', `/api/accounts/${subject.toUpperCase()}`, undefined, bearer(accessToken)),
        status: 204,
        leaves: () => [{ kind: 'account.deleted', client: client.id, subject }],
      };
    },
  ],
  [
    'an account that an admin makes',
    () => {
      const body = { email: newEmail(), password: newPassword(), name: newName(), role: 'admin' };
      return Promise.resolve({
        request: asked('POST', '/api/v1/accounts/', body),
        status: 201,
        leaves: async ({ body: { id } }) => {
          const details = { role: 'admin', individual: true, fields: ['name'] };
          return [{ kind: 'account.created', ...(await by(admin)), subject: id, email: body.email, details }];
        },
      });
    },
  ],
  [
    'an account that an admin invites',
    () => {
      const body = { email: newEmail() };
      return Promise.resolve({
        request: asked('POST', '/api/v1/accounts/', body),
        status: 201,
        leaves: async ({ body: { id } }) => {
          const row = { ...(await by(admin)), subject: id as string, email: body.email };
          const details = { role: 'user', individual: true, fields: [] };
          return [
            { kind: 'account.created', ...row, details },
            { kind: 'account.invited', ...row },
          ];
        },
      });
    },
  ],
  [
    'all at once that an admin changes of an account',
    async () => {
      const { id } = await newAccount();
      const body = { name: newName(), email: newEmail(), role: 'admin', password: null, disabled: true };
      return {
        request: asked('PATCH', `/api/v1/accounts/${id}`, body),
        status: 200,
        leaves: async () => {
          const row = { ...(await by(admin)), subject: id };
          return [
            { kind: 'account.changed', ...row, details: { fields: ['name'] } },
            { kind: 'account.disabled', ...row },
            { kind: 'account.email_changed', ...row, email: body.email },
            { kind: 'account.password_removed', ...row },
            { kind: 'account.role_changed', ...row, details: { role: 'admin' } },
          ];
        },
      };
    },
  ],
  [
    'an account that is enabled',
    changing('account.enabled', async () => {
      const { id } = await newAccount();
      await server.call('PATCH', `/api/v1/accounts/${id}`, { disabled: true }, admin.headers);
      return { request: asked('PATCH', `/api/v1/accounts/${id}`, { disabled: false }), status: 200, subject: id };
    }),
  ],
  ['a role that is changed', accountChange('account.role_changed', { role: 'admin' }, { role: 'admin' })],
  ['an account that is disabled', accountChange('account.disabled', { disabled: true })],
  ['a password that is taken away', accountChange('account.password_removed', { password: null })],
  [
    'an account of which everything is ended',
    changing('account.revoked', async () => {
      const { id } = await newAccount();
      return { request: asked('POST', `/api/v1/accounts/${id.toUpperCase()}/revoke`), subject: id };
    }),
  ],
  [
    'an account that an admin deletes',
    changing('account.deleted', async () => {
      const { id } = await newAccount();
      const request = asked('DELETE', `/api/v1/accounts/${id.toUpperCase()}`);
      return { request, subject: id, details: { individual: true, role: 'user' } };
    }),
  ],
  [
    'a session that an admin ends',
    changing('session.ended', async () => {
      const { id, token } = await newAccount();
      const session = claimsOf(token).sid;
      return {
        request: asked('DELETE', `/api/v1/accounts/${id}/sessions/${session}`),
        subject: id,
        details: { session },
      };
    }),
  ],

  // Tokens.
  [
    'an application token that a user makes',
    () =>
      Promise.resolve({
        request: asked('POST', '/api/v1/app_tokens/', {}, user.headers),
        status: 201,
        leaves: async ({ body }) => {
          const subject = await idOf(body.app_token as string);
          return [{ kind: 'token.issued', ...(await by(user)), subject, details: { kind: 'app', scopes: [] } }];
        },
      }),
  ],
  [
    'a token on behalf of a user',
    () =>
      Promise.resolve({
        request: asked('POST', '/api/v1/tokens/', { user: user.id }),
        status: 201,
        leaves: async ({ body }) => {
          const row = { ...(await by(admin)), on_behalf_of: user.id, subject: await idOf(body.token as string) };
          return [{ kind: 'token.issued', ...row, details: { kind: 'user', scopes: [] } }];
        },
      }),
  ],
  [
    'a token on behalf of a user that is got on behalf of another admin',
    async () => {
      const other = await signedInAdmin(server);
      const headers = tokenHeaders(other.appToken, await oboToken(server, admin, other.id));
      return {
        request: asked('POST', '/api/v1/tokens/', { user: user.id }, headers),
        status: 201,
        leaves: async ({ body }) => {
          const who = { account: admin.id, app_token: await appTokenOf(other), on_behalf_of: user.id };
          const details = { kind: 'user', scopes: [], via: other.id };
          return [{ kind: 'token.issued', ...who, subject: await idOf(body.token as string), details }];
        },
      };
    },
  ],
  [
    'an application token that is made on behalf of a user',
    async () => {
      const headers = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
      return {
        request: asked('POST', '/api/v1/app_tokens/', {}, headers),
        status: 201,
        leaves: async ({ body }) => {
          const row = { ...(await by(admin)), on_behalf_of: user.id, subject: await idOf(body.app_token as string) };
          return [{ kind: 'token.issued', ...row, details: { kind: 'app', scopes: [] } }];
        },
      };
    },
  ],
  [
    'a token that lives for another time',
    async () => {
      const subject = await idOf(await newAppToken(server, user));
      return {
        request: asked('PATCH', `/api/v1/app_tokens/${subject}`, { seconds_until_expire: 60 }, user.headers),
        status: 200,
        leaves: async () => {
          const [row] = await database.query<{ expires_at: Date }>('SELECT expires_at FROM tokens WHERE id = $1', [
            subject,
          ]);
          const details = { kind: 'app', account: user.id, expires_at: row?.expires_at.toISOString() };
          return [{ kind: 'token.expiry_changed', ...(await by(user)), subject, details }];
        },
      };
    },
  ],
  ['a token of a user’s that an admin deletes', tokenChange('token.deleted', 'DELETE')],
  [
    'a token that is deleted on behalf of its user',
    async () => {
      const subject = await idOf(await newAppToken(server, user));
      const headers = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
      const row = { ...(await by(admin)), on_behalf_of: user.id, subject, details: { kind: 'app', account: user.id } };
      return {
        request: asked('DELETE', `/api/v1/app_tokens/${subject}`, undefined, headers),
        status: 204,
        leaves: () => [{ kind: 'token.deleted', ...row }],
      };
    },
  ],
  [
    'an API token that an application makes',
    async () => {
      const body = { account_id: 'GATEWAY_1', description: 'The till' };
      const app_token = await appTokenOf(admin);
      return {
        request: asked('POST', '/v1/frontend/auth', body, { 'app-token': admin.appToken }),
        status: 200,
        leaves: async (answer) => {
          const details = { kind: 'api', gateway_account: 'GATEWAY_1' };
          return [{ kind: 'token.issued', app_token, subject: await idOf(answer.body.token as string), details }];
        },
      };
    },
  ],
  [
    'an API token that the network lets somebody make',
    () => {
      const body = { account_id: 'GATEWAY_1', description: 'The till' };
      return Promise.resolve({
        request: { at: strict, method: 'POST', path: '/v1/frontend/auth', body },
        status: 200,
        leaves: async (answer) => {
          const details = { kind: 'api', gateway_account: 'GATEWAY_1' };
          return [{ kind: 'token.issued', subject: await idOf(answer.body.token as string), details }];
        },
      });
    },
  ],
  [
    'an API token that is described',
    async () => {
      const subject = await idOf(await newApiToken(server, admin.appToken, 'GATEWAY_1'));
      const row = {
        app_token: await appTokenOf(admin),
        subject,
        details: { kind: 'api', gateway_account: 'GATEWAY_1' },
      };
      const body = { token_link: subject, description: 'another' };
      return {
        request: asked('PUT', '/v1/frontend/auth', body, { 'app-token': admin.appToken }),
        status: 200,
        leaves: () => [{ kind: 'token.described', ...row }],
      };
    },
  ],
  [
    'an API token that is revoked by itself',
    async () => {
      const token = await newApiToken(server, admin.appToken, 'GATEWAY_1');
      const details = { kind: 'api', gateway_account: 'GATEWAY_1' };
      const row = { app_token: await appTokenOf(admin), subject: await idOf(token), details };
      return {
        request: asked('DELETE', '/v1/frontend/auth/GATEWAY_1', { token }, { 'app-token': admin.appToken }),
        status: 200,
        leaves: () => [{ kind: 'token.revoked', ...row }],
      };
    },
  ],
  [
    'all API tokens of an account, revoked',
    async () => {
      const subject = `GATEWAY ${randomUUID()}`;
      for (let made = 0; made < 3; made += 1) await newApiToken(server, admin.appToken, subject);
      const row = { app_token: await appTokenOf(admin), subject, details: { count: 3 } };
      const path = `/v1/frontend/auth/${encodeURIComponent(subject)}/revoke-all`;
      return {
        request: asked('DELETE', path, undefined, { 'app-token': admin.appToken }),
        status: 200,
        leaves: () => [{ kind: 'token.all_revoked', ...row }],
      };
    },
  ],
  [
    'an access token of a client',
    () =>
      Promise.resolve({
        request: {
          method: 'POST',
          path: '/oauth/token',
          body: form({ grant_type: 'client_credentials', scope: 'accounts:read' }),
          headers: client.basic,
        },
        status: 200,
        leaves: async ({ body }) => {
          const details = { kind: 'oauth', scopes: ['accounts:read'] };
          return [
            { kind: 'token.issued', client: client.id, subject: await idOf(body.access_token as string), details },
          ];
        },
      }),
  ],
  [
    'an access token that its client revokes',
    async () => {
      const token = await newAccessToken(server, client);
      const row = { client: client.id, subject: await idOf(token) };
      return {
        request: { method: 'POST', path: '/oauth/revoke', body: form({ token }), headers: client.basic },
        status: 200,
        leaves: () => [{ kind: 'token.revoked', ...row }],
      };
    },
  ],

  // Clients.
  [
    'a client that is made',
    () =>
      Promise.resolve({
        request: asked('POST', '/api/v1/oauth_clients/', { name: 'test', scopes: ['identifications'] }),
        status: 201,
        leaves: async ({ body: { id } }) => {
          const row = { subject: id as string, details: { scopes: ['identifications'], owner: admin.id } };
          return [{ kind: 'oauth_client.created', ...(await by(admin)), ...row }];
        },
      }),
  ],
  [
    'a client that is changed',
    oauthClientChange(
      'oauth_client.changed',
      () => ({ method: 'PATCH', body: { scopes: ['accounts:read'] }, status: 200 }),
      () => ({ scopes: ['accounts:read'] }),
    ),
  ],
  ['a client that is deleted', oauthClientChange('oauth_client.deleted', () => ({ method: 'DELETE' }))],
  [
    'a client of which all tokens are ended',
    changing('oauth_client.revoked', async () => {
      const { id, secret } = await newOauthClient();
      await newAccessToken(server, { id, secret, basic: basic(id, secret) });
      return { request: asked('POST', `/api/v1/oauth_clients/${id}/revoke`), subject: id };
    }),
  ],
  [
    'a second secret of a client',
    async () => {
      const { id } = await newOauthClient();
      return {
        request: asked('POST', `/api/v1/oauth_clients/${id}/secrets`),
        status: 201,
        leaves: async ({ body }) => {
          const details = { secret: (body.secrets as { id: string }[]).at(-1)?.id };
          return [{ kind: 'oauth_client.secret_added', ...(await by(admin)), subject: id, details }];
        },
      };
    },
  ],
  [
    'a secret of a client that is deleted',
    oauthClientChange(
      'oauth_client.secret_deleted',
      ({ secretId }) => ({ method: 'DELETE', path: `/secrets/${secretId}` }),
      ({ secretId }) => ({ secret: secretId }),
    ),
  ],

  // What admins look at.
  [
    'searching for accounts',
    reading(
      () => `/api/v1/accounts/?email=${encodeURIComponent(user.email)}&role=user`,
      'account.listed',
      () => ({ details: { filters: expect.arrayContaining(['email', 'role']) } }),
    ),
  ],
  [
    'looking at an account',
    reading(
      () => `/api/v1/accounts/${user.id}`,
      'account.read',
      () => ({ subject: user.id }),
    ),
  ],
  [
    'looking at the sessions of an account',
    reading(
      () => `/api/v1/accounts/${user.id}/sessions`,
      'session.listed',
      () => ({ subject: user.id }),
    ),
  ],
  [
    'looking at a session',
    async () => {
      const { id, token } = await newAccount();
      const session = claimsOf(token).sid;
      const row = () => ({ subject: id, details: { session } });
      return reading(() => `/api/v1/accounts/${id}/sessions/${session}`, 'session.read', row)();
    },
  ],
  ['looking at the clients', reading(() => '/api/v1/oauth_clients/', 'oauth_client.listed')],
  [
    'looking at a client',
    reading(
      () => `/api/v1/oauth_clients/${client.id}`,
      'oauth_client.read',
      () => ({ subject: client.id }),
    ),
  ],
  [
    'looking at the tokens',
    reading(
      () => '/api/v1/tokens/',
      'token.listed',
      () => ({ details: { kind: 'user' } }),
    ),
  ],
  [
    'looking at a token',
    reading(
      () => `/api/v1/tokens/${user.token}`,
      'token.read',
      async () => ({ subject: await idOf(user.token) }),
    ),
  ],
  [
    'looking at the audit log',
    reading(
      () => `${AUDIT}?actor=${user.id}&kind=sign_in&outcome=failure`,
      'audit.read',
      () => ({ details: { actor: user.id, kind: 'sign_in', outcome: 'failure' } }),
    ),
  ],
  [
    'looking for a secret in the audit log',
    reading(
      () => {
        const [one, other] = [newPassword().replaceAll(' ', '-'), user.token];
        secrets.set(one, 'a filter');
        return `${AUDIT}?actor=${one}&subject=${other}`;
      },
      'audit.read',
      () => ({ details: { actor: '…', subject: '…' } }),
    ),
  ],

  // Refusals.
  [
    'what only admins may',
    async () => {
      const details = { method: 'GET', route: '/api/v1/accounts' };
      const row = { outcome: 'refused', ...(await by(user)), details } as const;
      return {
        request: asked('GET', '/api/v1/accounts/', undefined, user.headers),
        status: 403,
        leaves: () => [{ kind: 'access.refused', ...row }],
      };
    },
  ],
  [
    'what only admins may, on behalf of a user',
    async () => {
      const headers = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
      const details = { method: 'DELETE', route: '/api/v1/accounts/:id' };
      const row = { outcome: 'refused', ...(await by(admin)), on_behalf_of: user.id, details } as const;
      return {
        request: asked('DELETE', `/api/v1/accounts/${user.id}`, undefined, headers),
        status: 403,
        leaves: () => [{ kind: 'access.refused', ...row }],
      };
    },
  ],
  [
    'a scope that an application does not have',
    async () => {
      const details = { method: 'POST', route: '/v1/frontend/auth' };
      const row = { outcome: 'refused', app_token: await appTokenOf(user), details } as const;
      return {
        request: asked('POST', '/v1/frontend/auth', { account_id: '1' }, { 'app-token': user.appToken }),
        status: 403,
        leaves: () => [{ kind: 'access.refused', ...row }],
      };
    },
  ],
  [
    'a scope that a client does not have',
    async () => {
      const { id, basic: headers } = await newClient(server, { scopes: ['accounts:read'] });
      const details = { method: 'POST', route: '/api/accounts' };
      return {
        request: asked('POST', '/api/accounts', {}, headers),
        status: 403,
        leaves: () => [{ kind: 'access.refused', outcome: 'refused', client: id, details }],
      };
    },
  ],
  [
    'a person whom a client would delete',
    async () => {
      const { id } = await newAccount();
      const details = { method: 'DELETE', route: '/api/accounts/:id' };
      return {
        request: asked('DELETE', `/api/accounts/${id}`, undefined, client.basic),
        status: 403,
        leaves: () => [{ kind: 'access.refused', outcome: 'refused', client: client.id, details }],
      };
    },
  ],
];

/** All that is stored but the audit log: limits count requests, mails that are queued go out, and uses are noted. */
let selectEverything: string | undefined;

async function everything(): Promise<unknown> {
  selectEverything ??= (
    await database.query<{ statement: string }>(
      `SELECT format('SELECT %L AS name, count(*)::int AS rows, md5(string_agg(t::text, '';'' ORDER BY t::text)) AS digest
         FROM (SELECT %s FROM %I) t', table_name,
         string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position), table_name) AS statement
       FROM information_schema.columns
       WHERE table_schema = 'public' AND table_name NOT IN ('attempt_limits', 'audit_events', 'audit_emails')
         AND column_name <> 'last_used_at'
         AND (table_name <> 'outgoing_mails' OR column_name IN ('id', 'kind', 'subject_id', 'recipient'))
       GROUP BY table_name`,
    )
  )
    .map(({ statement }) => statement)
    .join(' UNION ALL ');
  return database.query(`${selectEverything} ORDER BY name`);
}

/** @returns the tables in which the transactions that wrote these events have written, too; for each event */
async function tablesOf(requestId: string): Promise<{ kind: string; outcome: string; tables: string[] }[]> {
  const names = await database.query<{ name: string }>(
    `SELECT quote_ident(table_name) AS name FROM information_schema.tables
     WHERE table_schema = 'public' AND table_name NOT IN ('audit_events', 'audit_emails')`,
  );
  const same = names.map(({ name }) => `SELECT '${name}' WHERE EXISTS (SELECT FROM ${name} t WHERE t.xmin = e.xmin)`);
  return database.query(
    `SELECT kind, outcome, ARRAY(${same.join(' UNION ALL ')}) AS tables FROM audit_events e WHERE request_id = $1`,
    [requestId],
  );
}

/** Nothing more gets into the audit log while `during` runs. */
async function whileFull(during: () => Promise<void>): Promise<void> {
  await database.query('ALTER TABLE audit_events ADD CONSTRAINT full_up CHECK (false) NOT VALID');
  try {
    await during();
  } finally {
    await database.query('ALTER TABLE audit_events DROP CONSTRAINT full_up');
  }
}

describe('The audit log has, and without it there is not:', () => {
  const seen = new Set<string>();
  /** What is refused, and yet changes something. */
  const TOGETHER = ['limit.reached', 'session.reused'];

  it.each(ACTS)('%s', async (_, prepare) => {
    const { request, status, leaves } = await prepare();
    const [inVain, requestId] = [newRequestId(), newRequestId()];
    const before = await everything();
    await whileFull(async () => {
      expect((await send(request, inVain)).status).toBe(500);
    });
    expect(await everything()).toEqual(before);
    expect(await eventsOf(inVain)).toEqual([]);

    const answer = await send(request, requestId);
    expect(answer).toMatchObject({ status });
    expect(answer.headers.get('x-request-id')).toBe(requestId);
    const events = await eventsOf(requestId);
    expect(events).toEqual((await leaves(answer)).map((row) => event(row, requestId)));
    for (const { kind, outcome, tables } of await tablesOf(requestId)) {
      seen.add(kind);
      const isAlone = /\.(read|listed)$/.test(kind) || (outcome !== 'success' && !TOGETHER.includes(kind));
      if (isAlone) expect([kind, tables]).toEqual([kind, []]);
      else expect([kind, tables]).not.toEqual([kind, []]);
    }
  });

  it('no kind that was not seen here', () => {
    expect([...seen].sort()).toEqual([...AUDIT_KINDS]);
  });
});

describe('The audit log has nothing of', () => {
  it('checks of tokens and secrets, good or bad', async () => {
    const apiToken = await newApiToken(server, admin.appToken, 'GATEWAY_1');
    const { id, token } = await newAccount();
    const checks: [Request, status: number][] = [
      [asked('GET', '/v1/api/auth', undefined, bearer(apiToken)), 200],
      [asked('GET', '/v1/api/auth', undefined, bearer(`${apiToken}x`)), 401],
      [asked('GET', `/accounts/${id}`, undefined, bearer(token)), 200],
      [asked('GET', `/accounts/${id}`, undefined, bearer(`${token}x`)), 401],
      [asked('GET', '/account/sessions', undefined, bearer(token)), 200],
      [asked('GET', '/api/v1/tokens/', undefined, user.headers), 200],
      [asked('GET', '/api/v1/tokens/', undefined, tokenHeaders(user.appToken, admin.appToken)), 401],
      [asked('GET', '/v1/frontend/auth/GATEWAY_1', undefined, { 'app-token': admin.appToken }), 200],
      [asked('GET', '/v1/frontend/auth/GATEWAY_1', undefined, { 'app-token': '0'.repeat(32) }), 401],
      [asked('GET', '/api/accounts', undefined, bearer(accessToken)), 200],
      [asked('GET', '/api/accounts', undefined, client.basic), 200],
      [asked('GET', '/api/accounts', undefined, bearer('0'.repeat(32))), 401],
      [asked('POST', '/api/identifications', VISIT, client.basic), 201],
      [{ method: 'POST', path: '/oauth/introspect', body: form({ token: accessToken }), headers: client.basic }, 200],
    ];
    const before = await countEvents();
    for (const [request, status] of checks)
      expect([request, await send(request, newRequestId())]).toMatchObject([{}, { status }]);
    expect(await countEvents()).toBe(before);
  });

  it('what there was not to change', async () => {
    const other = await signedInUser(server);
    const theirs = await idOf(await newAppToken(server, other));
    const missing = randomUUID();
    const before = await countEvents();
    for (const request of [
      asked('DELETE', `/api/v1/app_tokens/${theirs}`, undefined, user.headers),
      asked('PATCH', `/api/v1/app_tokens/${theirs}`, { seconds_until_expire: 60 }, user.headers),
      asked('DELETE', `/api/v1/accounts/${missing}`),
      asked('GET', `/api/v1/accounts/${missing}`),
      asked('POST', `/api/v1/oauth_clients/${missing}/revoke`),
      asked('DELETE', `/api/accounts/${missing}`, undefined, client.basic),
      asked('DELETE', '/v1/frontend/auth/GATEWAY_1', { token_link: missing }, { 'app-token': admin.appToken }),
    ]) {
      expect((await send(request, newRequestId())).status).toBe(404);
    }
    expect(await countEvents()).toBe(before);
  });
});

describe('A refusal that cannot be noted', () => {
  it('is answered as the outage that it is, once, on a connection that goes on', async () => {
    const take = jest.spyOn(server.app.get(Limits), 'take');
    const outage = Object.assign(new Error('terminating connection'), { code: '57P01' });
    try {
      // By a service, and by the guard.
      for (const [method, path, headers] of [
        ['GET', AUDIT, user.headers],
        ['POST', '/v1/frontend/auth', { 'app-token': user.appToken }],
      ] as const) {
        take.mockRejectedValueOnce(outage);
        const answer = await server.call(method, path, undefined, headers);
        expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
        expect((await server.call(method, path, undefined, headers)).status).toBe(403);
      }
    } finally {
      take.mockRestore();
    }
  });
});

describe('The audit log is not filled', () => {
  const kindsOf = async (requestIds: string[]) => (await eventsOf(...requestIds)).map(({ kind }) => kind);

  it('by somebody who is refused time and again, and who keeps nobody else out of it', async () => {
    const [loud, quiet] = [await signedInUser(server), await signedInUser(server)];
    const refuse = async (who: User) => {
      const requestId = newRequestId();
      expect((await send(asked('GET', AUDIT, undefined, who.headers), requestId)).status).toBe(403);
      return requestId;
    };
    const requestIds = await Promise.all(Array.from({ length: 35 }, () => refuse(loud)));
    const refused = Array.from({ length: 30 }, () => 'access.refused');
    expect(await kindsOf(requestIds)).toEqual([...refused, 'limit.reached']);
    expect(await kindsOf([await refuse(quiet)])).toEqual(['access.refused']);
  });

  it('by somebody who runs into a limit: it is told once in its window, and again in the next one', async () => {
    const { email } = await newAccount();
    const fail = async () => {
      const requestId = newRequestId();
      const account = { email, password: newPassword() };
      const { status } = await send({ method: 'POST', path: '/account/session', body: { account } }, requestId);
      return { status, requestId };
    };
    for (let window = 0; window < 2; window += 1) {
      const most = server.config.loginMaxFailures;
      const failed = await Promise.all(Array.from({ length: most }, fail));
      expect(await kindsOf(failed.map(({ requestId }) => requestId))).toEqual(failed.map(() => 'sign_in'));
      const limited = await Promise.all(Array.from({ length: 5 }, fail));
      expect(limited.map(({ status }) => status)).toEqual(limited.map(() => 429));
      expect(await kindsOf(limited.map(({ requestId }) => requestId))).toEqual(['limit.reached']);
      await database.query(`UPDATE attempt_limits SET window_ends_at = now() WHERE key LIKE 'sign-in %'`);
    }
  });
});

describe('The database', () => {
  let old: string;
  let young: string;

  beforeAll(async () => {
    const insert = async (age: string) => {
      const [row] = await database.query<{ id: string }>(
        `INSERT INTO audit_events (at, kind) VALUES (now() - $1::interval, 'sign_out') RETURNING id`,
        [age],
      );
      return row?.id ?? '';
    };
    [old, young] = [await insert('25 hours'), await insert('23 hours')];
  });

  let connection: pg.Client;

  beforeAll(async () => {
    connection = new pg.Client(database.connection);
    await connection.connect();
  });

  afterAll(() => connection.end());

  /** One transaction, in which the retention job's word has been said or not. */
  async function attempt(statement: string, values: unknown[], word: 'on' | 'off' | ''): Promise<unknown> {
    await connection.query('BEGIN');
    try {
      await connection.query(`SELECT set_config('latchkey.audit_retention', $1, true)`, [word]);
      return (await connection.query(statement, values)).rowCount;
    } finally {
      await connection.query('ROLLBACK');
    }
  }

  it.each([
    ['UPDATE', `UPDATE audit_events SET outcome = 'failure' WHERE id = $1`],
    [
      'UPDATE by a second INSERT',
      `INSERT INTO audit_events (id, kind) VALUES ($1, 'x') ON CONFLICT (id) DO UPDATE SET kind = 'x'`,
    ],
    [
      'UPDATE by MERGE',
      `MERGE INTO audit_events e USING (SELECT $1::uuid AS id) s ON e.id = s.id WHEN MATCHED THEN UPDATE SET kind = 'x'`,
    ],
    ['DELETE', 'DELETE FROM audit_events WHERE id = $1'],
    [
      'DELETE by MERGE',
      `MERGE INTO audit_events e USING (SELECT $1::uuid AS id) s ON e.id = s.id WHEN MATCHED THEN DELETE`,
    ],
    ['TRUNCATE', 'TRUNCATE audit_events'],
  ])('refuses %s, also to a superuser', async (what, statement) => {
    expect(await database.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toEqual([
      { rolsuper: true },
    ]);
    const isRetention = what.startsWith('DELETE');
    for (const id of [old, young]) {
      for (const word of ['', 'off', 'on'] as const) {
        const attempted = attempt(statement, what === 'TRUNCATE' ? [] : [id], word);
        // What is older than a day the retention job may delete.
        if (isRetention && id === old && word === 'on') expect(await attempted).toBe(1);
        else await expect(attempted).rejects.toMatchObject({ message: 'audit_events is append-only', code: '42501' });
      }
    }
  });

  it.each([
    ['UPDATE', `UPDATE audit_emails SET email = 'another@example.org'`],
    ['TRUNCATE', 'TRUNCATE audit_emails'],
  ])('refuses %s of emails too', async (_, statement) => {
    for (const word of ['', 'on'] as const) {
      const refusal = { message: 'audit_emails is append-only', code: '42501' };
      await expect(attempt(statement, [], word)).rejects.toMatchObject(refusal);
    }
  });

  it('lets the sweeper delete what is older than AUDIT_RETENTION, in batches, and nothing else', async () => {
    const { auditRetention } = server.config;
    expect(auditRetention).toBe(2 * YEAR);
    const insert = (count: number, age: string) =>
      database.query(
        `WITH e AS (
           INSERT INTO audit_events (at, kind, request_id)
           SELECT now() - $2 * interval '1 second' - $3::interval, 'sign_in', 'swept' FROM generate_series(1, $1) RETURNING id, at
         )
         INSERT INTO audit_emails (event_id, email, at) SELECT id, 'swept@example.org', at FROM e`,
        [count, auditRetention, age],
      );
    await insert(1_200, '1 minute');
    await insert(3, '-1 minute');
    const before = await countEvents();
    const sent = await statements.allDuring(() => server.app.get(Sweeper).sweep());
    const deletions = sent.filter(({ text }) => text.startsWith('DELETE FROM audit_'));
    expect(deletions.map(({ text }) => text.slice(12, 24))).toEqual([
      ...Array<string>(3).fill('audit_events'),
      ...Array<string>(3).fill('audit_emails'),
    ]);
    expect(before).toBe(((await countEvents()) ?? 0) + 1_200);
    expect((await eventsOf('swept')).map(({ email }) => email)).toEqual(Array(3).fill('swept@example.org'));
    expect(await database.query(`SELECT 1 FROM audit_emails WHERE email = 'swept@example.org'`)).toHaveLength(3);
    // Each batch is a transaction of its own.
    const frames = sent
      .map(({ text }) => /^(START|COMMIT|DELETE FROM audit_)/.exec(text)?.[1])
      .filter(Boolean)
      .join(' ');
    expect(frames).toContain(Array(6).fill('START DELETE FROM audit_ COMMIT').join(' '));
  });
});

describe('When an account is deleted', () => {
  /** All that the audit log has, without emails. */
  const trail = async () =>
    (await database.query<{ event: string }>('SELECT e::text AS event FROM audit_events e')).map(({ event }) => event);
  const emails = async () =>
    (await database.query<{ email: string }>('SELECT email FROM audit_emails ORDER BY 1')).map(({ email }) => email);

  it.each(['an admin', 'a client'])(
    'by %s, its emails leave the audit log, no others do, and every event stays',
    async (who) => {
      const individual = who === 'an admin';
      const [first, second, theirs] = [`Left.${newEmail()}`, `left.${newEmail()}`, `stays.left.${newEmail()}`];
      const made = { email: first, password: newPassword(), individual, ...(!individual && { name: newName() }) };
      const { id } = (await server.call('POST', '/api/v1/accounts/', made, admin.headers)).body as { id: string };
      const signIn = (email: string, password: string) =>
        server.call('POST', '/account/session', { account: { email, password } });
      for (const email of [first, first.toUpperCase(), theirs]) await signIn(email, newPassword());
      for (const email of [first, theirs]) await server.call('POST', '/account/password', { account: { email } });
      await server.call('PATCH', `/api/v1/accounts/${id}`, { email: second }, admin.headers);
      await server.call('POST', '/accounts', { account: { email: second, password: newPassword() } });
      await signIn(second.toUpperCase(), made.password);

      const [before, kept] = [await trail(), (await emails()).filter((email) => !/^left/i.test(email))];
      expect((await emails()).length - kept.length).toBe(6);
      const requestId = newRequestId();
      const path = individual ? `/api/v1/accounts/${id}` : `/api/accounts/${id}`;
      const request = asked('DELETE', path, undefined, individual ? admin.headers : client.basic);
      expect((await send(request, requestId)).status).toBe(204);
      expect(await emails()).toEqual(kept);
      expect(kept.filter((email) => email === theirs)).toHaveLength(2);
      const after = await trail();
      expect(after).toHaveLength(before.length + 1);
      expect(new Set(after)).toEqual(new Set([...before, ...after.filter((text) => text.includes(requestId))]));
      // Whoever asks sees the events of the account, without its emails.
      const listed = await server.call('GET', `${AUDIT}?subject=${id}`, undefined, admin.headers);
      expect(listed.body.audit_events.length).toBeGreaterThan(4);
      for (const { email } of listed.body.audit_events) expect(email).toBeNull();
    },
  );
});

describe('GET /api/v1/audit_events/', () => {
  const EVENTS = 20_000;
  /** Of 15 kB each: more than Linux buffers (33 MB at most) for somebody who does not listen. */
  const LOADS = 6_000;
  const [ACTOR, APP_TOKEN, BEHALF] = [randomUUID(), randomUUID(), randomUUID()];
  const [SUBJECT, LOADED] = [randomUUID(), randomUUID()];

  interface View {
    id: string;
    at: string;
    kind: string;
    outcome: string;
    request_id: string | null;
  }

  beforeAll(async () => {
    // Four events at each time; one in fifty is of each of those who are asked about below.
    await database.query(
      `INSERT INTO audit_events (at, kind, outcome, actor_id, client_id, app_token_id, on_behalf_of, subject, address,
         request_id)
       SELECT now() - interval '1 day' - (n / 4) * interval '1 minute',
         (ARRAY['sign_in', 'token.issued', 'sign_out', 'token.revoked'])[1 + n % 4],
         CASE WHEN n % 50 = 7 THEN 'failure' WHEN n % 100 = 3 THEN 'refused' ELSE 'success' END,
         CASE WHEN n % 50 = 0 THEN $2::uuid WHEN n % 2 = 0 THEN md5('a' || n % 500)::uuid END,
         CASE WHEN n % 2 = 1 THEN 'client-' || n % 50 END,
         CASE WHEN n % 50 = 1 THEN $3::uuid WHEN n % 4 = 1 THEN md5('t' || n % 100)::uuid END,
         CASE WHEN n % 100 = 2 THEN $4::uuid END,
         CASE WHEN n % 50 = 3 THEN $5 ELSE md5('s' || n)::uuid::text END, '192.0.2.9', 'generated'
       FROM generate_series(1, $1) n`,
      [EVENTS, ACTOR, APP_TOKEN, BEHALF, SUBJECT],
    );
    await database.query(
      `INSERT INTO audit_events (at, kind, subject, details)
       SELECT now() - interval '100 days' - (n / 4) * interval '1 second', 'sign_out', $2,
         jsonb_build_object('padding', repeat('x', 15000))
       FROM generate_series(1, $1) n`,
      [LOADS, LOADED],
    );
    await database.query('ANALYZE audit_events, audit_emails');
  });

  const read = (query: Record<string, string>, headers: Headers = admin.headers) =>
    server.call('GET', `${AUDIT}?${form(query)}`, undefined, headers);

  /** Everything that matches. It is not held against its description, which cannot say that there may be nothing. */
  const exported = (query: Record<string, string>) =>
    call(`${server.url}${AUDIT}?${form(query)}`, 'GET', undefined, { ...admin.headers, ...NDJSON });

  /** @returns the ids of all pages, and how long these were */
  async function pages(query: Record<string, string>): Promise<{ ids: string[]; lengths: number[] }> {
    const all: View[][] = [];
    for (let next: string | undefined = `?${form(query)}`; next !== undefined;) {
      const answer: Answer = await call(`${server.url}${AUDIT}${next}`, 'GET', undefined, admin.headers);
      expect(answer.status).toBe(200);
      all.push(answer.body.audit_events as View[]);
      next = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
      if (next !== undefined) expect(Object.fromEntries(new URLSearchParams(next))).toMatchObject(query);
    }
    return { ids: all.flat().map(({ id }) => id), lengths: all.map(({ length }) => length) };
  }

  /** @returns the ids of the events with this property, in the order of the list */
  const idsWhere = async (condition: string, values: unknown[] = []) =>
    (
      await database.query<{ id: string }>(
        `SELECT id FROM audit_events WHERE ${condition} ORDER BY at DESC, id DESC`,
        values,
      )
    ).map(({ id }) => id);

  const linesOf = ({ body }: Answer): View[] =>
    (body as string)
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as View);

  it('is for admins, and for whoever acts on behalf of one', async () => {
    const asUser = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
    const other = await signedInAdmin(server);
    const asAdmin = tokenHeaders(admin.appToken, await oboToken(server, admin, other.id));
    expect((await read({}, {})).status).toBe(401);
    expect((await read({}, { 'app-token': admin.appToken })).status).toBe(401);
    for (const headers of [user.headers, asUser]) {
      expect(await read({}, headers)).toMatchObject({ status: 403, body: { errors: { request: expect.any(String) } } });
      expect((await read({}, { ...headers, ...NDJSON })).status).toBe(403);
    }
    for (const headers of [admin.headers, asAdmin]) {
      const answer = await read({}, headers);
      expect(answer.status).toBe(200);
      expect(answer.body.audit_events).toHaveLength(100);
    }
  });

  it('shows all that there is of an event', async () => {
    const { id, email } = await newAccount();
    const requestId = newRequestId();
    const body = { username: email, password: newPassword() };
    await send({ method: 'POST', path: '/api/v1/token/', body, headers: { 'app-token': user.appToken } }, requestId);
    const { body: listed } = await read({ subject: id, outcome: 'failure' });
    const row = event({ outcome: 'failure', app_token: await appTokenOf(user), subject: id, email }, requestId);
    expect(listed).toEqual({ audit_events: [{ ...row, id: expect.any(String), at: expect.any(String) }] });
    const { at } = listed.audit_events[0];
    expect(Math.abs(Date.parse(at as string) - Date.now())).toBeLessThan(60_000);
  });

  const past = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
  const [FROM, TO] = [past(3.1), past(3)];
  const FILTERS: [name: string, filter: AuditFilter, condition: string, values: unknown[]][] = [
    ['actor, an account', { actor: ACTOR }, 'actor_id = $1', [ACTOR]],
    ['actor, a client', { actor: 'client-7' }, 'client_id = $1', ['client-7']],
    ['app_token', { app_token: APP_TOKEN }, 'app_token_id = $1', [APP_TOKEN]],
    ['on_behalf_of', { on_behalf_of: BEHALF }, 'on_behalf_of = $1', [BEHALF]],
    ['subject', { subject: SUBJECT }, 'subject = $1', [SUBJECT]],
    ['kind', { kind: 'token.revoked' }, 'kind = $1', ['token.revoked']],
    ['outcome failure', { outcome: 'failure' }, 'outcome = $1', ['failure']],
    ['outcome refused', { outcome: 'refused' }, 'outcome = $1', ['refused']],
    ['outcome success', { outcome: 'success' }, 'outcome = $1', ['success']],
    ['from', { from: past(2) }, 'at >= $1', []],
    ['to', { to: past(10) }, 'at < $1', []],
    ['from and to', { from: FROM, to: TO }, 'at >= $1 AND at < $2', [FROM, TO]],
    ['actor and kind', { actor: ACTOR, kind: 'sign_in' }, 'actor_id = $1 AND kind = $2', [ACTOR, 'sign_in']],
    [
      'subject and outcome',
      { subject: SUBJECT, outcome: 'refused' },
      'subject = $1 AND outcome = $2',
      [SUBJECT, 'refused'],
    ],
    [
      'all but those who act',
      { kind: 'sign_in', outcome: 'success', from: FROM, to: TO },
      'kind = $1 AND outcome = $2 AND at >= $3 AND at < $4',
      ['sign_in', 'success', FROM, TO],
    ],
  ];
  /** Those that give some pages, and not two hundred. */
  const FEW = FILTERS.filter(
    ([, , , values]) => values.length > 0 && values[0] !== 'success' && values[0] !== 'token.revoked',
  );

  it.each(FEW)('filters by %s, on all pages, and as NDJSON', async (_, filter, condition, values) => {
    const query = filter as Record<string, string>;
    const wanted = await idsWhere(condition, values);
    expect(wanted.length).toBeGreaterThan(0);
    const { ids, lengths } = await pages(query);
    expect(ids).toEqual(wanted);
    expect(new Set(lengths.slice(0, -1)).size).toBeLessThanOrEqual(1);
    const answer = await exported(query);
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    expect(linesOf(answer).map(({ id }) => id)).toEqual(wanted);
  });

  it('neither repeats nor leaves out events that share a time', async () => {
    const actor = randomUUID();
    await database.query(
      `INSERT INTO audit_events (at, kind, actor_id)
       SELECT now() - (n / 130) * interval '1 microsecond', 'sign_in', $1 FROM generate_series(1, 390) n`,
      [actor],
    );
    const { ids, lengths } = await pages({ actor });
    expect(ids).toEqual(await idsWhere('actor_id = $1', [actor]));
    expect(lengths).toEqual([100, 100, 100, 90]);
  });

  it('gives pages that stay the same while events are added', async () => {
    const first = await read({ subject: SUBJECT });
    await database.query(`INSERT INTO audit_events (kind, subject) VALUES ('sign_in', $1)`, [SUBJECT]);
    const next = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const second = await server.call('GET', `${AUDIT}${next}`, undefined, admin.headers);
    const ids = [first, second].flatMap(({ body }) => (body.audit_events as View[]).map(({ id }) => id));
    expect(ids).toEqual((await idsWhere('subject = $1', [SUBJECT])).slice(1, 201));
  });

  it('gives everything behind a cursor as NDJSON, filtered, an event on each line', async () => {
    const query = { app_token: APP_TOKEN };
    const next = /^<(.*)>; rel="next"$/.exec((await read(query)).headers.get('link') ?? '')?.[1] ?? '';
    const answer = await server.call('GET', `${AUDIT}${next}`, undefined, { ...admin.headers, ...NDJSON });
    expect(linesOf(answer).map(({ id }) => id)).toEqual((await idsWhere('app_token_id = $1', [APP_TOKEN])).slice(100));
    expect(await exported({ actor: randomUUID() })).toMatchObject({ status: 200, body: '' });
  });

  it('reads no more for NDJSON than is taken, and stops when nobody listens any more', async () => {
    const reads = async (during: () => Promise<unknown>) =>
      (await statements.allDuring(during)).filter(({ text }) => text.includes('FROM audit_events e LEFT')).length;
    const headers = { ...admin.headers, ...NDJSON };
    const connection = { headers, agent: false };
    const begun = new Promise<IncomingMessage>((resolve, reject) => {
      get(`${server.url}${AUDIT}?subject=${LOADED}`, connection, resolve).on('error', reject);
    });
    // Nobody takes what comes. Some of it is on its way, in the buffers of the operating system, but not all.
    const started = await reads(async () => {
      (await begun).pause();
      await sleep(400);
    });
    expect(started).toBeGreaterThan(0);
    expect(started).toBeLessThan(LOADS / 1_000);
    const response = await begun;
    response.on('error', () => undefined).destroy();
    const more = await reads(() => sleep(300));
    expect(more).toBeLessThanOrEqual(1);
    // All the same, all of them come to whoever takes them.
    const query = { kind: 'token.issued', outcome: 'success', from: past(4.2) };
    const wanted = await idsWhere('kind = $1 AND outcome = $2 AND at >= $3', Object.values(query));
    expect(wanted.length).toBeGreaterThan(2_000);
    const batches = await reads(async () => {
      expect(linesOf(await exported(query)).map(({ id }) => id)).toEqual(wanted);
    });
    expect(batches).toBe(Math.ceil(wanted.length / 1_000));
  });

  it.each<[what: string, method: string, path: (other: User) => string]>([
    ['whose account is revoked', 'POST', ({ id }) => `/api/v1/accounts/${id}/revoke`],
    ['whose Token is deleted', 'DELETE', ({ token }) => `/api/v1/tokens/${token}`],
    ['whose App-Token is deleted', 'DELETE', ({ appToken }) => `/api/v1/app_tokens/${appToken}`],
  ])('cuts off an admin %s', async (_, method, path) => {
    const other = await signedInAdmin(server);
    const connection = { headers: { ...other.headers, ...NDJSON }, agent: false };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${server.url}${AUDIT}?subject=${LOADED}`, connection, resolve).on('error', reject);
    });
    response.pause();
    await sleep(300);
    expect((await server.call(method, path(other), undefined, admin.headers)).status).toBe(204);
    let bytes = 0;
    response.on('data', (chunk: Buffer) => (bytes += chunk.length));
    response.resume();
    await expect(once(response, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(LOADS * 15_000);
  });

  it.each<[string, string, string]>([
    ['outcome', 'outcome=maybe', 'must be one of success, failure, refused'],
    ['kind', 'kind=sign-in', 'must be a known kind'],
    ['kind', 'kind=', 'must be a known kind'],
    ['kind', 'kind=sign_in&kind=sign_out', 'must be a known kind'],
    ['actor', 'actor=a&actor=b', 'must be a string'],
    ['actor', `actor=${'x'.repeat(256)}`, 'must be at most 255 characters'],
    ['subject', 'subject=a&subject=b', 'must be a string'],
    ['subject', `subject=${'x'.repeat(256)}`, 'must be at most 255 characters'],
    ['app_token', 'app_token=1', 'must be a uuid'],
    ['on_behalf_of', 'on_behalf_of=me', 'must be a uuid'],
    ...[
      'yesterday',
      '2026-11-22',
      '2026-11-22T12:00:00',
      '2026-13-01T00:00:00Z',
      '2026-02-30T00:00:00Z',
      '2025-02-29T00:00:00Z',
      '2026-11-22T25:00:00Z',
      '2026-11-22T12:00:00+24:00',
      '0000-11-22T12:00:00Z',
      '',
    ].flatMap((time): [string, string, string][] =>
      ['from', 'to'].map((name) => [
        name,
        `${name}=${encodeURIComponent(time)}`,
        'must be a date and time such as 2026-11-22T12:00:00Z',
      ]),
    ),
    ['cursor', 'cursor=1', 'is not a valid cursor'],
    ['cursor', 'cursor=', 'is not a valid cursor'],
    ['cursor', `cursor=9999999999999999.${randomUUID()}`, 'is not a valid cursor'],
    ['cursor', 'cursor=1.client', 'is not a valid cursor'],
    ['cursor', 'cursor=1&cursor=2', 'must be a string'],
  ])('refuses a bad %s: %s', async (name, query, message) => {
    for (const headers of [admin.headers, { ...admin.headers, ...NDJSON }]) {
      const answer = await server.call('GET', `${AUDIT}?${query}`, undefined, headers);
      expect(answer).toMatchObject({ status: 400, body: { errors: { [name]: message } } });
    }
  });

  it.each([
    '2026-11-22T12:00:00Z',
    '2024-02-29T23:59:59.999999999Z',
    '2026-11-22T12:00:00+14:00',
    '2026-11-22T12:00:00-23:59',
    '2026-11-22t12:00:00z',
    '2026-11-22T24:00:00-12:00',
    '1000-01-01T00:00:00Z',
  ])('understands the time %s', async (time) => {
    expect((await read({ from: time, to: time })).body).toEqual({ audit_events: [] });
  });

  it('holds a time that the cursor is not yet behind against events', async () => {
    const [at] = await database.query<{ micros: string }>(
      "SELECT (extract(epoch FROM $1::timestamptz + interval '1 hour') * 1000000)::bigint::text AS micros",
      [TO],
    );
    const answer = await read({ from: FROM, to: TO, cursor: `${at?.micros ?? ''}.${randomUUID()}` });
    const ids = (answer.body.audit_events as View[]).map(({ id }) => id);
    expect(ids).toEqual((await idsWhere('at >= $1 AND at < $2', [FROM, TO])).slice(0, 100));
    // Behind it, PostgreSQL would go from that time through all that lies between.
    const before = { micros: String(Date.parse(TO) * 1_000 - 1), id: randomUUID() };
    expect(listStatement({ to: TO }, 100, before).statement).not.toContain('e.at < $');
    const behind = { micros: String(Date.parse(TO) * 1_000), id: randomUUID() };
    expect(listStatement({ to: TO }, 100, behind).statement).toContain('e.at < $');
  });

  it('is in the audit log itself, with what was asked for, page by page', async () => {
    const requestId = newRequestId();
    const query = { subject: SUBJECT, kind: 'token.revoked', from: FROM };
    for (const more of [{}, NDJSON]) {
      await send(asked('GET', `${AUDIT}?${form(query)}`, undefined, { ...admin.headers, ...more }), requestId);
    }
    const row = event({ kind: 'audit.read', ...(await by(admin)), details: query }, requestId);
    expect(await eventsOf(requestId)).toEqual([row, row]);
  });

  interface Plan {
    'Node Type': string;
    'Relation Name'?: string;
    'Actual Rows': number;
    'Rows Removed by Filter'?: number;
    'Actual Loops': number;
    Plans?: Plan[];
  }

  /** Each node of a plan. */
  const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

  async function explain(filter: AuditFilter, after?: Cursor): Promise<{ scans: string[]; touched: number }> {
    const { statement, values } = listStatement(filter, 101, after);
    const [row] = await database.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${statement}`,
      values,
    );
    const nodes = row ? nodesOf(row['QUERY PLAN'][0].Plan) : [];
    const scans = nodes.filter((node) => node['Relation Name'] === 'audit_events');
    const touched = scans.map(
      (node) => (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
    );
    return { scans: scans.map((node) => node['Node Type']), touched: touched.reduce((sum, count) => sum + count, 0) };
  }

  it.each([['no filter', {}] as const, ...FILTERS.map(([name, filter]) => [name, filter] as const)])(
    'uses an index for %s, on the first page and far behind it',
    async (_, filter) => {
      const [place] = await database.query<Cursor & pg.QueryResultRow>(
        `SELECT (extract(epoch FROM at) * 1000000)::bigint::text AS micros, id FROM audit_events
         WHERE request_id = 'generated' ORDER BY at DESC OFFSET 15000 LIMIT 1`,
      );
      for (const after of [undefined, place]) {
        const { scans, touched } = await explain(filter, after);
        expect(scans).toHaveLength(1);
        expect(scans[0]).toMatch(/Index Scan|Bitmap Heap Scan/);
        // A tenth of what there is, at most: others that share an actor and the like are looked at in vain.
        expect(touched).toBeLessThan(EVENTS / 10);
      }
    },
  );
});

describe('Whoever acts at the same time', () => {
  it('is never taken for another', async () => {
    const crowd = await Promise.all(Array.from({ length: 10 }, () => signedInUser(server)));
    const acts = await Promise.all(
      crowd.map(async (who, index) => {
        const address = `203.0.113.${index}`;
        const account = { email: who.email, password: who.password };
        const wrong = { email: who.email, password: newPassword() };
        const app_token = await appTokenOf(who);
        const requests: [Request, Partial<Row>][] = [
          [
            asked('POST', '/api/v1/app_tokens/', {}, who.headers),
            { kind: 'token.issued', account: who.id, app_token, subject: expect.any(String) as unknown as string },
          ],
          [
            asked('GET', AUDIT, undefined, who.headers),
            { kind: 'access.refused', outcome: 'refused', account: who.id, app_token },
          ],
          [asked('POST', '/account/session', { account }, {}), { account: who.id, subject: who.id }],
          [
            asked('POST', '/account/session', { account: wrong }, {}),
            { outcome: 'failure', subject: who.id, email: who.email },
          ],
          [
            asked(
              'POST',
              '/api/v1/token/',
              { username: who.email, password: wrong.password },
              { 'app-token': who.appToken },
            ),
            { outcome: 'failure', app_token, subject: who.id, email: who.email },
          ],
        ];
        return requests.map(([request, row]) => ({ request, row, address, requestId: newRequestId() }));
      }),
    );
    // Everybody's first, then everybody's second, and so on: neighbours are never the same person's.
    const turns = [0, 1, 2, 3, 4].flatMap((turn) => acts.flatMap((list) => list.slice(turn, turn + 1)));
    await Promise.all(turns.map(({ request, requestId, address }) => send(request, requestId, address)));
    for (const { row, requestId, address } of turns) {
      const details = expect.any(Object) as unknown as Row['details'];
      expect(await eventsOf(requestId)).toEqual([event({ ...row, details }, requestId, address)]);
    }
  });
});

describe('A server that is killed', () => {
  it('leaves both the act and its event, or neither', async () => {
    const { user: name, password, host, port, database: base } = database.connection;
    const child = await ServerProcess.start({
      DATABASE_URL: `postgres://${name}:${password}@${encodeURIComponent(host)}:${port}/${base}`,
      DATA_DIR: newFolder(),
      SECRET_KEY: TEST_SECRET_KEY,
      BCRYPT_COST: '4',
      RATE_LIMIT_PER_MINUTE: '0',
      LOG_LEVEL: 'warn',
      PUBLIC_URL,
      RUN_MIGRATIONS: 'false',
    }).then((started) => started.ready());
    const prepare = async (): Promise<[kind: AuditKind, Request][]> => {
      const [leaver, forgetful] = [await newAccount(), await newAccount()];
      const [renamed, promoted] = [await newOrganisation(), await newAccount()];
      const made = await newOauthClient();
      const credentials = { email: newEmail(), password: newPassword() };
      return [
        ['account.created', { method: 'POST', path: '/accounts', body: { account: credentials } }],
        ['sign_out', asked('DELETE', '/account/session', undefined, bearer(leaver.token))],
        ['account.changed', asked('PATCH', `/api/accounts/${renamed}`, { name: newName() }, client.basic)],
        ['account.role_changed', asked('PATCH', `/api/v1/accounts/${promoted.id}`, { role: 'admin' })],
        ['oauth_client.secret_added', asked('POST', `/api/v1/oauth_clients/${made.id}/secrets`)],
        ['token.issued', asked('POST', '/api/v1/app_tokens/', {}, user.headers)],
        [
          'password_reset.requested',
          { method: 'POST', path: '/account/password', body: { account: { email: forgetful.email } } },
        ],
      ];
    };
    const ask = ({ method, path, body, headers }: Request, requestId: string) =>
      child.call(method, path, body, { ...headers, 'x-request-id': requestId });

    const [done, held] = [await prepare(), await prepare()];
    const untouched = await everything();
    const doneIds = done.map(() => newRequestId());
    for (const [index, [, request]] of done.entries()) {
      expect((await ask(request, doneIds[index] ?? '')).status).toBeLessThan(300);
    }
    const before = await everything();
    expect(before).not.toEqual(untouched);

    const heldIds = held.map(() => newRequestId());
    const lock = new pg.Client(database.connection);
    await lock.connect();
    try {
      await lock.query('BEGIN; LOCK TABLE audit_events IN SHARE MODE');
      const answers = held.map(([, request], index) => ask(request, heldIds[index] ?? '').catch(() => 'none'));
      // Each has done all else that it does, and waits with its event.
      const waiting = () =>
        database.query(
          `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
             AND query LIKE '%INSERT INTO audit_events%'`,
        );
      await eventually(async () => {
        expect(await waiting()).toHaveLength(held.length);
      });
      child.kill('SIGKILL');
      expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
      expect(await Promise.all(answers)).toEqual(held.map(() => 'none'));
      await lock.query('COMMIT');
      // Until nobody has anything open in the table any more.
      await lock.query('BEGIN; LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE; COMMIT');
      expect(await waiting()).toEqual([]);
    } finally {
      await lock.end();
    }

    expect(await everything()).toEqual(before);
    expect(await eventsOf(...heldIds)).toEqual([]);
    expect((await eventsOf(...doneIds)).map(({ kind }) => kind)).toEqual(done.map(([kind]) => kind).sort());
  });
});

describe('The whole audit log', () => {
  it('holds no secret of all that these tests have sent and been sent', async () => {
    const rows = await database.query<{ text: string }>(
      `SELECT to_jsonb(e)::text || coalesce(to_jsonb(m)::text, '') AS text
       FROM audit_events e FULL JOIN audit_emails m ON m.event_id = e.id
       WHERE e.request_id IS DISTINCT FROM 'generated' AND NOT coalesce(e.details ? 'padding', false)`,
    );
    const text = rows.map((row) => row.text).join('\n');
    expect(rows.length).toBeGreaterThan(500);
    expect(new Set(secrets.values())).toEqual(
      new Set([
        ...['password', 'token', 'app-token', 'app_token', 'access_token', 'refresh_token', 'client_secret'],
        ...['reset_password_token', 'verify_email_token', 'undo_email_token', 'authorization', 'username', 'a filter'],
      ]),
    );
    expect(secrets.size).toBeGreaterThan(250);
    expect([...secrets].filter(([secret]) => text.includes(secret))).toEqual([]);
  });
});

describe('OpenAPI', () => {
  it('describes every answer that these tests saw', () => {
    expect([...server.answers.undescribed(), ...strict.answers.undescribed()]).toEqual([]);
  });
});
