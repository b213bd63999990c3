import type { Context, Link } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace';

/**
 * The sampler of OTEL_TRACES_SAMPLER. What is linked with others, a batch, is there if they are, as only those that are
 * recorded are linked.
 */
export function samplerOf(env: Record<string, string | undefined>, warn: (message: string) => void): Sampler {
  const name = env.OTEL_TRACES_SAMPLER?.trim() ?? '';
  const root = rootOf(name.replace(/^parentbased_/, ''), env.OTEL_TRACES_SAMPLER_ARG);
  if (name.endsWith('traceidratio') && !isRatio(env.OTEL_TRACES_SAMPLER_ARG))
    warn('traces: OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1: 1 is used');
  if (root === undefined) warn(`traces: a value of OTEL_TRACES_SAMPLER is not known: parentbased_always_on is used`);
  const known = root ?? new AlwaysOnSampler();
  const isPlain = root !== undefined && name !== '' && !name.startsWith('parentbased_');
  const sampler = isPlain ? known : new ParentBasedSampler({ root: known });
  return {
    shouldSample: (context: Context, ...rest) => {
      const links: Link[] = rest[4];
      if (links.length > 0) return { decision: SamplingDecision.RECORD_AND_SAMPLED };
      return sampler.shouldSample(context, ...rest);
    },
    toString: () => sampler.toString(),
  };
}

function rootOf(name: string, argument = ''): Sampler | undefined {
  const ratio = argument !== '' && isRatio(argument) ? Number(argument) : 1;
  const samplers: Record<string, () => Sampler> = {
    '': () => new AlwaysOnSampler(),
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  return samplers[name]?.();
}

/** Of OTEL_TRACES_SAMPLER_ARG: unset is 1. */
function isRatio(argument = ''): boolean {
  const ratio = Number(argument);
  return argument === '' || (ratio >= 0 && ratio <= 1);
}
