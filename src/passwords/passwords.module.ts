import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountsModule } from '../accounts/accounts.module.js';
import { KnownAddressEntity } from './known-addresses.entity.js';
import { PasswordChecks } from './password-checks.service.js';
import { PasswordDecoys } from './password-decoys.service.js';
import { PasswordHasher } from './password-hasher.js';
import { SignInAttempts } from './sign-in-attempts.service.js';
import { SignInAttemptStore } from './sign-in-attempts.store.js';
import { SignInFailureEntity } from './sign-in-failures.entity.js';

/** Hashing passwords, and checking those of every sign-in. */
@Module({
  imports: [AccountsModule, TypeOrmModule.forFeature([KnownAddressEntity, SignInFailureEntity])],
  providers: [PasswordChecks, PasswordDecoys, PasswordHasher, SignInAttempts, SignInAttemptStore],
  exports: [PasswordChecks, PasswordHasher],
})
export class PasswordsModule {}
