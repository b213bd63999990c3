import { ApiError, badRequest, conflict, unavailable } from './api-error.js';

// What many routes answer. The description shows each of them for its code (`openapi.ts`).

export const notJson = () => badRequest('The body is not valid JSON.');

export const notAllowed = () => new ApiError('forbidden', 'This is not allowed.');

/** Said to whoever knows the password, and to nobody else. */
export const unverified = () =>
  new ApiError('unverified', 'Verify your email first. Open the link that was sent to it.');

/** @param methods those that the address does answer to */
export const wrongMethod = (methods: string[]) =>
  new ApiError('method_not_allowed', `This URL only accepts ${methods.join(', ')}.`, {
    headers: { allow: methods.join(', ') },
  });

export const takenEmail = () => conflict('An account with this email exists.', { email: ['is taken'] });

export const tooSlow = () => new ApiError('too_slow', 'The request took too long to arrive.');

export const headTooLarge = () => new ApiError('head_too_large', 'The headers and the URL are too large.');

export const bodyTooLarge = () => new ApiError('body_too_large', 'The body is too large.');

export const unsupportedType = () => new ApiError('unsupported_media_type', 'Send the body as application/json.');

export const unexpected = () => new ApiError('internal', 'An internal error occurred.');

export const databaseAway = () => unavailable('The service is temporarily unavailable. Try again.', 1);

export const stopping = () => unavailable('The server is being restarted. Try again.', 1);
