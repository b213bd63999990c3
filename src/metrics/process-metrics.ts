import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** How often the event loop's delay is sampled, in milliseconds. */
const RESOLUTION = 50;
const DELAYS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/**
 * Registers the usual metrics of a process. prom-client's own default metrics start observers that cannot be stopped
 * (prometheus/client_js#500); these have the same names.
 * @returns a function that stops the collection
 */
export function collectProcessMetrics(register: Registry): () => void {
  const registers = [register];
  const delays = new Histogram({
    name: 'nodejs_eventloop_delay_seconds',
    help: 'How late a timer is: for how long something that is due waits for the event loop, in seconds.',
    buckets: DELAYS,
    registers,
  });
  const stop = sampleDelay((seconds) => {
    delays.observe(seconds);
  });
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
  return stop;

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

/** @returns a function that ends it */
function sampleDelay(observe: (seconds: number) => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = () => {
    const due = performance.now() + RESOLUTION;
    timer = setTimeout(() => {
      observe(Math.max(0, performance.now() - due) / 1_000);
      wait();
    }, RESOLUTION).unref();
  };
  wait();
  return () => {
    clearTimeout(timer);
  };
}

const startTime = Math.floor(Date.now() / 1_000 - process.uptime());
