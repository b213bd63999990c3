import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { SessionsModule } from '../sessions/sessions.module.js';
import { AccessGuard } from './access.guard.js';
import { BearerJwtScheme } from './bearer-jwt.scheme.js';
import { BearerJwtStrategy } from './bearer-jwt.strategy.js';

/** What stands before every route. */
@Module({
  imports: [SessionsModule],
  providers: [BearerJwtStrategy, BearerJwtScheme, { provide: APP_GUARD, useClass: AccessGuard }],
})
export class GuardsModule {}
