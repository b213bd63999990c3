/** A kind of record, and the statement that selects its rows. */
export interface ExportedKind {
  /** What its records are, in words. */
  name: string;
  /** Selects the columns that a record has as fields. Absent fields are null. */
  statement: string;
}

/** What `latchkey import` takes: what comes later refers to what comes before. */
export const EVERYTHING: ExportedKind[] = [
  {
    name: 'accounts',
    // Without an email nobody signs in, so that a password would be of no use.
    statement: `
      SELECT CASE WHEN a.individual THEN 'account' ELSE 'organisation' END AS type, a.id, a.legacy_id, a.email,
        a.email_verified_at, CASE WHEN a.email IS NOT NULL THEN a.password_hash END AS password_hash, a.name,
        a.publisher_reference, nullif(a.role, 'user') AS role,
        nullif(ARRAY(SELECT n.network::text FROM account_networks n WHERE n.account_id = a.id ORDER BY n.network), '{}')
          AS networks,
        -- Whoever stored wide ones meant them.
        EXISTS (SELECT FROM account_networks n WHERE n.account_id = a.id) OR NULL AS allow_wide,
        nullif(ARRAY(SELECT d.domain FROM account_email_domains d WHERE d.account_id = a.id ORDER BY d.domain), '{}')
          AS email_domains,
        a.created_at, a.disabled_at
      FROM accounts a ORDER BY a.created_at, a.id`,
  },
];
