import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-jwt';
import type { SessionPrincipal } from '../access/principal.js';
import { CONFIG, type Config } from '../config/config.js';
import { ALGORITHM } from '../keys/signing-keys.service.js';
import { SessionChecks } from '../sessions/session-checks.service.js';
import type { SessionClaims } from '../sessions/session-tokens.service.js';
import { bearerToken } from './authorization-header.js';

/** Tells a look-up that failed from a token that is wrong: an outage signs nobody out. */
export class KeyLookupError extends Error {
  constructor(override readonly cause: Error) {
    super('The key of a token could not be looked up.');
  }
}

/** Checks the JWT of a session: the signature here, and in the database whether the session lives. */
@Injectable()
export class BearerJwtStrategy extends PassportStrategy(Strategy, 'bearer-jwt') {
  constructor(
    @Inject(CONFIG) config: Config,
    private readonly sessions: SessionChecks,
  ) {
    super({
      jwtFromRequest: bearerToken,
      // The algorithm is ours to choose, never the token's (RFC 8725 section 3.1).
      algorithms: [ALGORITHM],
      issuer: config.publicUrl,
      // Judged with the claims, by the clock that tests can move.
      ignoreExpiration: true,
      secretOrKeyProvider: (_request: unknown, token: string, done: (error: unknown, key?: string) => void) => {
        this.sessions.findKey(token).then(
          (key) => {
            done(null, key as unknown as string);
          },
          (error: unknown) => {
            done(new KeyLookupError(error instanceof Error ? error : new Error(String(error))));
          },
        );
      },
    });
  }

  async validate(claims: Partial<SessionClaims>): Promise<SessionPrincipal | false> {
    return (await this.sessions.ofClaims(claims)) ?? false;
  }
}
