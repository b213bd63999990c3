import { hash } from 'node:crypto';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AdminPrincipal, UserPrincipal } from '../access/principal.js';
import type { EventRow } from '../audit-log/audit-events.store.js';
import { CONFIG, type Config } from '../config/config.js';
import type { Cursor } from '../database/keyset.js';
import { Sweeper } from '../database/sweeper.service.js';
import { pageOf, type Page } from '../http/cursor.js';
import { after, type MaybePromise } from '../http/maybe-promise.js';
import { isUuid } from '../http/validation.js';
import { CacheMetrics } from '../metrics/cache-metrics.js';
import { Revocations } from '../revocations/revocations.service.js';
import { VerifiedCache, type Verified } from '../revocations/verified-cache.js';
import { Callers } from './callers.service.js';
import { ClientTokenStore } from './client-tokens.store.js';
import { digestOf } from './digest.js';
import type { TokenFilter, TokenHolder } from './gateway-tokens.js';
import { GatewayTokenStore } from './gateway-tokens.store.js';
import { ForeignTokens } from './foreign-tokens.service.js';
import { GotThroughStore } from './got-through.store.js';
import { oldestOf, TOKEN_KINDS, type TokenKind } from './token-kinds.js';
import type { Owner, TokenName, TokenRecord } from './token-records.js';
import { TokenReadStore } from './token-reads.store.js';
import { TokenStore, type TokenListFilter } from './tokens.store.js';
import type { VerifiedToken } from './verified-token.js';
import { VerifiedTokenStore } from './verified-tokens.store.js';
import { TokenLastUsed } from './token-last-used.service.js';
import { requireMatch } from '../http/if-match.js';

/**
 * Called in the same transaction, for instance to record an audit event.
 * @param ended how many tokens that were got through it have ended too; undefined: that was not asked for
 */
export type InTransaction = (tx: EntityManager, record: TokenRecord, ended?: number) => Promise<void>;

/** What changes of a token that an account holds. */
export interface TokenChange {
  /** When it expires, in seconds from now. */
  seconds?: number | undefined;
  /** Null: none. */
  name?: string | null | undefined;
  /** Whether the user tokens that were got through it end. */
  cascade?: boolean;
  /** How a GET shows the token, for If-Match. */
  toView?: (record: TokenRecord) => object;
}

/** The life of every opaque token. No other module touches a secret or its digest. */
@Injectable()
export class Tokens implements OnModuleInit {
  private readonly verified: VerifiedCache<VerifiedToken>;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: TokenStore,
    private readonly reads: TokenReadStore,
    private readonly found: VerifiedTokenStore,
    private readonly gateway: GatewayTokenStore,
    private readonly clients: ClientTokenStore,
    private readonly through: GotThroughStore,
    private readonly foreign: ForeignTokens,
    private readonly callers: Callers,
    private readonly uses: TokenLastUsed,
    private readonly revocations: Revocations,
    private readonly sweeper: Sweeper,
    caches: CacheMetrics,
  ) {
    this.verified = new VerifiedCache(revocations, config.cacheSize, 'token');
    caches.watch('tokens', this.verified);
  }

  onModuleInit(): void {
    const before = `now() - interval '${this.config.tokenRetention} seconds'`;
    this.sweeper.add({ table: 'tokens', time: 'least(expires_at, revoked_at)', before });
  }

  /** See {@link VerifiedTokenStore.hasGoodAppToken}. */
  hasGoodAppToken(tx: EntityManager): Promise<boolean> {
    return this.found.hasGoodAppToken(tx);
  }

  /**
   * Authenticates a presented secret. Nothing else does.
   *
   * @returns the token, if it is of this kind and good; no promise where it is remembered, or can be no such token
   */
  check(kind: TokenKind, secret: string): MaybePromise<VerifiedToken | undefined> {
    const key = keyOf(kind, secret);
    const known = this.verified.known(key);
    if (known) this.uses.touch(known.id);
    else if (TOKEN_KINDS[kind].format.recognises(secret)) return this.lookUp(key, this.finding(kind, secret));
    else return this.checkForeign(kind, key, secret);
    return known;
  }

  private checkForeign(kind: TokenKind, key: string, secret: string): MaybePromise<VerifiedToken | undefined> {
    const find = () => this.foreign.find(kind, secret, this.finding(kind, secret));
    return after(this.foreign.mayBe(kind), (mayBe) => (mayBe ? this.lookUp(key, find) : undefined));
  }

  private finding(kind: TokenKind | null, secret: string) {
    return () => this.found.findGood(kind, digestOf(secret), (found) => oldestOf(this.config, found));
  }

  private async lookUp(
    key: string,
    find: () => Promise<Verified<VerifiedToken> | undefined>,
  ): Promise<VerifiedToken | undefined> {
    const token = await this.verified.get(key, find);
    if (token) this.uses.touch(token.id);
    return token;
  }

  /** Why a secret of this kind was refused. @returns the id of its token, if that has been revoked and is still stored */
  async findRevoked(kind: TokenKind, secret: string): Promise<string | undefined> {
    const mayBe = TOKEN_KINDS[kind].format.recognises(secret) || (await this.foreign.mayBe(kind));
    return mayBe ? this.found.findRevoked(kind, digestOf(secret)) : undefined;
  }

  /** @returns undefined for what can be no secret of the kind */
  async nameOfSecret(kind: TokenKind, text: string): Promise<TokenName | undefined> {
    const isOurs = TOKEN_KINDS[kind].format.recognises(text);
    const isSecret = isOurs || ((await this.foreign.mayBe(kind)) && (await this.foreign.has(kind, text)));
    return isSecret ? { kind, by: 'digest', value: digestOf(text) } : undefined;
  }

  /** @param text a secret of the kind, or the id of a token. @returns undefined when it can be neither */
  async nameOf(kind: TokenKind, text: string): Promise<TokenName | undefined> {
    return (await this.nameOfSecret(kind, text)) ?? (isUuid(text) ? { kind, by: 'id', value: text } : undefined);
  }

  find(name: TokenName, owner: Owner): Promise<TokenRecord | undefined> {
    return this.reads.find(name, owner);
  }

  /** Any account's token, for whoever may see it, which is noted. @param event of the audit log, but for its subject */
  findAndNote(name: TokenName, event: EventRow): Promise<TokenRecord | undefined> {
    return this.reads.findAndNote(name, event);
  }

  /** @returns a page of records, newest first, and where the next one begins */
  async list(
    kind: TokenKind,
    filter: TokenListFilter,
    { limit, after }: { limit: number; after: Cursor | undefined },
  ): Promise<Page<TokenRecord>> {
    return pageOf(await this.store.list(kind, filter, limit + 1, after), limit);
  }

  /**
   * See {@link TokenStore.changeExpiry} and {@link TokenStore.rename}. User tokens may become as old as USER_TOKEN_MAX_TTL. The expiration of the caller's
   * own tokens cannot be extended.
   *
   * @returns undefined when there is no such token, or its expiration cannot be extended so far; nothing has changed then
   * @throws ApiError `unauthorized` when the caller's token has been revoked meanwhile, `precondition_failed`
   */
  changeHeld(
    caller: UserPrincipal,
    name: TokenName,
    owner: Owner,
    { seconds, name: newName, cascade = false, toView }: TokenChange,
    inTransaction: InTransaction,
  ): Promise<TokenRecord | undefined> {
    const limits = {
      mayNotLengthen: [caller.appTokenId, caller.userTokenId],
      oldest: oldestOf(this.config, name.kind),
    };
    const change = async (tx: EntityManager) => {
      await requireMatch(async () => {
        const record = await this.store.find(name, owner, tx);
        return record && toView?.(record);
      });
      const changed = seconds === undefined || (await this.store.changeExpiry(tx, name, owner, { seconds, ...limits }));
      if (!changed || newName === undefined) return changed === true ? undefined : changed;
      return this.store.rename(tx, name, owner, newName);
    };
    return this.changeAs(caller, { name, owner, cascade }, change, inTransaction);
  }

  /** @returns the most seconds from now that the expiration of a token can be set to; null: any */
  longestLife(name: TokenName, owner: Owner): Promise<number | null> {
    return this.store.longestLife(name, owner, oldestOf(this.config, name.kind));
  }

  /** @throws ApiError `unauthorized` when the caller's token has been revoked meanwhile */
  remove(
    caller: AdminPrincipal,
    name: TokenName,
    owner: Owner,
    { cascade = false }: Pick<TokenChange, 'cascade'>,
    inTransaction: InTransaction,
  ): Promise<TokenRecord | undefined> {
    return this.changeAs(caller, { name, owner, cascade }, (tx) => this.store.remove(tx, name, owner), inTransaction);
  }

  /**
   * Looks at a secret of any kind that somebody else was shown: which is no use of it.
   *
   * @returns the token, if it is good; no promise where it is remembered
   */
  introspect(secret: string): MaybePromise<VerifiedToken | undefined> {
    const key = keyOf('any', secret);
    return this.verified.known(key) ?? this.lookAt(key, secret);
  }

  /** @returns the record of a token of any kind that is stored, also of one that has ended */
  findAny(secret: string): Promise<TokenRecord | undefined> {
    return this.store.findAny(digestOf(secret));
  }

  private async lookAt(key: string, secret: string): Promise<VerifiedToken | undefined> {
    const find = this.finding(null, secret);
    if (Object.values(TOKEN_KINDS).some(({ format }) => format.recognises(secret))) return this.verified.get(key, find);
    if (!(await this.foreign.mayBeAny())) return undefined;
    return this.verified.get(key, () => this.foreign.find(undefined, secret, find));
  }

  /**
   * Removes the scopes that a client has lost from its tokens, and has tokens refused that are being issued meanwhile.
   * To be called in the transaction that announces the change, by a caller that holds a lock on the client.
   */
  async renewClientTokens(tx: EntityManager, clientId: string): Promise<void> {
    await this.clients.renew(tx, clientId, await this.clients.raiseEpoch(tx, clientId));
  }

  /**
   * Revokes the tokens of a client, in the transaction that announces it, by a caller that holds a lock on the client.
   */
  async revokeClientTokens(tx: EntityManager, clientId: string): Promise<void> {
    await this.clients.raiseEpoch(tx, clientId);
    await this.clients.revokeAll(tx, clientId);
  }

  /** Revokes a token of the client; others are ignored. */
  async revokeOwn(clientId: string, secret: string, inTransaction: InTransaction): Promise<void> {
    const name = await this.nameOfSecret('oauth', secret);
    if (name) await this.change((tx) => this.clients.revoke(tx, clientId, name), inTransaction);
  }

  listGateway(holder: TokenHolder, filter: TokenFilter): Promise<TokenRecord[]> {
    return this.gateway.list(holder, filter);
  }

  async findGateway(holder: TokenHolder, id: string): Promise<TokenRecord | undefined> {
    return isUuid(id) ? this.gateway.find(holder, id) : undefined;
  }

  async describe(tx: EntityManager, id: string, description: string): Promise<TokenRecord | undefined> {
    return isUuid(id) ? this.gateway.describe(tx, id, description) : undefined;
  }

  revokeGateway(holder: TokenHolder, name: TokenName, inTransaction?: InTransaction): Promise<TokenRecord | undefined> {
    return this.change((tx) => this.gateway.revoke(tx, holder, name), inTransaction);
  }

  /** @param inTransaction receives how many were revoked */
  async revokeAllGateway(
    holder: TokenHolder,
    inTransaction: (tx: EntityManager, count: number) => Promise<void>,
  ): Promise<void> {
    await this.revocations.transaction(async (tx) => {
      const accounts = await this.gateway.revokeAll(tx, holder);
      await inTransaction(tx, accounts.length);
      for (const account of new Set(accounts)) await this.revocations.announce(tx, `gateway ${account}`);
    });
  }

  /** Like {@link change}, by a user, who is held together with the token that they change. */
  private changeAs(
    caller: AdminPrincipal,
    { name, owner, cascade }: { name: TokenName; owner: Owner; cascade: boolean },
    change: (tx: EntityManager) => Promise<TokenRecord | undefined>,
    inTransaction: InTransaction,
  ): Promise<TokenRecord | undefined> {
    return this.change(
      async (tx) => {
        const lock = async () => {
          if (cascade) await this.through.lock(tx, name, owner);
        };
        await this.callers.holdUser(tx, caller, { token: { name, owner }, lock });
        return change(tx);
      },
      async (tx, changed) => inTransaction(tx, changed, cascade ? await this.through.end(tx, changed.id) : undefined),
    );
  }

  /** Changes one token so that what is remembered of it no longer holds: one transaction, one announcement. */
  private change(
    change: (tx: EntityManager) => Promise<TokenRecord | undefined>,
    inTransaction?: InTransaction,
  ): Promise<TokenRecord | undefined> {
    return this.revocations.during(
      (changed) => changed && `token ${changed.id}`,
      async (tx) => {
        const changed = await change(tx);
        if (changed) await inTransaction?.(tx, changed);
        return changed;
      },
    );
  }
}

/** What a secret is remembered by, in as few bytes as possible. */
const keyOf = (kind: TokenKind | 'any', secret: string) => hash('sha256', `${kind} ${secret}`, 'binary');
