import { Injectable } from '@nestjs/common';
import type { ClientPrincipal } from '../access/principal.js';
import { readAddress } from '../accounts/networks.js';
import { notFound } from '../errors/api-error.js';
import type { NewIdentification } from './identifications.dto.js';
import { IdentificationStore, type IdentificationRecord } from './identification.store.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Works out for clients which account a visitor belongs to. */
@Injectable()
export class Identifications {
  constructor(private readonly store: IdentificationStore) {}

  /** The most specific network that holds the address wins; then the email's account; then its domain's. */
  async create(client: ClientPrincipal, visitor: NewIdentification): Promise<IdentificationRecord> {
    const { ip, url, user_agent: userAgent, email = null } = visitor;
    const id = await this.store.identify(client.clientId, { ip: readAddress(ip) ?? ip, url, userAgent, email });
    return this.get(client, id);
  }

  /** @throws ApiError `not_found`, for another client's too */
  async get({ clientId }: ClientPrincipal, id: string): Promise<IdentificationRecord> {
    const record = UUID.test(id) ? await this.store.find(clientId, id) : undefined;
    if (!record) throw notFound();
    return record;
  }
}
