import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { LogController, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import { badRequest, type ApiError } from '../errors/api-error.js';
import { wrongMethod } from '../errors/common-errors.js';
import { answerError } from '../errors/error.filter.js';
import type { Logger } from '../logging/logger.js';
import { readBodies } from './body.js';
import { rememberRequests } from './current-request.js';
import { RouteTable } from './routes.js';

/** Long enough for 255 characters of four bytes, percent-encoded. */
const MAX_PARAMETER = 4_096;

/** Routes that are polled every few seconds, and are logged at the level `debug`. */
const QUIET_ROUTES = ['/healthz', '/readyz', '/metrics'];

/** @returns Fastify, configured, and the table of the routes that it will serve */
export function createAdapter(config: Config, logger: Logger): { adapter: FastifyAdapter; routes: RouteTable } {
  const adapter = new FastifyAdapter({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: (raw: IncomingMessage) => acceptedRequestId(raw.headers['x-request-id']) ?? randomUUID(),
    bodyLimit: config.bodyLimit,
    trustProxy: trustedProxies(config.trustProxy),
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAMETER },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      // Hooks do not run for these.
      void reply.headers({
        'x-request-id': request.id,
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      });
      answerError(error, request, reply);
    },
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  const routes = new RouteTable();
  routes.watch(fastify);
  readBodies(fastify);
  rememberRequests(fastify);
  addHooks(fastify, config, routes);
  outliveRefusedConnections(fastify);
  return { adapter, routes };
}

/** Accepting a connection may fail, for instance for lack of memory; the next one may succeed. */
function outliveRefusedConnections(fastify: FastifyInstance): void {
  fastify.addHook('onListen', (done) => {
    fastify.server.on('error', (error) => {
      fastify.log.warn({ err: error }, 'a connection could not be accepted');
    });
    done();
  });
}

/** Fastify accepts networks as they are, but needs a function for a number of hops. */
function trustedProxies(setting: Config['trustProxy']) {
  return typeof setting === 'number' ? (_address: string, hop: number) => hop < setting : setting;
}

/** A client's request id is kept if it is safe to repeat in headers and logs. */
function acceptedRequestId(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value) ? value : undefined;
}

function addHooks(fastify: FastifyInstance, config: Config, routes: RouteTable): void {
  let warned = false;
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    if (!warned && hasIgnoredForwardedHeader(request, config)) {
      warned = true;
      request.log.warn('a forwarded header from a client that TRUST_PROXY does not list was ignored (reported once)');
    }
    done(refuseUrl(request, routes));
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    done(null, setCaching(request, reply, payload));
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? null;
    const level = QUIET_ROUTES.includes(route ?? '') ? 'debug' : 'info';
    request.log[level](
      {
        method: request.method,
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        address: request.ip,
      },
      'request',
    );
    done();
  });
}

function hasIgnoredForwardedHeader(request: FastifyRequest, { trustProxy }: Config): boolean {
  const forwarded = request.headers['x-forwarded-for'] !== undefined;
  return forwarded && (trustProxy === false || (request.ips?.length ?? 0) < 2);
}

function refuseUrl(request: FastifyRequest, routes: RouteTable): ApiError | undefined {
  if (request.url.includes('%00')) return badRequest('The URL contains a NUL character.');
  if (!request.is404) return undefined;
  const methods = routes.methodsOf(request.url.split('?', 1)[0] ?? '/');
  if (methods.length === 0) return undefined;
  return wrongMethod(methods);
}

/** A successful GET may be cached and revalidated by its ETag (RFC 9110 section 8.8.3); nothing else may. */
function setCaching(request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  const plain = (request.method === 'GET' || request.method === 'HEAD') && reply.statusCode === 200;
  if (!reply.hasHeader('cache-control')) {
    void reply.header('cache-control', plain ? 'private, no-cache' : 'no-store');
  }
  if (!plain || typeof payload !== 'string' || String(reply.getHeader('cache-control')).includes('no-store'))
    return payload;
  const etag = `"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`;
  void reply.header('etag', etag);
  if (!matches(request.headers['if-none-match'], etag)) return payload;
  void reply.code(304).removeHeader('content-length');
  return '';
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch === '*' || (ifNoneMatch ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
