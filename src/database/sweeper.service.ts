import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { DOES_WHAT_IS_DUE } from '../config/config.module.js';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { SWEEP_LOCK } from './locks.js';
import { Partitions, type PartitionedTable } from './partitions.service.js';
import { sql } from './sql.js';

/** Rows of a table to be deleted. */
export interface ExpiredRows {
  table: string;
  /** The SQL condition for expired rows; never from user input. */
  where: string;
  /** A setting that is the name of the table during the deletion, for a trigger. */
  setting?: string;
}

/** A table of which whole partitions are dropped, and rows deleted where there is no partition of their time. */
export interface ExpiredPartitions extends PartitionedTable, Pick<ExpiredRows, 'where' | 'setting'> {}

const BATCH = 500;
const FIRST_AFTER = 60_000;
const PERIOD = 10 * 60_000;

/**
 * Deletes expired rows, in small batches that skip locked rows, on whichever replica gets the lock, and keeps partitions. Modules
 * register which rows of their tables are expired; see {@link add}.
 */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Sweeper');
  private readonly expiredRows: ExpiredRows[] = [];
  private readonly expiredPartitions: ExpiredPartitions[] = [];
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(
    @Inject(DOES_WHAT_IS_DUE) private readonly doesWhatIsDue: boolean,
    private readonly dataSource: DataSource,
    private readonly partitions: Partitions,
  ) {}

  /** The condition should have an index, as it is evaluated for each batch. */
  add(rows: ExpiredRows): void {
    this.expiredRows.push(rows);
  }

  addPartitioned(table: ExpiredPartitions): void {
    this.partitions.add(table);
    this.expiredPartitions.push(table);
  }

  onApplicationBootstrap(): void {
    if (this.doesWhatIsDue) this.schedule(FIRST_AFTER);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /**
   * @param onDeleted is told how many rows were deleted so far
   * @returns how many rows were deleted; 0 also when another replica is sweeping. Rows of dropped partitions are not counted.
   * @throws also what failed of the partitions, after the rows were deleted
   */
  async sweep(onDeleted: (table: string, deleted: number) => void = () => undefined): Promise<number> {
    const keeping = this.partitions.keep();
    await keeping.catch(() => undefined);
    const deleted = await this.deleteRows(onDeleted);
    await keeping;
    return deleted;
  }

  private async deleteRows(onDeleted: (table: string, deleted: number) => void): Promise<number> {
    let deleted = 0;
    for (const rows of [...(await this.looseRows()), ...this.expiredRows]) {
      for (let batch = BATCH; batch === BATCH && !this.stopping; deleted += batch) {
        batch = await this.dataSource.transaction((tx) => deleteBatch(tx, rows));
        onDeleted(rows.table, deleted + batch);
      }
    }
    if (deleted > 0) this.logger.log(`swept ${deleted} row(s)`);
    return deleted;
  }

  /** By partition, as rows are deleted by where they are, which is only told within one. */
  private async looseRows(): Promise<ExpiredRows[]> {
    const names = await Promise.all(this.expiredPartitions.map((rows) => this.partitions.loose(rows)));
    return this.expiredPartitions.flatMap((rows, index) => (names[index] ?? []).map((table) => ({ ...rows, table })));
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
  // When much of the table is expired, the planner would not use the index, although the first few rows suffice.
  await sql(tx, 'SET LOCAL enable_seqscan = off');
  if (setting !== undefined) await sql(tx, 'SELECT set_config($1, $2, true)', [setting, table]);
  const rows = await sql(
    tx,
    `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM ${table} WHERE ${where} LIMIT ${BATCH} FOR UPDATE SKIP LOCKED))
     RETURNING 1 AS one`,
  );
  return rows.length;
}
