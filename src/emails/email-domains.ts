import { domainToASCII, domainToUnicode } from 'node:url';
import type { Reading } from '../http/validation.js';

/** With the `*.` before it, and a dot behind it. */
export const LONGEST_DOMAIN = 256;

/** At least two labels, the last one no number: an address in brackets is no domain. */
const DOMAIN = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Letters, digits, hyphens and dots of any script. Checked before `domainToASCII`, which also strips paths, decodes
 * percent signs, and is slow for long input.
 */
const WRITTEN = /^(\*\.)?((?:[a-z\d.-]|[^\p{ASCII}\s]){1,253}?)\.?$/iu;

/**
 * Reads a domain of email addresses, or `*.` and a domain for all its subdomains.
 * @returns it in lower case and in ASCII (RFC 5890), without a trailing dot; or what is wrong with it
 */
export function readEmailDomain(text: string): Reading {
  const [, wildcard = '', name = ''] = WRITTEN.exec(text) ?? [];
  const ascii = domainToASCII(name);
  return DOMAIN.test(ascii) && ascii.split('.').every(isLabel)
    ? { value: `${wildcard}${ascii}` }
    : { problem: 'is not a valid domain, such as example.org or *.example.org' };
}

/** What begins with `xn--` has to encode something (RFC 5890 section 2.3.2.1). Node.js 24 takes it as it is where all is ASCII. */
function isLabel(label: string): boolean {
  if (!label.startsWith('xn--')) return true;
  const decoded = domainToUnicode(label);
  return decoded !== label && domainToASCII(decoded) === label;
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
