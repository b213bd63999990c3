import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { ClientPrincipal } from '../access/principal.js';
import { badClient } from '../access/refusals.js';
import { readAddress } from '../accounts/networks.js';
import { notYours } from '../errors/api-error.js';
import { noteAct } from '../http/current-request.js';
import { idIn, isUuid } from '../http/validation.js';
import { Callers } from '../tokens/callers.service.js';
import type { NewIdentification } from './identifications.dto.js';
import { IdentificationStore, type IdentificationRecord } from './identifications.store.js';

/** Identifies for clients the accounts that visitors belong to. */
@Injectable()
export class Identifications {
  constructor(
    private readonly manager: EntityManager,
    private readonly store: IdentificationStore,
    private readonly callers: Callers,
  ) {}

  /** Identifies by the most specific network that contains the address, then by email, then by the email's domain.
   *
   * @throws ApiError `unauthorized`, `forbidden` as {@link Callers.checkClient}
   */
  async create(client: ClientPrincipal, visitor: NewIdentification): Promise<IdentificationRecord> {
    const { ip, url, user_agent: userAgent, email = null } = visitor;
    const id = await this.manager.transaction(async (tx) => {
      const described = { ip: readAddress(ip) ?? ip, url, userAgent, email };
      const made = await this.store.identify(tx, client.clientId, described);
      await this.callers.checkClient(tx, client, 'identifications');
      await noteAct(tx);
      return made;
    });
    if (id === undefined) throw badClient();
    return this.get(client, id);
  }

  /** @throws ApiError `not_found`, also for another client's identification */
  async get({ clientId }: ClientPrincipal, id: string): Promise<IdentificationRecord> {
    const record = isUuid(id) ? await this.store.find(clientId, id) : undefined;
    if (!record) throw notYours(idIn(id));
    return record;
  }
}
