import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readAddress, readNetwork } from './networks.js';

const NO_NETWORK = { problem: 'is not a valid IP network, such as 192.0.2.0/24 or 2001:db8::/32' };
const behind = (first: string) => ({ problem: `has host bits set: did you mean ${first}?` });

/** What no reader of addresses may take: most of it is taken by some. */
const NO_ADDRESSES = [
  '',
  ' ',
  '.',
  ':',
  ':::',
  '...',
  '192.0.2',
  '192.0.2.',
  '.192.0.2',
  '192.0..2',
  '192.0.2.1.1',
  '192.0.2.1.',
  '192.0.2.256',
  '192.0.2.1000',
  '192.0.2.-1',
  '192.0.2.+1',
  '192.0.2.1e0',
  '192.0.2.01',
  '192.0.2.001',
  '00.0.0.0',
  '0x7f.0.0.1',
  '0x7f000001',
  '017700000001',
  '2130706433',
  '127.1',
  '192.0.2.1:80',
  '192.0.2.1%eth0',
  '192,0,2,1',
  'fe80::1%eth0',
  'fe80::1%25eth0',
  'fe80::1%',
  'fe80::1%1',
  '::ffff:192.0.2.1%eth0',
  '[2001:db8::1]',
  '[2001:db8::1]:443',
  '2001:db8::1::',
  '2001::db8::1',
  ':2001:db8::1',
  '2001:db8::1:',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7::8',
  '12345::',
  '00001::',
  'g::',
  '-1::',
  '0x1::',
  '::1.2.3',
  '::ffff:192.0.2',
  '::ffff:192.0.2.256',
  '::ffff:192.0.2.01',
  '::ffff:192.0.2.1.1',
  '192.0.2.1::',
  '::192.0.2.1:1',
  ' 192.0.2.1',
  '192.0.2.1 ',
  '192.0.2.1\n',
  '192.0.2.1\t',
  '\t192.0.2.1',
  '192.0.2.1\u0000',
  '192.0.2.1\u00a0',
  '192.0.2.1\u200b',
  '192。0。2。1',
  '192\uff0e0\uff0e2\uff0e1',
  '\u0661\u0669\u0662.0.2.1',
  '\uff11\uff19\uff12.0.2.1',
  '192.0.2.¹',
  'localhost',
  'example.org',
];

const LONG_TEXTS = ['x', '1', ':', '1.', '1:', '/', '1/', ' '].map((text) => text.repeat(100_000));

describe('An address', () => {
  it.each([
    '0.0.0.0',
    '0.0.0.1',
    '1.0.0.0',
    '192.0.2.1',
    '255.255.255.255',
    '::',
    '::1',
    '1::',
    '2001:db8::1',
    '2001:db8:1:2:3:4:5:6',
    '1:0:2:3:4:5:6:7',
    '1::2:0:0:3:4',
    '1:0:0:2::3',
    'fe80::1',
    '64:ff9b::c000:201',
    '::ffff:0:c000:201',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  ])('is kept as it is when it is spelled as RFC 5952 has it: %s', (address) => {
    expect(readAddress(address)).toBe(address);
  });

  it.each([
    ['2001:DB8::A', '2001:db8::a'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::0:1', '2001:db8::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'],
    ['1::2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::1:2:3:4:5:6:7', '0:1:2:3:4:5:6:7'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['::192.0.2.1', '::c000:201'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:c000:201'],
  ])('has one spelling: %s is %s', (spelled, address) => {
    expect(readAddress(spelled)).toBe(address);
  });

  it.each([
    '::ffff:192.0.2.1',
    '::FFFF:192.0.2.1',
    '::ffff:c000:201',
    '::FfFf:C000:0201',
    '0:0:0:0:0:ffff:192.0.2.1',
    '0000:0000:0000:0000:0000:ffff:c000:0201',
    '0::ffff:c000:201',
    '::0:ffff:c000:201',
  ])('is IPv4 when it is IPv4-mapped: %s', (mapped) => {
    expect(readAddress(mapped)).toBe('192.0.2.1');
  });

  it.each([
    '192.0.2.1/32',
    '192.0.2.0/24',
    '2001:db8::/32',
    '2001:db8::1/128',
    '192.0.2.1/',
    '192.0.2.1/255.255.255.0',
  ])('is no network: %s', (network) => {
    expect(readAddress(network)).toBeUndefined();
  });

  it.each(NO_ADDRESSES.map((text) => [text]))('is not read from %j', (text) => {
    expect(readAddress(text)).toBeUndefined();
  });

  it('is not read from long texts, and that quickly', () => {
    const begun = performance.now();
    for (const text of LONG_TEXTS) expect(readAddress(text)).toBeUndefined();
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  it('is spelled as a browser spells it, however it was written', () => {
    fc.assert(
      fc.property(anyIpv6(), ({ written, bytes }) => {
        const spelling = readAddress(written);
        if (isMapped(bytes)) expect(spelling).toBe(bytes.slice(12).join('.'));
        else expect(`[${spelling ?? ''}]`).toBe(new URL(`http://[${written}]/`).hostname);
        expect(readAddress(spelling ?? '')).toBe(spelling);
      }),
    );
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(readAddress(address)).toBe(address);
        expect(readAddress(`::ffff:${address}`)).toBe(address);
      }),
    );
  });
});

describe('A network', () => {
  it.each([
    '0.0.0.0/0',
    '10.0.0.0/8',
    '128.0.0.0/1',
    '192.0.2.0/24',
    '192.0.2.0/31',
    '192.0.2.1/32',
    '255.255.255.255/32',
    '0.0.0.0/32',
    '::/0',
    '::/128',
    '::1/128',
    '8000::/1',
    '2001:db8::/32',
    '2001:db8:1:2::/64',
    '2001:db8::/127',
    '2001:db8::1/128',
    '64:ff9b::/96',
    // All of IPv6 that has IPv4 inside is no IPv4.
    '::/80',
    '::/95',
  ])('is kept as it is: %s', (network) => {
    expect(readNetwork(network)).toEqual({ value: network });
  });

  it.each([
    ['192.0.2.1', '192.0.2.1/32'],
    ['0.0.0.0', '0.0.0.0/32'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['::', '::/128'],
    ['::ffff:192.0.2.1', '192.0.2.1/32'],
  ])('may be a single address: %s is %s', (address, network) => {
    expect(readNetwork(address)).toEqual({ value: network });
  });

  it.each([
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:0db8:0:0:0:0:0:0/32', '2001:db8::/32'],
    ['2001:db8:0::/32', '2001:db8::/32'],
    ['2001:DB8::A/128', '2001:db8::a/128'],
    ['0:0:0:0:0:0:0:0/0', '::/0'],
    ['64:ff9b::0.0.0.0/96', '64:ff9b::/96'],
    ['::192.0.2.0/120', '::c000:200/120'],
  ])('has one spelling: %s is %s', (written, network) => {
    expect(readNetwork(written)).toEqual({ value: network });
  });

  it.each([
    ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
    ['::FFFF:192.0.2.1/128', '192.0.2.1/32'],
    ['::ffff:c000:200/120', '192.0.2.0/24'],
    ['0:0:0:0:0:ffff:0a00:0/104', '10.0.0.0/8'],
    ['::ffff:0.0.0.0/96', '0.0.0.0/0'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    ['::ffff:128.0.0.0/97', '128.0.0.0/1'],
  ])('is IPv4 when it is IPv4-mapped: %s is %s', (mapped, network) => {
    expect(readNetwork(mapped)).toEqual({ value: network });
  });

  it.each([
    ['192.0.2.1/24', '192.0.2.0/24'],
    ['192.0.2.128/24', '192.0.2.0/24'],
    ['192.0.2.1/31', '192.0.2.0/31'],
    ['192.0.2.0/22', '192.0.0.0/22'],
    ['10.0.0.1/0', '0.0.0.0/0'],
    ['255.255.255.255/1', '128.0.0.0/1'],
    ['2001:db8::1/64', '2001:db8::/64'],
    ['2001:db8:0:1::/48', '2001:db8::/48'],
    ['2001:db8::3/127', '2001:db8::2/127'],
    ['::1/0', '::/0'],
    ['::ffff:192.0.2.1/120', '::ffff:c000:200/120'],
    ['::ffff:0:0/95', '::fffe:0:0/95'],
    ['::ffff:192.0.2.0/24', '::/24'],
  ])('has no bits behind its prefix: %s is refused, with the network that it is in', (written, network) => {
    expect(readNetwork(written)).toEqual(behind(network));
  });

  it.each(NO_ADDRESSES.map((text) => [text]))('is not read from %j, with a length or without', (text) => {
    for (const written of [text, `${text}/24`, `${text}/0`]) expect(readNetwork(written)).toEqual(NO_NETWORK);
  });

  it('is not read from long texts, and that quickly', () => {
    const begun = performance.now();
    for (const text of LONG_TEXTS) {
      for (const written of [text, `192.0.2.0/${text}`]) expect(readNetwork(written)).toEqual(NO_NETWORK);
    }
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  it.each([
    '/',
    '/0',
    '/24',
    '192.0.2.0/',
    '192.0.2.0//24',
    '192.0.2.0/24/',
    '192.0.2.0/24/24',
    '192.0.2.0/33',
    '192.0.2.0/128',
    '192.0.2.0/-1',
    '192.0.2.0/+24',
    '192.0.2.0/024',
    '192.0.2.0/00',
    '192.0.2.0/24.0',
    '192.0.2.0/2e1',
    '192.0.2.0/0x18',
    '192.0.2.0/ 24',
    '192.0.2.0 /24',
    '192.0.2.0/24 ',
    ' 192.0.2.0/24',
    '192.0.2.0/24\n',
    '192.0.2.0/255.255.255.0',
    '192.0.2.0/0.0.0.255',
    '192.0.2.0-192.0.2.255',
    '192.0.2.*',
    '192.0.2.0/²⁴',
    '192.0.2.0/\u0662\u0664',
    '192.0.2.0\\24',
    '192.0.2.0/4294967320',
    '192.0.2.0/99999999999999999999',
    '10/8',
    '10.0/8',
    '192.168',
    '2001:db8::/129',
    '2001:db8::/999',
    '2001:db8::/1000',
    '2001:db8::/032',
    '2001:db8/32',
    'fe80::%eth0/10',
    'fe80::/10%eth0',
    '[2001:db8::]/32',
    'any',
    'all',
  ])('is not read from %j', (text) => {
    expect(readNetwork(text)).toEqual(NO_NETWORK);
  });

  it('is what it says it might have been', () => {
    fc.assert(
      fc.property(fc.oneof(anyIpv4(), anyIpv6()), fc.nat(128), ({ written, bytes }, bits) => {
        const length = bits % (bytes.length * 8 + 1);
        const reading = readNetwork(`${written}/${length}`);
        const cut = maskedTo(bytes, length);
        if (!Buffer.from(cut).equals(Buffer.from(bytes))) {
          const [, meant = ''] = /did you mean (\S+)\?$/.exec('problem' in reading ? reading.problem : '') ?? [];
          expect(readNetwork(meant)).toEqual(readNetwork(`${writeOut(cut)}/${length}`));
          return;
        }
        const expected = isMapped(bytes) ? `${bytes.slice(12).join('.')}/${length - 96}` : undefined;
        const value = 'value' in reading ? reading.value : reading.problem;
        if (expected === undefined) expect(value).toBe(`${readAddress(written) ?? ''}/${length}`);
        else expect(value).toBe(expected);
        // The spelling is the last one.
        expect(readNetwork(value)).toEqual({ value });
      }),
      { numRuns: 500 },
    );
  });

  it('is not read from any other text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdefF.:/%x ')) }),
        ),
        (text) => {
          const reading = readNetwork(text);
          if ('value' in reading) expect(readNetwork(reading.value)).toEqual(reading);
          else expect(reading.problem).toMatch(/^(is not a valid IP network|has host bits set)/);
        },
      ),
      { numRuns: 300 },
    );
  });
});

interface Written {
  written: string;
  bytes: number[];
}

function anyIpv4(): fc.Arbitrary<Written> {
  return anyBytes(4).map((bytes) => ({ written: bytes.join('.'), bytes }));
}

/** An IPv6 address, in one of the many ways to write it (RFC 4291 section 2.2). */
function anyIpv6(): fc.Arbitrary<Written> {
  const mapped = anyBytes(4).map((bytes) => [...Array<number>(10).fill(0), 255, 255, ...bytes]);
  const bytes = fc.oneof({ weight: 4, arbitrary: anyBytes(16) }, mapped);
  return fc
    .tuple(bytes, fc.boolean(), fc.boolean(), fc.boolean(), fc.nat(7), fc.nat(7))
    .map(([chosen, padded, upper, dotted, from, count]) => {
      const groups = Array.from({ length: 8 }, (_, index) =>
        (((chosen[index * 2] ?? 0) << 8) | (chosen[index * 2 + 1] ?? 0)).toString(16).padStart(padded ? 4 : 1, '0'),
      );
      if (dotted) groups.splice(6, 2, chosen.slice(12).join('.'));
      const zeros = groups.slice(from, from + count);
      const squeezed =
        zeros.length > 0 && zeros.every((group) => /^0+$/.test(group))
          ? `${groups.slice(0, from).join(':')}::${groups.slice(from + count).join(':')}`
          : groups.join(':');
      return { written: upper ? squeezed.toUpperCase() : squeezed, bytes: chosen };
    });
}

/** With many zeros, as networks have them. */
function anyBytes(count: number): fc.Arbitrary<number[]> {
  const byte = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(255), fc.constantFrom(128, 192, 255));
  return fc.array(byte, { minLength: count, maxLength: count });
}

const isMapped = (bytes: number[]) =>
  bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;

const maskedTo = (bytes: number[], length: number) =>
  bytes.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, length - index * 8))) & 0xff);

/** All of it, without any of the shorter ways. */
function writeOut(bytes: number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const digits = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.replace(/(.{4})(?=.)/g, '$1:');
}
