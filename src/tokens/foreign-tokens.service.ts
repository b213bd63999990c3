import { Inject, Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { CONFIG, type Config } from '../config/config.js';
import { after, type MaybePromise } from '../http/maybe-promise.js';
import { Revocations } from '../revocations/revocations.service.js';
import { VerifiedCache } from '../revocations/verified-cache.js';
import { digestOf, hintOf } from './digest.js';
import { hashedPartOf, saltIn } from './foreign-keys.js';
import { ForeignTokenStore, type StoredForeign } from './foreign-tokens.store.js';
import type { TokenKind } from './token-kinds.js';

/** Hashes with bcrypt in the line of everything that is hashed. @throws ApiError `unavailable` when too many are waiting */
export type Bcrypt = (text: string, salt: string) => Promise<string>;

const STORED = 'stored';

/** How many hashes of keys a process remembers: the same key shown again costs none, good or not. */
const REMEMBERED = 10_000;

/**
 * Tokens that another service has made. Their secrets have any form, and of some only a hash is known. Whether there are any is
 * remembered, so that where there are none, what can be no secret of ours costs nothing.
 */
@Injectable()
export class ForeignTokens {
  private readonly logger = new Logger('Tokens');
  private readonly remembered: VerifiedCache<StoredForeign>;
  /** By the digests of keys. A hash depends on nothing else. */
  private readonly hashes = new LRUCache<string, Promise<string>>({ max: REMEMBERED });
  private bcrypt: Bcrypt | undefined;
  private isWarned = false;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: ForeignTokenStore,
    private readonly revocations: Revocations,
  ) {
    this.remembered = new VerifiedCache(revocations, 1);
  }

  /** Tells how keys are hashed, which is done on a floor above. */
  hashWith(bcrypt: Bcrypt): void {
    this.bcrypt = bcrypt;
  }

  /** Whether a secret of any form may be one of this kind. */
  mayBe(kind: TokenKind): MaybePromise<boolean> {
    return after(this.stored(), ({ kinds }) => kinds.includes(kind));
  }

  /** Whether a secret of any form may be one of any kind. */
  mayBeAny(): MaybePromise<boolean> {
    return after(this.stored(), ({ kinds }) => kinds.length > 0);
  }

  /** @returns whether a token of the kind has this secret, good or not */
  has(kind: TokenKind, secret: string): Promise<boolean> {
    const digest = digestOf(secret);
    const look = async () => ((await this.store.hasDigest(kind, digest)) ? { digest } : undefined);
    return this.find(kind, secret, look).then((found) => found !== undefined);
  }

  /**
   * Looks for the token of a secret by its digest and, if that finds none and the secret may be a key of which only a hash
   * is known, once more when its digest is stored.
   *
   * @param kind undefined: any
   */
  async find<T>(
    kind: TokenKind | undefined,
    secret: string,
    byDigest: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    // Asked before: a hash that is replaced meanwhile is found by its digest.
    const { hasHashes } = await this.stored();
    const found = await byDigest();
    if (found !== undefined || !hasHashes || !(kind === undefined || kind === 'api')) return found;
    return (await this.renew(secret)) ? byDigest() : undefined;
  }

  /** @returns whether the secret may be such a key */
  private async renew(secret: string): Promise<boolean> {
    const { apiTokenHmacSecret, apiTokenBcryptSalt } = this.config;
    const part = hashedPartOf(secret, apiTokenHmacSecret);
    const salt = saltIn(apiTokenBcryptSalt ?? '');
    const { bcrypt } = this;
    if (part === undefined || !bcrypt) return false;
    if (salt === undefined) {
      this.warn();
      return false;
    }
    const digest = digestOf(secret);
    const hash = await this.hash(digest.toString('base64'), () => bcrypt(part, salt));
    if (!(await this.store.hasHash(hash))) return true;
    await this.revocations.transaction(async (tx) => {
      const isLast = await this.store.renew(tx, hash, { digest, hint: hintOf(secret) });
      if (isLast) await this.revocations.announce(tx, 'foreign tokens');
    });
    return true;
  }

  private hash(key: string, make: () => Promise<string>): Promise<string> {
    const known = this.hashes.get(key);
    if (known) return known;
    const hash = make();
    this.hashes.set(key, hash);
    // There may be room for it the next time.
    hash.catch(() => this.hashes.delete(key));
    return hash;
  }

  private stored(): MaybePromise<StoredForeign> {
    return this.remembered.known(STORED) ?? this.lookUp();
  }

  private async lookUp(): Promise<StoredForeign> {
    const stored = await this.remembered.get(STORED, async () => {
      const value = await this.store.stored();
      return { value, tags: ['foreign tokens'], expiresIn: null };
    });
    return stored ?? { kinds: [], hasHashes: false };
  }

  private warn(): void {
    if (this.isWarned) return;
    this.isWarned = true;
    this.logger.warn('API tokens were imported that can only be checked with API_TOKEN_BCRYPT_SALT, which is not set');
  }
}
