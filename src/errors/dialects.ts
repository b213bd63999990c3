import { STATUS_CODES } from 'node:http';
import type { ApiError } from './api-error.js';

/**
 * The shapes of error bodies. Each of the documents that Latchkey implements has its own; `plain` is for the
 * pages and operational routes that come from none of them. A new document adds an entry here and in PREFIXES.
 */
export type Dialect = 'account' | 'plain';

const bodies: Record<Dialect, (error: ApiError, requestId: string) => object> = {
  account: (error, requestId) => ({
    id: accountIds[error.code] ?? error.code,
    message: error.message,
    ...(error.details.fields && { errors: error.details.fields }),
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
];

export function dialectOfPath(path: string): Dialect {
  const match = PREFIXES.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
  return match ? match[1] : 'plain';
}

/** @returns the body that tells `error` in `dialect` */
export function wordError(dialect: Dialect, error: ApiError, requestId: string): object {
  return bodies[dialect](error, requestId);
}
