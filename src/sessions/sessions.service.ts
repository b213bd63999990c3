import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { SessionPrincipal } from '../access/principal.js';
import { toAccountAnswer, type AccountView } from '../accounts/accounts.dto.js';
import { AccountIds } from '../accounts/account-ids.service.js';
import { AccountStore, type AccountAtEpoch } from '../accounts/accounts.store.js';
import { MailCaps } from '../accounts/mail-caps.service.js';
import { EmailLinks } from '../email-links/email-links.service.js';
import { foldEmail } from '../emails/email-address.js';
import { PasswordChecks, wrongCredentials } from '../passwords/password-checks.service.js';
import { PasswordNotices } from '../passwords/password-notices.service.js';
import { InitialPasswords, stillInitial } from '../passwords/initial-passwords.service.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import type { EventRow } from '../audit-log/audit-events.store.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { ApiError, notYours, unauthorized } from '../errors/api-error.js';
import { idIn } from '../http/validation.js';
import { currentLocale, currentOrigin } from '../http/current-request.js';
import { Limits } from '../limits/limits.service.js';
import { AccountRevocation, CREDENTIALS, SIGN_INS } from '../revocations/account-revocation.store.js';
import { Revocations } from '../revocations/revocations.service.js';
import { Callers } from '../tokens/callers.service.js';
import type { OpenSession } from './open-session.js';
import { Reauthentication } from './reauthentication.service.js';
import { SessionRefreshes } from './session-refreshes.service.js';
import { SessionStore } from './sessions.store.js';
import { SessionTokens, type TokenPair } from './session-tokens.service.js';
import type { ChangedCredentials, Credentials, RefreshGrant, SignIn } from './sessions.dto.js';
import { requireMatch } from '../http/if-match.js';

/** Each change of credentials costs a hash, and one account must not occupy the hasher. */
const CHANGES = { most: 10, seconds: 60 };
/** Each change of email mails an address of the account's choice, and reserves the old email. */
const EMAIL_CHANGES = { most: 10, seconds: 86_400 };

/** What whoever cannot end all sessions can do. */
const onlyThis = (id: string) => ` To sign out here only, send DELETE /account/sessions/${id}.`;

export const badRefreshToken = () => unauthorized('The refresh token is invalid.');
export const signupClosed = () =>
  new ApiError('forbidden', 'Sign-up is disabled. Ask an administrator for an account.');

/** Signing up, in and out. */
@Injectable()
export class Sessions {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly accounts: AccountStore,
    private readonly accountIds: AccountIds,
    private readonly emailLinks: EmailLinks,
    private readonly passwordNotices: PasswordNotices,
    private readonly passwordChecks: PasswordChecks,
    private readonly hasher: PasswordHasher,
    private readonly initialPasswords: InitialPasswords,
    private readonly reauthentication: Reauthentication,
    private readonly store: SessionStore,
    private readonly refreshes: SessionRefreshes,
    private readonly tokens: SessionTokens,
    private readonly callers: Callers,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
    private readonly limits: Limits,
    private readonly mailCaps: MailCaps,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Creates an account and signs it in or, if EMAIL_VERIFICATION requires it, mails a link that does.
   *
   * @throws ApiError `invalid_params`, `forbidden` unless SIGNUP is open, `conflict` when the email is taken and needs no
   *   proof, `unavailable`
   */
  async signUp({ email, password, remember_me }: Credentials): Promise<TokenPair | AccountView> {
    if (this.config.signup !== 'open') {
      await this.audit.recordAlone({ kind: 'account.created', outcome: 'refused', email });
      throw signupClosed();
    }
    const passwordHash = await this.hasher.hash(password, { emails: [email] });
    if (this.config.emailVerification === 'required') return this.attemptToSignUp(email, passwordHash);
    try {
      return await this.answer(
        await this.manager.transaction(async (tx) => {
          const account = await this.accounts.create(tx, {
            email,
            passwordHash,
            role: 'user',
            locale: currentLocale(),
          });
          await this.audit.record(tx, { kind: 'account.created', subject: account.id, actorId: account.id, email });
          return this.open(tx, account, remember_me);
        }),
      );
    } catch (error) {
      if (error instanceof ApiError && error.code === 'conflict') {
        await this.audit.recordAlone({ kind: 'account.created', outcome: 'failure', email });
      }
      throw error;
    }
  }

  /**
   * Mails a link that makes the account, once it is redeemed with this password. Whether the email has an account already
   * only its holder hears, in that mail.
   */
  private async attemptToSignUp(email: string, passwordHash: string): Promise<AccountView> {
    await this.manager.transaction(async (tx) => {
      await this.mailCaps.take(tx, 'claims', email);
      await this.emailLinks.askToSignUp(tx, email, passwordHash, currentLocale());
      await this.audit.record(tx, { kind: 'account.sign_up_requested', email });
    });
    this.emailLinks.wake();
    return { id: await this.accountIds.of(email), email };
  }

  /**
   * @param address the client's, for the limits
   * @throws ApiError `unauthorized`, `unverified`, `password_expired`, `rate_limited`, `unavailable`
   */
  async signIn({ email, password, remember_me }: SignIn, address: string): Promise<TokenPair> {
    const account = await this.passwordChecks.check(email, password, { address });
    const signIn = this.audit.expectAct({ kind: 'sign_in', subject: account.id, actorId: account.id });
    const session = await this.revocations.alone((tx) => this.open(tx, account, remember_me, { signIn: signIn.row }));
    signIn.happened();
    return this.tokens.issue(session);
  }

  /**
   * Exchanges a refresh token for a JWT and, with `remember_me`, the next refresh token; see {@link SessionRefreshes.show}.
   *
   * @throws ApiError `unauthorized`
   */
  async refresh({ refresh_token, remember_me = false }: RefreshGrant): Promise<TokenPair> {
    const grant = this.tokens.readRefreshToken(refresh_token);
    const session = grant && (await this.refreshes.show({ ...grant, remember: remember_me, origin: currentOrigin() }));
    if (!session) {
      if (!grant) await this.refreshes.noteRefusal({ reason: 'invalid' });
      throw badRefreshToken();
    }
    return this.tokens.issue({ ...session, refreshable: session.refreshable && remember_me });
  }

  /**
   * Ends every session and every user token of the account.
   *
   * @throws ApiError as {@link Reauthentication.require}, if there are others than the session that asks
   */
  async signOut(caller: SessionPrincipal, currentPassword: string | undefined): Promise<AccountView> {
    const { accountId, sessionId, email } = caller;
    const mayBeAsked = this.config.reauthenticateAfter > 0 && (await this.store.hasOthers(accountId, sessionId));
    if (currentPassword !== undefined || mayBeAsked) {
      await this.reauthentication.require(caller, currentPassword, onlyThis(sessionId));
    }
    await this.revocations.transaction(async (tx) => {
      await this.callers.holdSession(tx, caller);
      await this.accountRevocation.revoke(tx, accountId, SIGN_INS);
      await this.audit.record(tx, { kind: 'sign_out', subject: accountId });
    });
    return { id: accountId, email };
  }

  /**
   * Sets a new email and password, revokes what the account has open, and opens a new session. The old address is
   * notified. With EMAIL_VERIFICATION=required the email is pending until the link that is mailed to it is redeemed.
   *
   * @throws ApiError `not_found` for another account, `conflict` when the email is taken, `invalid_params`,
   *   `unauthorized` when the session has been ended meanwhile, `rate_limited`, `unavailable`; and as
   *   {@link Reauthentication.requireForChange}
   */
  async changeCredentials(
    principal: SessionPrincipal,
    id: string,
    change: ChangedCredentials,
  ): Promise<TokenPair | AccountView> {
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
    return this.answer(opened);
  }

  /**
   * @param options.signIn the event to insert with it, but for the session
   * @param options.continued see {@link SessionStore.open}
   * @throws ApiError `unauthorized` when the account has changed since its credential was checked
   */
  async open(
    tx: EntityManager,
    account: AccountAtEpoch,
    remember = false,
    { signIn = null, continued }: { signIn?: EventRow | null; continued?: string | undefined } = {},
  ): Promise<OpenSession> {
    const end = this.audit.expectAct({ kind: 'session.ended', subject: account.id, details: { reason: 'too_many' } });
    const notes = { opened: signIn, ended: end.row };
    const opened = await this.store.open(tx, account, remember, currentOrigin(), notes, continued);
    if (!opened) throw wrongCredentials();
    if (opened.ended > 0) end.happened(opened.ended);
    return opened.session;
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
      return this.open(tx, account, remember, { continued });
    }
    return { id: account.id, email: account.email };
  }

  /** To be called after the commit: issues the tokens if a session was opened, and sends queued mails. */
  private answer(opened: OpenSession | AccountView): Promise<TokenPair> | AccountView {
    this.emailLinks.wake();
    return 'refreshCounter' in opened ? this.tokens.issue(opened) : opened;
  }
}
