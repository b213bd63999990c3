import { isEnabledAdmin } from './good-client.js';
import { isLineageGood } from './lineage.js';

/**
 * The token `t`, its client `c`, the account `a` that owns it or its client, and the account `b` that acts on behalf of
 * `a`.
 */
export const TOKEN_WITH_OWNERS = `tokens t LEFT JOIN oauth_clients c ON c.id = t.client_id
    LEFT JOIN accounts a ON a.id = coalesce(t.account_id, c.account_id) LEFT JOIN accounts b ON b.id = t.actor_id`;

/** With what a token or its client was made while somebody acted for somebody else; see {@link isLineageGood}. */
export const LINEAGE = '(t.made_with || c.made_with)';

/**
 * The SQL condition that a token of {@link TOKEN_WITH_OWNERS} is good, but for its lineage: it is live, and the accounts
 * behind it are enabled. For an App-Token with scopes, and for a client's token, `a` must be an admin. A client's token must
 * be of the client's current epoch; the previous release issued some without one. Not `now()`, which is when the transaction
 * began: it may have waited since.
 */
export const IS_LIVE_TOKEN = `
  t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > statement_timestamp())
  AND a.disabled_at IS NULL AND b.disabled_at IS NULL
  AND (t.kind <> 'app' OR t.scopes = '{}' OR a.role = 'admin')
  AND (t.kind <> 'oauth' OR c.account_id IS NULL OR ${isEnabledAdmin('a')})
  AND (t.client_epoch IS NULL OR t.client_epoch = c.epoch)`;

/** The SQL condition that an App-Token, which has no client, is good, and all that it was made with. `is_good_token` says the same to who has waited. */
export const IS_GOOD_APP_TOKEN = `${IS_LIVE_TOKEN} AND ${isLineageGood('t.made_with')}`;

/**
 * Whether all is good that a token or its client was made with, as the column `isLineageGood`. Selected, as PostgreSQL would
 * read all clients for a condition.
 */
export const LINEAGE_CHECK = `${isLineageGood(LINEAGE)} AS "isLineageGood"`;

/** The scopes of a token; of a client's token only those that the client still has. */
export const SCOPES_LEFT = `CASE WHEN t.kind = 'oauth'
  THEN ARRAY(SELECT s FROM unnest(t.scopes) s WHERE s = ANY (c.scopes)) ELSE t.scopes END`;
