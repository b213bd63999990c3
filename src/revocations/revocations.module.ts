import { Global, Module } from '@nestjs/common';
import { AccountRevocation } from './account-revocation.store.js';
import { Revocations } from './revocations.service.js';

/** How accounts lose what they have open, and how replicas hear of revocations. */
@Global()
@Module({ providers: [AccountRevocation, Revocations], exports: [AccountRevocation, Revocations] })
export class RevocationsModule {}
