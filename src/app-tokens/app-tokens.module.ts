import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AppTokensController } from './app-tokens.controller.js';
import { AppTokens } from './app-tokens.service.js';
import { LoginController } from './login.controller.js';
import { UserTokensController } from './user-tokens.controller.js';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';

/** The App-Token and Token headers: login, application tokens, tokens on behalf of others. */
@Module({
  imports: [IdempotencyModule, AccountsModule, PasswordsModule, SessionsModule, TokensModule],
  controllers: [LoginController, AppTokensController, UserTokensController],
  providers: [AppTokens],
  exports: [AppTokens],
})
export class AppTokensModule {}
