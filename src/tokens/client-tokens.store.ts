import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { longSql, sql } from '../database/sql.js';
import { RAISE_CLIENT_EPOCHS } from '../revocations/account-revocation.store.js';
import { IS_LIVE_TOKEN, LINEAGE, LINEAGE_CHECK, SCOPES_LEFT, TOKEN_WITH_OWNERS } from './good-token.js';
import { endOfLineage } from './lineage.js';
import type { TokenKind } from './token-kinds.js';
import { named, RECORD, revoking, type TokenName, type TokenRecord } from './token-records.js';

/** A valid token as introspection describes it. Times are seconds since 1970. */
export interface IntrospectedToken {
  id: string;
  kind: TokenKind;
  scopes: string[];
  accountId: string | null;
  email: string | null;
  actorId: string | null;
  actorEmail: string | null;
  gatewayAccountId: string | null;
  clientId: string | null;
  resource: string | null;
  issuedAt: number;
  expiresAt: number | null;
}

/** When a user token ends whatever its expiration; `$2`: how many seconds old it may be. Null for others. */
const END_OF_LIFE = `CASE WHEN t.kind = 'user' THEN t.created_at + $2::float8 * interval '1 second' END`;

/** The condition for live tokens of a client, which an index serves. */
const LIVE = 'expires_at > now() AND revoked_at IS NULL';

/** The token table as OAuth2 clients see it: their own tokens, and those that they introspect. */
@Injectable()
export class ClientTokenStore {
  constructor(private readonly manager: EntityManager) {}

  /**
   * @param oldest how many seconds old a user token may be; null: as old as it has become
   * @returns the token with this digest, of any kind, if it is good
   */
  async introspect(digest: Buffer, oldest: number | null): Promise<IntrospectedToken | undefined> {
    const [row] = await sql<IntrospectedToken & { isLineageGood: boolean }>(
      this.manager,
      `SELECT ${LINEAGE_CHECK}, t.id, t.kind, ${SCOPES_LEFT} AS scopes, t.account_id AS "accountId", a.email, t.actor_id AS "actorId",
         b.email AS "actorEmail", t.gateway_account_id AS "gatewayAccountId", t.client_id AS "clientId", t.resource,
         floor(extract(epoch FROM t.created_at))::float8 AS "issuedAt",
         floor(extract(epoch FROM least(t.expires_at, ${endOfLineage(LINEAGE)}, ${END_OF_LIFE})))::float8 AS "expiresAt"
       FROM ${TOKEN_WITH_OWNERS}
       WHERE t.digest = $1 AND ${IS_LIVE_TOKEN} AND coalesce(${END_OF_LIFE} > now(), true)`,
      [digest, oldest],
    );
    return row?.isLineageGood ? row : undefined;
  }

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
