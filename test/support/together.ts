import { setImmediate as endOfTurn } from 'node:timers/promises';
import { jest, expect } from '@jest/globals';
import { Batch } from '../../src/database/batch.js';
import type { TestDatabase } from './database.js';
import { whileLocked } from './locks.js';
import { eventually } from './process.js';
import type { Answer } from './server.js';

export interface Together {
  /** While it is held, nothing of this can be done. */
  lock: string;
  /** Of what is done in batches, that which is meant here. */
  isMeant: (item: object) => boolean;
}

/** How many are done by each batch of {@link twoAhead}. */
export const batchesOf = (count: number) => [1, 1, count - 2];

/** From now on the first two who ask for something that is done in batches do so in turns of their own, and all others later. */
export function twoAhead() {
  const came = new Map<object, number>();
  const { add } = Batch.prototype as unknown as { add: (this: unknown, item: unknown) => Promise<unknown> };
  return jest.spyOn(Batch.prototype, 'add').mockImplementation(async function (this: Batch<unknown, unknown>, item) {
    const before = came.get(this) ?? 0;
    came.set(this, before + 1);
    for (let turns = Math.min(before, 2) * 2; turns > 0; turns -= 1) await endOfTurn();
    return add.call(this, item);
  });
}

/**
 * Asks while nothing of it can be done, until all wait: two for the lock, and all others for these.
 *
 * @param options.count how many of them are done in batches
 * @param options.meanwhile happens before the lock is released
 * @returns what they were answered, and how many were done by each batch
 */
export async function askTogether(
  database: TestDatabase,
  { lock, isMeant }: Together,
  asked: () => Promise<Answer>[],
  { count, meanwhile }: { count?: number; meanwhile?: () => Promise<unknown> } = {},
): Promise<{ answers: Answer[]; sizes: number[] }> {
  const sizes: number[] = [];
  const add = twoAhead();
  const settle = jest.spyOn(
    Batch.prototype as unknown as { settle(batch: { item: object }[]): Promise<void> },
    'settle',
  );
  try {
    const { asking } = await whileLocked(database, lock, [], async () => {
      const asking = asked();
      await eventually(() => {
        const added = add.mock.calls.filter(([item]) => isMeant(item as object));
        expect(added.length).toBeGreaterThanOrEqual(count ?? asking.length);
        return Promise.resolve();
      });
      await eventually(async () => {
        expect(await waitingForLocks(database)).toBeGreaterThanOrEqual(Math.min(2, asking.length));
      });
      await meanwhile?.();
      return { asking };
    });
    const answers = await Promise.all(asking);
    for (const [batch] of settle.mock.calls) if (batch.some(({ item }) => isMeant(item))) sizes.push(batch.length);
    return { answers, sizes };
  } finally {
    add.mockRestore();
    settle.mockRestore();
  }
}

/** Who waits for a lock, but for the server's own note of when what was last used. */
const WAITING = `FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock' AND query NOT LIKE '%last_used_at = greatest%'`;

async function waitingForLocks(database: TestDatabase): Promise<number> {
  return (await database.query(`SELECT 1 ${WAITING}`)).length;
}

/** Ends the connections that wait for a lock. */
export const endWaiting = (database: TestDatabase) => database.query(`SELECT pg_terminate_backend(pid) ${WAITING}`);
