import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { rateLimited } from '../errors/api-error.js';
import { AttemptLimitStore, type Limit } from './attempt-limits.store.js';

export type { Limit } from './attempt-limits.store.js';

/** Counts attempts in PostgreSQL, so that all replicas agree. A limit ends by itself with its window. */
@Injectable()
export class Limits {
  constructor(
    private readonly manager: EntityManager,
    private readonly store: AttemptLimitStore,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Counts one attempt; one too many is refused, and not counted.
   *
   * @param manager a transaction's, if the attempt is to count only when that commits
   * @throws ApiError `rate_limited` with how long to wait, when it is refused
   */
  async take({ key, most, seconds }: Limit, manager = this.manager): Promise<void> {
    if (await this.store.take(manager, { key, most, seconds })) return;
    // A caller's transaction ends with the refusal, and what it would note with it.
    if (manager === this.manager) await this.report({ key });
    throw rateLimited(await this.store.secondsLeft(manager, key));
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
  giveBack({ key }: Limit): Promise<void> {
    return this.store.giveBack(key);
  }

  /** Lifts limits before their time. */
  lift(...limits: Limit[]): Promise<void> {
    return this.store.remove(limits.map(({ key }) => key));
  }

  /**
   * Notes in the audit log that a limit was reached: the first time in each window, as whoever floods us fills no disk. For
   * whoever takes a limit in a transaction of their own, which ends with the refusal.
   */
  async report({ key }: Pick<Limit, 'key'>): Promise<void> {
    await this.manager.transaction(async (tx) => {
      const subject = key.split(' ', 1)[0] ?? '';
      if (await this.store.markReported(tx, key)) {
        await this.audit.record(tx, { kind: 'limit.reached', outcome: 'refused', subject });
      }
    });
  }
}
