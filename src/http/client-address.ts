import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';

/**
 * The part of a client's address that limits count by: an IPv4 address, or the /64 of an IPv6 address, which belongs to
 * one subscriber (RFC 6177 section 2). Ports, which some proxies forward, are dropped. All that is not an address
 * counts as one client, so that made-up names do not get limits of their own.
 */
export function addressForLimits(address: string): string {
  const one = canonicalAddress(address);
  if (one === undefined) return 'unknown';
  return isIPv4(one) ? one : `${firstFourGroups(one).join(':')}::/64`;
}

/** A port, brackets and a zone may stand around an address; no more than these are looked at. */
const LONGEST = 128;

/**
 * The one form in which an address is stored and shown: RFC 5952, an IPv4-mapped address as IPv4, without the port that
 * some proxies forward, and without a zone.
 *
 * @returns undefined for what is no address
 */
export function canonicalAddress(address: string): string | undefined {
  if (isIPv4(address)) return address;
  if (address.length > LONGEST) return undefined;
  const host = /^\[(.*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
  const bare = host.split('%', 1)[0] ?? host;
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return undefined;
  // The canonical form, with an embedded IPv4 address in dots.
  const plain = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1] ?? plain;
}

/** Whether an address is in one of these networks, which are in CIDR notation. */
export function isWithin(address: string, networks: readonly string[]): boolean {
  const one = canonicalAddress(address);
  if (one === undefined) return false;
  const list = new BlockList();
  for (const network of networks) {
    const [first = '', bits] = network.split('/');
    list.addSubnet(first, Number(bits ?? (isIPv4(first) ? 32 : 128)), isIPv4(first) ? 'ipv4' : 'ipv6');
  }
  return list.check(one, isIPv4(one) ? 'ipv4' : 'ipv6');
}

/**
 * The network by which a client is taken for the same when its address has changed: the /64 of an IPv6 address, the /24 of
 * an IPv4 address. What is no address at all is of one network.
 */
export function networkOf(address: string): string {
  const client = addressForLimits(address);
  return isIPv4(client) ? client.replace(/\d+$/, '0/24') : client;
}

/**
 * The site of a client's address: the /24 of IPv4, the /48 of IPv6, which is what a site usually has to itself
 * (RFC 6177 section 2). What is no address is of one and the same.
 */
export function siteOf(address: string): string {
  const one = addressForLimits(address);
  const [first, second, third] = one.split(/[.:]/);
  if (isIPv4(one)) return `${first}.${second}.${third}.0/24`;
  return one === 'unknown' ? one : `${first}:${second}:${third}::/48`;
}

/**
 * The /56 of an IPv6 address, which is what many a provider gives to one home (RFC 6177 section 2); undefined for any
 * other.
 */
export function homeOf(address: string): string | undefined {
  const [first, second, third, fourth, ...rest] = addressForLimits(address).split(':');
  if (fourth === undefined || rest.length === 0) return undefined;
  return `${first}:${second}:${third}:${(Number.parseInt(fourth, 16) & 0xff00).toString(16)}::/56`;
}

function firstFourGroups(address: string): string[] {
  const [head = '', tail = ''] = address.split('::');
  const [left, right] = [head, tail].map((part) => part.split(':').filter((group) => group !== '')) as [
    string[],
    string[],
  ];
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return [...left, ...zeros, ...right].slice(0, 4);
}
