import { wantsTraces } from '../tracing/tracing.js';
import { ok, warning, type Finding } from './doctor.finding.js';

/**
 * What the standard variables of OpenTelemetry ask for that is not done as they say. Its packages are loaded only if they ask for traces.
 *
 * @param env the process environment
 */
export async function checkTraces(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  if (!wantsTraces(env)) return [];
  const [{ exportersOf }, { samplerOf }] = await Promise.all([
    import('../tracing/exporters.js'),
    import('../tracing/sampler.js'),
  ]);
  const problems: string[] = [];
  const collect = (message: string) => void problems.push(message.replace(/^traces: /, ''));
  samplerOf(env, collect);
  for (const exporter of exportersOf(env, collect)) await exporter.shutdown();
  if (problems.length === 0) return [ok('traces', 'The variables of OpenTelemetry (OTEL_*) can be read.')];
  return problems.map((problem) =>
    warning('traces', `${sentence(problem)}.`, 'Correct the variable; docs/tracing.md has all of them.'),
  );
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
