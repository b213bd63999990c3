/** A part of what is known of one account, and the statement that selects it. */
export interface ExportedPart {
  name: string;
  /** `$1` is the account's id, `$2` has the keyed digests of its email. */
  statement: string;
  /** It is one row, not a list. */
  isOne?: true;
}

/** Its email as rows about it may spell it; a former one may be somebody else's by now. */
const OWN_EMAIL = '(SELECT lower(email) FROM accounts WHERE id = $1)';
const OWN_LINKS = `email_links WHERE account_id = $1 OR lower(email) = ${OWN_EMAIL}`;

/** Whose ids events and mails name. */
const OWN_IDS = `
  SELECT $1::uuid UNION ALL SELECT id FROM sessions WHERE account_id = $1
  UNION ALL SELECT id FROM tokens WHERE account_id = $1 UNION ALL SELECT id FROM password_resets WHERE account_id = $1
  UNION ALL SELECT id FROM password_changes WHERE account_id = $1 UNION ALL SELECT id FROM ${OWN_LINKS}`;

/** A condition that the index on hashes of a column serves. */
const isAmong = (column: string, texts: string) => `
  hashtextextended(${column}, 0) IN (SELECT hashtextextended(t.x, 0) FROM (${texts}) AS t (x)) AND ${column} IN (${texts})`;

/** An identification tells of a visitor: of an organisation's only that there was one. */
const ofVisitor = (column: string) =>
  `CASE WHEN lower(i.email) = ${OWN_EMAIL} OR (i.account_id = $1 AND a.individual) THEN i.${column} END AS ${column}`;

/**
 * All that is stored of one account, as its holder may ask for it (GDPR, article 15). No secret, and nothing with which one
 * could be tried out; and of others who have acted on the account their ids, but not from where they did.
 */
export const ONE_ACCOUNT: ExportedPart[] = [
  {
    name: 'account',
    isOne: true,
    statement: `
      SELECT a.id, a.legacy_id, a.email, a.email_verified_at, a.name, a.aliases, a.publisher_reference, a.individual, a.role,
        a.password_hash IS NOT NULL AS has_password, a.initial_password_at, a.created_at, a.updated_at, a.disabled_at,
        a.imported_at, a.locale
      FROM accounts a WHERE a.id = $1`,
  },
  {
    name: 'networks',
    statement: `SELECT network::text AS network FROM account_networks WHERE account_id = $1 ORDER BY network`,
  },
  {
    name: 'email_domains',
    statement: `SELECT domain FROM account_email_domains WHERE account_id = $1 ORDER BY domain`,
  },
  {
    name: 'sessions',
    statement: `
      SELECT id, created_at, password_checked_at, address, user_agent, last_used_at, expires_at, revoked_at, refreshed_at,
        refresh_expires_at, late_network
      FROM sessions WHERE account_id = $1 ORDER BY created_at, id`,
  },
  {
    name: 'tokens',
    statement: `
      SELECT t.id, t.kind, t.hint, t.name, t.description, t.scopes, t.networks, t.resource, t.account_id, t.actor_id,
        t.made_with, t.app_token_id, t.client_id, t.gateway_account_id, t.created_by, t.source, t.payment_type,
        t.service_external_id, t.service_mode, t.created_at, t.expires_at, t.revoked_at, t.last_used_at
      FROM tokens t
      WHERE t.account_id = $1 OR t.actor_id = $1 OR t.client_id IN (SELECT id FROM oauth_clients WHERE account_id = $1)
        OR (t.kind = 'api' AND (t.created_by = $1::text OR lower(t.created_by) = ${OWN_EMAIL}))
      ORDER BY t.created_at, t.id`,
  },
  {
    name: 'oauth_clients',
    statement: `
      SELECT c.id, c.name, c.scopes, c.account_id, c.actor_id, c.made_with, c.created_at,
        ARRAY(SELECT json_build_object('id', s.id, 'hint', s.hint, 'actor_id', s.actor_id, 'created_at', s.created_at,
                'last_used_at', s.last_used_at)
              FROM oauth_client_secrets s WHERE s.client_id = c.id ORDER BY s.created_at, s.id) AS secrets
      FROM oauth_clients c
      WHERE c.account_id = $1 OR c.actor_id = $1
        OR EXISTS (SELECT FROM oauth_client_secrets s WHERE s.client_id = c.id AND s.actor_id = $1)
      ORDER BY c.created_at, c.id`,
  },
  {
    name: 'password_resets',
    statement: `SELECT created_at, expires_at, ended_at, asked_from, invited_by FROM password_resets WHERE account_id = $1 ORDER BY created_at`,
  },
  {
    name: 'email_links',
    statement: `SELECT purpose, email, locale, asked_from, created_at, expires_at, ended_at FROM ${OWN_LINKS} ORDER BY created_at`,
  },
  {
    name: 'mails',
    statement: `
      SELECT kind, recipient, created_at, attempts, done_at, last_error FROM outgoing_mails
      WHERE id IN (
        SELECT id FROM outgoing_mails WHERE lower(recipient) = ${OWN_EMAIL}
        UNION ALL SELECT id FROM outgoing_mails WHERE subject_id = ANY (ARRAY(${OWN_IDS}))) ORDER BY created_at`,
  },
  {
    name: 'password_changes',
    statement: `
      SELECT way, address, user_agent, changed_at FROM password_changes WHERE account_id = $1 ORDER BY changed_at`,
  },
  {
    name: 'known_addresses',
    statement: `SELECT encode(digest, 'hex') AS digest, seen_at FROM known_addresses WHERE account_id = $1 ORDER BY seen_at`,
  },
  {
    name: 'identifications',
    statement: `
      SELECT i.id, i.client_id, i.account_id, i.institution_id, i.created_at, i.expires_at, i.returned_at,
        ${['ip', 'url', 'user_agent', 'email'].map(ofVisitor).join(', ')}
      FROM identifications i, accounts a
      WHERE a.id = $1 AND (i.account_id = $1 OR i.institution_id = $1 OR lower(i.email) = ${OWN_EMAIL})
      ORDER BY i.created_at, i.id`,
  },
  {
    name: 'failed_sign_ins',
    statement: `
      SELECT place, count, CASE WHEN isfinite(blocked_until) THEN blocked_until END AS blocked_until, ends_at
      FROM sign_in_failures WHERE $1::uuid IS NOT NULL AND account = ANY ($2::text[]) ORDER BY place`,
  },
  {
    name: 'limits',
    statement: `
      SELECT split_part(key, ' ', 1) AS name, count, window_ends_at FROM attempt_limits
      WHERE position($1::text IN key) > 0 OR EXISTS (SELECT FROM unnest($2::text[]) AS d WHERE position(d IN key) > 0)
      ORDER BY key`,
  },
  {
    name: 'audit_events',
    statement: `
      SELECT e.id, e.at, e.kind, e.outcome, e.actor_id, e.client_id, e.app_token_id, e.on_behalf_of, e.subject,
        CASE WHEN e.actor_id IS NULL OR e.actor_id = $1 THEN e.address END AS address, e.request_id,
        e.details, (SELECT m.email FROM audit_emails m WHERE m.event_id = e.id) AS email
      FROM audit_events e
      WHERE (e.at, e.id) IN (
        SELECT at, id FROM audit_events WHERE actor_id = $1
        UNION SELECT at, id FROM audit_events WHERE on_behalf_of = $1
        UNION SELECT at, id FROM audit_events WHERE ${isAmong('subject', `SELECT id::text FROM (${OWN_IDS}) AS own (id)`)}
        UNION SELECT at, id FROM audit_events
          WHERE ${isAmong('subject', 'SELECT id FROM oauth_clients WHERE account_id = $1')}
        UNION SELECT at, event_id FROM audit_emails WHERE account_id = $1 OR lower(email) = ${OWN_EMAIL})
      ORDER BY e.at, e.id`,
  },
];
