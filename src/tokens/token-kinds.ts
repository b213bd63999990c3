import type { Config } from '../config/config.js';
import { apiSecret, hexSecret, type SecretFormat } from './secret-formats.js';

/** What Latchkey has to know of a kind of token. A new kind is a new entry here (and in the table's check). */
export interface TokenKindDeclaration {
  format: SecretFormat;
  /** Who may own one: an account of ours, or an account of the gateway, of which we only know the name. */
  owner: 'account' | 'gateway account';
  /** In seconds; null: it lasts until it is revoked. */
  defaultLifetime: (config: Config) => number | null;
  /** What it may be found by, besides its id. */
  lookups: readonly ('secret' | 'owner')[];
}

export const TOKEN_KINDS = {
  /** The App-Token header: an application. */
  app: {
    format: hexSecret,
    owner: 'account',
    defaultLifetime: (config) => config.appTokenTtl,
    lookups: ['secret', 'owner'],
  },
  /** The Token header: a user, signed in or acted for. */
  user: {
    format: hexSecret,
    owner: 'account',
    defaultLifetime: (config) => config.userTokenTtl,
    lookups: ['secret', 'owner'],
  },
  /** A gateway account's bearer token. */
  api: { format: apiSecret, owner: 'gateway account', defaultLifetime: () => null, lookups: ['secret', 'owner'] },
} as const satisfies Record<string, TokenKindDeclaration>;

export type TokenKind = keyof typeof TOKEN_KINDS;
