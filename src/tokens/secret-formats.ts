import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** The format of the secrets of a kind of token. */
export interface SecretFormat {
  /** @param variant part of the prefix, such as `live`, if the format has one */
  mint(variant?: string): string;
  /** Whether a text could be such a secret; others are refused without a look-up. */
  recognises(text: string): boolean;
}

/** 32 lower-case hexadecimal characters: 128 random bits. */
export const hexSecret: SecretFormat = {
  mint: () => randomBytes(16).toString('hex'),
  recognises: (text) => /^[0-9a-f]{32}$/.test(text),
};

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const SECRET_LENGTH = 26;
const CHECKSUM_LENGTH = 7;

/**
 * `api_live_…`, `api_test_…` or `api_…`: 26 characters of base32 (RFC 4648 section 6, lower case; 130 random bits), and
 * a CRC-32 of all before it in seven more. SECURITY.md has a pattern for secret scanners.
 */
export const apiSecret: SecretFormat = {
  mint: (variant) => {
    const prefix = variant === undefined ? 'api_' : `api_${variant}_`;
    // The low five bits of a random byte are uniform.
    const secret = [...randomBytes(SECRET_LENGTH)].map((byte) => ALPHABET.charAt(byte & 31)).join('');
    return `${prefix}${secret}${checksum(prefix + secret)}`;
  },
  recognises: (text) =>
    /^api_(live_|test_)?[a-z2-7]{33}$/.test(text) &&
    checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH),
};

/** A CRC-32 (as in RFC 1952), most significant bits first, in seven characters of base32. */
function checksum(text: string): string {
  const crc = crc32(text);
  return Array.from({ length: CHECKSUM_LENGTH }, (_, index) =>
    ALPHABET.charAt((crc >>> Math.max(0, 27 - 5 * index)) & (index === CHECKSUM_LENGTH - 1 ? 3 : 31)),
  ).join('');
}
