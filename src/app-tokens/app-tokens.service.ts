import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { OPERATOR, type AdminPrincipal, type AppPrincipal, type UserPrincipal } from '../access/principal.js';
import { spelling } from '../accounts/account-fields.js';
import { AccountStore } from '../accounts/accounts.store.js';
import { readNetwork } from '../accounts/networks.js';
import { PasswordChecks, wrongCredentials } from '../passwords/password-checks.service.js';
import type { AuditKind } from '../audit-log/audit-kinds.js';
import { AuditLog, type AuditEntry } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { APP_TOKEN, notFound, notYours } from '../errors/api-error.js';
import { idIn } from '../http/validation.js';
import { Revocations } from '../revocations/revocations.service.js';
import { Reauthentication } from '../sessions/reauthentication.service.js';
import { Callers, type AtEpoch } from '../tokens/callers.service.js';
import type { TokenName, TokenRecord } from '../tokens/token-records.js';
import { TokenIssuer, type IssuedToken, type TokenRequest } from '../tokens/token-issuer.service.js';
import { Tokens, type InTransaction, type TokenChange } from '../tokens/tokens.service.js';
import { PAGE_SIZE, readCursor, type Page } from '../http/cursor.js';
import {
  toAppTokenView,
  toTokenView,
  type AppTokenChange,
  type Cascade,
  type Login,
  type NewAppToken,
  type NewToken,
  type TokenListQuery,
} from './app-tokens.dto.js';
import {
  badUser,
  cascadeWithoutEnd,
  longerLifeForbidden,
  networksMissing,
  networksUnused,
  onBehalfForbidden,
  onOwnBehalf,
  scopesForbidden,
  tooLongLife,
  tooManyAppTokens,
} from './refusals.js';

/** The kinds of tokens that accounts hold. */
export type Kind = 'app' | 'user';

type OwnedTokenRequest = TokenRequest & { accountId: string };

/** Logging in with the Token header, and managing application and user tokens. */
@Injectable()
export class AppTokens {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly revocations: Revocations,
    private readonly accounts: AccountStore,
    private readonly passwordChecks: PasswordChecks,
    private readonly reauthentication: Reauthentication,
    private readonly callers: Callers,
    private readonly tokens: Tokens,
    private readonly issuer: TokenIssuer,
    private readonly audit: AuditLog,
  ) {}

  /** @throws ApiError as {@link PasswordChecks.check}; `unauthorized` when the App-Token has been revoked meanwhile */
  async logIn({ username, password }: Login, app: AppPrincipal, address: string): Promise<string> {
    const application = { id: app.tokenId, clientAddress: app.clientAddress };
    const { id, credentialEpoch } = await this.passwordChecks.check(username, password, { address, application });
    const signIn = { kind: 'sign_in', subject: id, actorId: id } as const;
    const secret = await this.issuer.issueAtLogin({ accountId: id, credentialEpoch }, app, signIn);
    if (secret === undefined) throw wrongCredentials(APP_TOKEN);
    return secret;
  }

  /**
   * @throws ApiError `forbidden` when a scope is asked for by somebody who is not an admin, `conflict` when the account has
   *   too many App-Tokens; and as {@link Reauthentication.require}
   */
  async createAppToken(caller: UserPrincipal, body: NewAppToken): Promise<string> {
    const { scopes = [], networks, current_password } = body;
    const { accountId, isAdmin } = caller;
    if (scopes.length > 0 && !isAdmin) throw scopesForbidden();
    refuseNetworks(scopes, networks);
    await this.reauthentication.require(caller, current_password);
    const { actorId, lineage } = caller;
    const { secret } = await this.issue(caller, {
      ...requestOf(body),
      accountId,
      appTokenId: caller.appTokenId,
      ...(actorId !== null && { actorId }),
      ...(lineage !== null && { madeWith: lineage }),
    });
    return secret;
  }

  /**
   * Like {@link createAppToken}, by the command line, for any account.
   *
   * @throws ApiError `invalid_params` when there is no such enabled account; `forbidden`, `conflict`
   */
  async createAppTokenFor(id: string, body: NewAppToken): Promise<IssuedToken> {
    const account = await this.accounts.findEnabled(id);
    if (!account) throw badUser();
    if ((body.scopes ?? []).length > 0 && account.role !== 'admin') throw scopesForbidden();
    refuseNetworks(body.scopes, body.networks);
    const request = { ...requestOf(body), accountId: account.id };
    return this.issue(OPERATOR, request, [{ accountId: account.id, credentialEpoch: account.credentialEpoch }]);
  }

  /**
   * @throws ApiError `forbidden` unless the caller is an admin; `invalid_params` when there is no such enabled account, when
   *   it is the one that acts, or when the token would live too long
   */
  async createToken(caller: UserPrincipal, { seconds_until_expire, user }: NewToken): Promise<string> {
    if (!caller.isAdmin) throw onBehalfForbidden();
    const { userTokenMaxTtl: most } = this.config;
    if (most !== null && (seconds_until_expire ?? 0) > most) throw tooLongLife(most);
    const account = await this.accounts.findEnabled(user);
    if (!account) throw badUser();
    const actorId = caller.actorId ?? caller.accountId;
    if (account.id === actorId) throw onOwnBehalf();
    const request = {
      accountId: account.id,
      appTokenId: caller.appTokenId,
      actorId,
      ...(caller.lineage !== null && { madeWith: caller.lineage }),
      ...(seconds_until_expire !== undefined && { lifetime: seconds_until_expire }),
    };
    const at = { accountId: account.id, credentialEpoch: account.credentialEpoch };
    const issued = { accountId: account.id, actorId, scopes: [], networks: null };
    return this.issuer.issueOnBehalf(caller, at, request, issuing('user', issued, caller));
  }

  /**
   * @param of whose tokens: an admin sees everybody's
   * @returns a page of the caller's tokens, for an admin of everybody's, and where the next one begins
   */
  async list(
    caller: AdminPrincipal,
    kind: Kind,
    { app_token, cursor }: TokenListQuery,
    of = ownerFor(caller),
  ): Promise<Page<TokenRecord>> {
    const after = readCursor(cursor);
    if (caller.isAdmin) await this.audit.recordAlone({ kind: 'token.listed', details: { kind } });
    const filter = { owner: of, appTokenId: app_token };
    return this.tokens.list(kind, filter, { limit: PAGE_SIZE, after });
  }

  /** @throws ApiError `not_found`, also for somebody else's token */
  async get(caller: UserPrincipal, kind: Kind, name: string): Promise<TokenRecord> {
    const tokenName = await this.nameOf(kind, name);
    if (!caller.isAdmin) return orNotFound(await this.tokens.find(tokenName, ownerFor(caller)), caller, tokenName);
    const look = this.audit.expectAct({ kind: 'token.read' });
    const record = orNotFound(await this.tokens.findAndNote(tokenName, look.row), caller, tokenName);
    look.happened();
    return record;
  }

  /** @throws ApiError as {@link change}; `invalid_params` for a cascade without an end */
  changeAppToken(
    caller: UserPrincipal,
    name: string,
    { seconds_until_expire: seconds, name: newName }: AppTokenChange,
    { cascade }: Cascade,
  ): Promise<TokenRecord> {
    if (cascade === 'true' && !(seconds !== undefined && seconds <= 0)) throw cascadeWithoutEnd();
    return this.change(caller, 'app', name, {
      seconds,
      name: newName?.normalize('NFC') ?? newName,
      cascade: cascade === 'true',
    });
  }

  /**
   * @throws ApiError `not_found`; `forbidden` when a token would extend its own expiration; `invalid_params` when the token
   *   would live too long
   */
  async change(caller: UserPrincipal, kind: Kind, name: string, change: TokenChange): Promise<TokenRecord> {
    const owner = ownerFor(caller);
    const tokenName = await this.nameOf(kind, name);
    const notesExpiry = this.auditing('token.expiry_changed');
    const notesName = this.auditing('token.renamed');
    const inTransaction: InTransaction = async (tx, record, ended) => {
      if (change.seconds !== undefined) await notesExpiry(tx, record, ended);
      if (change.name !== undefined) await notesName(tx, record);
    };
    const changed = await this.tokens.changeHeld(
      caller,
      tokenName,
      owner,
      { ...change, toView: VIEWS[kind] },
      inTransaction,
    );
    if (changed) return changed;
    // Only finds out why the statement refused.
    const { id } = orNotFound(await this.tokens.find(tokenName, owner), caller, tokenName);
    const longest = [caller.appTokenId, caller.userTokenId].includes(id)
      ? null
      : await this.tokens.longestLife(tokenName, owner);
    throw longest === null ? longerLifeForbidden() : tooLongLife(longest);
  }

  /** @throws ApiError `not_found` */
  async remove(caller: AdminPrincipal, kind: Kind, name: string, { cascade }: Cascade = {}): Promise<void> {
    const inTransaction = this.auditing('token.deleted');
    const [tokenName, owner] = [await this.nameOf(kind, name), ownerFor(caller)];
    const removed = await this.tokens.remove(caller, tokenName, owner, { cascade: cascade === 'true' }, inTransaction);
    orNotFound(removed, caller, tokenName);
  }

  private async nameOf(kind: Kind, name: string): Promise<TokenName> {
    const known = await this.tokens.nameOf(kind, name);
    if (!known) throw notFound();
    return known;
  }

  /**
   * Issues an App-Token.
   *
   * @param accounts whose it is, if not the caller's
   * @throws ApiError `conflict` when the account has too many App-Tokens
   */
  private issue(caller: AdminPrincipal, request: OwnedTokenRequest, accounts: AtEpoch[] = []): Promise<IssuedToken> {
    return this.revocations.transaction(async (tx) => {
      await this.callers.holdUser(tx, caller, { accounts });
      const issued = await this.issuer.issueAppToken(tx, request);
      if (!issued) throw tooManyAppTokens();
      await this.audit.record(tx, { ...issuing('app', issued.record, caller), subject: issued.record.id });
      return issued;
    });
  }

  private auditing(kind: AuditKind) {
    return (tx: EntityManager, { id, kind: tokenKind, accountId, expiresAt }: TokenRecord, ended?: number) =>
      this.audit.record(tx, {
        kind,
        subject: id,
        details: {
          kind: tokenKind,
          account: accountId,
          ...(kind === 'token.expiry_changed' && { expires_at: expiresAt }),
          ...(ended !== undefined && { ended }),
        },
      });
  }
}

const VIEWS = { app: toAppTokenView, user: toTokenView };

/** What an App-Token is asked for with. */
const requestOf = ({ name, seconds_until_expire, scopes = [], networks }: NewAppToken) => ({
  name: name?.normalize('NFC'),
  scopes,
  ...(networks && { networks: networks.map((text) => spelling(readNetwork(text))) }),
  ...(seconds_until_expire !== undefined && { lifetime: seconds_until_expire }),
});

/** Only an App-Token that passes on addresses has networks, from which it may do so. @throws ApiError `invalid_params` */
function refuseNetworks(scopes: string[] = [], networks: string[] = []): void {
  const passesOn = scopes.includes('client-address');
  if (passesOn && networks.length === 0) throw networksMissing();
  if (!passesOn && networks.length > 0) throw networksUnused();
}

/** The audit event of a new token, but for the subject. `via`: the account that the caller was already acting for. */
function issuing(
  kind: Kind,
  { accountId, actorId, scopes, networks }: Pick<TokenRecord, 'accountId' | 'actorId' | 'scopes' | 'networks'>,
  caller: AdminPrincipal,
): AuditEntry {
  const via = kind === 'app' || caller.actorId === null ? {} : { via: caller.accountId };
  return {
    kind: 'token.issued',
    ...(actorId !== null && accountId !== null && { onBehalfOf: accountId }),
    details: {
      kind,
      scopes,
      ...(networks && { networks }),
      ...(actorId !== null && via),
      ...('isOperator' in caller && { account: accountId }),
    },
  };
}

/** Whose tokens the caller can see; null: everybody's. */
function ownerFor({ isAdmin, accountId }: AdminPrincipal): string | null {
  return isAdmin ? null : accountId;
}

/** @throws ApiError `not_found`. An admin sees all, so that there was nothing to reach. */
function orNotFound<T>(value: T | undefined, { isAdmin }: AdminPrincipal, { by, value: name }: TokenName): T {
  // A secret may look like an id.
  if (value === undefined) throw isAdmin ? notFound() : notYours(by === 'id' ? idIn(String(name)) : undefined);
  return value;
}
