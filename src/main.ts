import 'reflect-metadata';
import { once } from 'node:events';
import { ConfigError, loadConfig, type Config } from './config/config.js';
import { createLogger, type Logger } from './logging/logger.js';
import { start } from './start.js';

/** Kubernetes kills after 30 s; nothing here may take a third of it. In milliseconds. */
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

/** Aborts on the first SIGTERM or SIGINT. From then on the process has a limited time to end. */
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

// Whoever reads what we print may go away, which is no reason to end.
for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);

const config = readConfig();
const logger = createLogger(config.logLevel);
run(config, logger).catch((error: unknown) => {
  logger.fatal({ err: error }, error instanceof Error ? error.message : String(error));
  // What has failed may have left connections open, which would keep the process for a while.
  process.exit(1);
});
