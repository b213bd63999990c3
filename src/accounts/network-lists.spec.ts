import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { readDomainList, readNetworkList } from './institution-lists.js';
import { problemOfWide, readNetworks } from './network-lists.js';

const NO_NETWORK = { problem: 'is not a valid IP network, such as 192.0.2.0/24 or 2001:db8::/32' };

describe('An entry of a list of networks', () => {
  it.each<[entry: string, networks: string[]]>([
    ['192.0.2.0/24', ['192.0.2.0/24']],
    ['192.0.2.1', ['192.0.2.1/32']],
    ['  192.0.2.1\t', ['192.0.2.1/32']],
    ['2001:DB8::/32', ['2001:db8::/32']],
    ['10.0.0.1-10.0.0.9', ['10.0.0.1/32', '10.0.0.2/31', '10.0.0.4/30', '10.0.0.8/31']],
    ['10.0.0.1 - 10.0.0.9', ['10.0.0.1/32', '10.0.0.2/31', '10.0.0.4/30', '10.0.0.8/31']],
    ['10.0.0.1–10.0.0.9', ['10.0.0.1/32', '10.0.0.2/31', '10.0.0.4/30', '10.0.0.8/31']],
    ['10.0.0.1-9', ['10.0.0.1/32', '10.0.0.2/31', '10.0.0.4/30', '10.0.0.8/31']],
    ['192.0.2.0-192.0.2.255', ['192.0.2.0/24']],
    ['192.0.2.7-192.0.2.7', ['192.0.2.7/32']],
    ['0.0.0.0-255.255.255.255', ['0.0.0.0/0']],
    ['192.0.1.255-192.0.2.0', ['192.0.1.255/32', '192.0.2.0/32']],
    ['2001:db8::1-2001:db8::2', ['2001:db8::1/128', '2001:db8::2/128']],
    ['2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', ['2001:db8::/32']],
    ['::ffff:192.0.2.0-192.0.2.1', ['192.0.2.0/31']],
    ['10.0.*.*', ['10.0.0.0/16']],
    ['192.0.2.*', ['192.0.2.0/24']],
    ['*.*.*.*', ['0.0.0.0/0']],
    ['192.0.2-3.*', ['192.0.2.0/23']],
    ['192.0.1-3.*', ['192.0.1.0/24', '192.0.2.0/23']],
    ['192.0.2.0-255', ['192.0.2.0/24']],
    ['192.0.0-255.0-255', ['192.0.0.0/16']],
    ['192.0.2.0/255.255.255.0', ['192.0.2.0/24']],
    ['192.0.2.0 255.255.255.0', ['192.0.2.0/24']],
    ['192.0.2.0 / 255.255.255.128', ['192.0.2.0/25']],
    ['192.0.2.1/255.255.255.255', ['192.0.2.1/32']],
  ])('%s is %j', (entry, values) => {
    expect(readNetworks(entry)).toEqual({ values });
  });

  it.each<[entry: string, problem: string]>([
    ['192.0.2.1/24', 'has host bits set: did you mean 192.0.2.0/24?'],
    ['192.0.2.1/255.255.255.0', 'has host bits set: did you mean 192.0.2.0/24?'],
    ['192.0.2.0/255.0.255.0', 'has no valid mask: 255.0.255.0'],
    ['192.0.2.0/0.0.0.255', 'has no valid mask: 0.0.0.255'],
    ['192.0.2.0/256.0.0.0', 'has no valid mask: 256.0.0.0'],
    ['10.0.0.9-10.0.0.1', 'ends before it begins'],
    ['192.0.3-2.*', 'ends before it begins'],
  ])('%s %s', (entry, problem) => {
    expect(readNetworks(entry)).toEqual({ problem });
  });

  it.each([
    '',
    ' ',
    '-',
    '*',
    '10.*',
    '10.*.1.*',
    '10.*.1.1',
    '*.0.0.1',
    '10.0-1.0-1.*',
    '10.0.0.1-10.0.0.9-10.0.0.12',
    '10.0.0.1-',
    '-10.0.0.1',
    '10.0.0.1-2001:db8::1',
    '10.0.0.0/24-10.0.1.0/24',
    '10.0.0.256-10.0.0.257',
    '10.0.0.1-256',
    '10.0.0.01-9',
    '10.0.0.1-9-12',
    '10.0.0.1 10.0.0.2 10.0.0.3',
    '2001:db8::*',
    '2001:db8::1-2',
    '192.0.2.0/24 # library',
    'library 192.0.2.0/24',
    'x'.repeat(100_000),
    '1-'.repeat(50_000),
    '*.'.repeat(50_000),
  ])('is not read from %j', (entry) => {
    expect(readNetworks(entry)).toEqual(NO_NETWORK);
  });

  it('of a range holds its addresses and no others, in as few networks as can be', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(4_096), (start, size) => {
        const end = Math.min(start + size, 0xffffffff);
        const dotted = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
        const reading = readNetworks(`${dotted(start)}-${dotted(end)}`);
        const networks = 'values' in reading ? reading.values : [];
        let next = start;
        for (const network of networks) {
          const [address, length] = ipaddr.IPv4.parseCIDR(network);
          const first = address.toByteArray().reduce((value, byte) => value * 256 + byte, 0);
          expect(first).toBe(next);
          next = first + 2 ** (32 - length);
        }
        expect(next).toBe(end + 1);
        // Two neighbours of one size never make one of twice the size.
        for (const [index, network] of networks.entries()) {
          const [address, length] = ipaddr.IPv4.parseCIDR(network);
          const [other, otherLength] = ipaddr.IPv4.parseCIDR(networks[index + 1] ?? '0.0.0.0/0');
          expect(length === otherLength && length > 0 && other.match(address, length - 1)).toBe(false);
        }
      }),
    );
  });
});

describe('A network that is hardly meant', () => {
  it.each([
    ['0.0.0.0/0', 'covers a large part of the internet'],
    ['128.0.0.0/1', 'covers a large part of the internet'],
    ['44.0.0.0/7', 'covers a large part of the internet'],
    ['::/0', 'covers a large part of the internet'],
    ['2000::/3', 'covers a large part of the internet'],
    ['10.0.0.0/8', 'holds private addresses'],
    ['10.1.2.3/32', 'holds private addresses'],
    ['172.0.0.0/8', 'holds private addresses'],
    ['172.31.255.0/24', 'holds private addresses'],
    ['192.168.0.0/24', 'holds private addresses'],
    ['100.64.0.0/16', 'holds private addresses'],
    ['fd00::/48', 'holds private addresses'],
    ['127.0.0.1/32', 'holds loopback addresses'],
    ['::1/128', 'holds loopback addresses'],
    ['::/16', 'holds loopback addresses'],
    ['224.0.0.1/32', 'holds multicast addresses'],
    ['ff02::1/128', 'holds multicast addresses'],
    ['169.254.1.0/24', 'holds link-local addresses'],
    ['fe80::/64', 'holds link-local addresses'],
    ['255.255.255.255/32', 'holds reserved addresses'],
    ['0.0.0.0/8', 'holds addresses without a host'],
  ])('%s %s', (network, problem) => {
    expect(problemOfWide(network)).toBe(problem);
  });

  it.each([
    '192.0.2.0/24',
    '45.0.0.0/8',
    '172.32.0.0/12',
    '172.15.255.255/32',
    '11.0.0.0/8',
    '2001:db8::/32',
    '2001::/16',
  ])('is not %s', (network) => {
    expect(problemOfWide(network)).toBeUndefined();
  });
});

describe('A list of networks', () => {
  it('may be one text of lines, as it is pasted: with empty lines, and entries twice', () => {
    const pasted =
      '192.0.2.0/25\r\n192.0.2.128-192.0.2.255\n\n\t192.0.2.0/25 \n198.51.100.*;203.0.113.1, 203.0.113.2\n';
    expect(readNetworkList(pasted, false)).toEqual({
      values: ['192.0.2.0/25', '192.0.2.128/25', '198.51.100.0/24', '203.0.113.1/32', '203.0.113.2/32'],
    });
    expect(readNetworkList('', false)).toEqual({ values: [] });
    expect(readNetworkList(' \n ', false)).toEqual({ values: [] });
  });

  it('names the entry that is bad, and in a list the one that it repeats', () => {
    expect(readNetworkList('192.0.2.1\nnonsense', false)).toEqual({
      problem: `entry 2 ${NO_NETWORK.problem}`,
    });
    expect(readNetworkList(['192.0.2.0-192.0.2.255', '192.0.2.*'], false)).toEqual({
      problem: 'entry 2 repeats entry 1',
    });
    expect(readNetworkList(['192.0.2.0', '10.0.*.*'], false)).toEqual({
      problem: 'entry 2 holds private addresses: send allow_wide: true if that is meant',
    });
    expect(readNetworkList(['192.0.2.0', '10.0.*.*'], true)).toEqual({ values: ['192.0.2.0/32', '10.0.0.0/16'] });
  });

  it('has at most 400 networks, whatever they were written as, and is refused quickly', () => {
    const ranges = Array.from(
      { length: 400 },
      (_, index) => `2001:db8:${index}::1-2001:db8:${index}:ffff:ffff:ffff:ffff:fffe`,
    );
    expect(readNetworkList(ranges, false)).toEqual({ problem: 'must have at most 400 entries' });
    expect(readNetworkList(ranges.join('\n'), false)).toEqual({ problem: 'must have at most 400 entries' });
    expect(readNetworkList('x'.repeat(65_537), false)).toEqual({ problem: 'must be a list, or a text of lines' });
    expect(readNetworkList('45.0.0.1\n'.repeat(401), false)).toEqual({ problem: 'must have at most 400 entries' });
  });

  it.each([null, 5, true, {}, [['192.0.2.1']], [null]])('is not %j', (value) => {
    expect(readNetworkList(value, false)).toHaveProperty('problem');
    expect(readDomainList(value)).toHaveProperty('problem');
  });
});

describe('A list of domains', () => {
  it('may be one text of lines, as published clients send it', () => {
    expect(readDomainList('*.somedomain.com\nalt.somedomain2.com')).toEqual({
      values: ['*.somedomain.com', 'alt.somedomain2.com'],
    });
    expect(readDomainList('Example.ORG.\r\nexample.org\r\n')).toEqual({ values: ['example.org'] });
    expect(readDomainList('example.org\nnonsense')).toEqual({
      problem: 'entry 2 is not a valid domain, such as example.org or *.example.org',
    });
  });
});
