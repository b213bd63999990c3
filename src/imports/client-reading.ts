import { CLIENT_SCOPE_NAMES } from '../access/client-scopes.js';
import { readImportedHash } from '../passwords/password-hashes.js';
import { Fields, list, text, time, type Read } from './fields.js';
import { accountReference, known, name, reading } from './readings.js';
import type { ReadingRules } from './records.js';
import { hexDigest, hintText, ofPlain, theOneOf } from './token-secrets.js';

/** What is stored of a secret of a client: one of the first two. */
export interface ClientSecretRecord {
  /** SHA-256 in hexadecimal. */
  digest?: string;
  /** Of a kind that passwords may have too. */
  hash?: string;
  hint?: string;
  createdAt?: string;
  lastUsedAt?: string;
}

/** An OAuth2 client. */
export interface ClientRecord {
  type: 'client';
  id: string;
  name: string;
  scopes: string[];
  secrets: ClientSecretRecord[];
  /** The account that owns it; see {@link accountReference}. */
  account?: string;
  createdAt?: string;
}

/** A client has two secrets while one replaces the other. */
const MOST_SECRETS = 2;
const LONGEST_SECRET = 1_024;

export function readClient(fields: Fields, rules: ReadingRules): ClientRecord {
  for (const field of ['id', 'name', 'scopes']) if (!fields.has(field)) fields.refuse(field, 'is required');
  return known({
    type: 'client' as const,
    id: fields.take('id', clientId) ?? '',
    name: fields.take('name', name) ?? '',
    scopes: fields.take('scopes', list(clientScope, CLIENT_SCOPE_NAMES.length)) ?? [],
    secrets: takeSecrets(fields, rules),
    account: fields.take('account', accountReference),
    createdAt: fields.take('created_at', time),
  });
}

/** `secret`, `secret_digest` or `secret_hash`; or `secrets`, a list of objects with one of these each. */
function takeSecrets(fields: Fields, rules: ReadingRules): ClientSecretRecord[] {
  if (!fields.has('secrets')) return [takeSecret(fields, rules)];
  for (const field of ['secret', 'secret_digest', 'secret_hash', 'secret_hint']) {
    if (fields.has(field)) fields.refuse(field, 'must not be given together with secrets');
  }
  return fields.take('secrets', secretList(rules)) ?? [];
}

function takeSecret(fields: Fields, { bcryptCost }: ReadingRules): ClientSecretRecord {
  theOneOf(fields, ['secret', 'secret_digest', 'secret_hash']);
  const plain = fields.take('secret', someText);
  const hint = fields.take('secret_hint', hintText);
  return known({
    digest: fields.take('secret_digest', hexDigest),
    hash: fields.take(
      'secret_hash',
      reading((hash) => readImportedHash(hash, bcryptCost)),
    ),
    hint,
    ...(plain !== undefined && ofPlain(plain)),
    createdAt: fields.take('secret_created_at', time),
    lastUsedAt: fields.take('secret_last_used_at', time),
  });
}

const secretList =
  (rules: ReadingRules) =>
  (value: unknown): Read<ClientSecretRecord[]> => {
    if (!Array.isArray(value) || value.length === 0 || value.length > MOST_SECRETS) {
      return { problem: `must be a list of one or ${MOST_SECRETS} objects` };
    }
    const secrets: ClientSecretRecord[] = [];
    for (const [index, entry] of (value as unknown[]).entries()) {
      if (typeof entry !== 'object' || entry === null) return { problem: `entry ${index + 1} must be an object` };
      const named = Object.entries(entry as Record<string, unknown>).map(([key, of]): [string, unknown] => [
        key === 'secret' ? key : `secret_${key}`,
        of,
      ]);
      const fields = new Fields(Object.fromEntries(named), false);
      secrets.push(takeSecret(fields, rules));
      const [problem] = fields.areGood() ? [] : Object.entries(fields.problems);
      if (problem) return { problem: `entry ${index + 1}: ${problem[0].replace('secret_', '')} ${problem[1]}` };
    }
    return { value: secrets };
  };

function someText(value: unknown): Read<string> {
  const read = text(LONGEST_SECRET)(value);
  return 'value' in read && read.value === '' ? { problem: 'must not be empty' } : read;
}

const clientId = (value: unknown): Read<string> =>
  typeof value === 'string' && /^(?!\.{1,2}$)[\w.-]{1,100}$/.test(value)
    ? { value }
    : { problem: 'must have 1 to 100 letters, digits, dots, hyphens and underscores' };

const clientScope = (entry: string) =>
  CLIENT_SCOPE_NAMES.some((one) => one === entry)
    ? { value: entry }
    : { problem: `must be one of ${CLIENT_SCOPE_NAMES.join(', ')}` };
