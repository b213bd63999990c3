import { Inject, Injectable, Optional } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Primary } from '../workers/subjects.js';
import { PRIMARY } from '../workers/workers.module.js';
import { WakeSignal } from './wake-signal.js';
import type { MailContent } from './mail-message.js';
import { OutgoingMailStore, type NewMail } from './outgoing-mails.store.js';

/**
 * Renders a mail when it is sent, including its secrets, which are never in the queue. May be called several times for
 * the same subject.
 * @returns undefined when the mail is no longer needed, such as that of an expired reset
 */
export type MailRenderer = (subjectId: string) => Promise<MailContent | undefined>;

/**
 * Mails on their way out. What is added here is sent at least once: a mail outlives restarts, and is tried again with
 * growing pauses until the mail server takes it, refuses it for good, or its renderer gives it up.
 */
@Injectable()
export class MailQueue {
  /** Notified when there may be mails to send. */
  readonly wakeSignal = new WakeSignal();
  private readonly renderers = new Map<string, MailRenderer>();

  constructor(
    private readonly mails: OutgoingMailStore,
    @Optional() @Inject(PRIMARY) private readonly primary?: Primary,
  ) {
    primary?.answer('mail', () => {
      this.wakeSignal.notify();
      return undefined;
    });
  }

  /** Registers the renderer of a kind of mail. To be called in `onModuleInit`, as sending begins after that.
   *
   * @throws when the kind has a renderer already
   */
  register(kind: string, render: MailRenderer): void {
    if (this.renderers.has(kind)) throw new Error(`Mails of the kind ${kind} already have a renderer.`);
    this.renderers.set(kind, render);
  }

  /** The kinds that this process can render. */
  kinds(): string[] {
    return [...this.renderers.keys()];
  }

  /** @throws when the kind has no renderer, and whatever the renderer throws */
  async render(mail: NewMail): Promise<MailContent | undefined> {
    const render = this.renderers.get(mail.kind);
    if (!render) throw new Error(`Mails of the kind ${mail.kind} have no renderer.`);
    return render(mail.subjectId);
  }

  /**
   * Queues a mail in the caller's transaction. Call {@link wake} after the commit.
   *
   * @param options.discard queues a mail that is done already and never sent, for callers that must do the same work
   *   whether or not there is a recipient
   */
  async add(tx: EntityManager, mail: NewMail, options: { discard?: boolean } = {}): Promise<void> {
    await this.mails.insert(tx, mail, options.discard ?? false);
  }

  /** See {@link OutgoingMailStore.forget}. */
  async forget(tx: EntityManager, accountId: string, emails: string[], others: string[]): Promise<void> {
    await this.mails.forget(tx, accountId, emails, others);
  }

  /** Makes the process that sends mails look for due ones now instead of at its next poll: this one, or another worker. */
  wake(): void {
    this.wakeSignal.notify();
    this.primary?.tell('mail', undefined);
  }
}
