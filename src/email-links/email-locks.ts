import type { EntityManager } from 'typeorm';
import { EMAIL_LOCKS } from '../database/locks.js';
import { sql } from '../database/sql.js';
import { foldEmail } from '../emails/email-address.js';

/** Locks emails until the transaction ends, for whatever assigns, releases or reserves one of them. */
export async function lockEmails(tx: EntityManager, emails: string[]): Promise<void> {
  await sql(
    tx,
    `SELECT pg_advisory_xact_lock($1, hash)
     FROM (SELECT DISTINCT hashtext(lower(email)) AS hash FROM unnest($2::text[]) AS email ORDER BY 1) AS hashes`,
    [EMAIL_LOCKS, emails.map(foldEmail)],
  );
}
