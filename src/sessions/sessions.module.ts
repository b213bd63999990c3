import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountsModule } from '../accounts/accounts.module.js';
import { MailModule } from '../mail/mail.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountSessionsController } from './account-sessions.controller.js';
import { AccountSessions } from './account-sessions.service.js';
import { PasswordResetEntity } from './password-reset.entity.js';
import { PasswordResetStore } from './password-reset.store.js';
import { PasswordResetsController } from './password-resets.controller.js';
import { PasswordResets } from './password-resets.service.js';
import { ResetPageController } from './reset-page.controller.js';
import { SessionChecks } from './session-checks.service.js';
import { SessionEntity } from './session.entity.js';
import { SessionStore } from './session.store.js';
import { SessionUses } from './session-uses.service.js';
import { SessionTokens } from './session-tokens.service.js';
import { SessionsController } from './sessions.controller.js';
import { Sessions } from './sessions.service.js';

/** Signing up, in and out, and resetting passwords: every route that answers with a session token. */
@Module({
  imports: [TypeOrmModule.forFeature([SessionEntity, PasswordResetEntity]), AccountsModule, MailModule, TokensModule],
  controllers: [SessionsController, AccountSessionsController, PasswordResetsController, ResetPageController],
  providers: [
    SessionStore,
    SessionTokens,
    SessionUses,
    SessionChecks,
    Sessions,
    AccountSessions,
    PasswordResetStore,
    PasswordResets,
  ],
  exports: [SessionChecks, Sessions, AccountSessions, PasswordResets],
})
export class SessionsModule {}
