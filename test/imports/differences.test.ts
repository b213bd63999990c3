import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import pg from 'pg';
import { EMAIL_LOCKS } from '../../src/database/locks.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { cleanUpReports, importRecords } from '../support/imports.js';
import { waiting } from '../support/locks.js';
import { bearer, newEmail, signUp, startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { bcryptCost: 4, loginMaxFailures: 1_000_000 });
});

afterEach(cleanUpReports);

afterAll(async () => {
  await server.close();
  await database.drop();
});

const PASSWORD = 'an old password';
const hash = (password: string) => bcrypt.hashSync(password, 4).replace('$2b$', '$2y$');
const newLegacyId = () => randomBytes(12).toString('hex');
function person(): { email: string; password_hash: string };
function person<More extends object>(more: More): { email: string; password_hash: string } & More;
function person(more: object = {}) {
  return { email: newEmail(), password_hash: hash(PASSWORD), ...more };
}
const rowOf = async (email: string) =>
  (await database.query('SELECT * FROM accounts WHERE email = $1', [email]))[0] as Record<string, any>;

const signIn = (email: string, password = PASSWORD) =>
  server.call('POST', '/account/session', { account: { email, password } });

describe('Somebody who has signed in here', () => {
  const signedIn = async () => {
    const one = person({ id: randomUUID() });
    await importRecords(server, [one]);
    const { token } = (await signIn(one.email)).body as { token: string };
    const isSignedIn = async () =>
      (await server.call('GET', `/accounts/${one.id}`, undefined, bearer(token))).status === 200;
    return { one, renewed: (await rowOf(one.email)).password_hash as string, isSignedIn };
  };

  it('stays signed in, with the hash that is one of ours by now, when a record brings another name', async () => {
    const { one, renewed, isSignedIn } = await signedIn();
    expect(renewed).not.toBe(one.password_hash);
    const name = `Fred ${randomUUID()}`;
    expect((await importRecords(server, [{ ...one, name }])).counts).toMatchObject({ changed: 1 });
    expect(await rowOf(one.email)).toMatchObject({ name, password_hash: renewed, credential_epoch: 0 });
    expect(await isSignedIn()).toBe(true);
    expect((await signIn(one.email)).status).toBe(200);
  });

  it('is signed out by another password, and then by a third, as the old service says', async () => {
    const { one, isSignedIn } = await signedIn();
    for (const password of ['a newer password', 'the newest password']) {
      await importRecords(server, [{ ...one, password_hash: hash(password) }]);
      expect(await isSignedIn()).toBe(false);
      expect([(await signIn(one.email)).status, (await signIn(one.email, password)).status]).toEqual([401, 200]);
    }
  });

  it('is signed out by a password where there was none', async () => {
    const { id, email } = { id: randomUUID(), email: newEmail() };
    await importRecords(server, [{ id, email }]);
    expect((await importRecords(server, [person({ id, email })])).counts).toMatchObject({ changed: 1 });
    expect([(await signIn(email)).status, (await rowOf(email)).credential_epoch]).toEqual([200, 1]);
  });
});

describe('Who was imported as disabled', () => {
  it('is enabled by disabled: false, and by nothing else', async () => {
    const one = person({ id: randomUUID() });
    await importRecords(server, [{ ...one, disabled: true }]);
    await importRecords(server, [{ ...one, publisher_reference: 'x' }]);
    expect((await signIn(one.email)).status).toBe(401);
    expect((await importRecords(server, [{ ...one, disabled: false }])).counts).toMatchObject({ changed: 1 });
    expect(await rowOf(one.email)).toMatchObject({ disabled_at: null, credential_epoch: 1 });
    expect((await signIn(one.email)).status).toBe(200);
  });

  it('keeps the time at which that was', async () => {
    const one = person({ id: randomUUID(), disabled_at: '2015-10-10T12:12:00Z' });
    await importRecords(server, [one]);
    await importRecords(server, [{ ...one, disabled_at: null, disabled: true }]);
    expect(await rowOf(one.email)).toMatchObject({ disabled_at: new Date('2015-10-10T12:12:00Z') });
  });

  it('is not both', async () => {
    const { refused } = await importRecords(server, [person({ disabled: false, disabled_at: '2015-10-10T12:12:00Z' })]);
    expect(refused).toEqual({ 1: { disabled: 'is false, and disabled_at is given' } });
  });
});

describe('A record that clashes with what is there is refused alone, and the import goes on', () => {
  it('for the legacy_id of another account', async () => {
    const [first, second] = [person({ id: randomUUID() }), person({ id: randomUUID(), legacy_id: newLegacyId() })];
    await importRecords(server, [first, second]);
    const later = person();
    const { counts, refused } = await importRecords(server, [{ ...first, legacy_id: second.legacy_id }, later]);
    expect(refused).toEqual({ 1: { legacy_id: 'is taken' } });
    expect(counts).toMatchObject({ made: 1, changed: 0 });
    expect([(await rowOf(first.email)).legacy_id, (await rowOf(later.email)).email]).toEqual([null, later.email]);
  });

  it('for another legacy_id than the one that it has', async () => {
    const one = person({ id: randomUUID(), legacy_id: newLegacyId() });
    await importRecords(server, [one]);
    const { refused } = await importRecords(server, [{ ...one, legacy_id: newLegacyId() }]);
    expect(refused).toEqual({ 1: { legacy_id: 'is not the legacy_id stored for this id' } });
    expect((await rowOf(one.email)).legacy_id).toBe(one.legacy_id);
  });

  it('but a legacy_id may be added', async () => {
    const one = person({ id: randomUUID() });
    await importRecords(server, [one]);
    const legacyId = newLegacyId();
    expect((await importRecords(server, [{ ...one, legacy_id: legacyId }])).counts).toMatchObject({ changed: 1 });
    expect((await rowOf(one.email)).legacy_id).toBe(legacyId);
  });

  it('for what only PostgreSQL knows', async () => {
    const changed = person({ id: randomUUID() });
    await importRecords(server, [changed]);
    const [one, other] = [person(), person()];
    await database.query(`ALTER TABLE accounts ADD CONSTRAINT no_teapots CHECK (publisher_reference <> 'teapot')`);
    try {
      const teapot = { publisher_reference: 'teapot' };
      const { counts, refused } = await importRecords(server, [one, person(teapot), { ...changed, ...teapot }, other]);
      expect(refused).toEqual({
        2: { record: 'conflicts with what is already stored' },
        3: { record: 'conflicts with what is already stored' },
      });
      expect(counts).toEqual({ records: 4, made: 2, changed: 0, unchanged: 0, refused: 2 });
    } finally {
      await database.query('ALTER TABLE accounts DROP CONSTRAINT no_teapots');
    }
    expect([(await rowOf(one.email)).email, (await rowOf(other.email)).email]).toEqual([one.email, other.email]);
  });

  it('and does not take with it the token that stands before its account', async () => {
    const [one, teapot] = [person({ id: randomUUID() }), person({ publisher_reference: 'teapot' })];
    const token = { type: 'app_token', token: randomBytes(16).toString('hex'), account: one.id };
    await database.query(`ALTER TABLE accounts ADD CONSTRAINT no_teapots CHECK (publisher_reference <> 'teapot')`);
    try {
      expect(await importRecords(server, [token, teapot, one])).toEqual({
        counts: { records: 3, made: 2, changed: 0, unchanged: 0, refused: 1 },
        refused: { 2: { record: 'conflicts with what is already stored' } },
      });
    } finally {
      await database.query('ALTER TABLE accounts DROP CONSTRAINT no_teapots');
    }
    const rows = await database.query('SELECT kind FROM tokens WHERE account_id = $1', [one.id]);
    expect(rows).toEqual([{ kind: 'app' }]);
  });

  it('for a time zone that there is not', async () => {
    const created_at = '2015-10-10T12:12:00+16:00';
    const { counts, refused } = await importRecords(server, [person({ created_at }), person()]);
    expect(counts).toMatchObject({ made: 1, refused: 1 });
    expect(refused[1]).toEqual({ created_at: expect.stringContaining('must be a date') });
  });
});

describe('An account that is changed here at the same moment', () => {
  let holder: pg.Client;

  beforeAll(async () => {
    holder = new pg.Client(database.connection);
    await holder.connect();
  });

  afterAll(() => holder.end());

  const choose = (email: string) =>
    holder.query(`UPDATE accounts SET password_hash = 'chosen here', updated_at = now() WHERE email = $1`, [email]);

  it.each([
    ['email', {}],
    ['name', { type: 'organisation', name: `Example ${randomUUID()}` }],
    ['id', { id: randomUUID() }],
  ])('and is found by its %s, keeps what its holder has chosen', async (key, fields) => {
    const one = person(fields);
    await importRecords(server, [one]);
    await holder.query('BEGIN');
    await choose(one.email);
    const again = { ...one, password_hash: hash('a newer password'), publisher_reference: 'x' };
    const importing = importRecords(server, [key === 'name' ? { ...fields, publisher_reference: 'x' } : again]);
    await waiting(database, 1);
    await holder.query('COMMIT');
    expect((await importing).refused).toEqual({ 1: { [key]: 'has been changed here since it was imported' } });
    expect(await rowOf(one.email)).toMatchObject({ password_hash: 'chosen here', publisher_reference: null });
  });

  it('by what began before the import and ended after it, is known as changed', async () => {
    const one = person();
    await importRecords(server, [one]);
    await holder.query('BEGIN');
    await importRecords(server, [{ ...one, publisher_reference: 'x' }]);
    await choose(one.email);
    await holder.query('COMMIT');
    const { refused } = await importRecords(server, [{ ...one, password_hash: hash('a newer password') }]);
    expect(refused).toEqual({ 1: { email: 'has been changed here since it was imported' } });
    expect(await rowOf(one.email)).toMatchObject({ password_hash: 'chosen here' });
  });

  it('can take its email, for which the import waits too, in the order of everything else', async () => {
    const one = person();
    await importRecords(server, [one]);
    await holder.query('BEGIN');
    await holder.query('SELECT FROM accounts WHERE email = $1 FOR NO KEY UPDATE', [one.email]);
    const importing = importRecords(server, [{ ...one, publisher_reference: 'x' }]);
    await waiting(database, 1);
    const { rows } = await holder.query(`SELECT pg_try_advisory_xact_lock($1, hashtext($2)) AS "isFree"`, [
      EMAIL_LOCKS,
      one.email,
    ]);
    await holder.query('COMMIT');
    expect([rows, (await importing).counts.changed]).toEqual([[{ isFree: true }], 1]);
  });

  it('has its old email locked too when the import changes it', async () => {
    const one = person({ id: randomUUID() });
    await importRecords(server, [one]);
    await holder.query('BEGIN');
    await holder.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [EMAIL_LOCKS, one.email]);
    const importing = importRecords(server, [{ ...one, email: newEmail() }]);
    await waiting(database, 1);
    await holder.query('COMMIT');
    expect((await importing).counts).toMatchObject({ changed: 1 });
  });
});

describe('The networks of an organisation are read as the API reads them', () => {
  const organisation = (more: object) => ({ type: 'organisation', name: `Example ${randomUUID()}`, ...more });
  const networksOf = async (name: string) => {
    const [row] = await database.query<{ networks: string[] }>(
      `SELECT ARRAY(SELECT network::text FROM account_networks n WHERE n.account_id = a.id ORDER BY network) AS networks
       FROM accounts a WHERE name = $1`,
      [name],
    );
    return row?.networks;
  };

  it('with ranges, patterns and masks', async () => {
    const networks = '192.0.2.1-192.0.2.3\n198.51.100.*;203.0.113.0 255.255.255.128';
    const one = organisation({ networks });
    expect((await importRecords(server, [one])).refused).toEqual({});
    expect(await networksOf(one.name)).toEqual(['192.0.2.1/32', '192.0.2.2/31', '198.51.100.0/24', '203.0.113.0/25']);
  });

  it.each(['0.0.0.0/0', '::/0', '10.0.0.0/8'])('without %s, unless that is meant', async (network) => {
    const one = organisation({ networks: [network] });
    const { refused } = await importRecords(server, [one]);
    expect(refused).toEqual({ 1: { networks: expect.stringContaining('send allow_wide: true if that is meant') } });
    expect(await networksOf(one.name)).toBeUndefined();
    expect((await importRecords(server, [{ ...one, allow_wide: true }])).counts).toMatchObject({ made: 1 });
    expect(await networksOf(one.name)).toEqual([network]);
  });

  it('at most 400 of them', async () => {
    const networks = Array.from({ length: 401 }, (_, n) => `2001:db8::${n.toString(16)}`);
    const { refused } = await importRecords(server, [
      organisation({ networks }),
      organisation({ networks: networks.slice(1) }),
    ]);
    expect(refused).toEqual({ 1: { networks: 'must have at most 400 entries' } });
  });
});

describe('Who has been deleted here does not come back by the difference', () => {
  const DELETED = 'belonged to an account that has been deleted';

  /** As long ago as the audit log remembers nothing of. */
  async function remove(email: string): Promise<void> {
    await database.query('DELETE FROM accounts WHERE email = $1', [email]);
  }

  it.each([
    ['id', 'id', { id: randomUUID() }],
    ['id of 24 characters', 'legacy_id', { id: newLegacyId() }],
    ['legacy_id', 'legacy_id', { legacy_id: newLegacyId() }],
    ['email', 'email', {}],
  ])('with their %s', async (_, field, ids) => {
    const one = person(ids);
    await importRecords(server, [one]);
    await remove(one.email);
    const { counts, refused } = await importRecords(server, [{ ...one, publisher_reference: 'x' }, person()]);
    expect([counts.made, refused]).toEqual([1, { 1: { [field]: DELETED } }]);
    expect(await rowOf(one.email)).toBeUndefined();
  });

  it('with the name of an organisation', async () => {
    const one = { type: 'organisation', name: `Example ${randomUUID()}` };
    await importRecords(server, [one]);
    await database.query('DELETE FROM accounts WHERE name = $1', [one.name]);
    expect((await importRecords(server, [one])).refused).toEqual({ 1: { name: DELETED } });
  });

  it('with an id beside an email that they were imported under', async () => {
    const one = person();
    await importRecords(server, [one]);
    await remove(one.email);
    const { refused } = await importRecords(server, [{ ...one, id: randomUUID(), email: one.email.toUpperCase() }]);
    expect(refused).toEqual({ 1: { email: DELETED } });
  });

  it('and neither email nor name is kept', async () => {
    const one = person({ name: `Fred ${randomUUID()}` });
    await importRecords(server, [one]);
    const { id } = await rowOf(one.email);
    await remove(one.email);
    const [row] = await database.query('SELECT * FROM deleted_accounts WHERE id = $1', [id]);
    expect(row).toEqual({ id, legacy_id: null, imported_as: expect.any(Buffer), deleted_at: expect.any(Date) });
    const plain = createHash('sha256').update(one.email.toLowerCase()).digest('hex');
    expect((row?.imported_as as Buffer).toString('hex')).not.toContain(plain);
  });

  it('nor is the id of an account that was made here ever given to another', async () => {
    const { id, email } = await signUp(server);
    await remove(email);
    expect((await importRecords(server, [person({ id })])).refused).toEqual({ 1: { id: DELETED } });
  });
});

describe('Who has moved to another email here', () => {
  const moved = async (ids: object) => {
    const one = person(ids);
    await importRecords(server, [one]);
    const { id } = await rowOf(one.email);
    const { token } = (await signIn(one.email)).body as { token: string };
    const email = newEmail();
    const change = { account: { email, password: 'chosen here' } };
    expect((await server.call('PUT', `/accounts/${id}`, change, bearer(token))).status).toBe(200);
    // The old email is not kept for them any more.
    await database.query(`UPDATE email_links SET ended_at = now() WHERE account_id = $1`, [id]);
    return { one, email };
  };

  it.each([
    ['email', {}],
    ['id', { id: randomUUID() }],
  ])('gets no second account at the old one, known by their %s', async (field, ids) => {
    const { one, email } = await moved(ids);
    const { refused } = await importRecords(server, [{ ...one, publisher_reference: 'x' }]);
    expect(refused).toEqual({ 1: { [field]: 'has been changed here since it was imported' } });
    expect((await importRecords(server, [one])).counts).toMatchObject({ unchanged: 1 });
    expect([await rowOf(one.email), (await rowOf(email)).email]).toEqual([undefined, email]);
  });

  it('gets none by a record with an id of its own either', async () => {
    const { one } = await moved({});
    const { refused } = await importRecords(server, [{ ...one, id: randomUUID() }]);
    expect(refused).toEqual({ 1: { email: 'is taken' } });
  });
});
