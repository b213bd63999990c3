import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { Strategy } from 'passport-jwt';
import type { SessionPrincipal } from '../access/principal.js';
import { after, type MaybePromise } from '../http/maybe-promise.js';
import { SessionChecks } from '../sessions/session-checks.service.js';
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

  /** Replaces passport-jwt's own, which ignores `crit` and reports an outage as an invalid token. */
  override authenticate(request: unknown): void {
    const decide = (principal: SessionPrincipal | undefined) => {
      if (principal) this.success(principal);
      else this.fail(401);
    };
    const found = this.validate(request as FastifyRequest);
    if (!(found instanceof Promise)) decide(found);
    else
      found.then(decide, (error: unknown) => {
        this.error(error as Error);
      });
  }

  /**
   * @returns the session's principal, if the request shows a valid token; no promise where it is remembered
   * @throws when the database is unavailable
   */
  validate(request: FastifyRequest): MaybePromise<SessionPrincipal | undefined> {
    const token = bearerToken(request);
    return token === null ? undefined : after(this.sessions.ofToken(token), (session) => session?.principal);
  }
}
