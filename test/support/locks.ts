import { expect } from '@jest/globals';
import pg from 'pg';
import type { TestDatabase } from './database.js';
import { eventually } from './process.js';

/** Runs something while a lock is held that somebody else's transaction has taken. */
export async function whileLocked<T>(
  { connection }: TestDatabase,
  lock: string,
  values: unknown[],
  during: () => Promise<T>,
): Promise<T> {
  const holder = new pg.Client(connection);
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query(lock, values);
    const done = await during();
    await holder.query('COMMIT');
    return done;
  } finally {
    await holder.end();
  }
}

/** Waits until so many wait for locks. */
export const waiting = (database: TestDatabase, count: number): Promise<void> =>
  eventually(async () => {
    const backends = await database.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    expect(backends).toHaveLength(count);
  });
