import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { Peer } from '../workers/peer.js';
import type { AskedByWorkers, AskedOfWorkers, Primary } from '../workers/subjects.js';
import { QueueOwner, SharedQueue } from './shared-queue.js';

/** One end of a channel that copies what it carries, as one between processes does. */
class End extends EventEmitter {
  other: End | undefined;

  send(message: unknown, _socket: unknown, _options: object, done: (error: Error | null) => void): void {
    const copy = structuredClone(message);
    setImmediate(() => this.other?.emit('message', copy, undefined));
    done(null);
  }
}

/** A worker of a server, and how it ends. */
function join(owner: QueueOwner): { queue: SharedQueue; end: () => void } {
  const [here, there] = [new End(), new End()];
  [here.other, there.other] = [there, here];
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  owner.serve(new Peer<AskedOfWorkers, AskedByWorkers>(there), ended);
  const primary: Primary = new Peer(here);
  return { queue: new SharedQueue(primary), end };
}

const at = (network: string) => ({ network, address: network });
const turns = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('The queue for hashing passwords of several workers', () => {
  it('does so much at once in all of them together', async () => {
    const owner = new QueueOwner(2);
    const workers = [join(owner), join(owner), join(owner)];
    let [now, most] = [0, 0];
    const work = async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 2));
      now -= 1;
    };
    await Promise.all(workers.flatMap(({ queue }) => turns(6).map((n) => queue.run(at(String(n)), 1, work))));
    expect({ most, now }).toEqual({ most: 2, now: 0 });
  });

  it('refuses on each of them what would wait for too long because of the others, with how long it would', async () => {
    const owner = new QueueOwner(1);
    const [one, other] = [join(owner), join(owner)];
    let finish = (): void => undefined;
    const running = one.queue.run(at('a'), 60_000, () => new Promise<void>((resolve) => (finish = resolve)));
    await one.queue.isBusy();
    const refused = { status: 503, details: { headers: { 'retry-after': '60' } } };
    await expect(other.queue.requireRoom(at('b'))).rejects.toMatchObject(refused);
    await expect(other.queue.run(at('b'), 1, () => Promise.resolve())).rejects.toMatchObject(refused);
    finish();
    await running;
    await expect(other.queue.run(at('b'), 1, () => Promise.resolve('done'))).resolves.toBe('done');
  });

  it('says on each of them whether somebody waits, and gives the turn of one whose worker has ended to the next', async () => {
    const owner = new QueueOwner(1);
    const [one, other] = [join(owner), join(owner)];
    void one.queue.run(at('a'), 1, () => new Promise(() => undefined));
    expect(await other.queue.isBusy()).toBe(false);
    const waiting = other.queue.run(at('b'), 1, () => Promise.resolve('done'));
    expect(await one.queue.isBusy()).toBe(true);
    one.end();
    await expect(waiting).resolves.toBe('done');
    expect(await other.queue.isBusy()).toBe(false);
  });

  it('goes on after work that fails', async () => {
    const { queue } = join(new QueueOwner(1));
    await expect(queue.run(at('a'), 1, () => Promise.reject(new Error('in vain')))).rejects.toThrow('in vain');
    await expect(queue.run(at('a'), 1, () => Promise.resolve('done'))).resolves.toBe('done');
  });
});
