import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { storedEmail } from '../emails/email-address.js';
import { currentOrigin } from '../http/current-request.js';
import { SecretKeys, type KeyPurpose } from '../keys/secret-keys.js';
import { MailWriter } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';
import { MailQueue } from '../mail/mail-queue.service.js';
import {
  changeConfirmationMail,
  emailChangedMail,
  emailGoneMail,
  signUpMail,
  takenEmailMail,
  verificationMail,
  type Linked,
} from './email-links.mails.js';
import { EmailLinkStore } from './email-links.store.js';

/** How long a change of email can be undone, in seconds. */
export const UNDO_TTL = 172_800;

const VERIFICATION_MAIL = 'email-verification';
const SIGN_UP_MAIL = 'sign-up';
const CONFIRMATION_MAIL = 'email-change';
const CHANGE_MAIL = 'email-changed';
const GONE_MAIL = 'email-gone';

/** What links do: `verify` redeems every claim to an email. */
export type LinkedPurpose = 'verify' | 'undo';

/** The kinds of mail that carry claims. */
const CLAIM_MAILS = { verify: VERIFICATION_MAIL, sign_up: SIGN_UP_MAIL, change: CONFIRMATION_MAIL } as const;

const KEYS = { verify: 'email-verification', undo: 'email-undo' } as const satisfies Record<LinkedPurpose, KeyPurpose>;

type WriteLinked = (writer: MailWriter, about: Linked) => MailContent;

/** Mails links that verify an email or undo a change of email. */
@Injectable()
export class EmailLinks implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: EmailLinkStore,
    private readonly mailQueue: MailQueue,
    private readonly secretKeys: SecretKeys,
  ) {}

  onModuleInit(): void {
    this.mailQueue.register(VERIFICATION_MAIL, (id) => this.render('verify', id, verificationMail));
    for (const [kind, write] of [
      [SIGN_UP_MAIL, signUpMail],
      [CONFIRMATION_MAIL, changeConfirmationMail],
    ] as const) {
      this.mailQueue.register(kind, (id) => this.renderClaim(id, write));
    }
    this.mailQueue.register(CHANGE_MAIL, (id) => this.render('undo', id, emailChangedMail));
    this.mailQueue.register(GONE_MAIL, async (id) => {
      const told = await this.store.findTold(id);
      return told && emailGoneMail(this.writerFor(told), told);
    });
  }

  /**
   * Mails a link that verifies the email of an account, if EMAIL_VERIFICATION requires it.
   *
   * @param options.byAdmin whether an admin has given it the email: where they are does not concern its holder
   */
  async askToVerify(tx: EntityManager, accountId: string, email: string, { byAdmin = false } = {}): Promise<void> {
    if (this.config.emailVerification === 'off') return;
    const askedFrom = byAdmin ? null : currentOrigin().address;
    const id = await this.store.open(tx, { purpose: 'verify', accountId, email, askedFrom }, this.config.resetTtl);
    await this.mailQueue.add(tx, { kind: VERIFICATION_MAIL, subjectId: id, recipient: email });
  }

  /**
   * Mails a link that makes an account with this email and password, or, if an account has proved the email, tells its
   * holder so. Which of these is decided when the mail is sent, so that the request does the same work.
   *
   * @param locale of whoever signs up
   */
  async askToSignUp(tx: EntityManager, email: string, passwordHash: string, locale: string | null): Promise<void> {
    const askedFrom = currentOrigin().address;
    const attempt = { purpose: 'sign_up', accountId: null, email, passwordHash, locale, askedFrom } as const;
    const id = await this.store.open(tx, attempt, this.config.resetTtl);
    await this.mailQueue.add(tx, { kind: SIGN_UP_MAIL, subjectId: id, recipient: storedEmail(email) });
  }

  /** Mails a link that gives an account a new email, in place of one that is pending. */
  async askToChange(tx: EntityManager, accountId: string, email: string): Promise<void> {
    const askedFrom = currentOrigin().address;
    const id = await this.store.open(tx, { purpose: 'change', accountId, email, askedFrom }, this.config.resetTtl);
    await this.mailQueue.add(tx, { kind: CONFIRMATION_MAIL, subjectId: id, recipient: storedEmail(email) });
  }

  /**
   * Mails a link that verifies an email to the account that has it and has not verified it yet. Does the same work when
   * there is no such account.
   */
  async askAgain(tx: EntityManager, email: string): Promise<{ accountId: string | null }> {
    const link = await this.store.openForUnverified(tx, email, {
      lifetime: this.config.resetTtl,
      askedFrom: currentOrigin().address,
    });
    const mail = { kind: CLAIM_MAILS[link.purpose], subjectId: link.id, recipient: link.email };
    await this.mailQueue.add(tx, mail, { discard: link.accountId === null && link.purpose === 'verify' });
    return link;
  }

  /**
   * Notifies the old address of a change of email, with a link that undoes it. There is no link if an earlier change
   * can still be undone: that earlier link is extended instead, so that whoever had the account first has the last
   * word.
   * @param options.undoable false: no link, as the old address could not sign in
   * @param options.saysWhere false: where whoever changes it is does not concern whoever reads the old address
   */
  async notifyOldAddress(
    tx: EntityManager,
    accountId: string,
    email: string,
    { undoable = true, saysWhere = true } = {},
  ): Promise<void> {
    const askedFrom = saysWhere ? currentOrigin().address : null;
    const earlier = await this.store.renewUndo(tx, accountId, email, { lifetime: UNDO_TTL, askedFrom });
    const isLinked = earlier ? earlier.isSameEmail : undoable;
    const link = { purpose: isLinked ? 'undo' : 'tell', accountId, email, askedFrom } as const;
    const id = earlier?.isSameEmail === true ? earlier.id : await this.store.open(tx, link, isLinked ? UNDO_TTL : 0);
    await this.mailQueue.add(tx, { kind: isLinked ? CHANGE_MAIL : GONE_MAIL, subjectId: id, recipient: email });
  }

  /** Sends queued mails now. To be called after the commit. */
  wake(): void {
    this.mailQueue.wake();
  }

  /**
   * @returns the id of the link that a token is for, if the token is genuine; whether the link is live the store knows
   */
  readToken(purpose: LinkedPurpose, token: string): string | undefined {
    return this.secretKeys.verify(KEYS[purpose], token);
  }

  private async renderClaim(id: string, write: WriteLinked): Promise<MailContent | undefined> {
    const claim = await this.store.findClaim(id);
    if (!claim) return undefined;
    const { email, askedAt, askedFrom, lifetime } = claim;
    const asked = { askedAt, askedFrom, lifetime };
    const holder = await this.store.findProved(email);
    if (holder) return takenEmailMail(this.writerFor(holder), email, asked);
    return write(this.writerFor(claim), { email, link: this.linkTo('verify', id), ...asked });
  }

  private writerFor({ locale }: { locale: string | null }): MailWriter {
    return new MailWriter(this.config, locale);
  }

  private linkTo(purpose: LinkedPurpose, id: string): string {
    return `${this.config.publicUrl}/email/${purpose}#token=${this.secretKeys.sign(KEYS[purpose], id)}`;
  }

  private async render(purpose: LinkedPurpose, id: string, write: WriteLinked): Promise<MailContent | undefined> {
    const live = await this.store.findLive(purpose, id);
    return live && write(this.writerFor(live), { ...live, link: this.linkTo(purpose, id) });
  }
}
