import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logging/logger.js';
import { PeerGone } from './peer.js';
import type { Start } from './subjects.js';
import { WorkerProcess } from './worker-process.js';

/** The pause before a worker takes the place of one that has ended doubles, up to the longest. In milliseconds. */
const PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
/** One that has lived for so long is replaced without a pause. */
const LONG = 60_000;
/** How often each is asked whether it lives, in milliseconds, and how often it may not answer. */
const ASK_EVERY = 1_000;
const MOST_SILENCES = 30;

interface Options {
  /** The program that a worker runs. */
  file: URL;
  count: number;
  start: Omit<Start, 'number' | 'isFirst'>;
  logger: Logger;
  /** Is told of each worker before that starts, to answer what it asks. */
  onWorker(worker: WorkerProcess): void;
  /** Is told when one may have become free to take a connection. */
  onChange(): void;
}

/**
 * The processes that serve. One that ends is replaced. When none is left, and the next one cannot start either, that is the
 * end of the server.
 */
export class Workers {
  /** Rejects when the server cannot go on, with the reason. */
  readonly failed: Promise<never>;
  private readonly all = new Map<number, WorkerProcess>();
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private last = 0;
  private fail!: (reason: unknown) => void;

  constructor(private readonly options: Options) {
    this.failed = new Promise((_, reject) => {
      this.fail = reject;
    });
    this.failed.catch(() => undefined);
    process.on('exit', () => {
      this.kill();
    });
  }

  /** Starts them all. @throws the reason why one cannot */
  async start(): Promise<void> {
    const numbers = Array.from({ length: this.options.count }, (_, index) => index + 1);
    const workers = await Promise.all(numbers.map((number) => this.begin(number, true)));
    for (const worker of workers) void this.keep(worker);
    this.timer = setInterval(() => {
      for (const worker of this.ready()) void this.look(worker);
    }, ASK_EVERY).unref();
  }

  /** Those that can serve. */
  ready(): WorkerProcess[] {
    return [...this.all.values()].filter(({ isReady }) => isReady);
  }

  /** The one with the fewest connections of those that are free to take one; of several, the next in turn. */
  next(): WorkerProcess | undefined {
    const free = this.ready().filter(({ isTaking }) => !isTaking);
    const least = Math.min(...free.map(({ connections }) => connections));
    const best = free.filter(({ connections }) => connections === least);
    const next = best.find(({ number }) => number > this.last) ?? best[0];
    this.last = next?.number ?? this.last;
    return next;
  }

  /** From now on none is replaced, and each answer is the last one of its connection. */
  leave(): void {
    this.stopping.abort();
    clearInterval(this.timer);
    for (const worker of this.ready()) worker.peer.tell('leave', undefined);
  }

  /** Ends them. Those that are starting are killed. */
  async stop(grace: number, limit: number): Promise<void> {
    this.leave();
    for (const worker of this.all.values()) {
      if (worker.isReady) worker.peer.tell('stop', { grace, limit });
      else worker.kill();
    }
    await Promise.all([...this.all.values()].map(({ ended }) => ended));
  }

  kill(): void {
    for (const worker of this.all.values()) worker.kill();
  }

  private async begin(number: number, isFirst: boolean): Promise<WorkerProcess> {
    const worker = new WorkerProcess(number, this.options.file);
    this.all.set(number, worker);
    this.options.onWorker(worker);
    const tooEarly = worker.ended.then((how) => {
      throw new Error(`worker ${number} has ended before it was ready (${how})`);
    });
    tooEarly.catch(() => undefined);
    const started = worker.peer.ask('start', { ...this.options.start, number, isFirst });
    await Promise.race([started, tooEarly]).catch(async (error: unknown) => {
      worker.kill();
      await worker.ended;
      // How it has ended says more.
      if (error instanceof PeerGone) await tooEarly;
      throw error;
    });
    worker.isReady = true;
    this.options.onChange();
    return worker;
  }

  /** Replaces a worker when it ends, and those that take its place. */
  private async keep(first: WorkerProcess): Promise<void> {
    const { number } = first;
    const { logger } = this.options;
    let worker: WorkerProcess | undefined = first;
    let pause = 0;
    for (;;) {
      if (worker) {
        const how: string = await worker.ended;
        this.all.delete(number);
        if (this.stopping.signal.aborted) return;
        if (performance.now() - worker.begun > LONG) pause = 0;
        logger.error(`worker ${number} has ended (${how}); another one takes its place`);
      }
      await sleep(pause, undefined, { signal: this.stopping.signal, ref: false }).catch(() => undefined);
      if (this.stopping.signal.aborted) return;
      pause = Math.min(Math.max(PAUSE, 2 * pause), LONGEST_PAUSE);
      worker = await this.begin(number, false).catch((error: unknown) => {
        this.all.delete(number);
        this.judge(number, error);
        return undefined;
      });
    }
  }

  /** One that should have taken the place of another cannot start. */
  private judge(number: number, error: unknown): void {
    if (this.stopping.signal.aborted) return;
    // Others that are starting may be about to serve.
    if (this.all.size === 0) this.fail(error);
    else this.options.logger.error({ err: error }, `worker ${number} cannot start; it will be retried`);
  }

  private async look(worker: WorkerProcess): Promise<void> {
    worker.silences += 1;
    if (worker.silences > MOST_SILENCES) {
      this.options.logger.error(`worker ${worker.number} no longer responds; killing it`);
      worker.kill();
    }
    if (worker.silences > 1) return;
    const connections = await worker.peer.ask('alive', undefined).catch(() => undefined);
    if (connections === undefined) return;
    worker.silences = 0;
    if (!worker.isTaking) worker.connections = connections;
  }
}
