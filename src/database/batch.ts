import { AsyncResource } from 'node:async_hooks';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { unavailable } from '../errors/api-error.js';
import { activeTracing } from '../tracing/tracing.js';
import { DeadlineError, timeLeft } from './deadline.js';

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
  /** When whoever waits has no time left, on the monotonic clock, in milliseconds. */
  until: number;
  /** Whoever waits, in the traces. */
  span: object | undefined;
}

/** How many items a batch has at most, and how many may wait. */
const MOST = 64;
const MOST_WAITING = 2_000;
/** Beside a batch of so few another one starts at once: so little is asked that nobody has to wait for others. */
const FEW = 8;
/** After how long nobody waits for the end of a batch any more, in milliseconds: it may be that of a connection that is mute. */
const LONG = 20;
/** How many batches are under way at once. */
const AT_ONCE = 2;

/**
 * Does at once, by one statement, what many ask for at the same moment: in one turn of the event loop, or while batches are under way,
 * in the order in which it came. Whoever asks alone waits for nothing but the end of the turn. Where much is asked, a batch
 * waits for a moment for the end of the one before, unless it is full: a statement by itself costs as much as some five items.
 */
export class Batch<Item, Result> {
  private readonly waiting: Waiting<Item, Result>[] = [];
  /** The batches that are under way, and whether the next one waits for their end. */
  private readonly running = new Set<{ isWaitedFor: boolean }>();
  private isAboutToStart = false;
  /** A batch belongs to no request: neither its deadline nor its caller is that of whoever happened to start it. */
  private readonly outside = new AsyncResource('Batch');

  /**
   * @param work gives a result for each item, in their order. Of an item that fails the others must know nothing: it is
   *   a single statement, or a transaction. It is not called in the context of any request
   */
  constructor(private readonly work: (items: Item[]) => Promise<Result[]>) {}

  /**
   * @returns what came of an item
   * @throws what its own work throws; ApiError `unavailable` when too many wait; DeadlineError when its turn comes too late
   */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.waiting.length >= MOST_WAITING) throw unavailable('Too many requests at once. Try again later.', 1);
      this.waiting.push({
        item,
        resolve,
        reject,
        until: performance.now() + timeLeft(),
        span: activeTracing()?.current(),
      });
      this.startSoon();
    });
  }

  /** At the end of the turn, when all that had arrived has been read. */
  private startSoon(): void {
    if (this.isAboutToStart || !this.hasRoom()) return;
    this.isAboutToStart = true;
    setImmediate(() => {
      this.isAboutToStart = false;
      this.start();
    });
  }

  private hasRoom(): boolean {
    if (this.running.size >= AT_ONCE) return false;
    return this.waiting.length >= MOST || ![...this.running].some(({ isWaitedFor }) => isWaitedFor);
  }

  private start(): void {
    while (this.waiting.length > 0 && this.hasRoom()) {
      const batch = this.waiting.splice(0, MOST).filter((one) => !isTooLate(one));
      if (batch.length === 0) continue;
      this.outside.runInAsyncScope(() => void this.run(batch));
    }
  }

  private async run(batch: Waiting<Item, Result>[]): Promise<void> {
    const own = { isWaitedFor: batch.length > FEW };
    this.running.add(own);
    const waitNoLonger = () => {
      own.isWaitedFor = false;
      this.start();
    };
    const timer = own.isWaitedFor ? setTimeout(waitNoLonger, LONG).unref() : undefined;
    try {
      const tracing = activeTracing();
      const spans = tracing ? batch.map(({ span }) => span) : [];
      const settle = () => this.settle(batch, waitNoLonger);
      await (tracing ? tracing.batch(spans, settle) : settle());
    } finally {
      clearTimeout(timer);
      this.running.delete(own);
      this.start();
    }
  }

  /**
   * @param takesTime is called when it will take many statements
   * @returns the error of a database that is away; undefined: it is there
   */
  private async settle(batch: Waiting<Item, Result>[], takesTime?: () => void): Promise<unknown> {
    try {
      const results = await this.work(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
      return undefined;
    } catch (error) {
      const isAway = isDatabaseUnavailable(error);
      if (batch.length > 1 && !isAway) {
        takesTime?.();
        return this.settleEach(batch);
      }
      for (const { reject } of batch) reject(error);
      return isAway ? error : undefined;
    }
  }

  /** One by one, until the database is away: none after that would fare better. */
  private async settleEach(batch: Waiting<Item, Result>[]): Promise<unknown> {
    for (const [index, one] of batch.entries()) {
      const outage = isTooLate(one) ? undefined : await this.settle([one]);
      if (outage === undefined) continue;
      for (const { reject } of batch.slice(index + 1)) reject(outage);
      return outage;
    }
    return undefined;
  }
}

function isTooLate({ until, reject }: Waiting<unknown, never>): boolean {
  const isLate = until <= performance.now();
  if (isLate) reject(new DeadlineError());
  return isLate;
}
