/** How many a process remembers: the oldest are forgotten first, which costs a statement. */
const MOST = 10_000;

/** The limits that this process knows to be reached, and until when. */
export class ReachedLimits {
  /** In milliseconds of the process's clock, by key. */
  private readonly byKey = new Map<string, { since: number; until: number; seconds: number }>();

  /** @param now of the process's clock, in milliseconds */
  constructor(private readonly now: () => number) {}

  /**
   * @param seconds how long the limit lasts
   * @param trustedFor for how many seconds it is certain to do so: others may lift it
   */
  add(key: string, seconds: number, trustedFor = Infinity): void {
    this.byKey.delete(key);
    const [oldest] = this.byKey.keys();
    if (this.byKey.size >= MOST && oldest !== undefined) this.byKey.delete(oldest);
    const since = this.now();
    this.byKey.set(key, { since, until: since + Math.min(seconds, trustedFor) * 1_000, seconds });
  }

  /** @returns how many seconds a limit still lasts; undefined when it is not known to be reached */
  secondsLeft(key: string): number | undefined {
    const known = this.byKey.get(key);
    if (!known) return undefined;
    const now = this.now();
    // Before it began: the clock has been set.
    if (now >= known.until || now < known.since) {
      this.byKey.delete(key);
      return undefined;
    }
    return known.seconds - (now - known.since) / 1_000;
  }

  remove(keys: string[]): void {
    for (const key of keys) this.byKey.delete(key);
  }

  removeAll(isMeant: (key: string) => boolean): void {
    this.remove([...this.byKey.keys()].filter(isMeant));
  }
}
