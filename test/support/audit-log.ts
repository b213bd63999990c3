import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AUDIT_KINDS, type AuditKind } from '../../src/audit-log/audit-kinds.js';
import { AuditLog } from '../../src/audit-log/audit-log.service.js';
import { createDatabase, type TestDatabase } from './database.js';
import { newAccessToken, newClient, type Client } from './oauth.js';
import { cleanUp } from './process.js';
import { signUp, startServer, type Answer, type TestServer } from './server.js';
import { Statements } from './statements.js';
import { rowOf, signedInAdmin, signedInUser, type User } from './tokens.js';

export type Headers = Record<string, string>;

/** What the audit log has of an event. */
export interface Row {
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

export interface Request {
  at?: TestServer;
  method: string;
  path: string;
  /** A form is a text. */
  body?: object | string;
  headers?: Headers;
}

/** Something that is about to be done, and what it is to leave behind. */
export interface Act {
  request: Request;
  status: number;
  /** Rows by the order of their kinds; what is left out is empty, and a success. */
  leaves: (answer: Answer) => Partial<Row>[] | Promise<Partial<Row>[]>;
}

export type Acts = [sentence: string, prepare: () => Promise<Act>][];

/** What test/mail, test/audit-log/reads-and-refusals, test/account-emails, test/exports, test/imports and test/signing-keys show. */
const SHOWN_ELSEWHERE: AuditKind[] = [
  'account.displaced',
  'account.email_change_requested',
  'account.email_shared',
  'account.exported',
  'account.sign_up_requested',
  'export.finished',
  'export.started',
  'import.finished',
  'import.started',
  'mail.refused',
  'revocation.finished',
  'revocation.started',
  'signing_key.advanced',
  'signing_key.deleted',
  'signing_key.published',
  'signing_key.revoked',
  'token.changed',
  'token.inspected',
  'token.introspected',
];

/** Which kinds each suite of acts shows. */
const SHOWN = {
  holders: [
    'access.refused',
    'account.changed',
    'account.created',
    'account.credentials_changed',
    'account.email_change_undone',
    'account.email_changed',
    'account.email_verified',
    'account.verification_requested',
    'limit.reached',
    'password_reset.redeemed',
    'password_reset.requested',
    'session.ended',
    'session.refresh_refused',
    'session.refreshed_late',
    'session.reused',
    'sign_in',
    'sign_in.locked',
    'sign_out',
  ],
  'admins and clients': [
    'access.refused',
    'account.changed',
    'account.created',
    'account.deleted',
    'account.disabled',
    'account.email_changed',
    'account.enabled',
    'account.invited',
    'account.listed',
    'account.password_removed',
    'account.read',
    'account.revoked',
    'account.role_changed',
    'audit.read',
    'identification.returned',
    'oauth_client.changed',
    'oauth_client.created',
    'oauth_client.deleted',
    'oauth_client.listed',
    'oauth_client.read',
    'oauth_client.revoked',
    'oauth_client.secret_added',
    'oauth_client.secret_deleted',
    'session.ended',
    'session.listed',
    'session.read',
    'sign_in.unlocked',
    'token.all_revoked',
    'token.deleted',
    'token.described',
    'token.expiry_changed',
    'token.issued',
    'token.listed',
    'token.read',
    'token.renamed',
    'token.revoked',
  ],
} satisfies Record<string, AuditKind[]>;

const ADDRESS = '198.51.100.7';
export const AUDIT = '/api/v1/audit_events/';
export const PUBLIC_URL = 'http://latchkey.test';
export const VISIT = { ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'test' };
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Has deletions leave something, too, by which their transaction can be told; see {@link tablesOf}. */
const WITNESS = `
  CREATE TABLE deletions (at timestamptz);
  CREATE FUNCTION note_deletion() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO deletions VALUES (now()); RETURN OLD; END';
  ${['accounts', 'oauth_clients', 'oauth_client_secrets', 'sign_in_failures', 'tokens']
    .map((table) => `CREATE TRIGGER noted AFTER DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION note_deletion();`)
    .join('\n  ')}`;

export let statements: Statements;
export let database: TestDatabase;
/** Believes X-Forwarded-For. */
export let server: TestServer;
/** The same, but nobody signs up, emails have to be verified, and whoever reaches it may make API tokens. */
export let strict: TestServer;
export let admin: User;
export let user: User;
export let client: Client;
export let accessToken: string;
/** Every secret that went over the wire; see {@link listen}. */
export const secrets = new Map<string, string>();

/** Two servers on a database of the suite's own, and somebody of each kind. */
export function withTrail(): void {
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
}

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

/** Each request in a minute of its own: of failures of one minute, only the first is written as it is. */
export async function send(
  { at = server, method, path, body, headers = {} }: Request,
  requestId: string,
  address = ADDRESS,
): Promise<Answer> {
  await at.app.get(AuditLog).flush();
  const form = typeof body === 'string' && { 'content-type': 'application/x-www-form-urlencoded' };
  return at.call(method, path, body, { ...form, ...headers, 'x-request-id': requestId, 'x-forwarded-for': address });
}

export const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();

let numbers = 0;
export const newRequestId = () => `audit-test-${(numbers += 1)}`;
export const newPassword = () => `correct horse ${randomUUID()}`;
export const newName = () => `Institution ${randomUUID()}`;

/** @returns what the audit log has of these requests */
export const eventsOf = (...requestIds: string[]) =>
  database.query<Row & Record<string, unknown>>(
    `SELECT kind, outcome, actor_id AS account, client_id AS client, app_token_id AS app_token, on_behalf_of, subject,
       address, request_id, email, details
     FROM audit_events e LEFT JOIN audit_emails m ON m.event_id = e.id
     WHERE request_id = ANY ($1) ORDER BY kind, e.at, e.id`,
    [requestIds],
  );

/** @returns the whole row of an event with these properties */
export function event(row: Partial<Row>, requestId: string, address = ADDRESS): Row {
  const nobody = { account: null, client: null, app_token: null, on_behalf_of: null };
  const nothing = { subject: null, email: null, details: {} };
  return { kind: 'sign_in', outcome: 'success', ...nobody, ...nothing, address, request_id: requestId, ...row };
}

export const appTokenOf = async ({ appToken }: User) => (await rowOf(database, appToken)).id;
/** A user at an application, as the audit log has them. */
export const by = async (who: User) => ({ account: who.id, app_token: await appTokenOf(who) });
export const idOf = async (secret: string) => (await rowOf(database, secret)).id;

/** @returns an account with a password of its own */
export const newAccount = (more: { remember?: boolean } = {}) => signUp(server, { password: newPassword(), ...more });

export async function newOrganisation(fields: object = {}): Promise<string> {
  const body = { name: newName(), email_domains: [`${randomUUID()}.example`], ...fields };
  const answer = await server.call('POST', '/api/accounts', body, client.basic);
  expect(answer.status).toBe(201);
  return answer.body.id as string;
}

export async function newOauthClient(): Promise<{ id: string; secret: string; secretId: string }> {
  const answer = await server.call('POST', '/api/v1/oauth_clients/', { name: 'test', scopes: [] }, admin.headers);
  expect(answer.status).toBe(201);
  return { id: answer.body.id, secret: answer.body.client_secret, secretId: answer.body.secrets[0].id };
}

export const asked = (method: string, path: string, body?: object, headers = admin.headers as Headers): Request => ({
  method,
  path,
  headers,
  ...(body && { body }),
});

/**
 * All that is stored but the audit log: limits count requests, mails that are queued go out, uses are noted, and the index of the search
 * follows on its own.
 */
let selectEverything: string | undefined;

export async function everything(): Promise<unknown> {
  selectEverything ??= (
    await database.query<{ statement: string }>(
      `SELECT format('SELECT %L AS name, count(*)::int AS rows, md5(string_agg(t::text, '';'' ORDER BY t::text)) AS digest
         FROM (SELECT %s FROM %I) t', table_name,
         string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position), table_name) AS statement
       FROM information_schema.columns
       WHERE table_schema = 'public' AND table_name NOT IN (
         'attempt_limits', 'sign_in_failures', 'known_addresses', 'audit_events', 'audit_emails', 'institution_changes',
         'institution_search', 'institution_words')
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
    `SELECT oid::regclass::text AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
       AND relname NOT IN ('audit_events', 'audit_emails')`,
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

/** Does all of these, and shows each event, that it is all there is, and that nothing is done without it. */
export function theTrailHas(acts: Acts, by: keyof typeof SHOWN): void {
  describe('The audit log has, and without it there is not:', () => {
    const seen = new Set<string>();
    /** What is refused, and yet changes something. */
    const TOGETHER = ['limit.reached', 'session.reused', 'sign_in.locked'];

    it.each(acts)('%s', async (_, prepare) => {
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
      expect([...seen].sort()).toEqual(SHOWN[by]);
      expect([...new Set([...Object.values(SHOWN).flat(), ...SHOWN_ELSEWHERE])].sort()).toEqual([...AUDIT_KINDS]);
    });
  });
}

/** What the servers of a suite have heard at least, lest {@link theWholeTrailHoldsNoSecret} says nothing. */
interface Heard {
  rows: number;
  secrets: number;
  /** By which names they went over the wire. */
  names: string[];
}

/** Says so of all that the suite has sent and been sent before. */
export function theWholeTrailHoldsNoSecret(heard: Heard): void {
  describe('The whole audit log', () => {
    it('holds no secret of all that these tests have sent and been sent', async () => {
      const rows = await database.query<{ text: string }>(
        `SELECT to_jsonb(e)::text || coalesce(to_jsonb(m)::text, '') AS text
         FROM audit_events e FULL JOIN audit_emails m ON m.event_id = e.id
         WHERE e.request_id IS DISTINCT FROM 'generated' AND NOT coalesce(e.details ? 'padding', false)`,
      );
      const text = rows.map((row) => row.text).join('\n');
      expect(rows.length).toBeGreaterThan(heard.rows);
      expect(new Set(secrets.values())).toEqual(new Set(heard.names));
      expect(secrets.size).toBeGreaterThan(heard.secrets);
      expect([...secrets].filter(([secret]) => text.includes(secret))).toEqual([]);
    });
  });
}

/** The last word of a suite. */
export function everyAnswerIsDescribed(): void {
  describe('OpenAPI', () => {
    it('describes every answer that these tests saw', () => {
      expect([...server.answers.undescribed(), ...strict.answers.undescribed()]).toEqual([]);
    });
  });
}
