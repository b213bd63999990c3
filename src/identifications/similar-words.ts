import { isSpaced } from './name-folding.js';

/** How much of a word its keys are made of. */
const KEPT = 7;
const SHORTEST = 4;
const LONG = 8;
const LONGEST = 40;

/** How many wrong letters a word may have and still be recognised; 0: none. */
export function errorsIn(word: string): number {
  const { length } = Array.from(word);
  if (length < SHORTEST || length > LONGEST || !isSpaced(word) || !/\p{L}/u.test(word)) return 0;
  return length < LONG ? 1 : 2;
}

/**
 * What is left of the beginning of a word when up to as many letters are deleted as may be wrong. Two words that differ
 * in no more than that have one of these in common (symmetric deletion, as SymSpell does it).
 */
export function keysOf(word: string): string[] {
  let last = [Array.from(word).slice(0, KEPT).join('')];
  const keys = new Set(last);
  for (let left = errorsIn(word); left > 0; left -= 1) {
    last = [...new Set(last.flatMap(withoutOne))];
    for (const key of last) keys.add(key);
  }
  return [...keys];
}

function withoutOne(text: string): string[] {
  const letters = Array.from(text);
  return letters.map((_, index) => letters.toSpliced(index, 1).join(''));
}

/** @returns in how many letters two words differ, if it is no more than may be wrong in either; else undefined */
export function differenceOf(one: string, other: string): number | undefined {
  const most = Math.min(errorsIn(one), errorsIn(other));
  const [a, b] = [Array.from(one), Array.from(other)];
  if (Math.abs(a.length - b.length) > most) return undefined;
  const difference = distance(a, b);
  return difference <= most ? difference : undefined;
}

/** Letters to insert, delete, replace, or exchange with the next one (optimal string alignment). */
function distance(a: string[], b: string[]): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of a.entries()) {
    const row = [i + 1];
    for (const [j, other] of b.entries()) {
      const replaced = at(above, j) + (letter === other ? 0 : 1);
      const isExchanged = i > 0 && j > 0 && letter === b[j - 1] && a[i - 1] === other;
      const exchanged = isExchanged ? at(before, j - 1) + 1 : Infinity;
      row.push(Math.min(at(above, j + 1) + 1, at(row, j) + 1, replaced, exchanged));
    }
    [before, above] = [above, row];
  }
  return at(above, b.length);
}

const at = (row: number[], index: number) => row[index] ?? Infinity;
