import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type pg from 'pg';
import { DataSource } from 'typeorm';
import { withDeadline } from '../database/deadline.js';
import { DirectDatabase } from '../database/direct-database.service.js';
import { poolOf } from '../database/pool-of.js';
import { sql } from '../database/sql.js';
import { cachedFor, DATABASE_LIMIT, FRESH_FOR } from './cached-for.js';
import { Metrics } from './metrics.service.js';
import type { Sample } from './own-metric.js';

/** Seconds: from a connection that is idle to one that a request waits for until it is given up. */
const WAITS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5];

interface Stored {
  waiting: number;
  oldest: number;
  migration: string;
}

const STORED = `
  SELECT count(*)::int AS waiting, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest,
    (SELECT max(timestamp)::text FROM migrations) AS migration
  FROM outgoing_mails WHERE done_at IS NULL`;

/** The metrics of the connections to the database, and of what is stored in it. */
@Injectable()
export class DatabaseMetrics implements OnApplicationBootstrap {
  private readonly readStored = cachedFor(FRESH_FOR, () =>
    withDeadline(DATABASE_LIMIT, () => sql<Stored>(this.dataSource.manager, STORED)).then(
      ([row]) => row,
      () => undefined,
    ),
  );

  constructor(
    private readonly dataSource: DataSource,
    private readonly direct: DirectDatabase,
    private readonly metrics: Metrics,
  ) {}

  onApplicationBootstrap(): void {
    const pools = { requests: poolOf(this.dataSource), direct: this.direct.pool };
    this.showPools(pools);
    this.timeWaits(pools);
    this.showStored();
  }

  private showPools(pools: Record<string, pg.Pool>): void {
    const each = (samples: (pool: pg.Pool, name: string) => Sample[]) => () =>
      Object.entries(pools).flatMap(([name, pool]) => samples(pool, name));
    this.metrics.show({
      name: 'latchkey_database_connections',
      help: 'Connections to the database by pool and state: used or idle.',
      type: 'gauge',
      values: each((pool, name) => [
        { labels: { pool: name, state: 'used' }, value: pool.totalCount - pool.idleCount },
        { labels: { pool: name, state: 'idle' }, value: pool.idleCount },
      ]),
    });
    this.metrics.show({
      name: 'latchkey_database_connections_max',
      help: 'How many connections to the database there may be, by pool.',
      type: 'gauge',
      values: each((pool, name) => [{ labels: { pool: name }, value: pool.options.max }]),
    });
    const waiting = each((pool, name) => [{ labels: { pool: name }, value: pool.waitingCount }]);
    this.metrics.show({
      name: 'latchkey_database_waiting',
      help: 'How many wait for a connection to the database, by pool.',
      type: 'gauge',
      values: async () => {
        // Whoever asks, as the scrape itself does, waits for the rest of the turn even where a connection is idle.
        await nextTurn();
        return waiting();
      },
    });
  }

  private timeWaits({ requests }: Record<'requests', pg.Pool>): void {
    const waits = this.metrics.durations(
      'latchkey_database_wait_seconds',
      'How long requests have waited for a connection to the database, in seconds.',
      WAITS,
    );
    whenConnected(requests, (seconds) => {
      waits.observe(seconds);
    });
  }

  private showStored(): void {
    const shown = (name: string, help: string, value: (stored: Stored) => number) => {
      this.metrics.show({
        name,
        help,
        type: 'gauge',
        aggregator: 'max',
        values: async () => {
          const stored = await this.readStored();
          return stored ? [{ labels: {}, value: value(stored) }] : [];
        },
      });
    };
    shown(
      'latchkey_mails_waiting',
      'How many mails wait to be sent. Absent while the database is away.',
      ({ waiting }) => waiting,
    );
    shown(
      'latchkey_mails_oldest_seconds',
      'How old the oldest mail is that waits to be sent, in seconds; 0: none does.',
      ({ oldest }) => oldest,
    );
    shown(
      'latchkey_schema_migration',
      'The newest migration of the database: the number that its name begins with.',
      ({ migration }) => Number(migration),
    );
  }
}

type Connected = (error: Error | undefined, client?: pg.PoolClient, done?: (release?: unknown) => void) => void;

/** Tells how long each connection of a pool was waited for. Some ask with a callback, others for a promise. */
function whenConnected(pool: pg.Pool, tell: (seconds: number) => void): void {
  const connect = pool.connect.bind(pool) as {
    (): Promise<pg.PoolClient>;
    (callback: Connected): void;
  };
  const timed = (callback?: Connected) => {
    const asked = performance.now();
    const note = () => {
      tell((performance.now() - asked) / 1_000);
    };
    if (!callback) return connect().finally(note);
    connect((...answer) => {
      note();
      callback(...answer);
    });
    return undefined;
  };
  pool.connect = timed as typeof pool.connect;
}
