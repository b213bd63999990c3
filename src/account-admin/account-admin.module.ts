import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { EmailLinksModule } from '../email-links/email-links.module.js';
import { PasswordResetsModule } from '../password-resets/password-resets.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountAdminController } from './account-admin.controller.js';
import { AccountAdmin } from './account-admin.service.js';
import { AccountAdminStore } from './account-admin.store.js';
import { SessionAdminController } from './session-admin.controller.js';
import { SessionAdmin } from './session-admin.service.js';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';

/** Accounts and their sessions, for admins. */
@Module({
  imports: [
    IdempotencyModule,
    AccountsModule,
    EmailLinksModule,
    PasswordsModule,
    PasswordResetsModule,
    SessionsModule,
    TokensModule,
  ],
  controllers: [AccountAdminController, SessionAdminController],
  providers: [AccountAdminStore, AccountAdmin, SessionAdmin],
  exports: [AccountAdmin],
})
export class AccountAdminModule {}
