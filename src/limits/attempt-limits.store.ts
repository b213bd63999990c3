import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { insertFrom, type EventRow } from '../audit-log/audit-events.store.js';
import { sql } from '../database/sql.js';
import { Sweeper } from '../database/sweeper.service.js';

/** At most `most` attempts under `key` in a window of `seconds`, which begins with the first one. */
export interface Limit {
  key: string;
  most: number;
  seconds: number;
}

/** What became of an attempt. */
export interface Taken {
  /** Under which limits it was counted, how many were then, and for how many seconds their windows go on. */
  taken: { key: string; count: number; seconds: number }[];
  /** The first limit that had been reached already, and for how many seconds that lasts. */
  reached: { key: string; seconds: number } | undefined;
  /** Whether nobody was refused by it before in its window. */
  isFirst: boolean;
}

/**
 * Counts an attempt under all limits, in their order, or, if one of them has been reached, under none. Then that is noted
 * once for each window, as whoever floods us fills no disk.
 */
const TAKE = `
  WITH wanted AS (
    SELECT * FROM unnest($1::text[], $2::int[], $3::float8[]) WITH ORDINALITY AS w (key, most, seconds, place)
  ), reached AS (
    SELECT key, extract(epoch FROM l.window_ends_at - now())::float8 AS seconds
    FROM wanted JOIN attempt_limits l USING (key)
    WHERE l.count >= most AND l.window_ends_at > now() ORDER BY place LIMIT 1
  ), told AS (
    UPDATE attempt_limits l SET told = true FROM reached WHERE l.key = reached.key AND NOT l.told RETURNING l.key
  ), report AS (
    ${insertFrom('jsonb_to_record($4::jsonb)', {
      subject: `split_part(told.key, ' ', 1)`,
      among: 'CROSS JOIN told WHERE $4::jsonb IS NOT NULL',
    })}
  ), taken AS (
    INSERT INTO attempt_limits AS l (key, count, window_ends_at)
    SELECT key, 1, now() + seconds * interval '1 second' FROM wanted WHERE NOT EXISTS (SELECT FROM reached)
    ORDER BY place
    ON CONFLICT (key) DO UPDATE SET
      count = CASE WHEN l.window_ends_at <= now() THEN 1 ELSE l.count + 1 END,
      window_ends_at = CASE WHEN l.window_ends_at <= now() THEN excluded.window_ends_at ELSE l.window_ends_at END,
      told = l.told AND l.window_ends_at > now()
    WHERE l.window_ends_at <= now() OR l.count < (SELECT most FROM wanted w WHERE w.key = excluded.key)
    RETURNING key, count, window_ends_at
  )
  SELECT (SELECT key FROM reached) AS key, (SELECT seconds FROM reached) AS seconds,
    EXISTS (SELECT FROM told) AS "isFirst", (SELECT coalesce(jsonb_agg(jsonb_build_object('key', key, 'count', count,
      'seconds', extract(epoch FROM window_ends_at - now()))), '[]') FROM taken) AS taken`;

/** The first of these limits that has been reached, if one has. */
const REACHED = `
  SELECT key, extract(epoch FROM l.window_ends_at - now())::float8 AS seconds
  FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS w (key, most, place) JOIN attempt_limits l USING (key)
  WHERE l.count >= most AND l.window_ends_at > now() ORDER BY place LIMIT 1`;

/** Locks the rows of `$1` in the order of the keys, as {@link TAKE} does: nobody waits for another in a circle. */
const HELD = `
  SELECT l.key, l.count FROM unnest($1::text[]) WITH ORDINALITY AS w (key, place) JOIN attempt_limits l USING (key)
  ORDER BY place FOR UPDATE OF l`;

/** The table of counted attempts. */
@Injectable()
export class AttemptLimitStore implements OnModuleInit {
  constructor(private readonly sweeper: Sweeper) {}

  onModuleInit(): void {
    this.sweeper.add({ table: 'attempt_limits', time: 'window_ends_at', before: 'now()' });
  }

  /**
   * Counts an attempt under all limits, unless it is one too many under one of them. Of several attempts at once, one may be
   * counted under some and refused by another; `taken` are fewer than the limits then, and nothing is `reached`.
   *
   * @param report what the audit log is to have of a limit that is reached, but for the subject; null: nothing
   */
  async take(manager: EntityManager, limits: Limit[], report: EventRow | null): Promise<Taken> {
    const [row] = await sql<{ key: string | null; seconds: number | null; isFirst: boolean; taken: Taken['taken'] }>(
      manager,
      TAKE,
      [limits.map(({ key }) => key), limits.map(({ most }) => most), limits.map(({ seconds }) => seconds), report],
    );
    if (!row) throw new Error('Nothing was said about the limits.');
    const { key, seconds, isFirst, taken } = row;
    return { taken, isFirst, reached: key === null ? undefined : { key, seconds: seconds ?? 0 } };
  }

  /** @returns the first of the limits that has been reached, and for how many seconds that lasts */
  async findReached(manager: EntityManager, limits: Limit[]): Promise<{ key: string; seconds: number } | undefined> {
    const values = [limits.map(({ key }) => key), limits.map(({ most }) => most)];
    const [reached] = await sql<{ key: string; seconds: number }>(manager, REACHED, values);
    return reached;
  }

  /** Takes back an attempt that was never made: where it was the only one, nothing is left of it. */
  async forget(manager: EntityManager, keys: string[]): Promise<void> {
    await sql(
      manager,
      `WITH held AS (${HELD}), gone AS (
         DELETE FROM attempt_limits l USING held WHERE l.key = held.key AND held.count <= 1 RETURNING l.key
       )
       UPDATE attempt_limits l SET count = l.count - 1 FROM held
       WHERE l.key = held.key AND held.count > 1 AND l.window_ends_at > now() RETURNING l.key`,
      [keys],
    );
  }
}
