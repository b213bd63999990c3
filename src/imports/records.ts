import type { Role } from '../accounts/accounts.entity.js';
import { readAliasList, readDomainList, readNetworkList, type ListReading } from '../accounts/institution-lists.js';
import { readEmail } from '../emails/email-address.js';
import { readLocale } from '../messages/languages.js';
import { readImportedHash } from '../passwords/password-hashes.js';
import { readClient, type ClientRecord } from './client-reading.js';
import { choice, Fields, flag, time, type Problems, type Read } from './fields.js';
import { accountId, isLegacyId, known, legacyId, line, momentOf, name, reading } from './readings.js';
import { readToken, type TokenRecord } from './token-reading.js';

/** A person or an organisation. Absent fields are not known, and stay as they are. */
export interface AccountRecord {
  type: 'account';
  id?: string;
  legacyId?: string;
  individual: boolean;
  email?: string;
  emailVerifiedAt?: string;
  passwordHash?: string;
  name?: string;
  publisherReference?: string;
  role?: Role;
  locale?: string;
  aliases?: string[];
  networks?: string[];
  emailDomains?: string[];
  createdAt?: string;
  /** null: it is not disabled. */
  disabledAt?: string | null;
}

export type { ClientRecord, TokenRecord };
export type ImportRecord = AccountRecord | ClientRecord | TokenRecord;

/** What a record may be called. */
export const RECORD_TYPES = ['account', 'organisation', 'client', 'app_token', 'user_token', 'api_token'] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

/** What an import goes by, beside the records. */
export interface ReadingRules {
  bcryptCost: number;
  /** API_TOKEN_BCRYPT_SALT */
  apiTokenBcryptSalt: string | undefined;
}

/** Reads a record, and says everything that is wrong with it. */
export class RecordReader {
  /** @param usual what a record is that does not say it */
  constructor(
    private readonly rules: ReadingRules,
    private readonly usual: RecordType = 'account',
  ) {}

  read(value: unknown, isCsv = false): { record: ImportRecord } | { problems: Problems } {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return { problems: { record: 'must be an object' } };
    }
    const fields = new Fields(value as Record<string, unknown>, isCsv);
    const type = fields.take('type', choice(RECORD_TYPES)) ?? this.usual;
    if (fields.problems.type !== undefined) return { problems: fields.problems };
    const record = this.readAs(type, fields);
    return fields.areGood() ? { record } : { problems: fields.problems };
  }

  private readAs(type: RecordType, fields: Fields): ImportRecord {
    switch (type) {
      case 'account':
      case 'organisation':
        return this.account(type, fields);
      case 'client':
        return readClient(fields, this.rules);
      case 'app_token':
        return readToken('app', fields, this.rules);
      case 'user_token':
        return readToken('user', fields, this.rules);
      case 'api_token':
        return readToken('api', fields, this.rules);
    }
  }

  private account(type: 'account' | 'organisation', fields: Fields): AccountRecord {
    const individual = type === 'account' ? (fields.take('individual', flag) ?? true) : false;
    const verified = fields.take('email_verified', flag);
    const verifiedAt = fields.take('email_verified_at', time);
    const record = {
      type: 'account' as const,
      individual,
      ...idsOf(fields),
      email: fields.take('email', reading(readEmail)),
      emailVerifiedAt: momentOf(verifiedAt, verified),
      passwordHash: fields.take(
        'password_hash',
        reading((hash) => readImportedHash(hash, this.rules.bcryptCost)),
      ),
      name: fields.take('name', name),
      publisherReference: fields.take('publisher_reference', line(255)),
      role: fields.take('role', choice<Role>(['admin', 'user'])),
      locale: fields.take('locale', reading(readLocale)),
      aliases: fields.take('aliases', (value) => listOf(readAliasList(value))),
      networks: networksOf(fields),
      emailDomains: fields.take('email_domains', (value) => listOf(readDomainList(value))),
      createdAt: fields.take('created_at', time),
      disabledAt: disabledAt(fields),
    };
    if (individual && !record.email) fields.refuse('email', 'is required for a person');
    if (!individual && !record.name) fields.refuse('name', 'is required for an organisation');
    if (record.passwordHash && !record.email) fields.refuse('password_hash', 'requires an email');
    return known(record);
  }
}

function idsOf(fields: Fields): { id: string | undefined; legacyId: string | undefined } {
  const given = fields.take('id', accountId);
  const legacy = fields.take('legacy_id', legacyId);
  const isLegacy = isLegacyId(given);
  return { id: isLegacy ? undefined : given, legacyId: legacy ?? (isLegacy ? given : undefined) };
}

/** As the API reads them, wide ones too when they are meant. */
function networksOf(fields: Fields): string[] | undefined {
  const isWideMeant = fields.take('allow_wide', flag) ?? false;
  return fields.take('networks', (value) => listOf(readNetworkList(value, isWideMeant)));
}

const listOf = (reading: ListReading): Read<string[]> => ('values' in reading ? { value: reading.values } : reading);

function disabledAt(fields: Fields): string | null | undefined {
  const disabled = fields.take('disabled', flag);
  const at = fields.take('disabled_at', time);
  if (disabled === false && at !== undefined) fields.refuse('disabled', 'is false, and disabled_at is given');
  if (disabled === undefined) return at;
  return disabled ? (at ?? 'now') : null;
}
