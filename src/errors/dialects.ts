import { STATUS_CODES } from 'node:http';
import type { ApiError, FieldErrors } from './api-error.js';

/**
 * The shapes of error bodies. Each of the documents that Latchkey implements has its own; `plain` is for the
 * pages and operational routes that come from none of them. A new document adds an entry here and in PREFIXES.
 */
export type Dialect = 'account' | 'publicauth' | 'app-token' | 'plain';

const bodies: Record<Dialect, (error: ApiError, requestId: string) => object> = {
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
    errors: error.details.fields
      ? Object.fromEntries(Object.entries(error.details.fields).map(([field, [first = '']]) => [field, first]))
      : { request: error.message },
    ...(error.code === 'internal' && { request_id: requestId }),
  }),
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
  body_too_large: 'bad_request',
  unsupported_media_type: 'bad_request',
};

/** For requests that match no route: the dialect that the path's neighbours speak. */
const PREFIXES: [prefix: string, dialect: Dialect][] = [
  ['/accounts', 'account'],
  ['/account', 'account'],
  ['/v1', 'publicauth'],
  ['/api/v1', 'app-token'],
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
export function wordError(dialect: Dialect, error: ApiError, requestId: string): object {
  return bodies[dialect](error, requestId);
}
