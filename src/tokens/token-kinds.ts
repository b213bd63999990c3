import type { Config } from '../config/config.js';
import { apiSecret, hexSecret, type SecretFormat } from './secret-formats.js';

/** What Latchkey has to know of a kind of token. A new kind is a new entry here, and a migration of the table's checks. */
export interface TokenKindDeclaration {
  format: SecretFormat;
  /** Who owns one: an account of ours, an account of the gateway (of which we only know the name), or a client. */
  owner: 'accountId' | 'gatewayAccountId' | 'clientId';
  /** In seconds; null: it lasts until it is revoked. */
  defaultLifetime: (config: Config) => number | null;
}

export const TOKEN_KINDS = {
  /** The App-Token header: an application. */
  app: { format: hexSecret, owner: 'accountId', defaultLifetime: (config) => config.appTokenTtl },
  /** The Token header: a user, signed in or acted for. */
  user: { format: hexSecret, owner: 'accountId', defaultLifetime: (config) => config.userTokenTtl },
  /** A gateway account's bearer token. */
  api: { format: apiSecret, owner: 'gatewayAccountId', defaultLifetime: () => null },
  /** A client's access token (RFC 6749 section 4.4). */
  oauth: { format: hexSecret, owner: 'clientId', defaultLifetime: (config) => config.oauthTokenTtl },
} as const satisfies Record<string, TokenKindDeclaration>;

export type TokenKind = keyof typeof TOKEN_KINDS;
