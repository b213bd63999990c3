import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { AppPrincipal } from '../access/principal.js';
import { badFrontendToken } from '../access/refusals.js';
import type { AuditKind } from '../audit-log/audit-kinds.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { ApiError, badRequest } from '../errors/api-error.js';
import { atMostCharacters, isTooLong } from '../http/validation.js';
import type { TokenName, TokenRecord } from '../tokens/tokens.store.js';
import { Callers } from '../tokens/callers.service.js';
import { Tokens } from '../tokens/tokens.service.js';
import type { NewApiToken, NewDescription, Revocation } from './api-tokens.dto.js';

const MAX_ACCOUNT_ID = 255;

export const notUpdated = () => new ApiError('not_found', 'Could not update token description');
export const notFound = () => new ApiError('not_found', 'Could not find token');
export const notRevoked = () => new ApiError('not_found', 'Could not revoke token');

/** The calling application; undefined: anybody, with FRONTEND_AUTH=none. */
type Frontend = AppPrincipal | undefined;

/**
 * API tokens of gateway accounts. An account id is data: any text of 1 to 255 characters.
 *
 * A change is refused as `unauthorized` when the App-Token of the request has ended meanwhile.
 */
@Injectable()
export class ApiTokens {
  constructor(
    private readonly manager: EntityManager,
    private readonly tokens: Tokens,
    private readonly callers: Callers,
    private readonly audit: AuditLog,
  ) {}

  /** @returns the secret, which is shown this once */
  async create(
    { account_id, description, created_by, token_account_type }: NewApiToken,
    app: Frontend,
  ): Promise<string> {
    const request = {
      gatewayAccountId: account_id,
      description,
      ...(created_by !== undefined && { createdBy: created_by }),
      ...(token_account_type !== undefined && { variant: token_account_type }),
    };
    return this.manager.transaction(async (tx) => {
      const issued = await (app ? this.tokens.issueByApp(tx, request, app) : this.tokens.issue(tx, 'api', request));
      if (!issued) throw badFrontendToken();
      await this.auditing('token.issued', undefined)(tx, issued.record);
      return issued.secret;
    });
  }

  /** @throws ApiError `not_found`, in the document's words, for an unknown or revoked token */
  async describe({ token_link, description }: NewDescription, app: Frontend): Promise<TokenRecord> {
    const changed = await this.manager.transaction(async (tx) => {
      const record = await this.tokens.describe(tx, token_link, description);
      if (record) await this.auditing('token.described', app)(tx, record);
      return record;
    });
    return orNotFound(changed, notUpdated);
  }

  /** @param state `revoked` in whatever case; anything else means active */
  list(accountId: string, state: unknown): Promise<TokenRecord[]> {
    checkAccountId(accountId);
    return this.tokens.listGateway(accountId, typeof state === 'string' && state.toLowerCase() === 'revoked');
  }

  /** @throws ApiError `not_found` */
  async get(accountId: string, tokenLink: string): Promise<TokenRecord> {
    checkAccountId(accountId);
    return orNotFound(await this.tokens.findGateway(accountId, tokenLink), notFound);
  }

  /** @throws ApiError `not_found`, in the document's words; of several calls at once, one succeeds */
  async revoke(accountId: string, revocation: Revocation, app: Frontend): Promise<TokenRecord> {
    checkAccountId(accountId);
    const name = this.nameOf(revocation);
    return orNotFound(
      name && (await this.tokens.revokeGateway(accountId, name, this.auditing('token.revoked', app))),
      notRevoked,
    );
  }

  async revokeAll(accountId: string, app: Frontend): Promise<void> {
    checkAccountId(accountId);
    await this.tokens.revokeAllGateway(accountId, async (tx, count) => {
      await this.checkCaller(tx, app);
      // An account id without tokens may be a token that was sent in the wrong place.
      const subject = count > 0 ? { subject: accountId } : {};
      await this.audit.record(tx, { kind: 'token.all_revoked', ...subject, details: { count } });
    });
  }

  private auditing(kind: AuditKind, app: Frontend) {
    return async (tx: EntityManager, { id, gatewayAccountId, actorId }: TokenRecord) => {
      await this.checkCaller(tx, app);
      const whose = { gateway_account: gatewayAccountId, ...(actorId !== null && { actor: actorId }) };
      await this.audit.record(tx, { kind, subject: id, details: { kind: 'api', ...whose } });
    };
  }

  private async checkCaller(tx: EntityManager, app: Frontend): Promise<void> {
    if (app && !(await this.callers.isGoodApp(tx, app))) throw badFrontendToken();
  }

  private nameOf({ token_link, token }: Revocation): TokenName | undefined {
    const name = this.tokens.nameOf('api', token ?? token_link ?? '');
    return name?.by === (token === undefined ? 'id' : 'digest') ? name : undefined;
  }
}

function checkAccountId(accountId: string): void {
  if (isTooLong(accountId, MAX_ACCOUNT_ID)) {
    throw badRequest(`account_id ${atMostCharacters(MAX_ACCOUNT_ID)}`);
  }
}

function orNotFound<T>(value: T | undefined, otherwise: () => ApiError): T {
  if (value === undefined) throw otherwise();
  return value;
}
