import { applyDecorators } from '@nestjs/common';
import { ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';
import { ApiError, type ErrorCode, type FieldErrors } from './api-error.js';
import { statusOf, wordError, type Dialect } from './dialects.js';

const EXAMPLES: Record<ErrorCode, { message: string; fields?: FieldErrors; describe: string }> = {
  bad_request: { message: 'The body is not valid JSON.', describe: 'The request could not be understood' },
  unauthorized: { message: 'The session has ended.', describe: 'The credential is missing or not (any longer) valid' },
  forbidden: { message: 'This is not allowed.', describe: 'The credential does not allow this' },
  not_found: { message: 'There is nothing here, or it is not yours.', describe: 'There is no such thing for you' },
  method_not_allowed: { message: 'This address answers to GET only.', describe: 'Wrong method; see `Allow`' },
  conflict: {
    message: 'An account with this email exists.',
    fields: { email: ['is taken'] },
    describe: 'It would clash with what is there',
  },
  body_too_large: { message: 'The body is too large.', describe: 'The body is over the limit (BODY_LIMIT)' },
  unsupported_media_type: { message: 'Send the body as application/json.', describe: 'Unknown media type' },
  invalid_params: {
    message: 'One or more parameters are invalid.',
    fields: { email: ['must be an email address'] },
    describe: 'One or more fields are invalid',
  },
  rate_limited: { message: 'Too many attempts. Try again later.', describe: 'Too many attempts; see `Retry-After`' },
  internal: { message: 'Something went wrong on our side.', describe: 'An unexpected failure, logged under this id' },
  unavailable: {
    message: 'The service is unavailable for a moment. Try again.',
    describe: 'The database is away, or too many passwords wait to be checked; see `Retry-After`',
  },
};

const HEADERS: Partial<Record<ErrorCode, ApiResponseOptions['headers']>> = {
  unauthorized: { 'WWW-Authenticate': { schema: { type: 'string', example: 'Bearer' } } },
  rate_limited: { 'Retry-After': { description: 'Seconds', schema: { type: 'integer', example: 60 } } },
  unavailable: { 'Retry-After': { description: 'Seconds', schema: { type: 'integer', example: 1 } } },
};

/** Every route with a dialect can fail in these ways. */
const COMMON: ErrorCode[] = ['bad_request', 'internal', 'unavailable'];

/** Every route that takes a body can fail in these ways too. */
export const BODY_ERRORS: ErrorCode[] = ['body_too_large', 'unsupported_media_type', 'invalid_params'];

/**
 * Describes the failures of a route in OpenAPI: the given ones and those that every route has.
 *
 * @param dialects several where the credential decides; they agree on the statuses
 */
export function ApiErrors(dialects: Dialect | Dialect[], ...codes: ErrorCode[]): MethodDecorator {
  const all = [dialects].flat();
  return applyDecorators(
    ...[...new Set([...COMMON, ...codes])].map((code) => {
      const { message, fields, describe } = EXAMPLES[code];
      const error = new ApiError(code, message, fields ? { fields } : {});
      const examples = all.map((dialect) => [dialect, wordError(dialect, error, 'req-1') as object] as const);
      const [[first, example]] = examples as [(typeof examples)[number]];
      const content =
        examples.length === 1
          ? { schema: schemaOf(example), example }
          : {
              schema: { oneOf: examples.map(([, body]) => schemaOf(body)) },
              examples: Object.fromEntries(examples.map(([dialect, value]) => [dialect, { value }])),
            };
      return ApiResponse({
        status: statusOf(first, error),
        description: describe,
        ...(HEADERS[code] && { headers: HEADERS[code] }),
        content: { 'application/json': content },
      });
    }),
  );
}

function schemaOf(example: object) {
  const properties = Object.fromEntries(
    Object.entries(example).map(([name, value]) => [
      name,
      typeof value === 'object'
        ? { type: 'object', additionalProperties: messagesOf(value as object) }
        : { type: typeof value === 'number' ? 'integer' : 'string' },
    ]),
  );
  return { type: 'object', properties, required: Object.keys(example) };
}

/** Of each field: a list of messages, or, where the dialect has only one, that. */
function messagesOf(errors: object) {
  const isList = Object.values(errors).some(Array.isArray);
  return isList ? { type: 'array', items: { type: 'string' } } : { type: 'string' };
}
