/** Keeps one copy of what many rows have in common, as each row that is read brings its own. */
export class Shared<T> {
  private readonly known = new Map<string, T>();

  /** @param most how many are kept to be shared, to bound the memory */
  constructor(private readonly most: number) {}

  /**
   * @param key says all that there is in it
   * @returns the one that is known by this key; what `make` makes when there is none
   */
  of(key: string, make: () => T): T {
    const known = this.known.get(key);
    if (known !== undefined) return known;
    if (this.known.size >= this.most) this.known.clear();
    const made = make();
    this.known.set(key, made);
    return made;
  }
}
