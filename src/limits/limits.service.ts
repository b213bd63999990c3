import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { tooManyAttempts } from '../errors/api-error.js';
import { AttemptLimitStore, type Limit, type Taken } from './attempt-limits.store.js';
import { ReachedLimits } from './reached-limits.js';

export type { Limit } from './attempt-limits.store.js';

/** What is left of a limit. */
export interface Standing {
  /** Whether the attempt was one too many. */
  isReached: boolean;
  remaining: number;
  /** For how long its window goes on. */
  seconds: number;
}

/** How often an attempt is counted that others come between. */
const ROUNDS = 5;

/**
 * Counts attempts in PostgreSQL, so that all replicas agree. A limit ends by itself with its window. A refusal costs a
 * statement at most, and none where this process knows already that the limit is reached.
 */
@Injectable()
export class Limits {
  private readonly reached: ReachedLimits;

  constructor(
    private readonly manager: EntityManager,
    private readonly store: AttemptLimitStore,
    private readonly audit: AuditLog,
    clock: DatabaseClock,
  ) {
    this.reached = new ReachedLimits(() => clock.now() * 1_000);
  }

  /**
   * Counts one attempt under each limit; one too many is refused, and counted under none.
   *
   * @throws ApiError `rate_limited` with how long to wait, when it is refused
   */
  async take(...limits: Limit[]): Promise<void> {
    const seconds = await this.tryTake(limits);
    if (seconds !== undefined) throw tooManyAttempts(seconds);
  }

  /**
   * Like {@link take}, for whoever has something else to do when it is refused.
   *
   * @param options.manager a transaction's, if the attempt is to count only when that commits. When it is refused, the
   *   transaction should commit, as it has noted that in the audit log
   * @returns undefined, or, when it is refused, for how many seconds that lasts
   */
  async tryTake(
    limits: Limit[],
    { manager = this.manager }: { manager?: EntityManager } = {},
  ): Promise<number | undefined> {
    const counted = await this.count(limits, manager);
    return 'taken' in counted ? undefined : counted.refusedFor;
  }

  /** Counts one attempt under one limit, unless it is one too many. @returns what is left of that */
  async use(limit: Limit): Promise<Standing> {
    const counted = await this.count([limit], this.manager);
    if ('refusedFor' in counted) return { isReached: true, remaining: 0, seconds: counted.refusedFor };
    const { count, seconds } = counted.taken[0] ?? { count: 0, seconds: limit.seconds };
    return { isReached: false, remaining: Math.max(0, limit.most - count), seconds };
  }

  /**
   * Does work in a transaction, and counts it under each limit if the transaction commits.
   *
   * @returns what the work gives; undefined when it is refused
   */
  async inTransaction<T>(limits: Limit[], work: (tx: EntityManager) => Promise<T>): Promise<T | undefined> {
    if (this.knownToBeReached(limits) !== undefined) return undefined;
    return this.manager.transaction(async (manager) => {
      const seconds = await this.tryTake(limits, { manager });
      return seconds === undefined ? work(manager) : undefined;
    });
  }

  /**
   * For cheap work that cannot be guessed: only failures are counted and refused, so that nobody's failures block somebody
   * else's success.
   *
   * @param work returns undefined when the attempt failed
   * @throws ApiError `rate_limited`
   */
  async countFailure<T>(limits: Limit[], work: () => Promise<T | undefined>): Promise<T | undefined> {
    const outcome = await work();
    if (outcome === undefined) await this.take(...limits);
    return outcome;
  }

  /**
   * For what can be guessed: only failures are counted, too, but once they have reached a limit, nobody is told any more whether a guess
   * was right. Of guesses at the same moment, a right one may be told of before the others are counted.
   *
   * @param limits that refuse right guesses, too
   * @param others that only refuse wrong ones. What they refuse counts under `limits`, or those could be got round
   * @param work returns undefined when the guess was wrong; it is not done where this process knows that a limit is reached
   * @throws ApiError `rate_limited`
   */
  async countGuess<T>(limits: Limit[], others: Limit[], work: () => Promise<T | undefined>): Promise<T | undefined> {
    this.refuseKnown(limits);
    const outcome = await work();
    // Right or wrong, so that neither takes longer than the other.
    this.refuseKnown(limits);
    if (outcome === undefined) {
      await this.take(...limits);
      await this.take(...others);
      return undefined;
    }
    const reached = await this.store.findReached(this.manager, limits);
    if (!reached) return outcome;
    this.reached.add(reached.key, reached.seconds);
    throw tooManyAttempts(reached.seconds);
  }

  /** Whether this process knows already that the limit is reached, without a statement. */
  isReached(limit: Limit): boolean {
    return this.knownToBeReached([limit]) !== undefined;
  }

  /** @returns for how many seconds one of them refuses everything, as far as this process knows; undefined: none is known to be reached */
  knownToBeReached(limits: Limit[]): number | undefined {
    for (const { key } of limits) {
      const seconds = this.reached.secondsLeft(key);
      if (seconds !== undefined) return seconds;
    }
    return undefined;
  }

  private async count(limits: Limit[], manager: EntityManager): Promise<Pick<Taken, 'taken'> | { refusedFor: number }> {
    const known = this.knownToBeReached(limits);
    if (known !== undefined) return { refusedFor: known };
    const report = this.audit.expectFailure({ kind: 'limit.reached', outcome: 'refused' });
    for (let round = 0; round < ROUNDS; round += 1) {
      const { taken, reached, isFirst } = await this.store.take(manager, limits, report.row);
      if (reached) {
        this.reached.add(reached.key, reached.seconds);
        if (isFirst) report.happened(reached.key.split(' ', 1)[0] ?? '');
        return { refusedFor: reached.seconds };
      }
      if (taken.length === limits.length) return { taken };
      // Others were counted in the same moment: what they left is seen the next time.
      const keys = taken.map(({ key }) => key);
      if (keys.length > 0) await this.store.forget(manager, keys);
    }
    return { refusedFor: 1 };
  }

  /** @throws ApiError `rate_limited` when this process knows already that one is reached */
  private refuseKnown(limits: Limit[]): void {
    const known = this.knownToBeReached(limits);
    if (known !== undefined) throw tooManyAttempts(known);
  }
}
