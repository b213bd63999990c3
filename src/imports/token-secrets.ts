import { digestOf, hintOf } from '../tokens/digest.js';
import { bcryptIn, NO_HINT, saltIn } from '../tokens/foreign-keys.js';
import { TOKEN_KINDS } from '../tokens/token-kinds.js';
import { flag, text, type Fields, type Read } from './fields.js';
import type { ReadingRules } from './records.js';
import { readImportedHash } from '../passwords/password-hashes.js';

export type ImportedKind = 'app' | 'user' | 'api';

/** What is stored of a token instead of its secret. */
export interface TokenSecret {
  /** SHA-256 in hexadecimal; absent: only the hash is known. */
  digest?: string;
  /** bcrypt with API_TOKEN_BCRYPT_SALT of what precedes the last 32 characters. */
  hash?: string;
  hint: string;
  /** Whether it may have another form than ours. */
  isForeign: boolean;
}

/** The last characters of a shorter one would tell much of it. */
const LEAST_FOR_HINT = 16;
/** A request may have heads of 16 KiB, with other things in them. */
const LONGEST = 8_192;

/** SHA-256 in hexadecimal. */
export const hexDigest = (value: unknown): Read<string> =>
  typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value)
    ? { value: value.toLowerCase() }
    : { problem: 'must be a SHA-256 in hexadecimal' };

/** The last four characters. */
export const hintText = (value: unknown): Read<string> =>
  typeof value === 'string' && /^[ -~]{4}$/.test(value) ? { value } : { problem: 'must be four characters' };

/** What is stored of a secret that is known. */
export function ofPlain(secret: string): { digest: string; hint: string } {
  const hint = secret.length < LEAST_FOR_HINT ? NO_HINT : hintOf(secret);
  return { digest: digestOf(secret).toString('hex'), hint };
}

/** Of the fields of which one is required, the one that is given; notes it when that is none, or several. */
export function theOneOf(fields: Fields, names: [string, ...string[]]): string | undefined {
  const [first, second] = names.filter((name) => fields.has(name));
  if (first === undefined) {
    const others = names.slice(1).join(' or ');
    fields.refuse(names[0], `is required; or ${others}`);
  } else if (second !== undefined) fields.refuse(second, `must not be given together with ${first}`);
  return second === undefined ? first : undefined;
}

/** Takes what the old service kept of a token: `token`, `token_digest` or, of API tokens, `token_hash`. */
export function takeSecret(kind: ImportedKind, fields: Fields, rules: ReadingRules): TokenSecret {
  theOneOf(fields, kind === 'api' ? ['token', 'token_digest', 'token_hash'] : ['token', 'token_digest']);
  const plain = fields.take('token', sendable(kind));
  const digest = fields.take('token_digest', hexDigest);
  const hash = kind === 'api' ? fields.take('token_hash', bcryptBy(rules)) : undefined;
  const hint = fields.take('hint', hintText) ?? NO_HINT;
  const isForeign = fields.take('foreign', flag) ?? true;
  if (plain !== undefined) return { ...ofPlain(plain), isForeign: !TOKEN_KINDS[kind].format.recognises(plain) };
  return { ...(digest !== undefined && { digest }), ...(hash !== undefined && { hash }), hint, isForeign };
}

/** What a client can send: a Bearer token (RFC 6750 section 2.1), or a header (RFC 9110 section 5.5). */
const sendable =
  (kind: ImportedKind) =>
  (value: unknown): Read<string> => {
    const read = text(LONGEST)(value);
    if ('problem' in read) return read;
    if (read.value === '') return { problem: 'must not be empty' };
    const form = kind === 'api' ? /^[\w.~+/=-]+$/ : /^[!-~](?:[ -~]*[!-~])?$/;
    return form.test(read.value) ? read : { problem: 'has characters that cannot be sent in its header' };
  };

const bcryptBy =
  ({ bcryptCost, apiTokenBcryptSalt: salt }: ReadingRules) =>
  (value: unknown): Read<string> => {
    const hash = typeof value === 'string' ? bcryptIn(value) : undefined;
    if (hash === undefined) return { problem: 'must be a bcrypt hash: $2a$, $2b$ or $2y$' };
    if (salt === undefined) return { problem: 'can only be imported with API_TOKEN_BCRYPT_SALT' };
    if (saltIn(hash) !== saltIn(salt)) return { problem: 'has a different salt from API_TOKEN_BCRYPT_SALT' };
    const cost = readImportedHash(hash, bcryptCost);
    return 'problem' in cost ? cost : { value: hash };
  };
