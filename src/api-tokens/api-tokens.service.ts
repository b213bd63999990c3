import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { AppPrincipal } from '../access/principal.js';
import { badFrontendToken } from '../access/refusals.js';
import type { AuditKind } from '../audit-log/audit-kinds.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { ApiError, invalidParams } from '../errors/api-error.js';
import { isUuid } from '../http/validation.js';
import type { TokenFilter, TokenHolder } from '../tokens/gateway-tokens.js';
import type { TokenName, TokenRecord } from '../tokens/token-records.js';
import { Callers } from '../tokens/callers.service.js';
import { TokenIssuer, type TokenRequest } from '../tokens/token-issuer.service.js';
import { Tokens } from '../tokens/tokens.service.js';
import type { NewApiToken, NewDescription, Revocation } from './api-tokens.dto.js';

export const notUpdated = () => new ApiError('not_found', 'Could not update token description');
export const notFound = () => new ApiError('not_found', 'Could not find token');
export const notRevoked = () => new ApiError('not_found', 'Could not revoke token');

const severalExpiries = () => invalidParams({ expires_at: ['must not be given together with seconds_until_expire'] });
export const expired = () => invalidParams({ expires_at: ['must be in the future'] });

/** The calling application; undefined: anybody, with FRONTEND_AUTH=none. */
type Frontend = AppPrincipal | undefined;

/**
 * API tokens of gateway accounts, and of their services. An account id is data: any text of 1 to 255 characters.
 *
 * A change is refused as `unauthorized` when the App-Token of the request has ended meanwhile.
 */
@Injectable()
export class ApiTokens {
  constructor(
    private readonly manager: EntityManager,
    private readonly tokens: Tokens,
    private readonly issuer: TokenIssuer,
    private readonly callers: Callers,
    private readonly audit: AuditLog,
  ) {}

  /** @returns the secret, which is shown this once @throws ApiError `invalid_params` when it would have expired */
  async create(body: NewApiToken, app: Frontend): Promise<string> {
    const issued = await this.issuer.issueToGateway(requestOf(body), app);
    if (issued === undefined) throw badFrontendToken();
    // By the database's clock.
    if (issued === 'expired') throw expired();
    return issued.secret;
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

  list(holder: TokenHolder, filter: TokenFilter): Promise<TokenRecord[]> {
    return this.tokens.listGateway(holder, filter);
  }

  /** @throws ApiError `not_found` */
  async get(holder: TokenHolder, tokenLink: string): Promise<TokenRecord> {
    return orNotFound(await this.tokens.findGateway(holder, tokenLink), notFound);
  }

  /** @throws ApiError `not_found`, in the document's words; of several calls at once, one succeeds */
  async revoke(holder: TokenHolder, revocation: Revocation, app: Frontend): Promise<TokenRecord> {
    const name = await this.nameOf(revocation);
    return orNotFound(
      name && (await this.tokens.revokeGateway(holder, name, this.auditing('token.revoked', app))),
      notRevoked,
    );
  }

  async revokeAll(holder: TokenHolder, app: Frontend): Promise<void> {
    await this.tokens.revokeAllGateway(holder, async (tx, count) => {
      await this.checkCaller(tx, app);
      const ofService = 'serviceExternalId' in holder;
      const whose = ofService ? holder.serviceExternalId : holder.gatewayAccountId;
      await this.audit.record(tx, {
        kind: 'token.all_revoked',
        // An id without tokens may be a token that was sent in the wrong place.
        ...(count > 0 && { subject: whose }),
        details: { count, ...(ofService && { service_mode: holder.serviceMode }) },
      });
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

  private async nameOf({ token_link: value, token }: Revocation): Promise<TokenName | undefined> {
    if (token !== undefined) return this.tokens.nameOfSecret('api', token);
    return isUuid(value) ? { kind: 'api', by: 'id', value } : undefined;
  }
}

/** @throws ApiError `invalid_params` for two times at which it expires */
function requestOf(body: NewApiToken): TokenRequest & { gatewayAccountId: string } {
  const { expires_at, seconds_until_expire } = body;
  if (expires_at !== undefined && seconds_until_expire !== undefined) throw severalExpiries();
  return {
    gatewayAccountId: body.account_id,
    description: body.description,
    createdBy: body.created_by,
    variant: body.token_account_type,
    source: body.type,
    paymentType: body.token_type,
    serviceExternalId: body.service_external_id,
    serviceMode: body.service_mode,
    lifetime: seconds_until_expire,
    expiresAt: expires_at === undefined ? undefined : new Date(expires_at),
  };
}

function orNotFound<T>(value: T | undefined, otherwise: () => ApiError): T {
  if (value === undefined) throw otherwise();
  return value;
}
