import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { Peer } from '../workers/peer.js';
import type { AskedByWorkers, AskedOfWorkers, Primary } from '../workers/subjects.js';
import { LineKeeper, SharedLine } from './shared-line.js';

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
function join(keeper: LineKeeper): { line: SharedLine; end: () => void } {
  const [here, there] = [new End(), new End()];
  [here.other, there.other] = [there, here];
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  keeper.serve(new Peer<AskedOfWorkers, AskedByWorkers>(there), ended);
  const primary: Primary = new Peer(here);
  return { line: new SharedLine(primary), end };
}

const at = (network: string) => ({ network, address: network });
const turns = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('The line for hashing passwords of several workers', () => {
  it('does so much at once in all of them together', async () => {
    const keeper = new LineKeeper(2);
    const workers = [join(keeper), join(keeper), join(keeper)];
    let [now, most] = [0, 0];
    const work = async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 2));
      now -= 1;
    };
    await Promise.all(workers.flatMap(({ line }) => turns(6).map((n) => line.run(at(String(n)), 1, work))));
    expect({ most, now }).toEqual({ most: 2, now: 0 });
  });

  it('refuses on each of them what would wait for too long because of the others, with how long it would', async () => {
    const keeper = new LineKeeper(1);
    const [one, other] = [join(keeper), join(keeper)];
    let finish = (): void => undefined;
    const running = one.line.run(at('a'), 60_000, () => new Promise<void>((resolve) => (finish = resolve)));
    await one.line.isBusy();
    const refused = { status: 503, details: { headers: { 'retry-after': '60' } } };
    await expect(other.line.requireRoom(at('b'))).rejects.toMatchObject(refused);
    await expect(other.line.run(at('b'), 1, () => Promise.resolve())).rejects.toMatchObject(refused);
    finish();
    await running;
    await expect(other.line.run(at('b'), 1, () => Promise.resolve('done'))).resolves.toBe('done');
  });

  it('says on each of them whether somebody waits, and gives the turn of one whose worker has ended to the next', async () => {
    const keeper = new LineKeeper(1);
    const [one, other] = [join(keeper), join(keeper)];
    void one.line.run(at('a'), 1, () => new Promise(() => undefined));
    expect(await other.line.isBusy()).toBe(false);
    const waiting = other.line.run(at('b'), 1, () => Promise.resolve('done'));
    expect(await one.line.isBusy()).toBe(true);
    one.end();
    await expect(waiting).resolves.toBe('done');
    expect(await other.line.isBusy()).toBe(false);
  });

  it('goes on after work that fails', async () => {
    const { line } = join(new LineKeeper(1));
    await expect(line.run(at('a'), 1, () => Promise.reject(new Error('in vain')))).rejects.toThrow('in vain');
    await expect(line.run(at('a'), 1, () => Promise.resolve('done'))).resolves.toBe('done');
  });
});
