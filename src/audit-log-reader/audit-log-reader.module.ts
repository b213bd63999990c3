import { Module } from '@nestjs/common';
import { TokensModule } from '../tokens/tokens.module.js';
import { AuditLogReaderStore } from './audit-log-reader.store.js';
import { AuditEventsController } from './audit-log-reader.controller.js';
import { AuditLogReader } from './audit-log-reader.service.js';

/** Reading the audit log. */
@Module({
  imports: [TokensModule],
  controllers: [AuditEventsController],
  providers: [AuditLogReaderStore, AuditLogReader],
})
export class AuditLogReaderModule {}
