import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountEntity } from './account.entity.js';
import { AccountsController } from './accounts.controller.js';
import { Accounts } from './accounts.service.js';
import { AccountEmailDomainEntity } from './account-email-domain.entity.js';
import { AccountNetworkEntity } from './account-network.entity.js';
import { ClientAccountsController } from './client-accounts.controller.js';
import { ClientAccounts } from './client-accounts.service.js';
import { ClientAccountStore } from './client-accounts.store.js';
import { PasswordChecks } from './password-checks.service.js';
import { PasswordHasher } from './password-hasher.js';

/** Accounts, and the passwords that open them. */
@Module({
  imports: [TypeOrmModule.forFeature([AccountEntity, AccountNetworkEntity, AccountEmailDomainEntity])],
  controllers: [AccountsController, ClientAccountsController],
  providers: [Accounts, ClientAccounts, ClientAccountStore, PasswordChecks, PasswordHasher],
  exports: [Accounts, PasswordChecks, PasswordHasher],
})
export class AccountsModule {}
