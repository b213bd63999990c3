import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { AccountIds } from '../accounts/account-ids.service.js';
import type { AccountView } from '../accounts/accounts.dto.js';
import { Accounts } from '../accounts/accounts.service.js';
import type { EmailLinkPurpose } from '../accounts/email-link.entity.js';
import { EmailLinkStore, type LiveEmailLink } from '../accounts/email-link.store.js';
import { EmailLinks } from '../accounts/email-links.service.js';
import { Audit } from '../audit/audit.service.js';
import { ApiError, invalidParams } from '../errors/api-error.js';
import { Limits } from '../limits/limits.service.js';
import { Revocations } from '../revocations/revocations.service.js';
import { PasswordResets } from '../sessions/password-resets.service.js';
import { Sessions } from '../sessions/sessions.service.js';

/** One mail for each address and minute. */
const MAILS = { most: 1, seconds: 60 };

const FIELDS = { verify: 'verify_email_token', undo: 'undo_email_token' } as const satisfies Record<
  EmailLinkPurpose,
  string
>;

export const unusableLink = (purpose: EmailLinkPurpose) =>
  invalidParams({ [FIELDS[purpose]]: ['has been used or has expired, or is not valid'] });

/** What the links about emails do. */
@Injectable()
export class AccountEmails {
  constructor(
    private readonly manager: EntityManager,
    private readonly accounts: Accounts,
    private readonly accountIds: AccountIds,
    private readonly links: EmailLinks,
    private readonly store: EmailLinkStore,
    private readonly sessions: Sessions,
    private readonly resets: PasswordResets,
    private readonly revocations: Revocations,
    private readonly limits: Limits,
    private readonly audit: Audit,
  ) {}

  /** Mails a link again to whoever has this email and has not verified it. The answer is the same for everybody. */
  async requestVerification(email: string): Promise<AccountView> {
    const key = `verify ${this.accountIds.digest(email).toString('base64url')}`;
    try {
      await this.manager.transaction(async (tx) => {
        // In the transaction: when nothing is queued after all, whoever asks again must not be told that something is.
        await this.limits.take({ key, ...MAILS }, tx);
        await this.links.askAgain(tx, email);
      });
      this.links.wake();
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'rate_limited')) throw error;
    }
    return { id: await this.accountIds.of(email), email };
  }

  /** Notes that an email is its holder's, once. @throws ApiError `invalid_params` when the token is not good (any more) */
  async verify(token: string): Promise<AccountView> {
    const { id } = await this.readLink('verify', token);
    return this.manager.transaction(async (tx) => {
      const { accountId, email } = await this.spend(tx, 'verify', id);
      if (!(await this.accounts.verifyEmail(tx, accountId, email))) throw unusableLink('verify');
      await this.store.endVerifications(tx, accountId);
      await this.audit.record(tx, { kind: 'account.email_verified', subject: accountId, actorId: accountId });
      return { id: accountId, email };
    });
  }

  /**
   * Brings back the email that an account had, ends all that is open on the account, takes away its password, which
   * whoever changed the email may have chosen, and mails a link to choose another.
   *
   * @throws ApiError `invalid_params` when the token is not good (any more), `conflict` when the email is taken
   */
  async undoChange(token: string): Promise<AccountView> {
    const { id, link } = await this.readLink('undo', token);
    const account = await this.revocations.during(`account ${link.accountId}`, async (tx) => {
      const { accountId, email } = await this.spend(tx, 'undo', id);
      await this.accounts.restoreEmail(tx, accountId, email);
      await this.sessions.endEverything(tx, accountId);
      await this.store.endVerifications(tx, accountId);
      await this.store.endLater(tx, accountId, id);
      await this.resets.offer(tx, email);
      await this.audit.record(tx, {
        kind: 'account.email_change_undone',
        subject: accountId,
        actorId: accountId,
        email,
      });
      return { id: accountId, email };
    });
    this.resets.wake();
    return account;
  }

  /** Only finds out whom it is about; the transaction decides. */
  private async readLink(purpose: EmailLinkPurpose, token: string): Promise<{ id: string; link: LiveEmailLink }> {
    const id = this.links.readToken(purpose, token);
    const link = id === undefined ? undefined : await this.store.findLive(purpose, id);
    if (id === undefined || !link) throw unusableLink(purpose);
    return { id, link };
  }

  private async spend(tx: EntityManager, purpose: EmailLinkPurpose, id: string): Promise<LiveEmailLink> {
    const link = await this.store.spend(tx, purpose, id);
    if (!link) throw unusableLink(purpose);
    return link;
  }
}
