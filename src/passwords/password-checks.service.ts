import { createHmac } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { isEmail } from 'class-validator';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { unauthorized } from '../errors/api-error.js';
import { unverified } from '../errors/common-errors.js';
import { SecretKeys } from '../keys/secret-keys.js';
import { addressForLimits } from '../http/client-address.js';
import { Limits, type Limit } from '../limits/limits.service.js';
import type { AccountEntity } from '../accounts/accounts.entity.js';
import { AccountStore, type AccountAtEpoch } from '../accounts/accounts.store.js';
import { foldEmail } from '../accounts/email.js';
import { PasswordHasher } from './password-hasher.js';

/** From one address a tenth of what is allowed on an account from all of them, so that nobody locks out another. */
const CEILING_FACTOR = 10;

type SignInAccount = AccountEntity & { email: string; passwordHash: string };

/** The same whatever is wrong. */
export const wrongCredentials = () => unauthorized('Invalid email or password.');

/** Checks passwords for every door: the only place where an email and a password become an account. */
@Injectable()
export class PasswordChecks {
  private readonly logger = new Logger('PasswordChecks');

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accounts: AccountStore,
    private readonly hasher: PasswordHasher,
    private readonly limits: Limits,
    private readonly audit: AuditLog,
    private readonly secretKeys: SecretKeys,
  ) {}

  /**
   * @param address the client's, for the limits
   * @returns the account, and the epoch that the password was right at
   * @throws ApiError `unauthorized`, the same after the same time for a wrong password, an unknown email, a disabled
   *   account and one without a password; `rate_limited` after too many of these; `unverified` when the password is
   *   right and the email not verified, if EMAIL_VERIFICATION asks for that; `unavailable`
   */
  async check(email: string, password: string, address: string): Promise<AccountAtEpoch> {
    this.hasher.requireRoom();
    let known = null as AccountEntity | null;
    const account = await this.limits.attempt(this.limitsFor(email, address), async () => {
      known = await this.accounts.findByEmail(email);
      return this.match(known, password);
    });
    if (!account) {
      await this.audit.recordAlone({
        kind: 'sign_in',
        outcome: 'failure',
        ...(known && { subject: known.id }),
        // Some type their password here.
        ...((known ?? isEmail(email)) && { email }),
      });
      throw wrongCredentials();
    }
    if (this.config.emailVerification === 'required' && account.emailVerifiedAt === null) {
      const details = { reason: 'unverified' };
      await this.audit.recordAlone({ kind: 'sign_in', outcome: 'refused', subject: account.id, details });
      throw unverified();
    }
    await this.renewOutdatedHash(account, password);
    return account;
  }

  /** Lifts the limits on signing in to an account, for whoever has proved otherwise that it is theirs. */
  async lift(email: string, address: string): Promise<void> {
    await this.limits.lift(...this.limitsFor(email, address));
  }

  private async match(account: AccountEntity | null, password: string): Promise<SignInAccount | undefined> {
    const usable = account && isUsable(account) ? account : undefined;
    return (await this.hasher.matches(password, usable?.passwordHash ?? null)) ? usable : undefined;
  }

  private limitsFor(email: string, address: string): Limit[] {
    const { loginMaxFailures: most, loginFailureWindow: seconds } = this.config;
    const { key } = this.secretKeys.current('attempt-limit');
    const digest = createHmac('sha256', key).update(foldEmail(email)).digest('base64url');
    return [
      { key: `sign-in ${digest} ${addressForLimits(address)}`, most, seconds },
      { key: `sign-in ${digest}`, most: most * CEILING_FACTOR, seconds },
    ];
  }

  /** The sign-in is worth more than the renewal, which the next sign-in can make up for. */
  private async renewOutdatedHash(account: SignInAccount, password: string): Promise<void> {
    // Nor does anybody wait for it.
    if (!this.hasher.isOutdated(account.passwordHash) || this.hasher.isBusy) return;
    try {
      await this.accounts.renewHash(account.id, account.passwordHash, await this.hasher.hash(password));
    } catch (error) {
      this.logger.warn('a hash could not be renewed; the next sign-in tries again', error);
    }
  }
}

function isUsable(account: AccountEntity): account is SignInAccount {
  return account.email !== null && account.passwordHash !== null && account.disabledAt === null;
}
