import type { KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import type { SessionAlgorithm } from '../config/variables.js';

/** For how long the published key set may be cached, in seconds. */
export const KEY_SET_MAX_AGE = 300;

/**
 * For how long a key is published before it signs, in seconds: whoever verifies tokens fetches the key set at least as often
 * (Istio, by default, every 20 minutes).
 */
export const PUBLISHED_FOR = 3_600;

/**
 * For how long a key is kept when the last token that it has signed has expired, in seconds. A replica of the previous release
 * signs with the key that it has begun with, as long as it runs.
 */
export const KEPT_FOR = 86_400;

/** `published`: it will sign; `retiring`: it has signed, and verifies until the last of it has expired. */
export type KeyState = 'published' | 'signing' | 'retiring';

/** A key of the set. Times are seconds since 1970, by the database's clock. */
export interface SigningKey {
  kid: string;
  /** The only one that a token with its `kid` may have (RFC 8725 section 3.1). */
  algorithm: SessionAlgorithm;
  publicKey: KeyObject;
  publicJwk: JWK;
  /** Undefined: it is encrypted with a SECRET_KEY that this process does not have. */
  privateKey: KeyObject | undefined;
  publishedAt: number;
  signsFrom: number;
  /** When it is gone: known once the next one has been made. */
  goneAt: number | null;
}

/** A key that this process can sign with. */
export type SigningPair = SigningKey & { privateKey: KeyObject };

/** The keys that there are, in the order in which they sign. Time alone makes the next one sign. */
export class KeyRing {
  constructor(readonly keys: readonly SigningKey[]) {}

  find(kid: string): SigningKey | undefined {
    return this.keys.find((key) => key.kid === kid);
  }

  /** Whether this process can read each of them. */
  get isReadable(): boolean {
    return this.keys.every(isPair);
  }

  /** @returns the key that comes last, which may not sign yet */
  get last(): SigningKey | undefined {
    return this.keys.at(-1);
  }

  /** @returns the key that signs; the first one, if the clock says that none does yet */
  signingAt(now: number): SigningKey | undefined {
    return latestOf(this.keys, now);
  }

  /** @returns the key to sign with; an earlier one if this process cannot read that of {@link signingAt} */
  pairAt(now: number): SigningPair | undefined {
    return latestOf(this.keys.filter(isPair), now);
  }

  stateOf(key: SigningKey, now: number): KeyState {
    const signing = this.signingAt(now);
    if (key === signing) return 'signing';
    return signing && this.keys.indexOf(key) > this.keys.indexOf(signing) ? 'published' : 'retiring';
  }

  /** @returns a JWK Set (RFC 7517 section 5). The key that signs is the first, for those who ignore `kid` */
  jwksAt(now: number): { keys: JWK[] } {
    const signing = this.signingAt(now);
    const sorted = [...this.keys].sort((one, other) => Number(other === signing) - Number(one === signing));
    return { keys: sorted.map(({ kid, publicJwk, algorithm: alg }) => ({ ...publicJwk, kid, use: 'sig', alg })) };
  }
}

/** @returns the size of a key's modulus */
export function bitsOf({ publicKey }: SigningKey): number {
  return publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
}

const isPair = (key: SigningKey): key is SigningPair => key.privateKey !== undefined;

function latestOf<Key extends SigningKey>(keys: readonly Key[], now: number): Key | undefined {
  return keys.filter(({ signsFrom }) => signsFrom <= now).at(-1) ?? keys[0];
}
