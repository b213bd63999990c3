import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { Strategy } from 'passport-jwt';
import type { SessionPrincipal } from '../access/principal.js';
import { SessionChecks, type CheckedSession } from '../sessions/session-checks.service.js';
import { bearerToken } from './authorization-header.js';

/** Passport's strategy for the JWT of a session, which {@link SessionChecks} checks. */
@Injectable()
export class BearerJwtStrategy extends PassportStrategy(Strategy, 'bearer-jwt') {
  constructor(private readonly sessions: SessionChecks) {
    super({
      jwtFromRequest: bearerToken,
      // Required, but never called: see `authenticate`.
      secretOrKeyProvider: (_request: unknown, _token: unknown, done: (error: Error) => void) => {
        done(new Error('Keys are looked up by SessionChecks.'));
      },
    });
  }

  /** @returns the session's principal, if the request shows a token that is remembered */
  remembered(request: FastifyRequest): SessionPrincipal | undefined {
    const token = bearerToken(request);
    return token === null ? undefined : this.used(this.sessions.remembered(token));
  }

  /** Replaces passport-jwt's own, which ignores `crit` and reports an outage as an invalid token. */
  override authenticate(request: unknown): void {
    this.validate(request as FastifyRequest).then(
      (principal) => {
        if (principal) this.success(principal);
        else this.fail(401);
      },
      (error: unknown) => {
        this.error(error as Error);
      },
    );
  }

  /**
   * @returns the session's principal, if the request shows a valid token
   * @throws when the database is unavailable
   */
  async validate(request: FastifyRequest): Promise<SessionPrincipal | undefined> {
    const token = bearerToken(request);
    return token === null ? undefined : this.used(await this.sessions.lookUp(token));
  }

  private used(checked: CheckedSession | undefined): SessionPrincipal | undefined {
    if (checked) this.sessions.noteUse(checked);
    return checked?.principal;
  }
}
