import { isUuid } from '../http/validation.js';

/** With a host (RFC 9110 section 4.2) and without a user. Excludes characters that browsers would drop or rewrite. */
const WEB_URL = /^https?:\/\/[^\s\p{Cc}\\/?#@]+([/?#][^\s\p{Cc}\\]*)?$/iu;

/** A relative reference (RFC 3986 section 4.2), which has no colon before its first slash, with letters of any script. */
const RELATIVE = /^(?=.)[^\s\p{Cc}\\:/?#]*([/?#][^\s\p{Cc}\\]*)?$/u;

/** Whether a browser can be sent to a URL: it is absolute, http or https, and has no user information. */
export function isReturnUrl(url: string): boolean {
  return WEB_URL.test(url) && URL.canParse(url);
}

/** Whether a text is a relative reference, such as a path. It says where a visitor is, but not where to send them. */
export function isRelativeReference(url: string): boolean {
  return RELATIVE.test(url);
}

/** @returns the URL with this `identification` instead of any other */
export function withIdentification(url: string, id: string): string {
  const target = new URL(url);
  target.search = [...otherPairs(target), `identification=${id}`].join('&');
  return target.href;
}

/** A URL to which the WAYF page has returned a visitor. */
export interface ReturnedUrl {
  /** The identification in it. */
  id: string;
  /** The rest, as {@link withoutIdentification} has it. */
  rest: string;
}

/** @returns what is in a URL with one identification; undefined: it has none, or several, or nobody can be returned to it */
export function readReturned(url: string): ReturnedUrl | undefined {
  if (!url.includes('?') || !isReturnUrl(url)) return undefined;
  const [id, ...others] = new URL(url).searchParams.getAll('identification');
  if (!isUuid(id) || others.length > 0) return undefined;
  return { id: id.toLowerCase(), rest: withoutIdentification(url) };
}

/**
 * The URL without any `identification` and without its fragment, which browsers do not send. What means the same is
 * spelled the same (RFC 3986 section 6.2.2), as frameworks put together anew what they were asked for.
 */
export function withoutIdentification(url: string): string {
  const target = new URL(url);
  const query = new URLSearchParams(otherPairs(target).join('&')).toString();
  return `${target.origin}${normalPath(target.pathname)}${query === '' ? '' : `?${query}`}`;
}

/** The pairs of the query that are no `identification`, as they are written. */
function otherPairs({ search }: URL): string[] {
  return search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && !isIdentification(pair));
}

/** Whether a pair of the query is an `identification`, however its name is encoded. */
function isIdentification(pair: string): boolean {
  return new URLSearchParams(pair).has('identification');
}

/** Escapes in upper case, and none for characters that need none. */
function normalPath(path: string): string {
  return path.replace(/%[\da-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(parseInt(escape.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase();
  });
}
