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
import type { ConnectionLimits, Connections } from './http/connections.js';
import { Readiness } from './health/readiness.service.js';
import { Idempotency } from './idempotency/idempotency.service.js';
import { serveDocs } from './openapi/docs.js';
import { KnownFieldsGuard } from './http/known-fields.guard.js';
import { RequestValidation } from './http/request-validation.js';
import { NestLogger, type Logger } from './logging/logger.js';
import { Metrics } from './metrics/metrics.service.js';

/** In-flight requests get this long to finish once the server takes no more connections, in milliseconds. */
const DRAIN_LIMIT = 5_000;
/** Of this time idle connections are kept so long, for a request that may be on its way, in milliseconds. */
const IDLE_GRACE = 1_000;

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
  serveDocs(app, config.publicUrl);
  try {
    await app.init();
    const unguarded = routes.unguarded();
    if (unguarded.length > 0) throw new Error(`These routes declare no access: ${unguarded.join(', ')}`);
  } catch (error) {
    await app.close();
    throw error;
  }
  const open = leftOpen(config);
  if (open !== undefined) logger.warn(open);
  return app;
}

/**
 * Stops serving. First it is not ready any more and goes on serving, each answer being the last of its connection; then it
 * takes no more connections, answers what is in flight, cuts off what takes too long, and closes the pool last.
 *
 * @param delay for how long it goes on serving, in seconds: until every load balancer has noticed. 0: nobody has to notice,
 *   and idle connections get no grace either
 */
export async function stopServer(app: NestFastifyApplication, delay = 0): Promise<void> {
  const { connections } = app.getHttpAdapter().getInstance();
  app.get(Readiness).stop();
  connections.leave();
  await sleep(delay * 1_000);
  await connections.close(delay > 0 ? IDLE_GRACE : 0, DRAIN_LIMIT);
  await app.close();
}

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
