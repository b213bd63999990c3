import { Global, Logger, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DATABASE_CONNECTION, poolOptions, type DatabaseConnection } from './connection.js';
import { Sweeper } from './sweeper.service.js';

/** The connection pool and the sweeper. Entities are registered by the modules that own them. */
@Global()
@Module({})
export class DatabaseModule {
  static with(connection: DatabaseConnection, poolSize: number): DynamicModule {
    const logger = new Logger('Database');
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => ({
            ...poolOptions(connection, poolSize, (error) => {
              logger.warn('a database connection was lost', error);
            }),
            autoLoadEntities: true,
            retryAttempts: 0,
          }),
        }),
      ],
      providers: [Sweeper, { provide: DATABASE_CONNECTION, useValue: connection }],
      exports: [Sweeper, DATABASE_CONNECTION],
    };
  }
}
