import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { apiSecret, hexSecret } from './secret-formats.js';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const FLAVOURS: [prefix: string, variant: string | undefined][] = [
  ['api_', undefined],
  ['api_live_', 'live'],
  ['api_test_', 'test'],
];

/** 32 bits in seven characters, most significant bits first; the last character has the two that are left. */
function base32(value: number): string {
  const bits = value.toString(2).padStart(32, '0');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => ALPHABET.charAt(parseInt(five, 2))).join('');
}

describe.each(FLAVOURS)('An API token that starts with %s', (prefix, variant) => {
  const secret = apiSecret.mint(variant);

  it('has 26 random characters of base32 and a CRC-32 of all before it', () => {
    expect(secret.startsWith(prefix)).toBe(true);
    const random = secret.slice(prefix.length, -7);
    expect(random).toMatch(/^[a-z2-7]{26}$/);
    expect(secret.slice(-7)).toBe(base32(crc32(prefix + random)));
  });

  it('is recognised, in those letters only', () => {
    expect(apiSecret.recognises(secret)).toBe(true);
    for (const other of [
      secret.toUpperCase(),
      ` ${secret}`,
      `${secret} `,
      `${secret}\n`,
      `${secret}a`,
      secret.slice(1),
    ]) {
      expect([other, apiSecret.recognises(other)]).toEqual([other, false]);
    }
  });

  it('is not recognised with any one character changed', () => {
    for (let index = 0; index < secret.length; index += 1) {
      for (const character of `${ALPHABET}_018=é`) {
        if (character === secret[index]) continue;
        const changed = secret.slice(0, index) + character + secret.slice(index + 1);
        expect([changed, apiSecret.recognises(changed)]).toEqual([changed, false]);
      }
    }
  });

  it('is not recognised with any two characters swapped, or one left out or said twice', () => {
    for (let one = 0; one < secret.length; one += 1) {
      const cut = secret.slice(0, one) + secret.slice(one + 1);
      const doubled = secret.slice(0, one) + secret.charAt(one) + secret.slice(one);
      expect([cut, apiSecret.recognises(cut), apiSecret.recognises(doubled)]).toEqual([cut, false, false]);
      for (let other = one + 1; other < secret.length; other += 1) {
        if (secret[one] === secret[other]) continue;
        const letters = Array.from(secret);
        [letters[one], letters[other]] = [letters[other] ?? '', letters[one] ?? ''];
        const swapped = letters.join('');
        expect([swapped, apiSecret.recognises(swapped)]).toEqual([swapped, false]);
      }
    }
  });

  it('is not recognised with another prefix', () => {
    for (const [other] of FLAVOURS.filter(([candidate]) => candidate !== prefix)) {
      expect(apiSecret.recognises(other + secret.slice(prefix.length))).toBe(false);
    }
  });

  it('is found in a text by the regular expression that SECURITY.md gives to secret scanners', () => {
    const documented = /`([^`\n]*api_[^`\n]*\{33\}[^`\n]*)`/.exec(readFileSync('SECURITY.md', 'utf8'))?.[1];
    const pattern = new RegExp(documented ?? 'SECURITY.md has no such expression', 'g');
    const text = `AUTH="${secret}"; curl -H 'Authorization: Bearer ${secret}' # not ${secret}x, nor ${secret.slice(1)}`;
    expect(text.match(pattern)).toEqual([secret, secret]);
  });
});

describe('API tokens for gateways that check an HMAC', () => {
  const SECRET = 'qwer9yuhgf';
  const keys = [undefined, 'live', 'test'].map((variant) => apiSecret.mint(variant, SECRET));

  /** Written out again: what `BaseEncoding.base32Hex().lowerCase().omitPadding()` makes of an HMAC-SHA1. */
  function hmac(text: string): string {
    const bits = BigInt(`0x${createHmac('sha1', SECRET).update(text).digest('hex')}`);
    return bits.toString(32).padStart(32, '0');
  }

  it('end in the base32hex HMAC-SHA1 of what precedes', () => {
    for (const key of keys) {
      expect(key).toMatch(/^api_(live_|test_)?[a-z2-7]{33}[0-9a-v]{32}$/);
      expect(key.slice(-32)).toBe(hmac(key.slice(0, -32)));
    }
    // Computed elsewhere: the key of a published test suite.
    expect(hmac('testbearertoken')).toBe('qgs2ot3itqer7ag9mvvbs8snqb5jfas3');
  });

  it('are recognised by their checksum, whatever the HMAC, so that they stay good when the secret changes', () => {
    for (const key of keys) {
      expect(apiSecret.recognises(key)).toBe(true);
      expect(apiSecret.recognises(key.slice(0, -32) + '0'.repeat(32))).toBe(true);
      expect(apiSecret.recognises(key.slice(0, -1))).toBe(false);
      expect(apiSecret.recognises(`${key.slice(0, -1)}w`)).toBe(false);
      expect(apiSecret.recognises(`${key.slice(0, -33)}_${key.slice(-32)}`)).toBe(false);
      const wrong = key.at(10) === 'a' ? 'b' : 'a';
      expect(apiSecret.recognises(key.slice(0, 10) + wrong + key.slice(11))).toBe(false);
    }
  });

  it('are found by the regular expression that SECURITY.md gives to secret scanners', () => {
    const documented = /`([^`\n]*api_[^`\n]*\{33\}[^`\n]*)`/.exec(readFileSync('SECURITY.md', 'utf8'))?.[1];
    for (const key of keys) expect(` "${key}"; ${key}w`.match(new RegExp(documented ?? '', 'g'))).toEqual([key]);
  });
});

describe('API tokens', () => {
  it('check out against some whose CRC-32 is known from elsewhere', () => {
    // By Python's zlib.crc32: b696e244, and 0009602b, which starts with zeros.
    expect(apiSecret.recognises(`api_test_${ALPHABET.slice(0, 26)}w2loera`)).toBe(true);
    expect(apiSecret.recognises(`api_live_tal4lqmi6s3ymmyzjwlp3krgczaaewakd`)).toBe(true);
  });

  it('are recognised, thousands of them', () => {
    for (let round = 0; round < 2_000; round += 1) expect(apiSecret.recognises(apiSecret.mint('live'))).toBe(true);
  });

  it('use each of the 32 characters about equally often, in every place', () => {
    const ROUNDS = 6_400;
    const counts = Array.from({ length: 26 }, () => new Map<string, number>());
    for (let round = 0; round < ROUNDS; round += 1) {
      const random = apiSecret.mint().slice(4, 30);
      counts.forEach((count, place) => {
        const character = random.charAt(place);
        count.set(character, (count.get(character) ?? 0) + 1);
      });
    }
    // 200 expected, a standard deviation of 14: six of those are one failure in 600,000 runs.
    for (const count of counts) {
      expect(count.size).toBe(32);
      for (const times of count.values()) expect(Math.abs(times - ROUNDS / 32)).toBeLessThan(6 * 14);
    }
  });
});

describe('App-Tokens and user tokens', () => {
  it('are 32 lower-case hexadecimal characters, no two alike', () => {
    const secrets = Array.from({ length: 1_000 }, () => hexSecret.mint());
    for (const secret of secrets) {
      expect(secret).toMatch(/^[0-9a-f]{32}$/);
      expect(hexSecret.recognises(secret)).toBe(true);
    }
    expect(new Set(secrets).size).toBe(1_000);
  });

  it.each([
    ['shorter', (secret: string) => secret.slice(1)],
    ['longer', (secret: string) => `${secret}0`],
    ['in capitals', (secret: string) => `A${secret.slice(1).toUpperCase()}`],
    ['with another letter', (secret: string) => `g${secret.slice(1)}`],
    ['with a newline behind it', (secret: string) => `${secret}\n`],
    ['twice, as a header that was sent twice', (secret: string) => `${secret}, ${secret}`],
    ['empty', () => ''],
  ])('are not recognised %s', (_, change) => {
    expect(hexSecret.recognises(change(hexSecret.mint()))).toBe(false);
  });

  it('are never taken for API tokens, nor those for them', () => {
    expect(apiSecret.recognises(hexSecret.mint())).toBe(false);
    expect(hexSecret.recognises(apiSecret.mint())).toBe(false);
  });
});
