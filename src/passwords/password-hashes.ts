import { createHash, randomBytes } from 'node:crypto';
import { normalisePassword } from '../config/password-text.js';
import type { Reading } from '../http/validation.js';
import { foreignDecoy, readForeignHash, type ForeignScheme } from './foreign-hashes.js';

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

/**
 * Follows a hash that another service made: of what was typed, of which it took what bcrypt reads. Earlier releases, which do
 * not know it, take no password for one of these.
 */
const CUT = '$cut72';

const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SCHEME = /^\$2[ab]\$(\d\d)\$/;
const REST = /^([./A-Za-z0-9]{21})[.Oeu][./A-Za-z0-9]{31}(\$sha384|\$cut72)?$/;

/** What is stored instead of a password. */
export interface StoredHash {
  scheme: 'bcrypt' | ForeignScheme;
  /** What is compared: bcrypt's own form, or PHC's. */
  encoded: string;
  /** What all have in common that take as long as this one. */
  kind: string;
  /** Of bcrypt; of others, the one that takes as long: not a whole number. */
  cost: number;
  /** Whether it is of the whole password as it was typed, as far as its scheme reads: not of a digest of long ones. */
  isWhole: boolean;
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
  if (cost === undefined) return readForeign(stored);
  const [, salt, suffix] = REST.exec(stored.slice(7)) ?? [];
  if (salt === undefined) return undefined;
  return {
    scheme: 'bcrypt',
    encoded: stored.slice(0, 60),
    kind: stored.slice(0, 7),
    cost,
    isWhole: suffix === CUT,
    isDigested: suffix === DIGESTED,
    isNormalised: suffix !== CUT && salt.startsWith(MARK),
  };
}

function readForeign(stored: string): StoredHash | undefined {
  const foreign = readForeignHash(stored);
  if (!foreign) return undefined;
  const { scheme, parameters, takes } = foreign;
  const kind = { scheme, encoded: stored, kind: parameters, cost: costTaking(takes) };
  return { ...kind, isWhole: true, isDigested: false, isNormalised: false };
}

/** What a hash at cost 12 takes on a usual machine, in milliseconds. */
export const USUAL = { cost: 12, takes: 250 };

/** The cost at which bcrypt takes so many milliseconds on a usual machine. */
const costTaking = (takes: number) => USUAL.cost + Math.log2(Math.max(takes, 0.001) / USUAL.takes);

/** @returns what is stored for what bcrypt made of {@link Spelling} */
export function markHash(bcrypt: string, { isDigested }: Pick<Spelling, 'isDigested'>): string {
  return isDigested ? `${bcrypt}${DIGESTED}` : bcrypt;
}

/** A salt for a normalised password. */
export function newSalt(cost: number): string {
  // The last character carries two bits only.
  return `${schemeOf(cost)}${MARK}${randomText(21 - MARK.length)}${'.Oeu'.charAt(randomBytes(1).readUInt8() % 4)}`;
}

/** A hash that no password matches, at today's cost, or like one that is stored. */
export function decoyOf(cost: number, like?: StoredHash): StoredHash {
  const foreign = like && readForeignHash(like.encoded);
  if (like && foreign) return { ...like, encoded: foreignDecoy(foreign, randomBytes) };
  const encoded = `${newSalt(like?.cost ?? cost)}${randomText(31)}`;
  const { isDigested, isWhole } = like ?? { isDigested: false, isWhole: false };
  const kind = encoded.slice(0, 7);
  return { scheme: 'bcrypt', encoded, kind, cost: like?.cost ?? cost, isDigested, isWhole, isNormalised: !isWhole };
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
 * Other spellings of a password, one of which an earlier release, or another service, may have hashed as it was typed, on this
 * keyboard or on another one. Most passwords have none.
 */
export function otherSpellings(typed: string): string[] {
  const spellings = new Set([typed, typed.normalize('NFC'), typed.normalize('NFD')]);
  spellings.delete(normalisePassword(typed));
  return [...spellings];
}

/** What is compared with a hash. `counts`: whether the hash can be of it. */
export type Try = Pick<Spelling, 'text'> & { counts: boolean };

/** What is compared with a hash for a password. As many for every hash. */
export function triesOf(password: string, { isWhole, isDigested, isNormalised }: StoredHash): Try[] {
  const others = otherSpellings(password);
  if (isWhole) return [normalisePassword(password), ...others].map((text) => ({ text, counts: true }));
  const first = spellingOf(password);
  // Earlier releases refused what bcrypt would have cut.
  const canBe = (text: string) => !isNormalised && !isDigested && Buffer.byteLength(text) <= BCRYPT_BYTES;
  return [
    { text: first.text, counts: first.isDigested === isDigested },
    ...others.map((text) => ({ text, counts: canBe(text) })),
  ];
}

/** How many times as long as ours a hash of another service may take, as a difference of bcrypt's costs. */
const MORE = 2;
/** How much memory checking one may take, in bytes: the default of most libraries is half of it, or less. */
const MOST_MEMORY = 128 * 2 ** 20;

/**
 * Reads a hash that another service made, or one of ours.
 *
 * @param cost ours
 * @returns it as it is stored; or what is wrong with it, which never contains it
 */
export function readImportedHash(text: string, cost: number): Reading {
  const stored = fromBcrypt(text) ?? text;
  const hash = text.length <= LONGEST_HASH ? readHash(stored) : undefined;
  if (!hash) {
    const known = '$2a$, $2b$ or $2y$ (bcrypt), $pbkdf2-…$, $scrypt$ or $argon2id$v=19$';
    return { problem: `is not a hash of a kind that is known: ${known}` };
  }
  const limit = cost + MORE;
  if (hash.cost > limit) {
    const times = Math.round(2 ** (hash.cost - cost));
    return {
      problem: `takes about ${times} times as long to check as ours (BCRYPT_COST=${cost}): ${2 ** MORE} are accepted`,
    };
  }
  const memory = readForeignHash(stored)?.memory ?? 0;
  if (memory > MOST_MEMORY) return { problem: `takes more than ${MOST_MEMORY / 2 ** 20} MiB to check` };
  return { value: stored };
}

const LONGEST_HASH = 400;

/** A hash of bcrypt as another service has it; undefined for any other text, and for ours. */
function fromBcrypt(text: string): string | undefined {
  const [, cost, salt, last, hash] =
    /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{21})([./A-Za-z0-9])([./A-Za-z0-9]{31})$/.exec(text) ?? [];
  if (cost === undefined || salt === undefined || last === undefined || hash === undefined) return undefined;
  if (salt.startsWith(MARK)) return undefined;
  // Of the last character only two bits are of the salt; some libraries leave the others set.
  const canonical = ALPHABET.charAt(ALPHABET.indexOf(last) & 0b110000);
  return `${schemeOf(Number(cost))}${salt}${canonical}${hash}${CUT}`;
}

function schemeOf(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$`;
}

function randomText(length: number): string {
  return [...randomBytes(length)].map((byte) => ALPHABET.charAt(byte % 64)).join('');
}
