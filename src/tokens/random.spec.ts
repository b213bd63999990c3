import { describe, expect, it } from '@jest/globals';
import { takeRandom } from './random.js';

describe('Random bytes for secrets', () => {
  it('are as many as are asked for, and given to nobody else', () => {
    const taken = Array.from({ length: 2_000 }, (_, index) => takeRandom(16 + (index % 20)));
    for (const [index, bytes] of taken.entries()) expect(bytes).toHaveLength(16 + (index % 20));
    const pieces = taken.flatMap((bytes) =>
      Array.from({ length: bytes.length - 7 }, (_, at) => bytes.subarray(at, at + 8).toString('hex')),
    );
    expect(new Set(pieces).size).toBe(pieces.length);
  });

  it('have each bit set about as often as not', () => {
    const bytes = Buffer.concat(Array.from({ length: 5_000 }, () => takeRandom(26)));
    for (let bit = 0; bit < 8; bit += 1) {
      const set = bytes.reduce((count, byte) => count + ((byte >> bit) & 1), 0);
      // Ten standard deviations: it does not happen by chance.
      expect(Math.abs(set - bytes.length / 2)).toBeLessThan((10 * Math.sqrt(bytes.length)) / 2);
    }
  });

  it('may be more than are asked for at once', () => {
    expect(takeRandom(5_000)).toHaveLength(5_000);
    expect(takeRandom(16)).toHaveLength(16);
  });
});
