import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import type { TokenKind } from './token-kinds.js';
import { BEHIND, IS_GOOD, named, RECORD, revokeAmong, type TokenName, type TokenRecord } from './token.store.js';

/** What there is to know of a token that is good. Times are seconds since 1970. */
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
  issuedAt: number;
  expiresAt: number | null;
}

/** Of the many tokens of a client, few are live: an index finds them. */
const LIVE = 'expires_at > now() AND revoked_at IS NULL';

/** The token table as OAuth2 clients see it: their own tokens, and those that they are asked about. */
@Injectable()
export class ClientTokenStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns the token with this digest, of whatever kind, if it and the accounts behind it are good */
  async introspect(digest: Buffer): Promise<IntrospectedToken | undefined> {
    const [row] = await sql<IntrospectedToken>(
      this.manager,
      `SELECT t.id, t.kind, t.scopes, t.account_id AS "accountId", a.email, t.actor_id AS "actorId",
         b.email AS "actorEmail", t.gateway_account_id AS "gatewayAccountId", t.client_id AS "clientId",
         floor(extract(epoch FROM t.created_at))::float8 AS "issuedAt",
         floor(extract(epoch FROM t.expires_at))::float8 AS "expiresAt"
       FROM ${BEHIND} WHERE ${IS_GOOD}`,
      [digest],
    );
    return row;
  }

  /** Leaves the tokens of a client with those of their scopes that are among the given ones. */
  async narrow(tx: EntityManager, clientId: string, scopes: string[]): Promise<void> {
    await sql(
      tx,
      `WITH wide AS (
         SELECT id FROM tokens WHERE client_id = $1 AND ${LIVE} AND NOT scopes <@ $2 ORDER BY id FOR UPDATE
       )
       UPDATE tokens SET scopes = ARRAY(SELECT unnest(scopes) INTERSECT SELECT unnest($2::text[]) ORDER BY 1)
       FROM wide WHERE tokens.id = wide.id`,
      [clientId, scopes],
    );
  }

  async revokeAll(tx: EntityManager, clientId: string): Promise<void> {
    await revokeAmong(tx, `SELECT id FROM tokens WHERE client_id = $1 AND ${LIVE}`, [clientId]);
  }

  /** @returns the record of the client's token that was revoked, if there was one */
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
