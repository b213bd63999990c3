import { hash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { decodeProtectedHeader } from 'jose';
import jwt from 'jsonwebtoken';
import type { SessionPrincipal } from '../access/principal.js';
import { CONFIG, type Config } from '../config/config.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import type { MaybePromise } from '../http/maybe-promise.js';
import { isUuid } from '../http/validation.js';
import type { SigningKey } from '../keys/key-ring.js';
import { SigningKeys } from '../keys/signing-keys.service.js';
import { CacheMetrics } from '../metrics/cache-metrics.js';
import { Revocations } from '../revocations/revocations.service.js';
import { VerifiedCache, type Verified } from '../revocations/verified-cache.js';
import type { SessionClaims } from './session-tokens.service.js';
import { SessionStore } from './sessions.store.js';
import { SessionLastUsed } from './session-last-used.service.js';

/** A session JWT that was found valid. */
export interface CheckedSession {
  principal: SessionPrincipal;
  claims: SessionClaims;
}

/**
 * Checks session JWTs, for requests and for introspection. One whose signature was checked is remembered by its digest until it
 * expires, or its session, its account or the keys change.
 */
@Injectable()
export class SessionChecks {
  private readonly verified: VerifiedCache<CheckedSession>;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly signingKeys: SigningKeys,
    private readonly sessions: SessionStore,
    private readonly uses: SessionLastUsed,
    private readonly clock: DatabaseClock,
    revocations: Revocations,
    caches: CacheMetrics,
  ) {
    this.verified = new VerifiedCache(revocations, config.cacheSize, 'session');
    caches.watch('sessions', this.verified);
  }

  /** @returns what a JWT is good for, if it is valid and its session is live; no promise where it is remembered
   * @throws when the database is unavailable
   */
  ofToken(token: string): MaybePromise<CheckedSession | undefined> {
    return this.remembered(token) ?? this.lookUp(token);
  }

  /** Like {@link ofToken}, without a look-up. @returns undefined also where it is not remembered */
  remembered(token: string): CheckedSession | undefined {
    const known = this.verified.known(keyOf(token));
    // By the clock too: it may be set while this is remembered.
    if (!known || known.claims.exp <= this.clock.now()) return undefined;
    return known;
  }

  /** Like {@link ofToken}, for one that is not remembered. */
  async lookUp(token: string): Promise<CheckedSession | undefined> {
    const checked = await this.verified.get(keyOf(token), () => this.verify(token));
    if (checked && checked.claims.exp <= this.clock.now()) return undefined;
    return checked;
  }

  /** Notes that a request has presented it; that somebody looks at what it is, is no use of it. */
  noteUse({ principal }: CheckedSession): void {
    this.uses.touch(principal.sessionId);
  }

  private async verify(token: string): Promise<Verified<CheckedSession> | undefined> {
    const key = await this.findKey(token);
    const claims = key && this.read(token, key);
    const found = claims && (await this.sessions.findLive(claims.sid, claims.data.id));
    if (!found) return undefined;
    const { principal, expiresIn } = found;
    return {
      value: { principal, claims },
      id: principal.sessionId,
      tags: [`account ${principal.accountId}`, 'signing keys'],
      expiresIn: Math.min(expiresIn, claims.exp - this.clock.now()),
    };
  }

  /** @returns the key that a JWT's header names, if it is one of ours and the header is like those that we issue */
  private async findKey(token: string): Promise<SigningKey | undefined> {
    const { typ, kid, crit } = headerOf(token);
    // Critical extensions have to be refused unless they are understood (RFC 7515 section 4.1.11), and we have none.
    if (typ !== 'JWT' || crit !== undefined || typeof kid !== 'string') return undefined;
    return this.signingKeys.find(kid);
  }

  /** @returns the claims of a JWT, if it is signed with the key, not expired, and was issued here and for us */
  private read(token: string, { publicKey, algorithm }: SigningKey): SessionClaims | undefined {
    const { publicUrl } = this.config;
    try {
      const claims = jwt.verify(token, publicKey, {
        // Never the algorithm in the token's header (RFC 8725 section 3.1).
        algorithms: [algorithm],
        issuer: publicUrl,
        clockTimestamp: this.clock.now(),
      }) as Partial<SessionClaims> & { aud?: unknown };
      const { sub, sid, iat, exp, jti, data, aud = publicUrl } = claims;
      const isOurs = sub === 'account' && [aud].flat().includes(publicUrl);
      const areTimes = typeof iat === 'number' && typeof exp === 'number';
      return isOurs && areTimes && [sid, jti, data?.id].every(isUuid) ? (claims as SessionClaims) : undefined;
    } catch {
      return undefined;
    }
  }
}

/** What a JWT is remembered by. */
const keyOf = (token: string) => hash('sha256', token, 'binary');

function headerOf(token: string): { typ?: unknown; kid?: unknown; crit?: unknown } {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return {};
  }
}
