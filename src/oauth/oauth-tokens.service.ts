import { Injectable } from '@nestjs/common';
import type { AuthenticatedClient } from '../access/principal.js';
import { badClient } from '../access/refusals.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { ApiError, type OauthCode } from '../errors/api-error.js';
import { TokenIssuer } from '../tokens/token-issuer.service.js';
import { Tokens } from '../tokens/tokens.service.js';
import { ClientSecretChecks } from './client-secret-checks.service.js';
import type { AccessTokenAnswer, ResourceTokenRequest } from './oauth.dto.js';

/** The access tokens of clients. */
@Injectable()
export class OauthTokens {
  constructor(
    private readonly clients: ClientSecretChecks,
    private readonly tokens: Tokens,
    private readonly issuer: TokenIssuer,
    private readonly audit: AuditLog,
  ) {}

  /**
   * The client credentials grant (RFC 6749 section 4.4), for a resource server if the client names one (RFC 8707).
   *
   * @throws ApiError `unsupported_grant_type`, `invalid_scope`, `invalid_target`; `unauthorized` when the client has been deleted or its
   *   secret revoked meanwhile
   */
  async grant(
    client: AuthenticatedClient,
    { grant_type, scope, resource }: ResourceTokenRequest,
  ): Promise<AccessTokenAnswer> {
    // RFC 6749 requires it, but the connect document does not.
    if ((grant_type ?? '') !== '' && grant_type !== 'client_credentials') {
      throw badGrantType();
    }
    const issued = await this.issuer.issueToClient(client, {
      scopes: scopesAsked(scope ?? ''),
      resource: resourceAsked(resource ?? ''),
    });
    // Only finds out why the statement refused.
    if (!issued) throw (await this.clients.scopesOf(client)) ? badScope() : badClient();
    const { secret, scopes, expiresIn } = issued;
    return {
      access_token: secret,
      token_type: 'Bearer',
      expires_in: expiresIn,
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    };
  }

  /** Revokes a token (RFC 7009). Another client's token is treated like an unknown one, which is not an error. */
  async revoke({ clientId }: AuthenticatedClient, token: string): Promise<void> {
    await this.tokens.revokeOwn(clientId, token, (tx, { id }) =>
      this.audit.record(tx, { kind: 'token.revoked', subject: id }),
    );
  }
}

/**
 * @param text scopes separated by spaces (RFC 6749 section 3.3). @returns undefined for none: all scopes are requested
 */
function scopesAsked(text: string): string[] | undefined {
  if (text === '') return undefined;
  const names = new Set(text.split(' ').filter((name) => name !== ''));
  if (names.size === 0) throw badScope();
  return [...names];
}

/** `URL` forgives blanks around it. */
const ABSOLUTE_URI = /^[a-z][a-z\d+.-]*:[\x21-\x22\x24-\x7e]+$/i;

/** @returns an absolute URI without a fragment (RFC 8707 section 2); undefined: it was not named, which means Latchkey */
function resourceAsked(text: string): string | undefined {
  if (text === '') return undefined;
  if (!URL.canParse(text) || !ABSOLUTE_URI.test(text)) throw badResource();
  return text;
}

export const badResource = () => refused('invalid_target', 'The resource must be an absolute URI without a fragment.');
export const badScope = () => refused('invalid_scope', 'The client is not registered for every requested scope.');
export const badGrantType = () =>
  refused('unsupported_grant_type', 'The only supported grant type is client_credentials.');

function refused(oauthCode: OauthCode, message: string): ApiError {
  return new ApiError('bad_request', message, { oauthCode });
}
