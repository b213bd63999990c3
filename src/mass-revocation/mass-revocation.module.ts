import { Module } from '@nestjs/common';
import { AccountAdminModule } from '../account-admin/account-admin.module.js';
import { OauthClientsModule } from '../oauth/oauth-clients.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { EverythingRevocation } from './everything.service.js';
import { EverythingStore } from './everything.store.js';
import { LoggedEndsRevocation } from './logged-ends.service.js';

/** Ending what everybody has open, or what a log says was ended; without routes. */
@Module({
  imports: [AccountAdminModule, OauthClientsModule, TokensModule],
  providers: [EverythingStore, EverythingRevocation, LoggedEndsRevocation],
  exports: [EverythingRevocation, LoggedEndsRevocation],
})
export class MassRevocationModule {}
