import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { AppModule, type ServerOptions } from './app.module.js';
import { ErrorFilter } from './errors/error.filter.js';
import { Refusals } from './guards/refusals.service.js';
import { createAdapter } from './http/adapter.js';
import { Readiness } from './health/readiness.service.js';
import { serveDocs } from './openapi/docs.js';
import { bodyValidation } from './http/validation.js';
import { NestLogger, type Logger } from './logging/logger.js';
import { Metrics } from './metrics/metrics.service.js';

/** In-flight requests get this long to finish when the server stops, in milliseconds. */
const DRAIN_LIMIT = 4_000;

/**
 * Builds a server that is ready to listen.
 *
 * @throws when a route declares no guard, the database is away, or the signing keys cannot be read
 */
export async function createServer(options: ServerOptions, logger: Logger): Promise<NestFastifyApplication> {
  const { config } = options;
  const { adapter, routes } = createAdapter(config, logger);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(options), adapter, {
    logger: new NestLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  app.get(Metrics).watch(adapter.getInstance<FastifyInstance>());
  app.useGlobalPipes(bodyValidation());
  const refusals = app.get(Refusals);
  app.useGlobalFilters(new ErrorFilter((request, thrown) => refusals.note(request, thrown)));
  app.useSecurityHeaders(securityHeaders(config.publicUrl));
  if (config.corsOrigins.length > 0) app.enableCors(corsOptions(config.corsOrigins));
  serveDocs(app, config.publicUrl);
  try {
    await app.init();
    const unguarded = routes.unguarded();
    if (unguarded.length > 0) throw new Error(`These routes declare no guard: ${unguarded.join(', ')}`);
  } catch (error) {
    await app.close();
    throw error;
  }
  return app;
}

/** Stops serving: answers what is in flight, cuts off what takes too long, and closes the pool last. */
export async function stopServer(app: NestFastifyApplication): Promise<void> {
  app.get(Readiness).stop();
  await drain(app);
  await app.close();
}

/** Closes the listener before anything that requests in flight may need. */
async function drain(app: NestFastifyApplication): Promise<void> {
  const http = app.getHttpServer();
  const cutOff = setTimeout(() => {
    http.closeAllConnections();
  }, DRAIN_LIMIT);
  // What was in flight is answered on a connection that is then kept for the next request.
  const closeIdle = setInterval(() => {
    http.closeIdleConnections();
  }, 50);
  try {
    await app.getHttpAdapter().close();
  } finally {
    clearTimeout(cutOff);
    clearInterval(closeIdle);
  }
}

function corsOptions(origin: string[]) {
  return {
    origin,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['ETag', 'Link', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
    maxAge: 600,
    strictPreflight: false,
  };
}

function securityHeaders(publicUrl: string) {
  return {
    contentSecurityPolicy: {
      directives: {
        'upgrade-insecure-requests': null,
        'frame-ancestors': ["'none'"],
      },
    },
    xFrameOptions: { action: 'deny' as const },
    strictTransportSecurity: publicUrl.startsWith('https:'),
  };
}
