import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { named, RECORD, type TokenName, type TokenRecord } from './tokens.store.js';

/** The token table as the accounts of a gateway see it: revoked tokens stay in view. */
@Injectable()
export class GatewayTokenStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns the tokens of a gateway's account, newest first: those that are revoked, or those that are not */
  list(gatewayAccountId: string, revoked: boolean): Promise<TokenRecord[]> {
    return sql<TokenRecord>(
      this.manager,
      `SELECT ${RECORD} FROM tokens WHERE gateway_account_id = $1 AND (revoked_at IS NOT NULL) = $2
       ORDER BY created_at DESC, id DESC`,
      [gatewayAccountId, revoked],
    );
  }

  /** @returns a token of a gateway's account, revoked or not */
  async find(gatewayAccountId: string, id: string): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      this.manager,
      `SELECT ${RECORD} FROM tokens WHERE id = $2 AND gateway_account_id = $1`,
      [gatewayAccountId, id],
    );
    return row;
  }

  /** @returns the record, unless it has been revoked */
  async describe(tx: EntityManager, id: string, description: string): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      tx,
      `UPDATE tokens SET description = $2 WHERE id = $1 AND kind = 'api' AND revoked_at IS NULL RETURNING ${RECORD}`,
      [id, description],
    );
    return row;
  }

  /** Revokes one token of a gateway's account: of several calls at once, one gets the record. */
  async revoke(tx: EntityManager, gatewayAccountId: string, name: TokenName): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      tx,
      `UPDATE tokens SET revoked_at = now() WHERE ${named(name)} AND gateway_account_id = $3 AND revoked_at IS NULL
       RETURNING ${RECORD}`,
      [name.value, name.kind, gatewayAccountId],
    );
    return row;
  }

  /** @returns how many tokens of the gateway's account were revoked */
  async revokeAll(tx: EntityManager, gatewayAccountId: string): Promise<number> {
    const rows = await sql(
      tx,
      `UPDATE tokens SET revoked_at = now() WHERE gateway_account_id = $1 AND revoked_at IS NULL RETURNING id`,
      [gatewayAccountId],
    );
    return rows.length;
  }
}
