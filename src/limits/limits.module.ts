import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AttemptLimitEntity } from './attempt-limits.entity.js';
import { AttemptLimitStore } from './attempt-limits.store.js';
import { Limits } from './limits.service.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([AttemptLimitEntity])],
  providers: [AttemptLimitStore, Limits],
  exports: [Limits],
})
export class LimitsModule {}
