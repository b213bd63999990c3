import { Injectable, Logger, type OnApplicationBootstrap, type BeforeApplicationShutdown } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { EntityManager } from 'typeorm';
import type { Principal } from '../access/principal.js';
import type { LabelledCounter } from '../metrics/labelled-counter.js';
import { Metrics } from '../metrics/metrics.service.js';
import { Batch } from '../database/batch.js';
import { currentCommand } from '../config/current-command.js';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { addressForLimits, canonicalAddress } from '../http/client-address.js';
import { currentRequest, noteAct } from '../http/current-request.js';
import type { Outcome } from './audit-events.entity.js';
import { AuditEventStore, type AuditActor, type EventRow, type NewAuditEvent } from './audit-events.store.js';
import { SIGNS_OF_ATTACK, type AuditKind } from './audit-kinds.js';
import { FailureFolds, NOWHERE } from './failure-folds.js';
import { ReadFolds } from './read-folds.js';

/** An event to record. The actor, the address and the request id come from the current request, or the command that runs. */
export interface AuditEntry {
  kind: AuditKind;
  /** The id of what was acted on, or what a statement finds it by that puts the id in its place; never a secret or an email. */
  subject?: string;
  /** Absent: success. */
  outcome?: Outcome;
  /** The account that acts, where the request's credential does not prove it, such as at a sign-in. */
  actorId?: string;
  onBehalfOf?: string;
  /** Stored apart, so that it can be deleted later. */
  email?: string;
  /** Further details: ids, names of fields, numbers; no secrets, no emails, no names of people. */
  details?: Record<string, unknown>;
}

/** An act of which a statement finds out by itself whether it does it; see {@link AuditLog.expectAct}. */
export interface ExpectedAct {
  /** The row to insert. */
  row: EventRow;
  /** To be called when the statement has done it, so that it is counted: so many times, or once. */
  happened(times?: number): void;
}

/** A failure of which a statement finds out by itself whether there was one; see {@link AuditLog.expectFailure}. */
export interface ExpectedFailure {
  /** The row to insert; null: this is counted only. */
  row: EventRow | null;
  /** To be called when there was one, with its subject. */
  happened(subject: string): void;
}

const MINUTE = 60_000;
/** The address of a request whose proxy has told none. */
const UNKNOWN = 'unknown';

/** The audit log of who did what. */
@Injectable()
export class AuditLog implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('AuditLog');
  private readonly folds = new FailureFolds();
  private readonly reads = new ReadFolds();
  /** What has no transaction of its own is written together with whatever else is at that moment. */
  private readonly together: Batch<EventRow, void>;
  private readonly counted: LabelledCounter<'kind' | 'outcome'>;
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();
  /** Nothing is counted any more, as nothing of it would be written. */
  private isStopping = false;

  constructor(
    private readonly manager: EntityManager,
    private readonly store: AuditEventStore,
    metrics: Metrics,
  ) {
    this.counted = metrics.counter(
      'latchkey_audit_events_total',
      'Total number of events of the audit log by kind and outcome.',
      ['kind', 'outcome'],
    );
    for (const { kind, outcome } of SIGNS_OF_ATTACK) this.counted.inc({ kind, outcome }, 0);
    this.together = new Batch<EventRow, void>(async (rows) => {
      await this.store.insertTogether(rows);
      return rows.map(() => undefined);
    });
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.flush(), MINUTE).unref();
  }

  /** After the last request has been answered, and before the pool is closed. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearInterval(this.timer);
    await this.flush();
  }

  /** Notes an act in the transaction of the act, so that neither exists without the other. */
  async record(tx: EntityManager, entry: AuditEntry): Promise<void> {
    if ((entry.outcome ?? 'success') === 'success') await noteAct(tx);
    const event = eventOf(entry);
    await this.store.insert(tx, event);
    this.count(event);
  }

  /** Notes many acts of one transaction by one statement. They have no emails. */
  async recordAll(tx: EntityManager, entries: Omit<AuditEntry, 'email'>[]): Promise<void> {
    if (entries.length === 0) return;
    await noteAct(tx);
    const events = entries.map(eventOf);
    await this.store.insertAll(tx, events);
    for (const event of events) this.count(event);
  }

  /**
   * Notes what has no transaction: a failure, or that somebody looked at something. Of failures of one kind from one client
   * address the first in a minute is written as it is, and the others are counted: one event for all of them.
   */
  async recordAlone(entry: AuditEntry): Promise<void> {
    const event = eventOf(entry);
    if (entry.outcome === undefined || entry.outcome === 'success' || this.isStopping) {
      await this.insertAlone(event);
      return;
    }
    const network = networkOf(event);
    if (!this.folds.open(event, network)) {
      this.folds.add(event, network);
      this.count(event);
      return;
    }
    try {
      await this.insertAlone(event);
    } catch (error) {
      this.folds.close(event, network);
      throw error;
    }
  }

  private async insertAlone(event: NewAuditEvent): Promise<void> {
    if (event.email === undefined) await this.together.add(this.store.rowOf(event));
    else await this.store.insert(this.manager, event);
    this.count(event);
  }

  /** Prepares the event of an act, for a statement that inserts it only if it does the act (see {@link insertFrom}). */
  expectAct(entry: AuditEntry): ExpectedAct {
    const event = eventOf(entry);
    return {
      row: this.store.rowOf(event),
      happened: (times) => {
        this.count(event, times);
      },
    };
  }

  /** Like {@link recordAlone}, for a statement that inserts the event itself, if it finds that there was a failure. */
  expectFailure(entry: AuditEntry): ExpectedFailure {
    const event = eventOf(entry);
    const network = networkOf(event);
    const isFirst = this.isStopping || this.folds.isFirst(event, network);
    return {
      row: isFirst ? this.store.rowOf(event) : null,
      happened: (subject) => {
        this.count(event);
        if (isFirst) this.folds.open(event, network);
        else this.folds.add({ ...event, subject }, network);
      },
    };
  }

  /**
   * Counts what clients and applications read at the routes that say so (`NotesReads`), when it has been answered: nobody waits
   * for it. What admins read is noted one by one, before.
   */
  watchReads(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', (route) => {
      const kind = route.config?.notesReads;
      if (!kind) return;
      const path = `${[route.method].flat().join(',')} ${route.url.replace(/\/$/, '')}`;
      route.onResponse = [route.onResponse ?? []].flat().concat((request, reply, done) => {
        if (reply.statusCode < 400) this.countRead(kind, path, request);
        done();
      });
    });
  }

  /** Writes what has been counted, and begins the next minute. What cannot be written is written with that of the next one. */
  flush(): Promise<void> {
    this.flushing = this.flushing.then(() => this.writeFolds());
    return this.flushing;
  }

  /** Removes an account's emails from the audit log; the events stay. */
  blankEmails(tx: EntityManager, accountId: string, email: string | null): Promise<void> {
    return this.store.blankEmails(tx, accountId, email);
  }

  private count({ kind, outcome = 'success' }: NewAuditEvent, times = 1): void {
    this.counted.inc({ kind, outcome }, times);
  }

  private countRead(kind: AuditKind, route: string, { principal, ip }: FastifyRequest): void {
    if (!principal || 'sessionId' in principal || ('isAdmin' in principal && principal.isAdmin)) return;
    this.reads.add({ kind, route, reader: actorOf(principal), address: canonicalAddress(ip) ?? UNKNOWN });
  }

  private async writeFolds(): Promise<void> {
    const taken = [this.folds.take(), this.reads.take()];
    const events = taken.flatMap((fold) => fold.events);
    if (events.length === 0) return;
    try {
      await this.store.insertAll(this.manager, events);
    } catch (error) {
      for (const { giveBack } of taken) giveBack();
      if (!isDatabaseUnavailable(error)) this.logger.error('counted events could not be written', error);
    }
  }
}

/** Written out, without copies by `...`, as it runs for every event. */
function eventOf(entry: AuditEntry): NewAuditEvent {
  const { kind, subject, outcome, email, details } = entry;
  const request = currentRequest();
  const { actorId, clientId, appTokenId, onBehalfOf } = actorOf(request?.principal);
  return {
    kind,
    subject,
    outcome,
    email,
    details: detailsOf(details, request?.principal),
    actorId: entry.actorId ?? actorId,
    clientId,
    appTokenId,
    onBehalfOf: entry.onBehalfOf ?? onBehalfOf,
    address: request && (canonicalAddress(request.ip) ?? UNKNOWN),
    requestId: request?.id,
  } satisfies Record<keyof NewAuditEvent, unknown>;
}

function detailsOf(details: AuditEntry['details'], principal: Principal | undefined): AuditEntry['details'] {
  const clientAddress = clientAddressOf(principal);
  if (clientAddress !== null) return { ...details, client_address: clientAddress };
  const command = currentCommand();
  return command === undefined ? details : { by: 'command', command, ...details };
}

const networkOf = ({ address }: NewAuditEvent) => (address === undefined ? NOWHERE : addressForLimits(address));

/** That of the user of an application, which it has passed on. */
const clientAddressOf = (principal: Principal | undefined): string | null =>
  principal && 'clientAddress' in principal ? principal.clientAddress : null;

/** Whoever acts on behalf of somebody is the one who acts. */
function actorOf(principal: Principal | undefined): AuditActor {
  if (!principal || 'gatewayAccountId' in principal) return {};
  if ('clientId' in principal) return { clientId: principal.clientId };
  if ('tokenId' in principal) return { appTokenId: principal.tokenId };
  if ('sessionId' in principal) return { actorId: principal.accountId };
  const { accountId, actorId, appTokenId } = principal;
  return actorId === null ? { actorId: accountId, appTokenId } : { actorId, onBehalfOf: accountId, appTokenId };
}
