import { LRUCache } from 'lru-cache';

/** How many mails go out at once. */
export const PLACES = 5;

/** How many places a domain may have: while it takes mails quickly, and otherwise. */
const SHARE = 3;
const SHARE_OF_UNKNOWN = 1;
/** How many places the domains that kept a delivery until it was broken off have together. */
const PLACES_OF_SILENT = 2;

/** A mail that was taken within so many milliseconds was taken quickly. */
const QUICK = 5_000;
/** How many domains are remembered, and for how long, in milliseconds. */
const REMEMBERED = { max: 1_000, ttl: 3_600_000 };

/** How a delivery ended: `silent` when it took too long and was broken off, `other` for every other failure. */
export type Ending = 'taken' | 'silent' | 'other';

/**
 * Shares the places of one worker among the domains that mails go to, so that a mail server that never answers about one
 * of them does not hold up the mails to all others.
 */
export class DomainShares {
  private readonly underWay = new Map<string, number>();
  private readonly lastSeen = new LRUCache<string, 'quick' | 'silent'>(REMEMBERED);

  /**
   * @returns how many mails may be taken up next, at most one for each domain, and for which domains none; undefined when
   *   there is no place
   */
  next(): { limit: number; exceptDomains: string[] } | undefined {
    const free = PLACES - sum([...this.underWay.values()]);
    if (free <= 0) return undefined;
    const full = [...this.underWay]
      .filter(([domain, count]) => count >= this.shareOf(domain))
      .map(([domain]) => domain);
    const silent = [...this.lastSeen.keys()].filter((domain) => this.lastSeen.peek(domain) === 'silent');
    if (silent.length === 0) return { limit: free, exceptDomains: full };
    const held = sum(silent.map((domain) => this.underWay.get(domain) ?? 0));
    // One at a time: several could all be for silent domains.
    if (held < PLACES_OF_SILENT) return { limit: 1, exceptDomains: full };
    return { limit: free, exceptDomains: [...new Set([...full, ...silent])] };
  }

  /**
   * Takes a place.
   *
   * @returns gives it back; to be called once, with how the delivery ended
   */
  take(domain: string): (ending: Ending) => void {
    const begun = performance.now();
    this.underWay.set(domain, (this.underWay.get(domain) ?? 0) + 1);
    return (ending) => {
      const left = (this.underWay.get(domain) ?? 0) - 1;
      if (left > 0) this.underWay.set(domain, left);
      else this.underWay.delete(domain);
      if (ending === 'silent') this.lastSeen.set(domain, 'silent');
      else if (ending === 'taken' && performance.now() - begun < QUICK) this.lastSeen.set(domain, 'quick');
      else this.lastSeen.delete(domain);
    };
  }

  private shareOf(domain: string): number {
    return this.lastSeen.peek(domain) === 'quick' ? SHARE : SHARE_OF_UNKNOWN;
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
