import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { Strategy } from 'passport-jwt';
import type { SessionPrincipal } from '../access/principal.js';
import { SessionChecks } from '../sessions/session-checks.service.js';
import { bearerToken } from './authorization-header.js';

/** Passport's way to authenticate a request by the JWT of a session. What is good, {@link SessionChecks} says. */
@Injectable()
export class BearerJwtStrategy extends PassportStrategy(Strategy, 'bearer-jwt') {
  constructor(private readonly sessions: SessionChecks) {
    super({
      jwtFromRequest: bearerToken,
      // Required, and never asked: see `authenticate`.
      secretOrKeyProvider: (_request: unknown, _token: unknown, done: (error: Error) => void) => {
        done(new Error('Keys are looked up by SessionChecks.'));
      },
    });
  }

  /** In place of passport-jwt's own, which ignores `crit` and answers an outage like a bad token. */
  override authenticate(request: unknown): void {
    this.validate(bearerToken(request as FastifyRequest)).then(
      (principal) => {
        if (principal) this.success(principal);
        else this.fail(401);
      },
      (error: unknown) => {
        this.error(error as Error);
      },
    );
  }

  /** @returns who is signed in by a token. @throws when the database is away */
  async validate(token: string | null): Promise<SessionPrincipal | undefined> {
    return token === null ? undefined : (await this.sessions.ofToken(token))?.principal;
  }
}
