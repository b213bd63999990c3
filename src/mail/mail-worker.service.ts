import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { RUNS_BACKGROUND_JOBS } from '../config/config.module.js';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import type { LabelledCounter } from '../metrics/labelled-counter.js';
import { Metrics, type MailRefusal } from '../metrics/metrics.service.js';
import { traced } from '../tracing/tracing.js';
import { DomainShares, type Ending, type Turn } from './domain-shares.js';
import { AttemptEnded, describeFailure, refusalOf, wasSilent } from './mail-failure.js';
import { MailQueue } from './mail-queue.service.js';
import { MailTransport } from './mail-transport.js';
import { OutgoingMailStore, type ClaimedMail } from './outgoing-mails.store.js';

/** In milliseconds: how often to look for due mails, the most that one attempt takes, and what stopping waits for. */
const POLL_PERIOD = 1_000;
const SEND_LIMIT = 25_000;
const STOP_LIMIT = 3_000;

/** How an attempt ended: with the mail done, or not, and why, for the log; a refusal ends it, too. */
type Outcome = { done: string } | { failure: string; refusal: MailRefusal | undefined; silent: boolean };

/** Sends the mails in the queue. Any number of processes may do so at the same time. */
@Injectable()
export class MailWorker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Mail');
  private readonly pending = new Map<AbortController, Promise<void>>();
  private running: Promise<void> = Promise.resolve();
  private stopping = false;
  private readonly shares = new DomainShares();
  private databaseAway = false;
  private readonly attempts: LabelledCounter<'outcome'>;

  constructor(
    @Inject(RUNS_BACKGROUND_JOBS) private readonly runsBackgroundJobs: boolean,
    private readonly queue: MailQueue,
    private readonly mails: OutgoingMailStore,
    private readonly transport: MailTransport,
    private readonly audit: AuditLog,
    private readonly metrics: Metrics,
  ) {
    this.attempts = metrics.counter(
      'latchkey_mail_attempts_total',
      'Total number of attempts to send a mail by outcome: done (sent, or not needed any more), failed (tried again later) or refused (for good).',
      ['outcome'],
      ['done', 'failed', 'refused'],
    );
  }

  onApplicationBootstrap(): void {
    if (this.runsBackgroundJobs) this.running = this.run();
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
      await this.fillPlaces();
      await this.queue.wakeSignal.sleep(POLL_PERIOD);
    }
  }

  /** A claim takes one mail for each group of domains: another may find more, for those that have not had their share yet. */
  private async fillPlaces(): Promise<void> {
    for (let next = this.shares.next(); next && !this.stopping; next = this.shares.next()) {
      const mails = await this.claim(next);
      if (mails.length === 0) return;
      for (const mail of mails) this.start(mail);
    }
  }

  private async claim(turn: Turn): Promise<ClaimedMail[]> {
    try {
      const mails = await this.mails.claim(this.queue.kinds(), turn);
      if (this.databaseAway) this.logger.log('the database is available again; mails are sent again');
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
    const giveBack = this.shares.take(mail.domain);
    const work = this.process(mail, controller.signal).then((ending) => {
      clearTimeout(limit);
      this.pending.delete(controller);
      giveBack(ending);
      // Others may be waiting for the place.
      this.queue.wake();
    });
    this.pending.set(controller, work);
  }

  private async process(mail: ClaimedMail, signal: AbortSignal): Promise<Ending> {
    const outcome = await traced(spanOf(mail), async (span) => {
      const ended = await this.attempt(mail, signal);
      if ('failure' in ended) span?.fail(ended.refusal ?? 'not_sent');
      this.attempts.inc({ outcome: 'done' in ended ? 'done' : ended.refusal ? 'refused' : 'failed' });
      await this.tryToNote(mail, ended);
      return ended;
    });
    return 'done' in outcome ? 'taken' : outcome.silent ? 'silent' : 'other';
  }

  private async tryToNote(mail: ClaimedMail, outcome: Outcome): Promise<void> {
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
      return { failure: describeFailure(error), refusal: refusalOf(error), silent: wasSilent(error) };
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
    } else if (outcome.refusal) {
      await this.noteRefusal(mail, outcome.refusal, outcome.failure);
    } else {
      this.logger.warn(`${nameOf(mail)}: not sent (${outcome.failure}), next attempt ${nextOf(mail)}`);
      await this.mails.markFailed(mail.id, outcome.failure);
    }
  }

  private async noteRefusal({ id, ...mail }: ClaimedMail, refusal: MailRefusal, failure: string): Promise<void> {
    const wasOpen = await this.mails.markRefused(id, failure, (tx) =>
      this.audit.record(tx, {
        kind: 'mail.refused',
        subject: id,
        outcome: 'failure',
        email: mail.recipient,
        details: { kind: mail.kind, reason: refusal, failure },
      }),
    );
    if (!wasOpen) return;
    this.metrics.countRefusedMail(refusal);
    this.logger.warn(`${nameOf({ id, ...mail })}: refused for good (${failure}), not tried again`);
  }
}

/** Without its recipient and what it says. */
const spanOf = ({ kind, id, attempts }: ClaimedMail) => ({
  name: 'send mail',
  kind: 'client' as const,
  attributes: { 'latchkey.mail.kind': kind, 'latchkey.mail.id': id, 'latchkey.mail.attempt': attempts },
});

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
