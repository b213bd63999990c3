import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { ConsoleSpanExporter, type SpanExporter } from '@opentelemetry/sdk-trace';

type Environment = Record<string, string | undefined>;

/** The exporters of OTEL_TRACES_EXPORTER; they read their endpoint, headers, certificates and limits from the standard variables. */
export function exportersOf(env: Environment, warn: (message: string) => void): SpanExporter[] {
  const names = (env.OTEL_TRACES_EXPORTER ?? 'otlp').split(',').map((name) => name.trim());
  const exporters = names.flatMap((name) => {
    if (name === 'otlp') return [reporting(otlpExporter(env, warn), warn)];
    if (name === 'console') return [new ConsoleSpanExporter()];
    if (name !== 'none' && name !== '')
      warn('traces: a value of OTEL_TRACES_EXPORTER is not known: use otlp, console or none');
    return [];
  });
  return exporters;
}

function otlpExporter(env: Environment, warn: (message: string) => void): SpanExporter {
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL ?? 'http/protobuf';
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint && !(URL.canParse(endpoint) && /^https?:/.test(endpoint))) {
    warn(
      'traces: the OTLP endpoint that is set is no URL that starts with http:// or https://: traces do not reach it',
    );
  }
  if (protocol === 'http/json') return new JsonExporter();
  if (protocol !== 'http/protobuf') {
    warn('traces: the OTLP protocol that is set is not spoken: http/protobuf is used (http/json is the other one)');
  }
  return new ProtobufExporter();
}

/** Tells the first of several failures, and the first success after it. What could not be sent is lost. */
function reporting(exporter: SpanExporter, warn: (message: string) => void): SpanExporter {
  let isFailing = false;
  return {
    export: (spans, done) => {
      exporter.export(spans, (result) => {
        const failed = result.code !== ExportResultCode.SUCCESS;
        if (failed && !isFailing) warn(`traces cannot be exported: ${reasonOf(result.error)}`);
        if (!failed && isFailing) warn('traces are exported again');
        isFailing = failed;
        done({ code: ExportResultCode.SUCCESS });
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

function reasonOf(error: Error | undefined): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
  return [message, typeof code === 'string' || typeof code === 'number' ? `(${code})` : ''].join(' ').trim();
}
