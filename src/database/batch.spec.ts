import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import { Batch } from './batch.js';
import { withDeadline } from './deadline.js';

/** Work that is done when the test says so. */
class Work {
  readonly batches: number[][] = [];
  readonly endings: { resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly batch = new Batch<number, string>((items) => {
    this.batches.push(items);
    return new Promise((resolve, reject) => {
      this.endings.push({
        resolve: () => {
          resolve(items.map((item) => `done ${item}`));
        },
        reject,
      });
    });
  });

  add(from: number, to: number): Promise<string>[] {
    return Array.from({ length: to - from + 1 }, (_, index) => this.batch.add(from + index));
  }

  async end(index: number, error?: Error): Promise<void> {
    if (error) this.endings[index]?.reject(error);
    else this.endings[index]?.resolve();
    await nextTurn();
  }
}

const nextTurn = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const done = (from: number, to: number) => range(from, to).map((item) => `done ${item}`);

describe('What many ask for at once', () => {
  it('is done together when they ask in one turn of the event loop, by two batches of 64 at once, in their order', async () => {
    const work = new Work();
    const asked = work.add(1, 200);
    expect(work.batches).toEqual([]);
    await nextTurn();
    expect(work.batches).toEqual([range(1, 64), range(65, 128)]);
    await work.end(0);
    expect(work.batches[2]).toEqual(range(129, 192));
    await work.end(1);
    await work.end(2);
    expect(work.batches[3]).toEqual(range(193, 200));
    await work.end(3);
    expect(await Promise.all(asked)).toEqual(done(1, 200));
  });

  it('waits while a batch of more than eight is under way, until it has ended or 64 wait', async () => {
    const work = new Work();
    const asked = work.add(1, 9);
    await nextTurn();
    asked.push(...work.add(10, 20));
    await nextTurn();
    expect(work.batches).toEqual([range(1, 9)]);
    await work.end(0);
    expect(work.batches).toEqual([range(1, 9), range(10, 20)]);
    asked.push(...work.add(21, 83));
    await nextTurn();
    expect(work.batches).toHaveLength(2);
    asked.push(...work.add(84, 84));
    await nextTurn();
    expect(work.batches[2]).toEqual(range(21, 84));
    await work.end(1);
    await work.end(2);
    expect(await Promise.all(asked)).toEqual(done(1, 84));
  });

  it('waits for no batch that takes longer than a moment, or that is done one by one', async () => {
    const work = new Work();
    const asked = work.add(1, 9);
    await nextTurn();
    asked.push(work.batch.add(10));
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(work.batches).toEqual([range(1, 9), [10]]);
    await work.end(1);
    await work.end(0);
    asked.push(...work.add(11, 20));
    await nextTurn();
    asked.push(work.batch.add(21));
    await work.end(2, new Error('one of them is bad'));
    expect(work.batches.slice(3)).toEqual([[21], [11]]);
    for (let index = 3; index <= 13; index += 1) await work.end(index);
    expect(await Promise.all(asked)).toEqual(done(1, 21));
  });

  it('is begun at once beside a batch of eight', async () => {
    const work = new Work();
    const asked = work.add(1, 8);
    await nextTurn();
    asked.push(...work.add(9, 30));
    await nextTurn();
    expect(work.batches).toEqual([range(1, 8), range(9, 30)]);
    await work.end(0);
    await work.end(1);
    expect(await Promise.all(asked)).toEqual(done(1, 30));
  });

  it('is begun in the same turn for whoever asks alone, and together for those who come while two are under way', async () => {
    const work = new Work();
    const asked = work.add(1, 1);
    await nextTurn();
    asked.push(...work.add(2, 2));
    await nextTurn();
    asked.push(...work.add(3, 5));
    await nextTurn();
    asked.push(...work.add(6, 9));
    await nextTurn();
    expect(work.batches).toEqual([[1], [2]]);
    await work.end(1);
    expect(work.batches).toEqual([[1], [2], range(3, 9)]);
    await work.end(0);
    await work.end(2);
    expect(await Promise.all(asked)).toEqual(done(1, 9));
  });

  it('is asked for one by one when a batch fails: only what fails by itself fails', async () => {
    const work = new Work();
    const asked = work.add(1, 3).map((one) => one.catch((error: unknown) => (error as Error).message));
    await nextTurn();
    await work.end(0, new Error('one of them is bad'));
    await work.end(1);
    await work.end(2, new Error('2 is bad'));
    await work.end(3);
    expect(work.batches).toEqual([[1, 2, 3], [1], [2], [3]]);
    expect(await Promise.all(asked)).toEqual(['done 1', '2 is bad', 'done 3']);
  });

  it('is not asked for one by one any more once the database is away, nor for whoever has no time left by then', async () => {
    const work = new Work();
    const late = withDeadline(60, () => work.batch.add(1));
    const asked = Promise.allSettled([late, ...work.add(2, 4)]);
    await nextTurn();
    await new Promise((resolve) => setTimeout(resolve, 70));
    await work.end(0, new Error('one of them is bad'));
    const away = Object.assign(new Error('terminating connection'), { code: '57P01' });
    await work.end(1, away);
    expect(work.batches).toEqual([[1, 2, 3, 4], [2]]);
    expect((await asked).map((one) => (one.status === 'rejected' ? (one.reason as Error).message : one.value))).toEqual(
      ['The request has taken too long.', ...Array<string>(3).fill('terminating connection')],
    );
  });

  it('fails as a whole without a database, which is asked once', async () => {
    const work = new Work();
    const asked = Promise.allSettled(work.add(1, 10));
    const away = Object.assign(new Error('terminating connection'), { code: '57P01' });
    await nextTurn();
    await work.end(0, away);
    expect(await asked).toEqual(range(1, 10).map(() => ({ status: 'rejected', reason: away })));
    expect(work.batches).toHaveLength(1);
  });

  it('is not done for whoever has no time left when its turn comes', async () => {
    const work = new Work();
    const first = work.add(1, 2);
    const late = withDeadline(0, () => work.batch.add(3));
    const others = work.add(4, 5);
    await expect(late).rejects.toThrow('The request has taken too long.');
    expect(work.batches).toEqual([[1, 2, 4, 5]]);
    await work.end(0);
    expect(await Promise.all([...first, ...others])).toEqual(['done 1', 'done 2', 'done 4', 'done 5']);
  });

  it('is refused beyond two thousand that wait', async () => {
    const work = new Work();
    void work.add(1, 2_000);
    await expect(work.batch.add(2_001)).rejects.toMatchObject({
      code: 'unavailable',
      message: 'Too many requests at once. Try again later.',
    });
  });

  it('is done in the context of none of them', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const batch = new Batch<number, number>((items) => {
      seen.push(storage.getStore());
      return Promise.resolve(items);
    });
    await storage.run('a request', () => Promise.all(range(1, 10).map((item) => batch.add(item))));
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });
});
