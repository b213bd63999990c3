import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { AuthenticatedClient } from '../access/principal.js';
import { badClient } from '../access/refusals.js';
import { Audit } from '../audit/audit.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { ApiError } from '../errors/api-error.js';
import { Tokens } from '../tokens/tokens.service.js';
import { OauthClients } from './oauth-clients.service.js';
import type { AccessTokenAnswer, TokenRequestBody } from './oauth.dto.js';

/** The access tokens of clients. */
@Injectable()
export class OauthTokens {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly clients: OauthClients,
    private readonly tokens: Tokens,
    private readonly audit: Audit,
  ) {}

  /**
   * The client credentials grant (RFC 6749 section 4.4).
   *
   * @throws ApiError `unsupported_grant_type`, `invalid_scope`; `unauthorized` when the client has ended meanwhile
   */
  async grant(client: AuthenticatedClient, { grant_type, scope }: TokenRequestBody): Promise<AccessTokenAnswer> {
    // Optional in the document; RFC 6749 requires it.
    if ((grant_type ?? '') !== '' && grant_type !== 'client_credentials') {
      throw badGrantType();
    }
    return this.manager.transaction(async (tx) => {
      const registered = await this.clients.hold(tx, client);
      if (!registered) throw badClient();
      const scopes = scopesAmong(registered, scope ?? '');
      const { secret, record } = await this.tokens.issue(tx, 'oauth', { clientId: client.clientId, scopes });
      await this.audit.record(tx, { kind: 'token.issued', subject: record.id, details: { kind: 'oauth', scopes } });
      return {
        access_token: secret,
        token_type: 'Bearer',
        expires_in: this.config.oauthTokenTtl,
        ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      };
    });
  }

  /** RFC 7009: a token of somebody else's is treated as one that does not exist, which is no error. */
  async revoke({ clientId }: AuthenticatedClient, token: string): Promise<void> {
    await this.tokens.revokeOwn(clientId, token, (tx, { id }) =>
      this.audit.record(tx, { kind: 'token.revoked', subject: id }),
    );
  }
}

/** @param asked separated by spaces (RFC 6749 section 3.3); empty: all */
function scopesAmong(registered: string[], asked: string): string[] {
  if (asked === '') return registered;
  const wanted = new Set(asked.split(' ').filter((name) => name !== ''));
  if (wanted.size === 0) throw badScope();
  for (const name of wanted) {
    if (!registered.includes(name)) throw badScope();
  }
  return [...wanted];
}

export const badScope = () => refused('invalid_scope', 'The client is not registered with every scope.');
export const badGrantType = () => refused('unsupported_grant_type', 'The only grant type is client_credentials.');

function refused(oauthCode: 'invalid_scope' | 'unsupported_grant_type', message: string): ApiError {
  return new ApiError('bad_request', message, { oauthCode });
}
