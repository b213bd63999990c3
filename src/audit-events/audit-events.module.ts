import { Module } from '@nestjs/common';
import { TokensModule } from '../tokens/tokens.module.js';
import { AuditEventStore } from './audit-event.store.js';
import { AuditEventsController } from './audit-events.controller.js';
import { AuditEvents } from './audit-events.service.js';

/** Reading the audit trail. */
@Module({
  imports: [TokensModule],
  controllers: [AuditEventsController],
  providers: [AuditEventStore, AuditEvents],
})
export class AuditEventsModule {}
