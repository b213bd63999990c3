import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { OauthClientsModule } from '../oauth/oauth-clients.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccessGuard } from './access.guard.js';
import { BearerJwtScheme } from './bearer-jwt.scheme.js';
import { BearerJwtStrategy } from './bearer-jwt.strategy.js';
import { ClientScheme, ClientSecretScheme } from './client-schemes.js';
import { TokenAuthenticator } from './token-authenticator.js';
import { Refusals } from './refusals.service.js';
import { ApiTokenScheme, AppTokenScheme, FrontendScheme, UserTokenScheme } from './token-schemes.js';

/** The guard of every route, and the schemes that it uses. */
@Module({
  imports: [SessionsModule, TokensModule, OauthClientsModule],
  providers: [
    BearerJwtStrategy,
    BearerJwtScheme,
    TokenAuthenticator,
    AppTokenScheme,
    FrontendScheme,
    UserTokenScheme,
    ApiTokenScheme,
    ClientScheme,
    ClientSecretScheme,
    Refusals,
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
})
export class GuardsModule {}
