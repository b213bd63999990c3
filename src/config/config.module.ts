import { Global, Module, type DynamicModule } from '@nestjs/common';
import { Clock } from './clock.js';
import { CONFIG, type Config } from './config.js';

/**
 * Whether this process does what is due by itself: sweeps tables, sends mail, replaces keys. A server does. A command may have been
 * started with other settings, by which rows would be deleted too early, and mail sent elsewhere.
 */
export const DOES_WHAT_IS_DUE = Symbol('whether this process does what is due');

/** Provides the {@link Config}, under the token {@link CONFIG}, and the {@link Clock} to every module. */
@Global()
@Module({})
export class ConfigModule {
  static with(config: Config, { doesWhatIsDue = true } = {}): DynamicModule {
    return {
      module: ConfigModule,
      providers: [Clock, { provide: CONFIG, useValue: config }, { provide: DOES_WHAT_IS_DUE, useValue: doesWhatIsDue }],
      exports: [CONFIG, Clock, DOES_WHAT_IS_DUE],
    };
  }
}
