import type { EntityManager } from 'typeorm';
import { SWEEP_LOCK } from './locks.js';
import { sql } from './sql.js';

/** Rows of a table to be deleted: those whose time is before a moment. All of it is SQL, never from user input. */
export interface ExpiredRows {
  table: string;
  /** An expression of the type timestamptz. It should have an index, in whose order rows are deleted. */
  time: string;
  /** The moment, such as `now()`. */
  before: string;
  /** A condition besides. */
  among?: string;
  /** A setting that is the name of the table during the deletion, for a trigger. */
  setting?: string;
}

/** What was deleted. */
export interface Deleted {
  rows: number;
  /** The latest time among them, in microseconds since 1970; undefined: there was none. */
  last: number | undefined;
}

/** How many rows a transaction deletes at most. */
export const BATCH = 500;

/**
 * Deletes some rows that nobody else holds, the oldest first.
 *
 * @param tx a transaction of its own
 * @param from where the batch before ended, in microseconds: PostgreSQL would read through what was deleted before, as often as there
 *   are batches, while somebody may still see it
 * @returns undefined: another replica is sweeping
 */
export async function deleteBatch(
  tx: EntityManager,
  { table, time, before, among, setting }: ExpiredRows,
  from: number | undefined,
): Promise<Deleted | undefined> {
  // When much of the table is expired, the planner would not use the index, although the first few rows suffice.
  const [lock] = await sql<{ held: boolean }>(
    tx,
    `SELECT pg_try_advisory_xact_lock($1, $2) AS held, set_config('enable_seqscan', 'off', true)`,
    [...SWEEP_LOCK],
  );
  if (!lock?.held) return undefined;
  if (setting !== undefined) await sql(tx, 'SELECT set_config($1, $2, true)', [setting, table]);
  const conditions = [
    `${time} < ${before}`,
    ...(from === undefined ? [] : [`${time} >= 'epoch'::timestamptz + $1::float8 * interval '1 microsecond'`]),
    ...(among === undefined ? [] : [among]),
  ];
  const rows = await sql<{ at: string }>(
    tx,
    `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM ${table} WHERE ${conditions.join(' AND ')} ORDER BY ${time} LIMIT ${BATCH} FOR UPDATE SKIP LOCKED))
     RETURNING (extract(epoch FROM ${time}) * 1000000)::bigint::text AS at`,
    from === undefined ? [] : [from],
  );
  const last = rows.reduce<number | undefined>(
    (latest, { at }) => Math.max(latest ?? -Infinity, Number(at)),
    undefined,
  );
  return { rows: rows.length, last };
}
