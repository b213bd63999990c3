import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import type { TokenFilter, TokenHolder, TokenState } from './gateway-tokens.js';
import { IS_LIVE, named, RECORD, revoking, type TokenName, type TokenRecord } from './token-records.js';

/** An index serves each kind of holder. @returns the condition for the tokens of a holder, whose values it adds */
function heldBy(holder: TokenHolder, values: unknown[]): string {
  if ('gatewayAccountId' in holder) return `gateway_account_id = $${values.push(holder.gatewayAccountId)}`;
  const { serviceExternalId, serviceMode } = holder;
  return `service_external_id = $${values.push(serviceExternalId)} AND service_mode = $${values.push(serviceMode)}`;
}

const IN_STATE: Record<TokenState, string> = {
  active: IS_LIVE,
  expired: 'revoked_at IS NULL AND expires_at <= now()',
  revoked: 'revoked_at IS NOT NULL',
};

/** The token table as gateway accounts see it, in which revoked tokens stay visible. */
@Injectable()
export class GatewayTokenStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns the tokens of a holder that the filter lets through, newest first */
  list(holder: TokenHolder, { state, source, expiresBefore }: TokenFilter): Promise<TokenRecord[]> {
    const values: unknown[] = [];
    const conditions = [
      heldBy(holder, values),
      IN_STATE[state],
      `coalesce(source, 'API') = $${values.push(source)}`,
      ...(expiresBefore ? [`expires_at < $${values.push(expiresBefore)}`] : []),
    ];
    return sql<TokenRecord>(
      this.manager,
      `SELECT ${RECORD} FROM tokens WHERE ${conditions.join(' AND ')} ORDER BY created_at DESC, id DESC`,
      values,
    );
  }

  /** @returns a token of a holder, revoked or not */
  async find(holder: TokenHolder, id: string): Promise<TokenRecord | undefined> {
    const values: unknown[] = [id];
    const [row] = await sql<TokenRecord>(
      this.manager,
      `SELECT ${RECORD} FROM tokens WHERE id = $1 AND ${heldBy(holder, values)}`,
      values,
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

  /** Revokes one token of a holder: of several calls at once, one returns the token. */
  async revoke(tx: EntityManager, holder: TokenHolder, name: TokenName): Promise<TokenRecord | undefined> {
    const values: unknown[] = [name.value, name.kind];
    const [row] = await sql<TokenRecord>(
      tx,
      `UPDATE tokens SET revoked_at = now() WHERE ${named(name)} AND ${heldBy(holder, values)} AND revoked_at IS NULL
       RETURNING ${RECORD}`,
      values,
    );
    return row;
  }

  /** @returns for each token of the holder that was revoked, its gateway account */
  async revokeAll(tx: EntityManager, holder: TokenHolder): Promise<string[]> {
    const values: unknown[] = [];
    const revoke = revoking(`${heldBy(holder, values)} AND revoked_at IS NULL`);
    const rows = await sql<{ account: string }>(tx, `${revoke} RETURNING tokens.gateway_account_id AS account`, values);
    return rows.map(({ account }) => account);
  }
}
