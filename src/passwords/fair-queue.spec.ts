import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ApiError } from '../errors/api-error.js';
import { FairQueue, type Place } from './fair-queue.js';

/** What a hash takes here, in milliseconds. */
const HASH = 250;
const PATIENCE = 3_000;

/** A queue whose work takes as long as it says, and tells who was served when. */
class Scene {
  readonly served: string[] = [];
  readonly refused: { name: string; after: number; retryAfter: number }[] = [];
  /** When each began, in milliseconds. */
  readonly began = new Map<string, number>();
  private readonly begun = Date.now();
  private readonly queue: FairQueue;

  constructor(slots = 1) {
    this.queue = new FairQueue(slots, PATIENCE);
  }

  get now(): number {
    return Date.now() - this.begun;
  }

  come(name: string, place: Place, takes = HASH, expected = takes): void {
    const came = this.now;
    const work = () => {
      this.served.push(name);
      this.began.set(name, this.now);
      return new Promise<void>((resolve) => setTimeout(resolve, takes));
    };
    this.queue.run(place, expected, work).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.status === 503)) throw error;
      this.refused.push({ name, after: this.now - came, retryAfter: Number(error.details.headers?.['retry-after']) });
    });
  }

  crowd(count: number, place: Place): void {
    for (let index = 1; index <= count; index += 1) this.come(`${place.address}#${index}`, place);
  }
}

const at = (network: string, address = network): Place => ({ network, address });
const known = (network: string, address = network): Place => ({ network, address, isKnown: true });

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

describe('A queue for hashing passwords', () => {
  it('serves networks in turn, and addresses within them in turn', async () => {
    const scene = new Scene();
    scene.come('first', at('x'));
    scene.crowd(3, at('a', 'a1'));
    scene.crowd(2, at('a', 'a2'));
    scene.crowd(2, at('b', 'b1'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(scene.served).toEqual(['first', 'a1#1', 'b1#1', 'a2#1', 'b1#2', 'a1#2', 'a2#2', 'a1#3']);
  });

  it('serves a newcomer next, however many wait at one other address', async () => {
    const scene = new Scene();
    scene.crowd(40, at('noisy'));
    await jest.advanceTimersByTimeAsync(HASH);
    scene.come('newcomer', at('quiet'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(scene.served.indexOf('newcomer')).toBe(2);
  });

  it('serves a newcomer next, however many wait at four other networks', async () => {
    const scene = new Scene();
    for (const network of ['n1', 'n2', 'n3', 'n4']) scene.crowd(10, at(network));
    await jest.advanceTimersByTimeAsync(4 * HASH);
    scene.come('newcomer', at('quiet'));
    const came = scene.now;
    await jest.advanceTimersByTimeAsync(60_000);
    expect((scene.began.get('newcomer') ?? Infinity) - came).toBeLessThanOrEqual(HASH);
  });

  it('serves newcomers before the next round of those who have had their turn, each of them once', async () => {
    const scene = new Scene();
    for (const network of ['n1', 'n2']) scene.crowd(10, at(network));
    await jest.advanceTimersByTimeAsync(2 * HASH);
    for (const network of ['q1', 'q2', 'q3']) scene.crowd(2, at(network));
    await jest.advanceTimersByTimeAsync(6 * HASH);
    const newcomers = ['q1#1', 'q2#1', 'q3#1'];
    expect(scene.served).toEqual(['n1#1', 'n2#1', 'n1#2', ...newcomers, 'n2#2', 'n1#3', 'q1#2']);
  });

  it('takes so many addresses of one network for one', async () => {
    const scene = new Scene();
    for (let index = 0; index < 11; index += 1) scene.come(`crowd${index}`, at('noisy', `address${index}`));
    await jest.advanceTimersByTimeAsync(HASH);
    scene.come('newcomer', at('quiet'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(scene.served.indexOf('newcomer')).toBe(2);
  });

  it('refuses at once what would wait for more than three seconds, and says when those before it are done', async () => {
    const scene = new Scene();
    scene.crowd(40, at('noisy'));
    await jest.advanceTimersByTimeAsync(0);
    // One is served, and twelve of a quarter of a second wait for at most three seconds.
    expect(scene.refused.map(({ name }) => name)).toEqual(Array.from({ length: 27 }, (_, n) => `noisy#${n + 14}`));
    expect(new Set(scene.refused.map(({ after }) => after))).toEqual(new Set([0]));
    expect(new Set(scene.refused.map(({ retryAfter }) => retryAfter))).toEqual(new Set([4]));
  });

  it('serves whoever is known first in a round, however many networks wait in it, and each network once', async () => {
    const scene = new Scene();
    for (let network = 0; network < 6; network += 1) scene.come(`crowd${network}`, at(`n${network}`));
    await jest.advanceTimersByTimeAsync(0);
    scene.come('stranger', at('stranger'));
    for (const name of ['known', 'known again']) scene.come(name, known('quiet'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(scene.served.slice(0, 3)).toEqual(['crowd0', 'known', 'crowd1']);
    expect(scene.served.indexOf('known again')).toBeGreaterThan(scene.served.indexOf('crowd5'));
  });

  it('finds room for whoever is known where there is none for anybody else', async () => {
    const scene = new Scene();
    for (let network = 0; network < 13; network += 1) scene.come(`crowd${network}`, at(`n${network}`));
    await jest.advanceTimersByTimeAsync(0);
    scene.come('stranger', at('stranger'));
    scene.come('known', known('quiet'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(scene.refused.filter(({ after }) => after === 0).map(({ name }) => name)).toEqual(['stranger']);
    expect(scene.served.indexOf('known')).toBe(1);
  });

  it('serves whoever is known first at their own network and address', async () => {
    const scene = new Scene();
    scene.come('first', at('x'));
    scene.crowd(3, at('a', 'a1'));
    scene.come('known', known('a', 'a2'));
    scene.come('known too', known('a', 'a1'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(scene.served.slice(0, 3)).toEqual(['first', 'known too', 'known']);
  });

  it('counts with the place that somebody gets, not with how many wait', async () => {
    const scene = new Scene();
    scene.crowd(40, at('noisy'));
    scene.crowd(3, at('quiet'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(scene.refused.filter(({ name }) => name.startsWith('quiet'))).toEqual([]);
    const first = ['noisy#1', 'quiet#1', 'noisy#2', 'quiet#2', 'noisy#3', 'quiet#3', 'noisy#4'];
    expect(scene.served.slice(0, 7)).toEqual(first);
  });

  it('counts with what work of each kind takes', async () => {
    const scene = new Scene();
    scene.come('short', at('a'), 10);
    for (const name of ['dear 1', 'dear 2', 'dear 3']) scene.come(name, at('a'), 1_600);
    await jest.advanceTimersByTimeAsync(0);
    expect(scene.refused.map(({ name }) => name)).toEqual(['dear 3']);
  });

  it('lets nobody wait for more than three seconds, whoever else comes', async () => {
    const scene = new Scene();
    scene.crowd(13, at('noisy'));
    for (let network = 0; network < 10; network += 1) scene.crowd(2, at(`later${network}`));
    await jest.advanceTimersByTimeAsync(60_000);
    const pushedBack = scene.refused.filter(({ name }) => name.startsWith('noisy'));
    expect(pushedBack.length).toBeGreaterThan(0);
    for (const { after, retryAfter } of pushedBack) {
      expect(after).toBe(PATIENCE);
      expect(retryAfter).toBeGreaterThanOrEqual(1);
    }
    for (const began of scene.began.values()) expect(began).toBeLessThanOrEqual(PATIENCE);
    expect(scene.served.length + scene.refused.length).toBe(33);
  });

  it('serves others although what was expected of the work was wrong', async () => {
    const scene = new Scene();
    for (let index = 0; index < 5; index += 1) scene.come(`slow${index}`, at('a'), 2_000, 1);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(scene.served).toEqual(['slow0', 'slow1']);
    expect(scene.refused.map(({ after }) => after)).toEqual([PATIENCE, PATIENCE, PATIENCE]);
  });

  it('does as much at once as it has slots, and goes on after work that fails', async () => {
    const queue = new FairQueue(2, PATIENCE);
    let most = 0;
    let running = 0;
    const work = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, HASH));
      running -= 1;
      throw new Error('in vain');
    };
    const all = Array.from({ length: 9 }, () => queue.run(at('a'), HASH, work).catch((error: unknown) => error));
    await jest.advanceTimersByTimeAsync(60_000);
    for (const outcome of await Promise.all(all)) expect(outcome).toEqual(new Error('in vain'));
    expect([most, queue.isBusy()]).toEqual([2, false]);
  });
});
