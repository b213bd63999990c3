import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EmailLinksModule } from '../email-links/email-links.module.js';
import { MailModule } from '../mail/mail.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountErasure } from './account-erasure.service.js';
import { AccountEntity } from './accounts.entity.js';
import { AccountLists } from './account-lists.store.js';
import { AccountIds } from './account-ids.service.js';
import { AccountsController } from './accounts.controller.js';
import { AccountStore } from './accounts.store.js';
import { AccountEmailDomainEntity } from './account-email-domains.entity.js';
import { AccountNetworkEntity } from './account-networks.entity.js';
import { DeletedAccountEntity } from './deleted-accounts.entity.js';
import { EmailHolderStore } from './email-holders.store.js';
import { MailCaps } from './mail-caps.service.js';
import { ClientAccountsController } from './client-accounts.controller.js';
import { ClientAccounts } from './client-accounts.service.js';
import { ClientAccountStore } from './client-accounts.store.js';
import { OwnAccountController } from './own-account.controller.js';
import { OwnAccount } from './own-account.service.js';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';

/** Accounts, as their holders and as clients see them. */
@Module({
  imports: [
    IdempotencyModule,
    TypeOrmModule.forFeature([AccountEntity, AccountNetworkEntity, AccountEmailDomainEntity, DeletedAccountEntity]),
    EmailLinksModule,
    MailModule,
    TokensModule,
  ],
  controllers: [AccountsController, ClientAccountsController, OwnAccountController],
  providers: [
    AccountStore,
    EmailHolderStore,
    AccountErasure,
    AccountIds,
    AccountLists,
    ClientAccounts,
    ClientAccountStore,
    MailCaps,
    OwnAccount,
  ],
  exports: [AccountErasure, AccountStore, EmailHolderStore, AccountIds, AccountLists, MailCaps],
})
export class AccountsModule {}
