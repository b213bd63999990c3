import { STATUS_CODES } from 'node:http';
import { escapeHtml, htmlPage, pagePolicy } from '../html/page.js';
import type { ApiError, FieldErrors } from './api-error.js';

/**
 * The shapes of error bodies. Each of the documents that Latchkey implements has its own; `page` is HTML for people, and
 * `plain` for the operational routes that come from none of them. A new document adds an entry here and in PREFIXES.
 */
export type Dialect = 'account' | 'publicauth' | 'app-token' | 'connect' | 'oauth' | 'page' | 'plain';

const bodies: Record<Dialect, (error: ApiError, requestId: string) => object | string> = {
  account: (error, requestId) => ({
    id: accountIds[error.code] ?? error.code,
    message: error.message,
    ...(error.details.fields && { errors: error.details.fields }),
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
  publicauth: (error, requestId) => ({
    message: error.details.fields ? wordFields(error.details.fields) : error.message,
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
  'app-token': (error, requestId) => ({
    errors: error.details.fields ? firstOfEach(error.details.fields) : { request: error.message },
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
  connect: (error, requestId) => ({
    status_code: error.code === 'invalid_params' ? 400 : error.status,
    message: error.details.fields && error.code === 'invalid_params' ? 'Validation Failed' : error.message,
    ...(error.details.fields && { errors: firstOfEach(error.details.fields) }),
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
  oauth: (error, requestId) => ({
    error: error.details.oauthCode ?? oauthCodes[error.code],
    error_description: error.details.fields ? wordFields(error.details.fields) : error.message,
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
  page: (error, requestId) => {
    const title = STATUS_CODES[error.status] ?? 'Error';
    const hint = error.code === 'internal' ? `<p>Request ${escapeHtml(requestId)}</p>` : '';
    return htmlPage({ title, main: `<h1>${title}</h1>\n<p role="alert">${escapeHtml(error.message)}</p>${hint}` });
  },
  plain: (error, requestId) => ({
    statusCode: error.status,
    error: STATUS_CODES[error.status],
    message: error.message,
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
};

/** The account dialect has a closed list of ids; what is not on it is a kind of bad request. */
const accountIds: Partial<Record<ApiError['code'], string>> = {
  method_not_allowed: 'bad_request',
  too_slow: 'bad_request',
  head_too_large: 'bad_request',
  body_too_large: 'bad_request',
  unsupported_media_type: 'bad_request',
};

/** RFC 6749 section 5.2, RFC 6750 section 3.1 and, for what is our fault, RFC 6749 section 4.1.2.1. */
const oauthCodes: Record<ApiError['code'], string> = {
  bad_request: 'invalid_request',
  unauthorized: 'invalid_client',
  forbidden: 'insufficient_scope',
  unverified: 'invalid_request',
  not_found: 'invalid_request',
  method_not_allowed: 'invalid_request',
  too_slow: 'invalid_request',
  head_too_large: 'invalid_request',
  conflict: 'invalid_request',
  body_too_large: 'invalid_request',
  unsupported_media_type: 'invalid_request',
  invalid_params: 'invalid_request',
  rate_limited: 'temporarily_unavailable',
  internal: 'server_error',
  unavailable: 'temporarily_unavailable',
};

/** Dialects with one message a field. */
const firstOfEach = (fields: FieldErrors) =>
  Object.fromEntries(Object.entries(fields).map(([field, [first = '']]) => [field, first]));

/** For requests that match no route: the dialect that the path's neighbours speak. */
const PREFIXES: [prefix: string, dialect: Dialect][] = [
  ['/accounts', 'account'],
  ['/account', 'account'],
  ['/v1', 'publicauth'],
  ['/api/v1', 'app-token'],
  ['/api', 'connect'],
  ['/oauth', 'oauth'],
  ['/wayf', 'page'],
];

export function dialectOfPath(path: string): Dialect {
  const match = PREFIXES.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
  return match ? match[1] : 'plain';
}

/** What the publicauth document says of absent fields: their names, in its order. */
export const MISSING = 'is missing';

function wordFields(fields: FieldErrors): string {
  const missing = Object.keys(fields).filter((name) => fields[name]?.includes(MISSING));
  if (missing.length > 0) return `Missing fields: [${missing.join(', ')}]`;
  return Object.entries(fields)
    .map(([name, messages]) => `${name} ${messages.join(', ')}`)
    .join('; ');
}

/** @returns the status that tells `error` in `dialect`: only the account document knows 422 */
export function statusOf(dialect: Dialect, error: ApiError): number {
  return error.code === 'invalid_params' && dialect !== 'account' ? 400 : error.status;
}

/** @returns the body that tells `error` in `dialect` */
export function wordError(dialect: Dialect, error: ApiError, requestId: string): object | string {
  return bodies[dialect](error, requestId);
}

/** @returns the headers that say how to read a body in `dialect` */
export function headersOf(dialect: Dialect): Record<string, string> {
  return dialect === 'page'
    ? { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy({}) }
    : { 'content-type': 'application/json; charset=utf-8' };
}
