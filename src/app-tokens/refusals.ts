import { ApiError, conflict, invalidParams } from '../errors/api-error.js';
import { INVALID_ID, IS_REQUIRED, MUST_BE_WHOLE_NUMBER } from '../http/validation.js';

export const badUser = () => invalidParams({ user: [INVALID_ID] });

export const onOwnBehalf = () => invalidParams({ user: ['is your own account. Use your own token instead.'] });

/** @param seconds the most that there can be */
export const tooLongLife = (seconds: number) =>
  invalidParams({ seconds_until_expire: [`must be at most ${seconds}, as the token cannot last longer`] });

export const scopesForbidden = () => forbidden('scopes', 'Only an admin can set scopes.');
export const onBehalfForbidden = () =>
  forbidden('user', 'Only an admin can create tokens on behalf of other accounts.');
export const longerLifeForbidden = () => forbidden('seconds_until_expire', 'A token cannot extend its own expiration.');

export const networksMissing = () => invalidParams({ networks: ['is required for the scope client-address'] });
export const networksUnused = () => invalidParams({ networks: ['is only for the scope client-address'] });

export const cascadeWithoutEnd = () =>
  invalidParams({ cascade: ['is only for a seconds_until_expire of zero or less, which ends the token'] });

/** MAX_APP_TOKENS_PER_ACCOUNT. */
export const tooManyAppTokens = () =>
  conflict('You have reached the maximum number of application tokens. Delete one that you no longer use.');

// The others are refused before a service is asked; what is said of them is here for the description.
export const badUsername = () => invalidParams({ username: [IS_REQUIRED] });
export const badExpiry = () => invalidParams({ seconds_until_expire: [MUST_BE_WHOLE_NUMBER.message] });

function forbidden(field: string, message: string): ApiError {
  return new ApiError('forbidden', message, { fields: { [field]: [message] } });
}
