import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountsModule } from '../accounts/accounts.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { Introspection } from './introspection.service.js';
import { MetadataController } from './metadata.controller.js';
import { OauthClientEntity } from './oauth-client.entity.js';
import { OauthClientSecretEntity } from './oauth-client-secret.entity.js';
import { OauthClientStore } from './oauth-client.store.js';
import { OauthClientsController } from './oauth-clients.controller.js';
import { OauthClients } from './oauth-clients.service.js';
import { OauthTokens } from './oauth-tokens.service.js';
import { OauthController } from './oauth.controller.js';

/** OAuth2 clients and their access tokens; introspection, revocation and metadata. */
@Module({
  imports: [
    TypeOrmModule.forFeature([OauthClientEntity, OauthClientSecretEntity]),
    AccountsModule,
    SessionsModule,
    TokensModule,
  ],
  controllers: [OauthController, OauthClientsController, MetadataController],
  providers: [OauthClients, OauthClientStore, OauthTokens, Introspection],
  exports: [OauthClients],
})
export class OauthModule {}
