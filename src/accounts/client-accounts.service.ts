import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { ApiError, conflict, notFound } from '../errors/api-error.js';
import { pageOf, readCursor, type Cursor } from '../http/cursor.js';
import { isUuid, type Reading } from '../http/validation.js';
import { Revocations } from '../revocations/revocations.service.js';
import { MOST_PER_PAGE, type AccountChange, type AccountPage, type NewOrganisation } from './client-accounts.dto.js';
import {
  ClientAccountStore,
  NAME_TAKEN,
  type ClientAccount,
  type ClientAccountChange,
  type Overlaps,
} from './client-accounts.store.js';
import { readEmailDomain } from './email-domains.js';
import { readNetwork } from './networks.js';

/** What OAuth2 clients see and do of accounts. */
@Injectable()
export class ClientAccounts {
  constructor(
    private readonly manager: EntityManager,
    private readonly store: ClientAccountStore,
    private readonly revocations: Revocations,
  ) {}

  /** @throws ApiError `not_found`, for a disabled one too */
  async get(id: string): Promise<ClientAccount> {
    const account = isUuid(id) ? await this.store.find(id) : undefined;
    if (!account) throw notFound();
    return account;
  }

  /** @returns a page, oldest first, its size, and where the next one begins */
  async list({ page, perpage, cursor }: AccountPage): Promise<{
    records: ClientAccount[];
    next: Cursor | undefined;
    perPage: number;
  }> {
    const perPage = Number(perpage ?? MOST_PER_PAGE);
    const start = { after: readCursor(cursor), skip: (Number(page ?? 1) - 1) * perPage };
    return { ...pageOf(await this.store.list(perPage + 1, start), perPage), perPage };
  }

  /** @throws ApiError `conflict` when the name is taken */
  async create(organisation: NewOrganisation): Promise<{ account: ClientAccount; overlaps: Overlaps }> {
    const change = readChange(organisation);
    const id = await this.manager.transaction(async (tx) => {
      const publisherReference = change.publisherReference ?? null;
      const created = await this.store.insert(tx, { name: tidy(organisation.name), publisherReference });
      if (created === undefined) throw nameTaken();
      await this.replaceLists(tx, created, change);
      return created;
    });
    return this.changed(id);
  }

  /** @throws ApiError `not_found`, `conflict` when the name is taken */
  async update(id: string, fields: AccountChange): Promise<{ account: ClientAccount; overlaps: Overlaps }> {
    const change = readChange(fields);
    if (isUuid(id) && Object.keys(change).length > 0) {
      await this.manager.transaction(async (tx) => {
        const updated = await this.store.update(tx, id, change);
        if (updated === NAME_TAKEN) throw nameTaken();
        if (updated) await this.replaceLists(tx, id, change);
      });
    }
    return this.changed(id);
  }

  /** @throws ApiError `not_found`; `forbidden` when it is no organisation */
  async remove(id: string): Promise<void> {
    if (!isUuid(id)) throw notFound();
    const removed = await this.revocations.during(
      (done) => (done ? `account ${id.toLowerCase()}` : undefined),
      (tx) => this.store.remove(tx, id),
    );
    if (removed) return;
    // Only to say why: the statement has decided.
    await this.get(id);
    throw organisationsOnly();
  }

  private async replaceLists(tx: EntityManager, id: string, change: ClientAccountChange): Promise<void> {
    if (change.networks) await this.store.replaceNetworks(tx, id, change.networks);
    if (change.emailDomains) await this.store.replaceEmailDomains(tx, id, change.emailDomains);
  }

  /** Overlaps are looked for after the commit: of two accounts that get them at once, one finds the other. */
  private async changed(id: string): Promise<{ account: ClientAccount; overlaps: Overlaps }> {
    const account = await this.get(id);
    return { account, overlaps: await this.store.overlaps(id) };
  }
}

type Fields = {
  [Name in 'name' | 'publisher_reference' | 'networks' | 'email_domains']?: AccountChange[Name] | undefined;
};

function readChange({ name, publisher_reference, networks, email_domains }: Fields): ClientAccountChange {
  return {
    ...(name !== undefined && { name: tidy(name) }),
    ...(publisher_reference !== undefined && { publisherReference: publisher_reference }),
    ...(networks && { networks: networks.map((text) => spelling(readNetwork(text))) }),
    ...(email_domains && { emailDomains: email_domains.map((text) => spelling(readEmailDomain(text))) }),
  };
}

/** One spelling for what looks the same. */
const tidy = (name: string) => name.normalize('NFC').trim();

/** The body has been validated. */
function spelling(reading: Reading): string {
  if ('problem' in reading) throw new Error(`An entry that was not validated ${reading.problem}.`);
  return reading.value;
}

export const organisationsOnly = () => new ApiError('forbidden', 'A client deletes organisations only, and no admin.');
export const nameTaken = () => conflict('An account with this name exists.', { name: ['is taken'] });
