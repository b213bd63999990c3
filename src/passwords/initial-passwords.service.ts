import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { AccountEntity } from '../accounts/accounts.entity.js';
import { CONFIG, type Config } from '../config/config.js';
import { sql } from '../database/sql.js';
import { invalidParams } from '../errors/api-error.js';
import { PasswordHasher } from './password-hasher.js';
import { readHash } from './password-hashes.js';

export const stillInitial = () => invalidParams({ password: ['must be different from your temporary one'] });

/** Passwords that somebody else has chosen for an account: they are good for so long only (INITIAL_PASSWORD_TTL). */
@Injectable()
export class InitialPasswords {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly hasher: PasswordHasher,
  ) {}

  /** Whether the password of an account is one that is no longer good. */
  async hasExpired({ id, initialPasswordAt }: Pick<AccountEntity, 'id' | 'initialPasswordAt'>): Promise<boolean> {
    const { initialPasswordTtl: seconds } = this.config;
    if (seconds === 0 || initialPasswordAt === null) return false;
    const rows = await sql(
      this.manager,
      `SELECT FROM accounts WHERE id = $1 AND initial_password_at <= now() - $2 * interval '1 second'`,
      [id, seconds],
    );
    return rows.length > 0;
  }

  /**
   * Whether an account's holder would keep such a password by choosing it. To be told last, so that whoever is told has
   * changed the password with each guess that was wrong.
   *
   * @throws ApiError `unavailable`
   */
  async isChosenAgain(account: AccountEntity | null, chosen: string): Promise<boolean> {
    if (this.config.initialPasswordTtl === 0 || !account?.passwordHash || account.initialPasswordAt === null)
      return false;
    const hash = readHash(account.passwordHash);
    return hash !== undefined && (await this.hasher.matches(chosen, hash));
  }
}
