import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { SessionPrincipal } from '../access/principal.js';
import { toAccountAnswer, type AccountView } from '../accounts/accounts.dto.js';
import { AccountStore, type AccountAtEpoch } from '../accounts/accounts.store.js';
import { MailCaps } from '../accounts/mail-caps.service.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { EmailLinks } from '../email-links/email-links.service.js';
import { foldEmail } from '../emails/email-address.js';
import { notYours } from '../errors/api-error.js';
import { requireMatch } from '../http/if-match.js';
import { idIn } from '../http/validation.js';
import { Limits } from '../limits/limits.service.js';
import { InitialPasswords, stillInitial } from '../passwords/initial-passwords.service.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordNotices } from '../passwords/password-notices.service.js';
import { AccountRevocation, CREDENTIALS } from '../revocations/account-revocation.store.js';
import { Revocations } from '../revocations/revocations.service.js';
import { Callers } from '../tokens/callers.service.js';
import type { OpenSession } from './open-session.js';
import { Reauthentication } from './reauthentication.service.js';
import type { TokenPair } from './session-tokens.service.js';
import type { ChangedCredentials } from './sessions.dto.js';
import { Sessions } from './sessions.service.js';

/** Each change of credentials costs a hash, and one account must not occupy the hasher. */
const CHANGES = { most: 10, seconds: 60 };
/** Each change of email mails an address of the account's choice, and reserves the old email. */
const EMAIL_CHANGES = { most: 10, seconds: 86_400 };

/** Changing the email and the password of one's own account. */
@Injectable()
export class CredentialChanges {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accounts: AccountStore,
    private readonly emailLinks: EmailLinks,
    private readonly passwordNotices: PasswordNotices,
    private readonly hasher: PasswordHasher,
    private readonly initialPasswords: InitialPasswords,
    private readonly reauthentication: Reauthentication,
    private readonly sessions: Sessions,
    private readonly callers: Callers,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
    private readonly limits: Limits,
    private readonly mailCaps: MailCaps,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Sets a new email and password, revokes what the account has open, and opens a new session. The old address is
   * notified. With EMAIL_VERIFICATION=required the email is pending until the link that is mailed to it is redeemed.
   *
   * @throws ApiError `not_found` for another account, `conflict` when the email is taken, `invalid_params`,
   *   `unauthorized` when the session has been ended meanwhile, `rate_limited`, `unavailable`; and as
   *   {@link Reauthentication.requireForChange}
   */
  async change(principal: SessionPrincipal, id: string, change: ChangedCredentials): Promise<TokenPair | AccountView> {
    if (id.toLowerCase() !== principal.accountId) throw notYours(idIn(id));
    await this.limits.take({ key: `change ${principal.accountId}`, ...CHANGES });
    const isOther = foldEmail(change.email) !== foldEmail(principal.email);
    const isPending = isOther && this.config.emailVerification === 'required';
    if (isOther) {
      await this.limits.take({ key: `email ${principal.accountId}`, ...EMAIL_CHANGES });
    }
    const isChecked = await this.reauthentication.requireForChange(principal, change.current_password);
    const holder = await this.accounts.findEnabled(principal.accountId);
    const isChosenAgain = await this.initialPasswords.isChosenAgain(holder, change.password);
    const owner = { emails: [principal.email, change.email], name: holder?.name ?? null };
    const passwordHash = await this.hasher.hash(change.password, owner);
    const opened = await this.revocations.transaction(async (tx) => {
      await this.callers.holdSession(tx, principal);
      const { accountId } = principal;
      await requireMatch(async () => {
        const shown = await this.accounts.shownOf(tx, accountId);
        return shown && toAccountAnswer(shown);
      });
      const account = isPending
        ? await this.accounts.setPassword(tx, accountId, passwordHash)
        : await this.accounts.changeCredentials(tx, accountId, change.email, passwordHash);
      const credentialEpoch = await this.accountRevocation.revoke(tx, account.id, CREDENTIALS);
      await this.audit.record(tx, { kind: 'account.credentials_changed', subject: account.id });
      await this.tellOfPassword(tx, account, 'session');
      if (account.oldEmail !== null) {
        await this.mailCaps.take(tx, 'notices', account.oldEmail);
        await this.emailLinks.notifyOldAddress(tx, account.id, account.oldEmail);
        // The new address is nobody's who is known yet.
        await this.tellOfPassword(tx, { id: account.id, email: account.oldEmail }, 'moved');
        await this.audit.record(tx, { kind: 'account.email_changed', subject: account.id, email: account.email });
      }
      if (isPending) await this.askToChange(tx, account.id, change.email);
      else if (!account.emailVerified) await this.askToVerify(tx, account.id, account.email);
      if (isChosenAgain) throw stillInitial();
      const continued = isChecked ? undefined : principal.sessionId;
      return this.openIfVerified(tx, { ...account, credentialEpoch }, change.remember_me, continued);
    });
    return this.sessions.answer(opened);
  }

  private async tellOfPassword(tx: EntityManager, account: AccountView, way: 'session' | 'moved'): Promise<void> {
    await this.mailCaps.take(tx, 'passwords', account.email);
    await this.passwordNotices.tell(tx, account, way);
  }

  private async askToVerify(tx: EntityManager, accountId: string, email: string): Promise<void> {
    if (this.config.emailVerification === 'required') await this.mailCaps.take(tx, 'links', email);
    await this.emailLinks.askToVerify(tx, accountId, email);
  }

  private async askToChange(tx: EntityManager, accountId: string, email: string): Promise<void> {
    await this.mailCaps.take(tx, 'claims', email);
    await this.emailLinks.askToChange(tx, accountId, email);
    await this.audit.record(tx, { kind: 'account.email_change_requested', subject: accountId, email });
  }

  private async openIfVerified(
    tx: EntityManager,
    account: AccountAtEpoch & { emailVerified: boolean },
    remember?: boolean,
    continued?: string,
  ): Promise<OpenSession | AccountView> {
    if (this.config.emailVerification === 'off' || account.emailVerified) {
      return this.sessions.open(tx, account, remember, { continued });
    }
    return { id: account.id, email: account.email };
  }
}
