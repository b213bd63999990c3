import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditEmailEntity } from './audit-emails.entity.js';
import { AuditEventEntity } from './audit-events.entity.js';
import { Audit } from './audit-log.service.js';

/** The trail of who did what, as it is written. */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([AuditEventEntity, AuditEmailEntity])],
  providers: [Audit],
  exports: [Audit],
})
export class AuditModule {}
