import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { SessionPrincipal } from '../access/principal.js';
import { INVALID_TOKEN, unauthorized } from '../errors/api-error.js';
import { after, type MaybePromise } from '../http/maybe-promise.js';
import { Metrics } from '../metrics/metrics.service.js';
import { showsBearer } from './authorization-header.js';
import { BearerJwtStrategy } from './bearer-jwt.strategy.js';

/** `Authorization: Bearer` with the JWT of a live session (RFC 6750). */
@Injectable()
export class BearerJwtScheme {
  constructor(
    private readonly strategy: BearerJwtStrategy,
    private readonly metrics: Metrics,
  ) {}

  /** @throws ApiError `unauthorized` */
  admits(request: FastifyRequest): MaybePromise<boolean> {
    if (!showsBearer(request)) throw unauthorized('Authenticate with a session token as a Bearer token.');
    const check = this.strategy.remembered(request) ?? this.authenticate(request);
    return after(this.metrics.counted('session', check), (principal) => {
      if (!principal) {
        throw unauthorized('The session has ended or the token is invalid.', INVALID_TOKEN);
      }
      request.principal = principal;
      return true;
    });
  }

  /**
   * Runs the strategy as passport's own middleware does, but without passport's registry, which is global: a second
   * server in the process would replace the strategy of the first.
   */
  private authenticate(request: FastifyRequest): Promise<SessionPrincipal | undefined> {
    return new Promise((resolve, reject) => {
      const attempt = Object.assign(Object.create(this.strategy) as BearerJwtStrategy, {
        success: (principal: SessionPrincipal) => {
          resolve(principal);
        },
        fail: () => {
          resolve(undefined);
        },
        error: reject,
      });
      attempt.authenticate(request);
    });
  }
}
