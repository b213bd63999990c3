import { Injectable } from '@nestjs/common';
import type { ClientPrincipal } from '../access/principal.js';
import { readAddress } from '../accounts/networks.js';
import { notFound, unauthorized } from '../errors/api-error.js';
import { isUuid } from '../http/validation.js';
import type { NewIdentification } from './identifications.dto.js';
import { IdentificationStore, type IdentificationRecord } from './identifications.store.js';

/** Works out for clients which account a visitor belongs to. */
@Injectable()
export class Identifications {
  constructor(private readonly store: IdentificationStore) {}

  /**
   * The most specific network that holds the address wins; then the email's account; then its domain's.
   *
   * @throws ApiError `unauthorized` when the client has been deleted meanwhile
   */
  async create(client: ClientPrincipal, visitor: NewIdentification): Promise<IdentificationRecord> {
    const { ip, url, user_agent: userAgent, email = null } = visitor;
    const id = await this.store.identify(client.clientId, { ip: readAddress(ip) ?? ip, url, userAgent, email });
    if (id === undefined) throw unauthorized('The client has ended.');
    return this.get(client, id);
  }

  /** @throws ApiError `not_found`, for another client's too */
  async get({ clientId }: ClientPrincipal, id: string): Promise<IdentificationRecord> {
    const record = isUuid(id) ? await this.store.find(clientId, id) : undefined;
    if (!record) throw notFound();
    return record;
  }
}
