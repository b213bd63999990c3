import { Global, Logger, Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import type { Config } from '../config/config.js';
import { DATABASE_ACCESS, poolOptions, type DatabaseAccess, type PoolOptions } from './connection.js';
import { DatabaseClock } from './database-clock.service.js';
import { DirectDatabase } from './direct-database.service.js';
import { Partitions } from './partitions.service.js';
import { Statements } from './statements.service.js';
import { Sweeper } from './sweeper.service.js';

/** The connection pools and what every table needs. Entities come with the modules that own them. */
@Global()
@Module({})
export class DatabaseModule {
  static with(
    access: DatabaseAccess,
    config: Pick<Config, 'databasePoolSize' | 'databaseConnectTimeout'>,
  ): DynamicModule {
    const logger = new Logger('Database');
    const onError = (error: Error) => {
      logger.debug(`a connection to the database was lost: ${error.message}`);
    };
    const { databasePoolSize: size, databaseConnectTimeout: connectTimeout } = config;
    const common = { size, connectTimeout, onError };
    const forRequests = (): PoolOptions => ({
      ...common,
      keepsSession: access.keepsSession,
      gate: access.gates?.pool,
    });
    const forRevoking = (): PoolOptions => ({
      ...common,
      // A pooler has twenty connections, unless it is told otherwise.
      size: access.isDirectPooled === true ? Math.max(2, Math.ceil(size / 2)) : size,
      keepsSession: true,
      gate: access.gates?.direct,
    });
    const directDatabase: FactoryProvider = {
      provide: DirectDatabase,
      inject: [getDataSourceToken()],
      useFactory: ({ options: { entities = [] } }: DataSource) =>
        new DirectDatabase({
          ...poolOptions({ ...access.direct, application_name: 'latchkey direct' }, forRevoking()),
          entities,
        }),
    };
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => ({
            ...poolOptions(access.pool, forRequests()),
            autoLoadEntities: true,
            // It has answered just now: a machine that is busy with starting may be slow.
            retryAttempts: 5,
            retryDelay: 500,
          }),
        }),
      ],
      providers: [
        Partitions,
        Sweeper,
        DatabaseClock,
        Statements,
        directDatabase,
        { provide: DATABASE_ACCESS, useValue: access },
      ],
      exports: [Partitions, Sweeper, DatabaseClock, Statements, DirectDatabase, DATABASE_ACCESS],
    };
  }
}
