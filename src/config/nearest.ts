/** Longer names are no slips of anybody's fingers; comparing them takes time for each letter. */
const LONGEST = 64;
/** Taken once: where tests run, in a context of `node:vm`, each look at a global takes longer than the rest of a step. */
const [min, INFINITY] = [Math.min, Infinity];

/**
 * @returns which of the known names somebody meant: the one that is the fewest slips away (a letter too many, too few, another
 *   one, or two exchanged), if these are few for its length; or one that the name begins or ends with, or the other way
 *   round. Neither case nor `-` and `_` count.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > LONGEST) return undefined;
  const wanted = plain(name);
  const ranked = known
    .map((candidate) => ({ candidate, slips: distance(wanted, plain(candidate)) }))
    .sort((one, other) => one.slips - other.slips);
  const [best] = ranked;
  if (best && best.slips <= mostSlips(plain(best.candidate))) return best.candidate;
  return ranked.find(({ candidate }) => isPartOf(name, candidate))?.candidate;
}

/** How many slips a name of this length forgives. */
export const mostSlips = (name: string) => Math.max(1, Math.floor(name.length / 4));

/** How many slips there are between two names (their optimal string alignment distance). */
export function distance(one: string, other: string): number {
  let [before, previous] = [[] as number[], Array.from({ length: other.length + 1 }, (_, index) => index)];
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      const isExchanged =
        row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current[column] = min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (isSame ? 0 : 1),
        isExchanged ? at(before, column - 2) + 1 : INFINITY,
      );
    }
    [before, previous] = [previous, current];
  }
  return at(previous, other.length);
}

/** Whether two names differ in two neighbours that are exchanged, and in nothing else. */
export function isSwap(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  const first = Array.from(one).findIndex((letter, index) => letter !== other[index]);
  const swapped = `${one.slice(0, first)}${one[first + 1] ?? ''}${one[first] ?? ''}${one.slice(first + 2)}`;
  return first >= 0 && swapped === other;
}

const at = (numbers: number[], index: number) => numbers[index] ?? INFINITY;

const plain = (name: string) => name.toLowerCase().replace(/[-_]/g, '');

/** Such as `subject_id` and `subject`, but not `id` and `idle`. */
function isPartOf(name: string, known: string): boolean {
  const [one, other] = [name.toLowerCase(), known.toLowerCase()];
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  return short.length >= 2 && (long.startsWith(`${short}_`) || long.endsWith(`_${short}`));
}
