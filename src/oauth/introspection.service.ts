import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { SessionChecks } from '../sessions/session-checks.service.js';
import { after, type MaybePromise } from '../http/maybe-promise.js';
import type { TokenKind } from '../tokens/token-kinds.js';
import { Tokens } from '../tokens/tokens.service.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import type { IntrospectionAnswer } from './oauth.dto.js';

/** How a token of each kind is presented: by a scheme of `Authorization`, or in a header of its own. */
const TOKEN_TYPES: Record<TokenKind, string> = { app: 'App-Token', user: 'Token', api: 'Bearer', oauth: 'Bearer' };

/** Describes tokens to clients that were presented one (RFC 7662). */
@Injectable()
export class Introspection {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly tokens: Tokens,
    private readonly sessions: SessionChecks,
  ) {}

  /** @returns `active: false` and nothing else for any token that is not valid, known or not (section 2.2) */
  describe(text: string): MaybePromise<IntrospectionAnswer> {
    return after(this.tokens.introspect(text), (token) =>
      token ? this.describeToken(token) : this.describeOther(text),
    );
  }

  private describeToken(token: VerifiedToken): IntrospectionAnswer {
    const { grant, expiresAt } = token;
    const { kind, scopes, actorId, actorEmail, gatewayAccountId, clientId, resource } = grant;
    // The account behind a client's token is that of whoever answers for the client.
    const { accountId, email } = clientId === null ? grant : { accountId: null, email: null };
    return {
      active: true,
      token_kind: kind,
      token_type: TOKEN_TYPES[kind],
      // Not as `sub`: the id of a gateway account is any text, and might equal the id of an account.
      ...(gatewayAccountId === null ? { sub: accountId ?? clientId ?? '' } : { gateway_account_id: gatewayAccountId }),
      ...(accountId !== null && email !== null && { username: email }),
      ...(clientId !== null && { client_id: clientId }),
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      ...(actorId !== null && { act: { sub: actorId, ...(actorEmail !== null && { username: actorEmail }) } }),
      iss: this.config.publicUrl,
      ...(kind === 'oauth' && { aud: [resource ?? this.config.publicUrl] }),
      jti: token.id,
      iat: token.issuedAt,
      ...(expiresAt !== null && { exp: expiresAt }),
    };
  }

  private async describeOther(text: string): Promise<IntrospectionAnswer> {
    const session = await this.sessions.ofToken(text);
    if (!session) return { active: false };
    const { principal, claims } = session;
    return {
      active: true,
      token_kind: 'session',
      token_type: 'Bearer',
      sub: principal.accountId,
      username: principal.email,
      sid: principal.sessionId,
      iss: claims.iss,
      ...(claims.aud && { aud: claims.aud }),
      jti: claims.jti,
      iat: claims.iat,
      exp: claims.exp,
    };
  }
}
