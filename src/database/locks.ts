import type { EntityManager } from 'typeorm';
import { sql } from './sql.js';

/**
 * Keys of PostgreSQL advisory locks. All users of the same database share one key space, hence the arbitrary first
 * number.
 */
const NAMESPACE = 7_102_024;

/** Held while the schema changes and while an empty database is filled. */
export const MIGRATION_LOCK = [NAMESPACE, 1] as const;
/** Held while the first signing key is created. */
export const SIGNING_KEY_LOCK = [NAMESPACE, 3] as const;
/** Held by the replica that sweeps. */
export const SWEEP_LOCK = [NAMESPACE, 2] as const;
/** Held by the replica that makes or drops a partition. */
export const PARTITION_LOCK = [NAMESPACE, 5] as const;
/** Held by whoever brings up to date what organisations are found by. */
export const INSTITUTION_LOCK = [NAMESPACE, 6] as const;

/** Held by admins who change accounts, one at a time, so that no two of them remove the last two admins. */
export const ADMINISTRATION_LOCK = [NAMESPACE, 4] as const;
/** The first number of the locks on emails; the second one is a hash of the email. */
export const EMAIL_LOCKS = NAMESPACE + 1;
/** The first number of the locks on how many tokens an account has; the second one is a hash of it and of their kind. */
export const TOKEN_COUNT_LOCKS = NAMESPACE + 2;
/** The first number of the locks on keys of requests; the second one is a hash of the key. */
export const IDEMPOTENCY_LOCKS = NAMESPACE + 29;
/** The first number of the locks on what was got through an App-Token; the second one is a hash of its id. */
export const APP_TOKEN_LOCKS = NAMESPACE + 28;
/** The first number of the locks on the failed sign-ins of an account; the second one is a hash of its email. */
export const SIGN_IN_LOCKS = NAMESPACE + 13;

/** How long to try for a lock, in milliseconds. No request waits for these. */
const LOCK_LIMIT = 60_000;
const RETRY_AFTER = 200;

/**
 * Runs a transaction while it holds an advisory lock. Polls for the lock instead of waiting in PostgreSQL, as
 * statements of the pool have a short timeout.
 *
 * @throws when the lock cannot be had within a minute
 */
export async function underLock<T>(
  manager: EntityManager,
  lock: readonly [number, number],
  work: (tx: EntityManager) => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + LOCK_LIMIT;
  for (;;) {
    const done = await manager.transaction(async (tx) => {
      const [row] = await sql<{ held: boolean }>(tx, 'SELECT pg_try_advisory_xact_lock($1, $2) AS held', [...lock]);
      return row?.held ? { result: await work(tx) } : undefined;
    });
    if (done) return done.result;
    if (Date.now() > deadline)
      throw new Error('Another Latchkey process has held a lock in the database for a minute.');
    await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER));
  }
}
