/** The keys of what goes by a name. */
export class KeyIndex<Name extends string> {
  /** Most names have one: a set of it would take more memory than the name. */
  private readonly keys = new Map<Name, string | Set<string>>();

  /** How many names have keys. */
  get size(): number {
    return this.keys.size;
  }

  /** @returns the keys, of which those that are deleted meanwhile are left out */
  get(name: Name): Iterable<string> {
    const keys = this.keys.get(name) ?? [];
    return typeof keys === 'string' ? [keys] : keys;
  }

  add(name: Name, key: string): void {
    const keys = this.keys.get(name);
    if (keys === undefined) this.keys.set(name, key);
    else if (typeof keys !== 'string') keys.add(key);
    else if (keys !== key) this.keys.set(name, new Set([keys, key]));
  }

  delete(name: Name, key: string): void {
    const keys = this.keys.get(name);
    if (keys === key) this.keys.delete(name);
    if (!(keys instanceof Set)) return;
    keys.delete(key);
    if (keys.size === 0) this.keys.delete(name);
  }
}
