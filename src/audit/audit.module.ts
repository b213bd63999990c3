import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditEmailEntity } from './audit-email.entity.js';
import { AuditEventEntity } from './audit-event.entity.js';
import { Audit } from './audit.service.js';

/** The trail of who did what, as it is written. */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([AuditEventEntity, AuditEmailEntity])],
  providers: [Audit],
  exports: [Audit],
})
export class AuditModule {}
