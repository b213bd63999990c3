import { Injectable } from '@nestjs/common';
import { EntityManager, IsNull } from 'typeorm';
import { sql } from '../database/sql.js';
import { conflict, unavailable } from '../errors/api-error.js';
import { takenEmail } from '../errors/common-errors.js';
import { isUniqueViolation } from '../errors/database-errors.js';
import { AccountEntity, type Role } from './accounts.entity.js';
import { EmailLinkStore } from '../email-links/email-links.store.js';
import { isSpelt, nearestFirst, spellingsOf, storedEmail } from '../emails/email-address.js';

/** An account, and the epoch at which its credential was checked. */
export interface AccountAtEpoch {
  id: string;
  email: string;
  credentialEpoch: number;
}

/** An account as a change of its credentials left it. */
export interface ChangedAccount {
  id: string;
  email: string;
  emailVerified: boolean;
  /** The email before the change; null: there was none, or it differs only in case. */
  oldEmail: string | null;
}

/** An account that has an email which another one is to have. */
export interface EmailHolder {
  id: string;
  email: string;
  isProved: boolean;
  /** false: it has been invited, or its password has been removed. */
  hasPassword: boolean;
}

/** What a new account is created with. */
export interface NewAccount<Email extends string | null = string> {
  email: Email;
  passwordHash: string | null;
  role: Role;
  name?: string | null;
  publisherReference?: string | null;
  individual?: boolean;
  /** Whether the email counts as verified from the start. */
  verified?: boolean;
}

/** The id of the account with an email, of which a parameter has the spellings, and another what was asked for. */
const idByEmail = (spellings: string, asked: string) => `
  SELECT a.id FROM accounts a WHERE ${isSpelt('a.email', spellings)} ORDER BY ${nearestFirst('a', asked)} LIMIT 1`;

/** The account table. */
@Injectable()
export class AccountStore {
  constructor(
    private readonly manager: EntityManager,
    private readonly emailLinks: EmailLinkStore,
  ) {}

  /** @returns the account with this email, in whatever spelling, disabled or not */
  findByEmail(email: string): Promise<AccountEntity | null> {
    return this.manager
      .createQueryBuilder(AccountEntity, 'account')
      .where(`account.id = (${idByEmail(':spellings', ':email')})`, { spellings: spellingsOf(email), email })
      .getOne();
  }

  /** @returns the account with this id, unless it is disabled */
  async findEnabled(id: string): Promise<AccountEntity | null> {
    return this.manager.findOneBy(AccountEntity, { id, disabledAt: IsNull() });
  }

  /** @returns the enabled admin that was made first */
  findFirstAdmin(tx: EntityManager): Promise<AccountEntity | null> {
    return tx.findOne(AccountEntity, {
      where: { role: 'admin', disabledAt: IsNull() },
      order: { createdAt: 'ASC', id: 'ASC' },
    });
  }

  /** @throws ApiError `conflict` when the email is taken or reserved by an undo link, or the name is taken */
  async create<Email extends string | null>(
    tx: EntityManager,
    account: NewAccount<Email>,
  ): Promise<{ id: string; email: Email; credentialEpoch: number }> {
    const { email, passwordHash, role, name = null, publisherReference = null, individual = true } = account;
    const stored = email === null ? null : storedEmail(email);
    if (email !== null) await this.claimEmail(tx, email, null);
    const [created] = await sql<{ id: string; email: Email; credentialEpoch: number }>(
      tx,
      `INSERT INTO accounts
         (email, password_hash, role, name, publisher_reference, individual, email_verified_at)
       VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN now() END)
       ON CONFLICT DO NOTHING
       RETURNING id, email, credential_epoch AS "credentialEpoch"`,
      [stored, passwordHash, role, name, publisherReference, individual, account.verified ?? false],
    );
    if (created) return created;
    throw email !== null && (await this.isTaken(tx, email, null)) ? takenEmail() : takenName();
  }

  /**
   * Gives the account a new email and password. The caller holds a lock on the account, and revokes what it has open.
   *
   * @throws ApiError `conflict` when the email is taken
   */
  async changeCredentials(tx: EntityManager, id: string, email: string, passwordHash: string): Promise<ChangedAccount> {
    const [before] = await sql<{ email: string | null; isSame: boolean }>(
      tx,
      `SELECT email, coalesce(${isSpelt('email', '$2')}, false) AS "isSame"
       FROM accounts WHERE id = $1`,
      [id, spellingsOf(email)],
    );
    const { email: old = null, isSame = false } = before ?? {};
    // Of accounts that fall together, each keeps its own spelling.
    const isShared = isSame && (await this.isTaken(tx, email, id));
    if (!isSame) await this.claimEmail(tx, email, id, old);
    const [changed] = await namingConflicts(
      sql<{ id: string; email: string; emailVerified: boolean }>(
        tx,
        `UPDATE accounts SET email = $2, password_hash = $3, updated_at = now(),
           email_verified_at = CASE WHEN $4 THEN email_verified_at END
         WHERE id = $1
         RETURNING id, email, email_verified_at IS NOT NULL AS "emailVerified"`,
        [id, isShared ? old : storedEmail(email), passwordHash, isSame],
      ),
    );
    if (!changed) throw new Error('The account that is changed was not there.');
    return { ...changed, oldEmail: isSame ? null : old };
  }

  /**
   * Restores the email that the account had, and removes its password, which somebody else may have chosen. The caller
   * holds a lock on the account, and revokes what it has open.
   * @returns the email that is replaced; null: none
   * @throws ApiError `conflict` when the email is taken
   */
  async restoreEmail(tx: EntityManager, id: string, email: string): Promise<{ oldEmail: string | null }> {
    const [before] = await sql<{ oldEmail: string | null }>(
      tx,
      `SELECT CASE WHEN NOT ${isSpelt('email', '$2')} THEN email END AS "oldEmail" FROM accounts WHERE id = $1`,
      [id, spellingsOf(email)],
    );
    const { oldEmail = null } = before ?? {};
    await this.claimEmail(tx, email, id, oldEmail);
    await namingConflicts(
      sql(
        tx,
        `UPDATE accounts SET email = $2, password_hash = NULL, email_verified_at = now(), updated_at = now()
         WHERE id = $1 RETURNING id`,
        [id, storedEmail(email)],
      ),
    );
    return { oldEmail };
  }

  /**
   * Marks an email as verified. The caller holds a lock on the account.
   *
   * @returns whether it is still the account's
   */
  async verifyEmail(tx: EntityManager, id: string, email: string): Promise<boolean> {
    const wasUnproved = await this.isUnproved(tx, id);
    const rows = await sql(
      tx,
      `UPDATE accounts SET email_verified_at = coalesce(email_verified_at, now())
       WHERE id = $1 AND ${isSpelt('email', '$2')} RETURNING id`,
      [id, spellingsOf(email)],
    );
    if (rows.length === 1 && wasUnproved) await this.emailLinks.endUndo(tx, id);
    return rows.length === 1;
  }

  /**
   * Gives the account a new password by a link that was mailed to it, which verifies the email too. The caller holds a
   * lock on the account, and revokes what it has open.
   *
   * @returns undefined when the account is disabled
   */
  async changePassword(
    tx: EntityManager,
    id: string,
    passwordHash: string,
  ): Promise<{ id: string; email: string } | undefined> {
    if (await this.isUnproved(tx, id)) await this.emailLinks.endUndo(tx, id);
    const [row] = await sql<{ id: string; email: string }>(
      tx,
      `UPDATE accounts SET password_hash = $2, updated_at = now(), email_verified_at = coalesce(email_verified_at, now())
       WHERE id = $1 AND disabled_at IS NULL
       RETURNING id, email`,
      [id, passwordHash],
    );
    return row;
  }

  /** Gives the account a new password. The caller holds a lock on the account, and revokes what it has open. */
  async setPassword(tx: EntityManager, id: string, passwordHash: string): Promise<ChangedAccount> {
    const [row] = await sql<Omit<ChangedAccount, 'oldEmail'>>(
      tx,
      `UPDATE accounts SET password_hash = $2, updated_at = now() WHERE id = $1
       RETURNING id, email, email_verified_at IS NOT NULL AS "emailVerified"`,
      [id, passwordHash],
    );
    if (!row) throw new Error('The account that is changed was not there.');
    return { ...row, oldEmail: null };
  }

  /**
   * Gives the account an email that has been proved. The caller has called {@link holdEmail}.
   *
   * @returns the email before, and whether it had been proved
   */
  async moveToProvedEmail(
    tx: EntityManager,
    id: string,
    email: string,
  ): Promise<{ oldEmail: string | null; wasProved: boolean }> {
    const [before] = await sql<{ oldEmail: string | null; wasProved: boolean }>(
      tx,
      'SELECT email AS "oldEmail", email_verified_at IS NOT NULL AS "wasProved" FROM accounts WHERE id = $1',
      [id],
    );
    await namingConflicts(
      sql(
        tx,
        `UPDATE accounts SET email = $2, email_verified_at = now(), updated_at = now() WHERE id = $1 RETURNING id`,
        [id, storedEmail(email)],
      ),
    );
    return before ?? { oldEmail: null, wasProved: false };
  }

  /**
   * Locks an email, after the accounts that have it and one that is to have it, until the transaction ends.
   *
   * @param accountId the one that is to have it; null: a new one
   * @returns the other accounts that have it
   * @throws ApiError `conflict` when an undo link of another account reserves it, `unavailable` when it changed hands meanwhile
   */
  async holdEmail(tx: EntityManager, email: string, accountId: string | null): Promise<EmailHolder[]> {
    const holders = (lock: string) =>
      sql<EmailHolder>(
        tx,
        `SELECT id, email_verified_at IS NOT NULL AS "isProved", password_hash IS NOT NULL AS "hasPassword", email
         FROM accounts WHERE ${isSpelt('email', '$1')} OR id = $2 ORDER BY id ${lock}`,
        [spellingsOf(email), accountId],
      );
    const held = new Set((await holders('FOR NO KEY UPDATE')).map(({ id }) => id));
    await this.emailLinks.lockEmails(tx, [email]);
    if (await this.emailLinks.isKept(tx, email, accountId)) throw takenEmail();
    const now = await holders('');
    if (now.some(({ id }) => !held.has(id))) throw unavailable('The email was just changed. Try again.', 1);
    return now.filter(({ id }) => id !== accountId);
  }

  /** Takes an email that was never proved from the account that has it, and disables the account. */
  async giveUpEmail(tx: EntityManager, id: string): Promise<void> {
    await sql(
      tx,
      `UPDATE accounts SET email = NULL, disabled_at = coalesce(disabled_at, now()), updated_at = now()
       WHERE id = $1 RETURNING id`,
      [id],
    );
  }

  /** Whoever proves a mailbox that was not proved has the last word from then on; see {@link EmailLinkStore.endUndo}. */
  private async isUnproved(tx: EntityManager, id: string): Promise<boolean> {
    const rows = await sql(tx, 'SELECT id FROM accounts WHERE id = $1 AND email_verified_at IS NULL', [id]);
    return rows.length > 0;
  }

  /** Replaces a hash by one of the same password at another cost, unless the password has been changed meanwhile. */
  async renewHash(id: string, oldHash: string, newHash: string): Promise<void> {
    await sql(
      this.manager,
      'UPDATE accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id',
      [id, oldHash, newHash],
    );
  }

  /**
   * Makes sure that no other account has an email, nor reserves it by an undo link, and locks the email until the
   * transaction ends.
   *
   * @param email null: none
   * @param old the email that it replaces
   * @throws ApiError `conflict`
   */
  async claimEmail(
    tx: EntityManager,
    email: string | null,
    accountId: string | null,
    old: string | null = null,
  ): Promise<void> {
    const locked = [email, old].filter((one) => one !== null);
    await this.emailLinks.lockEmails(tx, locked);
    if (email === null) return;
    if (await this.emailLinks.isKept(tx, email, accountId)) throw takenEmail();
    if (await this.isTaken(tx, email, accountId)) throw takenEmail();
  }

  /** @returns whether another account has the email, in whatever spelling. The caller holds a lock on the email. */
  private async isTaken(tx: EntityManager, email: string, accountId: string | null): Promise<boolean> {
    const rows = await sql(
      tx,
      `SELECT id FROM accounts WHERE ${isSpelt('email', '$1')} AND id IS DISTINCT FROM $2 LIMIT 1`,
      [spellingsOf(email), accountId],
    );
    return rows.length > 0;
  }
}

/** @throws ApiError `conflict` when the statement fails because the email or the name is taken */
export async function namingConflicts<T>(statement: Promise<T>): Promise<T> {
  try {
    return await statement;
  } catch (error) {
    if (isUniqueViolation(error, 'accounts_email_key')) throw takenEmail();
    throw isUniqueViolation(error, 'accounts_name_key') ? takenName() : error;
  }
}

export const takenName = () => conflict('An account with this name exists.', { name: ['is taken'] });
