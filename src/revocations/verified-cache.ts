import { LRUCache } from 'lru-cache';
import { KeyIndex } from './key-index.js';
import type { RevocationListener, RevocationTag } from './revocation-tags.js';
import type { Revocations } from './revocations.service.js';

/** A credential that the database has found valid. */
export interface Verified<T> {
  value: T;
  /** By which its own end is announced, as `token` and this id for instance: see {@link VerifiedCache}. Absent: by no id. */
  id?: string;
  /** What it depends on beside: when one of these is revoked, the credential is dropped. May be shared by many. */
  tags: readonly RevocationTag[];
  /** Seconds until it expires, by the database's clock; null: never. */
  expiresIn: number | null;
}

interface Entry<T> {
  value: T;
  id: string | undefined;
  tags: readonly RevocationTag[];
  /** On the process's monotonic clock, in milliseconds. */
  deadline: number;
}

/** See {@link VerifiedCache.figures}. */
export interface CacheFigures {
  entries: number;
  /** Found in it. */
  hit: number;
  /** Looked up in the database. */
  miss: number;
  /** The same, while it is not certain that revocations are received. */
  bypassed: number;
}

/** The longest time that a credential is cached, so that even unannounced changes are noticed. In milliseconds. */
const LONGEST = 60_000;

/**
 * Caches credentials that the database has found valid, for as long as this process is certain to receive revocations.
 * Concurrent look-ups of the same key are made once.
 */
export class VerifiedCache<T extends object> implements RevocationListener {
  private readonly entries: LRUCache<string, Entry<T>>;
  /** Apart from the others: a text of each `token` and its id would take as much memory as the credential. */
  private readonly keysById = new KeyIndex<string>();
  private readonly keysByTag = new KeyIndex<RevocationTag>();
  /** Look-ups under way, except those that a revocation has overtaken. */
  private pending = new Map<string, Promise<T | undefined>>();
  private revocationsReceived = 0;
  private readonly counts = { hit: 0, miss: 0, bypassed: 0 };

  /** The first part of the tags that announce the ends of credentials by their ids. */
  private readonly own: string | undefined;

  /** @param kind what announces the end of a credential: the tag of this kind with its id. Absent: they have none */
  constructor(
    private readonly revocations: Revocations,
    size: number,
    kind?: 'token' | 'session',
  ) {
    this.own = kind && `${kind} `;
    this.entries = new LRUCache({
      max: size,
      dispose: (entry, key) => {
        this.untag(key, entry);
      },
    });
    revocations.listen(this);
  }

  /** @returns the credential if it is cached, without a look-up */
  known(key: string): T | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    if (!this.revocations.isConnected()) {
      this.disconnected();
      return undefined;
    }
    if (entry.deadline > performance.now()) {
      this.counts.hit += 1;
      return entry.value;
    }
    this.entries.delete(key);
    return undefined;
  }

  /** How many it holds, and how its look-ups have ended since it began. */
  get figures(): CacheFigures {
    return { entries: this.entries.size, ...this.counts };
  }

  /** @returns the credential, from the cache or from `load`; undefined when it is not valid */
  async get(key: string, load: () => Promise<Verified<T> | undefined>): Promise<T | undefined> {
    const known = this.known(key);
    if (known) return known;
    // A look-up under way may have read the row before a revocation that was missed.
    if (!this.revocations.isConnected()) {
      this.counts.bypassed += 1;
      return (await load())?.value;
    }
    this.counts.miss += 1;
    const pending = this.pending.get(key);
    if (pending) return pending;
    const promise = this.lookUp(key, load);
    this.pending.set(key, promise);
    try {
      return await promise;
    } finally {
      if (this.pending.get(key) === promise) this.pending.delete(key);
    }
  }

  revoked(tag: RevocationTag): void {
    this.invalidatePending();
    for (const key of this.keysByTag.get(tag)) this.entries.delete(key);
    if (this.own === undefined || !tag.startsWith(this.own)) return;
    for (const key of this.keysById.get(tag.slice(this.own.length))) this.entries.delete(key);
  }

  disconnected(): void {
    this.invalidatePending();
    this.entries.clear();
  }

  /**
   * Look-ups under way may have read the row before the revocation: their results are not kept, and nobody joins them.
   */
  private invalidatePending(): void {
    this.revocationsReceived += 1;
    this.pending = new Map();
  }

  private async lookUp(key: string, load: () => Promise<Verified<T> | undefined>): Promise<T | undefined> {
    const receivedBefore = this.revocationsReceived;
    const begun = performance.now();
    const verified = await load();
    const certain = this.revocations.isConnected() && receivedBefore === this.revocationsReceived;
    if (verified && certain) this.keep(key, verified, begun);
    return verified?.value;
  }

  private keep(key: string, { value, id, tags, expiresIn }: Verified<T>, begun: number): void {
    const lifetime = Math.min(LONGEST, (expiresIn ?? Infinity) * 1_000);
    // A whole number takes less memory.
    this.entries.set(key, { value, id, tags, deadline: Math.floor(begun + lifetime) });
    if (id !== undefined) this.keysById.add(id, key);
    for (const tag of tags) this.keysByTag.add(tag, key);
  }

  private untag(key: string, { id, tags }: Entry<T>): void {
    if (id !== undefined) this.keysById.delete(id, key);
    for (const tag of tags) this.keysByTag.delete(tag, key);
  }
}
