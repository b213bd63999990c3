import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { named, RECORD, revoking, type TokenName, type TokenRecord } from './tokens.store.js';

/** The token table as gateway accounts see it, in which revoked tokens stay visible. */
@Injectable()
export class GatewayTokenStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns the revoked tokens of a gateway account, or those that are not revoked, newest first */
  list(gatewayAccountId: string, revoked: boolean): Promise<TokenRecord[]> {
    return sql<TokenRecord>(
      this.manager,
      `SELECT ${RECORD} FROM tokens WHERE gateway_account_id = $1 AND (revoked_at IS NOT NULL) = $2
       ORDER BY created_at DESC, id DESC`,
      [gatewayAccountId, revoked],
    );
  }

  /** @returns a token of a gateway account, revoked or not */
  async find(gatewayAccountId: string, id: string): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      this.manager,
      `SELECT ${RECORD} FROM tokens WHERE id = $2 AND gateway_account_id = $1`,
      [gatewayAccountId, id],
    );
    return row;
  }

  /** @returns the updated token, unless it has been revoked */
  async describe(tx: EntityManager, id: string, description: string): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      tx,
      `UPDATE tokens SET description = $2 WHERE id = $1 AND kind = 'api' AND revoked_at IS NULL RETURNING ${RECORD}`,
      [id, description],
    );
    return row;
  }

  /** Revokes one token of a gateway account: of several calls at once, one returns the token. */
  async revoke(tx: EntityManager, gatewayAccountId: string, name: TokenName): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      tx,
      `UPDATE tokens SET revoked_at = now() WHERE ${named(name)} AND gateway_account_id = $3 AND revoked_at IS NULL
       RETURNING ${RECORD}`,
      [name.value, name.kind, gatewayAccountId],
    );
    return row;
  }

  /** @returns how many tokens of the gateway account were revoked */
  async revokeAll(tx: EntityManager, gatewayAccountId: string): Promise<number> {
    const revoke = revoking('gateway_account_id = $1 AND revoked_at IS NULL');
    const rows = await sql(tx, `${revoke} RETURNING tokens.id`, [gatewayAccountId]);
    return rows.length;
  }
}
