import type { Histogram } from 'prom-client';
import { ApiError } from '../errors/api-error.js';
import type { Metrics } from '../metrics/metrics.service.js';

/** Seconds. */
const DURATIONS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** The metrics of hashing. */
export class HashingFigures {
  private waiting = 0;
  private running = 0;
  private refused = 0;
  private readonly seconds: Histogram;

  /** @param threads how many of all workers may hash at once */
  constructor(metrics: Metrics, threads: number) {
    const show = (name: string, help: string, type: 'gauge' | 'counter', value: () => number) => {
      const aggregator = name.endsWith('threads') ? 'max' : 'sum';
      metrics.show({ name, help, type, aggregator, values: () => [{ labels: {}, value: value() }] });
    };
    show('latchkey_hashing_threads', 'How many passwords can be hashed at once.', 'gauge', () => threads);
    show('latchkey_hashing_running', 'How many passwords are being hashed.', 'gauge', () => this.running);
    show('latchkey_hashing_waiting', 'How many passwords wait to be hashed.', 'gauge', () => this.waiting);
    show(
      'latchkey_hashing_refused_total',
      'Total number of requests that were refused as too many passwords waited to be hashed.',
      'counter',
      () => this.refused,
    );
    this.seconds = metrics.durations(
      'latchkey_hashing_seconds',
      'How long hashing a password took, without waiting, in seconds.',
      DURATIONS,
    );
  }

  /** @param queue waits for a turn, and does in it what it is given */
  async ofQueued<T>(queue: (inTurn: (work: () => Promise<T>) => Promise<T>) => Promise<T>): Promise<T> {
    const turn = { hasCome: false };
    this.waiting += 1;
    try {
      return await queue(async (work) => {
        turn.hasCome = true;
        this.waiting -= 1;
        this.running += 1;
        try {
          return await work();
        } finally {
          this.running -= 1;
        }
      });
    } catch (error) {
      if (!turn.hasCome && error instanceof ApiError && error.code === 'unavailable') this.refused += 1;
      throw error;
    } finally {
      if (!turn.hasCome) this.waiting -= 1;
    }
  }

  took(seconds: number): void {
    this.seconds.observe(seconds);
  }
}
