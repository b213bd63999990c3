import { Module } from '@nestjs/common';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountImportRequestsController } from './account-import-requests.controller.js';
import { AccountImportRequests } from './account-import-requests.service.js';
import { ImportsModule } from './imports.module.js';

/** Moving in by requests of admins. */
@Module({
  imports: [IdempotencyModule, ImportsModule, SessionsModule, TokensModule],
  controllers: [AccountImportRequestsController],
  providers: [AccountImportRequests],
})
export class ImportRoutesModule {}
