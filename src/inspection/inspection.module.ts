import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { TokenInspection } from './token-inspection.service.js';

/** What a string is that somebody has found; without routes. */
@Module({
  imports: [SessionsModule, TokensModule],
  providers: [TokenInspection],
  exports: [TokenInspection],
})
export class InspectionModule {}
