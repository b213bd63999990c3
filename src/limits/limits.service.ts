import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
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
    private readonly audit: AuditLog,
  ) {}

  onModuleInit(): void {
    this.sweeper.add({ table: 'attempt_limits', where: 'window_ends_at < now()' });
  }

  /**
   * Counts one attempt; one too many is refused, and not counted.
   *
   * @param manager a transaction's, if the attempt is to count only when that commits
   * @throws ApiError `rate_limited` with how long to wait, when it is refused
   */
  async take({ key, most, seconds }: Limit, manager = this.manager): Promise<void> {
    const taken = await sql(
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
    if (taken.length > 0) return;
    // A caller's transaction ends with the refusal, and what it would note with it.
    if (manager === this.manager) await this.report({ key });
    throw rateLimited(await this.waitFor(key, manager));
  }

  /**
   * Counts an attempt under each limit before it is made. What could not be made, was refused, or succeeded does not
   * count in the end.
   *
   * @param work gives undefined when the attempt failed
   * @throws ApiError `rate_limited`
   */
  async attempt<T>(limits: Limit[], work: () => Promise<T | undefined>): Promise<T | undefined> {
    const taken: Limit[] = [];
    let outcome: T | undefined;
    try {
      for (const limit of limits) {
        await this.take(limit);
        taken.push(limit);
      }
      outcome = await work();
    } catch (error) {
      await this.giveBackAll(taken).catch(() => undefined);
      throw error;
    }
    if (outcome !== undefined) await this.giveBackAll(taken);
    return outcome;
  }

  /**
   * Like {@link attempt}, for work that is cheap and whose answer nobody can guess: only failures are counted, and only
   * they are refused. So nobody who fails keeps anybody out who does not.
   *
   * @param work gives undefined when the attempt failed
   * @throws ApiError `rate_limited`
   */
  async countFailure<T>(limits: Limit[], work: () => Promise<T | undefined>): Promise<T | undefined> {
    const outcome = await work();
    if (outcome === undefined) for (const limit of limits) await this.take(limit);
    return outcome;
  }

  private async giveBackAll(limits: Limit[]): Promise<void> {
    for (const limit of limits) await this.giveBack(limit);
  }

  /** Takes back one attempt that turned out not to count. */
  async giveBack({ key }: Limit): Promise<void> {
    await sql(
      this.manager,
      'UPDATE attempt_limits SET count = count - 1 WHERE key = $1 AND count > 0 AND window_ends_at > now()',
      [key],
    );
  }

  /** Lifts limits before their time. */
  async lift(...limits: Limit[]): Promise<void> {
    const keys = limits.map(({ key }) => key);
    await sql(this.manager, 'DELETE FROM attempt_limits WHERE key = ANY($1) RETURNING key', [keys]);
  }

  /**
   * Notes in the audit log that a limit was reached: the first time in each window, as whoever floods us fills no disk. For
   * whoever takes a limit in a transaction of their own, which ends with the refusal.
   */
  async report({ key }: Pick<Limit, 'key'>): Promise<void> {
    await this.manager.transaction(async (tx) => {
      const [first] = await sql(
        tx,
        'UPDATE attempt_limits SET told = true WHERE key = $1 AND NOT told AND window_ends_at > now() RETURNING key',
        [key],
      );
      const subject = key.split(' ', 1)[0] ?? '';
      if (first !== undefined) await this.audit.record(tx, { kind: 'limit.reached', outcome: 'refused', subject });
    });
  }

  /** @returns seconds until the window ends */
  private async waitFor(key: string, manager: EntityManager): Promise<number> {
    const [row] = await sql<{ wait: number }>(
      // Whoever has a connection waits for no other: they hold the limit's row.
      manager,
      'SELECT extract(epoch FROM window_ends_at - now())::float8 AS wait FROM attempt_limits WHERE key = $1',
      [key],
    );
    return row?.wait ?? 1;
  }
}
