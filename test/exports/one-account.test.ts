import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ONE_ACCOUNT } from '../../src/exports/one-account.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { exportAccount } from '../support/exports.js';
import { newAccessToken, newClient, type Client } from '../support/oauth.js';
import { bearer, newEmail, signUp, startServer, type TestServer } from '../support/server.js';
import { logIn, newApiToken, newAppToken, signedInAdmin, signedInUser, type User } from '../support/tokens.js';

let database: TestDatabase;
let server: TestServer;
let admin: User;
let client: Client;
let networks = 0;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { trustProxy: 1 });
  admin = await signedInAdmin(server);
  client = await newClient(server, { ownerId: admin.id });
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const FROM_HOME = { 'x-forwarded-for': '203.0.113.77', 'user-agent': 'Browser at home' };
const asAdmin = (method: string, path: string, body?: object) =>
  server.call(method, path, body, { ...admin.headers, 'x-forwarded-for': '198.51.100.200' });

interface Lived {
  user: User;
  refreshToken: string;
  /** What must not be in the export. */
  secrets: string[];
}

/** A person who has done all that one can do here. */
async function lived(): Promise<Lived> {
  const user = await signedInUser(server);
  networks += 1;
  const { email, password } = user;
  const account = { email, password, remember_me: true };
  const { body } = await server.call('POST', '/account/session', { account }, FROM_HOME);
  const { token, refresh_token: refreshToken } = body as { token: string; refresh_token: string };
  await server.call('POST', '/account/session', { account: { email, password: 'wrong password' } }, FROM_HOME);
  await server.call('POST', '/account/password', { account: { email } });
  await server.call('POST', '/account/email', { account: { email } });
  const appToken = await newAppToken(server, user, { name: 'The till' });
  const made = await asAdmin('POST', '/api/v1/tokens/', { user: user.id });
  const acting = (made.body as { token: string }).token;
  const apiToken = await newApiToken(server, admin.appToken, 'GATEWAY', { created_by: email });
  await asAdmin('PATCH', `/api/v1/accounts/${user.id}`, {
    name: `Fred ${randomUUID()}`,
    networks: [`8.8.${networks}.0/24`],
  });
  const visitor = { ip: '203.0.113.9', url: 'https://publisher.example/x', user_agent: 'Reader', email };
  await server.call('POST', '/api/identifications', visitor, client.basic);
  await server.call(
    'PUT',
    `/accounts/${user.id}`,
    { account: { ...account, password: 'a new example' } },
    bearer(token),
  );
  const again = await logIn(server, user.appToken, { email, password: 'a new example' });
  return { user, refreshToken, secrets: [token, refreshToken, appToken, acting, apiToken, again, user.appToken] };
}

describe('All that is known of a person', () => {
  let life: Lived;
  let text: string;
  let parts: Record<string, any>;

  beforeAll(async () => {
    life = await lived();
    ({ text, parts } = await exportAccount(server, life.user.email.toUpperCase()));
  });

  it('is one object of JSON, with the account', () => {
    const { id, email } = life.user;
    expect(parts.account).toMatchObject({ id, email, has_password: true, individual: true, role: 'user' });
    expect(Object.keys(parts)).toEqual(['exported_at', ...ONE_ACCOUNT.map(({ name }) => name)]);
    expect(parts.networks).toEqual([{ network: '8.8.1.0/24' }]);
  });

  it('has the sessions, where they were opened, and how long they lasted', () => {
    expect(parts.sessions).toContainEqual(
      expect.objectContaining({
        address: '203.0.113.77',
        user_agent: 'Browser at home',
        revoked_at: expect.any(String),
      }),
    );
    expect(parts.sessions).toHaveLength(2 + 1);
  });

  it('has the tokens, those on its behalf and the API tokens that it has made', () => {
    const kinds = (parts.tokens as { kind: string; actor_id: string | null; created_by: string | null }[]).map(
      ({ kind, actor_id, created_by }) => [kind, actor_id, created_by],
    );
    expect(kinds).toContainEqual(['app', null, null]);
    expect(kinds).toContainEqual(['user', null, null]);
    expect(kinds).toContainEqual(['user', admin.id, null]);
    expect(kinds).toContainEqual(['api', null, life.user.email]);
  });

  it('has resets, links, mails, changes of the password, known addresses, failed sign-ins, limits and identifications', () => {
    const sizes = Object.fromEntries(Object.entries(parts).map(([name, rows]) => [name, (rows as unknown[]).length]));
    for (const name of [
      'password_resets',
      'email_links',
      'mails',
      'password_changes',
      'known_addresses',
      'limits',
      'identifications',
    ]) {
      expect([name, sizes[name]]).toEqual([name, expect.any(Number)]);
      expect([name, (sizes[name] ?? 0) > 0]).toEqual([name, true]);
    }
    expect(parts.identifications).toContainEqual(
      expect.objectContaining({ ip: '203.0.113.9', email: life.user.email, user_agent: 'Reader' }),
    );
    expect(parts.failed_sign_ins).toContainEqual(expect.objectContaining({ count: 1 }));
  });

  it('has the events about it: what it did, what was done to it, and that it was exported; not from where others acted', () => {
    const events = parts.audit_events as { kind: string; actor_id: string | null; address: string | null }[];
    const kinds = new Set(events.map(({ kind }) => kind));
    for (const kind of [
      'sign_in',
      'account.changed',
      'account.credentials_changed',
      'token.issued',
      'account.exported',
    ])
      expect([kind, kinds.has(kind)]).toEqual([kind, true]);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'sign_in', address: '203.0.113.77' }));
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'account.changed', actor_id: admin.id, address: null }),
    );
    expect(text).not.toContain('198.51.100.200');
  });

  it('has no secret, no digest of one and no hash', async () => {
    const [row] = await database.query<{ hash: string }>('SELECT password_hash AS hash FROM accounts WHERE id = $1', [
      life.user.id,
    ]);
    const digests = life.secrets.map((secret) => createHash('sha256').update(secret).digest('hex'));
    for (const secret of [...life.secrets, ...digests, row?.hash ?? '', life.user.password])
      expect(text).not.toContain(`"${secret}"`);
  });

  it('is of nobody else', async () => {
    const other = await lived();
    expect(text).not.toContain(other.user.email);
    const { text: theirs } = await exportAccount(server, other.user.id);
    expect(theirs).not.toContain(life.user.email);
    expect(theirs).not.toContain(life.user.id);
  });
});

it('A person is found by their id, their legacy_id and any spelling of their email, and nobody otherwise', async () => {
  const { id } = await signUp(server, { email: `fred.${randomUUID()}@bücher.example` });
  const legacyId = randomBytes(12).toString('hex');
  const [row] = await database.query<{ email: string }>(
    'UPDATE accounts SET legacy_id = $2 WHERE id = $1 RETURNING email',
    [id, legacyId],
  );
  const { email = '' } = row ?? {};
  expect(email).toContain('xn--bcher-kva');
  for (const named of [
    id,
    id.toUpperCase(),
    legacyId,
    legacyId.toUpperCase(),
    email,
    email.replace('xn--bcher-kva', 'BÜCHER'),
  ])
    expect([named, ((await exportAccount(server, named)).parts.account as { id: string }).id]).toEqual([named, id]);
  for (const named of [randomUUID(), randomBytes(12).toString('hex'), newEmail(), '', 'x', '%'])
    await expect(exportAccount(server, named)).rejects.toThrow('There is no such account.');
});

it('Of an organisation, visitors are counted, and not named', async () => {
  const { body } = await server.call('POST', '/api/accounts', { name: `Org ${randomUUID()}` }, client.basic);
  const { id } = body as { id: string };
  await server.call('PATCH', `/api/accounts/${id}`, { networks: ['192.0.2.128/25'] }, client.basic);
  const visitor = { ip: '192.0.2.130', url: 'https://publisher.example/y', user_agent: 'Visitor', email: newEmail() };
  await server.call('POST', '/api/identifications', visitor, client.basic);
  const { parts, text } = await exportAccount(server, id);
  expect(parts.identifications).toEqual([
    expect.objectContaining({ account_id: id, client_id: client.id, ip: null, email: null, url: null }),
  ]);
  expect(text).not.toContain(visitor.email);
});

it("An admin's clients are exported, with the hints of their secrets and their access tokens", async () => {
  await newAccessToken(server, client);
  const { parts, text } = await exportAccount(server, admin.id);
  expect(parts.oauth_clients).toContainEqual(
    expect.objectContaining({ id: client.id, secrets: [expect.objectContaining({ hint: client.secret.slice(-4) })] }),
  );
  expect(parts.tokens).toContainEqual(expect.objectContaining({ kind: 'oauth', client_id: client.id }));
  expect(text).not.toContain(client.secret);
});

/** Tables that have nothing of an account that is there. */
const OF_NOBODY = [
  'deleted_accounts',
  'idempotency_keys',
  'imported_records',
  'imports',
  'migrations',
  'secret_keys',
  'signing_keys',
];

/** The index of the search for organisations: it repeats names and aliases, which are exported. */
const REPEATED = ['institution_changes', 'institution_search', 'institution_words'];

it('Every table that has something of an account is exported', async () => {
  const tables = await database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1`,
  );
  const statements = ONE_ACCOUNT.map(({ statement }) => statement).join('\n');
  const missing = tables
    .map(({ name }) => name)
    .filter((name) => !REPEATED.includes(name) && !new RegExp(`\\b${name}\\b`).test(statements));
  expect(missing).toEqual(OF_NOBODY);
  const columns = await database.query<{ name: string }>(
    `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name = ANY ($1)
       AND (column_name IN ('account_id', 'actor_id', 'subject', 'email', 'recipient') OR udt_name = 'inet')`,
    [OF_NOBODY],
  );
  expect(columns).toEqual([]);
});
