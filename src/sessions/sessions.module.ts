import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountsModule } from '../accounts/accounts.module.js';
import { EmailLinksModule } from '../email-links/email-links.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountSessionsController } from './account-sessions.controller.js';
import { AccountSessions } from './account-sessions.service.js';
import { CredentialChanges } from './credential-changes.service.js';
import { Reauthentication } from './reauthentication.service.js';
import { SessionChecks } from './session-checks.service.js';
import { SessionEntity } from './sessions.entity.js';
import { SessionRefreshes } from './session-refreshes.service.js';
import { SessionRefreshStore } from './session-refreshes.store.js';
import { SessionStore } from './sessions.store.js';
import { SessionLastUsed } from './session-last-used.service.js';
import { SessionTokens } from './session-tokens.service.js';
import { SessionsController } from './sessions.controller.js';
import { Sessions } from './sessions.service.js';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';

/** Signing up, in and out, and the sessions of an account. */
@Module({
  imports: [
    IdempotencyModule,
    TypeOrmModule.forFeature([SessionEntity]),
    AccountsModule,
    EmailLinksModule,
    PasswordsModule,
    TokensModule,
  ],
  controllers: [SessionsController, AccountSessionsController],
  providers: [
    SessionStore,
    SessionRefreshStore,
    SessionRefreshes,
    SessionTokens,
    SessionLastUsed,
    SessionChecks,
    Reauthentication,
    Sessions,
    CredentialChanges,
    AccountSessions,
  ],
  exports: [SessionChecks, SessionTokens, Reauthentication, Sessions, AccountSessions],
})
export class SessionsModule {}
