import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AccountView } from '../accounts/accounts.dto.js';
import { AccountIds } from '../accounts/account-ids.service.js';
import { AccountStore } from '../accounts/accounts.store.js';
import { MailCaps } from '../accounts/mail-caps.service.js';
import { PasswordChecks } from '../passwords/password-checks.service.js';
import { PasswordNotices } from '../passwords/password-notices.service.js';
import { InitialPasswords, stillInitial } from '../passwords/initial-passwords.service.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { conflict, invalidParams } from '../errors/api-error.js';
import { currentOrigin } from '../http/current-request.js';
import { SecretKeys } from '../keys/secret-keys.js';
import { Limits } from '../limits/limits.service.js';
import { MailQueue } from '../mail/mail-queue.service.js';
import { AccountRevocation, CREDENTIALS, EVERYTHING } from '../revocations/account-revocation.store.js';
import { MailWriter, UNUSABLE_LINK } from '../mail/link-mail.js';
import { Revocations } from '../revocations/revocations.service.js';
import { invitationMail, resetMail } from './password-resets.mails.js';
import { PasswordResetStore } from './password-resets.store.js';
import type { PasswordReset, PasswordResetAnswer } from './password-resets.dto.js';
import { SessionTokens } from '../sessions/session-tokens.service.js';
import { Sessions } from '../sessions/sessions.service.js';

const RESET_MAIL = 'password-reset';
const INVITATION_MAIL = 'invitation';

/** At most one mail a minute to each address. */
const MAILS = { most: 1, seconds: 60 };

/** Password resets and invitations, by links in mails. */
@Injectable()
export class PasswordResets implements OnModuleInit {
  private readonly logger = new Logger('PasswordResets');

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accounts: AccountStore,
    private readonly accountIds: AccountIds,
    private readonly hasher: PasswordHasher,
    private readonly initialPasswords: InitialPasswords,
    private readonly passwordChecks: PasswordChecks,
    private readonly passwordNotices: PasswordNotices,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
    private readonly store: PasswordResetStore,
    private readonly sessions: Sessions,
    private readonly tokens: SessionTokens,
    private readonly mailQueue: MailQueue,
    private readonly limits: Limits,
    private readonly mailCaps: MailCaps,
    private readonly secretKeys: SecretKeys,
    private readonly audit: AuditLog,
  ) {}

  onModuleInit(): void {
    for (const [kind, write, use] of [
      [RESET_MAIL, resetMail, undefined],
      [INVITATION_MAIL, invitationMail, 'invitation'],
    ] as const) {
      this.mailQueue.register(kind, async (resetId) => {
        const reset = await this.store.findLive(resetId);
        return (
          reset &&
          write(new MailWriter(this.config, reset.locale), {
            ...reset,
            link: this.linkOf(resetId, { for: use, wayf: reset.returnTo }),
          })
        );
      });
    }
  }

  /**
   * Makes a link with which a password is chosen for an account, and mails it to nobody: for the command line.
   *
   * @throws ApiError `conflict` when nobody could use it
   */
  async makeLink(accountId: string): Promise<{ link: string; expiresAt: Date }> {
    const reset = await this.revocations.transaction(async (tx) => {
      const opened = await this.store.openFor(tx, accountId);
      if (!opened) throw noSignIn();
      const entry = { kind: 'password_reset.requested', subject: accountId } as const;
      await this.audit.record(tx, { ...entry, details: { reset: opened.id } });
      return opened;
    });
    return { link: this.linkOf(reset.id), expiresAt: reset.expiresAt };
  }

  /**
   * Mails a reset link to the account with this email. The answer for an unknown email looks the same; see {@link
   * AccountIds}.
   *
   * @param returnTo the identification that the page of the link leads back to
   */
  async request(email: string, returnTo?: string): Promise<AccountView> {
    const digest = this.accountIds.digest(email).toString('base64url');
    const limits = [{ key: `reset ${digest}`, ...MAILS }, ...this.mailCaps.limitsFor('links', email)];
    const queued = await this.limits.inTransaction(limits, (tx) => this.offer(tx, email, returnTo));
    if (queued) this.mailQueue.wake();
    return { id: await this.accountIds.of(email, queued?.accountId), email };
  }

  /**
   * Mails the holder of a new account a link to choose a password. Call {@link wake} after the commit.
   *
   * @param by the account that invites; null: whoever did so before, if anybody did
   */
  async invite(tx: EntityManager, { id, email }: AccountView, by: string | null): Promise<void> {
    const resetId = await this.store.invite(tx, id, by, this.config.invitationTtl);
    await this.mailQueue.add(tx, { kind: INVITATION_MAIL, subjectId: resetId, recipient: email });
    await this.audit.record(tx, { kind: 'account.invited', subject: id, email });
  }

  /**
   * Mails a reset link to the account with this email; does the same work when there is none. Call {@link wake} after
   * the commit.
   * @returns the account that the mail goes to; null: none
   */
  async offer(tx: EntityManager, email: string, returnTo?: string): Promise<{ accountId: string | null }> {
    const reset = await this.store.open(tx, email, { address: currentOrigin().address, returnTo });
    const mail = { kind: RESET_MAIL, subjectId: reset.id, recipient: reset.email ?? '' };
    await this.mailQueue.add(tx, mail, { discard: reset.accountId === null });
    const subject = reset.accountId === null ? {} : { subject: reset.accountId };
    const details = { reset: reset.id };
    await this.audit.record(tx, { kind: 'password_reset.requested', ...subject, email, details });
    return reset;
  }

  /** Sends queued mails now. To be called after the commit. */
  wake(): void {
    this.mailQueue.wake();
  }

  /**
   * Sets a new password, revokes what the account has open, and lifts the limits on signing in to it.
   *
   * @param address the client's, for the limits
   * @returns the account and, with `remember_me`, the tokens of a new session
   * @throws ApiError `invalid_params` when the token is invalid, expired or used, or the password is refused, which
   *   does not use up the token; `unavailable`
   */
  async redeem(reset: PasswordReset, address: string): Promise<PasswordResetAnswer> {
    const { password, reset_password_token, remember_me = false } = reset;
    const id = this.secretKeys.verify('password-reset', reset_password_token);
    // Only saves hashing for a used token; the transaction decides.
    const live = id === undefined ? undefined : await this.store.findLive(id);
    if (id === undefined) throw unusableToken();
    if (!live) return this.refuse(id);
    const holder = await this.accounts.findEnabled(live.accountId);
    if (await this.initialPasswords.isChosenAgain(holder, password)) throw stillInitial();
    const passwordHash = await this.hasher.hash(password, { emails: [live.email], name: live.name });
    const done = await this.revocations.transaction(async (tx) => {
      const accountId = await this.store.spend(tx, id);
      const changed = accountId && (await this.accounts.changePassword(tx, accountId, passwordHash));
      if (!changed) return undefined;
      // Whoever had the account without a proof may have been somebody else, and keeps nothing of it.
      const extent = changed.wasUnproved ? EVERYTHING : CREDENTIALS;
      const credentialEpoch = await this.accountRevocation.revoke(tx, changed.id, extent);
      const entry = { kind: 'password_reset.redeemed', subject: changed.id, actorId: changed.id } as const;
      await this.audit.record(tx, { ...entry, details: { reset: id } });
      // Not capped: each has a link, of which there are so many and no more.
      await this.passwordNotices.tell(tx, changed, 'link');
      const session = remember_me && (await this.sessions.open(tx, { ...changed, credentialEpoch }, true));
      return { account: changed, session };
    });
    if (!done) return this.refuse(id);
    this.wake();
    const { account, session } = done;
    // The password has been changed, whether or not this succeeds.
    await this.passwordChecks.lift(account, { address }).catch((error: unknown) => {
      this.logger.warn('the limits on signing in could not be lifted', error);
    });
    return { id: account.id, email: account.email, ...(session && (await this.tokens.issue(session))) };
  }

  /** @param query what its page is for, and the identification that it leads back to */
  private linkOf(resetId: string, query: { for?: string | undefined; wayf?: string | null } = {}): string {
    const known = Object.entries(query).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    const search = new URLSearchParams(known).toString();
    return `${this.config.publicUrl}/password/reset${search && '?'}${search}#token=${this.secretKeys.sign('password-reset', resetId)}`;
  }

  private async refuse(reset: string): Promise<never> {
    await this.audit.recordAlone({ kind: 'password_reset.redeemed', outcome: 'failure', details: { reset } });
    throw unusableToken();
  }
}

const noSignIn = () => conflict('Nobody can sign in to this account: it is disabled, or has no email.');
export const unusableToken = () => invalidParams({ reset_password_token: [UNUSABLE_LINK] });
