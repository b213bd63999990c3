import { Injectable, type ExecutionContext } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { SessionPrincipal } from '../access/principal.js';
import { unauthorized } from '../errors/api-error.js';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { BEARER_JWT, bearerToken } from './bearer-jwt.strategy.js';

/** `Authorization: Bearer` with the JWT of a live session (RFC 6750). */
@Injectable()
export class BearerJwtScheme extends AuthGuard(BEARER_JWT) {
  /** @throws ApiError `unauthorized`; the principal is the request's afterwards */
  async admits(context: ExecutionContext): Promise<boolean> {
    return (await this.canActivate(context)) === true;
  }

  override getAuthenticateOptions() {
    return { property: 'principal', session: false };
  }

  /**
   * Called by passport's guard with what the strategy found.
   *
   * @param info why it found nothing; looking for the key may have failed too, and an outage signs nobody out
   */
  override handleRequest<User = SessionPrincipal>(
    error: unknown,
    principal: User | false | undefined,
    info: unknown,
    context: ExecutionContext,
  ): User {
    if (error instanceof Error) throw error;
    if (info instanceof Error && isDatabaseUnavailable(info)) throw info;
    if (principal) return principal;
    throw bearerToken(context.switchToHttp().getRequest()) === null
      ? unauthorized('Send the token of a session as a Bearer token.')
      : unauthorized('The session has ended, or the token is not valid.', 'Bearer error="invalid_token"');
  }
}
