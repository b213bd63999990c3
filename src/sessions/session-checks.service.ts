import { Inject, Injectable } from '@nestjs/common';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import type { SessionPrincipal } from '../access/principal.js';
import { Clock } from '../config/clock.js';
import { CONFIG, type Config } from '../config/config.js';
import { isUuid } from '../http/validation.js';
import { ALGORITHM, SigningKeys } from '../keys/signing-keys.service.js';
import type { SessionClaims } from './session-tokens.service.js';
import { SessionStore } from './sessions.store.js';
import { SessionUses } from './session-uses.service.js';

/** Whether session JWTs are good. */
@Injectable()
export class SessionChecks {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly signingKeys: SigningKeys,
    private readonly sessions: SessionStore,
    private readonly uses: SessionUses,
    private readonly clock: Clock,
  ) {}

  /**
   * @param claims of a JWT of ours, whose signature and issuer have been checked
   * @returns who is signed in, if it has not expired and the session is alive
   */
  async ofClaims({ sub, sid, exp, data }: Partial<SessionClaims>): Promise<SessionPrincipal | undefined> {
    if (sub !== 'account' || typeof exp !== 'number' || exp <= this.clock.now()) return undefined;
    if (!isUuid(sid ?? '') || !isUuid(data?.id ?? '')) return undefined;
    const principal = await this.sessions.findLive(sid ?? '', data?.id ?? '');
    if (principal) this.uses.note(principal.sessionId);
    return principal;
  }

  /** @returns who is signed in by a JWT, and what it says, if it is one of ours and good */
  async ofToken(token: string): Promise<{ principal: SessionPrincipal; claims: SessionClaims } | undefined> {
    const claims = await this.readJwt(token);
    const principal = claims && (await this.ofClaims(claims));
    return principal && { principal, claims };
  }

  /** @returns the key that a JWT names, if it is one of ours */
  async findKey(token: string) {
    const kid = kidOf(token);
    return kid === undefined ? undefined : this.signingKeys.findPublicKey(kid);
  }

  private async readJwt(token: string): Promise<SessionClaims | undefined> {
    const key = await this.findKey(token);
    if (!key) return undefined;
    try {
      const { payload } = await jwtVerify<SessionClaims>(token, key, {
        algorithms: [ALGORITHM],
        issuer: this.config.publicUrl,
        currentDate: new Date(this.clock.now() * 1_000),
      });
      return payload;
    } catch {
      return undefined;
    }
  }
}

function kidOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
}
