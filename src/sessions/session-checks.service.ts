import { Inject, Injectable } from '@nestjs/common';
import { decodeProtectedHeader } from 'jose';
import jwt from 'jsonwebtoken';
import type { SessionPrincipal } from '../access/principal.js';
import { CONFIG, type Config } from '../config/config.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { isUuid } from '../http/validation.js';
import type { SigningKey } from '../keys/key-ring.js';
import { SigningKeys } from '../keys/signing-keys.service.js';
import type { SessionClaims } from './session-tokens.service.js';
import { SessionStore } from './sessions.store.js';
import { SessionLastUsed } from './session-last-used.service.js';

/** Checks session JWTs, for requests and for introspection. */
@Injectable()
export class SessionChecks {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly signingKeys: SigningKeys,
    private readonly sessions: SessionStore,
    private readonly uses: SessionLastUsed,
    private readonly clock: DatabaseClock,
  ) {}

  /** @returns the principal and the claims of a JWT, if it is valid and its session is live
   * @throws when the database is unavailable
   */
  async ofToken(token: string): Promise<{ principal: SessionPrincipal; claims: SessionClaims } | undefined> {
    const key = await this.findKey(token);
    const claims = key && this.read(token, key);
    const principal = claims && (await this.sessions.findLive(claims.sid, claims.data.id));
    if (!principal) return undefined;
    this.uses.touch(principal.sessionId);
    return { principal, claims };
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

function headerOf(token: string): { typ?: unknown; kid?: unknown; crit?: unknown } {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return {};
  }
}
