import { randomBytes, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { AdminPrincipal } from '../access/principal.js';
import { requireAdmin } from '../access/refusals.js';
import type { AuditKind } from '../audit-log/audit-kinds.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { conflict, invalidParams, notFound } from '../errors/api-error.js';
import { isUuid } from '../http/validation.js';
import { pageOf, PAGE_SIZE, readCursor, type Page } from '../http/cursor.js';
import { Revocations } from '../revocations/revocations.service.js';
import { digestOf, hintOf } from '../tokens/digest.js';
import { Callers } from '../tokens/callers.service.js';
import { Tokens } from '../tokens/tokens.service.js';
import { toOauthClientView, type NewSecret } from './oauth-clients.dto.js';
import {
  OauthClientStore,
  type ClientChange,
  type ClientRecord,
  type LockedClient,
  type Maker,
} from './oauth-clients.store.js';
import { requireMatch } from '../http/if-match.js';

/** Generated ids are uuids; BOOTSTRAP_CLIENT_ID may have another form. */
export const isClientId = (text: string) => /^[\w.-]{1,100}$/.test(text);
/** 256 random bits. */
const newSecret = () => randomBytes(32).toString('base64url');
/** Whether a secret is so long that nobody can guess it: ours are, and BOOTSTRAP_CLIENT_SECRET has to be. */
export const isTooLongToGuess = (secret: string) => /^[!-~]{32,}$/.test(secret);

/** The life of OAuth2 clients and of their secrets. */
@Injectable()
export class OauthClients {
  constructor(
    private readonly manager: EntityManager,
    private readonly store: OauthClientStore,
    private readonly callers: Callers,
    private readonly tokens: Tokens,
    private readonly audit: AuditLog,
    private readonly revocations: Revocations,
  ) {}

  /** Creates a client with the given secret. */
  async add(
    tx: EntityManager,
    client: { id: string; secret: string; name: string; scopes: string[]; ownerId?: string },
    maker: Maker = {},
  ): Promise<void> {
    const isNew = await this.store.insert(tx, client, maker);
    if (!isNew) throw conflict('A client with this id already exists.', { id: ['is taken'] });
    await this.addSecret(tx, client.id, client.secret, maker);
  }

  /**
   * Creates a client that the caller owns. One that somebody makes who acts for the caller ends with the token that they have.
   *
   * @param client.ownerId of one that the command line makes, which owns nothing itself
   * @returns it and its secret, which cannot be shown again
   * @throws ApiError `forbidden`; `invalid_params` when the owner is not an enabled admin
   */
  async create(
    caller: AdminPrincipal,
    { name, scopes, ownerId }: { name: string; scopes: string[]; ownerId?: string },
  ): Promise<NewSecret> {
    const owner = requireAdmin(caller).accountId ?? ownerId;
    const id = randomUUID();
    const secret = newSecret();
    await this.manager.transaction(async (tx) => {
      await this.callers.holdUser(tx, caller);
      if (owner === undefined || !(await this.store.holdAdmin(tx, owner))) throw badOwner();
      await this.add(tx, { id, secret, name, scopes, ownerId: owner }, makerOf(caller));
      await this.audit.record(tx, { kind: 'oauth_client.created', subject: id, details: { scopes, owner } });
    });
    return { client: await this.find(id), secret };
  }

  async list(caller: AdminPrincipal, cursor: string | undefined): Promise<Page<ClientRecord>> {
    requireAdmin(caller);
    const after = readCursor(cursor, isClientId);
    await this.audit.recordAlone({ kind: 'oauth_client.listed' });
    return pageOf(await this.store.list(PAGE_SIZE + 1, after));
  }

  /** @throws ApiError `not_found` */
  async get(caller: AdminPrincipal, id: string): Promise<ClientRecord> {
    requireAdmin(caller);
    const client = await this.find(id);
    await this.audit.recordAlone({ kind: 'oauth_client.read', subject: client.id });
    return client;
  }

  /** Updates a client. Scopes that it loses are removed from its tokens too.
   *
   * @throws ApiError `not_found`; `invalid_params` when the new owner is not an enabled admin
   */
  async update(caller: AdminPrincipal, id: string, change: ClientChange): Promise<ClientRecord> {
    const { ownerId, ...others } = change;
    await this.changeLocked(
      caller,
      id,
      'oauth_client.changed',
      async (tx, before) => {
        await requireMatch(async () => {
          const client = await this.store.find(id, tx);
          return client && toOauthClientView(client);
        });
        await this.store.update(tx, id, change);
        if (isNarrowedOrMoved(before, change)) await this.tokens.renewClientTokens(tx, id);
        return { ...others, ...(ownerId !== undefined && { owner: ownerId }) };
      },
      ownerId,
    );
    return this.find(id);
  }

  /** Deletes a client, its secrets and its tokens. @throws ApiError `not_found` */
  async remove(caller: AdminPrincipal, id: string): Promise<void> {
    await this.changeLocked(caller, id, 'oauth_client.deleted', async (tx) => {
      // Also locks the rows in the common order, which the cascade of the deletion would not.
      await this.tokens.revokeClientTokens(tx, id);
      await this.store.remove(tx, id);
      return undefined;
    });
  }

  /** Revokes the access tokens of a client; its secrets stay. @throws ApiError `not_found` */
  async revokeTokens(caller: AdminPrincipal, id: string): Promise<void> {
    await this.changeLocked(caller, id, 'oauth_client.revoked', async (tx) => {
      await this.tokens.revokeClientTokens(tx, id);
      return undefined;
    });
  }

  /** Adds a second secret to a client, so that the first can be replaced without an outage.
   * @returns the client and the secret, which cannot be shown again
   * @throws ApiError `not_found`; `conflict` when the client has two already
   */
  async rotateSecret(caller: AdminPrincipal, id: string): Promise<NewSecret> {
    const secret = newSecret();
    await this.changeLocked(caller, id, 'oauth_client.secret_added', async (tx) => ({
      secret: await this.addSecret(tx, id, secret, makerOf(caller)),
    }));
    return { client: await this.find(id), secret };
  }

  /** Deletes a secret; tokens that were issued with it stay valid. @throws ApiError `not_found` */
  async removeSecret(caller: AdminPrincipal, id: string, secretId: string): Promise<void> {
    await this.changeLocked(caller, id, 'oauth_client.secret_deleted', async (tx) => {
      if (!isUuid(secretId) || !(await this.store.removeSecret(tx, id, secretId))) throw notFound();
      return { secret: secretId };
    });
  }

  private async find(id: string): Promise<ClientRecord> {
    const client = isClientId(id) ? await this.store.find(id) : undefined;
    if (!client) throw notFound();
    return client;
  }

  private async addSecret(tx: EntityManager, clientId: string, secret: string, maker: Maker): Promise<string> {
    const added = await this.store.addSecret(tx, clientId, { digest: digestOf(secret), hint: hintOf(secret) }, maker);
    if (added === undefined) throw twoSecrets();
    return added;
  }

  /**
   * Runs a change of a client under its lock, announces it to all replicas, and records it in the audit log.
   * @param ownerId the new owner; undefined: it stays
   */
  private async changeLocked(
    caller: AdminPrincipal,
    id: string,
    kind: AuditKind,
    change: (tx: EntityManager, before: LockedClient) => Promise<Record<string, unknown> | undefined>,
    ownerId?: string,
  ): Promise<void> {
    requireAdmin(caller);
    if (!isClientId(id)) throw notFound();
    await this.revocations.during(`client ${id}`, async (tx) => {
      const before = await this.callers.holdUser(tx, caller, { lock: () => this.lock(tx, id, ownerId) });
      const details = (await change(tx, before)) ?? {};
      await this.audit.record(tx, { kind, subject: id, details });
    });
  }

  /**
   * Locks the new owner, then the client. @throws ApiError `not_found`, `invalid_params` unless the owner is an enabled
   * admin
   */
  private async lock(tx: EntityManager, id: string, ownerId: string | undefined): Promise<LockedClient> {
    const isOwner = ownerId === undefined || (await this.store.holdAdmin(tx, ownerId));
    const client = await this.store.lock(tx, id);
    if (!client) throw notFound();
    if (!isOwner) throw badOwner();
    return client;
  }
}

/** Whether a change takes scopes from a client or gives it another owner: only that affects its tokens. */
function isNarrowedOrMoved(before: LockedClient, { scopes, ownerId }: ClientChange): boolean {
  const isNarrowed = scopes !== undefined && before.scopes.some((scope) => !scopes.includes(scope));
  return isNarrowed || (ownerId !== undefined && ownerId.toLowerCase() !== before.ownerId);
}

const badOwner = () => invalidParams({ owner: ['is not an enabled admin'] });
export const twoSecrets = () => conflict('The client already has two secrets. Delete one of them first.');

const makerOf = ({ actorId, lineage }: AdminPrincipal): Maker =>
  actorId === null || lineage === null ? {} : { actorId, madeWith: lineage };
