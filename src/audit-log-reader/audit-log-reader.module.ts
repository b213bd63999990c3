import { Module } from '@nestjs/common';
import { TokensModule } from '../tokens/tokens.module.js';
import { AuditEventStore } from './audit-log-reader.store.js';
import { AuditEventsController } from './audit-log-reader.controller.js';
import { AuditEvents } from './audit-log-reader.service.js';

/** Reading the audit trail. */
@Module({
  imports: [TokensModule],
  controllers: [AuditEventsController],
  providers: [AuditEventStore, AuditEvents],
})
export class AuditEventsModule {}
