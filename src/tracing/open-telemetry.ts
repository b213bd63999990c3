import { AsyncLocalStorage } from 'node:async_hooks';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type Span } from '@opentelemetry/api';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { VERSION } from '../config/version.js';
import type { Logger } from '../logging/logger.js';
import { exportersOf } from './exporters.js';
import { samplerOf } from './sampler.js';
import type { TraceParent } from './trace-parent.js';
import type { SpanOf, TracedRequest, TracedWork, Tracing } from './tracing.js';

/** How long stopping waits for the last spans to be sent, in milliseconds. */
const FLUSH_LIMIT = 2_000;

/** Those of RFC 9110 and RFC 5789; others are one, as a client may make up any number. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE'];

/** The only module that loads OpenTelemetry's packages, with the two beside it. */
export class OpenTelemetry implements Tracing {
  private readonly spans = new AsyncLocalStorage<Span>();
  private readonly provider: TracerProvider;
  private readonly ignoresParents: boolean;
  private logger: Logger | undefined;
  private readonly early: string[] = [];

  constructor(env: Record<string, string | undefined>) {
    const exporters = exportersOf(env, (message) => {
      this.warn(message);
    });
    const own = resourceFromAttributes({ 'service.name': 'latchkey', 'service.version': VERSION });
    this.provider = new TracerProvider({
      resource: defaultResource()
        .merge(own)
        .merge(detectResources({ detectors: [envDetector] })),
      sampler: samplerOf(env, (message) => {
        this.warn(message);
      }),
      spanProcessors: exporters.map((exporter) => new BatchSpanProcessor({ exporter })),
    });
    const propagators = (env.OTEL_PROPAGATORS ?? 'tracecontext').split(',').map((name) => name.trim());
    this.ignoresParents = !propagators.includes('tracecontext');
  }

  reportTo(logger: Logger): void {
    this.logger = logger;
    for (const message of this.early.splice(0)) logger.warn(message);
  }

  request(method: string, route: string | undefined, parent: TraceParent | undefined): TracedRequest {
    const verb = METHODS.includes(method) ? method : '_OTHER';
    const shown = verb === '_OTHER' ? 'HTTP' : verb;
    const attributes = { 'http.request.method': verb, ...(route !== undefined && { 'http.route': route }) };
    const name = route === undefined ? shown : `${shown} ${route}`;
    const span = this.tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, this.contextOf(parent));
    const { traceId, spanId, traceFlags } = span.spanContext();
    return {
      traceId,
      traceParent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
      within: (work) => this.spans.run(span, work),
      end: (status) => {
        span.setAttribute('http.response.status_code', status);
        if (status >= 500) failed(span, String(status));
        span.end();
      },
    };
  }

  span<T>({ name, kind, attributes, onlyWithin = false }: SpanOf, work: (span?: TracedWork) => Promise<T>): Promise<T> {
    const parent = this.spans.getStore();
    if (onlyWithin && !parent) return work();
    const spanKind = kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL;
    const context = parent ? trace.setSpan(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
    return this.finish(this.tracer.startSpan(name, { kind: spanKind, attributes }, context), work);
  }

  current(): object | undefined {
    return this.spans.getStore();
  }

  batch<T>(of: (object | undefined)[], work: () => Promise<T>): Promise<T> {
    const spans = of.filter((one) => one !== undefined).filter((one) => (one as Span).isRecording()) as Span[];
    if (spans.length === 0) return work();
    const links = spans.map((span) => ({ context: span.spanContext() }));
    const attributes = { 'latchkey.batch.size': of.length };
    const batch = this.tracer.startSpan('batch', { root: true, links, attributes }, ROOT_CONTEXT);
    for (const span of spans) span.addLink({ context: batch.spanContext() });
    return this.finish(batch, work);
  }

  logFields(): Record<string, string> {
    const span = this.spans.getStore();
    return span ? { trace_id: span.spanContext().traceId } : {};
  }

  async stop(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, FLUSH_LIMIT, false)));
    const sent = this.provider.shutdown().then(
      () => true,
      () => false,
    );
    const inTime = await Promise.race([sent, late]);
    clearTimeout(timer);
    return inTime;
  }

  private get tracer() {
    return this.provider.getTracer('latchkey', VERSION);
  }

  private contextOf(parent: TraceParent | undefined): Context {
    if (!parent || this.ignoresParents) return ROOT_CONTEXT;
    const { traceId, spanId, flags } = parent;
    return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags & 1, isRemote: true });
  }

  private async finish<T>(span: Span, work: (span: TracedWork) => Promise<T>): Promise<T> {
    const handle: TracedWork = {
      set: (attributes) => span.setAttributes(attributes),
      event: (name) => span.addEvent(name),
      fail: (type) => {
        failed(span, type);
      },
    };
    try {
      return await this.spans.run(span, () => work(handle));
    } catch (error) {
      failed(span, typeOf(error));
      throw error;
    } finally {
      span.end();
    }
  }

  private warn(message: string): void {
    if (this.logger) this.logger.warn(message);
    else this.early.push(message);
  }
}

/** Without what the error says: that may repeat what a client has sent. */
function failed(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** A code, such as PostgreSQL's, or the name of its class. */
function typeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code === 'string' && /^[\w.]{1,40}$/.test(code)) return code;
  return error instanceof Error ? error.constructor.name : typeof error;
}
