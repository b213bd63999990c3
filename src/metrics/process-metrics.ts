import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';

/** How often the event loop is looked at, in milliseconds. */
const RESOLUTION = 20;

/**
 * Puts what is usually asked of a process into a registry. prom-client's own default metrics start observers that cannot
 * be stopped (prometheus/client_js#500); these have the same names.
 *
 * @returns stops what it has started
 */
export function collectProcessMetrics(register: Registry): () => void {
  const registers = [register];
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  delay.enable();
  gauge('process_start_time_seconds', 'When the process started, in seconds since 1970.', () => startTime);
  gauge('process_resident_memory_bytes', 'Resident memory of the process, in bytes.', () => process.memoryUsage.rss());
  gauge('nodejs_heap_size_used_bytes', 'Memory used by JavaScript, in bytes.', () => process.memoryUsage().heapUsed);
  gauge('nodejs_eventloop_lag_p99_seconds', 'Delay of the event loop, in seconds.', () => {
    // It measures from one look to the next, in nanoseconds.
    const late = Math.max(0, delay.percentile(99) / 1e9 - RESOLUTION / 1e3);
    delay.reset();
    return late;
  });
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total CPU time of the process, in seconds.',
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

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }
}

const startTime = Math.floor(Date.now() / 1_000 - process.uptime());
