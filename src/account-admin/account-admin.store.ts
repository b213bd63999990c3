import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { Role } from '../accounts/accounts.entity.js';
import { LISTS } from '../accounts/account-lists.store.js';
import { namingConflicts } from '../accounts/account-conflicts.js';
import { CONFIG, type Config } from '../config/config.js';
import { keyset, where, type Cursor } from '../database/keyset.js';
import { ADMINISTRATION_LOCK } from '../database/locks.js';
import { longSql, sql } from '../database/sql.js';
import { isSpelt, readEmail, spellingsOf, storedEmail } from '../emails/email-address.js';
import { isEnabledAdmin } from '../tokens/good-client.js';

/** An account as admins see it. */
export interface AdminAccount {
  id: string;
  legacyId: string | null;
  email: string | null;
  emailVerifiedAt: Date | null;
  name: string | null;
  publisherReference: string | null;
  individual: boolean;
  role: Role;
  hasPassword: boolean;
  aliases: string[];
  networks: string[];
  emailDomains: string[];
  /** Of its mails: a tag of BCP 47. */
  locale: string | null;
  createdAt: Date;
  updatedAt: Date;
  disabledAt: Date | null;
}

/** The filters of a list; absent ones do not narrow it. */
export interface AccountSearch {
  id?: string;
  /** The beginning of the email, in whatever case. */
  email?: string;
  /** The beginning of the name, in whatever case. */
  name?: string;
  role?: Role;
  individual?: 'true' | 'false';
  disabled?: 'true' | 'false';
}

/** An account before a change, as far as the consequences of the change depend on it. */
export interface AccountBefore {
  id: string;
  email: string | null;
  /** Whether the change leaves the email as it is, except for its case. */
  isSameEmail: boolean;
  hasPassword: boolean;
  isVerified: boolean;
  individual: boolean;
  role: Role;
  disabled: boolean;
}

/** The columns that a change sets; absent ones stay as they are. */
export interface AccountColumns {
  email?: string | null;
  name?: string | null;
  publisherReference?: string | null;
  locale?: string | null;
  role?: Role;
  disabled?: boolean;
  /** Sets the password hash to null. */
  passwordRemoved?: boolean;
  /** Sets the time of the email's verification to null, for a new email. */
  emailUnverified?: boolean;
}

const ACCOUNT = `
  a.id, a.legacy_id AS "legacyId", a.email, a.email_verified_at AS "emailVerifiedAt", a.name, a.publisher_reference AS "publisherReference",
  a.individual, a.role, a.locale, a.password_hash IS NOT NULL AS "hasPassword", a.created_at AS "createdAt",
  a.updated_at AS "updatedAt", a.disabled_at AS "disabledAt", ${LISTS}`;

const NEWEST_FIRST = keyset('a.created_at', 'a.id', 'DESC');

/** An index serves each condition that leaves few accounts. */
const BY_TEXT = { id: 'id =', email: 'lower(email) LIKE lower', name: 'lower(name) LIKE lower' };
const BY_CHOICE = {
  role: { admin: `role = 'admin'`, user: `role = 'user'` },
  individual: { true: 'individual', false: 'NOT individual' },
  disabled: { true: 'disabled_at IS NOT NULL', false: 'disabled_at IS NULL' },
};

/** The condition for demoting, disabling or deleting admin `$1`: another enabled admin exists who can sign in. */
const anotherAdmin = ({ emailVerification, initialPasswordTtl }: Config) => `
  EXISTS (SELECT FROM accounts o WHERE ${isEnabledAdmin('o')} AND o.id <> $1
    AND o.email IS NOT NULL AND o.password_hash IS NOT NULL
    ${emailVerification === 'required' ? 'AND o.email_verified_at IS NOT NULL' : ''}
    ${initialPasswordTtl > 0 ? 'AND o.initial_password_at IS NULL' : ''})`;

/** The account table as admins see it. */
@Injectable()
export class AccountAdminStore {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
  ) {}

  async find(id: string, manager = this.manager): Promise<AdminAccount | undefined> {
    const [row] = await sql<AdminAccount>(manager, `SELECT ${ACCOUNT} FROM accounts a WHERE a.id = $1`, [id]);
    return row;
  }

  /** @returns at most `limit` accounts after the cursor, newest first */
  list(search: AccountSearch, limit: number, after: Cursor | undefined): Promise<(AdminAccount & Cursor)[]> {
    const { conditions, values } = conditionsOf(search);
    conditions.push(...NEWEST_FIRST.behind(after, values));
    return sql<AdminAccount & Cursor>(
      this.manager,
      `SELECT ${ACCOUNT}, ${NEWEST_FIRST.micros} FROM (
         SELECT * FROM accounts a ${where(conditions)} ${NEWEST_FIRST.orderBy} LIMIT ${limit}
       ) a ${NEWEST_FIRST.orderBy}`,
      values,
    );
  }

  /** Waits for other admins who change accounts, and makes them wait until the transaction ends. */
  async takeTurn(tx: EntityManager): Promise<void> {
    await sql(tx, 'SELECT pg_advisory_xact_lock($1, $2)', [...ADMINISTRATION_LOCK]);
  }

  /**
   * Locks an account against every other change until the transaction ends.
   * @param email the new one; undefined: it stays
   */
  async lock(tx: EntityManager, id: string, email: string | null | undefined): Promise<AccountBefore | undefined> {
    const [row] = await sql<AccountBefore>(
      tx,
      `SELECT id, email, NOT $2 OR coalesce(${isSpelt('email', '$3')}, email IS NULL AND $3 = '{}') AS "isSameEmail",
         password_hash IS NOT NULL AS "hasPassword", email_verified_at IS NOT NULL AS "isVerified", individual, role, disabled_at IS NOT NULL AS disabled
       FROM accounts WHERE id = $1 FOR UPDATE`,
      [id, email !== undefined, email == null ? [] : spellingsOf(email)],
    );
    return row;
  }

  /**
   * Updates an account, unless no enabled admin would be left. The caller has called {@link takeTurn}.
   * @returns the updated account; undefined when it is the last enabled admin
   * @throws ApiError `conflict` when the email or the name is taken
   */
  async update(tx: EntityManager, id: string, columns: AccountColumns): Promise<AdminAccount | undefined> {
    const values: unknown[] = [id];
    const set = (column: string, value: unknown) => `${column} = $${values.push(value)}`;
    const { email, name, publisherReference, locale, role, disabled } = columns;
    const assignments = [
      'updated_at = now()',
      ...(email === undefined ? [] : [set('email', email === null ? null : storedEmail(email))]),
      ...(name === undefined ? [] : [set('name', name)]),
      ...(publisherReference === undefined ? [] : [set('publisher_reference', publisherReference)]),
      ...(locale === undefined ? [] : [set('locale', locale)]),
      ...(role === undefined ? [] : [set('role', role)]),
      ...(disabled === undefined
        ? []
        : [disabled ? 'disabled_at = coalesce(disabled_at, now())' : 'disabled_at = NULL']),
      ...(columns.passwordRemoved ? ['password_hash = NULL', 'initial_password_at = NULL'] : []),
      ...(columns.emailUnverified ? ['email_verified_at = NULL'] : []),
    ];
    const staysAdmin = role !== 'user' && disabled !== true && email !== null && !columns.passwordRemoved;
    const condition = staysAdmin
      ? ''
      : `AND (role <> 'admin' OR disabled_at IS NOT NULL OR ${anotherAdmin(this.config)})`;
    const statement = `UPDATE accounts a SET ${assignments.join(', ')} WHERE a.id = $1 ${condition} RETURNING ${ACCOUNT}`;
    const [account] = await namingConflicts(sql<AdminAccount>(tx, statement, values));
    return account;
  }

  /** Deletes an account and all that belongs to it. @returns false for the last enabled admin, who is not deleted */
  async remove(tx: EntityManager, id: string): Promise<boolean> {
    const rows = await longSql(
      tx,
      `DELETE FROM accounts WHERE id = $1 AND (role <> 'admin' OR disabled_at IS NOT NULL OR ${anotherAdmin(this.config)})
       RETURNING id`,
      [id],
    );
    return rows.length === 1;
  }

  /** @returns whether the account owns OAuth2 clients, which would be deleted with it */
  async answersForClients(tx: EntityManager, id: string): Promise<boolean> {
    return (await sql(tx, 'SELECT id FROM oauth_clients WHERE account_id = $1 LIMIT 1', [id])).length > 0;
  }
}

function conditionsOf({ id, email, name, role, individual, disabled }: AccountSearch): {
  conditions: string[];
  values: unknown[];
} {
  const values: unknown[] = [];
  const byText = (column: keyof typeof BY_TEXT, text: string | undefined) =>
    text === undefined ? [] : [`${BY_TEXT[column]} ($${values.push(text)})`];
  const conditions = [
    ...byText('id', id),
    ...byText('email', email === undefined ? undefined : beginningWith(beginningOfEmail(email))),
    // In the spelling that names are stored in.
    ...byText('name', name === undefined ? undefined : beginningWith(name.normalize('NFC'))),
    ...(role ? [BY_CHOICE.role[role]] : []),
    ...(individual ? [BY_CHOICE.individual[individual]] : []),
    ...(disabled ? [BY_CHOICE.disabled[disabled]] : []),
  ];
  return { conditions, values };
}

/** In the form that emails are stored in, as far as a part of one shows it. */
function beginningOfEmail(text: string): string {
  const read = readEmail(text);
  return 'value' in read ? read.value : text.normalize('NFC');
}

/** A pattern for LIKE, in which the wildcards of the text are escaped. */
const beginningWith = (text: string) => `${text.replace(/[\\%_]/g, '\\$&')}%`;
