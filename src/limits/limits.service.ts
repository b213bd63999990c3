import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { rateLimited } from '../errors/api-error.js';
import { AttemptLimitStore, type Limit } from './attempt-limits.store.js';

export type { Limit } from './attempt-limits.store.js';

/** Counts attempts in PostgreSQL, so that all replicas agree. A limit ends with its window. */
@Injectable()
export class Limits {
  constructor(
    private readonly manager: EntityManager,
    private readonly store: AttemptLimitStore,
    private readonly audit: AuditLog,
  ) {}

  /** Counts one attempt, and refuses it if the limit is reached.
   * @param manager a transaction's, if the attempt is only to count when that commits
   * @throws ApiError `rate_limited`, with the time to wait
   */
  async take({ key, most, seconds }: Limit, manager = this.manager): Promise<void> {
    if (await this.store.take(manager, { key, most, seconds })) return;
    // In a caller's transaction, which the refusal rolls back, the report would be lost.
    if (manager === this.manager) await this.report({ key });
    throw rateLimited(await this.store.secondsLeft(manager, key));
  }

  /**
   * Counts an attempt under each limit before it is made, and takes it back if it throws or succeeds.
   * @param work returns undefined when the attempt failed
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
   * Like {@link attempt}, for cheap work that cannot be guessed: only failures are counted and refused, so that
   * nobody's failures block somebody else's success.
   * @param work returns undefined when the attempt failed
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

  /** Takes back one counted attempt. */
  giveBack({ key }: Limit): Promise<void> {
    return this.store.giveBack(key);
  }

  /** Lifts limits before their time. */
  lift(...limits: Limit[]): Promise<void> {
    return this.store.remove(limits.map(({ key }) => key));
  }

  /**
   * Records in the audit log that a limit was reached, once in each window, so that a flood does not fill the disk. To
   * be called after a refused {@link take} in a caller's transaction, which was rolled back.
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
