import { Injectable } from '@nestjs/common';
import { EntityManager, IsNull } from 'typeorm';
import { sql } from '../database/sql.js';
import { takenEmail } from '../errors/common-errors.js';
import { namingConflicts, takenName } from './account-conflicts.js';
import { AccountEntity, type Role } from './accounts.entity.js';
import { EmailHolderStore } from './email-holders.store.js';
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
  /** Whether the password is somebody else's choice than the holder's. */
  isPasswordInitial?: boolean;
  /** Of its mails: a tag of BCP 47. */
  locale?: string | null;
}

/** The id of the account with an email, of which a parameter has the spellings, and another what was asked for. */
export const idByEmail = (spellings: string, asked: string) => `
  SELECT a.id FROM accounts a WHERE ${isSpelt('a.email', spellings)} ORDER BY ${nearestFirst('a', asked)} LIMIT 1`;

/** The account table. */
@Injectable()
export class AccountStore {
  constructor(
    private readonly manager: EntityManager,
    private readonly emailLinks: EmailLinkStore,
    private readonly emails: EmailHolderStore,
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

  /** @returns what its holder sees of an account that can be signed in to */
  async shownOf(
    tx: EntityManager,
    id: string,
  ): Promise<{ id: string; email: string; legacyId: string | null } | undefined> {
    const account = await tx.findOne(AccountEntity, {
      select: { id: true, email: true, legacyId: true },
      where: { id },
    });
    const { email, legacyId } = account ?? { email: null, legacyId: null };
    return email === null ? undefined : { id, email, legacyId };
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
    if (email !== null) await this.emails.claim(tx, email, null);
    const [created] = await sql<{ id: string; email: Email; credentialEpoch: number }>(
      tx,
      `INSERT INTO accounts
         (email, password_hash, role, name, publisher_reference, individual, email_verified_at,
          initial_password_at, locale)
       VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN now() END, CASE WHEN $8 THEN now() END, $9)
       ON CONFLICT DO NOTHING
       RETURNING id, email, credential_epoch AS "credentialEpoch"`,
      [
        stored,
        passwordHash,
        role,
        name,
        publisherReference,
        individual,
        account.verified ?? false,
        account.isPasswordInitial ?? false,
        account.locale ?? null,
      ],
    );
    if (created) return created;
    throw email !== null && (await this.emails.isTaken(tx, email, null)) ? takenEmail() : takenName();
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
    const isShared = isSame && (await this.emails.isTaken(tx, email, id));
    if (!isSame) await this.emails.claim(tx, email, id, old);
    const [changed] = await namingConflicts(
      sql<{ id: string; email: string; emailVerified: boolean }>(
        tx,
        `UPDATE accounts SET email = $2, password_hash = $3, initial_password_at = NULL, updated_at = now(),
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
   * @returns the email that is replaced, null: none; and whether there was a password
   * @throws ApiError `conflict` when the email is taken
   */
  async restoreEmail(
    tx: EntityManager,
    id: string,
    email: string,
  ): Promise<{ oldEmail: string | null; hadPassword: boolean }> {
    const [before] = await sql<{ oldEmail: string | null; hadPassword: boolean }>(
      tx,
      `SELECT CASE WHEN NOT ${isSpelt('email', '$2')} THEN email END AS "oldEmail", password_hash IS NOT NULL AS "hadPassword"
       FROM accounts WHERE id = $1`,
      [id, spellingsOf(email)],
    );
    const { oldEmail = null, hadPassword = false } = before ?? {};
    await this.emails.claim(tx, email, id, oldEmail);
    await namingConflicts(
      sql(
        tx,
        `UPDATE accounts SET email = $2, password_hash = NULL, initial_password_at = NULL, email_verified_at = now(),
           updated_at = now()
         WHERE id = $1 RETURNING id`,
        [id, storedEmail(email)],
      ),
    );
    return { oldEmail, hadPassword };
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
   * @returns the account, and whether nobody had proved its email before; undefined when it is disabled
   */
  async changePassword(
    tx: EntityManager,
    id: string,
    passwordHash: string,
  ): Promise<{ id: string; email: string; wasUnproved: boolean } | undefined> {
    const wasUnproved = await this.isUnproved(tx, id);
    if (wasUnproved) await this.emailLinks.endUndo(tx, id);
    const [row] = await sql<{ id: string; email: string }>(
      tx,
      `UPDATE accounts SET password_hash = $2, initial_password_at = NULL, updated_at = now(),
         email_verified_at = coalesce(email_verified_at, now())
       WHERE id = $1 AND disabled_at IS NULL
       RETURNING id, email`,
      [id, passwordHash],
    );
    return row && { ...row, wasUnproved };
  }

  /** Gives the account a new password. The caller holds a lock on the account, and revokes what it has open. */
  async setPassword(tx: EntityManager, id: string, passwordHash: string): Promise<ChangedAccount> {
    const [row] = await sql<Omit<ChangedAccount, 'oldEmail'>>(
      tx,
      `UPDATE accounts SET password_hash = $2, initial_password_at = NULL, updated_at = now() WHERE id = $1
       RETURNING id, email, email_verified_at IS NOT NULL AS "emailVerified"`,
      [id, passwordHash],
    );
    if (!row) throw new Error('The account that is changed was not there.');
    return { ...row, oldEmail: null };
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
}
