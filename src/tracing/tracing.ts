import type { Logger } from '../logging/logger.js';
import type { TraceParent } from './trace-parent.js';

/** What a span is of. Never a value of anybody: no path, no parameter, no address. */
export interface SpanOf {
  name: string;
  kind?: 'internal' | 'client';
  attributes: Record<string, string | number>;
  /** Whether it is a part of something that is traced, or is not made at all. */
  onlyWithin?: boolean;
}

export interface TracedWork {
  set(attributes: Record<string, string | number>): void;
  event(name: string): void;
  /** @param type a class of failures, such as an error code */
  fail(type: string): void;
}

/** The span of a request. */
export interface TracedRequest {
  traceId: string;
  /** For the answer. */
  traceParent: string;
  /** Runs what belongs to the request. */
  within<T>(work: () => T): T;
  end(status: number): void;
}

/** What OpenTelemetry does for the server, while the standard variables ask for it. */
export interface Tracing {
  request(method: string, route: string | undefined, parent: TraceParent | undefined): TracedRequest;
  /** Its failure is the span's, too. */
  span<T>(of: SpanOf, work: (span?: TracedWork) => Promise<T>): Promise<T>;
  /** The span that the caller works for. */
  current(): object | undefined;
  /** Work that is done at once for several, each of which it is linked with. */
  batch<T>(of: (object | undefined)[], work: () => Promise<T>): Promise<T>;
  /** What each line of the log has. */
  logFields(): Record<string, string>;
  /** Where what goes wrong with traces is told. */
  reportTo(logger: Logger): void;
  /** @returns whether everything was sent in time */
  stop(): Promise<boolean>;
}

type Environment = Record<string, string | undefined>;

/** Of the process, as the variables are. */
let active: Tracing | undefined;

/** @returns undefined: nothing is traced */
export const activeTracing = (): Tracing | undefined => active;

/** Whether the standard variables ask for traces. */
export function wantsTraces(env: Environment): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false;
  const exporter = env.OTEL_TRACES_EXPORTER?.trim();
  if (exporter === 'none') return false;
  return Boolean(exporter) || Boolean(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT);
}

/** Loads OpenTelemetry, if it is wanted. Before the server is made. */
export async function startTracing(env: Environment): Promise<Tracing | undefined> {
  if (!wantsTraces(env)) return undefined;
  const { OpenTelemetry } = await import('./open-telemetry.js');
  active = new OpenTelemetry(env);
  return active;
}

/** Does some work, in a span of its own if there are traces. */
export function traced<T>(of: SpanOf, work: (span?: TracedWork) => Promise<T>): Promise<T> {
  return active ? active.span(of, work) : work();
}
