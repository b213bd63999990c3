import { timingSafeEqual } from 'node:crypto';
import { hmac } from './secret-formats.js';

/** Shown instead of the last characters of a secret that nobody knows, or that is too short to show any. */
export const NO_HINT = '????';

const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** @returns a salt of bcrypt in one spelling: schemes that give the same hash are written differently */
export function saltIn(text: string): string | undefined {
  const [, cost, salt, last] = /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{21})([./A-Za-z0-9])/.exec(text) ?? [];
  if (cost === undefined || salt === undefined || last === undefined) return undefined;
  // Of the last character only two bits are of the salt; some libraries leave the others set.
  return `$2b$${cost}$${salt}${ALPHABET.charAt(ALPHABET.indexOf(last) & 0b110000)}`;
}

/** @returns a hash of bcrypt in one spelling; undefined for what is none */
export function bcryptIn(text: string): string | undefined {
  const salt = saltIn(text);
  const [, hash] = /^.{29}([./A-Za-z0-9]{31})$/.exec(text) ?? [];
  return salt === undefined || hash === undefined ? undefined : salt + hash;
}

/**
 * A key of the published publicauth: up to 130 random bits in base32hex, behind a prefix or none, and an HMAC-SHA1 of all before
 * it in 32 characters. No key of ours looks so: what precedes its HMAC is longer.
 */
const KEY = /^((?:api_(?:live_|test_)?)?[0-9a-v]{1,26})([0-9a-v]{32})$/;

/**
 * @param hmacSecret API_TOKEN_HMAC_SECRET: a key whose HMAC is another one is nobody's
 * @returns what publicauth hashed of a key, which is what precedes its HMAC; undefined for what can be no such key
 */
export function hashedPartOf(key: string, hmacSecret: string | undefined): string | undefined {
  const [, part, shown] = KEY.exec(key) ?? [];
  if (part === undefined || shown === undefined) return undefined;
  if (hmacSecret === undefined) return part;
  return timingSafeEqual(Buffer.from(hmac(part, hmacSecret)), Buffer.from(shown)) ? part : undefined;
}
