import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { PasswordChecks } from './password-checks.service.js';
import { PasswordDecoys } from './password-decoys.service.js';
import { PasswordHasher } from './password-hasher.js';

/** Hashing passwords, and checking those of every sign-in. */
@Module({
  imports: [AccountsModule],
  providers: [PasswordChecks, PasswordDecoys, PasswordHasher],
  exports: [PasswordChecks, PasswordHasher],
})
export class PasswordsModule {}
