import { ApiError, invalidParams } from '../errors/api-error.js';
import { INVALID_ID, MUST_BE_STRING, MUST_BE_WHOLE_NUMBER } from '../http/validation.js';

export const badUser = () => invalidParams({ user: [INVALID_ID] });

export const scopesForbidden = () => forbidden('scopes', 'Only an admin can set scopes.');
export const onBehalfForbidden = () =>
  forbidden('user', 'Only an admin can create tokens on behalf of other accounts.');
export const longerLifeForbidden = () => forbidden('seconds_until_expire', 'A token cannot extend its own expiration.');

// The validation of the body refuses these; they are here for the API description.
export const badUsername = () => invalidParams({ username: [MUST_BE_STRING.message] });
export const badExpiry = () => invalidParams({ seconds_until_expire: [MUST_BE_WHOLE_NUMBER.message] });

function forbidden(field: string, message: string): ApiError {
  return new ApiError('forbidden', message, { fields: { [field]: [message] } });
}
