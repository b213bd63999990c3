import { Inject, Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { APP_TOKEN, unauthorized, type ApiError } from '../errors/api-error.js';
import { passwordExpired, unverified } from '../errors/common-errors.js';
import { AccountStore, type AccountAtEpoch } from '../accounts/accounts.store.js';
import { readEmail } from '../emails/email-address.js';
import { PasswordDecoys } from './password-decoys.service.js';
import { InitialPasswords } from './initial-passwords.service.js';
import { PasswordHasher } from './password-hasher.js';
import { readHash, type StoredHash } from './password-hashes.js';
import { SignInAttempts } from './sign-in-attempts.service.js';
import type { SignInAccount } from './sign-in-attempts.store.js';
import type { SignInOrigin } from './sign-in-places.js';

type UsableAccount = SignInAccount & { email: string; passwordHash: string };

/** An account that can sign in, and what is known of its password. */
interface Candidate {
  account: UsableAccount;
  hash: StoredHash;
}

/** The same message whatever is wrong. @param challenge how the door that was tried is opened */
export const wrongCredentials = (challenge?: string) => unauthorized('Invalid email or password.', challenge);

/** Checks the email and password of every sign-in. Nothing else does. */
@Injectable()
export class PasswordChecks {
  private readonly logger = new Logger('PasswordChecks');

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accounts: AccountStore,
    private readonly hasher: PasswordHasher,
    private readonly decoys: PasswordDecoys,
    private readonly initialPasswords: InitialPasswords,
    private readonly attempts: SignInAttempts,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @returns the account, and its epoch when the password was checked
   * @throws ApiError `unauthorized`, with the same message after the same time, for a wrong password, an unknown email,
   *   a disabled account and one without a password; `rate_limited` after too many of these; `unverified` when the
   *   password is correct but the email is not verified, if EMAIL_VERIFICATION requires it; `password_expired` when it is
   *   correct but somebody else chose it, too long ago; `unavailable`
   */
  async check(email: string, password: string, origin: SignInOrigin): Promise<AccountAtEpoch> {
    await this.hasher.requireRoom();
    this.attempts.requireNoWait(email, origin);
    const { attempt, account: known } = await this.attempts.begin(email, origin);
    const match = await this.match({ email, account: known, password, isKnown: attempt.isKnown });
    if (!match) {
      await this.attempts.fail(attempt, known?.id ?? null);
      await this.audit.recordAlone({
        kind: 'sign_in',
        outcome: 'failure',
        ...(known && { subject: known.id }),
        // Some users enter their password as the email.
        ...((known ?? 'value' in readEmail(email)) && { email }),
      });
      throw wrongCredentials(origin.application && APP_TOKEN);
    }
    const { account } = match;
    const refusal = await this.refusalOf(account);
    await this.attempts.succeed(attempt, refusal ? null : account.id);
    if (refusal) {
      const details = { reason: refusal.code };
      await this.audit.recordAlone({ kind: 'sign_in', outcome: 'refused', subject: account.id, details });
      throw refusal;
    }
    await this.renewOutdatedHash(match, password);
    return account;
  }

  /** What keeps out whoever has the right password. */
  private async refusalOf(account: UsableAccount): Promise<ApiError | undefined> {
    if (this.config.emailVerification === 'required' && account.emailVerifiedAt === null) return unverified();
    return (await this.initialPasswords.hasExpired(account)) ? passwordExpired() : undefined;
  }

  /**
   * Lets an account be signed in to again, after its holder has been authenticated in another way, from an address that is
   * the only one known from then on.
   */
  async lift({ id, email }: { id: string; email: string }, origin: SignInOrigin): Promise<void> {
    await this.attempts.forgive(email);
    await this.attempts.knowOnly(id, origin);
  }

  /** Lets an account be signed in to again from everywhere. @returns whether somebody had to wait */
  unlock(email: string, manager?: EntityManager): Promise<boolean> {
    return this.attempts.forgive(email, manager);
  }

  private async match(attempt: {
    email: string;
    account: SignInAccount | undefined;
    password: string;
    isKnown: boolean;
  }): Promise<Candidate | undefined> {
    const decoy = await this.decoys.of(attempt.email);
    const candidate = attempt.account && this.candidateOf(attempt.account);
    const isRight = await this.hasher.matches(attempt.password, candidate?.hash ?? decoy, attempt.isKnown);
    return isRight ? candidate : undefined;
  }

  private candidateOf(account: SignInAccount): Candidate | undefined {
    if (!isUsable(account)) return undefined;
    const hash = readHash(account.passwordHash);
    if (hash) return { account, hash };
    this.logger.warn(`the password hash of account ${account.id} is unusable: nobody can sign in to it before a reset`);
    return undefined;
  }

  /** A failed renewal must not fail the sign-in, as the next one tries again. */
  private async renewOutdatedHash({ account, hash }: Candidate, password: string): Promise<void> {
    // Nor does anybody wait for it.
    if (!this.hasher.isOutdated(hash) || (await this.hasher.isBusy())) return;
    try {
      await this.accounts.renewHash(account.id, account.passwordHash, await this.hasher.hashAgain(password));
    } catch (error) {
      this.logger.warn('a password hash could not be renewed; the next sign-in will try again', error);
    }
  }
}

function isUsable(account: SignInAccount): account is UsableAccount {
  return account.email !== null && account.passwordHash !== null && account.disabledAt === null;
}
