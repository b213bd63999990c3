import { Injectable } from '@nestjs/common';
import { AccountIds } from '../accounts/account-ids.service.js';
import type { AccountView } from '../accounts/accounts.dto.js';
import { AccountStore } from '../accounts/accounts.store.js';
import { MailCaps } from '../accounts/mail-caps.service.js';
import { EmailLinkStore } from '../email-links/email-links.store.js';
import { EmailLinks } from '../email-links/email-links.service.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { Limits } from '../limits/limits.service.js';
import { AccountRevocation, EVERYTHING } from '../revocations/account-revocation.store.js';
import { Revocations } from '../revocations/revocations.service.js';
import { PasswordNotices } from '../passwords/password-notices.service.js';
import { PasswordResets } from '../password-resets/password-resets.service.js';
import { RefusedLinks, unusableLink } from './refused-links.service.js';

/** At most one mail a minute to each address. */
const MAILS = { most: 1, seconds: 60 };

/** Asks for the links that verify emails, and undoes changes of email by the tokens of mailed links. */
@Injectable()
export class AccountEmails {
  constructor(
    private readonly accounts: AccountStore,
    private readonly accountIds: AccountIds,
    private readonly links: EmailLinks,
    private readonly store: EmailLinkStore,
    private readonly passwordNotices: PasswordNotices,
    private readonly resets: PasswordResets,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
    private readonly limits: Limits,
    private readonly mailCaps: MailCaps,
    private readonly refused: RefusedLinks,
    private readonly audit: AuditLog,
  ) {}

  /** Mails a new link to the account with this email unless it is verified. The answer is the same for any email. */
  async requestVerification(email: string): Promise<AccountView> {
    const limits = [
      { key: `verify ${this.accountIds.digest(email).toString('base64url')}`, ...MAILS },
      ...this.mailCaps.limitsFor('links', email),
    ];
    await this.limits.inTransaction(limits, async (tx) => {
      const { accountId } = await this.links.askAgain(tx, email);
      const subject = accountId === null ? {} : { subject: accountId };
      await this.audit.record(tx, { kind: 'account.verification_requested', ...subject, email });
    });
    this.links.wake();
    return { id: await this.accountIds.of(email), email };
  }

  /**
   * Restores the email that an account had, revokes all that the account has open, removes its password, which whoever
   * changed the email may have chosen, tells of that, and mails a link to choose a new one.
   *
   * @throws ApiError `invalid_params` when the token is invalid, expired or used; `conflict` when the email is taken
   */
  async undoChange(token: string): Promise<AccountView> {
    const id = this.links.readToken('undo', token);
    if (id === undefined) throw unusableLink('undo');
    // Only saves work for a spent link; the transaction decides.
    if (!(await this.store.findLive('undo', id))) return this.refused.refuse('undo', id);
    const account = await this.revocations.transaction(async (tx) => {
      const spent = await this.store.spend(tx, 'undo', id);
      if (!spent) return undefined;
      const { accountId, email } = spent;
      const { oldEmail, hadPassword } = await this.accounts.restoreEmail(tx, accountId, email);
      await this.accountRevocation.revoke(tx, accountId, { ...EVERYTHING, links: 'verify' });
      if (oldEmail !== null) {
        // Whoever had taken the account over may read it.
        await this.links.notifyOldAddress(tx, accountId, oldEmail, { undoable: false, saysWhere: false });
      }
      // Not capped: each has a link, of which an account has one.
      if (hadPassword) await this.passwordNotices.tell(tx, { id: accountId, email }, 'undo');
      await this.resets.offer(tx, email);
      const entry = { kind: 'account.email_change_undone', subject: accountId, actorId: accountId, email } as const;
      await this.audit.record(tx, entry);
      return { id: accountId, email };
    });
    this.resets.wake();
    return account ?? this.refused.refuse('undo', id);
  }
}
