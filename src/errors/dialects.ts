import { STATUS_CODES } from 'node:http';
import { Pages } from '../html/pages.js';
import type { ApiError, FieldErrors } from './api-error.js';
import { unexpected } from './common-errors.js';
import { errorPage } from './error-page.js';

/**
 * The formats of error bodies. Each API document that Latchkey implements has its own; `page` is HTML, and `plain` is
 * for operational routes, which are in none of the documents. A new document adds an entry here and in PREFIXES.
 */
export type Dialect = 'account' | 'publicauth' | 'app-token' | 'connect' | 'oauth' | 'page' | 'plain';

/** The page of a request whose headers could not be read: nothing is known of its visitor. */
const barePage = (error: ApiError, requestId: string) =>
  BARE.render({ headers: {}, query: {} }, (view) => errorPage(view, error, requestId));

const BARE = new Pages({
  name: '',
  base: '',
  color: '#0b57d0',
  logo: undefined,
  supportUrl: undefined,
  appUrl: undefined,
});

const bodies: Record<Dialect, (error: ApiError, requestId: string) => object | string> = {
  account: (error, requestId) => ({
    id: accountIds[error.code] ?? error.code,
    message: error.message,
    ...(error.details.fields && { errors: error.details.fields }),
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
  publicauth: (error, requestId) => ({
    message: error.details.fields ? wordFields(error.details.fields) : error.message,
    ...error.details.members,
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
  'app-token': (error, requestId) => ({
    errors: error.details.fields ? firstOfEach(error.details.fields) : { request: error.message },
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
  connect: (error, requestId) => ({
    status_code: statusOf('connect', error),
    message: error.details.fields && statusOf('connect', error) === 400 ? 'Validation Failed' : error.message,
    ...(error.details.fields && { errors: firstOfEach(error.details.fields) }),
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
  oauth: (error, requestId) => ({
    error: error.details.oauthCode ?? oauthCodes[error.code],
    error_description: error.details.fields ? wordFields(error.details.fields) : error.message,
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
  page: (error, requestId) => barePage(error, requestId).body,
  plain: (error, requestId) => ({
    statusCode: error.status,
    error: STATUS_CODES[error.status],
    message: error.message,
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
};

/** The account dialect has a fixed list of ids; the codes that are not on it become `bad_request`. */
const accountIds: Partial<Record<ApiError['code'], string>> = {
  method_not_allowed: 'bad_request',
  precondition_failed: 'bad_request',
  too_slow: 'bad_request',
  head_too_large: 'bad_request',
  body_too_large: 'bad_request',
  unsupported_media_type: 'bad_request',
};

/** RFC 6749 section 5.2, RFC 6750 section 3.1 and, for server errors, RFC 6749 section 4.1.2.1. */
const oauthCodes: Record<ApiError['code'], string> = {
  bad_request: 'invalid_request',
  unauthorized: 'invalid_client',
  forbidden: 'insufficient_scope',
  unverified: 'invalid_request',
  password_expired: 'invalid_request',
  not_found: 'invalid_request',
  method_not_allowed: 'invalid_request',
  too_slow: 'invalid_request',
  head_too_large: 'invalid_request',
  conflict: 'invalid_request',
  precondition_failed: 'invalid_request',
  body_too_large: 'invalid_request',
  unsupported_media_type: 'invalid_request',
  invalid_params: 'invalid_request',
  rate_limited: 'temporarily_unavailable',
  internal: 'server_error',
  unavailable: 'temporarily_unavailable',
};

/** For dialects with one message for each field. */
const firstOfEach = (fields: FieldErrors) =>
  Object.fromEntries(Object.entries(fields).map(([field, [first = '']]) => [field, first]));

/** For requests that match no route: the dialect of the routes with the same prefix. */
const PREFIXES: [prefix: string, dialect: Dialect][] = [
  ['/accounts', 'account'],
  ['/account', 'account'],
  ['/v1', 'publicauth'],
  ['/api/v1', 'app-token'],
  ['/api', 'connect'],
  ['/oauth', 'oauth'],
  ['/wayf', 'page'],
  ['/password', 'page'],
  ['/email', 'page'],
];

export function dialectOfPath(path: string): Dialect {
  const match = PREFIXES.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
  return match ? match[1] : 'plain';
}

/** Marks absent fields, whose names the publicauth document lists in one message. */
export const MISSING = 'is missing';

function wordFields(fields: FieldErrors): string {
  const missing = Object.keys(fields).filter((name) => fields[name]?.includes(MISSING));
  const others = Object.entries(fields).filter(([name]) => !missing.includes(name));
  return [
    ...(missing.length > 0 ? [`Missing fields: [${missing.join(', ')}]`] : []),
    ...others.map(([name, messages]) => messages.map((message) => wordField(name, message)).join(', ')),
  ].join('; ');
}

/** A message that is a sentence of its own has the name in it. */
const wordField = (name: string, message: string) => (/^[A-Z]/.test(message) ? message : `${name} ${message}`);

/** @returns the HTTP status of an error in a dialect: only the account document has 422 */
export function statusOf(dialect: Dialect, error: ApiError): number {
  return error.code === 'invalid_params' && dialect !== 'account' ? 400 : error.status;
}

/** @returns the body of an error in a dialect */
export function wordError(dialect: Dialect, error: ApiError, requestId: string): object | string {
  return bodies[dialect](error, requestId);
}

/** @returns the headers of an error body in a dialect */
export function headersOf(dialect: Dialect): Record<string, string> {
  return dialect === 'page'
    ? barePage(unexpected(), '').headers
    : { 'content-type': 'application/json; charset=utf-8' };
}
