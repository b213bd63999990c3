import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { ClientPrincipal } from '../access/principal.js';
import { badClient } from '../access/refusals.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { readAddress } from '../accounts/networks.js';
import { notYours } from '../errors/api-error.js';
import { Batch } from '../database/batch.js';
import { hasToNoteActs, noteAct } from '../http/current-request.js';
import { idIn, isUuid } from '../http/validation.js';
import { Callers } from '../tokens/callers.service.js';
import type { NewIdentification } from './identifications.dto.js';
import type { AskedFor, IdentificationRecord, Visitor } from './identification-records.js';
import { IdentificationStore } from './identifications.store.js';
import { readReturned, type ReturnedUrl } from './return-urls.js';

/** Identifies for clients the accounts that visitors belong to. */
@Injectable()
export class Identifications {
  private readonly batch: Batch<AskedFor, IdentificationRecord | undefined>;

  constructor(
    private readonly manager: EntityManager,
    private readonly store: IdentificationStore,
    private readonly callers: Callers,
    private readonly audit: AuditLog,
  ) {
    this.batch = new Batch((asked) => store.identifyAll(asked));
  }

  /**
   * Identifies by a result of the WAYF page, if the visitor has just come back from there; otherwise by the most specific
   * network that contains the address, then by email, then by the email's domain.
   *
   * @throws ApiError `unauthorized`, `forbidden` as {@link Callers.checkClient}
   */
  async create(client: ClientPrincipal, visitor: NewIdentification): Promise<IdentificationRecord> {
    const { ip, url, user_agent: userAgent = '', email = null } = visitor;
    const described = { ip: readAddress(ip) ?? ip, url, userAgent, email };
    const returned = readReturned(url);
    const isAlone = returned !== undefined || hasToNoteActs();
    const made = isAlone ? undefined : await this.batch.add({ client, visitor: described });
    return made ?? this.createAlone(client, described, returned);
  }

  /** Waits for whatever it depends on that is being changed. */
  private async createAlone(
    client: ClientPrincipal,
    visitor: Visitor,
    returned: ReturnedUrl | undefined,
  ): Promise<IdentificationRecord> {
    const made = await this.manager.transaction(async (tx) => {
      const made =
        (returned && (await this.identifyReturned(tx, client.clientId, returned, visitor))) ??
        (await this.store.identify(tx, { client, visitor }))?.id;
      await this.callers.checkClient(tx, client, 'identifications');
      await noteAct(tx);
      return made;
    });
    if (made === undefined) throw badClient();
    if (returned && returned.id !== made) await this.noteRefused(client.clientId, returned.id);
    return this.get(client, made);
  }

  /** @throws ApiError `not_found`, also for another client's identification */
  async get({ clientId }: ClientPrincipal, id: string): Promise<IdentificationRecord> {
    const record = isUuid(id) ? await this.store.find(clientId, id) : undefined;
    if (!record) throw notYours(idIn(id));
    return record;
  }

  /** @returns the id of the result of the WAYF page, if it is good for this client and visitor */
  private async identifyReturned(
    tx: EntityManager,
    clientId: string,
    returned: ReturnedUrl,
    visitor: Visitor,
  ): Promise<string | undefined> {
    const found = await this.store.identifyReturned(tx, clientId, returned, visitor);
    if (found?.isFirst) {
      const details = { identification: returned.id };
      await this.audit.record(tx, { kind: 'identification.returned', subject: found.accountId, details });
    }
    return found && returned.id;
  }

  /** Notes that a result of the WAYF page was not good for a visitor. Nothing is noted of what is no result, or too old. */
  private async noteRefused(clientId: string, id: string): Promise<void> {
    const subject = await this.store.findSignedIn(clientId, id);
    if (subject === undefined) return;
    const details = { identification: id };
    await this.audit.recordAlone({ kind: 'identification.returned', subject, outcome: 'refused', details });
  }
}
