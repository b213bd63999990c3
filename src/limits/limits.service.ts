import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { Sweeper } from '../database/sweeper.service.js';
import { rateLimited } from '../errors/api-error.js';

/** At most `most` attempts under `key` in `seconds`, counted from the first one. */
export interface Limit {
  key: string;
  most: number;
  seconds: number;
}

/** Counts attempts in PostgreSQL, so that all replicas agree. A limit ends by itself with its window. */
@Injectable()
export class Limits implements OnModuleInit {
  constructor(
    private readonly manager: EntityManager,
    private readonly sweeper: Sweeper,
  ) {}

  onModuleInit(): void {
    this.sweeper.add({ table: 'attempt_limits', where: 'window_ends_at < now()' });
  }

  /**
   * Counts one attempt.
   *
   * @throws ApiError `rate_limited` with how long to wait, when it is one too many
   */
  async take({ key, most, seconds }: Limit): Promise<void> {
    const [row] = await sql<{ count: number; wait: number }>(
      this.manager,
      `INSERT INTO attempt_limits AS l (key, count, window_ends_at)
       VALUES ($1, 1, now() + $2 * interval '1 second')
       ON CONFLICT (key) DO UPDATE SET
         count = CASE WHEN l.window_ends_at <= now() THEN 1 ELSE least(l.count + 1, 1000000000) END,
         window_ends_at = CASE WHEN l.window_ends_at <= now() THEN excluded.window_ends_at ELSE l.window_ends_at END
       RETURNING count, extract(epoch FROM l.window_ends_at - now())::float8 AS wait`,
      [key, seconds],
    );
    if (row && row.count > most) throw rateLimited(row.wait);
  }

  /** Takes back one attempt that turned out not to count. */
  async giveBack({ key }: Limit): Promise<void> {
    await sql(
      this.manager,
      'UPDATE attempt_limits SET count = count - 1 WHERE key = $1 AND count > 0 AND window_ends_at > now()',
      [key],
    );
  }
}
