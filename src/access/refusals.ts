import {
  APP_TOKEN,
  ApiError,
  BASIC,
  BEARER,
  INVALID_TOKEN,
  invalidParams,
  unauthorized,
  type FieldErrors,
} from '../errors/api-error.js';
import type { ClientScope } from './client-scopes.js';

const NOT_GOOD = 'is missing or invalid';

export const badFrontendToken = () => unauthorized('Send an App-Token that has the frontend scope.', 'App-Token');
export const noFrontendScope = () => new ApiError('forbidden', 'The App-Token does not have the frontend scope.');

export const badAppToken = () => badHeader(APP_TOKEN, { app_token: [NOT_GOOD] });
/** Names each header that is missing or invalid. */
export const badHeaders = ({ app, user } = { app: true, user: true }) =>
  badHeader('App-Token, Token', { ...(app && { app_token: [NOT_GOOD] }), ...(user && { token: [NOT_GOOD] }) });

export const badClientAddress = () => invalidParams({ client_address: ['must be an IP address'] });
export const clientAddressForbidden = () =>
  new ApiError('forbidden', 'The App-Token cannot pass on a client address from this network.', {
    fields: { client_address: ['requires the client-address scope and a request from one of its networks'] },
  });

const REVOKED = 'has been revoked';

/** For a request whose user token is revoked before its transaction commits. */
export const revokedMeanwhile = ({ app, user } = { app: false, user: true }) =>
  new ApiError('unauthorized', 'The token has been revoked.', {
    fields: { ...(app && { app_token: [REVOKED] }), ...(user && { token: [REVOKED] }) },
    headers: { 'www-authenticate': 'App-Token, Token' },
  });

/** For a request whose session ends before its transaction commits. */
export const sessionEnded = () => unauthorized('The session has ended.');

export const adminsOnly = () => new ApiError('forbidden', 'This requires an admin account.');

/** @throws ApiError `forbidden` for whoever is not an admin */
export function requireAdmin<Caller extends { isAdmin: boolean }>(caller: Caller): Caller {
  if (!caller.isAdmin) throw adminsOnly();
  return caller;
}

export const noApiToken = () => apiTokenRefused('Authenticate with an API token as a Bearer token.', BEARER);

/** In the publicauth document's words. @param revoked the link of a token that has been revoked and is still stored */
export const badApiToken = (revoked?: string) =>
  apiTokenRefused('The token does not exist or has been revoked.', INVALID_TOKEN, revoked);

/** The same message whether the client is unknown, has another secret, or has an owner who is no enabled admin. */
export const badClient = () => unauthorized('Unknown client or wrong secret.', BASIC);

export const noAccessToken = () => unauthorized('Authenticate with an access token as a Bearer token.');
export const badAccessToken = () =>
  unauthorized('The access token is invalid or has expired.', `${BEARER}, error="invalid_token"`);

/** @param challenge whether to send WWW-Authenticate: only to whoever presented a Bearer token (RFC 6750 section 3) */
export function insufficientScope(scope: ClientScope, challenge = true): ApiError {
  const headers = { 'www-authenticate': `${BEARER}, error="insufficient_scope", scope="${scope}"` };
  return new ApiError('forbidden', `The client does not have the ${scope} scope.`, challenge ? { headers } : {});
}

/** RFC 6749 section 3.2. */
export const parameterInUrl = (name: string) =>
  new ApiError('bad_request', `Send ${name} in the body, not in the URL.`);

/** RFC 6749 section 2.3. */
export const severalWays = () => new ApiError('bad_request', 'Use only one authentication method.');

function apiTokenRefused(message: string, challenge: string, revoked?: string): ApiError {
  return new ApiError('unauthorized', message, {
    headers: { 'www-authenticate': challenge },
    members:
      revoked === undefined
        ? { error_identifier: 'AUTH_TOKEN_INVALID' }
        : { error_identifier: 'AUTH_TOKEN_REVOKED', token_link: revoked },
  });
}

function badHeader(challenge: string, fields: FieldErrors): ApiError {
  return new ApiError('unauthorized', 'A required header is missing or invalid.', {
    fields,
    headers: { 'www-authenticate': challenge },
  });
}
