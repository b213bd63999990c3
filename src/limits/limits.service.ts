import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { withDeadline } from '../database/deadline.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { rateLimited } from '../errors/api-error.js';
import { AttemptLimitStore, type Limit } from './attempt-limits.store.js';
import { ReachedLimits } from './reached-limits.js';

export type { Limit } from './attempt-limits.store.js';

/**
 * For how long a process takes for certain, in seconds, that a limit is still reached which attempts of others may be given
 * back to, or which may be lifted, on any replica.
 */
const UNCERTAIN_AFTER = 1;

/** How long it may take to take an attempt back, in milliseconds. */
const TAKING_BACK = 2_500;

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
    if (seconds !== undefined) throw rateLimited(seconds);
  }

  /**
   * Like {@link take}, for whoever has something else to do when it is refused.
   *
   * @param options.manager a transaction's, if the attempt is to count only when that commits. When it is refused, the
   *   transaction should commit, as it has noted that in the audit log
   * @param options.isFinal false: an attempt may be given back, or the limit lifted
   * @returns undefined, or, when it is refused, for how many seconds that lasts
   */
  async tryTake(
    limits: Limit[],
    { manager = this.manager, isFinal = true }: { manager?: EntityManager; isFinal?: boolean } = {},
  ): Promise<number | undefined> {
    const known = this.knownToBeReached(limits);
    if (known !== undefined) return known;
    const report = this.audit.expectFailure({ kind: 'limit.reached', outcome: 'refused' });
    for (let round = 0; round < ROUNDS; round += 1) {
      const { taken, reached, isFirst } = await this.store.take(manager, limits, report.row);
      if (reached) {
        this.reached.add(reached.key, reached.seconds, isFinal ? Infinity : UNCERTAIN_AFTER);
        if (isFirst) report.happened(reached.key.split(' ', 1)[0] ?? '');
        return reached.seconds;
      }
      if (taken.length === limits.length) return undefined;
      // Others were counted in the same moment: what they left is seen the next time.
      if (taken.length > 0) await this.store.forget(taken, manager);
    }
    return 1;
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
   * Counts an attempt under each limit before it is made, and takes it back if it throws or succeeds.
   * @param work returns undefined when the attempt failed
   * @throws ApiError `rate_limited`
   */
  async attempt<T>(limits: Limit[], work: () => Promise<T | undefined>): Promise<T | undefined> {
    const seconds = await this.tryTake(limits, { isFinal: false });
    if (seconds !== undefined) throw rateLimited(seconds);
    const keys = limits.map(({ key }) => key);
    let outcome: T | undefined;
    try {
      outcome = await work();
    } catch (error) {
      this.reached.remove(keys);
      // What cannot be taken back counts until its window ends; the failure of the work is what is answered.
      await this.takingBack(() => this.store.forget(keys)).catch(() => undefined);
      throw error;
    }
    if (outcome !== undefined) {
      await this.takingBack(() => this.store.giveBack(keys));
      this.reached.remove(keys);
    }
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
    if (outcome === undefined) await this.take(...limits);
    return outcome;
  }

  /** Lifts limits before their time. */
  async lift(...limits: Limit[]): Promise<void> {
    const keys = limits.map(({ key }) => key);
    await this.store.remove(keys);
    this.reached.remove(keys);
  }

  /** However late it is for the request: a success that stays counted would lock its user out. */
  private takingBack(statement: () => Promise<void>): Promise<void> {
    return withDeadline(TAKING_BACK, statement);
  }

  private knownToBeReached(limits: Limit[]): number | undefined {
    for (const { key } of limits) {
      const seconds = this.reached.secondsLeft(key);
      if (seconds !== undefined) return seconds;
    }
    return undefined;
  }
}
