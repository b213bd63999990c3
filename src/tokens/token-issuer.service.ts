import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { AppPrincipal, AuthenticatedClient, UserPrincipal } from '../access/principal.js';
import { badAppToken, revokedMeanwhile } from '../access/refusals.js';
import { AuditLog, type AuditEntry } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { Batch } from '../database/batch.js';
import { hasToNoteActs, noteAct } from '../http/current-request.js';
import type { LabelledCounter } from '../metrics/labelled-counter.js';
import { Metrics } from '../metrics/metrics.service.js';
import { Revocations } from '../revocations/revocations.service.js';
import { ApiGrantStore, type ApiGrant, type Granted } from './api-grants.store.js';
import { ClientGrantStore, type ClientGrant, type GrantedToken } from './client-grants.store.js';
import { accountsOf, epochsOf, requireGood, type AtEpoch } from './callers.service.js';
import { digestOf, hintOf } from './digest.js';
import type { PaymentType, ServiceMode, TokenSource } from './gateway-tokens.js';
import { lifetimeOf, NewTokenStore, type Grant, type NewToken } from './new-tokens.store.js';
import { oldestOf, TOKEN_KINDS, type TokenKind } from './token-kinds.js';
import type { TokenRecord } from './token-records.js';
import { UserGrantStore, type UserGrant, type UserGranted } from './user-grants.store.js';

/** What a new token is created with. */
export interface TokenRequest {
  accountId?: string | undefined;
  /** Who acts for the account, and the tokens with which they do. */
  actorId?: string | undefined;
  madeWith?: string[] | undefined;
  gatewayAccountId?: string | undefined;
  source?: TokenSource | undefined;
  paymentType?: PaymentType | undefined;
  serviceExternalId?: string | undefined;
  serviceMode?: ServiceMode | undefined;
  /** Of an App-Token. */
  name?: string | undefined;
  /** The App-Token that it is got through. */
  appTokenId?: string | undefined;
  scopes?: string[] | undefined;
  /** See {@link VerifiedToken}. */
  networks?: string[] | undefined;
  description?: string | undefined;
  createdBy?: string | undefined;
  /** In seconds; absent: the default of the kind. */
  lifetime?: number | undefined;
  /** See {@link NewToken}. */
  expiresAt?: Date | undefined;
  /** See {@link SecretFormat.mint}. */
  variant?: string | undefined;
  /** The secret to use; absent: a new one. */
  secret?: string | undefined;
}

export interface IssuedToken {
  /** Cannot be shown again. */
  secret: string;
  record: TokenRecord;
}

/** A token of a client. */
export interface IssuedToClient extends GrantedToken {
  /** Cannot be shown again. */
  secret: string;
}

/** Makes every opaque token. */
@Injectable()
export class TokenIssuer {
  private readonly issued: LabelledCounter<'kind'>;
  private readonly clientBatch: Batch<ClientGrant, GrantedToken | undefined>;
  private readonly apiBatch: Batch<ApiGrant, Granted | undefined>;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: NewTokenStore,
    private readonly revocations: Revocations,
    private readonly clientGrants: ClientGrantStore,
    private readonly apiGrants: ApiGrantStore,
    private readonly userGrants: UserGrantStore,
    private readonly audit: AuditLog,
    private readonly manager: EntityManager,
    metrics: Metrics,
  ) {
    this.issued = metrics.counter(
      'latchkey_tokens_issued_total',
      'Total number of tokens that were issued by kind.',
      ['kind'],
      Object.keys(TOKEN_KINDS),
    );
    this.clientBatch = new Batch((grants) => clientGrants.grantAll(grants));
    this.apiBatch = new Batch((grants) => apiGrants.grantAll(grants));
  }

  /** Issues a token. The caller's transaction has locked whoever it acts for. */
  async issue(tx: EntityManager, kind: Exclude<TokenKind, 'oauth'>, request: TokenRequest): Promise<IssuedToken> {
    const { secret, token } = this.newToken(kind, request);
    const record = await this.store.insert(tx, token);
    this.issued.inc({ kind });
    return { secret, record };
  }

  /** Like {@link issue}, for an App-Token, unless its account has too many (MAX_APP_TOKENS_PER_ACCOUNT); then undefined. */
  async issueAppToken(
    tx: EntityManager,
    request: TokenRequest & { accountId: string },
  ): Promise<IssuedToken | undefined> {
    const hasRoom = await this.store.hasRoom(tx, 'app', request.accountId, this.config.maxAppTokensPerAccount);
    return hasRoom ? this.issue(tx, 'app', request) : undefined;
  }

  /**
   * Issues a user token to an account that has just logged in at an application, and notes that.
   *
   * @param signIn its event, but for the token
   * @returns its secret; undefined when the account has changed since its credential was checked
   * @throws ApiError `unauthorized` when the App-Token has ended meanwhile
   */
  async issueAtLogin(account: AtEpoch, app: AppPrincipal, signIn: AuditEntry): Promise<string | undefined> {
    const request = { accountId: account.accountId, appTokenId: app.tokenId };
    const made = await this.issueToUser(request, [account], signIn, (tx, grant) => this.userGrants.logIn(tx, grant));
    if (!made.isHeld) return undefined;
    if (made.id === null) throw badAppToken();
    return made.secret;
  }

  /**
   * Issues a user token on behalf of somebody, and notes that.
   *
   * @param account for whom
   * @param issuing its event, but for the subject, the token
   * @returns its secret
   * @throws ApiError `unauthorized` when one of the caller's credentials, or the account, has changed meanwhile
   */
  async issueOnBehalf(
    caller: UserPrincipal,
    account: AtEpoch,
    request: TokenRequest & { accountId: string },
    issuing: AuditEntry,
  ): Promise<string> {
    const { appTokenId, userTokenId } = caller;
    const accounts = [...accountsOf(caller), account];
    const made = await this.issueToUser(request, accounts, issuing, (tx, grant) =>
      this.userGrants.actFor(tx, grant, [appTokenId, userTokenId]),
    );
    if (!made.isHeld) throw revokedMeanwhile();
    requireGood(caller, made.good);
    return made.secret;
  }

  private async issueToUser(
    request: TokenRequest & { accountId: string },
    accounts: AtEpoch[],
    entry: AuditEntry,
    grant: (tx: EntityManager, grant: UserGrant) => Promise<UserGranted>,
  ): Promise<Pick<UserGranted, 'id' | 'isHeld' | 'good'> & { secret: string }> {
    const { secret, token } = this.newToken('user', request);
    const epochs = epochsOf(accounts);
    if (!epochs) return { secret, id: null, isHeld: false, good: [] };
    const details = { kind: 'user', account: request.accountId, reason: 'too_many' };
    const [issued, ended] = [this.audit.expectAct(entry), this.audit.expectAct({ kind: 'token.revoked', details })];
    const events = { issued: issued.row, ended: ended.row };
    const wanted = { token, accounts: epochs, most: this.config.maxSessionsPerAccount, events };
    const make = async (tx: EntityManager) => {
      const made = await grant(tx, wanted);
      if (made.id !== null) await noteAct(tx);
      return made;
    };
    const made = await (hasToNoteActs() ? this.revocations.transaction(make) : this.revocations.alone(make));
    if (made.id !== null) {
      issued.happened();
      this.issued.inc({ kind: 'user' });
    }
    if (made.ended.length > 0) ended.happened(made.ended.length);
    return { secret, ...made };
  }

  /**
   * Issues an `api` token of a gateway account, and notes it in the audit log: together with whatever else is asked for at the moment.
   *
   * @param app the App-Token that asks for it; undefined: nobody has to show one
   * @returns its secret; `expired` when it would have expired from the start; undefined when the App-Token is no longer good
   */
  async issueToGateway(
    request: TokenRequest & { gatewayAccountId: string },
    app: AppPrincipal | undefined,
  ): Promise<{ secret: string } | 'expired' | undefined> {
    const { secret, token } = this.newToken('api', request);
    const details = { kind: 'api', gateway_account: request.gatewayAccountId };
    const { hint, gatewayAccountId, description, createdBy, source, paymentType, serviceExternalId, serviceMode } =
      token;
    const digest = token.digest.toString('hex');
    const event = this.audit.expectAct({ kind: 'token.issued', subject: digest, details });
    const grant: ApiGrant = {
      token: {
        ...{ hint, gatewayAccountId, description, createdBy, source, paymentType, serviceExternalId, serviceMode },
        digest,
        appTokenId: app?.tokenId ?? null,
        lifetime: lifetimeOf(token),
      },
      expiresAt: token.expiresAt,
      event: event.row,
    };
    const granted = await this.together(this.apiBatch, this.apiGrants, grant);
    if (granted !== 'made') return granted;
    event.happened();
    this.issued.inc({ kind: 'api' });
    return { secret };
  }

  /**
   * Issues an access token to a client, and notes it in the audit log: together with whatever else is asked for at the moment.
   *
   * @returns undefined when the client or its secret is no longer good, or the client does not have all scopes
   */
  async issueToClient(
    { clientId, secretId }: Pick<AuthenticatedClient, 'clientId' | 'secretId'>,
    { scopes, resource }: Grant,
  ): Promise<IssuedToClient | undefined> {
    const { secret, token } = this.newToken('oauth', {});
    const digest = token.digest.toString('hex');
    const event = this.audit.expectAct({ kind: 'token.issued', subject: digest, details: { kind: 'oauth' } });
    const grant: ClientGrant = {
      token: {
        digest,
        hint: token.hint,
        clientId,
        secretId,
        scopes,
        resource,
        lifetime: this.config.oauthTokenTtl,
      },
      event: event.row,
    };
    const made = await this.together(this.clientBatch, this.clientGrants, grant);
    if (!made) return undefined;
    event.happened();
    this.issued.inc({ kind: 'oauth' });
    return { secret, ...made };
  }

  /** In a batch or, when it comes to nothing there, alone: which waits for whatever it depends on that is being changed. */
  private async together<Grant, Made>(
    batch: Batch<Grant, Made | undefined>,
    store: { grant(tx: EntityManager, grant: Grant): Promise<Made | undefined> },
    grant: Grant,
  ): Promise<Made | undefined> {
    const made = hasToNoteActs() ? undefined : await batch.add(grant);
    if (made !== undefined) return made;
    return this.manager.transaction(async (tx) => {
      const madeAlone = await store.grant(tx, grant);
      if (madeAlone !== undefined && madeAlone !== 'expired') await noteAct(tx);
      return madeAlone;
    });
  }

  private newToken(kind: TokenKind, request: TokenRequest): { secret: string; token: NewToken } {
    const { format, owner, defaultLifetime } = TOKEN_KINDS[kind];
    if (owner !== 'clientId' && request[owner] === undefined) {
      throw new Error(`A token of the kind ${kind} needs ${owner}.`);
    }
    const secret = request.secret ?? format.mint(request.variant, this.config.apiTokenHmacSecret);
    const token = {
      kind,
      digest: digestOf(secret),
      hint: hintOf(secret),
      scopes: request.scopes ?? [],
      networks: request.networks ?? null,
      accountId: request.accountId ?? null,
      actorId: request.actorId ?? null,
      gatewayAccountId: request.gatewayAccountId ?? null,
      name: request.name ?? null,
      appTokenId: request.appTokenId ?? null,
      description: request.description ?? null,
      createdBy: request.createdBy ?? null,
      source: request.source ?? null,
      paymentType: request.paymentType ?? null,
      serviceExternalId: request.serviceExternalId ?? null,
      serviceMode: request.serviceMode ?? null,
      madeWith: request.madeWith ?? null,
      lifetime: leastOf(request.lifetime ?? defaultLifetime(this.config), oldestOf(this.config, kind)),
      expiresAt: request.expiresAt ?? null,
    };
    return { secret, token };
  }
}

/** Null: no limit. */
function leastOf(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}
