import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { AccountIds } from '../accounts/account-ids.service.js';
import type { AccountView } from '../accounts/accounts.dto.js';
import { AccountStore } from '../accounts/accounts.store.js';
import { MailCaps } from '../accounts/mail-caps.service.js';
import { EmailLinkStore } from '../email-links/email-links.store.js';
import { EmailLinks, type LinkedPurpose } from '../email-links/email-links.service.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { invalidParams } from '../errors/api-error.js';
import { Limits } from '../limits/limits.service.js';
import { AccountRevocation, EVERYTHING } from '../revocations/account-revocation.store.js';
import { UNUSABLE_LINK } from '../mail/link-mail.js';
import { Revocations } from '../revocations/revocations.service.js';
import { PasswordResets } from '../password-resets/password-resets.service.js';

/** At most one mail a minute to each address. */
const MAILS = { most: 1, seconds: 60 };

const FIELDS = { verify: 'verify_email_token', undo: 'undo_email_token' } as const satisfies Record<
  LinkedPurpose,
  string
>;

const KINDS = { verify: 'account.email_verified', undo: 'account.email_change_undone' } as const;

export const unusableLink = (purpose: LinkedPurpose) => invalidParams({ [FIELDS[purpose]]: [UNUSABLE_LINK] });

/** Verifies emails and undoes changes of email, by the tokens of mailed links. */
@Injectable()
export class AccountEmails {
  constructor(
    private readonly manager: EntityManager,
    private readonly accounts: AccountStore,
    private readonly accountIds: AccountIds,
    private readonly links: EmailLinks,
    private readonly store: EmailLinkStore,
    private readonly resets: PasswordResets,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
    private readonly limits: Limits,
    private readonly mailCaps: MailCaps,
    private readonly audit: AuditLog,
  ) {}

  /** Mails a new link to the account with this email unless it is verified. The answer is the same for any email. */
  async requestVerification(email: string): Promise<AccountView> {
    const limits = [
      { key: `verify ${this.accountIds.digest(email).toString('base64url')}`, ...MAILS },
      this.mailCaps.limitFor('links', email),
    ];
    await this.limits.inTransaction(limits, async (tx) => {
      const { accountId } = await this.links.askAgain(tx, email);
      const subject = accountId === null ? {} : { subject: accountId };
      await this.audit.record(tx, { kind: 'account.verification_requested', ...subject, email });
    });
    this.links.wake();
    return { id: await this.accountIds.of(email), email };
  }

  /** Marks an email as verified. @throws ApiError `invalid_params` when the token is invalid, expired or used */
  async verify(token: string): Promise<AccountView> {
    const id = await this.readLink('verify', token);
    const verified = await this.manager.transaction(async (tx) => {
      const link = await this.store.spend(tx, 'verify', id);
      if (!link || !(await this.accounts.verifyEmail(tx, link.accountId, link.email))) return undefined;
      await this.store.endVerifications(tx, link.accountId);
      const entry = { kind: 'account.email_verified', subject: link.accountId, actorId: link.accountId } as const;
      await this.audit.record(tx, entry);
      return { id: link.accountId, email: link.email };
    });
    return verified ?? this.refuse('verify', id);
  }

  /**
   * Restores the email that an account had, revokes all that the account has open, removes its password, which whoever
   * changed the email may have chosen, and mails a link to choose a new one.
   *
   * @throws ApiError `invalid_params` when the token is invalid, expired or used; `conflict` when the email is taken
   */
  async undoChange(token: string): Promise<AccountView> {
    const id = await this.readLink('undo', token);
    const account = await this.revocations.transaction(async (tx) => {
      const spent = await this.store.spend(tx, 'undo', id);
      if (!spent) return undefined;
      const { accountId, email } = spent;
      const { oldEmail } = await this.accounts.restoreEmail(tx, accountId, email);
      await this.accountRevocation.revoke(tx, accountId, { ...EVERYTHING, links: 'verify' });
      if (oldEmail !== null) await this.links.notifyOldAddress(tx, accountId, oldEmail, false);
      await this.resets.offer(tx, email);
      const entry = { kind: 'account.email_change_undone', subject: accountId, actorId: accountId, email } as const;
      await this.audit.record(tx, entry);
      return { id: accountId, email };
    });
    this.resets.wake();
    return account ?? this.refuse('undo', id);
  }

  /** Refuses early a link that is spent already; the transaction decides. */
  private async readLink(purpose: LinkedPurpose, token: string): Promise<string> {
    const id = this.links.readToken(purpose, token);
    if (id === undefined) throw unusableLink(purpose);
    return (await this.store.findLive(purpose, id)) ? id : this.refuse(purpose, id);
  }

  /** Refuses a genuine link that has been used, ended or has expired. */
  private async refuse(purpose: LinkedPurpose, link: string): Promise<never> {
    await this.audit.recordAlone({ kind: KINDS[purpose], outcome: 'failure', details: { link } });
    throw unusableLink(purpose);
  }
}
