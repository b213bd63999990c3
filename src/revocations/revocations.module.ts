import { Global, Module } from '@nestjs/common';
import { Revocations } from './revocations.service.js';

/** How replicas hear of revocations. */
@Global()
@Module({ providers: [Revocations], exports: [Revocations] })
export class RevocationsModule {}
