import { Global, Module, type DynamicModule } from '@nestjs/common';
import { Clock } from './clock.js';
import { CONFIG, type Config } from './config.js';

/**
 * Whether this process runs background jobs: sweeping tables, sending mail, replacing keys. A server does. A command may have been
 * started with other settings, by which rows would be deleted too early, and mail sent elsewhere.
 */
export const RUNS_BACKGROUND_JOBS = Symbol('whether this process runs background jobs');

/** Provides the {@link Config}, under the token {@link CONFIG}, and the {@link Clock} to every module. */
@Global()
@Module({})
export class ConfigModule {
  static with(config: Config, { runsBackgroundJobs = true } = {}): DynamicModule {
    return {
      module: ConfigModule,
      providers: [
        Clock,
        { provide: CONFIG, useValue: config },
        { provide: RUNS_BACKGROUND_JOBS, useValue: runsBackgroundJobs },
      ],
      exports: [CONFIG, Clock, RUNS_BACKGROUND_JOBS],
    };
  }
}
