import { ApiError, conflict } from '../errors/api-error.js';

/** How long a key may be. */
export const LONGEST_KEY = 255;

const about = (problem: string) => ({ idempotency_key: [problem] });

export const badKey = () =>
  new ApiError('bad_request', `The Idempotency-Key must be 1 to ${LONGEST_KEY} visible ASCII characters.`, {
    fields: about(`must be 1 to ${LONGEST_KEY} visible ASCII characters, with or without quotation marks`),
  });

export const otherBody = () =>
  conflict('The Idempotency-Key was used with another body.', about('was used with another body'));

/** draft-ietf-httpapi-idempotency-key-header-07 section 2.6. */
export const stillUnderWay = () =>
  new ApiError('conflict', 'A request with this Idempotency-Key is still under way. Try again in a second.', {
    fields: about('is that of a request that is still under way'),
    headers: { 'retry-after': '1' },
  });

export const answerLost = () =>
  conflict(
    'The request with this Idempotency-Key was carried out, but its answer was lost. Look for what it made.',
    about('is that of a request that was carried out, whose answer was lost'),
  );
