import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { digestOf } from '../tokens/digest.js';
import { OauthClientEntity } from './oauth-client.entity.js';
import { OauthClientSecretEntity } from './oauth-client-secret.entity.js';

/** The table of OAuth2 clients. */
@Injectable()
export class OauthClients {
  /** Stores a client. Its secret is the caller's to show, once. */
  async add(tx: EntityManager, client: { id: string; secret: string; name: string; scopes: string[] }): Promise<void> {
    const { id, secret, name, scopes } = client;
    await tx.insert(OauthClientEntity, { id, name, scopes });
    await tx.insert(OauthClientSecretEntity, { clientId: id, digest: digestOf(secret) });
  }
}
