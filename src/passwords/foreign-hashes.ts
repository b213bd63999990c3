/**
 * Hashes that other services made, in PHC format (github.com/P-H-C/phc-string-format): checked as they are, and replaced by
 * bcrypt when somebody signs in. `passlib` writes the first two of them nearly so, which is read too.
 */
export type ForeignScheme = 'pbkdf2' | 'scrypt' | 'argon2id';

/** What a thread needs to compare a password with one. */
export interface ForeignHash {
  scheme: ForeignScheme;
  /** What stands before salt and hash: all of one kind take as long. */
  parameters: string;
  salt: Buffer;
  hash: Buffer;
  /** What it takes on a usual machine, in milliseconds. */
  takes: number;
  /** In bytes. */
  memory: number;
  /** Of PBKDF2. */
  algorithm?: 'sha1' | 'sha256' | 'sha512';
  iterations?: number;
  /** Of scrypt. */
  scrypt?: { N: number; r: number; p: number };
}

const BASE64 = '[A-Za-z0-9+/.]{11,128}';
const END = `\\$(${BASE64})\\$(${BASE64})$`;
const PBKDF2 = new RegExp(`^(\\$pbkdf2(?:-(sha1|sha256|sha512))?\\$(?:i=)?(\\d{1,9})(?:,l=(\\d{1,3}))?)${END}`);
const SCRYPT = new RegExp(`^(\\$scrypt\\$ln=(\\d{1,2}),r=(\\d{1,2}),p=(\\d{1,2}))${END}`);
const ARGON2ID = new RegExp(`^(\\$argon2id\\$v=19\\$((?:[mtp]=\\d{1,8}(?:,|(?=\\$))){3}))${END}`);

/** A shorter hash would match other passwords too. In bytes. */
const LEAST = { salt: 8, hash: 16 };
/** No more than one block of SHA-512 is needed. In bytes. */
const LONGEST_HASH = 64;

/** Milliseconds on a usual machine: of an iteration, of a block of scrypt, of a KiB that Argon2 writes. */
const USUAL = { sha1: 0.000_3, sha256: 0.000_4, sha512: 0.000_6, block: 0.000_4, kibibyte: 0.000_8 };
const DIGESTS = { sha1: 20, sha256: 32, sha512: 64 };

/** @returns undefined for what is none of these, or has parameters that make no sense */
export function readForeignHash(stored: string): ForeignHash | undefined {
  const read = readPbkdf2(stored) ?? readScrypt(stored) ?? readArgon2id(stored);
  if (!read || read.salt.length < LEAST.salt) return undefined;
  return read.hash.length >= LEAST.hash && read.hash.length <= LONGEST_HASH ? read : undefined;
}

function readPbkdf2(stored: string): ForeignHash | undefined {
  const [, parameters, name = 'sha1', iterations, length, salt, hash] = PBKDF2.exec(stored) ?? [];
  if (parameters === undefined || salt === undefined || hash === undefined) return undefined;
  const algorithm = name as 'sha1' | 'sha256' | 'sha512';
  const read = {
    scheme: 'pbkdf2' as const,
    parameters,
    algorithm,
    iterations: Number(iterations),
    ...bytes(salt, hash),
  };
  if (read.iterations < 1 || (length !== undefined && Number(length) !== read.hash.length)) return undefined;
  const blocks = Math.ceil(read.hash.length / DIGESTS[algorithm]);
  return { ...read, takes: read.iterations * blocks * USUAL[algorithm], memory: 0 };
}

function readScrypt(stored: string): ForeignHash | undefined {
  const [, parameters, ln, r, p, salt, hash] = SCRYPT.exec(stored) ?? [];
  if (parameters === undefined || salt === undefined || hash === undefined) return undefined;
  const scrypt = { N: 2 ** Number(ln), r: Number(r), p: Number(p) };
  // RFC 7914 section 2: N is less than 2^(16 r).
  if (scrypt.N < 2 || scrypt.r < 1 || scrypt.p < 1 || Number(ln) >= 16 * scrypt.r) return undefined;
  const blocks = scrypt.N * scrypt.r * scrypt.p;
  const memory = 128 * scrypt.N * scrypt.r;
  return { scheme: 'scrypt', parameters, scrypt, ...bytes(salt, hash), takes: blocks * USUAL.block, memory };
}

function readArgon2id(stored: string): ForeignHash | undefined {
  const [, parameters, text, salt, hash] = ARGON2ID.exec(stored) ?? [];
  if (parameters === undefined || text === undefined || salt === undefined || hash === undefined) return undefined;
  const values = new Map(text.split(',').map((part) => [part.charAt(0), Number(part.slice(2))]));
  const [m, t, p] = ['m', 't', 'p'].map((name) => values.get(name) ?? 0) as [number, number, number];
  if (values.size < 3 || t < 1 || p < 1 || p > 255 || m < 8 * p) return undefined;
  return { scheme: 'argon2id', parameters, ...bytes(salt, hash), takes: m * t * USUAL.kibibyte, memory: m * 1_024 };
}

/** Unpadded base64; with dots for the plus signs in passlib's own. */
function bytes(salt: string, hash: string): { salt: Buffer; hash: Buffer } {
  const [first, second] = [salt, hash].map((text) => Buffer.from(text.replaceAll('.', '+'), 'base64'));
  return { salt: first ?? Buffer.alloc(0), hash: second ?? Buffer.alloc(0) };
}

/** A hash of the same kind that no password matches. */
export function foreignDecoy({ parameters, salt, hash }: ForeignHash, random: (bytes: number) => Buffer): string {
  const [newSalt, newHash] = [salt, hash].map(({ length }) => random(length).toString('base64').replaceAll('=', ''));
  return `${parameters}$${newSalt}$${newHash}`;
}
