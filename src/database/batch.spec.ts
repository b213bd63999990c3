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
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const done = (from: number, to: number) => range(from, to).map((item) => `done ${item}`);

describe('What many ask for at once', () => {
  it('is begun at once for the first two, and together for those who come while these are under way, in their order', async () => {
    const work = new Work();
    const asked = work.add(1, 100);
    expect(work.batches).toEqual([[1], [2]]);
    await work.end(0);
    expect(work.batches[2]).toEqual(range(3, 66));
    await work.end(1);
    expect(work.batches[3]).toEqual(range(67, 100));
    await work.end(3);
    await work.end(2);
    expect(await Promise.all(asked)).toEqual(done(1, 100));
  });

  it('is asked for one by one when a batch fails: only what fails by itself fails', async () => {
    const work = new Work();
    const asked = work.add(1, 5).map((one) => one.catch((error: unknown) => (error as Error).message));
    await work.end(0);
    expect(work.batches[2]).toEqual([3, 4, 5]);
    await work.end(2, new Error('one of them is bad'));
    await work.end(1);
    await work.end(3);
    await work.end(4, new Error('4 is bad'));
    await work.end(5);
    expect(work.batches.slice(3)).toEqual([[3], [4], [5]]);
    expect(await Promise.all(asked)).toEqual(['done 1', 'done 2', 'done 3', '4 is bad', 'done 5']);
  });

  it('fails as a whole without a database, which is asked once', async () => {
    const work = new Work();
    const asked = Promise.allSettled(work.add(1, 10));
    const away = Object.assign(new Error('terminating connection'), { code: '57P01' });
    for (const index of [0, 1, 2]) await work.end(index, away);
    expect(await asked).toEqual(range(1, 10).map(() => ({ status: 'rejected', reason: away })));
    expect(work.batches).toHaveLength(3);
  });

  it('is not done for whoever has no time left when its turn comes', async () => {
    const work = new Work();
    const first = work.add(1, 2);
    const late = withDeadline(0, () => work.batch.add(3));
    const others = work.add(4, 5);
    const refusal = expect(late).rejects.toThrow('The request has taken too long.');
    await work.end(0);
    await refusal;
    expect(work.batches[2]).toEqual([4, 5]);
    await work.end(1);
    await work.end(2);
    expect(await Promise.all([...first, ...others])).toEqual(['done 1', 'done 2', 'done 4', 'done 5']);
  });

  it('is refused beyond two thousand that wait', async () => {
    const work = new Work();
    void work.add(1, 2_002);
    await expect(work.batch.add(2_003)).rejects.toMatchObject({
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
