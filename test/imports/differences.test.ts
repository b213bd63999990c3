import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { cleanUpReports, importRecords } from '../support/imports.js';
import { newEmail, startServer, type TestServer } from '../support/server.js';

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
    expect(refused).toEqual({ 1: { legacy_id: 'is not the legacy_id that this id has here' } });
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
        2: { record: 'cannot be stored beside what is there' },
        3: { record: 'cannot be stored beside what is there' },
      });
      expect(counts).toEqual({ records: 4, made: 2, changed: 0, unchanged: 0, refused: 2 });
    } finally {
      await database.query('ALTER TABLE accounts DROP CONSTRAINT no_teapots');
    }
    expect([(await rowOf(one.email)).email, (await rowOf(other.email)).email]).toEqual([one.email, other.email]);
  });

  it('for a time zone that there is not', async () => {
    const created_at = '2015-10-10T12:12:00+16:00';
    const { counts, refused } = await importRecords(server, [person({ created_at }), person()]);
    expect(counts).toMatchObject({ made: 1, refused: 1 });
    expect(refused[1]).toEqual({ created_at: expect.stringContaining('must be a date') });
  });
});
