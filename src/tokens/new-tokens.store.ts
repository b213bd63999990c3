import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { TOKEN_COUNT_LOCKS } from '../database/locks.js';
import { sql } from '../database/sql.js';
import type { PaymentType, ServiceMode, TokenSource } from './gateway-tokens.js';
import { endOfLineage } from './lineage.js';
import type { TokenKind } from './token-kinds.js';
import { IS_LIVE, RECORD, type TokenRecord } from './token-records.js';

/** A new token as it is stored. */
export interface NewToken {
  kind: TokenKind;
  digest: Buffer;
  hint: string;
  scopes: string[];
  networks: string[] | null;
  accountId: string | null;
  actorId: string | null;
  gatewayAccountId: string | null;
  name: string | null;
  appTokenId: string | null;
  description: string | null;
  createdBy: string | null;
  source: TokenSource | null;
  paymentType: PaymentType | null;
  serviceExternalId: string | null;
  serviceMode: ServiceMode | null;
  /** See VerifiedToken. It ends at the latest when one of these does. */
  madeWith: string[] | null;
  /** Seconds from now; zero or less: expired from the start; null: it does not expire. */
  lifetime: number | null;
  /** When it expires, if that is sooner; null: the lifetime alone decides. */
  expiresAt: Date | null;
}

/** What a client asks an access token for. */
export interface Grant {
  /** Absent: all that it has. */
  scopes?: string[] | undefined;
  /** See VerifiedToken. */
  resource?: string | undefined;
}

/** How many seconds a token has, zero at least. PostgreSQL's greatest(NULL, 0) is 0. */
export const lifetimeOf = ({ lifetime }: NewToken) => lifetime && Math.max(lifetime, 0);

/** Inserts a token of which {@link valuesOf} are `$1` to `$19`. @param from the FROM clause; by default none */
export const insertToken = (from = '') => `
  INSERT INTO tokens (kind, digest, hint, account_id, gateway_account_id, description, created_by, name, app_token_id,
    source, payment_type, service_external_id, service_mode, expires_at, actor_id, made_with, scopes, networks)
  SELECT $1::text, $2::bytea, $3::text, $4::uuid, $5::text, $6::text, $7::text, $8::text, $9::uuid, $10::text, $11::text,
    $12::text, $13::text, least(now() + $14::float8 * interval '1 second', $15::timestamptz, ${endOfLineage('$17::uuid[]')}),
    $16::uuid, $17::uuid[], $18::text[], $19::cidr[]
  ${from}`;

export const valuesOf = (token: NewToken) => [
  token.kind,
  token.digest,
  token.hint,
  token.accountId,
  token.gatewayAccountId,
  token.description,
  token.createdBy,
  token.name,
  token.appTokenId,
  token.source,
  token.paymentType,
  token.serviceExternalId,
  token.serviceMode,
  lifetimeOf(token),
  token.expiresAt,
  token.actorId,
  token.madeWith,
  token.scopes,
  token.networks,
];

/** The token table as those see it who issue tokens. */
@Injectable()
export class NewTokenStore {
  /** @returns the new token's record */
  async insert(tx: EntityManager, token: NewToken): Promise<TokenRecord> {
    const [row] = await sql<TokenRecord>(tx, `${insertToken()} RETURNING ${RECORD}`, valuesOf(token));
    if (!row) throw new Error('The new token was not returned.');
    return row;
  }

  /**
   * Makes those who make tokens of this kind for an account take turns, until the transaction ends.
   *
   * @returns whether it has fewer live ones than `most`
   */
  async hasRoom(tx: EntityManager, kind: TokenKind, accountId: string, most: number): Promise<boolean> {
    await sql(tx, 'SELECT pg_advisory_xact_lock($1, hashtext($2))', [TOKEN_COUNT_LOCKS, `${kind} ${accountId}`]);
    const rows = await sql(
      tx,
      `SELECT FROM tokens WHERE account_id = $1 AND kind = $2 AND ${IS_LIVE} OFFSET $3 LIMIT 1`,
      [accountId, kind, most - 1],
    );
    return rows.length === 0;
  }
}
