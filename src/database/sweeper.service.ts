import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { SWEEP_LOCK } from './locks.js';
import { sql } from './sql.js';

/** Rows that nobody needs any more. */
export interface ExpiredRows {
  table: string;
  /** The SQL condition that makes a row expired; of ours, never of a client's. */
  where: string;
  /** A setting that tells the table's trigger who deletes; on for the transaction. */
  setting?: string;
}

const BATCH = 500;
const FIRST_AFTER = 60_000;
const PERIOD = 10 * 60_000;

/**
 * Deletes what has served its time, in small batches that skip locked rows, on whichever replica gets the lock.
 * Modules say which rows of their tables are expired; see {@link add}.
 */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Sweeper');
  private readonly expiredRows: ExpiredRows[] = [];
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(private readonly dataSource: DataSource) {}

  /** The condition should have an index: it is asked again for each batch. */
  add(rows: ExpiredRows): void {
    this.expiredRows.push(rows);
  }

  onApplicationBootstrap(): void {
    this.schedule(FIRST_AFTER);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** @returns how many rows were deleted; 0 too when another replica is at it */
  async sweep(): Promise<number> {
    let deleted = 0;
    for (const rows of this.expiredRows) {
      for (let batch = BATCH; batch === BATCH && !this.stopping; deleted += batch) {
        batch = await this.dataSource.transaction((tx) => deleteBatch(tx, rows));
      }
    }
    if (deleted > 0) this.logger.log(`swept ${deleted} row(s)`);
    return deleted;
  }

  private schedule(after: number): void {
    this.timer = setTimeout(() => {
      this.running = this.sweepAndGoOn();
    }, after).unref();
  }

  private async sweepAndGoOn(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      this.logger.warn('sweeping failed; it is tried again', isDatabaseUnavailable(error) ? undefined : error);
    }
    if (!this.stopping) this.schedule(PERIOD);
  }
}

async function deleteBatch(tx: EntityManager, { table, where, setting }: ExpiredRows): Promise<number> {
  const [lock] = await sql<{ held: boolean }>(tx, 'SELECT pg_try_advisory_xact_lock($1, $2) AS held', [...SWEEP_LOCK]);
  if (!lock?.held) return 0;
  // The planner takes half of a table for too much to go by an index, and forgets that the first few are enough.
  await sql(tx, 'SET LOCAL enable_seqscan = off');
  if (setting !== undefined) await sql(tx, `SELECT set_config($1, 'on', true)`, [setting]);
  const rows = await sql(
    tx,
    `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM ${table} WHERE ${where} LIMIT ${BATCH} FOR UPDATE SKIP LOCKED))
     RETURNING 1 AS one`,
  );
  return rows.length;
}
