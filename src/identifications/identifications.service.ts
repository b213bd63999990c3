import { Injectable } from '@nestjs/common';
import type { ClientPrincipal } from '../access/principal.js';
import { readAddress } from '../accounts/networks.js';
import { notFound, unauthorized } from '../errors/api-error.js';
import { isUuid } from '../http/validation.js';
import type { NewIdentification } from './identifications.dto.js';
import { IdentificationStore, type IdentificationRecord } from './identifications.store.js';

/** Identifies for clients the accounts that visitors belong to. */
@Injectable()
export class Identifications {
  constructor(private readonly store: IdentificationStore) {}

  /** Identifies by the most specific network that contains the address, then by email, then by the email's domain.
   *
   * @throws ApiError `unauthorized` when the client has been deleted meanwhile
   */
  async create(client: ClientPrincipal, visitor: NewIdentification): Promise<IdentificationRecord> {
    const { ip, url, user_agent: userAgent, email = null } = visitor;
    const id = await this.store.identify(client.clientId, { ip: readAddress(ip) ?? ip, url, userAgent, email });
    if (id === undefined) throw unauthorized('The client has ended.');
    return this.get(client, id);
  }

  /** @throws ApiError `not_found`, also for another client's identification */
  async get({ clientId }: ClientPrincipal, id: string): Promise<IdentificationRecord> {
    const record = isUuid(id) ? await this.store.find(clientId, id) : undefined;
    if (!record) throw notFound();
    return record;
  }
}
