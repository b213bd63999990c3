/** A kind of record, and the statement that selects its rows. */
export interface ExportedKind {
  /** What its records are, in words. */
  name: string;
  /** Selects the columns that a record has as fields. Absent fields are null. */
  statement: string;
  /** Counts what an import could not take. */
  leftOut: string;
}

/** What was made while acting for somebody else ends with that, which an import does not know of. */
const OWN_SECRET = 's.actor_id IS NULL AND s.made_with IS NULL';
const OWN_CLIENT = `c.actor_id IS NULL AND c.made_with IS NULL
  AND (c.account_id IS NULL OR (a.role = 'admin' AND a.disabled_at IS NULL))
  AND EXISTS (SELECT FROM oauth_client_secrets s WHERE s.client_id = c.id AND ${OWN_SECRET})`;

/** Somebody who has another's email now cannot sign in, and has nothing that they could be found by. */
const TAKEN_ACCOUNT = 'a.email IS NOT NULL OR NOT a.individual';

/** Those of accounts that an import refers to. */
const TAKEN_TOKEN = `a.disabled_at IS NULL AND o.disabled_at IS NULL
  AND (t.account_id IS NULL OR a.email IS NOT NULL OR NOT a.individual)
  AND (t.kind <> 'app' OR t.scopes = '{}' OR a.role = 'admin')
  AND (t.kind = 'api' OR t.actor_id IS NULL OR o.role = 'admin')`;

const CLIENTS = 'FROM oauth_clients c LEFT JOIN accounts a ON a.id = c.account_id';
const TOKENS = 'FROM tokens t LEFT JOIN accounts a ON a.id = t.account_id LEFT JOIN accounts o ON o.id = t.actor_id';

/** What `latchkey import` takes: what comes later refers to what comes before. */
export const EVERYTHING: ExportedKind[] = [
  {
    name: 'accounts',
    // Without an email nobody signs in, so that a password would be of no use. One that somebody else has chosen ends in time, which an
    // import does not know of: its holder asks for a link.
    statement: `
      SELECT CASE WHEN a.individual THEN 'account' ELSE 'organisation' END AS type, a.id, a.legacy_id, a.email,
        a.email_verified_at, CASE WHEN a.email IS NOT NULL AND a.initial_password_at IS NULL THEN a.password_hash END AS password_hash, a.name,
        a.publisher_reference, nullif(a.role, 'user') AS role, a.locale, nullif(a.aliases, '{}') AS aliases,
        nullif(ARRAY(SELECT n.network::text FROM account_networks n WHERE n.account_id = a.id ORDER BY n.network), '{}')
          AS networks,
        -- Whoever stored wide ones meant them.
        EXISTS (SELECT FROM account_networks n WHERE n.account_id = a.id) OR NULL AS allow_wide,
        nullif(ARRAY(SELECT d.domain FROM account_email_domains d WHERE d.account_id = a.id ORDER BY d.domain), '{}')
          AS email_domains,
        a.created_at, a.disabled_at
      FROM accounts a WHERE ${TAKEN_ACCOUNT} ORDER BY a.created_at, a.id`,
    leftOut: `SELECT count(*)::int AS count FROM accounts a WHERE (${TAKEN_ACCOUNT}) IS NOT TRUE`,
  },
  {
    name: 'clients',
    statement: `
      SELECT 'client' AS type, c.id, c.name, c.scopes, c.account_id AS account, c.created_at,
        ARRAY(SELECT json_strip_nulls(json_build_object(
            'digest', CASE WHEN s.foreign_hash IS NULL THEN encode(s.digest, 'hex') END, 'hash', s.foreign_hash,
            'hint', s.hint, 'created_at', s.created_at, 'last_used_at', s.last_used_at))
          FROM oauth_client_secrets s WHERE s.client_id = c.id AND ${OWN_SECRET} ORDER BY s.created_at, s.id) AS secrets
      ${CLIENTS} WHERE ${OWN_CLIENT} ORDER BY c.created_at, c.id`,
    leftOut: `
      SELECT count(*) FILTER (WHERE (${OWN_CLIENT}) IS NOT TRUE)::int + coalesce(sum((
        SELECT count(*) FROM oauth_client_secrets s WHERE s.client_id = c.id AND (${OWN_SECRET}) IS NOT TRUE
      )) FILTER (WHERE ${OWN_CLIENT}), 0)::int AS count ${CLIENTS}`,
  },
  {
    name: 'tokens',
    // An App-Token before what was got through it.
    statement: `
      SELECT t.kind || '_token' AS type, t.id, CASE WHEN t.foreign_hash IS NULL THEN encode(t.digest, 'hex') END AS token_digest,
        t.foreign_hash AS token_hash, t.hint, t.is_foreign AS foreign, t.account_id AS account,
        t.gateway_account_id AS account_id, t.name, nullif(t.scopes, '{}') AS scopes, t.networks::text[] AS networks,
        t.description, t.created_by, t.service_external_id, t.source, t.payment_type AS token_type, t.service_mode,
        t.app_token_id AS app_token, t.actor_id AS actor, t.made_with, t.created_at, t.last_used_at,
        CASE WHEN t.expires_at IS NOT NULL THEN least(t.expires_at, '2999-12-31T23:59:59Z') END AS expires_at, t.revoked_at
      ${TOKENS} WHERE t.kind <> 'oauth' AND ${TAKEN_TOKEN}
      ORDER BY array_position(ARRAY['app', 'user', 'api'], t.kind), t.created_at, t.id`,
    leftOut: `SELECT count(*)::int AS count ${TOKENS} WHERE t.kind <> 'oauth' AND (${TAKEN_TOKEN}) IS NOT TRUE`,
  },
];
