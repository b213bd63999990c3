import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditEmailEntity } from './audit-email.entity.js';
import { AuditEventEntity } from './audit-event.entity.js';
import { AuditEventStore } from './audit-event.store.js';
import { AuditEventsController } from './audit-events.controller.js';
import { AuditEvents } from './audit-events.service.js';
import { Audit } from './audit.service.js';

/** The trail of who did what. */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([AuditEventEntity, AuditEmailEntity])],
  controllers: [AuditEventsController],
  providers: [Audit, AuditEventStore, AuditEvents],
  exports: [Audit],
})
export class AuditModule {}
