import { existsSync, readFileSync } from 'node:fs';
import type { INestApplicationContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { announce, updateAnnouncement } from './bootstrap/announcement.js';
import { Bootstrap } from './bootstrap/bootstrap.service.js';
import { writePrivateFile } from './bootstrap/private-file.js';
import type { Config } from './config/config.js';
import { doorsOf, type DoorAddress } from './config/doors.js';
import { openDoor } from './http/doors.js';
import { keptSecretKey } from './keys/secret-keys.js';
import type { Logger } from './logging/logger.js';
import {
  announceReady,
  bootstrapFile,
  lookAround,
  openDatabase,
  prepareSchema,
  type RunningServer,
} from './prepare.js';
import { createServer, fastifyOf, stopServer } from './server.js';

export { openDatabase, prepareSchema, type Database } from './prepare.js';

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

/**
 * Creates the first credentials: in the embedded database all of them, in an external one only those in BOOTSTRAP_*.
 * Also for the seed command.
 */
export async function bootstrap(
  app: INestApplicationContext,
  config: Config,
  logger: Logger,
  print: (text: string) => void,
): Promise<void> {
  const service = app.get(Bootstrap);
  if (config.database !== undefined) {
    const made = await service.fromVariables();
    if (!made && (await service.isNeeded())) {
      logger.warn('there is no admin yet: set BOOTSTRAP_* and restart, or run latchkey bootstrap');
    }
    return;
  }
  const path = bootstrapFile(config.dataDir);
  const kept = () => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  const made = await service.generated((credentials) => {
    // Written before the commit, so that a crash cannot lose credentials that are in the database.
    const earlier = credentials.adminEmail === undefined ? kept() : '';
    writePrivateFile(path, updateAnnouncement(earlier, announce(config, credentials)));
  });
  if (!made) updateAddresses(path, kept(), config, logger);
  const what = made?.adminEmail === undefined ? 'A new App-Token, as no valid one was left' : 'Your first credentials';
  if (made) print(`\n${what}, also in ${path}:\n\n${announce(config, made)}\n`);
}

/** So that the file has the addresses of today: PORT or PUBLIC_URL may have changed since. A full disk does not end the start. */
function updateAddresses(path: string, kept: string, config: Config, logger: Logger): void {
  const today = updateAnnouncement(kept, announce(config, {}));
  if (kept === '' || today === kept) return;
  try {
    writePrivateFile(path, today);
  } catch (error) {
    logger.warn(`${path} has the addresses of an earlier start, and cannot be written: ${(error as Error).message}`);
  }
}
