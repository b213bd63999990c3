import { createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { takeRandom } from './random.js';

/** The format of the secrets of a kind of token. */
export interface SecretFormat {
  /**
   * @param variant part of the prefix, such as `live`, if the format has one
   * @param hmacSecret API_TOKEN_HMAC_SECRET, if the format ends in an HMAC then
   */
  mint(variant?: string, hmacSecret?: string): string;
  /** Whether a text could be such a secret; others are refused without a look-up. */
  recognises(text: string): boolean;
}

/** 32 lower-case hexadecimal characters: 128 random bits. */
export const hexSecret: SecretFormat = {
  mint: () => takeRandom(16).toString('hex'),
  recognises: (text) => /^[0-9a-f]{32}$/.test(text),
};

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const SECRET_LENGTH = 26;
const CHECKSUM_LENGTH = 7;

/**
 * `api_live_…`, `api_test_…` or `api_…`: 26 characters of base32 (RFC 4648 section 6, lower case; 130 random bits), and
 * a CRC-32 of all before it in seven more; then, for gateways that check it before they ask, an HMAC of all before it in 32 more.
 * Whether that is right is left to the digest: keys stay good when the gateways' secret changes. SECURITY.md has a pattern for
 * secret scanners.
 */
export const apiSecret: SecretFormat = {
  mint: (variant, hmacSecret) => {
    const prefix = variant === undefined ? 'api_' : `api_${variant}_`;
    let secret = '';
    // The low five bits of a random byte are uniform.
    for (const byte of takeRandom(SECRET_LENGTH)) secret += ALPHABET.charAt(byte & 31);
    const key = `${prefix}${secret}${checksum(prefix + secret)}`;
    return hmacSecret === undefined ? key : key + hmac(key, hmacSecret);
  },
  recognises: (text) => {
    const [, key = ''] = /^(api_(?:live_|test_)?[a-z2-7]{33})(?:[0-9a-v]{32})?$/.exec(text) ?? [];
    return key !== '' && checksum(key.slice(0, -CHECKSUM_LENGTH)) === key.slice(-CHECKSUM_LENGTH);
  },
};

/** HMAC-SHA1 in base32hex (RFC 4648 section 7, lower case): 160 bits in 32 characters. */
export function hmac(text: string, secret: string): string {
  const bits = [...createHmac('sha1', secret).update(text).digest()].map((byte) => byte.toString(2).padStart(8, '0'));
  return (bits.join('').match(/.{5}/g) ?? []).map((five) => parseInt(five, 2).toString(32)).join('');
}

/** A CRC-32 (as in RFC 1952), most significant bits first, in seven characters of base32. */
function checksum(text: string): string {
  const crc = crc32(text);
  let characters = '';
  for (let shift = 27; shift >= 2; shift -= 5) characters += ALPHABET.charAt((crc >>> shift) & 31);
  return characters + ALPHABET.charAt(crc & 3);
}
