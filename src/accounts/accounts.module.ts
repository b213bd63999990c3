import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MailModule } from '../mail/mail.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountEntity } from './account.entity.js';
import { AccountLists } from './account-lists.store.js';
import { AccountIds } from './account-ids.service.js';
import { AccountsController } from './accounts.controller.js';
import { Accounts } from './accounts.service.js';
import { AccountEmailDomainEntity } from './account-email-domain.entity.js';
import { AccountNetworkEntity } from './account-network.entity.js';
import { ClientAccountsController } from './client-accounts.controller.js';
import { ClientAccounts } from './client-accounts.service.js';
import { ClientAccountStore } from './client-accounts.store.js';
import { EmailLinkEntity } from './email-link.entity.js';
import { EmailLinkStore } from './email-link.store.js';
import { EmailLinks } from './email-links.service.js';
import { PasswordChecks } from './password-checks.service.js';
import { PasswordHasher } from './password-hasher.js';

/** Accounts, and the passwords that open them. */
@Module({
  imports: [
    TypeOrmModule.forFeature([AccountEntity, AccountNetworkEntity, AccountEmailDomainEntity, EmailLinkEntity]),
    MailModule,
    TokensModule,
  ],
  controllers: [AccountsController, ClientAccountsController],
  providers: [
    Accounts,
    AccountIds,
    AccountLists,
    ClientAccounts,
    ClientAccountStore,
    EmailLinks,
    EmailLinkStore,
    PasswordChecks,
    PasswordHasher,
  ],
  exports: [Accounts, AccountIds, AccountLists, EmailLinks, EmailLinkStore, PasswordChecks, PasswordHasher],
})
export class AccountsModule {}
