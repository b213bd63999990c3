import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { EmailLinksModule } from '../email-links/email-links.module.js';
import { PasswordResetsModule } from '../password-resets/password-resets.module.js';
import { AccountEmailsController } from './account-emails.controller.js';
import { AccountEmails } from './account-emails.service.js';
import { EmailLinkPagesController } from './email-link-pages.controller.js';

/** Verifying an email and undoing a change of email, by links in mails. */
@Module({
  imports: [AccountsModule, EmailLinksModule, PasswordResetsModule],
  controllers: [AccountEmailsController, EmailLinkPagesController],
  providers: [AccountEmails],
})
export class AccountEmailsModule {}
