import type { Reading } from '../http/validation.js';
import { asciiDomain } from '../config/ascii-domain.js';

/** With the `*.` before it, and a dot behind it. */
export const LONGEST_DOMAIN = 256;

/** At least two labels, the last one no number: an address in brackets is no domain. */
const DOMAIN = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Letters, digits, hyphens and dots of any script. Checked before it is put in ASCII, which also strips paths, decodes
 * percent signs, and is slow for long input.
 */
const WRITTEN = /^(\*\.)?((?:[a-z\d.-]|[^\p{ASCII}\s]){1,253}?)\.?$/iu;

/**
 * Reads a domain of email addresses, or `*.` and a domain for all its subdomains.
 * @returns it in lower case and in ASCII (RFC 5890), without a trailing dot; or what is wrong with it
 */
export function readEmailDomain(text: string): Reading {
  const [, wildcard = '', name = ''] = WRITTEN.exec(text) ?? [];
  const ascii = asciiDomain(name);
  return DOMAIN.test(ascii)
    ? { value: `${wildcard}${ascii}` }
    : { problem: 'is not a valid domain, such as example.org or *.example.org' };
}

/**
 * The entries of `email_domains` that cover an address, the most specific one first.
 *
 * @param email well-formed
 */
export function domainsOver(email: string): string[] {
  const domain = readEmailDomain(email.slice(email.lastIndexOf('@') + 1));
  if ('problem' in domain) return [];
  const labels = domain.value.split('.');
  return [domain.value, ...labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`)];
}
