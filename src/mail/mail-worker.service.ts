import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { AttemptEnded, describeFailure } from './mail-failure.js';
import { MailQueue } from './mail-queue.service.js';
import { MailTransport } from './mail-transport.js';
import { OutgoingMailStore, type ClaimedMail } from './outgoing-mails.store.js';

/** How many mails go out at once. */
export const CONCURRENCY = 5;

/**
 * In milliseconds: how often to look for due mails, how long an attempt may take, and how long to wait when stopping.
 */
const POLL_PERIOD = 1_000;
const SEND_LIMIT = 25_000;
const STOP_LIMIT = 3_000;

/** The outcome of an attempt, in words for the log. */
type Outcome = { done: string } | { failure: string };

/** Sends the mails in the queue. Any number of processes may do so at the same time. */
@Injectable()
export class MailWorker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Mail');
  private readonly pending = new Map<AbortController, Promise<void>>();
  private running: Promise<void> = Promise.resolve();
  private stopping = false;
  /** Whether the last claim filled all free places, so that more mails may be due. */
  private backlog = false;
  private databaseAway = false;

  constructor(
    private readonly queue: MailQueue,
    private readonly mails: OutgoingMailStore,
    private readonly transport: MailTransport,
  ) {}

  onApplicationBootstrap(): void {
    this.running = this.run();
  }

  /** Claims no more mails, and aborts deliveries that take longer than a few seconds. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    this.queue.wake();
    await this.running;
    const limit = setTimeout(() => {
      for (const controller of this.pending.keys()) controller.abort(new AttemptEnded('STOPPED'));
    }, STOP_LIMIT);
    await Promise.all(this.pending.values());
    clearTimeout(limit);
    this.transport.close();
  }

  /** A single loop, so that rounds never overlap. */
  private async run(): Promise<void> {
    while (!this.stopping) {
      const free = CONCURRENCY - this.pending.size;
      const mails = free > 0 ? await this.claim(free) : [];
      this.backlog = mails.length === free;
      for (const mail of mails) this.start(mail);
      await this.queue.wakeSignal.sleep(POLL_PERIOD);
    }
  }

  private async claim(limit: number): Promise<ClaimedMail[]> {
    try {
      const mails = await this.mails.claim(this.queue.kinds(), limit);
      if (this.databaseAway) this.logger.log('the database is available again; mail delivery resumes');
      this.databaseAway = false;
      return mails;
    } catch (error) {
      if (!this.databaseAway) this.reportOutage(error);
      this.databaseAway = true;
      return [];
    }
  }

  /** Called once for each outage, however many polls fail. */
  private reportOutage(error: unknown): void {
    if (isDatabaseUnavailable(error)) this.logger.warn('the database is unavailable; mail delivery is paused', error);
    else this.logger.error('mails could not be read from the queue; mail delivery is paused', error);
  }

  private start(mail: ClaimedMail): void {
    const controller = new AbortController();
    const limit = setTimeout(() => {
      controller.abort(new AttemptEnded('ETIMEDOUT'));
    }, SEND_LIMIT);
    const work = this.process(mail, controller.signal).finally(() => {
      clearTimeout(limit);
      this.pending.delete(controller);
      if (this.backlog) this.queue.wake();
    });
    this.pending.set(controller, work);
  }

  private async process(mail: ClaimedMail, signal: AbortSignal): Promise<void> {
    const outcome = await this.attempt(mail, signal);
    try {
      await this.note(mail, outcome);
    } catch (error) {
      this.logger.warn(
        `${nameOf(mail)}: the outcome could not be stored, so the mail will be sent again ${nextOf(mail)}`,
        error,
      );
    }
  }

  private async attempt(mail: ClaimedMail, signal: AbortSignal): Promise<Outcome> {
    try {
      return await Promise.race([this.renderAndDeliver(mail, signal), rejectionOf(signal)]);
    } catch (error) {
      return { failure: describeFailure(error) };
    }
  }

  private async renderAndDeliver(mail: ClaimedMail, signal: AbortSignal): Promise<Outcome> {
    const content = await this.queue.render(mail).catch((error: unknown) => {
      this.logger.error(`${nameOf(mail)}: rendering failed`, error);
      throw error;
    });
    if (!content) return { done: 'discarded, as it is no longer needed' };
    return { done: await this.transport.deliver({ ...content, id: mail.id, recipient: mail.recipient }, signal) };
  }

  private async note(mail: ClaimedMail, outcome: Outcome): Promise<void> {
    if ('done' in outcome) {
      this.logger.log(`${nameOf(mail)}: ${outcome.done}`);
      await this.mails.markDone(mail.id);
    } else {
      this.logger.warn(`${nameOf(mail)}: not sent (${outcome.failure}), next attempt ${nextOf(mail)}`);
      await this.mails.markFailed(mail.id, outcome.failure);
    }
  }
}

function nameOf({ kind, id, attempts }: ClaimedMail): string {
  return `${kind} mail ${id}, attempt ${attempts}`;
}

function nextOf({ nextAttemptAt }: ClaimedMail): string {
  return `at ${nextAttemptAt.toISOString()}`;
}

/** Rejects when the signal aborts, even if a renderer never settles. */
function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
}
