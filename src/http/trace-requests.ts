import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { activeTracing, type TracedRequest } from '../tracing/tracing.js';
import { routeOf } from './route-of.js';
import { parseTraceParent } from '../tracing/trace-parent.js';

const traced = new WeakMap<IncomingMessage, TracedRequest>();

/** Gives each request a span while there are traces; without them it costs nothing. Before the other hooks. */
export function traceRequests(fastify: FastifyInstance, isQuiet: (route: string | undefined) => boolean): void {
  const tracing = activeTracing();
  if (!tracing) return;
  fastify.addHook('onRequest', (request, reply, done) => {
    const route = routeOf(request).url;
    if (isQuiet(route)) {
      done();
      return;
    }
    const span = tracing.request(request.method, route, parseTraceParent(request.headers.traceparent));
    traced.set(request.raw, span);
    void reply.header('traceparent', span.traceParent);
    span.within(done);
  });
  // After the body has been read, which happens in another asynchronous context.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const span = traced.get(request.raw);
    if (span) span.within(done);
    else done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    traced.get(request.raw)?.end(reply.statusCode);
    done();
  });
}

/** @returns the trace of a request, for the log: its own, or without traces the one that it says to be a part of */
export function traceOf(raw: IncomingMessage): { trace_id: string } | undefined {
  const span = activeTracing() && traced.get(raw);
  if (span) return { trace_id: span.traceId };
  const { traceparent } = raw.headers;
  const parent = traceparent === undefined ? undefined : parseTraceParent(traceparent);
  return parent && { trace_id: parent.traceId };
}
