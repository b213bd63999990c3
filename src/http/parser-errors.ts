import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError, badRequest } from '../errors/api-error.js';
import { headTooLarge, tooSlow } from '../errors/common-errors.js';
import { dialectOfPath, headersOf, wordError } from '../errors/dialects.js';

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

/**
 * Answers a request that is not HTTP, or is too slow or too large in its head, and closes the connection: no handler ever
 * sees it.
 *
 * @param url that of the request, where its head could be read
 */
export function writeRefusal(socket: Socket, error: ParserError, headers: Record<string, string>, url?: string): void {
  const refusal = refusalOf(error.code ?? '');
  const dialect = dialectOfPath(pathOf(url ?? firstLine(error.rawPacket)));
  const id = randomUUID();
  const worded = wordError(dialect, refusal, id);
  const body = typeof worded === 'string' ? worded : JSON.stringify(worded);
  const all = {
    ...headers,
    ...headersOf(dialect),
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
  return /^[A-Z]+ (\/[^\s?#]*)/.exec(packet?.toString('latin1', 0, 1_024) ?? '')?.[1] ?? '/';
}

const pathOf = (url: string) => url.split(/[?#]/, 1)[0] ?? '/';
