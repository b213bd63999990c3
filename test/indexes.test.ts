import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';

const PAGE = 'docs/decisions/indexes.md';

interface Line {
  index: string;
  table: string;
  serves: string;
}

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(() => database.drop());

const page = readFileSync(resolve(PAGE), 'utf8');
const lines: Line[] = [...page.matchAll(/^\| `(\w+)` +\| `(\w+)` +\| (.+?) +\|$/gm)].map(
  ([, index = '', table = '', serves = '']) => ({ index, table, serves }),
);

/** The indexes of tables and, for those that are partitioned, of the default partition, which is the model of the others. */
const stored = () =>
  database.query<{ index: string; table: string }>(
    `SELECT i.indexname AS index, coalesce(p.relname, c.relname)::text AS table FROM pg_indexes i
     JOIN pg_class c ON c.relname = i.tablename AND c.relnamespace = 'public'::regnamespace
     LEFT JOIN pg_inherits h ON h.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = h.inhparent
     WHERE i.schemaname = 'public' AND c.relkind = 'r' AND c.relname <> 'migrations'
       AND (h.inhrelid IS NULL OR pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT')`,
  );

const byName = (one: { index: string }, other: { index: string }) => (one.index < other.index ? -1 : 1);

describe(PAGE, () => {
  it('names each index of a migrated database, with its table, and no other', async () => {
    const named = lines.map(({ index, table }) => ({ index, table }));
    expect(named.sort(byName)).toEqual((await stored()).sort(byName));
  });

  it('says of each where the statement is that reads by it, and that is in a file on that table', () => {
    for (const { index, table, serves } of lines) {
      const files = [...serves.matchAll(/`(src\/[\w/.-]+)`/g)].map(([, file = '']) => file);
      expect([index, files.length > 0]).toEqual([index, true]);
      for (const file of files) {
        expect([index, file, existsSync(resolve(file))]).toEqual([index, file, true]);
        const isOnTable = readFileSync(resolve(file), 'utf8').includes(table);
        // The conditions on emails are written once, for all tables.
        expect([index, file, isOnTable || file === 'src/emails/email-address.ts']).toEqual([index, file, true]);
      }
    }
  });

  it('tells how full pages are written', async () => {
    const told = [...page.matchAll(/^\| `(\w+)` +\| (\d+) +\|/gm)].map(([, table, factor]) => `${table} ${factor}`);
    const set = await database.query<{ line: string }>(
      `SELECT relname || ' ' || (regexp_match(array_to_string(reloptions, ','), 'fillfactor=(\\d+)'))[1] AS line FROM pg_class
       WHERE array_to_string(reloptions, ',') LIKE '%fillfactor%'`,
    );
    expect(told.sort()).toEqual(set.map(({ line }) => line).sort());
  });
});

it('Every partition has the indexes of the default one', async () => {
  const partitions = await database.query<{ parent: string; partition: string; indexes: string[] }>(
    `SELECT h.inhparent::regclass::text AS parent, h.inhrelid::regclass::text AS partition,
       ARRAY(SELECT (regexp_match(pg_get_indexdef(i.indexrelid), ' (USING .*)'))[1] FROM pg_index i WHERE i.indrelid = h.inhrelid ORDER BY 1)
         AS indexes
     FROM pg_inherits h JOIN pg_partitioned_table t ON t.partrelid = h.inhparent`,
  );
  expect(new Set(partitions.map(({ parent }) => parent))).toEqual(new Set(['audit_events', 'identifications']));
  for (const { parent, partition, indexes } of partitions) {
    const model = partitions.find((one) => one.partition === `${parent}_default`)?.indexes;
    expect([partition, indexes]).toEqual([partition, model]);
  }
});
