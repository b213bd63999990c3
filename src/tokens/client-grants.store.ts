import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { insertFrom, type EventRow } from '../audit-log/audit-events.store.js';
import { sql } from '../database/sql.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import { isGoodClient } from './good-client.js';
import { endOfLineage, isLineageGood } from './lineage.js';

/** A token that a client is to be given. */
export interface ClientGrant {
  token: {
    /** In hexadecimal. */
    digest: string;
    hint: string;
    clientId: string;
    /** The secret that the client presented. */
    secretId: string;
    /** Undefined: all that the client has. */
    scopes: string[] | undefined;
    /** See VerifiedToken; undefined: Latchkey. */
    resource: string | undefined;
    /** Seconds from now. */
    lifetime: number;
  };
  /** Its event in the audit log. Its subject is the digest, in whose place the statement puts the id; it adds the scopes. */
  event: EventRow;
}

/** A token that a client was given. */
export interface GrantedToken {
  id: string;
  scopes: string[];
  /** In whole seconds: what the client was made with may end before the lifetime does. */
  expiresIn: number;
}

/**
 * Inserts clients' tokens at their clients' current epochs, and their events. A change of a client that overtakes this statement raises the
 * epoch, so that the token is refused. Each client is looked up by itself: of a join, PostgreSQL might read all of them.
 *
 * @param lock of the client's row: that of the foreign key, which only a deletion is in the way of
 */
const grantBy = (lock: string) => `
  WITH asked AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS r (digest text, hint text, "clientId" text, "secretId" uuid, scopes text[],
      resource text, lifetime float8)
  ), made AS (
    INSERT INTO tokens (kind, digest, hint, scopes, client_id, client_epoch, resource, made_with, expires_at)
    SELECT 'oauth', decode(r.digest, 'hex'), r.hint, coalesce(r.scopes, c.scopes), c.id, c.epoch, r.resource, c.lineage,
      least(now() + r.lifetime * interval '1 second', ${endOfLineage('c.lineage')})
    FROM asked r CROSS JOIN LATERAL (
      SELECT c.id, c.scopes, c.epoch, s.made_with || c.made_with AS lineage
      FROM oauth_clients c JOIN oauth_client_secrets s ON s.client_id = c.id AND s.id = r."secretId"
      WHERE c.id = r."clientId" AND (r.scopes IS NULL OR r.scopes <@ c.scopes) AND ${isGoodClient('c')}
        AND ${isLineageGood('s.made_with')}
      ${lock} OFFSET 0
    ) c
    RETURNING id, encode(digest, 'hex') AS digest, to_jsonb(scopes) AS scopes,
      floor(extract(epoch FROM expires_at - now()))::float8 AS "expiresIn"
  ), noted AS (
    ${insertFrom('jsonb_to_recordset($2::jsonb)', {
      subject: 'm.id::text',
      details: `r.details || jsonb_build_object('scopes', m.scopes)`,
      among: 'JOIN made m ON m.digest = r.subject',
    })}
  )
  SELECT json_object_agg(digest, json_build_object('id', id, 'scopes', scopes, 'expiresIn', "expiresIn")) AS granted FROM made`;

/** Of clients that are being deleted at this moment nothing is found: nobody else waits for them. */
const GRANT_TO_MANY: PreparedStatement = {
  name: 'grant tokens to clients',
  text: grantBy('FOR KEY SHARE OF c SKIP LOCKED'),
};
const GRANT_TO_ONE = grantBy('FOR KEY SHARE OF c');

/** The one row that is answered: `pg` reads a text of JSON in a fraction of the time that rows take it. */
export interface GrantedRow<Made> {
  /** By the digests of the tokens; null: there are none. */
  granted: Record<string, Made> | null;
}

/** The tokens that clients are given: many at once, by one statement. */
@Injectable()
export class ClientGrantStore {
  constructor(private readonly statements: Statements) {}

  /** @returns for each the token; undefined: the client does not get it, or is being changed */
  async grantAll(grants: ClientGrant[]): Promise<(GrantedToken | undefined)[]> {
    const [row] = await this.statements.run<Row>(GRANT_TO_MANY, valuesOf(grants));
    return grants.map(({ token }) => row?.granted?.[token.digest]);
  }

  /** @returns undefined when the client or its secret is no longer good, or the client does not have all scopes */
  async grant(tx: EntityManager, grant: ClientGrant): Promise<GrantedToken | undefined> {
    const [row] = await sql<Row>(tx, GRANT_TO_ONE, valuesOf([grant]));
    return row?.granted?.[grant.token.digest];
  }
}

type Row = GrantedRow<GrantedToken>;

const valuesOf = (grants: ClientGrant[]) => [
  JSON.stringify(grants.map(({ token }) => token)),
  JSON.stringify(grants.map(({ event }) => event)),
];
