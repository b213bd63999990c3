import type { IncomingMessage } from 'node:http';
import { ApiError, badRequest } from '../errors/api-error.js';

/** How many headers a request may have. */
const MOST_HEADERS = 200;

/** A host and a port, or nothing (RFC 3986 section 3.2, RFC 9112 section 3.2). */
const HOST = /^(\[[\da-z:.%~_-]+\]|([\w.~!$&'()*+,;=-]|%[\da-f]{2})*)(:\d*)?$/i;

/**
 * What Node's parser lets through, and another one on the way may read in another way (RFC 9112 sections 3.2 and 6.1).
 *
 * @returns why a request is refused; its connection is to be closed then, as where the next request begins is not certain
 */
export function refuseHead({ httpVersion, headers, rawHeaders }: IncomingMessage): ApiError | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return badRequest('Use HTTP/1.1.');
  if (rawHeaders.length > 2 * MOST_HEADERS) return new ApiError('head_too_large', 'The request has too many headers.');
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts > 1) return badRequest('The request has more than one Host header.');
  if (hosts === 0 && httpVersion === '1.1') return badRequest('The request has no Host header.');
  if (!HOST.test(headers.host ?? '')) return badRequest('The Host header is not valid.');
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (coding.trim().toLowerCase() !== 'chunked' || httpVersion === '1.0')) {
    return badRequest('The transfer encoding is not supported. Send the body in chunks, or with its length.');
  }
  return undefined;
}
