import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/**
 * The part of a client's address that limits count by: IPv4 whole, IPv6 by its /64, which one subscriber has to
 * themself (RFC 6177 section 2). Some proxies forward ports too, which are left out. What is no address at all is
 * one client: whoever can make up names must not get a fresh limit with each.
 */
export function addressForLimits(address: string): string {
  const host = /^\[(.*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
  const bare = host.split('%', 1)[0] ?? host;
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return 'unknown';
  // In one spelling only, with an IPv4 address inside it in dots.
  const plain = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  return mapped ?? `${firstFourGroups(plain).join(':')}::/64`;
}

/**
 * The network of a client's address: the /24 of IPv4, the /48 of IPv6, which is what a site usually has to itself
 * (RFC 6177 section 2). What is no address is of one and the same.
 */
export function networkOf(address: string): string {
  const one = addressForLimits(address);
  const [first, second, third] = one.split(/[.:]/);
  if (isIPv4(one)) return `${first}.${second}.${third}.0/24`;
  return one === 'unknown' ? one : `${first}:${second}:${third}::/48`;
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
