import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { EmailLinkStore } from '../email-links/email-links.store.js';
import { isSpelt, spellingsOf, storedEmail } from '../emails/email-address.js';
import { unavailable } from '../errors/api-error.js';
import { takenEmail } from '../errors/common-errors.js';
import { namingConflicts } from './account-conflicts.js';

/** An account that has an email which another one is to have. */
export interface EmailHolder {
  id: string;
  email: string;
  isProved: boolean;
  /** false: it has been invited, or its password has been removed. */
  hasPassword: boolean;
}

/** Which account has an email, and how one passes from an account to another. */
@Injectable()
export class EmailHolderStore {
  constructor(private readonly emailLinks: EmailLinkStore) {}

  /**
   * Makes sure that no other account has an email, nor reserves it by an undo link, and locks the email until the
   * transaction ends.
   *
   * @param email null: none
   * @param old the email that it replaces
   * @throws ApiError `conflict`
   */
  async claim(
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
  async isTaken(tx: EntityManager, email: string, accountId: string | null): Promise<boolean> {
    const rows = await sql(
      tx,
      `SELECT id FROM accounts WHERE ${isSpelt('email', '$1')} AND id IS DISTINCT FROM $2 LIMIT 1`,
      [spellingsOf(email), accountId],
    );
    return rows.length > 0;
  }

  /**
   * Gives the account an email that has been proved. The caller has called {@link hold}.
   *
   * @returns the email before, and whether it had been proved
   */
  async moveToProved(
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
  async hold(tx: EntityManager, email: string, accountId: string | null): Promise<EmailHolder[]> {
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
  async giveUp(tx: EntityManager, id: string): Promise<void> {
    await sql(
      tx,
      `UPDATE accounts SET email = NULL, disabled_at = coalesce(disabled_at, now()), updated_at = now()
       WHERE id = $1 RETURNING id`,
      [id],
    );
  }
}
