import type { MessageId } from '../messages/catalogue.js';
import type { Values } from '../messages/texts.js';

/** One or more messages for each bad field of a request. */
export type FieldErrors = Record<string, string[]>;

/** The kinds of failure that clients can see, each with its HTTP status. */
export const STATUS_OF = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  unverified: 403,
  password_expired: 403,
  not_found: 404,
  method_not_allowed: 405,
  too_slow: 408,
  conflict: 409,
  precondition_failed: 412,
  body_too_large: 413,
  unsupported_media_type: 415,
  invalid_params: 422,
  rate_limited: 429,
  head_too_large: 431,
  internal: 500,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof STATUS_OF;

/** Codes of RFC 6749 section 5.2 and RFC 8707 section 2 that no other document knows. */
export type OauthCode = 'invalid_scope' | 'invalid_target' | 'unsupported_grant_type';

export interface ErrorDetails {
  /**
   * What pages say of it, and their title, where it is not what they say of all errors with this code; and where they lead on: to
   * themselves, with nothing in their query but `state`.
   */
  told?: { id: MessageId; values?: Values; title?: MessageId; way?: MessageId; state?: Record<string, string> };
  fields?: FieldErrors;
  headers?: Record<string, string>;
  /** What the audit log has of it as a refusal, besides who, where and the route; absent: `forbidden` alone is one. */
  refusal?: { subject?: string; details?: Record<string, unknown> };
  /** Further members of the body, which the publicauth document's consumers read. */
  members?: { error_identifier: 'AUTH_TOKEN_INVALID' } | { error_identifier: 'AUTH_TOKEN_REVOKED'; token_link: string };
  /** A more specific error code of RFC 6749 section 5.2. */
  oauthCode?: OauthCode;
}

/**
 * A failure whose message and details clients may see. Services throw it; the error filter writes it in the dialect of
 * the route. Of anything else that is thrown, clients only see the request id.
 */
export class ApiError extends Error {
  readonly status: number;

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: ErrorDetails = {},
  ) {
    super(message);
    this.status = STATUS_OF[code];
  }
}

export const badRequest = (message: string) => new ApiError('bad_request', message);

export const invalidParams = (fields: FieldErrors) =>
  new ApiError('invalid_params', 'One or more parameters are invalid.', { fields });

/** Values of WWW-Authenticate, never the scheme alone (RFC 6750 section 3, RFC 7617 section 2). */
export const BEARER = 'Bearer realm="latchkey"';
/** For a token that was presented and is not valid (RFC 6750 section 3.1). */
export const INVALID_TOKEN = 'Bearer error="invalid_token"';
export const BASIC = 'Basic realm="latchkey", charset="UTF-8"';
/** The header of that name, which is no scheme of HTTP's. */
export const APP_TOKEN = 'App-Token';

/** 401 with the challenge that RFC 9110 section 11.6.1 and RFC 6750 section 3 ask for. */
export const unauthorized = (message: string, challenge = BEARER) =>
  new ApiError('unauthorized', message, { headers: { 'www-authenticate': challenge } });

export const notFound = () => new ApiError('not_found', 'Not found, or you do not have access to it.');

/**
 * For what belongs to somebody else, and for what does not exist: the answer is the same, and each is noted as an attempt to
 * reach it.
 *
 * @param id of what was asked for, if it is no secret
 */
export const notYours = (id?: string) =>
  new ApiError('not_found', notFound().message, { refusal: id === undefined ? {} : { subject: id } });

export const conflict = (message: string, fields?: FieldErrors) =>
  new ApiError('conflict', message, fields ? { fields } : {});

/**
 * For sign-ins and the like, and for mails.
 *
 * @param seconds how long the client should wait before it tries again
 */
export const tooManyAttempts = (seconds: number) => rateLimited('Too many attempts. Try again later.', seconds);

/** For requests of any kind. @param seconds how long the client should wait before it tries again */
export const tooManyRequests = (seconds: number) => rateLimited('Too many requests. Try again later.', seconds);

const rateLimited = (message: string, seconds: number) =>
  new ApiError('rate_limited', message, { headers: { 'retry-after': String(Math.max(1, Math.ceil(seconds))) } });

/** @param seconds how long the client should wait before it tries again */
export const unavailable = (message: string, seconds: number) =>
  new ApiError('unavailable', message, { headers: { 'retry-after': String(seconds) } });
