import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config/config.js';
import { littleRoom, openDataDir } from './config/data-dir.js';
import type { DatabaseConnection } from './config/database-url.js';
import { warningOfOpenWays } from './config/database-tls.js';
import { addressOfDocs, doorsOf, urlOf, type DoorAddress } from './config/doors.js';
import { VERSION } from './config/version.js';
import { placeOf } from './database/connection-problems.js';
import { withoutPooler, type DatabaseAccess } from './database/connection.js';
import { startEmbeddedPostgres } from './database/embedded-postgres.js';
import { migrate, migrationNames, waitForDatabase } from './database/migrate.js';
import { inspectAccess } from './database/pooler.js';
import { refuseTakenPort } from './http/port.js';
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

/**
 * What is done first: it costs little, and finds out why a start would fail.
 *
 * @throws an Error that says what to do
 */
export async function lookAround(config: Config, logger: Logger): Promise<void> {
  logger.info(`Latchkey ${VERSION} is starting, on Node ${process.version.slice(1)}`);
  // The public one first: the others are on its host, unless they have one of their own.
  for (const address of doorsOf(config).reverse()) await refuseTakenPort(address);
  const open = warningOfOpenWays(config);
  if (open !== undefined) logger.warn(open);
  if (config.database !== undefined && config.smtpUrl === undefined) {
    logger.warn(`SMTP_URL is not set: mails are written to ${config.dataDir}/mail, and never removed`);
  }
}

/** @param opened the doors, with the ports that they have got */
export function announceReady(config: Config, opened: readonly DoorAddress[], logger: Logger): void {
  const others = opened.filter(({ door }) => door !== 'public');
  for (const address of others) logger.info(`the ${address.door} port is at ${urlOf(address)}`);
  const docs = addressOfDocs({ ...config, otherDoors: others });
  logger.info(`ready at ${config.publicUrl}${docs === undefined ? '' : ` (Swagger UI: ${docs})`}`);
  const kept = bootstrapFile(config.dataDir);
  if (config.database === undefined && existsSync(kept)) logger.info(`the first credentials are in ${kept}`);
}

/** Where the first credentials are kept. */
export const bootstrapFile = (dataDir: string): string => join(dataDir, 'bootstrap.txt');

/** Starts the embedded database, unless DATABASE_URL is set. Also for the seed command. */
export async function openDatabase(config: Config, logger: Logger): Promise<Database> {
  if (config.database !== undefined) {
    logger.info(`connecting to PostgreSQL at ${placeOf(config.database)}`);
    return { connection: config.database, stop: () => Promise.resolve() };
  }
  await openDataDir(config.dataDir);
  const isNew = !existsSync(join(config.dataDir, 'postgres'));
  const tight = isNew ? littleRoom(config.dataDir) : undefined;
  if (tight) logger.warn(tight);
  logger.info(`${isNew ? 'making a database' : 'starting the database'} in ${config.dataDir}`);
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
  const variable = config.database && ('DATABASE_URL' as const);
  const wait = { limit: DATABASE_LIMIT, variable, onWait, ...(signal && { signal }) };
  await waitForDatabase(connection, { migrated: false, ...wait });
  if (config.directDatabase) {
    await waitForDatabase(config.directDatabase, { ...wait, migrated: false, variable: 'DATABASE_DIRECT_URL' });
  }
  const access = config.database
    ? await inspectAccess(config.database, config.directDatabase)
    : withoutPooler(connection);
  if (config.runMigrations) {
    const onWaitFor = (forWhat: string) => {
      logger.warn(`waiting for ${forWhat}`);
    };
    const onPending = (count: number) => {
      logger.info(`migrating the database: ${count} of ${migrationNames.length} migrations to apply`);
    };
    await migrate(access.direct, { onWait: onWaitFor, onPending, ...(signal && { signal }) });
  } else {
    await waitForDatabase(access.pool, { migrated: true, ...wait });
  }
  return access;
}
