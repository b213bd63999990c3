import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { UserPrincipal } from '../access/principal.js';
import { CONFIG, type Config } from '../config/config.js';
import { Sweeper } from '../database/sweeper.service.js';
import { pageOf, type Cursor } from '../http/cursor.js';
import { Revocations, type RevocationTag } from '../revocations/revocations.service.js';
import { VerifiedCache } from '../revocations/verified-cache.js';
import { ClientTokenStore, type IntrospectedToken } from './client-token.store.js';
import { digestOf, hintOf } from './digest.js';
import { epochsOf, revokedMeanwhile } from './epochs.js';
import { GatewayTokenStore } from './gateway-token.store.js';
import { TOKEN_KINDS, type TokenKind } from './token-kinds.js';
import {
  TokenStore,
  type AtEpoch,
  type Owner,
  type TokenName,
  type TokenRecord,
  type VerifiedToken,
} from './token.store.js';
import { TokenUses } from './token-uses.service.js';

/** Whose a new token is, and what else is known of it. */
export interface TokenRequest {
  accountId?: string;
  actorId?: string;
  gatewayAccountId?: string;
  clientId?: string;
  scopes?: string[];
  description?: string;
  createdBy?: string;
  /** Seconds from now; absent: what is usual for the kind. */
  lifetime?: number;
  /** What the secret tells besides; see the kind's format. */
  flavour?: string;
  /** A secret that exists already; absent: a new one. */
  secret?: string;
}

/** What is done in the same transaction, such as to note it in the trail. */
export type Alongside = (tx: EntityManager, record: TokenRecord) => Promise<void>;

export interface IssuedToken {
  /** To be shown now, or never. */
  secret: string;
  record: TokenRecord;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** How many verified tokens a process remembers. */
const REMEMBERED = 50_000;

/** The life of every opaque token. No other module touches a secret or its digest. */
@Injectable()
export class Tokens implements OnModuleInit {
  private readonly verified: VerifiedCache<VerifiedToken>;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: TokenStore,
    private readonly gateway: GatewayTokenStore,
    private readonly clients: ClientTokenStore,
    private readonly uses: TokenUses,
    private readonly revocations: Revocations,
    private readonly sweeper: Sweeper,
  ) {
    this.verified = new VerifiedCache(revocations, REMEMBERED);
  }

  onModuleInit(): void {
    const retention = `interval '${this.config.tokenRetention} seconds'`;
    this.sweeper.add({ table: 'tokens', where: `least(expires_at, revoked_at) < now() - ${retention}` });
  }

  /** See {@link TokenStore.hasGoodAppToken}. */
  hasGoodAppToken(tx: EntityManager): Promise<boolean> {
    return this.store.hasGoodAppToken(tx);
  }

  /** Makes a token. */
  async issue(tx: EntityManager, kind: TokenKind, request: TokenRequest): Promise<IssuedToken> {
    const { format, owner, defaultLifetime } = TOKEN_KINDS[kind];
    if (request[owner] === undefined) throw new Error(`A token of the kind ${kind} is owned by its ${owner}.`);
    const secret = request.secret ?? format.mint(request.flavour);
    const record = await this.store.insert(tx, {
      kind,
      digest: digestOf(secret),
      hint: hintOf(secret),
      scopes: request.scopes ?? [],
      accountId: request.accountId ?? null,
      actorId: request.actorId ?? null,
      gatewayAccountId: request.gatewayAccountId ?? null,
      clientId: request.clientId ?? null,
      description: request.description ?? null,
      createdBy: request.createdBy ?? null,
      lifetime: request.lifetime ?? defaultLifetime(this.config),
    });
    return { secret, record };
  }

  /** Like {@link issue}, if every account named is still enabled and at its epoch; else undefined. */
  async issueAtEpoch(
    tx: EntityManager,
    kind: TokenKind,
    request: TokenRequest,
    accounts: AtEpoch[],
  ): Promise<IssuedToken | undefined> {
    return (await this.store.holdEpochs(tx, accounts)) ? this.issue(tx, kind, request) : undefined;
  }

  /**
   * The one place where a presented secret becomes a token.
   *
   * @returns the token, if it is one of this kind, lives, and the accounts behind it are enabled
   */
  async check(kind: TokenKind, secret: string): Promise<VerifiedToken | undefined> {
    if (!TOKEN_KINDS[kind].format.recognises(secret)) return undefined;
    const digest = digestOf(secret);
    const token = await this.verified.get(`${kind} ${digest.toString('base64')}`, () =>
      this.store.findGood(kind, digest),
    );
    if (token) this.uses.note(token.id);
    return token;
  }

  /** @param text a secret of the kind, or the id of a token; undefined: it can be neither */
  nameOf(kind: TokenKind, text: string): TokenName | undefined {
    if (TOKEN_KINDS[kind].format.recognises(text)) return { kind, by: 'digest', value: digestOf(text) };
    return UUID.test(text) ? { kind, by: 'id', value: text } : undefined;
  }

  find(name: TokenName, owner: Owner): Promise<TokenRecord | undefined> {
    return this.store.find(name, owner);
  }

  /** @returns a page of records, newest first, and where the next one begins */
  async list(
    kind: TokenKind,
    owner: Owner,
    { limit, after }: { limit: number; after: Cursor | undefined },
  ): Promise<{ records: TokenRecord[]; next: Cursor | undefined }> {
    return pageOf(await this.store.list(kind, owner, limit + 1, after), limit);
  }

  /**
   * See {@link TokenStore.changeExpiry}; the caller's own tokens may get shorter lives only.
   *
   * @throws ApiError `unauthorized` when the caller's token has been revoked meanwhile
   */
  changeExpiry(
    caller: UserPrincipal,
    name: TokenName,
    owner: Owner,
    seconds: number,
    alongside: Alongside,
  ): Promise<TokenRecord | undefined> {
    const own = [caller.appTokenId, caller.userTokenId];
    return this.ending(async (tx) => {
      await this.holdCaller(tx, caller);
      return this.store.changeExpiry(tx, name, owner, seconds, own);
    }, alongside);
  }

  /** @throws ApiError `unauthorized` when the caller's token has been revoked meanwhile */
  remove(caller: UserPrincipal, name: TokenName, owner: Owner, alongside: Alongside): Promise<TokenRecord | undefined> {
    return this.ending(async (tx) => {
      await this.holdCaller(tx, caller);
      return this.store.remove(tx, name, owner);
    }, alongside);
  }

  /**
   * Revokes the user tokens of an account in the caller's transaction, which announces a revocation for the account.
   */
  revokeUserTokens(tx: EntityManager, accountId: string, options: { onBehalfToo: boolean }): Promise<void> {
    return this.store.revokeUserTokens(tx, accountId, options.onBehalfToo);
  }

  /** Like {@link revokeUserTokens}: those that the account got on behalf of others. */
  revokeOnBehalf(tx: EntityManager, actorId: string): Promise<void> {
    return this.store.revokeOnBehalf(tx, actorId);
  }

  /** Like {@link revokeUserTokens}: all tokens of the account, and those of the clients that it answers for. */
  revokeEverything(tx: EntityManager, accountId: string): Promise<void> {
    return this.store.revokeEverything(tx, accountId);
  }

  /**
   * Locks the accounts behind a user token, so that nothing that is done with it outlives its revocation.
   *
   * @throws ApiError `unauthorized` when it has been revoked meanwhile
   */
  async holdCaller(tx: EntityManager, principal: UserPrincipal): Promise<void> {
    const { appTokenId, userTokenId } = principal;
    const held = await this.store.holdEpochs(tx, epochsOf(principal));
    if (!held || !(await this.store.areAlive(tx, [appTokenId, userTokenId]))) throw revokedMeanwhile();
  }

  /** @returns what a presented secret is, of whatever kind, and all about it, if it is good */
  async introspect(secret: string): Promise<IntrospectedToken | undefined> {
    const known = Object.values(TOKEN_KINDS).some(({ format }) => format.recognises(secret));
    return known ? this.clients.introspect(digestOf(secret)) : undefined;
  }

  /** Takes the scopes that a client lost from its tokens, in the transaction that announces the change of the client. */
  narrowClientTokens(tx: EntityManager, clientId: string, scopes: string[]): Promise<void> {
    return this.clients.narrow(tx, clientId, scopes);
  }

  /** Revokes the tokens of a client, in the transaction that announces it. */
  revokeClientTokens(tx: EntityManager, clientId: string): Promise<void> {
    return this.clients.revokeAll(tx, clientId);
  }

  /** Revokes a token of a client's own; of others it says nothing. */
  async revokeOwn(clientId: string, secret: string, alongside: Alongside): Promise<void> {
    const name = this.nameOf('oauth', secret);
    if (name?.by === 'digest') await this.ending((tx) => this.clients.revoke(tx, clientId, name), alongside);
  }

  listGateway(gatewayAccountId: string, revoked: boolean): Promise<TokenRecord[]> {
    return this.gateway.list(gatewayAccountId, revoked);
  }

  async findGateway(gatewayAccountId: string, id: string): Promise<TokenRecord | undefined> {
    return UUID.test(id) ? this.gateway.find(gatewayAccountId, id) : undefined;
  }

  async describe(tx: EntityManager, id: string, description: string): Promise<TokenRecord | undefined> {
    return UUID.test(id) ? this.gateway.describe(tx, id, description) : undefined;
  }

  revokeGateway(gatewayAccountId: string, name: TokenName, alongside?: Alongside): Promise<TokenRecord | undefined> {
    return this.ending((tx) => this.gateway.revoke(tx, gatewayAccountId, name), alongside);
  }

  /** @param alongside is told how many were revoked */
  async revokeAllGateway(
    gatewayAccountId: string,
    alongside: (tx: EntityManager, count: number) => Promise<void>,
  ): Promise<void> {
    const tag: RevocationTag = `gateway ${gatewayAccountId}`;
    await this.revocations.during(tag, async (tx) => alongside(tx, await this.gateway.revokeAll(tx, gatewayAccountId)));
  }

  /** Changes one token so that what is remembered of it no longer holds: one transaction, one announcement. */
  private ending(
    change: (tx: EntityManager) => Promise<TokenRecord | undefined>,
    alongside?: Alongside,
  ): Promise<TokenRecord | undefined> {
    return this.revocations.during(
      (changed) => changed && `token ${changed.id}`,
      async (tx) => {
        const changed = await change(tx);
        if (changed) await alongside?.(tx, changed);
        return changed;
      },
    );
  }
}
