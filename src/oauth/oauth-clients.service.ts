import { hash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { UserPrincipal } from '../access/principal.js';
import { requireAdmin } from '../access/refusals.js';
import type { AuthenticatedClient } from '../access/principal.js';
import type { AuditKind } from '../audit-log/audit-kinds.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { conflict, invalidParams, notFound } from '../errors/api-error.js';
import type { MaybePromise } from '../http/maybe-promise.js';
import { isUuid } from '../http/validation.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { readHash } from '../passwords/password-hashes.js';
import { pageOf, PAGE_SIZE, readCursor, type Page } from '../http/cursor.js';
import { addressForLimits } from '../http/client-address.js';
import { Limits, type Limit } from '../limits/limits.service.js';
import { Revocations, type RevocationTag } from '../revocations/revocations.service.js';
import { VerifiedCache, type Verified } from '../revocations/verified-cache.js';
import { digestOf, hintOf } from '../tokens/digest.js';
import { Callers } from '../tokens/callers.service.js';
import { Tokens } from '../tokens/tokens.service.js';
import { toOauthClientView, type NewSecret } from './oauth-clients.dto.js';
import {
  OauthClientStore,
  type ClientChange,
  type ClientRecord,
  type ClientSecret,
  type LockedClient,
  type Maker,
} from './oauth-clients.store.js';
import { requireMatch } from '../http/if-match.js';

/** Generated ids are uuids; BOOTSTRAP_CLIENT_ID may have another form. */
const isClientId = (text: string) => /^[\w.-]{1,100}$/.test(text);
/** 256 random bits. */
const newSecret = () => randomBytes(32).toString('base64url');

/** How many authenticated clients a process caches. */
const REMEMBERED = 10_000;
/** How many times the limit for one client and address is allowed for all clients from one address. */
const CEILING_FACTOR = 10;

/** The life of OAuth2 clients and of their secrets. */
@Injectable()
export class OauthClients {
  private readonly verified: VerifiedCache<AuthenticatedClient>;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly store: OauthClientStore,
    private readonly callers: Callers,
    private readonly tokens: Tokens,
    private readonly hasher: PasswordHasher,
    private readonly limits: Limits,
    private readonly audit: AuditLog,
    private readonly revocations: Revocations,
  ) {
    this.verified = new VerifiedCache(revocations, REMEMBERED);
  }

  /** Authenticates a client by its id and secret. Nothing else does.
   * @param shown `raw`: another text that may be meant by the secret
   * @param address of the request, as failed attempts are counted (RFC 6749 section 2.3.1)
   * @returns the client, if it has this secret and its owner is an enabled admin; no promise where it is remembered
   * @throws ApiError `rate_limited`
   */
  authenticate(
    { id, secret, raw }: { id: string; secret: string; raw?: string },
    address: string,
  ): MaybePromise<AuthenticatedClient | undefined> {
    if (!isClientId(id)) return undefined;
    const candidates = raw === undefined ? [secret] : [secret, raw];
    const key = `${id} ${candidates.map((one) => hash('sha256', one, 'base64')).join(' ')}`;
    return this.verified.known(key) ?? this.checkSecret(key, id, candidates, address);
  }

  private async checkSecret(
    key: string,
    id: string,
    candidates: string[],
    address: string,
  ): Promise<AuthenticatedClient | undefined> {
    const client = await this.verified.get(key, () =>
      this.limits.countFailure(this.limitsFor(id, address), () => this.findBySecret(id, candidates)),
    );
    if (!client) {
      // An unknown id may be a secret that was sent in the wrong place.
      const subject = (await this.store.exists(id)) ? { subject: id } : {};
      await this.audit.recordAlone({ kind: 'sign_in', outcome: 'failure', ...subject });
    }
    return client;
  }

  /** @returns the scopes of a client, if it is still good and still has the secret that it presented */
  scopesOf({ clientId, secretId }: AuthenticatedClient): Promise<string[] | undefined> {
    return this.store.scopesOf(clientId, secretId);
  }

  /** Creates a client with the given secret. */
  async add(
    tx: EntityManager,
    client: { id: string; secret: string; name: string; scopes: string[]; ownerId?: string },
    maker: Maker = {},
  ): Promise<void> {
    const isNew = await this.store.insert(tx, client, maker);
    if (!isNew) throw conflict('A client with this id exists.', { id: ['is taken'] });
    await this.addSecret(tx, client.id, client.secret, maker);
  }

  /**
   * Creates a client that the caller owns. One that somebody makes who acts for the caller ends with the token that they have.
   *
   * @returns it and its secret, which cannot be shown again
   */
  async create(caller: UserPrincipal, { name, scopes }: { name: string; scopes: string[] }): Promise<NewSecret> {
    const { accountId } = requireAdmin(caller);
    const id = randomUUID();
    const secret = newSecret();
    await this.manager.transaction(async (tx) => {
      await this.callers.holdUser(tx, caller);
      await this.add(tx, { id, secret, name, scopes, ownerId: accountId }, makerOf(caller));
      await this.audit.record(tx, { kind: 'oauth_client.created', subject: id, details: { scopes, owner: accountId } });
    });
    return { client: await this.find(id), secret };
  }

  async list(caller: UserPrincipal, cursor: string | undefined): Promise<Page<ClientRecord>> {
    requireAdmin(caller);
    const after = readCursor(cursor, isClientId);
    await this.audit.recordAlone({ kind: 'oauth_client.listed' });
    return pageOf(await this.store.list(PAGE_SIZE + 1, after));
  }

  /** @throws ApiError `not_found` */
  async get(caller: UserPrincipal, id: string): Promise<ClientRecord> {
    requireAdmin(caller);
    const client = await this.find(id);
    await this.audit.recordAlone({ kind: 'oauth_client.read', subject: client.id });
    return client;
  }

  /** Updates a client. Scopes that it loses are removed from its tokens too.
   *
   * @throws ApiError `not_found`; `invalid_params` when the new owner is not an enabled admin
   */
  async update(caller: UserPrincipal, id: string, change: ClientChange): Promise<ClientRecord> {
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
  async remove(caller: UserPrincipal, id: string): Promise<void> {
    await this.changeLocked(caller, id, 'oauth_client.deleted', async (tx) => {
      // Also locks the rows in the common order, which the cascade of the deletion would not.
      await this.tokens.revokeClientTokens(tx, id);
      await this.store.remove(tx, id);
      return undefined;
    });
  }

  /** Revokes the access tokens of a client; its secrets stay. @throws ApiError `not_found` */
  async revokeTokens(caller: UserPrincipal, id: string): Promise<void> {
    await this.changeLocked(caller, id, 'oauth_client.revoked', async (tx) => {
      await this.tokens.revokeClientTokens(tx, id);
      return undefined;
    });
  }

  /** Adds a second secret to a client, so that the first can be replaced without an outage.
   * @returns the client and the secret, which cannot be shown again
   * @throws ApiError `not_found`; `conflict` when the client has two already
   */
  async rotateSecret(caller: UserPrincipal, id: string): Promise<NewSecret> {
    const secret = newSecret();
    await this.changeLocked(caller, id, 'oauth_client.secret_added', async (tx) => ({
      secret: await this.addSecret(tx, id, secret, makerOf(caller)),
    }));
    return { client: await this.find(id), secret };
  }

  /** Deletes a secret; tokens that were issued with it stay valid. @throws ApiError `not_found` */
  async removeSecret(caller: UserPrincipal, id: string, secretId: string): Promise<void> {
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
    caller: UserPrincipal,
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
    if (!isOwner) throw invalidParams({ owner: ['is not an enabled admin'] });
    return client;
  }

  private async findBySecret(id: string, candidates: string[]): Promise<Verified<AuthenticatedClient> | undefined> {
    const secrets = await this.store.secretsOf(id);
    const digests = candidates.map(digestOf);
    let match = secrets.find((secret) => digests.some((digest) => timingSafeEqual(secret.digest, digest)));
    for (const shown of candidates) match ??= await this.findForeign(secrets, shown);
    if (!match) return undefined;
    const { clientId, scopes, secretId, ownerId, lineageTags, expiresIn } = match;
    await this.store.noteUse(secretId);
    const tags: RevocationTag[] = [`client ${clientId}`, ...(ownerId === null ? [] : [`account ${ownerId}` as const])];
    return { value: { clientId, scopes, secretId }, tags: [...tags, ...(lineageTags ?? [])], expiresIn };
  }

  /** Finds a secret of which only the hash of another service is known, and keeps its digest from then on. */
  private async findForeign(secrets: ClientSecret[], shown: string): Promise<ClientSecret | undefined> {
    for (const secret of secrets) {
      const hash = secret.foreignHash === null ? undefined : readHash(secret.foreignHash);
      if (!hash || !(await this.hasher.matches(shown, hash))) continue;
      await this.store.renewSecret(secret, { digest: digestOf(shown), hint: hintOf(shown) });
      return secret;
    }
    return undefined;
  }

  private limitsFor(id: string, address: string): Limit[] {
    const { loginMaxFailures: most, loginFailureWindow: seconds } = this.config;
    const from = addressForLimits(address);
    return [
      { key: `client ${id} ${from}`, most, seconds },
      { key: `clients ${from}`, most: most * CEILING_FACTOR, seconds },
    ];
  }
}

/** Whether a change takes scopes from a client or gives it another owner: only that affects its tokens. */
function isNarrowedOrMoved(before: LockedClient, { scopes, ownerId }: ClientChange): boolean {
  const isNarrowed = scopes !== undefined && before.scopes.some((scope) => !scopes.includes(scope));
  return isNarrowed || (ownerId !== undefined && ownerId.toLowerCase() !== before.ownerId);
}

export const twoSecrets = () => conflict('The client already has two secrets. Delete one of them first.');

const makerOf = ({ actorId, lineage }: UserPrincipal): Maker =>
  actorId === null || lineage === null ? {} : { actorId, madeWith: lineage };
