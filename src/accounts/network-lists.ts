import ipaddr from 'ipaddr.js';
import { NO_NETWORK, readAddress, readNetwork } from './networks.js';

/** How many networks an account can have. */
export const MOST_NETWORKS = 400;

/** Two addresses and what stands between them. */
export const LONGEST_ENTRY = 128;

/** The networks that an entry stands for, in canonical form; or what is wrong with it. */
export type EntryReading = { values: string[] } | { problem: string };

/** A first and a last address, as numbers. */
interface Range {
  version: 4 | 6;
  first: bigint;
  last: bigint;
}

/**
 * Reads an entry of a list of networks as librarians write them: a network or an address, a range (`192.0.2.1-192.0.2.9`,
 * `192.0.2.1-9`), a pattern (`192.0.*.*`, `192.0.2-3.*`), or a network with its mask (`192.0.2.0/255.255.255.0`).
 */
export function readNetworks(text: string): EntryReading {
  if (text.length > LONGEST_ENTRY) return { problem: NO_NETWORK };
  const entry = text.trim().replace(/\s*[-–—]\s*/g, '-');
  const masked = readMasked(entry);
  if (masked) return masked;
  const range = readRange(entry) ?? readPattern(entry);
  if (range) return range.first <= range.last ? { values: networksOf(range) } : { problem: 'ends before it begins' };
  const network = readNetwork(entry);
  return 'value' in network ? { values: [network.value] } : network;
}

/** A network with its mask, behind a slash or a space. */
function readMasked(entry: string): EntryReading | undefined {
  const [, address, mask = ''] = /^([\d.]+)\s*[/\s]\s*(\d+\.\d+\.\d+\.\d+)$/.exec(entry) ?? [];
  if (address === undefined) return undefined;
  const length = readAddress(mask) === undefined ? null : ipaddr.IPv4.parse(mask).prefixLengthFromSubnetMask();
  if (length === null) return { problem: `has no valid mask: ${mask}` };
  const network = readNetwork(`${address}/${length}`);
  return 'value' in network ? { values: [network.value] } : network;
}

/** Two addresses with a hyphen between them. */
function readRange(entry: string): Range | undefined {
  const [from, to, ...others] = entry.split('-').map((text) => readAddress(text));
  if (from === undefined || to === undefined || others.length > 0) return undefined;
  const version = versionOf(from);
  return version === versionOf(to) ? { version, first: numberOf(from), last: numberOf(to) } : undefined;
}

/** IPv4 with ranges and asterisks: behind the first of them there are only asterisks and full ranges, so that it is one range. */
function readPattern(entry: string): Range | undefined {
  const parts = entry.split('.').map(readPart);
  if (parts.length !== 4 || parts.includes(undefined)) return undefined;
  const bounds = parts.flatMap((part) => (part ? [part] : []));
  const firstOpen = bounds.findIndex(([low, high]) => low !== high);
  const isOneRange = bounds.every(([low, high], index) => index <= firstOpen || (low === 0 && high === 255));
  if (firstOpen < 0 || !isOneRange) return undefined;
  const [first, last] = [0, 1].map((end) => numberOf(bounds.map((bound) => bound[end]).join('.')));
  return first === undefined || last === undefined ? undefined : { version: 4, first, last };
}

/** @returns the lowest and the highest number of a part of an IPv4 pattern */
function readPart(part: string): [number, number] | undefined {
  if (part === '*') return [0, 255];
  const [, low = '', high = low] = /^(0|[1-9]\d{0,2})(?:-(0|[1-9]\d{0,2}))?$/.exec(part) ?? [];
  return low === '' || Number(low) > 255 || Number(high) > 255 ? undefined : [Number(low), Number(high)];
}

/** @returns as few networks as hold exactly the addresses of a range, in order */
function networksOf({ version, first, last }: Range): string[] {
  const bits = version === 4 ? 32 : 128;
  const networks: string[] = [];
  for (let at = first; at <= last;) {
    let size = 1n;
    let length = bits;
    // The next larger network has to begin here too, and to end within the range.
    while (length > 0 && at % (size * 2n) === 0n && at + size * 2n - 1n <= last) {
      size *= 2n;
      length -= 1;
    }
    networks.push(`${addressOf(at, version)}/${length}`);
    at += size;
  }
  return networks;
}

const versionOf = (address: string) => (address.includes(':') ? 6 : 4);

function numberOf(address: string): bigint {
  const bytes = ipaddr.parse(address).toByteArray();
  return bytes.reduce((number, byte) => number * 256n + BigInt(byte), 0n);
}

function addressOf(number: bigint, version: 4 | 6): string {
  const bytes = Array.from({ length: version === 4 ? 4 : 16 }, (_, index) =>
    Number((number >> BigInt(index * 8)) & 255n),
  );
  return ipaddr.fromByteArray(bytes.reverse()).toString();
}

/** What is not one institution's part of the internet. */
const NOT_PUBLIC = (
  [
    ['0.0.0.0/8', 'addresses without a host'],
    ['10.0.0.0/8', 'private addresses'],
    ['100.64.0.0/10', 'private addresses'],
    ['127.0.0.0/8', 'loopback addresses'],
    ['169.254.0.0/16', 'link-local addresses'],
    ['172.16.0.0/12', 'private addresses'],
    ['192.168.0.0/16', 'private addresses'],
    ['224.0.0.0/4', 'multicast addresses'],
    ['240.0.0.0/4', 'reserved addresses'],
    ['::/127', 'loopback addresses'],
    ['fc00::/7', 'private addresses'],
    ['fe80::/10', 'link-local addresses'],
    ['ff00::/8', 'multicast addresses'],
  ] as const
).map(([network, what]) => ({ network: ipaddr.parseCIDR(network), what }));

/** No institution has more than this. */
const WIDEST = { 4: 8, 6: 16 };

/** @returns why a network is hardly meant, such as for its size; undefined: it may be */
export function problemOfWide(network: string): string | undefined {
  const [address = '', bits = ''] = network.split('/');
  const parsed = ipaddr.parseCIDR(network);
  const found = NOT_PUBLIC.find((other) => overlap(parsed, other.network));
  const isWide = Number(bits) < WIDEST[versionOf(address)] && Number(bits) < (found?.network[1] ?? Infinity);
  if (isWide) return 'covers a large part of the internet';
  return found && `holds ${found.what}`;
}

type Network = ReturnType<typeof ipaddr.parseCIDR>;

/** Whether two networks share addresses: then one of them holds the other. */
function overlap([first, length]: Network, [other, otherLength]: Network): boolean {
  return first.kind() === other.kind() && first.match(other, Math.min(length, otherLength));
}
