import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Config } from './config/config.js';
import { doorsOf, type DoorAddress } from './config/doors.js';
import { bootstrap } from './first-credentials.js';
import { openDoor } from './http/doors.js';
import { keptSecretKey } from './keys/secret-keys.js';
import type { Logger } from './logging/logger.js';
import { announceReady, lookAround, openDatabase, prepareSchema, type RunningServer } from './prepare.js';
import { createServer, fastifyOf, stopServer } from './server.js';

/** Starts the embedded database unless DATABASE_URL is set, migrates, creates the first credentials, and starts the server.
 * @param print receives the first credentials, once
 * @param signal aborts the wait for the database
 * @throws when anything fails, after stopping what had been started
 */
export async function start(
  config: Config,
  logger: Logger,
  print: (text: string) => void,
  signal?: AbortSignal,
): Promise<RunningServer> {
  await lookAround(config, logger);
  const database = await openDatabase(config, logger);
  let app: NestFastifyApplication | undefined;
  const stop = async (delay = 0) => {
    try {
      if (app) await stopServer(app, delay);
    } finally {
      await database.stop();
    }
  };
  try {
    const access = await prepareSchema(config, database.connection, logger, signal);
    signal?.throwIfAborted();
    const secretKeys = config.secretKeys ?? [keptSecretKey(config.dataDir)];
    app = await createServer({ config, database: access, secretKeys }, logger);
    await bootstrap(app, config, logger, print);
    const opened: DoorAddress[] = [];
    for (const address of doorsOf(config)) opened.push(await openDoor(fastifyOf(app), address));
    announceReady(config, opened, logger);
    return { stop };
  } catch (error) {
    await stop().catch((failure: unknown) => {
      logger.error({ err: failure }, 'stopping after a failed start failed as well');
    });
    throw error;
  }
}
