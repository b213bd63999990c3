import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditEventEntity } from './audit-event.entity.js';
import { Audit } from './audit.service.js';

/** The trail of who did what. */
@Global()
@Module({ imports: [TypeOrmModule.forFeature([AuditEventEntity])], providers: [Audit], exports: [Audit] })
export class AuditModule {}
