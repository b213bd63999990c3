import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { SecretKeys, type KeyPurpose } from '../keys/secret-keys.js';
import type { MailContent } from '../mail/mail-message.js';
import { MailQueue } from '../mail/mail-queue.service.js';
import type { EmailLinkPurpose } from './email-links.entity.js';
import { emailChangedMail, emailGoneMail, verificationMail } from './email-links.mails.js';
import { EmailLinkStore } from './email-links.store.js';

/** For how long a change of email can be undone, in seconds. */
export const UNDO_TTL = 172_800;

const VERIFICATION_MAIL = 'email-verification';
const CHANGE_MAIL = 'email-changed';
const GONE_MAIL = 'email-gone';

/** Those whose mails have a link. */
export type LinkedPurpose = Exclude<EmailLinkPurpose, 'tell'>;

const KEYS = { verify: 'email-verification', undo: 'email-undo' } as const satisfies Record<LinkedPurpose, KeyPurpose>;

/** Mails with links about emails: to verify one, and to undo its change. */
@Injectable()
export class EmailLinks implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: EmailLinkStore,
    private readonly mailQueue: MailQueue,
    private readonly secretKeys: SecretKeys,
  ) {}

  onModuleInit(): void {
    const { publicUrl, resetTtl } = this.config;
    this.mailQueue.register(VERIFICATION_MAIL, (id) =>
      this.render('verify', id, (email, link) => verificationMail(email, link, publicUrl, resetTtl)),
    );
    this.mailQueue.register(CHANGE_MAIL, (id) =>
      this.render('undo', id, (email, link) => emailChangedMail(email, link, publicUrl, UNDO_TTL)),
    );
    this.mailQueue.register(GONE_MAIL, async (id) => {
      const email = await this.store.findEmail(id);
      return email === undefined ? undefined : emailGoneMail(email, publicUrl);
    });
  }

  /** Mails a link that verifies the email of an account, if EMAIL_VERIFICATION asks for that. */
  async askToVerify(tx: EntityManager, accountId: string, email: string): Promise<void> {
    if (this.config.emailVerification === 'off') return;
    const id = await this.store.open(tx, { purpose: 'verify', accountId, email }, this.config.resetTtl);
    await this.mailQueue.add(tx, { kind: VERIFICATION_MAIL, subjectId: id, recipient: email });
  }

  /**
   * Mails a link that verifies this email to whoever has it and has not verified it yet. Does the same work when there is
   * nobody.
   */
  async askAgain(tx: EntityManager, email: string): Promise<{ accountId: string | null }> {
    const link = await this.store.openForUnverified(tx, email, this.config.resetTtl);
    const mail = { kind: VERIFICATION_MAIL, subjectId: link.id, recipient: link.email };
    await this.mailQueue.add(tx, mail, { discard: link.accountId === null });
    return link;
  }

  /**
   * Tells an address that it is no longer that of an account, with a link that undoes it. Without one, if the email was
   * changed a short while ago: whoever had the account before that has the last word, and their link lasts on.
   *
   * @param undoable false: nobody could do anything with the account through this address
   */
  async notifyOldAddress(tx: EntityManager, accountId: string, email: string, undoable = true): Promise<void> {
    const earlier = await this.store.renewUndo(tx, accountId, email, UNDO_TTL);
    const isLinked = earlier ? earlier.isSameEmail : undoable;
    const id =
      earlier?.isSameEmail === true
        ? earlier.id
        : await this.store.open(tx, { purpose: isLinked ? 'undo' : 'tell', accountId, email }, isLinked ? UNDO_TTL : 0);
    await this.mailQueue.add(tx, { kind: isLinked ? CHANGE_MAIL : GONE_MAIL, subjectId: id, recipient: email });
  }

  /** Has the mails sent now that are queued in a transaction which has been committed. */
  wake(): void {
    this.mailQueue.wake();
  }

  /** @returns the id of the link that a token is for, if it is one of ours; whether it is still good the store knows */
  readToken(purpose: LinkedPurpose, token: string): string | undefined {
    return this.secretKeys.verify(KEYS[purpose], token);
  }

  private async render(
    purpose: LinkedPurpose,
    id: string,
    write: (email: string, link: string) => MailContent,
  ): Promise<MailContent | undefined> {
    const live = await this.store.findLive(purpose, id);
    const token = this.secretKeys.sign(KEYS[purpose], id);
    return live && write(live.email, `${this.config.publicUrl}/email/${purpose}#token=${token}`);
  }
}
