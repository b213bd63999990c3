import { createHmac } from 'node:crypto';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { AccountView } from '../accounts/accounts.dto.js';
import { Accounts } from '../accounts/accounts.service.js';
import { foldEmail } from '../accounts/email.js';
import { PasswordChecks } from '../accounts/password-checks.service.js';
import { PasswordHasher } from '../accounts/password-hasher.js';
import { CONFIG, type Config } from '../config/config.js';
import { ApiError, invalidParams } from '../errors/api-error.js';
import { SecretKeys } from '../keys/secret-keys.js';
import { Limits, type Limit } from '../limits/limits.service.js';
import { MailQueue } from '../mail/mail-queue.service.js';
import { Revocations } from '../revocations/revocations.service.js';
import { resetMail } from './password-reset.mail.js';
import { PasswordResetStore } from './password-reset.store.js';
import type { PasswordReset, PasswordResetAnswer } from './password-resets.dto.js';
import { SessionTokens } from './session-tokens.service.js';
import { Sessions } from './sessions.service.js';

const MAIL_KIND = 'password-reset';

/** One mail for each address and minute. */
const MAILS = { most: 1, seconds: 60 };

/** Setting a new password with a link from a mail. */
@Injectable()
export class PasswordResets implements OnModuleInit {
  private readonly logger = new Logger('PasswordResets');

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly accounts: Accounts,
    private readonly hasher: PasswordHasher,
    private readonly passwordChecks: PasswordChecks,
    private readonly revocations: Revocations,
    private readonly store: PasswordResetStore,
    private readonly sessions: Sessions,
    private readonly tokens: SessionTokens,
    private readonly mailQueue: MailQueue,
    private readonly limits: Limits,
    private readonly secretKeys: SecretKeys,
  ) {}

  onModuleInit(): void {
    this.mailQueue.register(MAIL_KIND, async (resetId) => {
      const reset = await this.store.findLive(resetId);
      const token = this.secretKeys.sign('password-reset', resetId);
      return reset && resetMail(reset.email, `${this.config.publicUrl}/password/reset#token=${token}`, this.config);
    });
  }

  /**
   * Sends a link to the account with this email. The answer for an unknown one looks the same: its id is made from
   * the email with a key of ours, and is the same each time.
   */
  async request(email: string): Promise<AccountView> {
    const digest = this.digest(email);
    const queued = await this.queueMail(email, { key: `reset ${digest.toString('base64url')}`, ...MAILS });
    if (queued) this.mailQueue.wake();
    const { accountId } = queued ?? { accountId: await this.enabledAccountId(email) };
    return { id: accountId ?? idOf(digest), email };
  }

  /**
   * Sets a new password, once, ends all that was open on the account, and lifts the limits on signing in to it.
   *
   * @param address the client's, for the limits
   * @returns the account and, with `remember_me`, the tokens of a new session
   * @throws ApiError `invalid_params` when the token is not good (any more) or the password is refused, which does not
   *   spend the token; `unavailable`
   */
  async redeem(reset: PasswordReset, address: string): Promise<PasswordResetAnswer> {
    const { password, reset_password_token, remember_me = false } = reset;
    const id = this.secretKeys.verify('password-reset', reset_password_token);
    // Only saves the work of hashing for a token that is spent; the transaction decides.
    const live = id === undefined ? undefined : await this.store.findLive(id);
    if (id === undefined || !live) throw unusableToken();
    const passwordHash = await this.hasher.hash(password);
    const { account, session } = await this.revocations.during(`account ${live.accountId}`, async (tx) => {
      const accountId = await this.store.spend(tx, id);
      const changed = accountId && (await this.accounts.changePassword(tx, accountId, passwordHash));
      if (!changed) throw unusableToken();
      await this.sessions.endEverything(tx, changed.id);
      return { account: changed, session: remember_me && (await this.sessions.open(tx, changed, true)) };
    });
    // The password is changed, whatever becomes of this.
    await this.passwordChecks.lift(account.email, address).catch((error: unknown) => {
      this.logger.warn('the limits on signing in could not be lifted', error);
    });
    return { id: account.id, email: account.email, ...(session && (await this.tokens.issue(session))) };
  }

  /** @returns whom the mail goes to, or would go to; undefined when one was queued less than a minute ago */
  private async queueMail(email: string, limit: Limit): Promise<{ accountId: string | null } | undefined> {
    try {
      return await this.manager.transaction(async (tx) => {
        // In the transaction: when nothing is queued after all, whoever asks again must not be told that something is.
        await this.limits.take(limit, tx);
        const reset = await this.store.open(tx, email);
        const mail = { kind: MAIL_KIND, subjectId: reset.id, recipient: reset.email ?? '' };
        await this.mailQueue.add(tx, mail, { discard: reset.accountId === null });
        return reset;
      });
    } catch (error) {
      if (error instanceof ApiError && error.code === 'rate_limited') return undefined;
      throw error;
    }
  }

  private async enabledAccountId(email: string): Promise<string | null> {
    const account = await this.accounts.findByEmail(email);
    return account?.disabledAt === null ? account.id : null;
  }

  private digest(email: string): Buffer {
    const { key } = this.secretKeys.current('unknown-account');
    return createHmac('sha256', key).update(foldEmail(email)).digest();
  }
}

export const unusableToken = () =>
  invalidParams({ reset_password_token: ['has been used or has expired, or is not valid'] });

/** A uuid of the same shape as a real one: version 4 (RFC 9562 section 5.4). */
function idOf(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
