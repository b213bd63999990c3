import { afterAll, beforeEach, expect, it } from '@jest/globals';
import { migrations } from '../migrations/index.js';
import { migrate, migrationDataSource } from '../src/database/migrate.js';
import { createDatabase, type TestDatabase } from './support/database.js';

const NAME = 'Partitions1764000000041';
const INDEX = migrations.findIndex((migration) => new migration().name === NAME);

const databases: TestDatabase[] = [];
let database: TestDatabase;

beforeEach(async () => {
  database = await createDatabase({ empty: true });
  databases.push(database);
  await migrate(database.connection, { list: migrations.slice(0, INDEX) });
});

afterAll(() => Promise.all(databases.map((each) => each.drop())));

const fill = (count: number) =>
  database.query(
    `WITH c AS (INSERT INTO oauth_clients (id, name, scopes) VALUES ('c', 'c', '{}') RETURNING id),
     i AS (
       INSERT INTO identifications (client_id, ip, url, user_agent, created_at, expires_at)
       SELECT c.id, '192.0.2.1', 'https://example.org/' || n, '', now() - n * interval '1 minute', now() + interval '1 day'
       FROM c, generate_series(1, $1::int) n)
     INSERT INTO audit_events (at, kind, subject, details)
     SELECT now() - n * interval '1 minute', 'sign_in', n::text, jsonb_build_object('n', n) FROM generate_series(1, $1::int) n`,
    [count],
  );

/** All rows, whatever the order of the columns. */
const digestOf = (table: string) =>
  database.query(`SELECT count(*)::int, md5(string_agg(to_jsonb(t)::text, ',' ORDER BY id)) FROM ${table} t`);
const both = async () => [await digestOf('audit_events'), await digestOf('identifications')];
const kindsOfTables = () =>
  database.query(
    `SELECT relname AS name, relkind AS kind FROM pg_class WHERE relname IN ('audit_events', 'identifications') ORDER BY 1`,
  );
const leftovers = () =>
  database.query(
    `SELECT relname FROM pg_class WHERE relname ~ '_(before|parted|bound|overflow)$'
     UNION ALL SELECT conname FROM pg_constraint WHERE conname LIKE '%_bound'`,
  );
const write = (table: string, at: string) =>
  database.query<{ place: string }>(
    table === 'audit_events'
      ? `INSERT INTO audit_events (at, kind) VALUES (${at}, 'sign_in') RETURNING tableoid::regclass::text AS place`
      : `INSERT INTO identifications (client_id, ip, url, user_agent, created_at, expires_at)
         VALUES ('c', '192.0.2.1', 'https://example.org/', '', ${at}, now()) RETURNING tableoid::regclass::text AS place`,
  );

it.each([
  ['few rows, which are copied', 500, /_\d{8}$/],
  ['many rows, which stay where they are', 10_500, /_old$/],
])('Tables with %s, are partitioned and made whole again, with every row', async (_, count, placeOfNow) => {
  await fill(count);
  const before = await both();
  await migrate(database.connection, { list: migrations.slice(0, INDEX + 1) });
  expect(await both()).toEqual(before);
  expect(await kindsOfTables()).toEqual([
    { name: 'audit_events', kind: 'p' },
    { name: 'identifications', kind: 'p' },
  ]);
  expect(await leftovers()).toEqual([]);
  for (const table of ['audit_events', 'identifications']) {
    expect((await write(table, 'now()'))[0]?.place).toMatch(placeOfNow);
    expect((await write(table, `now() + interval '1 year'`))[0]?.place).toBe(`${table}_default`);
    expect((await write(table, `now() - interval '1 year'`))[0]?.place).toBe(`${table}_old`);
  }
  await expect(database.query('DELETE FROM audit_events')).rejects.toThrow('audit_events is append-only');

  const written = await both();
  const dataSource = await migrationDataSource(database.connection, migrations.slice(0, INDEX + 1)).initialize();
  await dataSource.undoLastMigration();
  await dataSource.destroy();
  expect(await both()).toEqual(written);
  expect(await kindsOfTables()).toEqual([
    { name: 'audit_events', kind: 'r' },
    { name: 'identifications', kind: 'r' },
  ]);
  expect(await leftovers()).toEqual([]);
  await expect(database.query('DELETE FROM audit_events')).rejects.toThrow('audit_events is append-only');
  // And forward once more, if nothing is as far in the future as what was written here.
  if (count > 10_000) return;
  await migrate(database.connection, { list: migrations.slice(0, INDEX + 1) });
  expect(await both()).toEqual(written);
});

it('What a migration has left that was killed keeps nobody from writing for weeks, and it is made by the next one', async () => {
  await fill(10_500);
  await database.query(
    `ALTER TABLE audit_events ADD CONSTRAINT audit_events_bound CHECK (at < now() + interval '1 hour') NOT VALID`,
  );
  await database.query('CREATE UNIQUE INDEX audit_events_old_pkey ON audit_events (at, id)');
  await migrate(database.connection, { list: migrations.slice(0, INDEX + 1) });
  expect(await leftovers()).toEqual([]);
  expect((await write('audit_events', `now() + interval '20 days'`))[0]?.place).toBe('audit_events_old');
});
