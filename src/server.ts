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

/** How long requests in flight may take when the server stops, in milliseconds. */
const DRAIN_LIMIT = 4_000;

/**
 * Builds a server that is ready to listen.
 *
 * @throws when a route declares no access, the database is unavailable, or the signing keys cannot be decrypted
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
    if (unguarded.length > 0) throw new Error(`These routes declare no access: ${unguarded.join(', ')}`);
  } catch (error) {
    await app.close();
    throw error;
  }
  return app;
}

/** Stops serving: finishes requests in flight, cuts off those that take too long, and closes the pool last. */
export async function stopServer(app: NestFastifyApplication): Promise<void> {
  app.get(Readiness).stop();
  await drain(app);
  await app.close();
}

/** Closes the listener, before anything that requests in flight may need is closed. */
async function drain(app: NestFastifyApplication): Promise<void> {
  const http = app.getHttpServer();
  const cutOff = setTimeout(() => {
    http.closeAllConnections();
  }, DRAIN_LIMIT);
  // Connections stay open for the next request after those in flight have been answered.
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
