import { Logger } from '@nestjs/common';
import { isDatabaseUnavailable } from '../errors/database-errors.js';

const FLUSH_EVERY = 5_000;
/** How many different ids are collected between two flushes; others are dropped, to bound the memory. */
const MOST = 100_000;
/** How many are written by one statement: so few that nobody waits for it for long. */
const BATCH = 250;
/** How often what was passed over is tried again: for a minute, as it may have been deleted. */
const MOST_TRIES = 12;

/**
 * Deals out uses to statements like cards. Rows that were used one after the other have often been made so too, and lie on one page,
 * which has room for the new versions of a few of its rows at a time; where more are written at once, they are put elsewhere, and into
 * all indexes anew.
 */
function dealOut<T>(uses: T[]): T[][] {
  const statements = Array.from({ length: Math.ceil(uses.length / BATCH) }, (): T[] => []);
  for (const [index, use] of uses.entries()) statements[index % statements.length]?.push(use);
  return statements;
}

/** Collects in memory when rows were last used, and writes it every few seconds, in one statement for each batch. */
export class LastUsedBuffer {
  private readonly logger = new Logger('LastUsedBuffer');
  /** On the process's monotonic clock, in milliseconds, by id. */
  private pending = new Map<string, number>();
  /** How often the last use of a row has been passed over, by id. */
  private readonly tries = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();

  /** @param what the name of the rows, for the log
   * @param write receives how many seconds ago each was used, by id; gives the ids of those that were written
   */
  constructor(
    private readonly what: string,
    private readonly write: (uses: Map<string, number>) => Promise<string[]>,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.flushing = this.flushing.then(() => this.flush());
    }, FLUSH_EVERY).unref();
  }

  /** To be called after the last request has been answered, and before the pool is closed. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.flushing;
    await this.flush();
  }

  touch(id: string): void {
    if (this.pending.size < MOST || this.pending.has(id)) this.pending.set(id, Math.floor(performance.now()));
  }

  /** Writes what has been collected. What cannot be written is collected again, unless it was used since. */
  async flush(): Promise<void> {
    const statements = dealOut([...this.pending]);
    this.pending = new Map();
    for (const [index, uses] of statements.entries()) {
      const now = performance.now();
      try {
        const written = await this.write(new Map(uses.map(([id, at]) => [id, (now - at) / 1_000])));
        if (written.length < uses.length || this.tries.size > 0) this.tryAgain(uses, new Set(written));
      } catch (error) {
        this.noteAgain(statements.slice(index).flat());
        if (!isDatabaseUnavailable(error))
          this.logger.error(`the last uses of ${this.what} could not be written`, error);
        return;
      }
    }
  }

  private tryAgain(uses: [id: string, at: number][], written: Set<string>): void {
    for (const use of uses) {
      const [id] = use;
      const tries = (this.tries.get(id) ?? 0) + 1;
      if (written.has(id) || tries > MOST_TRIES) {
        this.tries.delete(id);
      } else {
        this.tries.set(id, tries);
        this.noteAgain([use]);
      }
    }
  }

  private noteAgain(uses: [id: string, at: number][]): void {
    for (const [id, at] of uses) {
      if (this.pending.has(id)) continue;
      if (this.pending.size < MOST) this.pending.set(id, at);
      // What there is no room for is dropped.
      else this.tries.delete(id);
    }
  }
}
