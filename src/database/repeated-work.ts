import type { Logger } from '@nestjs/common';
import { isDatabaseUnavailable } from '../errors/database-errors.js';

/** Durations are milliseconds. */
export interface Repetition {
  /** From the start to the first time. */
  firstAfter: number;
  /** From the beginning of one time to that of the next. */
  every: number;
  /** From the end of one time to the beginning of the next, at least. */
  rest: number;
  logger: Logger;
  /** The line of the log for a time that failed; the next one tries again. */
  failed: string;
}

/** Work in the background that is done again and again, never twice at once, and does not keep the process from ending. */
export class RepeatedWork {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(
    private readonly repetition: Repetition,
    private readonly work: () => Promise<unknown>,
  ) {}

  /** Whether the work is to come to an end soon. */
  get isStopping(): boolean {
    return this.stopping;
  }

  start(): void {
    this.schedule(this.repetition.firstAfter);
  }

  /** Settles when what was under way has ended. To be called before the pool is closed. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(after: number): void {
    this.timer = setTimeout(() => {
      this.running = this.workAndGoOn();
    }, after).unref();
  }

  private async workAndGoOn(): Promise<void> {
    const begun = performance.now();
    const { every, rest, logger, failed } = this.repetition;
    try {
      await this.work();
    } catch (error) {
      logger.warn(failed, isDatabaseUnavailable(error) ? undefined : error);
    }
    if (!this.stopping) this.schedule(Math.max(rest, every - (performance.now() - begun)));
  }
}
