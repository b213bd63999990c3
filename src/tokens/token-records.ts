import type { PaymentType, ServiceMode, TokenSource } from './gateway-tokens.js';
import type { TokenKind } from './token-kinds.js';

/** A token as its owner sees it. */
export interface TokenRecord {
  id: string;
  kind: TokenKind;
  hint: string;
  scopes: string[];
  networks: string[] | null;
  accountId: string | null;
  actorId: string | null;
  gatewayAccountId: string | null;
  clientId: string | null;
  /** Of an App-Token. */
  name: string | null;
  /** See {@link VerifiedToken}. */
  appTokenId: string | null;
  /** The name of that App-Token. Absent: it was not asked for. */
  appTokenName?: string | null;
  description: string | null;
  createdBy: string | null;
  source: TokenSource;
  paymentType: PaymentType;
  serviceExternalId: string | null;
  serviceMode: ServiceMode | null;
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
}

/** What a token is found by. */
export interface TokenName {
  kind: TokenKind;
  by: 'id' | 'digest';
  value: string | Buffer;
}

/** The account whose tokens are meant; null: everybody's. */
export type Owner = string | null;

/** The columns of a {@link TokenRecord}. */
export const RECORD = `
  id, kind, hint, scopes, networks, account_id AS "accountId", actor_id AS "actorId", gateway_account_id AS "gatewayAccountId",
  client_id AS "clientId", name, app_token_id AS "appTokenId", description, created_by AS "createdBy",
  coalesce(source, 'API') AS source, coalesce(payment_type, 'CARD') AS "paymentType",
  service_external_id AS "serviceExternalId", service_mode AS "serviceMode", created_at AS "createdAt",
  expires_at AS "expiresAt", revoked_at AS "revokedAt", last_used_at AS "lastUsedAt"`;

/** The columns of a {@link TokenRecord}, with the name of the App-Token. @param tokens the table, or its alias */
export const recordOf = (tokens: string) =>
  `${RECORD}, (SELECT app.name FROM tokens app WHERE app.id = ${tokens}.app_token_id) AS "appTokenName"`;

/**
 * The condition that a token, found by something unique, is of the kind `$2`, or that of another expression. Itself one, so that
 * no index serves it: before a table's first ANALYZE, PostgreSQL would prefer the index for lists, which begins with the kind.
 */
export const ofKind = (column: string, kind = '$2') => `${column} || '' = ${kind}`;

/** The condition that a token is neither revoked nor expired. */
export const IS_LIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())';

/** The statement that revokes all tokens with a condition. Locks them by id, as everybody does. */
export const revoking = (condition: string) => `
  WITH live AS (SELECT id FROM tokens WHERE ${condition} ORDER BY id FOR UPDATE)
  UPDATE tokens SET revoked_at = now() FROM live WHERE tokens.id = live.id`;

/** The condition that `$1` and `$2` name a token. */
export function named(name: TokenName): string {
  return `${name.by} = $1 AND ${ofKind('kind')}`;
}
