import { setTimeout as sleep } from 'node:timers/promises';
import { AggregatorRegistry, Registry } from 'prom-client';
import type { Numbers } from '../workers/subjects.js';
import type { WorkerProcess } from '../workers/worker-process.js';
import { collectProcessMetrics } from './process-metrics.js';

/** How long a worker is waited for, in milliseconds. One that is slower has the numbers of the last time. */
const LIMIT = 1_000;

/** The numbers of all processes of a server: those of its workers, of those that have ended, and of the process that keeps this. */
export class NumbersOfWorkers {
  private readonly own = new Registry();
  private readonly last = new Map<WorkerProcess, Numbers>();
  /** What those that have ended had counted when they were last asked: what is counted never becomes less. */
  private ended: Numbers = [];

  constructor() {
    collectProcessMetrics(this.own);
  }

  /** @param workers those that can serve now */
  serve(worker: WorkerProcess, workers: () => WorkerProcess[]): void {
    worker.peer.answer('numbers', () => this.read(workers()));
    void worker.ended.then(() => this.keep(worker));
  }

  private async read(workers: WorkerProcess[]): Promise<Numbers[]> {
    const own = await this.own.getMetricsAsJSON();
    await Promise.all(workers.map((worker) => this.ask(worker)));
    return [own, ...this.last.values(), this.ended];
  }

  private async ask(worker: WorkerProcess): Promise<void> {
    const asked = worker.peer.ask('numbers', undefined).catch(() => undefined);
    const numbers = await Promise.race([asked, sleep(LIMIT, undefined, { ref: false })]);
    if (numbers && worker.isReady) this.last.set(worker, numbers);
  }

  private async keep(worker: WorkerProcess): Promise<void> {
    const counted = (this.last.get(worker) ?? []).filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
    this.last.delete(worker);
    this.ended = await AggregatorRegistry.aggregate([this.ended, counted]).getMetricsAsJSON();
  }
}
