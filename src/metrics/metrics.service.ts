import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { DatabaseClock } from '../database/database-clock.service.js';
import { collectProcessMetrics } from './process-metrics.js';

const CREDENTIAL_KINDS = ['app', 'user', 'api', 'oauth', 'session', 'client'] as const;

/** What a request shows to say who it comes from: a token of a kind, the JWT of a session, a client's id and secret. */
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

const MAIL_REFUSALS = ['recipient', 'message'] as const;

/** What a mail server has refused for good. */
export type MailRefusal = (typeof MAIL_REFUSALS)[number];

/** Seconds: from a token that is remembered to a password that waits to be hashed. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5];

/** The numbers of one server. Labels are words of ours: never an id, a URL or anything else that a client has sent. */
@Injectable()
export class Metrics implements OnModuleInit, OnModuleDestroy {
  /** Not prom-client's global one: several servers may run in a process. */
  private readonly registry = new Registry();
  private readonly checks = checkCounters(this.registry);
  private readonly requests = new Counter({
    name: 'latchkey_http_requests_total',
    help: 'Requests that were answered, by the pattern of their route (none: no route) and the status of the answer.',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  });
  private readonly durations = new Histogram({
    name: 'latchkey_http_request_seconds',
    help: 'How long requests took, by the pattern of their route (none: no route).',
    labelNames: ['method', 'route'],
    buckets: BUCKETS,
    registers: [this.registry],
  });
  private readonly refusedMails = new Counter({
    name: 'latchkey_mails_refused_total',
    help: 'Mails that the mail server refused for good, by what it refused. They are not tried again.',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  private stopProcessMetrics?: () => void;

  constructor(databaseClock: DatabaseClock) {
    new Gauge({
      name: 'latchkey_clock_offset_seconds',
      help: "By how much the clock of the process is ahead of the database's (negative: behind), in seconds.",
      registers: [this.registry],
      collect() {
        this.set(databaseClock.offset());
      },
    });
  }

  onModuleInit(): void {
    for (const reason of MAIL_REFUSALS) this.refusedMails.inc({ reason }, 0);
    this.stopProcessMetrics = collectProcessMetrics(this.registry);
  }

  onModuleDestroy(): void {
    this.stopProcessMetrics?.();
  }

  /** Counts every request that a server answers. Must be called before it listens. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onResponse', ({ method, routeOptions: { url: route = 'none' } }, reply, done) => {
      this.requests.inc({ method, route, status: reply.statusCode });
      this.durations.observe({ method, route }, reply.elapsedTime / 1_000);
      done();
    });
  }

  /**
   * Counts a check of a credential that was presented.
   *
   * @param check finds whose it is, or undefined; no check: what was presented cannot be read, and is refused. When it
   *   throws (the database is away, too many attempts), nothing was found out, and nothing is counted
   * @returns what `check` found
   */
  async counted<T extends object>(
    kind: CredentialKind,
    check: Promise<T | undefined> | undefined,
  ): Promise<T | undefined> {
    const found = await check;
    this.checks[kind][found ? 'accepted' : 'refused'].inc();
    return found;
  }

  /** Counts a mail that has ended because the mail server refused it for good. */
  countRefusedMail(reason: MailRefusal): void {
    this.refusedMails.inc({ reason });
  }

  /** @returns all numbers in Prometheus' text format */
  read(): Promise<string> {
    return this.registry.metrics();
  }
}

/** Children are made once, and start at 0: a rate can be taken from the first check on. */
function checkCounters(registry: Registry) {
  const counter = new Counter({
    name: 'latchkey_credential_checks_total',
    help: 'Checks of the credentials that requests presented.',
    labelNames: ['kind', 'outcome'],
    registers: [registry],
  });
  const child = (kind: CredentialKind, outcome: 'accepted' | 'refused') => {
    const made = counter.labels({ kind, outcome });
    made.inc(0);
    return made;
  };
  const entries = CREDENTIAL_KINDS.map((kind) => {
    return [kind, { accepted: child(kind, 'accepted'), refused: child(kind, 'refused') }] as const;
  });
  return Object.fromEntries(entries) as Record<CredentialKind, (typeof entries)[number][1]>;
}
