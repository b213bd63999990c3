/** While no request has failed for so long, the outage is over. In milliseconds. */
const QUIET = 10_000;
/** How often a long outage is told of again, in milliseconds. */
const REMINDER = 60_000;

/** Canceled, no lock in time, deadlock, serialization failure: it is there, and others may not notice anything. */
const TOO_SLOW = new Set(['57014', '55P03', '40P01', '40001']);

/** Where it is told. */
export interface OutageLogger {
  warn(message: string): void;
  info(message: string): void;
}

/** Says once that the database is unavailable, whatever the number of requests that fail of it, and how many they were. */
export class OutageLog {
  private failures = 0;
  private beganAt = 0;
  private failedAt = 0;
  private remindedAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly logger: OutageLogger) {}

  /** A request has failed of it. */
  note(error: unknown): void {
    const now = performance.now();
    this.failures += 1;
    this.failedAt = now;
    if (this.timer) return;
    this.beganAt = now;
    this.remindedAt = now;
    const { message, code } = error as { message?: unknown; code?: unknown };
    const what = TOO_SLOW.has(String(code)) ? 'too slow or too busy for a request' : 'unavailable';
    this.logger.warn(`the database is ${what}: ${String(message)}`);
    this.timer = setInterval(() => {
      this.look();
    }, QUIET / 4).unref();
  }

  private look(): void {
    const now = performance.now();
    const requests = this.failures === 1 ? '1 request' : `${this.failures} requests`;
    const soFar = `${requests} failed over ${Math.round((this.failedAt - this.beganAt) / 1_000)} s`;
    if (now - this.failedAt >= QUIET) {
      clearInterval(this.timer);
      this.timer = undefined;
      this.failures = 0;
      this.logger.info(`database recovered: ${soFar}`);
    } else if (now - this.remindedAt >= REMINDER) {
      this.remindedAt = now;
      this.logger.warn(`the database is still unavailable: ${soFar}`);
    }
  }
}
