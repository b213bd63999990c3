import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Config } from '../config/config.js';
import { OPERATORS_PATHS } from '../config/doors.js';
import { badRequest, type ApiError } from '../errors/api-error.js';
import { stopping, wrongMethod } from '../errors/common-errors.js';
import { answerError } from '../errors/error.filter.js';
import { pathOf } from '../errors/request-path.js';
import { brandOf } from '../html/brand.js';
import { Pages } from '../html/pages.js';
import { lazyChild } from '../logging/lazy-child.js';
import type { Logger } from '../logging/logger.js';
import { plainLines } from '../logging/plain-lines.js';
import { limitBodies, readBodies } from './body.js';
import { canonicalAddress } from './client-address.js';
import { describeCredential } from './credential-log.js';
import { CONNECTION_LIMITS, Connections, type ConnectionLimits } from './connections.js';
import { rememberRequests } from './current-request.js';
import { keepDoors } from './doors.js';
import { etagOf } from './etag.js';
import { bareHeaders } from './parser-errors.js';
import { refuseQuery } from './percent-encoding.js';
import { refuseHead } from './request-head.js';
import { routeOf } from './route-of.js';
import { RouteTable } from './routes.js';
import { traceOf, traceRequests } from './trace-requests.js';

/** Long enough for 255 characters of four bytes, percent-encoded. */
export const LONGEST_PARAMETER = 4_096;

/** Routes that are polled every few seconds, and are logged at the level `debug`. */
const QUIET_ROUTES: string[] = [...OPERATORS_PATHS.probes, ...OPERATORS_PATHS.metrics];

/** Fastify as Latchkey uses it, the table of the routes that it will serve, and its connections. */
export function createAdapter(
  config: Config,
  logger: Logger,
  limits: Partial<ConnectionLimits> = {},
): { adapter: FastifyAdapter; routes: RouteTable; connections: Connections } {
  const protecting = bareHeaders(config.publicUrl);
  const connections = new Connections({ ...CONNECTION_LIMITS, ...limits }, protecting);
  const adapter = new FastifyAdapter({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: (raw: IncomingMessage) => acceptedRequestId(raw.headers['x-request-id']) ?? randomUUID(),
    trustProxy: trustedProxies(config.trustProxy),
    serverFactory: (handle: RequestListener) => connections.createServer(handle),
    // `Connections` does that.
    clientErrorHandler: () => undefined,
    return503OnClosing: false,
    // There is no middleware, and what would run it costs every request.
    skipMiddie: true,
    childLoggerFactory: lazyChild(traceOf),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: LONGEST_PARAMETER },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      // Hooks do not run for these.
      void reply.headers({ ...protecting, 'x-request-id': request.id });
      if (refuseHead(request.raw)) void reply.header('connection', 'close');
      answerError(isBadUrl(error) ? badRequest('The path is not percent-encoded UTF-8.') : error, request, reply);
    },
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  fastify.decorate('pages', new Pages(brandOf(config)));
  const others = config.otherDoors.map(({ door }) => door);
  if (others.length > 0) keepDoors(fastify, others, connections);
  const routes = new RouteTable(others);
  routes.watch(fastify);
  limitBodies(fastify, config.bodyLimit);
  traceRequests(fastify, (route) => QUIET_ROUTES.includes(route ?? ''));
  addHooks(fastify, config, routes, { connections, protecting });
  logRequests(fastify, logger);
  readBodies(fastify);
  rememberRequests(fastify);
  outliveRefusedConnections(fastify);
  return { adapter, routes, connections };
}

const isBadUrl = (error: Error) => (error as FastifyError).code === 'FST_ERR_BAD_URL';

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

interface Surroundings {
  connections: Connections;
  /** The headers that protect browsers. */
  protecting: Record<string, string>;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** Those of {@link Surroundings.protecting} that say something to a browser about data. */
const FOR_DATA = ['content-security-policy', 'strict-transport-security', 'x-content-type-options', 'x-frame-options'];

function addHooks(
  fastify: FastifyInstance,
  config: Config,
  routes: RouteTable,
  { connections, protecting }: Surroundings,
): void {
  let warned = false;
  const protect = protector(protecting);
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    if (!warned && hasIgnoredForwardedHeader(request, config)) {
      warned = true;
      request.log.warn('a forwarded header from a client that TRUST_PROXY does not list was ignored (reported once)');
    }
    if (connections.isClosing) {
      void reply.header('connection', 'close');
      done(stopping());
      return;
    }
    const refusal = refuseHead(request.raw);
    if (refusal) void reply.header('connection', 'close');
    if (!refusal && request.method === 'OPTIONS' && request.url === '*')
      answerForAll(request, reply, routes, connections);
    else done(refusal ?? refuseUrl(request, routes, connections));
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    protect(reply);
    done(null, payload instanceof Readable ? tieToConnection(request, payload) : setCaching(request, reply, payload));
  });
}

function logRequests(fastify: FastifyInstance, logger: Logger): void {
  const log = plainLines(logger);
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = routeOf(request).url ?? null;
    const level = QUIET_ROUTES.includes(route ?? '') ? 'debug' : 'info';
    log[level](
      {
        request_id: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        address: canonicalAddress(request.ip) ?? null,
        ...describeCredential(request),
        ...traceOf(request.raw),
      },
      'request',
    );
    done();
  });
}

/** `OPTIONS *` asks about the server as a whole (RFC 9110 section 9.3.7). */
function answerForAll(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  routes: RouteTable,
  connections: Connections,
): void {
  const methods = [...routes.methodsBehind(connections.doorOf(raw.socket)), 'OPTIONS'];
  void reply.code(204).header('allow', methods.join(', ')).send();
}

function hasIgnoredForwardedHeader(request: FastifyRequest, { trustProxy }: Config): boolean {
  const forwarded = request.headers['x-forwarded-for'] !== undefined;
  return forwarded && (trustProxy === false || (request.ips?.length ?? 0) < 2);
}

function refuseUrl(request: FastifyRequest, routes: RouteTable, connections: Connections): ApiError | undefined {
  if (request.url.includes('%00')) return badRequest('The URL contains a NUL character.');
  if (!request.is404) return refuseQuery(request.url);
  const methods = routes.methodsOf(pathOf(request.url), connections.doorOf(request.raw.socket));
  if (methods.length === 0) return undefined;
  return wrongMethod(methods);
}

/**
 * @returns what adds the headers that protect browsers to an answer, unless it has its own. Data that was asked for and given,
 *   most of what is answered, needs few: no browser shows it as a page, once it does not guess what it is
 */
function protector(protecting: Record<string, string>): (reply: FastifyReply) => void {
  const names = Object.keys(protecting);
  const namesForData = names.filter((name) => FOR_DATA.includes(name));
  return (reply) => {
    const isData = reply.statusCode < 300 && reply.getHeader('content-type') === JSON_TYPE;
    for (const name of isData ? namesForData : names) {
      if (!reply.hasHeader(name)) void reply.header(name, protecting[name]);
    }
  };
}

/** A stream ends with the connection of whoever asked for it, however far its answer has got. */
function tieToConnection({ method, raw: { socket } }: FastifyRequest, stream: Readable): Readable {
  if (socket.destroyed || method === 'HEAD') {
    stream.destroy();
    return Readable.from([]);
  }
  const end = () => stream.destroy();
  socket.once('close', end);
  stream.once('close', () => socket.off('close', end));
  return stream;
}

/** A plain GET may be kept and asked for again with its ETag (RFC 9110 section 8.8.3); nothing else is kept. */
function setCaching(request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  const plain = (request.method === 'GET' || request.method === 'HEAD') && reply.statusCode === 200;
  if (!reply.hasHeader('cache-control')) {
    void reply.header('cache-control', plain ? 'private, no-cache' : 'no-store');
  }
  if (!plain || String(reply.getHeader('cache-control')).includes('no-store')) return payload;
  const etag = reply.getHeader('etag')?.toString() ?? (typeof payload === 'string' ? etagOf(payload) : undefined);
  if (etag === undefined) return payload;
  void reply.header('etag', etag);
  if (!matches(request.headers['if-none-match'], etag)) return payload;
  void reply.code(304).removeHeader('content-length');
  return '';
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch === '*' || (ifNoneMatch ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
