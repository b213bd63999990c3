import type { Config } from './config/config.js';
import type { DatabaseConnection } from './config/database-url.js';
import { withoutPooler, type DatabaseAccess } from './database/connection.js';
import { startEmbeddedPostgres } from './database/embedded-postgres.js';
import { migrate, waitForDatabase } from './database/migrate.js';
import { inspectAccess } from './database/pooler.js';
import { portIsTaken, refuseTakenPort } from './http/port.js';
import type { Logger } from './logging/logger.js';

/** How long a start waits for the database, in milliseconds. */
const DATABASE_LIMIT = 60_000;

export interface RunningServer {
  /** @param delay for how long it goes on serving, in seconds; see {@link stopServer} */
  stop(delay?: number): Promise<void>;
  /** Rejects when it cannot go on, with the reason. */
  failed?: Promise<never>;
}

/** A database that takes connections. */
export interface Database {
  connection: DatabaseConnection;
  stop(): Promise<void>;
}

/** What is done first: it costs little, and finds out why a start would fail. */
export async function lookAround(config: Config, logger: Logger): Promise<void> {
  if (config.database !== undefined && config.smtpUrl === undefined) {
    logger.warn(`SMTP_URL is not set: mails are written to ${config.dataDir}/mail, and never removed`);
  }
  await refuseTakenPort(config.host, config.port);
}

/** @throws an Error that says so when another program has the port */
export async function listeningOn({ host, port }: Config, listen: () => Promise<unknown> | undefined): Promise<void> {
  try {
    await listen();
  } catch (error) {
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    throw portIsTaken(host, port, error);
  }
}

export function announceReady({ publicUrl }: Config, logger: Logger): void {
  logger.info(`ready at ${publicUrl} (Swagger UI: ${publicUrl}/docs)`);
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
