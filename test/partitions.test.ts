import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { ormOptions } from '../src/database/connection.js';
import { Partitions, type PartitionedTable } from '../src/database/partitions.service.js';
import { Sweeper } from '../src/database/sweeper.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';

const DAY = 86_400;
const EVENTS: PartitionedTable = {
  table: 'audit_events',
  time: 'at',
  retention: 100 * DAY,
  prepare: (partition) =>
    `CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON ${partition}
     FOR EACH STATEMENT EXECUTE FUNCTION audit_events_kept()`,
};
const IDENTIFICATIONS: PartitionedTable = {
  table: 'identifications',
  time: 'created_at',
  retention: 30 * DAY,
  expired: 'expires_at < now()',
};

let database: TestDatabase;
const dataSources: DataSource[] = [];

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(async () => {
  await Promise.all(dataSources.map((dataSource) => dataSource.destroy()));
  await database.drop();
});

/** The partitions of a process of its own. */
async function replica(...tables: PartitionedTable[]): Promise<Partitions> {
  const dataSource = await new DataSource({ ...ormOptions(database.connection) }).initialize();
  dataSources.push(dataSource);
  const partitions = new Partitions(dataSource);
  for (const table of tables) partitions.add(table);
  return partitions;
}

interface Place {
  name: string;
  bound: string;
}

/** Those with bounds, oldest first; `bound` in days from today. */
async function placesOf(table: string): Promise<Place[]> {
  return database.query<Place & Record<string, unknown>>(
    `SELECT name, format('%s to %s', days("from"), days("to")) AS bound FROM (
       SELECT c.relname AS name, substring(b FROM 'FROM \\(''([^'']+)''\\)')::timestamptz AS "from",
         substring(b FROM 'TO \\(''([^'']+)''\\)')::timestamptz AS "to"
       FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid, LATERAL pg_get_expr(c.relpartbound, c.oid) b
       WHERE i.inhparent = $1::regclass AND b <> 'DEFAULT') p ORDER BY "to"`,
    [table],
  );
}

const insert = (at: string, count = 1) =>
  database.query(`INSERT INTO audit_events (at, kind) SELECT ${at}, 'sign_in' FROM generate_series(1, $1::int)`, [
    count,
  ]);
const countIn = async (table: string) =>
  (await database.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`))[0]?.count;
const partitionOf = async (at: string) => {
  const [row] = await database.query<{ name: string }>(
    `INSERT INTO audit_events (at, kind) VALUES (${at}, 'probe') RETURNING tableoid::regclass::text AS name`,
  );
  return row?.name;
};

const TODAY = `(date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')`;

beforeEach(async () => {
  // As if no server had run for long, and there had never been any rows.
  await database.query(`
    CREATE OR REPLACE FUNCTION days(at timestamptz) RETURNS int LANGUAGE sql STABLE AS $$
      SELECT (extract(epoch FROM at - ${TODAY}) / 86400)::int
    $$;
    DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT inhrelid::regclass::text FROM pg_inherits
        WHERE inhparent IN ('audit_events'::regclass, 'identifications'::regclass)
          AND pg_get_expr((SELECT relpartbound FROM pg_class WHERE oid = inhrelid), inhrelid) <> 'DEFAULT'
      LOOP EXECUTE 'DROP TABLE ' || name; END LOOP;
      ALTER TABLE audit_events_default DISABLE TRIGGER ALL;
      DELETE FROM audit_events_default;
      ALTER TABLE audit_events_default ENABLE TRIGGER ALL;
      DELETE FROM identifications;
      DELETE FROM oauth_clients;
    END $$`);
});

/** A partition between days from today. */
async function past(table: string, from: number, to: number): Promise<string> {
  const name = `${table}_past_${-from}`;
  await database.query(`
    CREATE TABLE ${name} (LIKE ${table}_default INCLUDING ALL);
    DO $$ BEGIN EXECUTE format('ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM (%L) TO (%L)',
      ${TODAY} + interval '${from} days', ${TODAY} + interval '${to} days'); END $$`);
  return name;
}

describe('Partitions', () => {
  it('are there for a week at least, with all that the model has, and nothing more is made until they are needed', async () => {
    const partitions = await replica(EVENTS);
    await partitions.keep();
    const places = await placesOf('audit_events');
    expect(places.length).toBeGreaterThanOrEqual(2);
    expect(places[0]?.bound).toMatch(/^0 to [1-7]$/);
    expect(Number(/\d+$/.exec(places.at(-1)?.bound ?? '')?.[0])).toBeGreaterThan(7);
    expect(await partitionOf('now()')).toBe(places[0]?.name);
    expect(await partitionOf(`now() + interval '7 days'`)).toBe(
      places.find(({ name }) => name !== places[0]?.name)?.name,
    );
    const shapes = await database.query<{ shape: string }>(
      `SELECT DISTINCT string_agg(shape, ';' ORDER BY shape) AS shape FROM (
         SELECT indrelid, regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', '') AS shape FROM pg_index
         WHERE indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_events'::regclass)
       ) AS indexes GROUP BY indrelid`,
    );
    expect(shapes).toHaveLength(1);
    for (const { name } of places) {
      await expect(database.query(`TRUNCATE ${name}`)).rejects.toThrow('audit_events is append-only');
    }
    await expect(database.query(`UPDATE audit_events SET kind = 'x'`)).rejects.toThrow('audit_events is append-only');
    await partitions.keep();
    expect(await placesOf('audit_events')).toEqual(places);
  });

  it.each([
    [13, 1],
    [100, 7],
    [730, 28],
  ])('of what is kept for %d days are of %d days', async (retention, days) => {
    await (await replica({ ...EVENTS, retention: retention * DAY })).keep();
    const last = (await placesOf('audit_events')).at(-1)?.bound ?? '';
    const [from = NaN, to = NaN] = last.split(' to ').map(Number);
    expect(to - from).toBeLessThanOrEqual(days);
    expect(to).toBeGreaterThanOrEqual(8);
    const rows = await database.query<{ dow: number }>(
      `SELECT extract(isodow FROM (${TODAY} + $1 * interval '1 day') AT TIME ZONE 'UTC')::int AS dow`,
      [to],
    );
    if (days > 1) expect(rows).toEqual([{ dow: 1 }]);
  });

  it('are made once when many replicas are at it at the same moment', async () => {
    const replicas = await Promise.all(Array.from({ length: 6 }, () => replica(EVENTS, IDENTIFICATIONS)));
    await Promise.all(replicas.map((each) => each.keep()));
    // Whoever found another one at it has left the rest to it.
    await replicas[0]?.keep();
    const before = await placesOf('audit_events');
    await Promise.all(replicas.map((each) => each.keep()));
    expect(await placesOf('audit_events')).toEqual(before);
    expect(await placesOf('identifications')).toHaveLength(before.length);
  });

  it('take what came while there was none, and nothing is lost', async () => {
    await insert('now()', 500);
    await insert(`now() + interval '9 days'`, 3);
    await insert(`now() - interval '50 days'`, 2);
    expect(await countIn('audit_events_default')).toBe(505);
    await (await replica(EVENTS)).keep();
    expect(await countIn('audit_events')).toBe(505);
    const [first] = await placesOf('audit_events');
    expect(await countIn(first?.name ?? '')).toBe(500);
    expect(await countIn('audit_events_default')).toBeLessThanOrEqual(5);
    expect(await database.query(`SELECT to_regclass('audit_events_overflow') AS left`)).toEqual([{ left: null }]);
    await expect(database.query('DELETE FROM audit_events')).rejects.toThrow('append-only');
    await expect(database.query('TRUNCATE audit_events_default')).rejects.toThrow('append-only');
  });

  it('go on behind what is too much to be moved while others wait', async () => {
    await insert('now()', 10_500);
    const partitions = await replica(EVENTS);
    await partitions.keep();
    expect(await countIn('audit_events_default')).toBe(10_500);
    const places = await placesOf('audit_events');
    expect(places[0]?.bound).toMatch(/^2 to /);
    expect(await partitionOf(`now() + interval '3 days'`)).toBe(places[0]?.name);
    // What has no partition goes where it went, and nothing is left of the check.
    expect(await partitionOf('now()')).toBe('audit_events_default');
    const checks = `SELECT conname FROM pg_constraint WHERE conname LIKE '%_bound'`;
    expect(await database.query(checks)).toEqual([]);
  });

  it('that cannot be made keep no other table from its own, and no row that is past from being deleted', async () => {
    const dataSource = await new DataSource({ ...ormOptions(database.connection) }).initialize();
    dataSources.push(dataSource);
    const sweeper = new Sweeper(false, dataSource, new Partitions(dataSource));
    const nothing = (time: string) => ({ time, before: `'-infinity'` });
    const unmakable = { ...EVENTS, prepare: () => `DO $$ BEGIN RAISE 'refused'; END $$` };
    sweeper.addPartitioned({ ...unmakable, rows: nothing('at') });
    sweeper.addPartitioned({ ...IDENTIFICATIONS, rows: nothing('expires_at') });
    sweeper.add({ table: 'audit_emails', time: 'at', before: `now() - interval '100 days'` });
    await database.query(
      `INSERT INTO audit_emails (event_id, email, at) VALUES (gen_random_uuid(), 'a@example.org', now() - interval '101 days')`,
    );
    await expect(sweeper.sweep()).rejects.toThrow('refused');
    expect((await placesOf('identifications')).length).toBeGreaterThan(1);
    expect(await countIn('audit_emails')).toBe(0);
  });

  it('a table that cannot be swept keeps no other from being', async () => {
    const dataSource = await new DataSource({ ...ormOptions(database.connection) }).initialize();
    dataSources.push(dataSource);
    const sweeper = new Sweeper(false, dataSource, new Partitions(dataSource));
    const ended: string[] = [];
    const deleted: string[] = [];
    sweeper.watch({
      deleted: (table, rows) => void deleted.push(`${table} ${rows}`),
      ended: (outcome) => void ended.push(outcome),
    });
    sweeper.add({ table: 'audit_emails', time: 'nonsense', before: 'now()' });
    sweeper.add({ table: 'audit_emails', time: 'at', before: `now() - interval '100 days'` });
    await database.query(
      `INSERT INTO audit_emails (event_id, email, at)
       SELECT gen_random_uuid(), 'a@example.org', now() - interval '101 days' FROM generate_series(1, 501)`,
    );
    await expect(sweeper.sweep()).rejects.toThrow('"nonsense" does not exist');
    expect([ended, deleted]).toEqual([['failed'], ['audit_emails 500', 'audit_emails 1']]);
    expect(await countIn('audit_emails')).toBe(0);
  });

  it('are not waited for by those who write: what cannot be had in two seconds is left to the next time', async () => {
    const reader = await database.hold('SELECT FROM audit_events_default');
    try {
      const partitions = await replica(EVENTS, IDENTIFICATIONS);
      await partitions.keep();
      expect(await placesOf('audit_events')).toEqual([]);
      // And the next table has its own all the same.
      expect((await placesOf('identifications')).length).toBeGreaterThan(1);
      await reader.end();
      await partitions.keep();
      expect((await placesOf('audit_events')).length).toBeGreaterThan(1);
    } finally {
      await reader.end();
    }
  });
});

describe('Retention', () => {
  it('drops partitions of which all is past, and no other', async () => {
    const partitions = await replica(EVENTS);
    const [gone, kept] = [await past('audit_events', -120, -100), await past('audit_events', -100, -93)];
    await insert(`now() - interval '110 days'`, 5);
    await insert(`now() - interval '95 days'`, 7);
    expect([await countIn(gone), await countIn(kept)]).toEqual([5, 7]);
    await partitions.keep();
    const names = (await placesOf('audit_events')).map(({ name }) => name);
    expect(names).not.toContain(gone);
    expect(names).toContain(kept);
    expect(await countIn('audit_events')).toBe(7);
  });

  it('drops no identifications of which one has not expired, whatever the setting says by now', async () => {
    const partitions = await replica(IDENTIFICATIONS);
    const name = await past('identifications', -50, -40);
    await database.query(`INSERT INTO oauth_clients (id, name, scopes) VALUES ('c', 'c', '{}')`);
    await database.query(
      `INSERT INTO identifications (client_id, ip, url, user_agent, created_at, expires_at)
       SELECT 'c', '192.0.2.1', 'https://example.org', '', now() - interval '45 days', now() + n * interval '1 day' FROM generate_series(-5, 1) n`,
    );
    expect(await countIn(name)).toBe(7);
    await partitions.keep();
    expect(await countIn(name)).toBe(7);
    await database.query(
      `UPDATE identifications SET expires_at = now() - interval '1 second' WHERE expires_at > now()`,
    );
    await partitions.keep();
    expect((await placesOf('identifications')).map((place) => place.name)).not.toContain(name);
  });

  it('drops what is past behind a partition of which something is not, as after the setting was lowered', async () => {
    const partitions = await replica(IDENTIFICATIONS);
    const [kept, gone] = [await past('identifications', -50, -40), await past('identifications', -40, -33)];
    await database.query(`INSERT INTO oauth_clients (id, name, scopes) VALUES ('c', 'c', '{}')`);
    await database.query(
      `INSERT INTO identifications (client_id, ip, url, user_agent, created_at, expires_at)
       SELECT 'c', '192.0.2.1', 'https://example.org', '', now() - age * interval '1 day', now() + age * interval '1 day' - interval '40 days'
       FROM unnest(ARRAY[45, 35]) AS age`,
    );
    await partitions.keep();
    const names = (await placesOf('identifications')).map((place) => place.name);
    expect(names).toContain(kept);
    expect(names).not.toContain(gone);
  });

  it('waits two seconds for a lock, and no longer', async () => {
    const partitions = await replica(EVENTS);
    const name = await past('audit_events', -120, -100);
    await partitions.keep();
    const again = await past('audit_events', -130, -110);
    expect(again).not.toBe(name);
    const reader = await database.hold('SELECT FROM audit_events');
    const waits: number[] = [];
    const watched = { isOver: false };
    const watch = (async () => {
      while (!watched.isOver) {
        const rows = await database.query<{ ms: number }>(
          `SELECT extract(epoch FROM clock_timestamp() - query_start)::float8 * 1000 AS ms FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'DROP TABLE%'`,
        );
        waits.push(...rows.map(({ ms }) => ms));
      }
    })();
    await partitions.keep();
    watched.isOver = true;
    await watch;
    expect((await placesOf('audit_events')).map((place) => place.name)).toContain(again);
    expect(waits.length).toBeGreaterThan(0);
    // The limit is PostgreSQL's own; a slow machine sees a little more.
    const [limit] = await database.query<{ value: string }>(`SELECT current_setting('lock_timeout') AS value`);
    expect(limit?.value).toBe('0');
    expect(Math.max(...waits)).toBeLessThan(10_000);
    await reader.end();
    await partitions.keep();
    expect((await placesOf('audit_events')).map((place) => place.name)).not.toContain(again);
  });
});

describe('A server of the previous release', () => {
  /** What its sweeper sends, by where rows are in "the table". */
  const sweepEvents = `
    BEGIN;
    SELECT set_config('latchkey.audit_retention', 'on', true);
    DELETE FROM audit_events WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM audit_events WHERE at < now() - interval '100 days' LIMIT 500 FOR UPDATE SKIP LOCKED))
    RETURNING 1 AS one;
    COMMIT`;

  it('writes to them, and its sweeper takes nothing that is not past: rows of two partitions can be at the same place', async () => {
    await past('audit_events', -120, -100);
    await past('audit_events', -50, -40);
    await insert(`now() - interval '110 days'`, 20);
    await insert(`now() - interval '45 days'`, 20);
    await database.query(sweepEvents);
    expect(await countIn('audit_events')).toBe(40);

    await past('identifications', -50, -40);
    await past('identifications', -40, -30);
    await database.query(`INSERT INTO oauth_clients (id, name, scopes) VALUES ('c', 'c', '{}')`);
    const identify = (age: number, left: string) =>
      database.query(
        `INSERT INTO identifications (client_id, ip, url, user_agent, created_at, expires_at)
         SELECT 'c', '192.0.2.1', 'https://example.org', '', now() - $1 * interval '1 day', now() + $2::interval FROM generate_series(1, 20)`,
        [age, left],
      );
    await identify(45, '-1 day');
    await identify(35, '1 day');
    const left = () => database.query(`SELECT count(*)::int FROM identifications WHERE expires_at > now()`);
    await database.query(
      `DELETE FROM identifications WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM identifications WHERE expires_at < now() LIMIT 500 FOR UPDATE SKIP LOCKED))
       RETURNING 1 AS one`,
    );
    expect(await left()).toEqual([{ count: 20 }]);
    // What ends with its client does.
    await database.query('DELETE FROM oauth_clients');
    expect(await countIn('identifications')).toBe(0);
  });
});
