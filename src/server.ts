import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { EntityManager } from 'typeorm';
import { AppModule, type ServerOptions } from './app.module.js';
import { AuditLog } from './audit-log/audit-log.service.js';
import { leftOpen } from './config/hardening.js';
import { ErrorFilter } from './errors/error.filter.js';
import { Refusals } from './guards/refusals.service.js';
import { createAdapter } from './http/adapter.js';
import { DRAIN_LIMIT, IDLE_GRACE } from './http/drain.js';
import type { ConnectionLimits, Connections } from './http/connections.js';
import { Readiness } from './health/readiness.service.js';
import { Idempotency } from './idempotency/idempotency.service.js';
import { serveDocs } from './openapi/docs.js';
import { KnownFieldsGuard } from './http/known-fields.guard.js';
import { RequestValidation } from './http/request-validation.js';
import { NestLogger, type Logger } from './logging/logger.js';
import { Metrics } from './metrics/metrics.service.js';

declare module 'fastify' {
  interface FastifyInstance {
    connections: Connections;
  }
}

/**
 * Builds a server that is ready to listen.
 *
 * @param limits what one peer may take of it, where that is not the usual
 * @throws when a route declares no guard, the database is away, or the signing keys cannot be read
 */
export async function createServer(
  options: ServerOptions,
  logger: Logger,
  limits: Partial<ConnectionLimits> = {},
): Promise<NestFastifyApplication> {
  const { config } = options;
  const { adapter, routes, connections } = createAdapter(config, logger, limits);
  adapter.getInstance<FastifyInstance>().decorate('connections', connections);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(options), adapter, {
    logger: new NestLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  app.get(Metrics).watch(adapter.getInstance<FastifyInstance>());
  app.get(AuditLog).watchReads(adapter.getInstance<FastifyInstance>());
  app.get(Idempotency).watch(adapter.getInstance<FastifyInstance>());
  const validation = new RequestValidation(config, app.get(EntityManager));
  app.useGlobalPipes(validation);
  // After the guard of `guards`.
  app.useGlobalGuards(new KnownFieldsGuard(validation));
  const refusals = app.get(Refusals);
  app.useGlobalFilters(new ErrorFilter((request, thrown) => refusals.note(request, thrown)));
  if (config.corsOrigins.length > 0) app.enableCors(corsOptions(config.corsOrigins));
  if (config.docs) serveDocs(app, config.publicUrl, connections);
  try {
    await app.init();
    const unguarded = routes.unguarded();
    if (unguarded.length > 0) throw new Error(`These routes declare no access: ${unguarded.join(', ')}`);
  } catch (error) {
    await app.close();
    throw error;
  }
  const open = leftOpen(config);
  if (open !== undefined && options.runsBackgroundJobs !== false) logger.warn(open);
  return app;
}

/**
 * Stops serving. First it is not ready any more and goes on serving, each answer being the last of its connection; then it
 * takes no more connections, answers what is in flight, cuts off what takes too long, and closes the pool last.
 *
 * @param delay for how long it goes on serving, in seconds: until every load balancer has noticed
 * @param grace for how long idle connections are kept after that, in milliseconds
 */
export async function stopServer(app: NestFastifyApplication, delay: number, grace = IDLE_GRACE): Promise<void> {
  leave(app);
  await sleep(delay * 1_000);
  await endServer(app, grace, DRAIN_LIMIT);
}

/** From now on it is not ready, and each answer is the last one of its connection. */
export function leave(app: NestFastifyApplication): void {
  app.get(Readiness).stop();
  connectionsOf(app).leave();
}

/** Takes no more connections, answers what is in flight, and closes the pool last; see {@link Connections.close}. */
export async function endServer(app: NestFastifyApplication, grace: number, limit: number): Promise<void> {
  await connectionsOf(app).close(grace, limit);
  await app.close();
}

/** The connections of a server. */
export const connectionsOf = (app: NestFastifyApplication): Connections => fastifyOf(app).connections;

export const fastifyOf = (app: NestFastifyApplication): FastifyInstance => app.getHttpAdapter().getInstance();

function corsOptions(origin: string[]) {
  return {
    origin,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      'ETag',
      'Idempotent-Replayed',
      'Link',
      'RateLimit',
      'RateLimit-Policy',
      'Retry-After',
      'WWW-Authenticate',
      'X-Request-Id',
    ],
    maxAge: 600,
    strictPreflight: false,
  };
}
