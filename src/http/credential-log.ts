import type { FastifyRequest } from 'fastify';
import type { Access, ShownInBody } from '../access/access.js';
import type { Principal } from '../access/principal.js';
import type { ErrorCode } from '../errors/api-error.js';
import { routeOf } from './route-of.js';

/**
 * What somebody proves who they are with, as the log names it: never the credential itself. Metrics have names of their own
 * (`CredentialKind` in metrics/metrics.service.ts); docs/metrics.md says which is which.
 */
export type LoggedCredential =
  ShownInBody | 'session' | 'app_token' | 'user_token' | 'api_token' | 'access_token' | 'client_secret';

/** Why a request was not let in: `missing` and `invalid` are both 401. */
export type Refusal = 'missing' | 'invalid' | 'forbidden' | 'unverified' | 'password_expired' | 'rate_limited';

/** What a line of the log says of the credential of a request. */
export interface CredentialLog {
  /** Null: none was asked for. */
  credential: LoggedCredential | null;
  refused?: Refusal;
}

/** @returns the kind of credential that a request was let in with, or was to show; and why it was refused */
export function describeCredential(request: FastifyRequest): CredentialLog {
  const { principal, failure } = request;
  const { access } = routeOf(request).config;
  const refused = failure === undefined ? undefined : refusalOf(failure, request);
  // What is in the body is only looked at once the headers are good.
  const own = provesBy(request) ?? (principal && ofPrincipal(principal));
  if (refused === undefined) return { credential: own ?? null };
  return { credential: own ?? (access ? wantedBy(access, request) : null), refused };
}

/** @returns what the body proves, unless the request was refused before that */
function provesBy(request: FastifyRequest): ShownInBody | undefined {
  const { config } = routeOf(request);
  return request.principal !== undefined || config.access?.scheme === 'public' ? config.proves : undefined;
}

function ofPrincipal(principal: Principal): LoggedCredential {
  if ('sessionId' in principal) return 'session';
  if ('userTokenId' in principal) return 'user_token';
  if ('gatewayAccountId' in principal) return 'api_token';
  if ('clientId' in principal) return principal.tokenId === undefined ? 'client_secret' : 'access_token';
  return 'app_token';
}

function wantedBy({ scheme }: Access, request: FastifyRequest): LoggedCredential | null {
  const asClient = () => (/^basic\b/i.test(request.headers.authorization ?? '') ? 'client_secret' : 'access_token');
  switch (scheme) {
    case 'public':
      return request.headers.authorization === undefined ? null : 'session';
    case 'session':
      return 'session';
    case 'app':
    case 'frontend':
      return 'app_token';
    case 'user':
      return 'user_token';
    case 'api':
      return 'api_token';
    case 'client':
      return asClient();
    case 'session-or-client':
      return request.dialect === 'connect' ? asClient() : 'session';
    case 'client-secret':
      return 'client_secret';
  }
}

function refusalOf(failure: ErrorCode, request: FastifyRequest): Refusal | undefined {
  switch (failure) {
    case 'unauthorized':
      return isShown(request) ? 'invalid' : 'missing';
    case 'forbidden':
    case 'unverified':
    case 'password_expired':
    case 'rate_limited':
      return failure;
    default:
      return undefined;
  }
}

function isShown(request: FastifyRequest): boolean {
  if (provesBy(request)) return true;
  const { headers, body } = request;
  switch (routeOf(request).config.access?.scheme) {
    case 'app':
    case 'frontend':
      return headers['app-token'] !== undefined;
    case 'user':
      return headers['app-token'] !== undefined && headers.token !== undefined;
    case 'client-secret':
      return (
        headers.authorization !== undefined || typeof (body as { client_id?: unknown } | null)?.client_id === 'string'
      );
    default:
      return headers.authorization !== undefined;
  }
}
