import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountsModule } from '../accounts/accounts.module.js';
import { MailModule } from '../mail/mail.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { PasswordResetEntity } from './password-resets.entity.js';
import { PasswordResetsController } from './password-resets.controller.js';
import { PasswordResets } from './password-resets.service.js';
import { PasswordResetStore } from './password-resets.store.js';
import { ForgottenPasswordController } from './forgotten-password.controller.js';
import { ResetPageController } from './reset-page.controller.js';

/** Password resets and invitations, by links in mails. */
@Module({
  imports: [
    TypeOrmModule.forFeature([PasswordResetEntity]),
    AccountsModule,
    MailModule,
    PasswordsModule,
    SessionsModule,
  ],
  controllers: [PasswordResetsController, ResetPageController, ForgottenPasswordController],
  providers: [PasswordResetStore, PasswordResets],
  exports: [PasswordResets],
})
export class PasswordResetsModule {}
