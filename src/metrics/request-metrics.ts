import type { Registry } from 'prom-client';
import { register, type Sample } from './own-metric.js';

/** Seconds: from a token that is remembered to a password that waits to be hashed. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5];

interface RouteFigures {
  method: string;
  route: string;
  byStatus: Map<number, number>;
  /** How many requests took at most as long as the bucket, and longer than the one before; at last those over all. */
  byDuration: number[];
  seconds: number;
}

/**
 * Counts the requests by route. Not with prom-client's own metrics, which sort and join all labels for every request: here
 * that happens when the numbers are read.
 */
export class RequestMetrics {
  private readonly figures = new Map<string, Map<string, RouteFigures>>();

  constructor(registry: Registry) {
    register(registry, {
      name: 'latchkey_http_requests_total',
      help: 'Total number of HTTP requests by method, route pattern (none if no route matched) and status code.',
      type: 'counter',
      values: () =>
        this.all().flatMap(({ method, route, byStatus }) =>
          [...byStatus].map(([status, value]) => ({ labels: { method, route, status }, value })),
        ),
    });
    register(registry, {
      name: DURATIONS,
      help: 'Duration of HTTP requests in seconds by method and route pattern (none if no route matched).',
      type: 'histogram',
      values: () => this.all().flatMap(durationsOf),
    });
  }

  /** @param seconds how long it took to answer */
  count(method: string, route: string, status: number, seconds: number): void {
    const figures = this.of(method, route);
    figures.byStatus.set(status, (figures.byStatus.get(status) ?? 0) + 1);
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    const index = bucket === -1 ? BUCKETS.length : bucket;
    figures.byDuration[index] = (figures.byDuration[index] ?? 0) + 1;
    figures.seconds += seconds;
  }

  private of(method: string, route: string): RouteFigures {
    const known = this.figures.get(route)?.get(method);
    if (known) return known;
    const byDuration = Array<number>(BUCKETS.length + 1).fill(0);
    const made: RouteFigures = { method, route, byStatus: new Map(), byDuration, seconds: 0 };
    this.figures.set(route, (this.figures.get(route) ?? new Map<string, RouteFigures>()).set(method, made));
    return made;
  }

  private all(): RouteFigures[] {
    return [...this.figures.values()].flatMap((byMethod) => [...byMethod.values()]);
  }
}

const DURATIONS = 'latchkey_http_request_seconds';

/** The buckets of a histogram add up, as Prometheus has it. */
function durationsOf({ method, route, byDuration, seconds }: RouteFigures): Sample[] {
  const labels = { method, route };
  let count = 0;
  const buckets = byDuration.map((more, index) => {
    count += more;
    return { metricName: `${DURATIONS}_bucket`, labels: { ...labels, le: BUCKETS[index] ?? '+Inf' }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${DURATIONS}_sum`, labels, value: seconds },
    { metricName: `${DURATIONS}_count`, labels, value: count },
  ];
}
