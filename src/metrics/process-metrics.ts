import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';

/** How often the event loop's delay is sampled, in milliseconds. */
const RESOLUTION = 20;

/**
 * Registers the usual metrics of a process. prom-client's own default metrics start observers that cannot be stopped
 * (prometheus/client_js#500); these have the same names.
 * @returns a function that stops the collection
 */
export function collectProcessMetrics(register: Registry): () => void {
  const registers = [register];
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  delay.enable();
  gauge(
    'process_start_time_seconds',
    'Start time of the process since the Unix epoch in seconds.',
    () => startTime,
    'min',
  );
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  gauge(
    'nodejs_heap_size_used_bytes',
    'Used size of the JavaScript heap in bytes.',
    () => process.memoryUsage().heapUsed,
  );
  gauge(
    'nodejs_eventloop_lag_p99_seconds',
    '99th percentile of the event loop delay in seconds, since the last scrape.',
    () => {
      // The histogram holds the time between two samples, in nanoseconds.
      const late = Math.max(0, delay.percentile(99) / 1e9 - RESOLUTION / 1e3);
      delay.reset();
      return late;
    },
    'max',
  );
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  return () => {
    delay.disable();
  };

  /** @param aggregator how those of several processes of a server are taken together */
  function gauge(name: string, help: string, read: () => number, aggregator: 'sum' | 'min' | 'max' = 'sum'): void {
    new Gauge({
      name,
      help,
      aggregator,
      registers,
      collect() {
        this.set(read());
      },
    });
  }
}

const startTime = Math.floor(Date.now() / 1_000 - process.uptime());
