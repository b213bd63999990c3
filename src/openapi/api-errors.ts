import { applyDecorators } from '@nestjs/common';
import { ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';
import { sessionEnded } from '../access/refusals.js';
import { nothingToChange } from '../http/known-fields.guard.js';
import { changedMeanwhile } from '../http/if-match.js';
import { MUST_BE_EMAIL } from '../http/validation.js';
import { ApiError, BEARER, invalidParams, notFound, tooManyRequests, type ErrorCode } from '../errors/api-error.js';
import {
  bodyTooLarge,
  databaseAway,
  headTooLarge,
  notAllowed,
  notJson,
  passwordExpired,
  takenEmail,
  tooSlow,
  unexpected,
  unsupportedType,
  unverified,
  wrongMethod,
} from '../errors/common-errors.js';
import { statusOf, wordError, type Dialect } from '../errors/dialects.js';

/** For each code the default example, and its description. */
const GENERAL: Record<ErrorCode, { error: ApiError; describe: string }> = {
  bad_request: { error: notJson(), describe: 'The request is malformed' },
  unauthorized: { error: sessionEnded(), describe: 'The credential is missing, invalid, expired or revoked' },
  forbidden: { error: notAllowed(), describe: 'The credential does not allow this' },
  unverified: {
    error: unverified(),
    describe: 'The password is correct, but the email is not verified (EMAIL_VERIFICATION)',
  },
  password_expired: {
    error: passwordExpired(),
    describe: 'The password is correct, but somebody else chose it and it has expired (INITIAL_PASSWORD_TTL)',
  },
  not_found: { error: notFound(), describe: 'It does not exist, or you have no access to it' },
  method_not_allowed: { error: wrongMethod(['GET']), describe: 'Wrong method; see `Allow`' },
  too_slow: { error: tooSlow(), describe: 'The request took too long to arrive' },
  head_too_large: { error: headTooLarge(), describe: 'The headers and the URL are too large' },
  conflict: { error: takenEmail(), describe: 'It conflicts with an existing resource' },
  precondition_failed: {
    error: changedMeanwhile(),
    describe: 'The resource has changed: its `ETag` is not in `If-Match`',
  },
  body_too_large: {
    error: bodyTooLarge(),
    describe: 'The body is over 64 KiB, or over BODY_LIMIT where it may be larger',
  },
  unsupported_media_type: { error: unsupportedType(), describe: 'Unknown media type' },
  invalid_params: {
    error: invalidParams({ email: [MUST_BE_EMAIL.message] }),
    describe: 'One or more fields are invalid',
  },
  rate_limited: { error: tooManyRequests(60), describe: 'Too many requests or attempts; see the `Retry-After` header' },
  internal: { error: unexpected(), describe: 'An internal error, logged with this request id' },
  unavailable: {
    error: databaseAway(),
    describe:
      'The database is unavailable, too many passwords are waiting to be checked, or the server is restarting; see `Retry-After`',
  },
};

const REQUEST_ID = 'req-1';

type Headers = NonNullable<ApiResponseOptions['headers']>;

const HEADERS: Partial<Record<ErrorCode, Headers>> = {
  unauthorized: {
    'WWW-Authenticate': {
      description: 'The accepted authentication scheme (RFC 9110)',
      schema: { type: 'string' },
      example: BEARER,
    },
  },
  rate_limited: { 'Retry-After': { description: 'Seconds to wait', schema: { type: 'integer' }, example: 60 } },
  unavailable: { 'Retry-After': { description: 'Seconds to wait', schema: { type: 'integer' }, example: 1 } },
};

/** Every route can fail in these ways. */
const COMMON: ErrorCode[] = ['bad_request', 'internal', 'unavailable'];

/** The failures of a route that ignores its body, which is read anyway. */
export const UNUSED_BODY_ERRORS: ErrorCode[] = ['body_too_large', 'unsupported_media_type'];

/** The failures of a route that takes a body. */
export const BODY_ERRORS: ErrorCode[] = [...UNUSED_BODY_ERRORS, 'invalid_params'];

/** The failures of a route of the account document that changes something, and takes a body. */
export const CHANGE_ERRORS = [...BODY_ERRORS, notJson(), nothingToChange()];

/** The failure of a route that takes no query. */
export const unknownParameter = () => invalidParams({ limit: ['Unknown query parameter: limit.'] });

/** A failure in a dialect. */
interface Failure {
  dialect: Dialect;
  error: ApiError;
  body: object;
}

/**
 * Describes the failures of a route in OpenAPI: the given ones, and those of every route. To be used once on a route.
 * @param dialect several where the credential decides which one is used
 * @param given errors, which are shown as examples, and codes, which are shown by their default examples
 */
export function ApiErrors(dialect: Dialect | Dialect[], ...given: (ErrorCode | ApiError)[]): MethodDecorator {
  const byStatus = new Map<number, Failure[]>();
  for (const one of [dialect].flat()) {
    for (const error of shown([...COMMON, ...given])) {
      const status = statusOf(one, error);
      const failure = { dialect: one, error, body: bodyOf(one, error) };
      byStatus.set(status, [...(byStatus.get(status) ?? []), failure]);
    }
  }
  return applyDecorators(...[...byStatus].map(([status, failures]) => ApiResponse(responseOf(status, failures))));
}

function shown(given: (ErrorCode | ApiError)[]): ApiError[] {
  const errors = given.filter((one) => one instanceof ApiError);
  const codes = new Set(given.filter((one) => typeof one === 'string'));
  for (const { code } of errors) codes.delete(code);
  return [...[...codes].map(general), ...errors];
}

/** The default example of a code, without headers, which {@link HEADERS} describes. */
function general(code: ErrorCode): ApiError {
  const {
    message,
    details: { fields },
  } = GENERAL[code].error;
  return new ApiError(code, message, fields ? { fields } : {});
}

function responseOf(status: number, failures: Failure[]): ApiResponseOptions {
  const schemas = new Map(failures.map(({ dialect, body }) => [titleOf(dialect, body), schemaOf(dialect, body)]));
  const [schema = {}, ...others] = schemas.values();
  const headers = Object.assign({}, ...failures.map(({ error }) => headersOf(error))) as Headers;
  return {
    status,
    description: [...new Set(failures.map(({ error }) => GENERAL[error.code].describe))].join('\n\n'),
    ...(Object.keys(headers).length > 0 && { headers }),
    content: {
      'application/json': {
        schema: others.length === 0 ? schema : { anyOf: [schema, ...others] },
        ...(failures.length === 1 ? { example: failures[0]?.body } : { examples: namedExamples(failures) }),
      },
    },
  };
}

function headersOf({ code, details }: ApiError): Headers {
  return Object.fromEntries(
    Object.entries(HEADERS[code] ?? {}).map(([name, header]) => {
      const given = details.headers?.[name.toLowerCase()];
      const example = name === 'Retry-After' ? Number(given) : given;
      return [name, { ...header, ...(given !== undefined && { example }) }];
    }),
  );
}

/** Names each example by its code, by its dialect too if there are several, and by a number if the name is taken. */
function namedExamples(failures: Failure[]) {
  const severalDialects = new Set(failures.map(({ dialect }) => dialect)).size > 1;
  const names = failures.map(({ dialect, error: { code } }) => (severalDialects ? `${dialect}_${code}` : code));
  return Object.fromEntries(
    failures.map(({ error: { message }, body }, index) => {
      const name = names[index] ?? '';
      const earlier = names.slice(0, index).filter((one) => one === name).length;
      return [earlier === 0 ? name : `${name}_${earlier + 1}`, { summary: message, value: body }];
    }),
  );
}

/** Bodies of a dialect with the same fields share one schema (see `description.ts`), which is named by this title. */
function titleOf(dialect: Dialect, body: object): string {
  const plain = bodyOf(dialect, general('bad_request'));
  const more = Object.keys(body).filter((name) => !(name in plain));
  return pascal(`${dialect}-error${more.length > 0 ? `-with-${more.join('-and-')}` : ''}`);
}

/** Of the dialects, only `page` has no object as its body, and pages are not described. */
const bodyOf = (dialect: Dialect, error: ApiError) => wordError(dialect, error, REQUEST_ID) as object;

const pascal = (text: string) => text.replace(/(?:^|[-_])(\w)/g, (_, letter: string) => letter.toUpperCase());

function schemaOf(dialect: Dialect, body: object) {
  const title = titleOf(dialect, body);
  // Not from this body, as the examples in a shared schema must not depend on the order of the routes.
  const samples = (['bad_request', 'invalid_params', 'internal'] as const).map((code) =>
    bodyOf(dialect, general(code)),
  );
  const sample = samples.find((one) => titleOf(dialect, one) === title) ?? body;
  const properties = Object.fromEntries(
    Object.entries(sample).map(([name, example]: [string, unknown]) => [name, { ...typeOf(example), example }]),
  );
  return { title, type: 'object', properties, required: Object.keys(sample) };
}

function typeOf(value: unknown) {
  if (typeof value === 'object' && value) return { type: 'object', additionalProperties: messagesOf(value) };
  return { type: typeof value === 'number' ? 'integer' : 'string' };
}

/** For each field a list of messages or, in dialects with a single one, a message. */
function messagesOf(errors: object) {
  const isList = Object.values(errors).some(Array.isArray);
  return isList ? { type: 'array', items: { type: 'string' } } : { type: 'string' };
}
