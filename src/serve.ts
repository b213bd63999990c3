import 'reflect-metadata';
import { once } from 'node:events';
import { ConfigError, loadConfig, type Config } from './config/config.js';
import { saveMemory } from './config/memory.js';
import { createLogger, type Logger } from './logging/logger.js';
import type { RunningServer } from './prepare.js';
import { onStopSignal } from './signals.js';
import { startTracing } from './tracing/tracing.js';

/** From the end of SHUTDOWN_DELAY on. Kubernetes kills 30 s after SIGTERM, which leaves room for the delay. In milliseconds. */
const STOP_LIMIT = 9_000;

function readConfig(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

interface Stop {
  /** Aborts on the first SIGTERM, SIGHUP or SIGINT. */
  signal: AbortSignal;
  /** For how long the server is to go on serving after that, in seconds: whoever sits at a terminal need not wait. */
  delay: number;
}

/** Listens for signals. The first gives the process a limited time to end, a second ends it at once. */
function stopOnSignal({ shutdownDelay }: Config, logger: Logger): Stop {
  const controller = new AbortController();
  const stop: Stop = { signal: controller.signal, delay: 0 };
  const onFirst = (name: string) => {
    stop.delay = name === 'SIGINT' ? 0 : shutdownDelay;
    logger.info(`stopping on ${name}${stop.delay > 0 ? ` after ${stop.delay} s` : ''}`);
    setTimeout(
      () => {
        logger.error('stopping took too long');
        process.exit(1);
      },
      stop.delay * 1_000 + STOP_LIMIT,
    ).unref();
    controller.abort();
  };
  onStopSignal(onFirst, (name) => {
    logger.warn(`ended by a second signal, ${name}`);
    process.exit(1);
  });
  return stop;
}

/** What starts several workers needs none of what they load. */
async function start(config: Config, logger: Logger, stopping: AbortSignal): Promise<RunningServer> {
  if (config.workers > 1) return (await import('./primary.js')).startWorkers(config, logger, stopping);
  return (await import('./start.js')).start(config, logger, (text) => process.stdout.write(text), stopping);
}

const forever = new Promise<never>(() => undefined);

async function run(config: Config, logger: Logger): Promise<void> {
  const stop = stopOnSignal(config, logger);
  const { signal: stopping } = stop;
  const server = await start(config, logger, stopping).catch((error: unknown) => {
    if (stopping.aborted && error === stopping.reason) return undefined;
    throw describe('could not start', error);
  });
  if (server) {
    if (!stopping.aborted) await Promise.race([once(stopping, 'abort'), server.failed ?? forever]);
    await server.stop(stop.delay).catch((error: unknown) => {
      throw describe('could not stop', error);
    });
  }
  logger.info('stopped');
}

function describe(what: string, cause: unknown): Error {
  return new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}

/** Serves until a signal ends it. A failure ends the process, with 1. */
export async function serve(): Promise<void> {
  saveMemory();
  // A closed pipe must not end the process.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  const config = readConfig();
  // Several workers do so themselves.
  const tracing = config.workers > 1 ? undefined : await startTracing(process.env);
  const fields = tracing && (() => tracing.logFields());
  const logger = createLogger(config.logLevel, undefined, { format: config.logFormat, fields });
  tracing?.reportTo(logger);
  await run(config, logger).catch((error: unknown) => {
    logger.fatal({ err: error }, error instanceof Error ? error.message : String(error));
    // Connections that are still open would keep the process alive.
    process.exit(1);
  });
  // What is being sent still would keep the process alive.
  if (tracing && !(await tracing.stop())) process.exit(0);
}
