import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { LastUsedBuffer } from './last-used-buffer.js';

/** A buffer that has noted so many uses, one after the other. @param write what comes of each statement */
function bufferOf(
  count: number,
  write: (statement: number, ids: string[]) => Promise<string[]> = (_, ids) => Promise.resolve(ids),
) {
  const written: string[][] = [];
  const buffer = new LastUsedBuffer('rows', (uses) => {
    const asked = [...uses.keys()];
    written.push(asked);
    return write(written.length, asked);
  });
  const ids = Array.from({ length: count }, () => randomUUID() as string);
  for (const id of ids) buffer.touch(id);
  return { buffer, ids, written };
}

describe('When rows were last used', () => {
  it('is written by statements of at most 250, none of which has two that were used one after the other', async () => {
    const { buffer, ids, written } = bufferOf(1_100);
    await buffer.flush();
    expect(written.map(({ length }) => length)).toEqual([220, 220, 220, 220, 220]);
    expect(written.map((statement) => statement.map((id) => ids.indexOf(id) % 5))).toEqual(
      [0, 1, 2, 3, 4].map((place) => Array<number>(220).fill(place)),
    );
    expect(new Set(written.flat())).toEqual(new Set(ids));
    await buffer.flush();
    expect(written).toHaveLength(5);
  });

  it('is written later when it cannot be written, with what has been written before left out', async () => {
    const away = Object.assign(new Error('terminating connection'), { code: '57P01' });
    const { buffer, ids, written } = bufferOf(600, (statement, asked) =>
      statement === 2 ? Promise.reject(away) : Promise.resolve(asked),
    );
    await buffer.flush();
    expect(written).toHaveLength(2);
    await buffer.flush();
    expect(new Set(written.slice(2).flat())).toEqual(new Set(ids.filter((id) => !written[0]?.includes(id))));
  });

  it('is written later where its row is locked, but not for ever, as it may have been deleted', async () => {
    let isLocked = true;
    const { buffer, ids, written } = bufferOf(3, (_, asked) =>
      Promise.resolve(asked.filter((id) => id === ids[0] || (id === ids[1] && !isLocked))),
    );
    await buffer.flush();
    await buffer.flush();
    isLocked = false;
    await buffer.flush();
    expect(written).toEqual([ids, ids.slice(1), ids.slice(1)]);
    for (let time = 0; time < 20; time += 1) await buffer.flush();
    expect(written.slice(3).flat()).toEqual(Array<unknown>(10).fill(ids[2]));
    buffer.touch(ids[2] ?? '');
    await buffer.flush();
    expect(written.at(-1)).toEqual([ids[2]]);
  });
});
