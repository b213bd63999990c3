import { Injectable } from '@nestjs/common';
import type { UserPrincipal } from '../access/principal.js';
import { requireAdmin } from '../access/refusals.js';
import { Reauthentication } from '../sessions/reauthentication.service.js';
import type { NewOauthClient, NewSecret } from './oauth-clients.dto.js';
import { OauthClients } from './oauth-clients.service.js';

/** How admins make secrets of clients, for which they may have to enter their password again (REAUTHENTICATE_AFTER). */
@Injectable()
export class OauthClientAdmin {
  constructor(
    private readonly clients: OauthClients,
    private readonly reauthentication: Reauthentication,
  ) {}

  /** @throws ApiError `forbidden`, and as {@link Reauthentication.require} */
  async create(caller: UserPrincipal, { current_password, name, scopes }: NewOauthClient): Promise<NewSecret> {
    await this.reauthentication.require(requireAdmin(caller), current_password);
    return this.clients.create(caller, { name, scopes });
  }

  /** @throws ApiError as {@link OauthClients.rotateSecret}, {@link Reauthentication.require} */
  async rotateSecret(caller: UserPrincipal, id: string, currentPassword: string | undefined): Promise<NewSecret> {
    await this.reauthentication.require(requireAdmin(caller), currentPassword);
    return this.clients.rotateSecret(caller, id);
  }
}
