import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { OauthClientsModule } from '../oauth/oauth-clients.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { Bootstrap } from './bootstrap.service.js';

/** The first credentials of an installation. */
@Module({
  imports: [AccountsModule, PasswordsModule, TokensModule, OauthClientsModule],
  providers: [Bootstrap],
  exports: [Bootstrap],
})
export class BootstrapModule {}
