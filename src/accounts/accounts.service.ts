import { Injectable } from '@nestjs/common';
import { EntityManager, IsNull } from 'typeorm';
import { sql } from '../database/sql.js';
import { conflict } from '../errors/api-error.js';
import { isUniqueViolation } from '../errors/database-errors.js';
import { AccountEntity, type Role } from './account.entity.js';

/** An account, and the epoch that its credential was checked against. */
export interface AccountAtEpoch {
  id: string;
  email: string;
  credentialEpoch: number;
}

/** The account table. */
@Injectable()
export class Accounts {
  constructor(private readonly manager: EntityManager) {}

  /** @returns the account with this email, in whatever case, disabled or not */
  findByEmail(email: string): Promise<AccountEntity | null> {
    return this.manager
      .createQueryBuilder(AccountEntity, 'account')
      .where('lower(account.email) = lower(:email)', { email })
      .getOne();
  }

  /** @returns the account with this id, unless it is disabled */
  async findEnabled(id: string): Promise<AccountEntity | null> {
    return this.manager.findOneBy(AccountEntity, { id, disabledAt: IsNull() });
  }

  /** @throws ApiError `conflict` when the email is taken */
  async create(
    tx: EntityManager,
    account: { email: string; passwordHash: string; role: Role },
  ): Promise<AccountAtEpoch> {
    const { email, passwordHash, role } = account;
    const [created] = await sql<AccountAtEpoch>(
      tx,
      `INSERT INTO accounts (email, password_hash, role) VALUES ($1, $2, $3) ON CONFLICT (lower(email)) DO NOTHING
       RETURNING id, email, credential_epoch AS "credentialEpoch"`,
      [email, passwordHash, role],
    );
    if (!created) throw takenEmail();
    return created;
  }

  /**
   * Gives the account a new email and password and raises its epoch.
   *
   * @param epoch what the caller's credential was checked against
   * @returns the account at its new epoch; undefined when the epoch has moved on, or the account is disabled
   * @throws ApiError `conflict` when the email is taken
   */
  async changeCredentials(
    tx: EntityManager,
    { id, epoch }: { id: string; epoch: number },
    { email, passwordHash }: { email: string; passwordHash: string },
  ): Promise<AccountAtEpoch | undefined> {
    try {
      const [changed] = await sql<AccountAtEpoch>(
        tx,
        `UPDATE accounts
         SET email = $3, password_hash = $4, credential_epoch = credential_epoch + 1, updated_at = now()
         WHERE id = $1 AND credential_epoch = $2 AND disabled_at IS NULL
         RETURNING id, email, credential_epoch AS "credentialEpoch"`,
        [id, epoch, email, passwordHash],
      );
      return changed;
    } catch (error) {
      throw isUniqueViolation(error, 'accounts_email_key') ? takenEmail() : error;
    }
  }

  /** Gives the account a new password and raises its epoch. The caller holds a lock on the account. */
  async changePassword(tx: EntityManager, id: string, passwordHash: string): Promise<AccountAtEpoch | undefined> {
    const [row] = await sql<AccountAtEpoch>(
      tx,
      `UPDATE accounts SET password_hash = $2, credential_epoch = credential_epoch + 1, updated_at = now()
       WHERE id = $1 AND disabled_at IS NULL
       RETURNING id, email, credential_epoch AS "credentialEpoch"`,
      [id, passwordHash],
    );
    return row;
  }

  /** @returns whether the epoch was still the given one, and so was raised */
  async raiseEpoch(tx: EntityManager, id: string, epoch: number): Promise<boolean> {
    const rows = await sql(
      tx,
      `UPDATE accounts SET credential_epoch = credential_epoch + 1
       WHERE id = $1 AND credential_epoch = $2 RETURNING id`,
      [id, epoch],
    );
    return rows.length === 1;
  }

  /** Replaces a hash by one of the same password at another cost, unless the password has changed meanwhile. */
  async renewHash(id: string, oldHash: string, newHash: string): Promise<void> {
    await sql(
      this.manager,
      'UPDATE accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id',
      [id, oldHash, newHash],
    );
  }
}

const takenEmail = () => conflict('An account with this email exists.', { email: ['is taken'] });
