/**
 * What is made while acting for somebody else has a lineage (`made_with`): the token on behalf of them that it was made with,
 * and all that this one was made with. It is good while each of these is, whichever way they end. Null: nobody acted.
 */

/**
 * The SQL condition that a lineage is good. Not `now()`, which is when the transaction began: it may have waited since. A
 * look-up by id for each token: of a join, PostgreSQL would make a search before a table's first ANALYZE.
 */
export const isLineageGood = (lineage: string) => `
  (${lineage} IS NULL OR NOT EXISTS (
    SELECT FROM unnest(${lineage}) AS made (token_id)
    WHERE (SELECT m.revoked_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > statement_timestamp())
           FROM tokens m WHERE m.id = made.token_id) IS NOT TRUE))`;

/** The SQL expression for when the first token of a lineage expires; null: there is no lineage. */
export const endOfLineage = (lineage: string) => `
  CASE WHEN ${lineage} IS NOT NULL THEN (SELECT min(m.expires_at) FROM tokens m WHERE m.id = ANY (${lineage})) END`;

/** The SQL expression for what is announced when a token of a lineage is revoked; null: there is no lineage. */
export const tagsOfLineage = (lineage: string) => `
  CASE WHEN ${lineage} IS NOT NULL THEN ARRAY(
    SELECT tag FROM tokens m, LATERAL (
      VALUES ('token ' || m.id), ('token ' || m.app_token_id), ('account ' || m.account_id), ('account ' || m.actor_id)) AS tags (tag)
    WHERE m.id = ANY (${lineage}) AND tag IS NOT NULL) END`;
