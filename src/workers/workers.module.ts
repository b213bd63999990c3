import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { Primary } from './subjects.js';

/** The token of the {@link Primary}; nothing is provided where one process serves alone. */
export const PRIMARY = Symbol('PRIMARY');

/** The way from a worker to what it shares with the others. */
@Global()
@Module({})
export class WorkersModule {
  static with(primary: Primary): DynamicModule {
    return {
      module: WorkersModule,
      providers: [{ provide: PRIMARY, useValue: primary }],
      exports: [PRIMARY],
    };
  }
}
