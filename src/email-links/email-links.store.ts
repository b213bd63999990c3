import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { EMAIL_LOCKS } from '../database/locks.js';
import { sql } from '../database/sql.js';
import { Sweeper } from '../database/sweeper.service.js';
import { ENDING_LINKS } from '../revocations/account-revocation.store.js';
import type { EmailLinkPurpose } from './email-links.entity.js';

/** The account and the email of a link that can still be used. */
export interface LiveEmailLink {
  accountId: string;
  email: string;
}

const LIVE = 'l.ended_at IS NULL AND l.expires_at > now()';

/** The table of links about emails. */
@Injectable()
export class EmailLinkStore implements OnModuleInit {
  constructor(
    private readonly manager: EntityManager,
    private readonly sweeper: Sweeper,
  ) {}

  onModuleInit(): void {
    this.sweeper.add({ table: 'email_links', where: `expires_at < now() - interval '7 days'` });
  }

  /** Locks emails until the transaction ends, for whatever assigns, releases or reserves one of them. */
  async lockEmails(tx: EntityManager, emails: string[]): Promise<void> {
    await sql(
      tx,
      `SELECT pg_advisory_xact_lock($1, hash)
       FROM (SELECT DISTINCT hashtext(lower(email)) AS hash FROM unnest($2::text[]) AS email ORDER BY 1) AS hashes`,
      [EMAIL_LOCKS, emails],
    );
  }

  /** @returns whether an undo link of another account reserves this email. The caller holds a lock on the email. */
  async isKept(tx: EntityManager, email: string, accountId: string | null): Promise<boolean> {
    const rows = await sql(
      tx,
      `SELECT l.id FROM email_links l
       WHERE l.purpose = 'undo' AND lower(l.email) = lower($1) AND ${LIVE} AND l.account_id IS DISTINCT FROM $2 LIMIT 1`,
      [email, accountId],
    );
    return rows.length > 0;
  }

  /**
   * Extends the link that undoes an earlier change of the account's email.
   * @param email the email that is replaced now
   * @returns the link, if there is one, and whether it restores this very email
   */
  async renewUndo(
    tx: EntityManager,
    accountId: string,
    email: string,
    lifetime: number,
  ): Promise<{ id: string; isSameEmail: boolean } | undefined> {
    const [row] = await sql<{ id: string; isSameEmail: boolean }>(
      tx,
      `UPDATE email_links l SET expires_at = now() + $3 * interval '1 second'
       WHERE l.account_id = $1 AND l.purpose = 'undo' AND ${LIVE}
       RETURNING l.id, lower(l.email) = lower($2) AS "isSameEmail"`,
      [accountId, email, lifetime],
    );
    return row;
  }

  /** @returns the email of a link, live or not */
  async findEmail(id: string): Promise<string | undefined> {
    const [row] = await sql<{ email: string }>(this.manager, 'SELECT email FROM email_links WHERE id = $1', [id]);
    return row?.email;
  }

  /** @param lifetime in seconds */
  async open(
    tx: EntityManager,
    link: { purpose: EmailLinkPurpose; accountId: string; email: string },
    lifetime: number,
  ): Promise<string> {
    const [row] = await sql<{ id: string }>(
      tx,
      `INSERT INTO email_links (purpose, account_id, email, expires_at)
       VALUES ($1, $2, $3, now() + $4 * interval '1 second') RETURNING id`,
      [link.purpose, link.accountId, link.email, lifetime],
    );
    if (!row) throw new Error('The new link was not returned.');
    return row.id;
  }

  /**
   * Opens a link for the account that has this email and has not verified it, or for none: the same work either way.
   */
  async openForUnverified(
    tx: EntityManager,
    email: string,
    lifetime: number,
  ): Promise<{ id: string; accountId: string | null; email: string }> {
    const [row] = await sql<{ id: string; accountId: string | null; email: string }>(
      tx,
      `WITH a AS (
         SELECT id, email FROM accounts
         WHERE lower(email) = lower($1) AND disabled_at IS NULL AND email_verified_at IS NULL FOR SHARE
       )
       INSERT INTO email_links (purpose, account_id, email, expires_at)
       VALUES ('verify', (SELECT id FROM a), coalesce((SELECT email FROM a), $1), now() + $2 * interval '1 second')
       RETURNING id, account_id AS "accountId", email`,
      [email, lifetime],
    );
    if (!row) throw new Error('The new link was not returned.');
    return row;
  }

  /** @returns a link that can still be used; a `verify` link only while the account has its email */
  async findLive(purpose: EmailLinkPurpose, id: string): Promise<LiveEmailLink | undefined> {
    const [row] = await sql<LiveEmailLink>(
      this.manager,
      `SELECT l.account_id AS "accountId", l.email FROM email_links l JOIN accounts a ON a.id = l.account_id
       WHERE l.id = $2 AND l.purpose = $1 AND ${LIVE} AND a.disabled_at IS NULL
         AND ($1 = 'undo' OR lower(a.email) = lower(l.email))`,
      [purpose, id],
    );
    return row;
  }

  /**
   * Marks a link as used: of several calls at once, one succeeds. Locks the account first, as every change of a
   * credential does.
   * @returns undefined when the link has been used, ended or has expired, or the account is disabled
   */
  async spend(tx: EntityManager, purpose: EmailLinkPurpose, id: string): Promise<LiveEmailLink | undefined> {
    const enabled = await sql(
      tx,
      `SELECT a.id FROM accounts a JOIN email_links l ON l.account_id = a.id
       WHERE l.id = $1 AND a.disabled_at IS NULL FOR NO KEY UPDATE OF a`,
      [id],
    );
    if (enabled.length === 0) return undefined;
    const [row] = await sql<LiveEmailLink>(
      tx,
      `UPDATE email_links l SET ended_at = now() WHERE l.id = $2 AND l.purpose = $1 AND ${LIVE}
       RETURNING l.account_id AS "accountId", l.email`,
      [purpose, id],
    );
    return row;
  }

  /** Ends the account's `verify` links, after its email has been verified. */
  async endVerifications(tx: EntityManager, accountId: string): Promise<void> {
    await sql(tx, `${ENDING_LINKS.verify} RETURNING id`, [accountId]);
  }
}
