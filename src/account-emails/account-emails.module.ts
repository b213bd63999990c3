import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { EmailLinksModule } from '../email-links/email-links.module.js';
import { PasswordResetsModule } from '../password-resets/password-resets.module.js';
import { AccountEmailsController } from './account-emails.controller.js';
import { AskToVerifyController } from './ask-to-verify.controller.js';
import { AccountEmails } from './account-emails.service.js';
import { EmailProofs } from './email-proofs.service.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { RefusedLinks } from './refused-links.service.js';
import { EmailLinkPagesController } from './email-link-pages.controller.js';

/** Verifying an email and undoing a change of email, by links in mails. */
@Module({
  imports: [AccountsModule, EmailLinksModule, PasswordsModule, PasswordResetsModule, TokensModule],
  controllers: [AccountEmailsController, EmailLinkPagesController, AskToVerifyController],
  providers: [AccountEmails, EmailProofs, RefusedLinks],
})
export class AccountEmailsModule {}
