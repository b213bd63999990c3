import { Global, Module, type DynamicModule } from '@nestjs/common';
import { Clock } from './clock.js';
import { CONFIG, type Config } from './config.js';

/** Provides the {@link Config}, under the token {@link CONFIG}, and the {@link Clock} to every module. */
@Global()
@Module({})
export class ConfigModule {
  static with(config: Config): DynamicModule {
    return {
      module: ConfigModule,
      providers: [Clock, { provide: CONFIG, useValue: config }],
      exports: [CONFIG, Clock],
    };
  }
}
