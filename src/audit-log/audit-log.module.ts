import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditEmailEntity } from './audit-emails.entity.js';
import { AuditEventEntity } from './audit-events.entity.js';
import { AuditEventStore } from './audit-events.store.js';
import { AuditLog } from './audit-log.service.js';

/** Writing the audit log. */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([AuditEventEntity, AuditEmailEntity])],
  providers: [AuditEventStore, AuditLog],
  exports: [AuditLog],
})
export class AuditLogModule {}
