import { AsyncLocalStorage } from 'node:async_hooks';

interface Work {
  /** When it has to be done, on the process's monotonic clock, in milliseconds. */
  at: number;
  /** What it is done for. */
  purpose: object | undefined;
}

/** One for both, as each costs every request. */
const storage = new AsyncLocalStorage<Work>();

/**
 * Runs work whose statements begin within the limit, and are given up when it ends. Milliseconds; Infinity: no limit.
 *
 * @param purpose see {@link currentPurpose}; by default that of the caller
 */
export function withDeadline<T>(limit: number, work: () => T, purpose = currentPurpose()): T {
  return storage.run({ at: performance.now() + limit, purpose }, work);
}

/** @returns what the caller's work is done for; undefined: for nothing in particular */
export function currentPurpose(): object | undefined {
  return storage.getStore()?.purpose;
}

/** @returns how many milliseconds are left to whatever the caller runs for; Infinity: no limit */
export function timeLeft(): number {
  const deadline = storage.getStore();
  return deadline ? deadline.at - performance.now() : Infinity;
}

/** Gives whatever the caller runs for so many milliseconds more, for a statement that is known to take long. */
export function extendDeadline(by: number): void {
  const deadline = storage.getStore();
  if (deadline) deadline.at += by;
}

/** With less than this, nothing is begun that would have to be given up at once. In milliseconds. */
const ENOUGH = 300;

/** Nothing has been asked, as no time was left. It says of the database that it was too slow (query_canceled). */
export class DeadlineError extends Error {
  readonly code = '57014';

  constructor() {
    super('The request has taken too long.');
  }
}

/** @throws DeadlineError when whatever the caller runs for has no time left to ask something */
export function requireTime(): void {
  if (timeLeft() < ENOUGH) throw new DeadlineError();
}
