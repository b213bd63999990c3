import { Inject, Injectable, Optional, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { AggregatorRegistry, Histogram, Registry } from 'prom-client';
import { VERSION } from '../config/version.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { after, type MaybePromise } from '../http/maybe-promise.js';
import { routeOf } from '../http/route-of.js';
import type { Primary } from '../workers/subjects.js';
import { PRIMARY } from '../workers/workers.module.js';
import { LabelledCounter } from './labelled-counter.js';
import { register, type OwnMetric } from './own-metric.js';
import { collectProcessMetrics } from './process-metrics.js';
import { RequestMetrics } from './request-metrics.js';

const CREDENTIAL_KINDS = ['app', 'user', 'api', 'oauth', 'session', 'client'] as const;

/** The kinds of credentials, as the label `kind` names them: those of tokens, the JWT of a session, a client's id and secret. */
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

const MAIL_REFUSALS = ['recipient', 'message'] as const;

/** What a mail server has refused for good. */
export type MailRefusal = (typeof MAIL_REFUSALS)[number];

/** The metrics of one server. Labels never contain ids, URLs or other input from clients. */
@Injectable()
export class Metrics implements OnModuleInit, OnModuleDestroy {
  /** Not prom-client's global registry, as several servers may run in a process. */
  private readonly registry = new Registry();
  private readonly checks = checkCounters(this.registry);
  private readonly requests = new RequestMetrics(this.registry);
  private readonly refusedMails = this.counter(
    'latchkey_mails_refused_total',
    'Mails that the mail server refused for good, by what it refused. They are not tried again.',
    ['reason'],
    MAIL_REFUSALS,
  );
  private stopProcessMetrics?: () => void;

  constructor(
    databaseClock: DatabaseClock,
    @Optional() @Inject(PRIMARY) private readonly primary?: Primary,
  ) {
    primary?.answer('numbers', () => this.registry.getMetricsAsJSON());
    this.show({
      name: 'latchkey_clock_offset_seconds',
      help: "By how much the clock of the process is ahead of the database's (negative: behind), in seconds.",
      type: 'gauge',
      aggregator: 'average',
      values: () => [{ labels: {}, value: databaseClock.offset() }],
    });
    this.show({
      name: 'latchkey_build_info',
      help: 'The versions of Latchkey and of Node that run; the value is always 1.',
      type: 'gauge',
      aggregator: 'first',
      values: () => [{ labels: { version: VERSION, node: process.versions.node }, value: 1 }],
    });
  }

  onModuleInit(): void {
    this.stopProcessMetrics = collectProcessMetrics(this.registry);
  }

  onModuleDestroy(): void {
    this.stopProcessMetrics?.();
  }

  /**
   * @param values of the first label, so that each is there from 0 on
   * @returns a counter that is shown with the others
   */
  counter<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    values: readonly string[] = [],
  ): LabelledCounter<Label> {
    const counter = new LabelledCounter(this.registry, name, help, labelNames);
    for (const value of values) counter.inc({ [labelNames[0] ?? '']: value } as Record<Label, string>, 0);
    return counter;
  }

  /** @param buckets in seconds */
  durations(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.registry] });
  }

  /** Shows numbers that somebody else keeps. */
  show(metric: OwnMetric): void {
    register(this.registry, metric);
  }

  /** Counts every request that a server answers. Must be called before it listens. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onResponse', (request, reply, done) => {
      const { url: route = 'none' } = routeOf(request);
      this.requests.count(request.method, route, reply.statusCode, reply.elapsedTime / 1_000);
      done();
    });
  }

  /**
   * Counts a check of a credential that was presented.
   *
   * @param check resolves to what the credential proves, or to undefined; no check: the credential is malformed, and is
   *   refused. If it rejects (database unavailable, too many attempts), nothing is counted
   * @returns what `check` resolved to; no promise where `check` is none
   */
  counted<T extends object>(kind: CredentialKind, check: MaybePromise<T | undefined>): MaybePromise<T | undefined> {
    return after(check, (found) => this.count(kind, found));
  }

  private count<T extends object>(kind: CredentialKind, found: T | undefined): T | undefined {
    this.checks[kind][found ? 'accepted' : 'refused'].value += 1;
    return found;
  }

  /** Counts a mail that has ended because the mail server refused it for good. */
  countRefusedMail(reason: MailRefusal): void {
    this.refusedMails.inc({ reason });
  }

  /** @returns all numbers in Prometheus' text format, of all workers together */
  async read(): Promise<string> {
    if (!this.primary) return this.registry.metrics();
    return AggregatorRegistry.aggregate(await this.primary.ask('numbers', undefined)).metrics();
  }
}

/** All label combinations exist from the start, so that a rate counts the first check too. */
function checkCounters(registry: Registry) {
  const help = 'Total number of credential checks by kind and outcome.';
  const counter = new LabelledCounter(registry, 'latchkey_credential_checks_total', help, ['kind', 'outcome']);
  const entries = CREDENTIAL_KINDS.map((kind) => {
    const [accepted, refused] = [counter.of({ kind, outcome: 'accepted' }), counter.of({ kind, outcome: 'refused' })];
    return [kind, { accepted, refused }] as const;
  });
  return Object.fromEntries(entries) as Record<CredentialKind, (typeof entries)[number][1]>;
}
