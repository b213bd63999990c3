import { isIP } from 'node:net';
import { asciiDomain } from './ascii-domain.js';

/** A mailbox (RFC 5322 section 3.4): who, and where. */
export interface MailAddress {
  /** As people read it, without quotes or encoding; empty: none. */
  name: string;
  /** ASCII, with an internationalised domain in its A-labels (RFC 5890). */
  address: string;
}

const LOCAL_PART = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;
const DOMAIN = /^(?=.{1,253}$)[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?)*$/;
/** An address may have at most 64 bytes before its `@` (RFC 5321 section 4.5.3.1.1). */
const LONGEST_LOCAL_PART = 64;

/**
 * Reads `address`, `<address>` or `Name <address>`. The name may be in quotes (RFC 5322 section 3.2.4), and need not be
 * unless it holds `<` or `>`.
 *
 * @returns undefined for what is none, such as several of them, control characters, or a domain that is none
 */
export function parseMailAddress(text: string): MailAddress | undefined {
  if (/\p{Cc}|\p{Cs}|[\u2028\u2029]/u.test(text)) return undefined;
  const [, name, inBrackets] = /^\s*("(?:[^"\\]|\\.)*"\s*|[^<>]*)<([^<>]*)>\s*$/u.exec(text) ?? [];
  const address = toAscii((inBrackets ?? text).trim());
  return address === undefined ? undefined : { name: unquoted((name ?? '').trim()), address };
}

/** @returns the address of a name on a host, which may be an IP address */
export function addressAt(localPart: string, host: string): string {
  const ip = host.replace(/^\[|\]$/g, '');
  const literal = { 0: host, 4: `[${ip}]`, 6: `[IPv6:${ip}]` }[isIP(ip)];
  return `${localPart}@${literal ?? host}`;
}

/** @returns what stands behind the `@` */
export function domainOf({ address }: Pick<MailAddress, 'address'>): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

function toAscii(address: string): string | undefined {
  const at = address.lastIndexOf('@');
  const localPart = address.slice(0, Math.max(at, 0));
  if (!LOCAL_PART.test(localPart) || localPart.length > LONGEST_LOCAL_PART) return undefined;
  const domain = hostOfMail(address.slice(at + 1));
  return domain === undefined ? undefined : `${localPart}@${domain}`;
}

function hostOfMail(domain: string): string | undefined {
  const [, version6, version4] = /^\[(?:IPv6:([\da-f:.]+)|([\d.]+))\]$/i.exec(domain) ?? [];
  if (isIP(version6 ?? '') === 6 || isIP(version4 ?? '') === 4) return domain;
  const ascii = asciiDomain(domain);
  // An address without its brackets, or a number that URLs would take for one, is no domain of mail.
  return DOMAIN.test(ascii) && isIP(ascii) === 0 ? ascii : undefined;
}

function unquoted(name: string): string {
  const [, inside] = /^"((?:[^"\\]|\\.)*)"$/u.exec(name) ?? [];
  return inside === undefined ? name : inside.replace(/\\(.)/gu, '$1').trim();
}
