import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { SessionPrincipal } from '../access/principal.js';
import type { AccountView } from '../accounts/accounts.dto.js';
import { AccountIds } from '../accounts/account-ids.service.js';
import { AccountStore, type AccountAtEpoch } from '../accounts/accounts.store.js';
import { MailCaps } from '../accounts/mail-caps.service.js';
import { EmailLinks } from '../email-links/email-links.service.js';
import { PasswordChecks, wrongCredentials } from '../passwords/password-checks.service.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import type { EventRow } from '../audit-log/audit-events.store.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { ApiError, unauthorized } from '../errors/api-error.js';
import { currentLocale, currentOrigin } from '../http/current-request.js';
import { AccountRevocation, SIGN_INS } from '../revocations/account-revocation.store.js';
import { Revocations } from '../revocations/revocations.service.js';
import { Callers } from '../tokens/callers.service.js';
import type { OpenSession } from './open-session.js';
import { Reauthentication } from './reauthentication.service.js';
import { SessionRefreshes } from './session-refreshes.service.js';
import { SessionStore } from './sessions.store.js';
import { SessionTokens, type TokenPair } from './session-tokens.service.js';
import type { Credentials, RefreshGrant, SignIn } from './sessions.dto.js';

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
    private readonly passwordChecks: PasswordChecks,
    private readonly hasher: PasswordHasher,
    private readonly reauthentication: Reauthentication,
    private readonly store: SessionStore,
    private readonly refreshes: SessionRefreshes,
    private readonly tokens: SessionTokens,
    private readonly callers: Callers,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
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

  /** To be called after the commit: issues the tokens if a session was opened, and sends queued mails. */
  answer(opened: OpenSession | AccountView): Promise<TokenPair> | AccountView {
    this.emailLinks.wake();
    return 'refreshCounter' in opened ? this.tokens.issue(opened) : opened;
  }
}
