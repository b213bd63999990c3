import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountEntity } from './account.entity.js';
import { AccountsController } from './accounts.controller.js';
import { Accounts } from './accounts.service.js';
import { PasswordChecks } from './password-checks.service.js';
import { PasswordHasher } from './password-hasher.js';

/** Accounts, and the passwords that open them. */
@Module({
  imports: [TypeOrmModule.forFeature([AccountEntity])],
  controllers: [AccountsController],
  providers: [Accounts, PasswordChecks, PasswordHasher],
  exports: [Accounts, PasswordChecks, PasswordHasher],
})
export class AccountsModule {}
