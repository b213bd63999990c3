import { ApiError, invalidParams } from '../errors/api-error.js';
import { INVALID_ID } from '../http/validation.js';

export const badUser = () => invalidParams({ user: [INVALID_ID] });

export const scopesForbidden = () => forbidden('scopes', 'Only an admin gives scopes.');
export const onBehalfForbidden = () => forbidden('user', 'Only an admin gets tokens on behalf of others.');
export const longerLifeForbidden = () => forbidden('seconds_until_expire', 'A token cannot lengthen its own life.');

// The others are refused before a service is asked; what is said of them is here for the description.
export const badUsername = () => invalidParams({ username: ['must be a string'] });
export const badExpiry = () => invalidParams({ seconds_until_expire: ['must be a whole number'] });

function forbidden(field: string, message: string): ApiError {
  return new ApiError('forbidden', message, { fields: { [field]: [message] } });
}
