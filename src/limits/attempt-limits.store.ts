import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { Sweeper } from '../database/sweeper.service.js';

/** At most `most` attempts under `key` in a window of `seconds`, which begins with the first one. */
export interface Limit {
  key: string;
  most: number;
  seconds: number;
}

/** The table of counted attempts. */
@Injectable()
export class AttemptLimitStore implements OnModuleInit {
  constructor(
    private readonly manager: EntityManager,
    private readonly sweeper: Sweeper,
  ) {}

  onModuleInit(): void {
    this.sweeper.add({ table: 'attempt_limits', where: 'window_ends_at < now()' });
  }

  /** Counts an attempt, unless the limit is reached. @returns whether it was counted */
  async take(manager: EntityManager, { key, most, seconds }: Limit): Promise<boolean> {
    const rows = await sql(
      manager,
      `INSERT INTO attempt_limits AS l (key, count, window_ends_at)
       VALUES ($1, 1, now() + $2 * interval '1 second')
       ON CONFLICT (key) DO UPDATE SET
         count = CASE WHEN l.window_ends_at <= now() THEN 1 ELSE l.count + 1 END,
         window_ends_at = CASE WHEN l.window_ends_at <= now() THEN excluded.window_ends_at ELSE l.window_ends_at END,
         told = l.told AND l.window_ends_at > now()
       WHERE l.window_ends_at <= now() OR l.count < $3
       RETURNING count`,
      [key, seconds, most],
    );
    return rows.length > 0;
  }

  async giveBack(key: string): Promise<void> {
    await sql(
      this.manager,
      'UPDATE attempt_limits SET count = count - 1 WHERE key = $1 AND count > 0 AND window_ends_at > now()',
      [key],
    );
  }

  async remove(keys: string[]): Promise<void> {
    await sql(this.manager, 'DELETE FROM attempt_limits WHERE key = ANY($1) RETURNING key', [keys]);
  }

  /** @returns whether this is the first report in the limit's window */
  async markReported(tx: EntityManager, key: string): Promise<boolean> {
    const rows = await sql(
      tx,
      'UPDATE attempt_limits SET told = true WHERE key = $1 AND NOT told AND window_ends_at > now() RETURNING key',
      [key],
    );
    return rows.length > 0;
  }

  /** @param manager the one that counted: its transaction has locked the row
   * @returns seconds until the limit's window ends
   */
  async secondsLeft(manager: EntityManager, key: string): Promise<number> {
    const [row] = await sql<{ seconds: number }>(
      manager,
      'SELECT extract(epoch FROM window_ends_at - now())::float8 AS seconds FROM attempt_limits WHERE key = $1',
      [key],
    );
    return row?.seconds ?? 1;
  }
}
