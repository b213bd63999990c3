import { Inject, Logger, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { ApiTokensController } from './api-tokens.controller.js';
import { ApiTokens } from './api-tokens.service.js';
import { AuthController } from './auth.controller.js';
import { ServiceTokensController } from './service-tokens.controller.js';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';

/** API tokens of gateway accounts. */
@Module({
  imports: [IdempotencyModule, TokensModule],
  controllers: [AuthController, ServiceTokensController, ApiTokensController],
  providers: [ApiTokens],
})
export class ApiTokensModule implements OnApplicationBootstrap {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  onApplicationBootstrap(): void {
    if (this.config.frontendAuth !== 'none') return;
    new Logger('ApiTokens').warn(
      'FRONTEND_AUTH is none: whoever can reach /v1/frontend/auth can create, list and revoke the API tokens of every ' +
        'gateway account. Restrict it to your own network.',
    );
  }
}
