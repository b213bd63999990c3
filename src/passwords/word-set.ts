import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** Taken once: where tests run, in a context of `node:vm`, each look at a global takes longer than the rest of a step. */
const { imul } = Math;

/** Words by their digests of 53 bits, in order: eight bytes each, however long they are. One word in 10^8 is taken for another. */
export class WordSet {
  private constructor(private readonly digests: Float64Array) {}

  /**
   * Reads a file of words, one a line.
   *
   * @param fold makes words the same that count as the same
   */
  static async read(path: string | URL, fold: (word: string) => string): Promise<WordSet> {
    let digests = new Float64Array(65_536);
    let size = 0;
    const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
    for await (const line of lines) {
      if (line === '') continue;
      if (size === digests.length) digests = withRoom(digests);
      digests[size] = digestOf(fold(line));
      size += 1;
    }
    return new WordSet(digests.slice(0, size).sort());
  }

  get size(): number {
    return this.digests.length;
  }

  has(word: string): boolean {
    const wanted = digestOf(word);
    let [from, to] = [0, this.digests.length];
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      if ((this.digests[middle] ?? Infinity) < wanted) from = middle + 1;
      else to = middle;
    }
    return this.digests[from] === wanted;
  }
}

function withRoom(digests: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * digests.length);
  larger.set(digests);
  return larger;
}

/** Two multiplicative hashes of 32 bits (after MurmurHash3), of which 53 bits are a whole number. It keeps no secret. */
function digestOf(word: string): number {
  let [one, other] = [0xdeadbeef, 0x41c6ce57];
  for (let index = 0; index < word.length; index += 1) {
    const unit = word.charCodeAt(index);
    one = imul(one ^ unit, 2_654_435_761);
    other = imul(other ^ unit, 1_597_334_677);
  }
  const mix = (hash: number, with_: number) =>
    imul(hash ^ (hash >>> 16), 2_246_822_507) ^ imul(with_ ^ (with_ >>> 13), 3_266_489_909);
  const low = mix(one, other);
  const high = mix(other, low);
  return 4_294_967_296 * (high & 0x1fffff) + (low >>> 0);
}
