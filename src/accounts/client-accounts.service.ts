import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import type { ClientPrincipal } from '../access/principal.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { ApiError, notFound } from '../errors/api-error.js';
import { readEmailDomain } from '../emails/email-domains.js';
import { pageOf, readCursor, type Page } from '../http/cursor.js';
import { isUuid, spellingsOfName } from '../http/validation.js';
import { Revocations } from '../revocations/revocations.service.js';
import { Callers } from '../tokens/callers.service.js';
import { AccountErasure } from './account-erasure.service.js';
import { auditedFields, readFields, spelling, type AccountFieldsBody } from './account-fields.js';
import { AccountLists } from './account-lists.store.js';
import { takenName } from './account-conflicts.js';
import {
  MOST_PER_PAGE,
  toClientAccountView,
  type AccountChange,
  type AccountPage,
  type NewOrganisation,
} from './client-accounts.dto.js';
import {
  ClientAccountStore,
  NAME_TAKEN,
  type ClientAccount,
  type ClientAccountFilters,
  type Overlaps,
} from './client-accounts.store.js';
import { readNetwork } from './networks.js';
import { requireMatch } from '../http/if-match.js';

/**
 * How OAuth2 clients see and change accounts. A change is refused as `unauthorized` when the client or the credential
 * that it presented has been revoked meanwhile.
 */
@Injectable()
export class ClientAccounts {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly store: ClientAccountStore,
    private readonly lists: AccountLists,
    private readonly callers: Callers,
    private readonly revocations: Revocations,
    private readonly erasure: AccountErasure,
    private readonly audit: AuditLog,
  ) {}

  /** @throws ApiError `not_found`, also for a disabled account, and for a person who can sign in */
  async get({ clientId }: ClientPrincipal, id: string): Promise<ClientAccount> {
    const account = isUuid(id) ? await this.store.find(id, clientId) : undefined;
    if (!account) throw notFound();
    return account;
  }

  /** @returns a page, oldest first, its size, and where the next one begins */
  async list({ page, perpage, cursor, ...filters }: AccountPage): Promise<Page<ClientAccount> & { perPage: number }> {
    const perPage = Number(perpage ?? MOST_PER_PAGE);
    const start = { after: readCursor(cursor), skip: (Number(page ?? 1) - 1) * perPage };
    return { ...pageOf(await this.store.list(perPage + 1, readFilters(filters), start), perPage), perPage };
  }

  /** @throws ApiError `conflict` when the name is taken */
  async create(
    client: ClientPrincipal,
    organisation: NewOrganisation,
  ): Promise<{ account: ClientAccount; overlaps: Overlaps }> {
    const change = readFields(named(organisation));
    const id = await this.manager.transaction(async (tx) => {
      const publisherReference = change.publisherReference ?? null;
      const created = await this.store.insert(tx, { name: change.name ?? '', publisherReference });
      if (created === undefined) throw takenName();
      await this.lists.replace(tx, created, change);
      await this.callers.checkClient(tx, client, 'accounts:write');
      await this.audit.record(tx, { kind: 'account.created', subject: created, details: auditedFields(change) });
      return created;
    });
    return this.changed(client, id);
  }

  /** @throws ApiError `not_found`, `forbidden` when it is not an organisation or is an admin, `conflict` when the name is taken */
  async update(
    client: ClientPrincipal,
    id: string,
    fields: AccountChange,
  ): Promise<{ account: ClientAccount; overlaps: Overlaps }> {
    const change = readFields(named(fields));
    if (!isUuid(id)) throw notFound();
    if (Object.keys(change).length === 0) {
      await requireMatch(() => this.viewOf(client, id));
      return this.changed(client, id);
    }
    const isChanged = await this.manager.transaction(async (tx) => {
      await requireMatch(() => this.lockedView(tx, client, id));
      const updated = await this.store.update(tx, id, change);
      if (updated === NAME_TAKEN) throw takenName();
      if (!updated) return false;
      await this.lists.replace(tx, id, change);
      await this.callers.checkClient(tx, client, 'accounts:write');
      const details = auditedFields(change);
      await this.audit.record(tx, { kind: 'account.changed', subject: id.toLowerCase(), details });
      return true;
    });
    const changed = await this.changed(client, id);
    // Only finds out why the statement refused.
    if (!isChanged) throw changesOrganisationsOnly();
    return changed;
  }

  /** @throws ApiError `not_found`; `forbidden` when it is not an organisation, is an admin, or owns clients */
  async remove(client: ClientPrincipal, id: string): Promise<void> {
    if (!isUuid(id)) throw notFound();
    const removed = await this.revocations.transaction(async (tx) => {
      const organisation = await this.store.lockOrganisation(tx, id);
      if (!organisation) return false;
      await this.callers.checkClient(tx, client, 'accounts:write');
      await this.erasure.prepare(tx, { id: id.toLowerCase(), email: organisation.email });
      await this.store.remove(tx, id);
      return true;
    });
    if (removed) return;
    // Only finds out why the statement refused.
    await this.get(client, id);
    throw organisationsOnly();
  }

  private async lockedView(tx: EntityManager, client: ClientPrincipal, id: string): Promise<object | undefined> {
    await this.store.lock(tx, id);
    return this.viewOf(client, id, tx);
  }

  /** As a GET shows it. */
  private async viewOf(
    { clientId }: ClientPrincipal,
    id: string,
    manager?: EntityManager,
  ): Promise<object | undefined> {
    const account = await this.store.find(id, clientId, manager);
    return account && toClientAccountView(account, this.config.publicUrl);
  }

  /** Overlaps are searched after the commit: of two accounts that get them at the same time, one finds the other. */
  private async changed(client: ClientPrincipal, id: string): Promise<{ account: ClientAccount; overlaps: Overlaps }> {
    const account = await this.get(client, id);
    return { account, overlaps: await this.store.overlaps(id) };
  }
}

export const organisationsOnly = () =>
  new ApiError('forbidden', 'Clients can only delete organisations that are not admins and own no clients.');

export const changesOrganisationsOnly = () =>
  new ApiError('forbidden', 'Clients can only change organisations that are not admins.');

/** `account_name` is another word for `name`. */
function named({ account_name, ...fields }: NewOrganisation | AccountChange): AccountFieldsBody {
  return { ...fields, name: fields.name ?? account_name };
}

/** @returns the filters as the fields are stored. They have been validated. */
function readFilters({ name, publisher_reference, email_domain, network }: AccountPage): ClientAccountFilters {
  return {
    name: name === undefined ? undefined : spellingsOfName(name),
    publisherReference: publisher_reference,
    emailDomain: email_domain && spelling(readEmailDomain(email_domain)),
    network: network && spelling(readNetwork(network)),
  };
}
