import { describe, expect, it } from '@jest/globals';
import { addressForLimits, homeOf, isWithin, canonicalAddress, networkOf, siteOf } from './client-address.js';

describe('The form in which an address is stored', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:50123', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['[2001:0db8::0001]:443', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('is one for all spellings: %s', (address, expected) => {
    expect(canonicalAddress(address)).toBe(expected);
  });

  it.each(['', 'unknown', '192.0.2', 'localhost', `1${'0'.repeat(9_000)}`, `::${'%x'.repeat(4_500)}`])(
    'is none for what is no address: %.20s',
    (text) => {
      expect(canonicalAddress(text)).toBeUndefined();
    },
  );
});

describe('The address that limits count by', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['192.0.2.1:50123', '192.0.2.1'],
  ])('is an IPv4 address as it is: %s', (address, expected) => {
    expect(addressForLimits(address)).toBe(expected);
  });

  it.each([
    '::ffff:192.0.2.1',
    '::FFFF:192.0.2.1',
    '::ffff:c000:201',
    '0:0:0:0:0:ffff:192.0.2.1',
    '[::ffff:192.0.2.1]:80',
  ])('is the IPv4 address inside a mapped one: %s', (address) => {
    expect(addressForLimits(address)).toBe('192.0.2.1');
  });

  it.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::1', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::1]', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::1]:443', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::2:3:4:5:6', '2001:db8:0:2::/64'],
    ['2001:db8::7:1:2:3:4', '2001:db8:0:7::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['::1:2:3:4:192.0.2.1', '0:0:1:2::/64'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['::192.0.2.1', '0:0:0:0::/64'],
  ])('is the /64 of an IPv6 address: %s', (address, expected) => {
    expect(addressForLimits(address)).toBe(expected);
  });

  it('tells two /64 apart', () => {
    expect(addressForLimits('2001:db8:0:1::1')).not.toBe(addressForLimits('2001:db8:0:2::1'));
  });

  it.each([
    '',
    'unknown',
    '_hidden',
    '192.0.2',
    '192.0.2.1.1',
    '1:2:3',
    ':::',
    '2001:db8::1::',
    '[',
    '[]',
    'x'.repeat(10_000),
  ])('is one and the same for what is no address: %.20s', (address) => {
    expect(addressForLimits(address)).toBe('unknown');
  });
});

describe('The network that a client is recognised by', () => {
  it.each([
    ['192.0.2.1', '192.0.2.0/24'],
    ['192.0.2.255', '192.0.2.0/24'],
    ['192.0.3.1', '192.0.3.0/24'],
    ['192.0.2.1:50123', '192.0.2.0/24'],
    ['::ffff:192.0.2.1', '192.0.2.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
    ['', 'unknown'],
    ['_hidden', 'unknown'],
  ])('is the /24 of an IPv4 address, and the /64 of an IPv6 address: %s', (address, expected) => {
    expect(networkOf(address)).toBe(expected);
  });
});

describe('The site of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.0/24'],
    ['::ffff:192.0.2.255', '192.0.2.0/24'],
    ['2001:db8:1:2::1', '2001:db8:1::/48'],
    ['2001:0db8:0001:ffff::1', '2001:db8:1::/48'],
    ['::1', '0:0:0::/48'],
    ['unknown', 'unknown'],
    ['', 'unknown'],
  ])('is a /24 of IPv4 and a /48 of IPv6: %s', (address, expected) => {
    expect(siteOf(address)).toBe(expected);
  });
});

describe('The home of a client', () => {
  it.each([
    ['2001:db8:1:2ff:3:4:5:6', '2001:db8:1:200::/56'],
    ['2001:db8::1', '2001:db8:0:0::/56'],
    ['2001:db8:1:ffff::1', '2001:db8:1:ff00::/56'],
    ['192.0.2.1', undefined],
    ['::ffff:192.0.2.1', undefined],
    ['unknown', undefined],
  ])('is the /56 of an IPv6 address: %s', (address, expected) => {
    expect(homeOf(address)).toBe(expected);
  });
});

describe('An address is within networks', () => {
  const NETWORKS = ['192.0.2.0/24', '198.51.100.7/32', '2001:db8::/32'];

  it.each(['192.0.2.255', '::ffff:192.0.2.1', '198.51.100.7', '2001:db8:ffff::1', '[2001:DB8::1]:443'])(
    'of either version: %s',
    (address) => {
      expect(isWithin(address, NETWORKS)).toBe(true);
    },
  );

  it.each(['192.0.3.1', '198.51.100.8', '2001:db9::1', 'unknown', ''])('or not: %j', (address) => {
    expect([isWithin(address, NETWORKS), isWithin(address, [])]).toEqual([false, false]);
  });
});
