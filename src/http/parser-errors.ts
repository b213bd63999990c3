import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError, badRequest } from '../errors/api-error.js';
import { headTooLarge, tooSlow } from '../errors/common-errors.js';
import { dialectOfPath, headersOf, wordError } from '../errors/dialects.js';
import { pathOf } from '../errors/request-path.js';

interface ParserError extends NodeJS.ErrnoException {
  /** What the parser was reading, as far as it is known. */
  rawPacket?: Buffer;
}

/** The headers that protect browsers, for answers that no hook has seen. */
export function bareHeaders(publicUrl: string): Record<string, string> {
  return {
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    ...(publicUrl.startsWith('https:') && { 'strict-transport-security': 'max-age=31536000; includeSubDomains' }),
  };
}

/** CONNECT names no URL of ours (RFC 9110 section 9.3.6). */
export const noProxy = () =>
  new ApiError('method_not_allowed', 'This server is not a proxy.', {
    headers: { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' },
  });

/**
 * Answers a request that is not HTTP, or is too slow or too large in its head, and closes the connection: no handler ever
 * sees it.
 *
 * @param url that of the request, where its head could be read
 */
export function writeRefusal(
  socket: Duplex,
  error: ParserError | ApiError,
  headers: Record<string, string>,
  url?: string,
): void {
  const refusal = error instanceof ApiError ? error : refusalOf(error.code ?? '');
  const packet = error instanceof ApiError ? undefined : error.rawPacket;
  const dialect = dialectOfPath(pathOf(url ?? firstLine(packet)));
  const id = randomUUID();
  const worded = wordError(dialect, refusal, id);
  const body = typeof worded === 'string' ? worded : JSON.stringify(worded);
  const all = {
    ...headers,
    ...headersOf(dialect),
    ...refusal.details.headers,
    'x-request-id': id,
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
    date: new Date().toUTCString(),
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const status = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}\r\n`;
  socket.end(`${status}${lines.join('')}\r\n${body}`, () => socket.destroy());
}

function refusalOf(code: string): ApiError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return tooSlow();
    case 'HPE_HEADER_OVERFLOW':
      return headTooLarge();
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ApiError('body_too_large', 'The extensions of a chunk are too large.');
    default:
      return badRequest('The request is not valid HTTP.');
  }
}

/** The target in the line that a packet begins with; a guess, as it may begin in the middle of a request. */
function firstLine(packet: Buffer | undefined): string {
  return /^[A-Z]+ (\S+)/.exec(packet?.toString('latin1', 0, 1_024) ?? '')?.[1] ?? '/';
}
