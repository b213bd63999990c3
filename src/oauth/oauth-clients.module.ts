import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { ClientSecretChecks } from './client-secret-checks.service.js';
import { OauthClientEntity } from './oauth-clients.entity.js';
import { OauthClientSecretEntity } from './oauth-client-secrets.entity.js';
import { OauthClientStore } from './oauth-clients.store.js';
import { OauthClients } from './oauth-clients.service.js';

/** OAuth2 clients and their secrets, without routes, as the bootstrap command needs them. */
@Module({
  imports: [TypeOrmModule.forFeature([OauthClientEntity, OauthClientSecretEntity]), TokensModule, PasswordsModule],
  providers: [OauthClients, ClientSecretChecks, OauthClientStore],
  exports: [OauthClients, ClientSecretChecks],
})
export class OauthClientsModule {}
