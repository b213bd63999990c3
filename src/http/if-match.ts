import { applyDecorators } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { ApiError, badRequest } from '../errors/api-error.js';
import { currentRequest } from './current-request.js';
import { etagOf } from './etag.js';

/** RFC 9110 section 8.8.3. */
const TAGS = /^(?:W\/)?"[\x21\x23-\x7e]*"(?:[ \t]*,[ \t]*(?:W\/)?"[\x21\x23-\x7e]*")*$/;

/** Many tags of ours, in characters. */
const LONGEST = 1_024;

export const badIfMatch = () => badRequest('If-Match must be `*` or a list of quoted entity tags, as sent in ETag.');

export const changedMeanwhile = () =>
  new ApiError('precondition_failed', 'The resource has changed since you fetched it. Fetch it again and retry.');

/** What every route with {@link ConditionalChange} may answer. */
export const IF_MATCH_ERRORS = [badIfMatch(), changedMeanwhile()];

/** The route changes what its GET shows, and calls {@link requireMatch}. Describe {@link IF_MATCH_ERRORS} too. */
export const ConditionalChange = (): MethodDecorator =>
  applyDecorators(
    ApiHeader({
      name: 'If-Match',
      description:
        'The `ETag` of the GET that the change is based on: if it is another one by now, nothing is changed.',
      required: false,
      example: '"Ym9yaW5nIGJ1dCBjb3JyZWN0IQ"',
      schema: { type: 'string', maxLength: LONGEST },
    }),
  );

/**
 * Holds the If-Match of the current request against what it is about to change (RFC 9110 section 13.1.1). To be called
 * under a lock, which nobody who changes it goes round, so that nobody else changes it before the commit.
 *
 * @param view what a GET would answer now; undefined: nothing, which is not found anyway
 * @throws ApiError `precondition_failed`
 */
export async function requireMatch(view: () => Promise<object | undefined>): Promise<void> {
  const header = currentRequest()?.headers['if-match']?.trim();
  if (header === undefined || header === '*') return;
  if (header.length > LONGEST || !TAGS.test(header)) throw badIfMatch();
  const current = await view();
  if (current === undefined) return;
  const etag = etagOf(JSON.stringify(current));
  // The strong comparison: a weak tag is never the same.
  if (!header.split(',').some((tag) => tag.trim() === etag)) throw changedMeanwhile();
}
