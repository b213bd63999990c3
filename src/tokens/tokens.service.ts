import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { Sweeper } from '../database/sweeper.service.js';
import { Revocations, type RevocationTag } from '../revocations/revocations.service.js';
import { VerifiedCache } from '../revocations/verified-cache.js';
import { digestOf, hintOf } from './digest.js';
import { GatewayTokenStore } from './gateway-token.store.js';
import { TOKEN_KINDS, type TokenKind } from './token-kinds.js';
import {
  TokenStore,
  type AtEpoch,
  type Cursor,
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
    const rows = await this.store.list(kind, owner, limit + 1, after);
    const records = rows.slice(0, limit);
    const last = records.at(-1);
    return { records, next: rows.length > limit && last ? { micros: last.micros, id: last.id } : undefined };
  }

  /** See {@link TokenStore.changeExpiry}. */
  changeExpiry(
    name: TokenName,
    owner: Owner,
    seconds: number,
    mayNotLengthen: string[],
    alongside?: (tx: EntityManager, record: TokenRecord) => Promise<void>,
  ): Promise<TokenRecord | undefined> {
    return this.ending((tx) => this.store.changeExpiry(tx, name, owner, seconds, mayNotLengthen), alongside);
  }

  remove(
    name: TokenName,
    owner: Owner,
    alongside?: (tx: EntityManager, record: TokenRecord) => Promise<void>,
  ): Promise<TokenRecord | undefined> {
    return this.ending((tx) => this.store.remove(tx, name, owner), alongside);
  }

  /**
   * Revokes the user tokens of an account in the caller's transaction, which announces a revocation for the account.
   */
  revokeUserTokens(tx: EntityManager, accountId: string, options: { onBehalfToo: boolean }): Promise<void> {
    return this.store.revokeUserTokens(tx, accountId, options.onBehalfToo);
  }

  listGateway(gatewayAccountId: string, revoked: boolean): Promise<TokenRecord[]> {
    return this.gateway.list(gatewayAccountId, revoked);
  }

  async findGateway(gatewayAccountId: string, id: string): Promise<TokenRecord | undefined> {
    return UUID.test(id) ? this.gateway.find(gatewayAccountId, id) : undefined;
  }

  async describe(id: string, description: string): Promise<TokenRecord | undefined> {
    return UUID.test(id) ? this.gateway.describe(id, description) : undefined;
  }

  revokeGateway(gatewayAccountId: string, name: TokenName): Promise<TokenRecord | undefined> {
    return this.ending((tx) => this.gateway.revoke(tx, gatewayAccountId, name));
  }

  /** @returns how many were revoked */
  async revokeAllGateway(gatewayAccountId: string): Promise<number> {
    const tag: RevocationTag = `gateway ${gatewayAccountId}`;
    return this.revocations.during(tag, (tx) => this.gateway.revokeAll(tx, gatewayAccountId));
  }

  /** Changes one token so that what is remembered of it no longer holds: one transaction, one announcement. */
  private ending(
    change: (tx: EntityManager) => Promise<TokenRecord | undefined>,
    alongside?: (tx: EntityManager, record: TokenRecord) => Promise<void>,
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
