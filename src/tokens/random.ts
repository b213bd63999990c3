import { randomBytes } from 'node:crypto';

/** How many are asked for at once: to ask for a few takes as long as to digest what is made of them. */
const AT_ONCE = 4_096;

let [bytes, given] = [Buffer.alloc(0), 0];

/** @returns random bytes as `randomBytes` makes them, which nobody else gets */
export function takeRandom(count: number): Buffer {
  if (given + count > bytes.length) [bytes, given] = [randomBytes(Math.max(AT_ONCE, count)), 0];
  return bytes.subarray(given, (given += count));
}
