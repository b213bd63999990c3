import type { Registry } from 'prom-client';

/** One number of a metric. */
export interface Sample {
  /** Where it is not that of the metric: of a histogram's parts. */
  metricName?: string;
  labels: Record<string, string | number>;
  value: number;
}

/** A metric that is read when somebody asks for it. */
export interface OwnMetric {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** How the numbers of several processes of one server become one. Absent: by adding them. */
  aggregator?: 'sum' | 'min' | 'max' | 'average' | 'first';
  /** No samples: nothing is known. */
  values: () => Sample[] | Promise<Sample[]>;
}

/**
 * Registers a metric that prom-client only shows. Its own metrics sort and join all labels whenever something is counted; here that
 * happens when the numbers are read.
 */
export function register(registry: Registry, { values, aggregator = 'sum', ...metric }: OwnMetric): void {
  const read = async () => ({ ...metric, aggregator, values: await values() });
  registry.registerMetric({ ...metric, get: read } as never);
}
