import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuditLogModule } from '../audit-log/audit-log.module.js';
import { announce } from '../bootstrap/announcement.js';
import { BootstrapModule } from '../bootstrap/bootstrap.module.js';
import { Bootstrap } from '../bootstrap/bootstrap.service.js';
import { ConfigModule } from '../config/config.module.js';
import { loadConfig } from '../config/config.js';
import { DatabaseModule } from '../database/database.module.js';
import { KeysModule } from '../keys/keys.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { createLogger, NestLogger } from '../logging/logger.js';
import { RevocationsModule } from '../revocations/revocations.module.js';
import { prepareSchema } from '../start.js';
import { orStopped } from './stoppable.js';

@Module({})
class CommandModule {}

/** The command that creates the first credentials in an external database and prints them, once. */
export async function bootstrapDatabase(signal: AbortSignal): Promise<string> {
  const config = loadConfig(process.env);
  if (config.database === undefined || !config.secretKeys) {
    return 'Set DATABASE_URL. The embedded database gets its first credentials when the server first starts.\n';
  }
  const logger = createLogger('warn');
  const access = await prepareSchema(config, config.database, logger, signal);
  const imports = [
    ConfigModule.with(config),
    DatabaseModule.with(access, { ...config, databasePoolSize: 2 }),
    KeysModule.with(config.secretKeys),
    LimitsModule,
    RevocationsModule,
    AuditLogModule,
    BootstrapModule,
  ];
  const context = await NestFactory.createApplicationContext(
    { module: CommandModule, imports },
    { logger: new NestLogger(logger), abortOnError: false },
  );
  try {
    const made = await orStopped(signal, context.get(Bootstrap).generated());
    return made ? announce(config, made) : 'An admin and a valid App-Token already exist. Nothing was created.\n';
  } finally {
    await context.close();
  }
}
