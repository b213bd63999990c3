import { LRUCache } from 'lru-cache';

/** How many mails go out at once. */
export const PLACES = 5;

/** How many places a domain may have: while it takes mails quickly, and otherwise. */
const SHARE = 3;
const SHARE_OF_UNKNOWN = 1;
/** How many places those have together that did not take a mail quickly lately: the others are kept for those that did. */
const PLACES_OF_UNKNOWN = 3;
/** How many places the domains that kept a delivery until it was broken off have together. */
const PLACES_OF_SILENT = 2;

/** A mail that was taken within so many milliseconds was taken quickly. */
const QUICK = 5_000;
/** How many domains are remembered, and for how long, in milliseconds. */
const REMEMBERED = { max: 1_000, ttl: 3_600_000 };

/** How a delivery ended: `silent` when it took too long and was broken off, `other` for every other failure. */
export type Ending = 'taken' | 'silent' | 'other';

/** Which mails may be taken up next. */
export interface Turn {
  /** How many, at most one for each group of domains. */
  limit: number;
  exceptDomains: string[];
  /** Those that take mails quickly: `exceptGroups` does not hold for them. */
  quickDomains: string[];
  /** Groups with a domain that has a place, and is not known to be quick. */
  exceptGroups: string[];
  onlyQuick: boolean;
}

/** What domains that are not known have one share of: whoever has a domain has any number of subdomains. */
export const groupOf = (domain: string): string => domain.split('.').slice(-2).join('.');

/**
 * Shares the places of one worker among the domains that mails go to, so that a mail server that never answers about one
 * of them, or about many that nobody has heard of, does not hold up the mails to all others.
 */
export class DomainShares {
  private readonly underWay = new Map<string, number>();
  private readonly lastSeen = new LRUCache<string, 'quick' | 'silent'>(REMEMBERED);

  /** @returns undefined when there is no place */
  next(): Turn | undefined {
    const free = PLACES - sum([...this.underWay.values()]);
    if (free <= 0) return undefined;
    const unknown = [...this.underWay].filter(([domain]) => !this.isQuick(domain));
    const left = PLACES_OF_UNKNOWN - sum(unknown.map(([, count]) => count));
    const full = [...this.underWay]
      .filter(([domain, count]) => count >= this.shareOf(domain))
      .map(([domain]) => domain);
    const turn: Turn = {
      limit: left > 0 ? Math.min(free, left) : free,
      exceptDomains: full,
      quickDomains: this.seen('quick'),
      exceptGroups: unknown.map(([domain]) => groupOf(domain)),
      onlyQuick: left <= 0,
    };
    const silent = this.seen('silent');
    if (silent.length === 0) return turn;
    const held = sum(silent.map((domain) => this.underWay.get(domain) ?? 0));
    // One at a time: several could all be for silent domains.
    if (held < PLACES_OF_SILENT) return { ...turn, limit: 1 };
    return { ...turn, exceptDomains: [...new Set([...full, ...silent])] };
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
    return this.isQuick(domain) ? SHARE : SHARE_OF_UNKNOWN;
  }

  private isQuick(domain: string): boolean {
    return this.lastSeen.peek(domain) === 'quick';
  }

  private seen(how: 'quick' | 'silent'): string[] {
    return [...this.lastSeen.keys()].filter((domain) => this.lastSeen.peek(domain) === how);
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
