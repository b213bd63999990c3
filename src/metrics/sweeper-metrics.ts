import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Sweeper, type SweepOutcome } from '../database/sweeper.service.js';
import { Metrics } from './metrics.service.js';

const OUTCOMES: SweepOutcome[] = ['done', 'failed', 'skipped'];

/** Seconds: from a sweep that finds nothing to one that has not kept up for long. */
const DURATIONS = [0.01, 0.05, 0.25, 1, 5, 30, 120];

/** The metrics of the deletion of what has expired. */
@Injectable()
export class SweeperMetrics implements OnApplicationBootstrap {
  constructor(
    private readonly sweeper: Sweeper,
    private readonly metrics: Metrics,
  ) {}

  /** When the modules have said which tables there are. */
  onApplicationBootstrap(): void {
    const rows = this.metrics.counter(
      'latchkey_sweeper_rows_total',
      'Total number of expired rows that were deleted, by table, without those of partitions that were dropped.',
      ['table'],
      this.sweeper.tables,
    );
    const runs = this.metrics.counter(
      'latchkey_sweeper_runs_total',
      'Total number of sweeps by outcome: done, failed (tried again), or skipped (another replica was sweeping).',
      ['outcome'],
      OUTCOMES,
    );
    const durations = this.metrics.durations(
      'latchkey_sweeper_seconds',
      'How long sweeps have taken, in seconds.',
      DURATIONS,
    );
    let lastRun = 0;
    this.metrics.show({
      name: 'latchkey_sweeper_last_run_timestamp_seconds',
      help: 'When this server last finished a sweep of its own, in seconds since 1970; 0: not since it was started.',
      type: 'gauge',
      aggregator: 'max',
      values: () => [{ labels: {}, value: lastRun }],
    });
    this.sweeper.watch({
      deleted: (table, count) => {
        rows.inc({ table }, count);
      },
      ended: (outcome, seconds) => {
        runs.inc({ outcome });
        durations.observe(seconds);
        if (outcome === 'done') lastRun = Date.now() / 1_000;
      },
    });
  }
}
