import { Global, Module } from '@nestjs/common';
import { AccountRevocation } from './account-revocation.store.js';
import { Revocations } from './revocations.service.js';

/** Revoking what accounts have open, and announcing revocations to all replicas. */
@Global()
@Module({ providers: [AccountRevocation, Revocations], exports: [AccountRevocation, Revocations] })
export class RevocationsModule {}
