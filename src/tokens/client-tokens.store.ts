import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { longSql, sql } from '../database/sql.js';
import { RAISE_CLIENT_EPOCHS } from '../revocations/account-revocation.store.js';
import { named, RECORD, revoking, type TokenName, type TokenRecord } from './token-records.js';

/** The condition for live tokens of a client, which an index serves. */
const LIVE = 'expires_at > now() AND revoked_at IS NULL';

/** The token table as OAuth2 clients see it: their own tokens. */
@Injectable()
export class ClientTokenStore {
  /** Raises the epoch of a client, so that tokens that are being issued at the old one are refused.
   * @returns the old epoch. The caller holds a lock on the client.
   */
  async raiseEpoch(tx: EntityManager, clientId: string): Promise<number> {
    const [row] = await sql<{ before: number }>(
      tx,
      `${RAISE_CLIENT_EPOCHS} WHERE id = $1 RETURNING epoch - 1 AS before`,
      [clientId],
    );
    if (!row) throw new Error('The client does not exist.');
    return row.before;
  }

  /** Moves the tokens of a client from the old epoch to the new one, without the scopes that it has lost. */
  async renew(tx: EntityManager, clientId: string, before: number): Promise<void> {
    await longSql(
      tx,
      `WITH live AS (
         SELECT id FROM tokens
         WHERE client_id = $1 AND ${LIVE} AND (client_epoch IS NULL OR client_epoch = $2) ORDER BY id FOR UPDATE
       )
       UPDATE tokens t SET client_epoch = t.client_epoch + 1,
         scopes = ARRAY(SELECT s FROM unnest(t.scopes) s WHERE s = ANY (c.scopes))
       FROM live, oauth_clients c WHERE t.id = live.id AND c.id = $1`,
      [clientId, before],
    );
  }

  async revokeAll(tx: EntityManager, clientId: string): Promise<void> {
    await longSql(tx, revoking(`client_id = $1 AND ${LIVE}`), [clientId]);
  }

  /** @returns the revoked token; undefined when the client has no such token */
  async revoke(tx: EntityManager, clientId: string, name: TokenName): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      tx,
      `UPDATE tokens SET revoked_at = now() WHERE ${named(name)} AND client_id = $3 AND revoked_at IS NULL
       RETURNING ${RECORD}`,
      [name.value, name.kind, clientId],
    );
    return row;
  }
}
