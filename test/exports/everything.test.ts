import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { exportAll } from '../support/exports.js';
import { cleanUpReports, importRecords } from '../support/imports.js';
import { newClient, type Client } from '../support/oauth.js';
import { claimsOf, newEmail, signUp, startServer, type TestServer } from '../support/server.js';
import { signedInAdmin, type User } from '../support/tokens.js';

let database: TestDatabase;
let server: TestServer;
/** Empty until something is imported. */
let elsewhere: TestDatabase;
let other: TestServer;
let admin: User;
let client: Client;

beforeAll(async () => {
  [database, elsewhere] = await Promise.all([createDatabase(), createDatabase()]);
  server = await startServer(database.connection);
  other = await startServer(elsewhere.connection);
  admin = await signedInAdmin(server);
  client = await newClient(server, { ownerId: admin.id });
});

afterAll(async () => {
  cleanUpReports();
  await server.close();
  await other.close();
  await database.drop();
  await elsewhere.drop();
});

const signIn = (at: TestServer, email: string, password: string) =>
  at.call('POST', '/account/session', { account: { email, password } });

const stored = async (from: TestDatabase) =>
  from.query(
    `SELECT a.id, a.legacy_id, a.email, a.email_verified_at, a.name, a.publisher_reference, a.individual, a.role,
       a.password_hash, a.created_at, a.disabled_at,
       ARRAY(SELECT n.network::text FROM account_networks n WHERE n.account_id = a.id ORDER BY 1) AS networks,
       ARRAY(SELECT d.domain FROM account_email_domains d WHERE d.account_id = a.id ORDER BY 1) AS domains
     FROM accounts a ORDER BY a.id`,
  );

/** Accounts of every kind. */
async function inhabit(): Promise<{ people: { email: string; password: string; id: string }[]; disabled: string }> {
  const long = { email: newEmail(), password: 'x'.repeat(100) };
  const odd = { email: `"odd @ ${randomUUID()}"@bücher.example`, password: 'pässword Ω 漢字' };
  const people = [await signUp(server), await signUp(server, long), await signUp(server, odd)];
  const hash = bcrypt.hashSync('an old password', 4).replace('$2b$', '$2y$');
  const moved = { id: randomBytes(12).toString('hex'), email: newEmail(), password_hash: hash, email_verified: true };
  await importRecords(server, [
    moved,
    { type: 'organisation', name: `"Quoted", O'Neill & Söhne\u2028 ${randomUUID()}`.replace('\u2028', '') },
  ]);
  const [row] = await database.query<{ id: string }>('SELECT id FROM accounts WHERE email = $1', [moved.email]);
  people.push({ email: moved.email, password: 'an old password', id: row?.id ?? '', token: '', refreshToken: '' });
  const disabled = await signUp(server);
  await server.call('PATCH', `/api/v1/accounts/${disabled.id}`, { disabled: true }, admin.headers);
  const organisation = {
    name: `Organisation ${randomUUID()}`,
    publisher_reference: 'ref "1"',
    aliases: ['"O"', 'Ünternehmen, das'],
    networks: ['10.0.0.0/8', '192.0.2.0/24', '2001:db8::/32'],
    allow_wide: true,
    email_domains: ['example.org', '*.bücher.example'],
  };
  expect((await server.call('POST', '/api/accounts', organisation, client.basic)).status).toBe(201);
  return { people, disabled: disabled.email };
}

describe('All accounts, exported and imported into an empty database', () => {
  let people: { email: string; password: string; id: string }[];
  let disabled: string;
  let text: string;

  beforeAll(async () => {
    ({ people, disabled } = await inhabit());
    ({ text } = await exportAll(server));
  });

  it('are what they were, to the microsecond', async () => {
    const { counts, refused } = await importRecords(other, text, { admins: true });
    const before = await stored(database);
    expect([refused, counts]).toMatchObject([{}, { refused: 0 }]);
    expect(await stored(elsewhere)).toEqual(before);
  });

  it('sign in with the passwords that they had, under their ids', async () => {
    for (const { email, password, id } of people) {
      const { status, body } = await signIn(other, email, password);
      expect([email, status]).toEqual([email, 200]);
      expect(claimsOf((body as { token: string }).token).data.id).toBe(id);
      expect((await signIn(other, email, `${password}.`)).status).toBe(401);
    }
    expect((await signIn(other, disabled, 'example')).status).toBe(401);
  });

  it('are the same again when they are imported again', async () => {
    const { counts } = await importRecords(other, (await exportAll(server)).text, { admins: true });
    expect(counts).toMatchObject({ made: 0, changed: 0, refused: 0 });
  });

  it('have no plain secret in the file', () => {
    for (const { password } of people) expect(text).not.toContain(JSON.stringify(password));
    expect(text).not.toContain(admin.appToken);
    expect(text).not.toContain(client.secret);
  });

  it('make no administrator where nobody says so', async () => {
    const empty = await createDatabase();
    const at = await startServer(empty.connection);
    try {
      const { refused } = await importRecords(at, text);
      expect(Object.values(refused)).toContainEqual({ role: expect.stringContaining('--admins') });
      expect(await empty.query(`SELECT id FROM accounts WHERE role = 'admin'`)).toEqual([]);
    } finally {
      await at.close();
      await empty.drop();
    }
  });
});

it('What is made or changed while it is exported is not in it', async () => {
  const { id, email } = await signUp(server);
  let isChanged = false;
  const { records } = await exportAll(server, async () => {
    if (isChanged) return;
    isChanged = true;
    await signUp(server, { email: `meanwhile.${email}` });
    await database.query(`UPDATE accounts SET name = 'Meanwhile' WHERE id = $1`, [id]);
  });
  expect(isChanged).toBe(true);
  expect(records.find((record) => record.id === id)).toEqual(expect.not.objectContaining({ name: 'Meanwhile' }));
  expect(records.filter((record) => String(record.email).startsWith('meanwhile.'))).toEqual([]);
});

it('Two events say that all was exported: when it began, and how much it was', async () => {
  const { counts } = await exportAll(server);
  const events = await database.query(
    `SELECT kind, details FROM audit_events WHERE kind LIKE 'export.%' ORDER BY at DESC LIMIT 2`,
  );
  expect(events).toEqual([
    { kind: 'export.finished', details: counts },
    { kind: 'export.started', details: {} },
  ]);
});

it('No more is read than is taken', async () => {
  await database.query(
    `INSERT INTO accounts (email) SELECT 'crowd' || n || '@example.org' FROM generate_series(1, 2000) AS n`,
  );
  const open = () =>
    database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'latchkey export' AND state = 'idle in transaction'`,
    );
  let parts = 0;
  const { text } = await exportAll(server, async () => {
    parts += 1;
    expect(await open()).toEqual([{ count: 1 }]);
  });
  expect(parts).toBeGreaterThan(8);
  expect(text.split('\n').length).toBeGreaterThan(2_000);
  expect(await open()).toEqual([{ count: 0 }]);
});
