import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { isSpelt } from '../emails/email-address.js';
import type { AccountRecord } from './records.js';

/** An account that has something of a record. */
export interface StoredAccount {
  id: string;
  legacyId: string | null;
  email: string | null;
  name: string | null;
  role: 'admin' | 'user';
  individual: boolean;
  /** SHA-256 of the hash that was imported last. */
  importedPassword: Buffer | null;
  /** The keyed digest of what it was imported under, without ids. */
  importedAs: Buffer | null;
  isDisabled: boolean;
  /** Whether an import has made it. */
  isImported: boolean;
  /** Whether anybody has changed it since. */
  isChangedHere: boolean;
  importedDigest: Buffer | null;
}

/** A spelling of an email, and the place of that. */
export interface Spelt {
  spelling: string;
  place: number;
}

/** A new account as it is stored. */
export type NewAccountRow = AccountRecord & { id: string; digest: Buffer; importedAs: Buffer | undefined };

/** What accounts are found by. */
export interface AccountKeys {
  ids: string[];
  legacyIds: string[];
  /** Digests of what they may have been imported under, without ids. */
  origins: Buffer[];
}

/** What was deleted. */
export interface DeletedAccount {
  id: string;
  legacyId: string | null;
  importedAs: Buffer | null;
}

/** Whoever changes an account sets `updated_at`: to when its transaction began, which may have been before the import did. */
const IS_CHANGED_HERE = 'a.updated_at IS DISTINCT FROM a.imported_at';

const STORED = `
  a.id, a.legacy_id AS "legacyId", a.email, a.name, a.role, a.individual, a.imported_password AS "importedPassword", a.imported_as AS "importedAs",
  a.disabled_at IS NOT NULL AS "isDisabled", a.imported_at IS NOT NULL AS "isImported",
  ${IS_CHANGED_HERE} AS "isChangedHere", a.imported_digest AS "importedDigest"`;

/** A time of a record that may be `now`. */
const timeOf = (column: string) => `CASE WHEN ${column} = 'now' THEN now() ELSE ${column}::timestamptz END`;

const digestOf = (column: string) => `sha256(convert_to(${column}, 'UTF8'))`;

const INSERT = `
  INSERT INTO accounts (id, legacy_id, email, email_verified_at, name, publisher_reference, individual, role, locale, aliases,
    password_hash, imported_password, created_at, disabled_at, imported_at, imported_digest, imported_as)
  SELECT r.id, r."legacyId", r.email, ${timeOf('r."emailVerifiedAt"')}, r.name, r."publisherReference", r.individual,
    coalesce(r.role, 'user'), r.locale, coalesce(r.aliases, '{}'), r."passwordHash", ${digestOf('r."passwordHash"')}, coalesce(r."createdAt"::timestamptz, now()),
    ${timeOf('r."disabledAt"')}, now(), decode(r.digest, 'hex'), decode(r."importedAs", 'hex')
  FROM json_to_recordset($1::json) AS r (id uuid, "legacyId" text, email text, "emailVerifiedAt" text, name text,
    "publisherReference" text, individual boolean, role text, locale text, aliases text[], "passwordHash" text, "createdAt" text, "disabledAt" text,
    digest text, "importedAs" text)
  ON CONFLICT DO NOTHING RETURNING id`;

const INSERT_NETWORKS = `
  INSERT INTO account_networks (account_id, network)
  SELECT r.id, n.network::cidr
  FROM json_to_recordset($1::json) AS r (id uuid, networks text[]), unnest(r.networks) AS n (network)
  ON CONFLICT DO NOTHING RETURNING account_id`;

const INSERT_DOMAINS = `
  INSERT INTO account_email_domains (account_id, domain)
  SELECT r.id, d.domain
  FROM json_to_recordset($1::json) AS r (id uuid, "emailDomains" text[]), unnest(r."emailDomains") AS d (domain)
  ON CONFLICT DO NOTHING RETURNING account_id`;

/**
 * What imports ask of the account table, for many records at once. What is looked for is an array, for which PostgreSQL takes an
 * index; a join with it would read the whole table.
 */
@Injectable()
export class AccountImportStore {
  /**
   * Locks the accounts, of those that an import has made, that have any of these, in the common order.
   *
   * @returns their emails
   */
  async lock(
    tx: EntityManager,
    { ids, legacyIds, origins, names, spellings }: AccountKeys & { names: string[]; spellings: string[] },
  ): Promise<string[]> {
    const rows = await sql<{ email: string | null }>(
      tx,
      `SELECT a.email FROM accounts a
       WHERE a.imported_at IS NOT NULL AND a.id = ANY (ARRAY(
         SELECT id FROM accounts WHERE id = ANY ($1::uuid[])
         UNION SELECT id FROM accounts WHERE legacy_id = ANY ($2::text[])
         UNION SELECT id FROM accounts WHERE imported_as = ANY ($3::bytea[])
         UNION SELECT id FROM accounts WHERE name = ANY ($4::text[])
         UNION SELECT id FROM accounts WHERE ${isSpelt('email', '$5')}))
       ORDER BY a.id FOR NO KEY UPDATE OF a`,
      [ids, legacyIds, origins, names, spellings],
    );
    return rows.flatMap(({ email }) => email ?? []);
  }

  async withKeys(tx: EntityManager, { ids, legacyIds, origins }: AccountKeys): Promise<StoredAccount[]> {
    return sql<StoredAccount>(
      tx,
      `SELECT ${STORED} FROM accounts a
       WHERE a.id = ANY (ARRAY(
         SELECT id FROM accounts WHERE id = ANY ($1::uuid[])
         UNION SELECT id FROM accounts WHERE legacy_id = ANY ($2::text[])
         UNION SELECT id FROM accounts WHERE imported_as = ANY ($3::bytea[])))`,
      [ids, legacyIds, origins],
    );
  }

  /** @returns the accounts that have one of these emails, in whatever spelling, with the place of the email */
  async withEmails(tx: EntityManager, spelt: Spelt[]): Promise<(StoredAccount & { place: number })[]> {
    return sql<StoredAccount & { place: number }>(
      tx,
      `WITH a AS MATERIALIZED (SELECT * FROM accounts WHERE ${isSpelt('email', '$1')})
       SELECT DISTINCT ON (s.place, a.id) s.place, ${STORED}
       FROM unnest($1::text[], $2::int[]) AS s (spelling, place) JOIN a ON lower(a.email) = lower(s.spelling)`,
      [spelt.map(({ spelling }) => spelling), spelt.map(({ place }) => place)],
    );
  }

  /** @returns the places of the emails that a link reserves which undoes a change, and for which account */
  async keptEmails(tx: EntityManager, spelt: Spelt[]): Promise<{ place: number; accountId: string }[]> {
    return sql<{ place: number; accountId: string }>(
      tx,
      `WITH l AS MATERIALIZED (
         SELECT account_id, email FROM email_links
         WHERE ${isSpelt('email', '$1')} AND purpose = 'undo' AND ended_at IS NULL AND expires_at > now())
       SELECT DISTINCT s.place, l.account_id AS "accountId"
       FROM unnest($1::text[], $2::int[]) AS s (spelling, place) JOIN l ON lower(l.email) = lower(s.spelling)`,
      [spelt.map(({ spelling }) => spelling), spelt.map(({ place }) => place)],
    );
  }

  async withNames(tx: EntityManager, names: string[]): Promise<StoredAccount[]> {
    if (names.length === 0) return [];
    return sql<StoredAccount>(tx, `SELECT ${STORED} FROM accounts a WHERE a.name = ANY ($1::text[])`, [names]);
  }

  /** @returns the deleted accounts that had any of these: no other one may have them */
  async deleted(tx: EntityManager, { ids, legacyIds, origins }: AccountKeys): Promise<DeletedAccount[]> {
    return sql<DeletedAccount>(
      tx,
      `SELECT id, legacy_id AS "legacyId", imported_as AS "importedAs" FROM deleted_accounts
       WHERE id = ANY ($1::uuid[]) OR legacy_id = ANY ($2::text[]) OR imported_as = ANY ($3::bytea[])`,
      [ids, legacyIds, origins],
    );
  }

  /** @returns the ids of those that were made; others have met what was made in the same moment */
  async insert(tx: EntityManager, accounts: NewAccountRow[]): Promise<Set<string>> {
    if (accounts.length === 0) return new Set();
    const rows = accounts.map((account) => ({
      ...account,
      digest: hex(account.digest),
      importedAs: hex(account.importedAs),
    }));
    const made = await sql<{ id: string }>(tx, INSERT, [JSON.stringify(rows)]);
    const ids = new Set(made.map(({ id }) => id));
    const lists = rows.filter(({ id, networks, emailDomains }) => ids.has(id) && (networks ?? emailDomains));
    if (lists.length > 0) {
      const json = JSON.stringify(lists.map(({ id, networks, emailDomains }) => ({ id, networks, emailDomains })));
      await sql(tx, INSERT_NETWORKS, [json]);
      await sql(tx, INSERT_DOMAINS, [json]);
    }
    return ids;
  }

  /**
   * Writes what a record says; of what it does not say, everything stays.
   *
   * @returns whether nobody has changed it here meanwhile
   */
  async update(
    tx: EntityManager,
    id: string,
    { digest, importedAs, ...record }: Omit<NewAccountRow, 'id'>,
  ): Promise<boolean> {
    // Else there may be a hash of ours of the same password.
    const isNewPassword = `$8::text IS NOT NULL AND ${digestOf('$8::text')} IS DISTINCT FROM imported_password`;
    const rows = await sql(
      tx,
      `UPDATE accounts a SET
         email = coalesce($3, email),
         email_verified_at = CASE WHEN $4::text IS NOT NULL THEN ${timeOf('$4::text')}
           WHEN $3::text IS NULL OR lower($3) = lower(email) THEN email_verified_at END,
         name = coalesce($5, name), publisher_reference = coalesce($6, publisher_reference), role = coalesce($7, role), locale = coalesce($13, locale),
         password_hash = CASE WHEN ${isNewPassword} THEN $8 ELSE password_hash END,
         imported_password = CASE WHEN ${isNewPassword} THEN ${digestOf('$8::text')} ELSE imported_password END,
         disabled_at = CASE WHEN NOT $11 THEN disabled_at WHEN $9 = 'now' THEN coalesce(disabled_at, now())
           ELSE $9::timestamptz END,
         legacy_id = coalesce(legacy_id, $10), updated_at = now(), imported_at = now(), imported_digest = $2,
         imported_as = coalesce($12::bytea, imported_as)
       WHERE id = $1 AND NOT (${IS_CHANGED_HERE}) RETURNING id`,
      [
        id,
        digest,
        record.email ?? null,
        record.emailVerifiedAt ?? null,
        record.name ?? null,
        record.publisherReference ?? null,
        record.role ?? null,
        record.passwordHash ?? null,
        record.disabledAt ?? null,
        record.legacyId ?? null,
        record.disabledAt !== undefined,
        importedAs ?? null,
        record.locale ?? null,
      ],
    );
    return rows.length === 1;
  }
}

const hex = (bytes: Buffer | undefined) => bytes?.toString('hex');
