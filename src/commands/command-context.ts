import 'reflect-metadata';
import { Module, type DynamicModule, type INestApplicationContext, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuditLogModule } from '../audit-log/audit-log.module.js';
import { ConfigModule } from '../config/config.module.js';
import { loadConfig, type Config } from '../config/config.js';
import type { DatabaseAccess } from '../database/connection.js';
import { DatabaseModule } from '../database/database.module.js';
import { runningEmbeddedPostgres } from '../database/embedded-postgres.js';
import type { KeyUse } from '../keys/key-use.js';
import { KeysModule } from '../keys/keys.module.js';
import { keptSecretKey } from '../keys/secret-keys.js';
import { LimitsModule } from '../limits/limits.module.js';
import { createLogger, NestLogger, type Logger } from '../logging/logger.js';
import { MetricsModule } from '../metrics/metrics.module.js';
import { RevocationsModule } from '../revocations/revocations.module.js';
import { openDatabase, prepareSchema, type Database } from '../start.js';

@Module({})
class CommandModule {}

const CONNECTIONS = 2;

/** What a command works with. */
export interface CommandWork {
  config: Config;
  logger: Logger;
  /** Whether the database has no server: it is the embedded one, and was started for the command. */
  isAlone: boolean;
}

/**
 * Runs a command that needs the database: the outside one, the embedded one, or that of a server that is running.
 *
 * @param modules what the command uses, beside what everything stands on
 * @param options.connections how many connections of the pool it may use at most
 * @param options.keyUse what it does with the signing keys; most commands change none
 */
export async function withContext<T>(
  signal: AbortSignal,
  modules: (Type | DynamicModule)[],
  work: (context: INestApplicationContext, about: CommandWork) => Promise<T>,
  { connections = CONNECTIONS, keyUse = 'read' }: { connections?: number; keyUse?: KeyUse } = {},
): Promise<T> {
  const config = loadConfig(process.env);
  const logger = createLogger('warn', process.stderr, { format: config.logFormat });
  const { database, isOurs } = await openOrJoin(config, logger);
  try {
    const access = await prepareSchema(config, database.connection, logger, signal);
    const context = await createContext({ config, access, logger, connections, keyUse }, modules);
    try {
      return await work(context, { config, logger, isAlone: isOurs && config.database === undefined });
    } finally {
      await context.close();
    }
  } finally {
    await database.stop();
  }
}

interface Surroundings {
  config: Config;
  access: DatabaseAccess;
  logger: Logger;
  connections?: number;
  keyUse?: KeyUse;
}

/** @param modules what a command uses, beside what everything stands on */
export function createContext(
  { config, access, logger, connections = CONNECTIONS, keyUse = 'read' }: Surroundings,
  modules: (Type | DynamicModule)[],
): Promise<INestApplicationContext> {
  const imports = [
    ConfigModule.with(config, { runsBackgroundJobs: false }),
    DatabaseModule.with(access, { ...config, databasePoolSize: connections }),
    KeysModule.with(config.secretKeys ?? [keptSecretKey(config.dataDir)], keyUse),
    LimitsModule,
    MetricsModule,
    RevocationsModule,
    AuditLogModule,
    ...modules,
  ];
  return NestFactory.createApplicationContext(
    { module: CommandModule, imports },
    { logger: new NestLogger(logger), abortOnError: false },
  );
}

/** Opens the database, or the one of a server that is running on the same DATA_DIR. */
export async function openOrJoin(config: Config, logger: Logger): Promise<{ database: Database; isOurs: boolean }> {
  try {
    return { database: await openDatabase(config, logger), isOurs: true };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'DataDirInUseError') throw error;
    const connection = await runningEmbeddedPostgres(config.dataDir);
    if (!connection) throw new Error('A server is starting on this DATA_DIR. Try again when it is ready.');
    return { database: { connection, stop: () => Promise.resolve() }, isOurs: false };
  }
}
