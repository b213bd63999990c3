import { expect, it } from '@jest/globals';
import { checkTraces } from './doctor-traces.js';

const OTLP = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

it('says nothing of traces that nobody has asked for', async () => {
  expect(await checkTraces({ OTEL_TRACES_SAMPLER: 'sometimes' })).toEqual([]);
});

it('finds nothing wrong with variables as OpenTelemetry specifies them', async () => {
  const env = { ...OTLP, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' };
  expect(await checkTraces(env)).toMatchObject([{ check: 'traces', state: 'ok' }]);
});

it.each([
  ['exporter', { OTEL_TRACES_EXPORTER: 'otlp,zipkin' }, /OTEL_TRACES_EXPORTER is not known/],
  ['protocol', { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /protocol that is set is not spoken/],
  ['endpoint without a scheme', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /endpoint that is set is no URL/],
  ['endpoint that is no URL', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://' }, /endpoint that is set is no URL/],
  ['sampler', { OTEL_TRACES_SAMPLER: 'sometimes' }, /OTEL_TRACES_SAMPLER is not known/],
  ...['2', '-1', 'half', 'NaN'].map((ratio) => [
    `ratio of ${ratio}`,
    { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: ratio },
    /OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1: 1 is used/,
  ]),
] as [string, Record<string, string>, RegExp][])('warns of an unknown %s', async (_what, env, message) => {
  const findings = await checkTraces({ ...OTLP, ...env });
  expect(findings).toMatchObject([{ check: 'traces', state: 'warning' }]);
  expect(findings[0]?.message).toMatch(message);
});
