import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { insertFrom, type EventRow } from '../audit-log/audit-events.store.js';
import { sql } from '../database/sql.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import type { GrantedRow } from './client-grants.store.js';
import { IS_GOOD_APP_TOKEN, TOKEN_WITH_OWNERS } from './good-token.js';
import { endOfLineage } from './lineage.js';
import type { NewToken } from './new-tokens.store.js';

/** An API token that is to be made. */
export interface ApiGrant {
  token: Pick<
    NewToken,
    | 'hint'
    | 'gatewayAccountId'
    | 'description'
    | 'createdBy'
    | 'source'
    | 'paymentType'
    | 'serviceExternalId'
    | 'serviceMode'
  > & {
    /** In hexadecimal. */
    digest: string;
    /** The App-Token that asks for it; null: nobody has to show one. */
    appTokenId: string | null;
    /** Seconds from now; null: it does not expire. */
    lifetime: number | null;
  };
  /** See NewToken. */
  expiresAt: Date | null;
  /** Its event in the audit log. Its subject is the digest, in whose place the statement puts the id; it adds the actor. */
  event: EventRow;
}

/** What became of it; `expired`: it was not made, as it would have expired from the start. */
export type Granted = 'made' | 'expired';

/**
 * Inserts API tokens and their events. Whatever an App-Token makes that was itself made on behalf of somebody is of the same actor,
 * and ends with it. Each App-Token is looked up by itself: of a join, PostgreSQL might read all of them.
 *
 * @param which a condition on the App-Token `t`
 */
const grantTo = (which: string) => `
  WITH asked AS (
    SELECT r.*, app.actor_id, app.lineage,
      least(now() + r.lifetime * interval '1 second', ($3::timestamptz[])[r.place], ${endOfLineage('app.lineage')}) AS ends
    FROM jsonb_to_recordset($1::jsonb) AS r (digest text, hint text, "appTokenId" uuid, "gatewayAccountId" text, description text,
      "createdBy" text, source text, "paymentType" text, "serviceExternalId" text, "serviceMode" text, lifetime float8,
      place int)
    CROSS JOIN LATERAL (
      SELECT t.actor_id, CASE WHEN t.made_with IS NOT NULL THEN t.made_with || t.id END AS lineage
      FROM ${TOKEN_WITH_OWNERS} WHERE t.id = r."appTokenId" AND ${which} AND ${IS_GOOD_APP_TOKEN}
      UNION ALL SELECT NULL, NULL WHERE r."appTokenId" IS NULL
      OFFSET 0
    ) app
  ), made AS (
    INSERT INTO tokens (kind, digest, hint, gateway_account_id, description, created_by, source, payment_type, service_external_id,
      service_mode, expires_at, actor_id, made_with)
    SELECT 'api', decode(digest, 'hex'), hint, "gatewayAccountId", description, "createdBy", source, "paymentType",
      "serviceExternalId", "serviceMode", ends, actor_id, lineage
    FROM asked WHERE ends IS NULL OR ends > now()
    RETURNING id, encode(digest, 'hex') AS digest, actor_id
  ), noted AS (
    ${insertFrom('jsonb_to_recordset($2::jsonb)', {
      subject: 'm.id::text',
      details: `r.details || jsonb_strip_nulls(jsonb_build_object('actor', m.actor_id))`,
      among: 'JOIN made m ON m.digest = r.subject',
    })}
  )
  SELECT json_object_agg(digest, CASE WHEN m.id IS NULL THEN 'expired' ELSE 'made' END) AS granted
  FROM asked LEFT JOIN made m USING (digest)`;

/** Not what has an actor: nobody else is to wait while that account is being deleted. */
const GRANT_TO_MANY: PreparedStatement = { name: 'grant api tokens', text: grantTo('t.actor_id IS NULL') };
const GRANT_TO_ONE = grantTo('true');

/** The API tokens that applications make: many at once, by one statement. */
@Injectable()
export class ApiGrantStore {
  constructor(private readonly statements: Statements) {}

  /** @returns what became of each; undefined: the App-Token is not good, or acts on behalf of somebody */
  async grantAll(grants: ApiGrant[]): Promise<(Granted | undefined)[]> {
    const [row] = await this.statements.run<Row>(GRANT_TO_MANY, valuesOf(grants));
    return grants.map(({ token }) => row?.granted?.[token.digest]);
  }

  /** @returns undefined when the App-Token is no longer good */
  async grant(tx: EntityManager, grant: ApiGrant): Promise<Granted | undefined> {
    const [row] = await sql<Row>(tx, GRANT_TO_ONE, valuesOf([grant]));
    return row?.granted?.[grant.token.digest];
  }
}

type Row = GrantedRow<Granted>;

const valuesOf = (grants: ApiGrant[]) => [
  JSON.stringify(grants.map(({ token }, index) => ({ ...token, place: index + 1 }))),
  JSON.stringify(grants.map(({ event }) => event)),
  // Not in JSON, where a year has four digits.
  grants.map(({ expiresAt }) => expiresAt),
];
