import { ApiError, BASIC, BEARER, INVALID_TOKEN, unauthorized, type FieldErrors } from '../errors/api-error.js';
import type { ClientScope } from './client-scopes.js';
import type { UserPrincipal } from './principal.js';

const NOT_GOOD = 'is missing, or not valid (any longer)';

export const badFrontendToken = () => unauthorized('Send an App-Token with the scope frontend.', 'App-Token');
export const noFrontendScope = () => new ApiError('forbidden', 'The App-Token has no scope frontend.');

export const badAppToken = () => badHeader('App-Token', { app_token: [NOT_GOOD] });
/** Names each header that is not good. */
export const badHeaders = ({ app, user } = { app: true, user: true }) =>
  badHeader('App-Token, Token', { ...(app && { app_token: [NOT_GOOD] }), ...(user && { token: [NOT_GOOD] }) });

/** For whoever acts with a user token that is revoked while they act. */
export const revokedMeanwhile = () =>
  new ApiError('unauthorized', 'The token has been revoked.', {
    fields: { token: ['has been revoked'] },
    headers: { 'www-authenticate': 'App-Token, Token' },
  });

/** For whoever acts with a session that is ended while they act. */
export const sessionEnded = () => unauthorized('The session has ended.');

export const adminsOnly = () => new ApiError('forbidden', 'Only an admin can do this.');

/** @throws ApiError `forbidden` for whoever is no admin */
export function requireAdmin(caller: UserPrincipal): UserPrincipal {
  if (!caller.isAdmin) throw adminsOnly();
  return caller;
}

/** In the publicauth document's words. */
export const badApiToken = () => unauthorized('The token does not exist or has been revoked.', INVALID_TOKEN);

/** The same for a client that is unknown, has another secret, or has ended. */
export const badClient = () => unauthorized('There is no such client, or its secret is another.', BASIC);

export const noAccessToken = () => unauthorized('Send an access token as a Bearer token.');
export const badAccessToken = () =>
  unauthorized('The access token is not good (any longer).', `${BEARER}, error="invalid_token"`);

/** @param challenge only for what has shown a Bearer token (RFC 6750 section 3) */
export function insufficientScope(scope: ClientScope, challenge = true): ApiError {
  const headers = { 'www-authenticate': `${BEARER}, error="insufficient_scope", scope="${scope}"` };
  return new ApiError('forbidden', `The client needs the scope ${scope}.`, challenge ? { headers } : {});
}

/** RFC 6749 section 2.3. */
export const severalWays = () => new ApiError('bad_request', 'Authenticate in one way only.');

function badHeader(challenge: string, fields: FieldErrors): ApiError {
  return new ApiError('unauthorized', 'A header is missing, or not valid.', {
    fields,
    headers: { 'www-authenticate': challenge },
  });
}
