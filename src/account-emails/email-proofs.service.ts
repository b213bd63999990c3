import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { SessionPrincipal } from '../access/principal.js';
import type { AccountView } from '../accounts/accounts.dto.js';
import { AccountStore } from '../accounts/accounts.store.js';
import { EmailHolderStore, type EmailHolder } from '../accounts/email-holders.store.js';
import { MailCaps } from '../accounts/mail-caps.service.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { EmailLinks } from '../email-links/email-links.service.js';
import { EmailLinkStore, type Claim } from '../email-links/email-links.store.js';
import { conflict, invalidParams } from '../errors/api-error.js';
import { takenEmail } from '../errors/common-errors.js';
import { Limits } from '../limits/limits.service.js';
import { readHash } from '../passwords/password-hashes.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordResets } from '../password-resets/password-resets.service.js';
import { AccountRevocation, EVERYTHING } from '../revocations/account-revocation.store.js';
import { Revocations } from '../revocations/revocations.service.js';
import { signupClosed } from '../sessions/sessions.service.js';
import { Callers } from '../tokens/callers.service.js';
import type { EmailVerification } from './account-emails.dto.js';
import { RefusedLinks, unusableLink } from './refused-links.service.js';

export const noWill = () =>
  invalidParams({ password: ['is required: the one you signed up with, or your account password'] });
export const wrongWill = () => invalidParams({ password: ['is not the one that you signed up with'] });
export const invited = () =>
  conflict('There is an invitation for this email. We have sent it again: open it to choose a password.');

/** How many passwords can be tried with one link. */
const MOST_TRIES = 10;

const WHOEVER_SIGNS_UP = { role: 'user', verified: true } as const;

type SignUp = Claim & { purpose: 'sign_up' };
type OfAccount = Claim & { purpose: 'verify' | 'change' };

/** An invitation was sent again instead. */
const INVITED = Symbol('invited');

/** undefined: the link is no longer good. */
type Redeemed = AccountView | typeof INVITED | undefined;

/**
 * Redeems the claims that somebody has made to an email. The link proves the mailbox. Whoever redeems it proves too that the
 * claim is theirs, by a password or a session: nobody opens what somebody else has prepared.
 */
@Injectable()
export class EmailProofs {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accounts: AccountStore,
    private readonly emails: EmailHolderStore,
    private readonly links: EmailLinks,
    private readonly store: EmailLinkStore,
    private readonly resets: PasswordResets,
    private readonly hasher: PasswordHasher,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
    private readonly callers: Callers,
    private readonly limits: Limits,
    private readonly mailCaps: MailCaps,
    private readonly refused: RefusedLinks,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Makes the account of an attempt to sign up, gives an account its new email, or verifies the one that it has.
   *
   * @param caller whose session was shown beside the token
   * @throws ApiError `invalid_params` when the token is invalid, expired or used, or the password is not the claim's;
   *   `conflict` when the email has been proved for another account, or is reserved; `rate_limited`, `unavailable`
   */
  async redeem(
    { verify_email_token: token, password }: EmailVerification,
    caller?: SessionPrincipal,
  ): Promise<AccountView> {
    const id = this.links.readToken('verify', token);
    if (id === undefined) throw unusableLink('verify');
    const claim = await this.store.findClaim(id);
    if (!claim) return this.refused.refuse('verify', id);
    const session = claim.accountId === caller?.accountId ? caller : undefined;
    if (!session) await this.checkPassword(claim, password);
    const redeemed = await (claim.purpose === 'sign_up' ? this.signUp(claim) : this.prove(claim, session));
    this.links.wake();
    if (redeemed !== INVITED) return redeemed ?? this.refused.refuse('verify', id);
    this.resets.wake();
    throw invited();
  }

  private async checkPassword(claim: Claim, password: string | undefined): Promise<void> {
    if (password === undefined) throw noWill();
    await this.limits.take({ key: `redeem ${claim.id}`, most: MOST_TRIES, seconds: this.config.resetTtl });
    const hash = claim.passwordHash === null ? undefined : readHash(claim.passwordHash);
    if (hash && (await this.hasher.matches(password, hash))) return;
    await this.refused.record('verify', claim.id);
    throw wrongWill();
  }

  private async signUp(claim: SignUp): Promise<Redeemed> {
    if (this.config.signup !== 'open') throw signupClosed();
    return this.revocations.transaction(async (tx) => {
      const holders = await this.emails.hold(tx, claim.email, null);
      const { passwordHash } = (await this.store.findClaim(claim.id, tx)) ?? { passwordHash: null };
      if (passwordHash === null || !(await this.store.redeem(tx, claim.id))) return undefined;
      if (await this.inviteAgain(tx, holders)) return INVITED;
      await this.takeFrom(tx, holders);
      const account = { ...WHOEVER_SIGNS_UP, email: claim.email, passwordHash, locale: claim.locale };
      const { id, email } = await this.accounts.create(tx, account);
      await this.store.endClaims(tx, email);
      await this.audit.record(tx, { kind: 'account.created', subject: id, actorId: id, email });
      return { id, email };
    });
  }

  /** Verifies the email of an account, or gives it the one that is pending. */
  private async prove(claim: OfAccount, session: SessionPrincipal | undefined): Promise<Redeemed> {
    const { accountId, email } = claim;
    return this.revocations.transaction(async (tx) => {
      const holders = await this.emails.hold(tx, email, accountId);
      if (session) await this.callers.holdSession(tx, session);
      // Its password may have been changed since it was compared.
      const now = await this.store.findClaim(claim.id, tx);
      if (!now || (!session && now.passwordHash !== claim.passwordHash)) return undefined;
      if (!(await this.store.redeem(tx, claim.id))) return undefined;
      if (claim.purpose === 'verify') {
        if (!(await this.accounts.verifyEmail(tx, accountId, email))) return undefined;
        await this.store.endVerifications(tx, accountId);
        await this.audit.record(tx, { kind: 'account.email_verified', subject: accountId, actorId: accountId });
      } else {
        if (await this.inviteAgain(tx, holders)) return INVITED;
        await this.takeFrom(tx, holders);
        await this.change(tx, accountId, email);
      }
      await this.store.endClaims(tx, email);
      return { id: accountId, email };
    });
  }

  private async change(tx: EntityManager, accountId: string, email: string): Promise<void> {
    const { oldEmail, wasProved } = await this.emails.moveToProved(tx, accountId, email);
    // Sessions stay: they were opened with the password, by whoever asked for the change.
    await this.accountRevocation.revoke(tx, accountId, { resets: true, links: 'verify' });
    if (oldEmail !== null) {
      await this.mailCaps.take(tx, 'notices', oldEmail);
      // Of an email that was never proved to be theirs, nobody keeps it for two days, and somebody else may read the mail.
      await this.links.notifyOldAddress(tx, accountId, oldEmail, { undoable: wasProved, saysWhere: wasProved });
    }
    await this.audit.record(tx, { kind: 'account.email_changed', subject: accountId, actorId: accountId, email });
  }

  /**
   * Sends the invitation of an email again, which is its holder's to accept.
   *
   * @returns whether there is one
   * @throws ApiError `conflict` when the email has been proved, or nobody is invited any more
   */
  private async inviteAgain(tx: EntityManager, holders: EmailHolder[]): Promise<boolean> {
    if (holders.some(({ isProved }) => isProved)) throw takenEmail();
    const guest = holders.find(({ hasPassword }) => !hasPassword);
    if (!guest) return false;
    if (this.config.signup === 'closed') throw takenEmail();
    await this.resets.invite(tx, guest, null);
    return true;
  }

  /** Takes an email from whoever holds it without having proved it. */
  private async takeFrom(tx: EntityManager, holders: EmailHolder[]): Promise<void> {
    for (const { id, email } of holders) {
      await this.emails.giveUp(tx, id);
      await this.accountRevocation.revoke(tx, id, { ...EVERYTHING, links: 'all' });
      await this.audit.record(tx, { kind: 'account.displaced', subject: id, email });
    }
  }
}
