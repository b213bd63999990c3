import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OauthClientEntity } from './oauth-client.entity.js';
import { OauthClientSecretEntity } from './oauth-client-secret.entity.js';
import { OauthClients } from './oauth-clients.service.js';

/** OAuth2 clients. */
@Module({
  imports: [TypeOrmModule.forFeature([OauthClientEntity, OauthClientSecretEntity])],
  providers: [OauthClients],
  exports: [OauthClients],
})
export class OauthModule {}
