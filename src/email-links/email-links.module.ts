import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MailModule } from '../mail/mail.module.js';
import { EmailLinkEntity } from './email-links.entity.js';
import { EmailLinks } from './email-links.service.js';
import { EmailLinkStore } from './email-links.store.js';

/** Links in mails that verify an email or undo a change of email. */
@Module({
  imports: [TypeOrmModule.forFeature([EmailLinkEntity]), MailModule],
  providers: [EmailLinkStore, EmailLinks],
  exports: [EmailLinkStore, EmailLinks],
})
export class EmailLinksModule {}
