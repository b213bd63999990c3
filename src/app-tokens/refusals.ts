import { ApiError, invalidParams, type FieldErrors } from '../errors/api-error.js';

/** The document's words for an id that is none, or nobody's. */
export const INVALID_ID = 'One or more IDs are not formatted correctly.';
export const badUser = () => invalidParams({ user: [INVALID_ID] });

export const scopesForbidden = () => forbidden('scopes', 'Only an admin gives scopes.');
export const onBehalfForbidden = () => forbidden('user', 'Only an admin gets tokens on behalf of others.');
export const longerLifeForbidden = () => forbidden('seconds_until_expire', 'A token cannot lengthen its own life.');

// The others are refused before a service is asked; what is said of them is here for the description.
export const badUsername = () => invalidParams({ username: ['must be a string'] });
export const badExpiry = () => invalidParams({ seconds_until_expire: ['must be a whole number'] });
export const badAppToken = () => unauthorized('App-Token', { app_token: [NOT_GOOD] });
export const badHeaders = () => unauthorized('App-Token, Token', { app_token: [NOT_GOOD], token: [NOT_GOOD] });

const NOT_GOOD = 'is missing, or not valid (any longer)';

function unauthorized(challenge: string, fields: FieldErrors): ApiError {
  return new ApiError('unauthorized', 'A header is missing, or not valid.', {
    fields,
    headers: { 'www-authenticate': challenge },
  });
}

function forbidden(field: string, message: string): ApiError {
  return new ApiError('forbidden', message, { fields: { [field]: [message] } });
}
