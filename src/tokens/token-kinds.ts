import type { Config } from '../config/config.js';
import { apiSecret, hexSecret, type SecretFormat } from './secret-formats.js';

/** What Latchkey has to know of a kind of token. A new kind is a new entry here, and a migration of the table's checks. */
export interface TokenKindDeclaration {
  format: SecretFormat;
  /** The kind of owner: an account, a gateway account (which is only a name here), or a client. */
  owner: 'accountId' | 'gatewayAccountId' | 'clientId';
  /** In seconds; null: it does not expire. */
  defaultLifetime: (config: Config) => number | null;
}

export const TOKEN_KINDS = {
  /** For the App-Token header: an application. */
  app: { format: hexSecret, owner: 'accountId', defaultLifetime: (config) => config.appTokenTtl },
  /** For the Token header: a user, who has logged in or is acted for. */
  user: { format: hexSecret, owner: 'accountId', defaultLifetime: (config) => config.userTokenTtl },
  /** A gateway account's bearer token. */
  api: { format: apiSecret, owner: 'gatewayAccountId', defaultLifetime: () => null },
  /** A client's access token (RFC 6749 section 4.4). */
  oauth: { format: hexSecret, owner: 'clientId', defaultLifetime: (config) => config.oauthTokenTtl },
} as const satisfies Record<string, TokenKindDeclaration>;

export type TokenKind = keyof typeof TOKEN_KINDS;

/** How many seconds old a token of the kind may become, whatever its expiration; null: as old as it will. */
export const oldestOf = ({ userTokenMaxTtl }: Config, kind: TokenKind) => (kind === 'user' ? userTokenMaxTtl : null);
