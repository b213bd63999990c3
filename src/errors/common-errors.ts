import { ApiError, badRequest, conflict, unavailable } from './api-error.js';

// Errors that many routes have in common. The API description shows each as the example of its code.

export const notJson = () => badRequest('The body is not valid JSON.');

/** They are JSON, and change what an object is to JavaScript. */
export const reservedNames = () =>
  badRequest('The body must not contain the fields __proto__ or constructor.prototype.');

export const notAllowed = () => new ApiError('forbidden', 'This is not allowed.');

/** Only for whoever has given the right password. */
export const unverified = () =>
  new ApiError('unverified', 'Verify your email first. Open the link that was sent to it.');

/** Only for whoever has given the right password. */
export const passwordExpired = () =>
  new ApiError('password_expired', 'This temporary password has expired. Request a password reset link.');

/** @param methods the methods that the URL accepts */
export const wrongMethod = (methods: string[]) =>
  new ApiError('method_not_allowed', `This URL only accepts ${methods.join(', ')}.`, {
    headers: { allow: methods.join(', ') },
  });

export const takenEmail = () => conflict('An account with this email already exists.', { email: ['is taken'] });

export const tooSlow = () => new ApiError('too_slow', 'The request took too long to arrive.');

export const headTooLarge = () => new ApiError('head_too_large', 'The headers and the URL are too large.');

export const bodyTooLarge = () => new ApiError('body_too_large', 'The body is too large.');

export const JSON_TYPES = ['application/json'];
export const FORM_TYPES = ['application/x-www-form-urlencoded', ...JSON_TYPES];

/** @param types what the route takes */
export const unsupportedType = (types = JSON_TYPES) =>
  new ApiError('unsupported_media_type', `Send the body as ${types.join(' or ')}.`);

export const unexpected = () => new ApiError('internal', 'An internal error occurred.');

export const databaseAway = () => unavailable('The service is temporarily unavailable. Try again later.', 1);

export const stopping = () => unavailable('The server is being restarted. Try again later.', 1);
