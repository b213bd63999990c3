import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { announce, updateAnnouncement } from './bootstrap/announcement.js';
import { Bootstrap } from './bootstrap/bootstrap.service.js';
import { writePrivateFile } from './bootstrap/private-file.js';
import type { Config } from './config/config.js';
import type { DatabaseConnection } from './config/database-url.js';
import { withoutPooler, type DatabaseAccess } from './database/connection.js';
import { startEmbeddedPostgres } from './database/embedded-postgres.js';
import { migrate, waitForDatabase } from './database/migrate.js';
import { inspectAccess } from './database/pooler.js';
import { portIsTaken, refuseTakenPort } from './http/port.js';
import { keptSecretKey } from './keys/secret-keys.js';
import type { Logger } from './logging/logger.js';
import { createServer, stopServer } from './server.js';

/** How long a start waits for the database, in milliseconds. */
const DATABASE_LIMIT = 60_000;

export interface RunningServer {
  /** @param delay for how long it goes on serving, in seconds; see {@link stopServer} */
  stop(delay?: number): Promise<void>;
}

/** A database that takes connections. */
export interface Database {
  connection: DatabaseConnection;
  stop(): Promise<void>;
}

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
  if (config.database !== undefined && config.smtpUrl === undefined) {
    logger.warn(`SMTP_URL is not set: mails are written to ${config.dataDir}/mail, and never removed`);
  }
  await refuseTakenPort(config.host, config.port);
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
    await listen(app, config);
    logger.info(`ready at ${config.publicUrl} (Swagger UI: ${config.publicUrl}/docs)`);
    return { stop };
  } catch (error) {
    await stop().catch((failure: unknown) => {
      logger.error({ err: failure }, 'stopping after a failed start failed as well');
    });
    throw error;
  }
}

async function listen(app: NestFastifyApplication, { host, port }: Config): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    throw portIsTaken(host, port, error);
  }
}

/** Starts the embedded database, unless DATABASE_URL is set. Also for the seed command. */
export async function openDatabase(config: Config, logger: Logger): Promise<Database> {
  if (config.database !== undefined) {
    return { connection: config.database, stop: () => Promise.resolve() };
  }
  return startEmbeddedPostgres({
    dataDir: config.dataDir,
    log: {
      info: (message) => {
        logger.debug(message);
      },
      warn: (message) => {
        logger.warn(message);
      },
      error: (message) => {
        logger.error(message);
      },
    },
  });
}

/**
 * Waits for the database, and migrates it unless somebody else does. Shared with the commands.
 *
 * @throws when it does not come in time, or the way to it does not lead to what Latchkey needs
 */
export async function prepareSchema(
  config: Config,
  connection: DatabaseConnection,
  logger: Logger,
  signal?: AbortSignal,
): Promise<DatabaseAccess> {
  const onWait = ({ message }: Error) => {
    logger.warn(`waiting for the database: ${message}`);
  };
  const wait = { limit: DATABASE_LIMIT, onWait, ...(signal && { signal }) };
  await waitForDatabase(connection, { migrated: false, ...wait });
  if (config.directDatabase) await waitForDatabase(config.directDatabase, { migrated: false, ...wait });
  const access = config.database
    ? await inspectAccess(config.database, config.directDatabase)
    : withoutPooler(connection);
  if (config.runMigrations) {
    const onWaitFor = (forWhat: string) => {
      logger.warn(`waiting for ${forWhat}`);
    };
    await migrate(access.direct, { onWait: onWaitFor, ...(signal && { signal }) });
  } else {
    await waitForDatabase(access.pool, { migrated: true, ...wait });
  }
  return access;
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
      logger.warn('there is no admin yet: set BOOTSTRAP_* and restart, or run the bootstrap command');
    }
    return;
  }
  const path = join(config.dataDir, 'bootstrap.txt');
  const made = await service.generated((credentials) => {
    // Written before the commit, so that a crash cannot lose credentials that are in the database.
    const earlier = credentials.adminEmail === undefined && existsSync(path) ? readFileSync(path, 'utf8') : '';
    writePrivateFile(path, updateAnnouncement(earlier, announce(config, credentials)));
  });
  const what = made?.adminEmail === undefined ? 'A new App-Token, as no valid one was left' : 'Your first credentials';
  if (made) print(`\n${what}, also in ${path}:\n\n${announce(config, made)}\n`);
}
