import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { AccountEmailsController } from './account-emails.controller.js';
import { AccountEmails } from './account-emails.service.js';
import { EmailPagesController } from './email-pages.controller.js';

/** Verifying an email, and undoing its change, by links in mails. */
@Module({
  imports: [AccountsModule, SessionsModule],
  controllers: [AccountEmailsController, EmailPagesController],
  providers: [AccountEmails],
})
export class AccountEmailsModule {}
