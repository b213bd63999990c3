import type { Peer } from '../workers/peer.js';
import type { AskedByWorkers, AskedOfWorkers, Primary } from '../workers/subjects.js';
import { FairQueue, PATIENCE, tooMany, waitOf, type Queue, type Place } from './fair-queue.js';

/** The queue of all workers, as one of them sees it: the process that has started them keeps it. */
export class SharedQueue implements Queue {
  constructor(private readonly primary: Primary) {}

  isBusy(): Promise<boolean> {
    return this.primary.ask('busy', undefined);
  }

  async run<T>(place: Place, expected: number, work: () => Promise<T>): Promise<T> {
    const turn = await this.primary.ask('turn', { place, expected });
    if ('wait' in turn) throw tooMany(turn.wait);
    try {
      return await work();
    } finally {
      this.primary.tell('over', { job: turn.job });
    }
  }

  async requireRoom(place: Place): Promise<void> {
    const wait = await this.primary.ask('room', place);
    if (wait !== undefined) throw tooMany(wait);
  }
}

/** Owns the queue of all workers: so much is hashed at once by all of them together, and everybody has turns with everybody. */
export class QueueOwner {
  private readonly queue: FairQueue;
  private count = 0;

  constructor(slots: number) {
    this.queue = new FairQueue(slots, PATIENCE);
  }

  /** @param ended settles when the worker has ended: its turns are over then */
  serve(worker: Peer<AskedOfWorkers, AskedByWorkers>, ended: Promise<unknown>): void {
    const turns = new Map<number, () => void>();
    let hasEnded = false;
    void ended.then(() => {
      hasEnded = true;
      for (const end of turns.values()) end();
    });
    worker.answer('busy', () => this.queue.isBusy());
    worker.answer('room', (place) => {
      try {
        this.queue.requireRoom(place);
      } catch (error) {
        return waitOf(error);
      }
      return undefined;
    });
    worker.answer('over', ({ job }) => {
      turns.get(job)?.();
      turns.delete(job);
      return undefined;
    });
    worker.answer('turn', ({ place, expected }) =>
      this.turn(place, expected, (job, end) => {
        if (hasEnded) end();
        else turns.set(job, end);
      }),
    );
  }

  /** @param begin is called when it has its turn, with what ends it */
  private turn(
    place: Place,
    expected: number,
    begin: (job: number, end: () => void) => void,
  ): Promise<{ job: number } | { wait: number }> {
    return new Promise((resolve) => {
      const work = () =>
        new Promise<void>((end) => {
          this.count += 1;
          begin(this.count, end);
          resolve({ job: this.count });
        });
      this.queue.run(place, expected, work).catch((error: unknown) => {
        resolve({ wait: waitOf(error) ?? PATIENCE });
      });
    });
  }
}
