import { ApiError, conflict } from '../errors/api-error.js';

/** How long a key may be. */
export const LONGEST_KEY = 255;

const about = (problem: string) => ({ idempotency_key: [problem] });

export const badKey = () =>
  new ApiError('bad_request', `The Idempotency-Key must be 1 to ${LONGEST_KEY} visible ASCII characters.`, {
    fields: about(`must be 1 to ${LONGEST_KEY} visible ASCII characters, with or without quotation marks`),
  });

export const otherBody = () =>
  conflict(
    'This Idempotency-Key was already used with a different request body.',
    about('was already used with a different request body'),
  );

/** draft-ietf-httpapi-idempotency-key-header-07 section 2.6. */
export const stillUnderWay = () =>
  new ApiError('conflict', 'A request with this Idempotency-Key is still in progress. Try again in a second.', {
    fields: about('belongs to a request that is still in progress'),
    headers: { 'retry-after': '1' },
  });

export const answerLost = () =>
  conflict(
    'The original request succeeded, but its response was not saved. ' +
      'Check whether the resource exists before you retry with a new key.',
    about('belongs to a request that succeeded, but whose response was not saved'),
  );
