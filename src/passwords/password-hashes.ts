import { createHash, randomBytes } from 'node:crypto';
import { normalisePassword } from '../config/password-text.js';

/** What bcrypt reads of a password. */
const BCRYPT_BYTES = 72;

/** Costs outside of this (BCRYPT_COST's own range) would take hours, or no time. */
const COSTS = { least: 4, most: 20 };

/**
 * How a salt begins whose hash is of the normalised password. Any bcrypt can read such a hash, those of earlier releases
 * included, whose salts begin with it once in 2^36; 94 random bits follow.
 */
const MARK = 'lk8265';

/** Follows a hash of a password that had more bytes than bcrypt reads: bcrypt was given the SHA-384 of it, in base64. */
const DIGESTED = '$sha384';

const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SCHEME = /^\$2[ab]\$(\d\d)\$/;
const REST = /^([./A-Za-z0-9]{21})[.Oeu][./A-Za-z0-9]{31}(\$sha384)?$/;

/** What is stored instead of a password. */
export interface StoredHash {
  /** What bcrypt knows of it. */
  bcrypt: string;
  cost: number;
  /** Whether bcrypt was given the password's SHA-384. */
  isDigested: boolean;
  /** Whether the password was normalised. If not, its hash is of what was typed. */
  isNormalised: boolean;
}

/** @returns the cost of a hash, or of its first seven characters; undefined if no password can match it */
export function costOf(stored: string): number | undefined {
  const cost = Number(SCHEME.exec(stored)?.[1]);
  return cost >= COSTS.least && cost <= COSTS.most ? cost : undefined;
}

/** @returns undefined for what no password can match */
export function readHash(stored: string): StoredHash | undefined {
  const cost = costOf(stored);
  const [, salt, digested] = REST.exec(stored.slice(7)) ?? [];
  if (cost === undefined || salt === undefined) return undefined;
  const isDigested = digested !== undefined;
  return { bcrypt: stored.slice(0, 60), cost, isDigested, isNormalised: salt.startsWith(MARK) };
}

/** @returns what is stored for what bcrypt made of {@link Spelling} */
export function markHash(bcrypt: string, { isDigested }: Pick<Spelling, 'isDigested'>): string {
  return isDigested ? `${bcrypt}${DIGESTED}` : bcrypt;
}

/** A salt for a normalised password. */
export function newSalt(cost: number): string {
  // The last character carries two bits only.
  return `${schemeOf(cost)}${MARK}${randomText(21 - MARK.length)}${'.Oeu'.charAt(randomBytes(1).readUInt8() % 4)}`;
}

/** A hash that no password matches. */
export function decoyOf(cost: number, isDigested = false): StoredHash {
  return { bcrypt: `${newSalt(cost)}${randomText(31)}`, cost, isDigested, isNormalised: true };
}

/** What bcrypt is given for a password. */
export interface Spelling {
  text: string;
  isDigested: boolean;
}

/** What bcrypt is given for a new password. */
export function spellingOf(typed: string): Spelling {
  const text = normalisePassword(typed);
  if (Buffer.byteLength(text) <= BCRYPT_BYTES) return { text, isDigested: false };
  return { text: createHash('sha384').update(text).digest('base64'), isDigested: true };
}

/**
 * Other spellings of a password, one of which an earlier release may have hashed as it was typed, on this keyboard or on
 * another one. Most passwords have none.
 */
export function otherSpellings(typed: string): string[] {
  const spellings = new Set([typed, typed.normalize('NFC'), typed.normalize('NFD')]);
  spellings.delete(normalisePassword(typed));
  return [...spellings].filter((text) => Buffer.byteLength(text) <= BCRYPT_BYTES);
}

function schemeOf(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$`;
}

function randomText(length: number): string {
  return [...randomBytes(length)].map((byte) => ALPHABET.charAt(byte % 64)).join('');
}
