import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { EmailLinkStore } from '../email-links/email-links.store.js';
import { MailQueue } from '../mail/mail-queue.service.js';
import { AccountRevocation, EVERYTHING } from '../revocations/account-revocation.store.js';

/** What goes with an account besides its row and what refers to that (GDPR, article 17). */
@Injectable()
export class AccountErasure {
  constructor(
    private readonly emailLinks: EmailLinkStore,
    private readonly mails: MailQueue,
    private readonly accountRevocation: AccountRevocation,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Ends what the account has open, and erases its emails, also former ones, from links, from the queue of mails and from the audit log, which
   * records the deletion.
   *
   * @param tx of `Revocations.transaction`; it deletes the account afterwards, by which its mails would no longer be known
   * @param account whose row is locked
   */
  async prepare(
    tx: EntityManager,
    { id, email }: { id: string; email: string | null },
    details?: Record<string, unknown>,
  ): Promise<void> {
    // Also locks the rows in the common order, which the cascade of the deletion would not.
    await this.accountRevocation.revoke(tx, id, EVERYTHING);
    const { emails, links } = await this.emailLinks.forget(tx, id, email);
    await this.mails.forget(tx, id, emails, links);
    await this.audit.record(tx, { kind: 'account.deleted', subject: id, ...(details && { details }) });
    await this.audit.blankEmails(tx, id, email);
  }
}
