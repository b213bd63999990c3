import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { Introspection } from './introspection.service.js';
import { MetadataController } from './metadata.controller.js';
import { OauthClientAdmin } from './oauth-client-admin.service.js';
import { OauthClientsController } from './oauth-clients.controller.js';
import { OauthClientsModule } from './oauth-clients.module.js';
import { OauthTokens } from './oauth-tokens.service.js';
import { OauthController } from './oauth.controller.js';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';

/** The OAuth2 routes: access tokens, introspection, revocation, metadata, and the management of clients. */
@Module({
  imports: [IdempotencyModule, OauthClientsModule, SessionsModule, TokensModule],
  controllers: [OauthController, OauthClientsController, MetadataController],
  providers: [OauthTokens, Introspection, OauthClientAdmin],
})
export class OauthModule {}
