import type { ClientScope } from '../access/client-scopes.js';
import { isGoodClient } from './good-client.js';
import { IS_LIVE_TOKEN, LINEAGE, SCOPES_LEFT, TOKEN_WITH_OWNERS } from './good-token.js';
import { isLineageGood } from './lineage.js';

/**
 * The SQL condition that what a client has shown is good, and has a scope. The lineage is selected, as PostgreSQL would read all
 * clients for a condition.
 *
 * @param shown the alias of what has `clientId`, and `tokenId` or `secretId`
 */
export const hasScope = (scope: ClientScope, shown: string) => `
  coalesce(CASE WHEN ${shown}."tokenId" IS NULL THEN (
    SELECT '${scope}' = ANY (c.scopes) AND ${isLineageGood('s.made_with')}
    FROM oauth_clients c JOIN oauth_client_secrets s ON s.client_id = c.id
    WHERE c.id = ${shown}."clientId" AND s.id = ${shown}."secretId" AND ${isGoodClient('c')})
  ELSE (
    SELECT '${scope}' = ANY (${SCOPES_LEFT}) AND ${isLineageGood(LINEAGE)}
    FROM ${TOKEN_WITH_OWNERS} WHERE t.id = ${shown}."tokenId" AND t.client_id = ${shown}."clientId" AND ${IS_LIVE_TOKEN})
  END, false)`;
