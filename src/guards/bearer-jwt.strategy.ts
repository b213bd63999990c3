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

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Tells a look-up that failed from a token that is wrong: an outage signs nobody out. */
export class KeyLookupError extends Error {
  constructor(override readonly cause: Error) {
    super('The key of a token could not be looked up.');
  }
}

type Sent = Pick<FastifyRequest, 'headers'> & { raw: { rawHeaders: string[] } };

/**
 * Both documented spellings, `Bearer X` and `Bearer: X`, the scheme in whatever case (RFC 9110 section 11.1). None when
 * the header was sent twice: Node keeps the first, and a proxy before us may have gone by the other.
 */
export function bearerToken({ headers, raw }: Sent): string | null {
  const token = /^bearer:? +([\w.~+/=-]+)$/i.exec(headers.authorization ?? '')?.[1];
  return token === undefined || isRepeated(raw.rawHeaders) ? null : token;
}

/** @param rawHeaders names and values in turn */
function isRepeated(rawHeaders: string[]): boolean {
  return rawHeaders.filter((text, index) => index % 2 === 0 && /^authorization$/i.test(text)).length > 1;
}

/** Checks the JWT of a session: the signature here, and in the database whether the session lives. */
@Injectable()
export class BearerJwtStrategy extends PassportStrategy(Strategy, 'bearer-jwt') {
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
            done(new KeyLookupError(error instanceof Error ? error : new Error(String(error))));
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
