import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountsModule } from '../accounts/accounts.module.js';
import { KnownAddressEntity } from './known-addresses.entity.js';
import { MailModule } from '../mail/mail.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { ForeignKeyHashing } from './foreign-key-hashing.service.js';
import { InitialPasswords } from './initial-passwords.service.js';
import { PasswordBlocklist } from './password-blocklist.service.js';
import { PasswordChangeEntity } from './password-changes.entity.js';
import { PasswordChecks } from './password-checks.service.js';
import { PasswordDecoys } from './password-decoys.service.js';
import { PasswordNotices } from './password-notices.service.js';
import { PasswordHasher } from './password-hasher.js';
import { SignInAttempts } from './sign-in-attempts.service.js';
import { SignInAttemptStore } from './sign-in-attempts.store.js';
import { SignInFailureEntity } from './sign-in-failures.entity.js';

/** Hashing passwords, checking those of every sign-in, and telling of changes. */
@Module({
  imports: [
    TypeOrmModule.forFeature([KnownAddressEntity, PasswordChangeEntity, SignInFailureEntity]),
    AccountsModule,
    MailModule,
    TokensModule,
  ],
  providers: [
    ForeignKeyHashing,
    InitialPasswords,
    PasswordBlocklist,
    PasswordChecks,
    PasswordDecoys,
    PasswordHasher,
    PasswordNotices,
    SignInAttempts,
    SignInAttemptStore,
  ],
  exports: [InitialPasswords, PasswordChecks, PasswordHasher, PasswordNotices],
})
export class PasswordsModule {}
