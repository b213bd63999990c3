import { isUtf8 } from 'node:buffer';
import { ApiError } from '../errors/api-error.js';

/** How many parameters an answer names, and how much it repeats of a name. */
const MOST_NAMED = 20;
const LONGEST_SHOWN = 100;

/** @returns whether the bytes that a form or a query stands for are UTF-8; of a `%` that encodes nothing, it is a `%` (WHATWG URL) */
export function isEncodedUtf8(text: string): boolean {
  if (!text.includes('%')) return true;
  const bytes = text.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return isUtf8(Buffer.from(bytes, 'latin1'));
}

/** @returns why the query of a URL is refused; the parser of queries would take for text what is none */
export function refuseQuery(url: string): ApiError | undefined {
  const query = /\?([^#]*)/.exec(url)?.[1] ?? '';
  if (isEncodedUtf8(query)) return undefined;
  const parameters = query.split('&').filter((one) => !isEncodedUtf8(one));
  const names = [...new Set(parameters.map(nameOf))].slice(0, MOST_NAMED);
  return new ApiError('bad_request', `The query is not valid UTF-8: ${names.join(', ')}.`, {
    fields: Object.fromEntries(names.map((name) => [name, ['must be percent-encoded UTF-8']])),
  });
}

/** As it was sent, which is ASCII, but for what an `error_description` may not have (RFC 6749 section 5.2). */
const nameOf = (parameter: string) =>
  (parameter.split('=', 1)[0] ?? '').replace(/["\\]/g, encodeURIComponent).slice(0, LONGEST_SHOWN);
