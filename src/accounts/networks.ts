import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Reading } from '../http/validation.js';

/** An address of 45 characters (IPv6 with IPv4 at its end), and a prefix. */
export const LONGEST_NETWORK = 49;

export const NO_NETWORK = 'is not a valid IP network, such as 192.0.2.0/24 or 2001:db8::/32';

/**
 * Reads an IP address.
 *
 * @returns its canonical form (RFC 5952), an IPv4-mapped one as IPv4; undefined when it is not valid. Zones are
 *   refused, as they only mean something on one machine.
 */
export function readAddress(text: string): string | undefined {
  const version = isIP(text);
  if (version === 0 || text.includes('%')) return undefined;
  // Node takes IPv4 addresses in their canonical form only.
  if (version === 4) return text;
  return ipaddr.process(withoutShorthand(text)).toString();
}

/**
 * Reads a network in CIDR notation (RFC 4632, RFC 4291 section 2.3), or a single address.
 * @returns its canonical form, an IPv4-mapped one as IPv4; or what is wrong with it
 */
export function readNetwork(text: string): Reading {
  const [, written = '', bits] = /^([\da-f.:]{1,45})(?:\/(0|[1-9]\d{0,2}))?$/i.exec(text) ?? [];
  const version = isIP(written);
  const longest = version === 4 ? 32 : 128;
  const length = bits === undefined ? longest : Number(bits);
  if (version === 0 || length > longest) return { problem: NO_NETWORK };
  const address = withoutShorthand(written);
  const first = networkAddress(address, length);
  if (first.toString() !== ipaddr.parse(address).toString()) {
    return { problem: `has host bits set: did you mean ${first.toString()}/${length}?` };
  }
  // Only prefixes of 96 bits and more can be IPv4-mapped: shorter ones would have host bits set.
  return first instanceof ipaddr.IPv6 && first.isIPv4MappedAddress()
    ? { value: `${first.toIPv4Address().toString()}/${length - 96}` }
    : { value: `${first.toString()}/${length}` };
}

/** `ipaddr.js` takes `::192.0.2.1` for an IPv4-mapped address, which it is not (RFC 4291 section 2.5.5). */
function withoutShorthand(address: string): string {
  return address.replace(/^::(?=[\d.]+$)/, '0::');
}

function networkAddress(address: string, length: number) {
  const cidr = `${address}/${length}`;
  return isIP(address) === 4 ? ipaddr.IPv4.networkAddressFromCIDR(cidr) : ipaddr.IPv6.networkAddressFromCIDR(cidr);
}
