import { randomBytes } from 'node:crypto';

/** How many are asked for at once: to ask for a few takes as long as to digest what is made of them. */
const AT_ONCE = 512;

/** Not given yet. In memory, as the keys are that sign sessions: whoever reads it has both. */
let stock = Buffer.alloc(0);

/** @returns random bytes as `randomBytes` makes them, which nobody else gets */
export function takeRandom(count: number): Buffer {
  if (count > stock.length) stock = randomBytes(Math.max(AT_ONCE, count));
  const taken = stock.subarray(0, count);
  stock = stock.subarray(count);
  return taken;
}
