import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { RUNS_BACKGROUND_JOBS } from '../config/config.module.js';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { BATCH, deleteBatch, type ExpiredRows } from './expired-rows.js';
import { Partitions, type PartitionedTable } from './partitions.service.js';
import { RepeatedWork } from './repeated-work.js';

/** A table of which whole partitions are dropped, and rows deleted where there is no partition of their time. */
export interface ExpiredPartitions extends PartitionedTable {
  rows: Omit<ExpiredRows, 'table'>;
}

/** `skipped`: another replica was sweeping. */
export type SweepOutcome = 'done' | 'failed' | 'skipped';

/** Who is told of sweeps. */
export interface SweepWatcher {
  /** Rows of a table were deleted, of whichever partition. */
  deleted(table: string, rows: number): void;
  ended(outcome: SweepOutcome, seconds: number): void;
}

/** Rows that are due, and what is known of how far their table has been swept. */
interface Due {
  /** The table as it is called, if `rows` are those of a partition. */
  name: string;
  rows: ExpiredRows;
  from?: number | undefined;
}

/** In milliseconds. */
const MINUTE = 60_000;
const REST = 1_000;
/** How many sweeps there are for each time that partitions are looked after. */
const SWEEPS_PER_KEEPING = 10;

/**
 * Deletes expired rows, each minute, in small batches that skip locked rows, on whichever replica gets the lock, and keeps partitions.
 * Modules register which rows of their tables are expired; see {@link add}.
 */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Sweeper');
  private readonly expiredRows: ExpiredRows[] = [];
  private readonly expiredPartitions: ExpiredPartitions[] = [];
  private readonly watchers: SweepWatcher[] = [];
  private readonly inBackground = new RepeatedWork(
    {
      firstAfter: MINUTE,
      every: MINUTE,
      rest: REST,
      logger: this.logger,
      failed: 'sweeping failed; it will be retried',
    },
    () => this.sweepAgain(),
  );
  private sweeps = 0;

  constructor(
    @Inject(RUNS_BACKGROUND_JOBS) private readonly runsBackgroundJobs: boolean,
    private readonly dataSource: DataSource,
    private readonly partitions: Partitions,
  ) {}

  add(rows: ExpiredRows): void {
    this.expiredRows.push(rows);
  }

  addPartitioned(table: ExpiredPartitions): void {
    this.partitions.add(table);
    this.expiredPartitions.push(table);
  }

  watch(watcher: SweepWatcher): void {
    this.watchers.push(watcher);
  }

  /** The tables of which rows are deleted, each once. */
  get tables(): string[] {
    return [...new Set([...this.expiredPartitions, ...this.expiredRows].map(({ table }) => table))];
  }

  onApplicationBootstrap(): void {
    if (this.runsBackgroundJobs) this.inBackground.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.inBackground.stop();
  }

  /**
   * @param onDeleted is told how many rows were deleted so far
   * @param options.keepsPartitions false: only rows are deleted
   * @returns how many rows were deleted; 0 also when another replica is sweeping. Rows of dropped partitions are not counted.
   * @throws the first failure, of the partitions or of a table, after the rows of all others were deleted
   */
  async sweep(
    onDeleted: (table: string, deleted: number) => void = () => undefined,
    { keepsPartitions = true } = {},
  ): Promise<number> {
    const begun = performance.now();
    let outcome: SweepOutcome = 'failed';
    try {
      const keeping = keepsPartitions ? this.partitions.keep() : Promise.resolve();
      await keeping.catch(() => undefined);
      const { deleted, isOurs, failures } = await this.deleteRows(onDeleted);
      await keeping;
      if (failures.length > 0) throw failures[0];
      outcome = isOurs ? 'done' : 'skipped';
      return deleted;
    } finally {
      for (const watcher of this.watchers) watcher.ended(outcome, (performance.now() - begun) / 1_000);
    }
  }

  /** A batch of each table in turn, so that none waits until a much larger one is done. */
  private async deleteRows(onDeleted: (table: string, deleted: number) => void) {
    const failures: unknown[] = [];
    let [deleted, isOurs] = [0, true];
    for (let due = await this.due(); due.length > 0 && isOurs;) {
      const more: Due[] = [];
      for (const { name, rows, from } of due) {
        if (this.inBackground.isStopping) break;
        try {
          const batch = await this.dataSource.transaction((tx) => deleteBatch(tx, rows, from));
          isOurs = batch !== undefined;
          if (!batch) break;
          deleted += batch.rows;
          for (const watcher of this.watchers) watcher.deleted(name, batch.rows);
          onDeleted(rows.table, deleted);
          if (batch.rows === BATCH) more.push({ name, rows, from: batch.last });
        } catch (error) {
          failures.push(error);
          // Nothing comes of the others either.
          if (isDatabaseUnavailable(error)) return { deleted, isOurs, failures };
        }
      }
      due = more;
    }
    if (deleted > 0) this.logger.log(`swept ${deleted} row(s)`);
    return { deleted, isOurs, failures };
  }

  /** By partition, as rows are deleted by where they are, which is only told within one. */
  private async due(): Promise<Due[]> {
    const loose = await Promise.all(
      this.expiredPartitions.map(async (parted) => {
        const places = await this.partitions.loose(parted);
        return places.map((table) => ({ name: parted.table, rows: { ...parted.rows, table } }));
      }),
    );
    return [...loose.flat(), ...this.expiredRows.map((rows) => ({ name: rows.table, rows }))];
  }

  private async sweepAgain(): Promise<void> {
    const keepsPartitions = this.sweeps % SWEEPS_PER_KEEPING === 0;
    this.sweeps += 1;
    await this.sweep(undefined, { keepsPartitions });
  }
}
