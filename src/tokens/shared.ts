import { LRUCache } from 'lru-cache';

/** Keeps one copy of what many rows have in common, as each row that is read brings its own. */
export class Shared<T extends object | string> {
  private readonly known: LRUCache<string, T>;

  /** @param most how many are known, to bound the memory: those that were asked for last */
  constructor(most: number) {
    this.known = new LRUCache({ max: most });
  }

  /**
   * @param key says all that there is in it
   * @returns the one that is known by this key; what `make` makes when there is none
   */
  of(key: string, make: () => T): T {
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.known.set(key, made);
    return made;
  }
}
