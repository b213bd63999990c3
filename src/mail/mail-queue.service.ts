import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { WakeSignal } from './wake-signal.js';
import type { MailContent } from './mail-message.js';
import { OutgoingMailStore, type NewMail } from './outgoing-mails.store.js';

/**
 * Writes a mail at the moment it is sent, and makes the secrets in it, which are never in the queue. It may be called
 * again for the same subject.
 *
 * @returns undefined when the mail has lost its purpose and is not to be sent, such as that of an expired reset
 */
export type MailRenderer = (subjectId: string) => Promise<MailContent | undefined>;

/**
 * Mails on their way out. What is added here is sent at least once: a mail outlives restarts, and is tried again with
 * growing pauses until the mail server takes it, refuses it for good, or its renderer gives it up.
 */
@Injectable()
export class MailQueue {
  /** Rings when there may be something to send. */
  readonly wakeSignal = new WakeSignal();
  private readonly renderers = new Map<string, MailRenderer>();

  constructor(private readonly mails: OutgoingMailStore) {}

  /**
   * Says how mails of a kind are written. To be called in `onModuleInit`, as sending begins when all modules are there.
   *
   * @throws when the kind has a renderer already
   */
  register(kind: string, render: MailRenderer): void {
    if (this.renderers.has(kind)) throw new Error(`Mails of the kind ${kind} have a renderer already.`);
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
   * @param options.discard queues a mail that counts as done and is never sent, for a caller that must do the same work
   *   whether or not there is anybody to write to
   */
  async add(tx: EntityManager, mail: NewMail, options: { discard?: boolean } = {}): Promise<void> {
    await this.mails.insert(tx, mail, options.discard ?? false);
  }

  /** Has this process look for due mails now rather than at its next poll. */
  wake(): void {
    this.wakeSignal.notify();
  }
}
