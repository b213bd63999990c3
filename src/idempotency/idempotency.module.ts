import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotencyKeyEntity } from './idempotency-keys.entity.js';
import { IdempotencyKeyStore } from './idempotency-keys.store.js';
import { Idempotency } from './idempotency.service.js';

/** Requests with an Idempotency-Key make something once. */
@Module({
  imports: [TypeOrmModule.forFeature([IdempotencyKeyEntity])],
  providers: [IdempotencyKeyStore, Idempotency],
  exports: [Idempotency],
})
export class IdempotencyModule {}
