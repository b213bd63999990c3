import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { AccountEntity } from '../accounts/accounts.entity.js';
import { CONFIG, type Config } from '../config/config.js';
import { sql } from '../database/sql.js';
import { invalidParams } from '../errors/api-error.js';
import { PasswordHasher } from './password-hasher.js';
import { readHash } from './password-hashes.js';

const STILL_INITIAL = 'must not be the one that you were given';

/** Passwords that somebody else has chosen for an account: they are good for so long only (INITIAL_PASSWORD_TTL). */
@Injectable()
export class InitialPasswords {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly hasher: PasswordHasher,
  ) {}

  /** Whether the password of an account is one that is no longer good. */
  async hasExpired({ id, initialPasswordAt }: AccountEntity): Promise<boolean> {
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
   * Sees to it that an account's holder does not keep such a password by choosing it.
   *
   * @throws ApiError `invalid_params` when it is the one that the account has, `unavailable`
   */
  async requireAnother(account: AccountEntity | null, chosen: string): Promise<void> {
    if (this.config.initialPasswordTtl === 0 || !account?.passwordHash || account.initialPasswordAt === null) return;
    const hash = readHash(account.passwordHash);
    if (hash && (await this.hasher.matches(chosen, hash))) throw invalidParams({ password: [STILL_INITIAL] });
  }
}
