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
import { PasswordDecoys } from './password-decoys.service.js';
import { PasswordHasher } from './password-hasher.js';
import { readHash, type StoredHash } from './password-hashes.js';

/**
 * How many times the limit for one address is allowed for an account from all addresses, so that one cannot lock it.
 */
const CEILING_FACTOR = 10;

type SignInAccount = AccountEntity & { email: string; passwordHash: string };

/** An account that can sign in, and what is known of its password. */
interface Candidate {
  account: SignInAccount;
  hash: StoredHash;
}

/** The same message whatever is wrong. */
export const wrongCredentials = () => unauthorized('Invalid email or password.');

/** Checks the email and password of every sign-in. Nothing else does. */
@Injectable()
export class PasswordChecks {
  private readonly logger = new Logger('PasswordChecks');

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accounts: AccountStore,
    private readonly hasher: PasswordHasher,
    private readonly decoys: PasswordDecoys,
    private readonly limits: Limits,
    private readonly audit: AuditLog,
    private readonly secretKeys: SecretKeys,
  ) {}

  /**
   * @param address the client's, for the limits
   * @returns the account, and its epoch when the password was checked
   * @throws ApiError `unauthorized`, with the same message after the same time, for a wrong password, an unknown email,
   *   a disabled account and one without a password; `rate_limited` after too many of these; `unverified` when the
   *   password is correct but the email is not verified, if EMAIL_VERIFICATION requires it; `unavailable`
   */
  async check(email: string, password: string, address: string): Promise<AccountAtEpoch> {
    this.hasher.requireRoom();
    let known = null as AccountEntity | null;
    const match = await this.limits.attempt(this.limitsFor(email, address), async () => {
      known = await this.accounts.findByEmail(email);
      return this.match(email, known, password);
    });
    if (!match) {
      await this.audit.recordAlone({
        kind: 'sign_in',
        outcome: 'failure',
        ...(known && { subject: known.id }),
        // Some users enter their password as the email.
        ...((known ?? isEmail(email)) && { email }),
      });
      throw wrongCredentials();
    }
    const { account } = match;
    if (this.config.emailVerification === 'required' && account.emailVerifiedAt === null) {
      const details = { reason: 'unverified' };
      await this.audit.recordAlone({ kind: 'sign_in', outcome: 'refused', subject: account.id, details });
      throw unverified();
    }
    await this.renewOutdatedHash(match, password);
    return account;
  }

  /** Lifts the limits on signing in to an account, after its holder has been authenticated in another way. */
  async lift(email: string, address: string): Promise<void> {
    await this.limits.lift(...this.limitsFor(email, address));
  }

  private async match(email: string, known: AccountEntity | null, password: string): Promise<Candidate | undefined> {
    const decoy = await this.decoys.of(email);
    const candidate = known && this.candidateOf(known);
    return (await this.hasher.matches(password, candidate?.hash ?? decoy)) ? (candidate ?? undefined) : undefined;
  }

  private candidateOf(account: AccountEntity): Candidate | undefined {
    if (!isUsable(account)) return undefined;
    const hash = readHash(account.passwordHash);
    if (hash) return { account, hash };
    this.logger.warn(`the password hash of account ${account.id} is unusable: nobody can sign in to it before a reset`);
    return undefined;
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

  /** A failed renewal must not fail the sign-in, as the next one tries again. */
  private async renewOutdatedHash({ account, hash }: Candidate, password: string): Promise<void> {
    // Nor does anybody wait for it.
    if (!this.hasher.isOutdated(hash) || this.hasher.isBusy) return;
    try {
      await this.accounts.renewHash(account.id, account.passwordHash, await this.hasher.hashAgain(password));
    } catch (error) {
      this.logger.warn('a password hash could not be renewed; the next sign-in will try again', error);
    }
  }
}

function isUsable(account: AccountEntity): account is SignInAccount {
  return account.email !== null && account.passwordHash !== null && account.disabledAt === null;
}
