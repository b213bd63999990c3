import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { decodeProtectedHeader } from 'jose';
import { Strategy } from 'passport-jwt';
import type { SessionPrincipal } from '../access/principal.js';
import { Clock } from '../config/clock.js';
import { CONFIG, type Config } from '../config/config.js';
import { ALGORITHM, SigningKeys } from '../keys/signing-keys.service.js';
import { SessionStore } from '../sessions/session.store.js';
import type { SessionClaims } from '../sessions/session-tokens.service.js';

export const BEARER_JWT = 'bearer-jwt';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Both documented spellings, `Bearer X` and `Bearer: X`, the scheme in whatever case (RFC 9110 section 11.1). */
export function bearerToken(request: { headers: FastifyRequest['headers'] }): string | null {
  return /^bearer:? +([\w.~+/=-]+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? null;
}

/** Checks the JWT of a session: the signature here, and in the database whether the session lives. */
@Injectable()
export class BearerJwtStrategy extends PassportStrategy(Strategy, BEARER_JWT) {
  constructor(
    @Inject(CONFIG) config: Config,
    private readonly signingKeys: SigningKeys,
    private readonly sessions: SessionStore,
    private readonly clock: Clock,
  ) {
    super({
      jwtFromRequest: bearerToken,
      // The algorithm is ours to choose, never the token's (RFC 8725 section 3.1).
      algorithms: [ALGORITHM],
      issuer: config.publicUrl,
      // Judged in validate(), by the clock that tests can move.
      ignoreExpiration: true,
      secretOrKeyProvider: (_request: unknown, token: string, done: (error: unknown, key?: string) => void) => {
        this.findKey(token).then(
          (key) => {
            done(null, key as unknown as string);
          },
          (error: unknown) => {
            done(error);
          },
        );
      },
    });
  }

  async validate(claims: Partial<SessionClaims>): Promise<SessionPrincipal | false> {
    const { sub, sid, exp, data } = claims;
    if (sub !== 'account' || typeof exp !== 'number' || exp <= this.clock.now()) return false;
    if (!UUID.test(sid ?? '') || !UUID.test(data?.id ?? '')) return false;
    return (await this.sessions.findLive(sid ?? '', data?.id ?? '')) ?? false;
  }

  private async findKey(token: string) {
    const kid = kidOf(token);
    return kid === undefined ? undefined : this.signingKeys.findPublicKey(kid);
  }
}

function kidOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
}
