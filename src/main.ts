import 'reflect-metadata';
import { once } from 'node:events';
import { ConfigError, loadConfig, type Config } from './config/config.js';
import { createLogger, type Logger } from './logging/logger.js';
import { start } from './start.js';

/** How long stopping may take, in milliseconds: well below the 30 s after which Kubernetes kills. */
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

/** Aborts on the first SIGTERM or SIGINT, and ends the process if stopping takes too long. */
function stopSignal(logger: Logger): AbortSignal {
  const controller = new AbortController();
  const stop = (name: string) => {
    if (controller.signal.aborted) return;
    logger.info(`stopping on ${name}`);
    setTimeout(() => {
      logger.error('stopping took too long');
      process.exit(1);
    }, STOP_LIMIT).unref();
    controller.abort();
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  return controller.signal;
}

async function run(config: Config, logger: Logger): Promise<void> {
  const stopping = stopSignal(logger);
  const server = await start(config, logger, (text) => process.stdout.write(text), stopping).catch((error: unknown) => {
    if (stopping.aborted && error === stopping.reason) return undefined;
    throw describe('could not start', error);
  });
  if (server) {
    if (!stopping.aborted) await once(stopping, 'abort');
    await server.stop().catch((error: unknown) => {
      throw describe('could not stop', error);
    });
  }
  logger.info('stopped');
}

function describe(what: string, cause: unknown): Error {
  return new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}

// A closed pipe must not end the process.
for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);

const config = readConfig();
const logger = createLogger(config.logLevel);
run(config, logger).catch((error: unknown) => {
  logger.fatal({ err: error }, error instanceof Error ? error.message : String(error));
  // Connections that are still open would keep the process alive.
  process.exit(1);
});
