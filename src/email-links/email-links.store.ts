import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { Sweeper } from '../database/sweeper.service.js';
import { isSpelt, nearestFirst, spellingsOf, storedEmail } from '../emails/email-address.js';
import type { Asked } from '../mail/link-mail.js';
import { ENDING_LINKS } from '../revocations/account-revocation.store.js';
import type { EmailLinkPurpose } from './email-links.entity.js';
import { lockEmails } from './email-locks.js';

/** The email of a link, and how it came to be. */
export interface ToldOf extends Asked {
  email: string;
  /** Of the account's mails; null: nobody said. */
  locale: string | null;
}

/** The account and the email of a link that can still be used. */
export interface LiveEmailLink extends ToldOf {
  accountId: string;
}

/** A link by which somebody says that an email is theirs. */
export type Claim = Asked & {
  id: string;
  email: string;
  /** Of whoever signs up, or of the account. */
  locale: string | null;
  /** The hash of the password that redeems it. */ passwordHash: string | null;
} & ({ purpose: 'sign_up'; accountId: null } | { purpose: 'verify' | 'change'; accountId: string });

/** A mail that is to be sent for a link. */
export interface LinkToMail {
  id: string;
  purpose: 'verify' | 'sign_up' | 'change';
  accountId: string | null;
  email: string;
}

const LIVE = 'l.ended_at IS NULL AND l.expires_at > now()';
const ASKED = `l.created_at AS "askedAt", l.asked_from AS "askedFrom",
  extract(epoch FROM l.expires_at - now())::float8 AS lifetime`;

/** The table of links about emails. */
@Injectable()
export class EmailLinkStore implements OnModuleInit {
  constructor(
    private readonly manager: EntityManager,
    private readonly sweeper: Sweeper,
  ) {}

  onModuleInit(): void {
    this.sweeper.add({ table: 'email_links', time: 'expires_at', before: `now() - interval '7 days'` });
    // No hash is kept longer than it is of use.
    this.sweeper.add({ table: 'email_links', time: 'expires_at', before: 'now()', among: `purpose = 'sign_up'` });
  }

  /** See {@link lockEmails}. */
  async lockEmails(tx: EntityManager, emails: string[]): Promise<void> {
    await lockEmails(tx, emails);
  }

  /** @returns whether an undo link of another account reserves this email. The caller holds a lock on the email. */
  async isKept(tx: EntityManager, email: string, accountId: string | null): Promise<boolean> {
    const rows = await sql(
      tx,
      `SELECT l.id FROM email_links l
       WHERE l.purpose = 'undo' AND ${isSpelt('l.email', '$1')} AND ${LIVE} AND l.account_id IS DISTINCT FROM $2 LIMIT 1`,
      [spellingsOf(email), accountId],
    );
    return rows.length > 0;
  }

  /**
   * Extends the link that undoes an earlier change of the account's email. If it restores the very email that is replaced now, it is
   * about this change from now on.
   * @param email the email that is replaced now
   * @param askedFrom from which address it is
   * @returns the link, if there is one, and whether it restores this very email
   */
  async renewUndo(
    tx: EntityManager,
    accountId: string,
    email: string,
    { lifetime, askedFrom }: { lifetime: number; askedFrom: string | null },
  ): Promise<{ id: string; isSameEmail: boolean } | undefined> {
    const isSame = isSpelt('l.email', '$2');
    const [row] = await sql<{ id: string; isSameEmail: boolean }>(
      tx,
      `UPDATE email_links l SET expires_at = now() + $3 * interval '1 second',
         created_at = CASE WHEN ${isSame} THEN now() ELSE l.created_at END,
         asked_from = CASE WHEN ${isSame} THEN $4 ELSE l.asked_from END
       WHERE l.account_id = $1 AND l.purpose = 'undo' AND ${LIVE}
       RETURNING l.id, ${isSame} AS "isSameEmail"`,
      [accountId, spellingsOf(email), lifetime, askedFrom],
    );
    return row;
  }

  /** @returns what a link, live or not, tells of, and the locale of its account */
  async findTold(id: string): Promise<ToldOf | undefined> {
    const [row] = await sql<ToldOf>(
      this.manager,
      `SELECT l.email, a.locale, ${ASKED} FROM email_links l LEFT JOIN accounts a ON a.id = l.account_id WHERE l.id = $1`,
      [id],
    );
    return row;
  }

  /** @param lifetime in seconds */
  async open(
    tx: EntityManager,
    link: {
      purpose: EmailLinkPurpose;
      accountId: string | null;
      email: string;
      passwordHash?: string;
      locale?: string | null;
      askedFrom?: string | null;
    },
    lifetime: number,
  ): Promise<string> {
    // An account may have its email in a spelling of its own.
    const isClaim = link.purpose === 'sign_up' || link.purpose === 'change';
    const email = isClaim ? storedEmail(link.email) : link.email;
    const [row] = await sql<{ id: string }>(
      tx,
      `INSERT INTO email_links (purpose, account_id, email, password_hash, locale, asked_from, expires_at)
       VALUES ($1, $2, $3, $5, $6, $7, now() + $4 * interval '1 second') RETURNING id`,
      [
        ...[link.purpose, link.accountId, email, lifetime],
        ...[link.passwordHash ?? null, link.locale ?? null, link.askedFrom ?? null],
      ],
    );
    if (!row) throw new Error('The new link was not returned.');
    return row.id;
  }

  /**
   * Opens a link for the account that has this email and has not verified it, or for none: the same work either way.
   *
   * @returns the link, or, if there is no such account, the latest attempt to sign up with this email or to change to it
   */
  async openForUnverified(
    tx: EntityManager,
    email: string,
    { lifetime, askedFrom }: { lifetime: number; askedFrom: string | null },
  ): Promise<LinkToMail> {
    const [row] = await sql<LinkToMail & { claimId: string | null; claimPurpose: 'sign_up' | 'change' | null }>(
      tx,
      `WITH a AS (
         SELECT id, email FROM accounts
         WHERE id = (SELECT id FROM accounts a WHERE ${isSpelt('email', '$3')} ORDER BY ${nearestFirst('a', '$1')} LIMIT 1)
           AND disabled_at IS NULL AND email_verified_at IS NULL FOR SHARE
       ), claim AS (
         SELECT l.id, l.purpose FROM email_links l
         WHERE l.purpose IN ('sign_up', 'change') AND ${isSpelt('l.email', '$3')} AND ${LIVE}
         ORDER BY l.created_at DESC LIMIT 1
       )
       INSERT INTO email_links (purpose, account_id, email, asked_from, expires_at)
       VALUES ('verify', (SELECT id FROM a), coalesce((SELECT email FROM a), $4), $5, now() + $2 * interval '1 second')
       RETURNING id, purpose, account_id AS "accountId", email, (SELECT id FROM claim) AS "claimId",
         (SELECT purpose FROM claim) AS "claimPurpose"`,
      [email, lifetime, spellingsOf(email), storedEmail(email), askedFrom],
    );
    if (!row) throw new Error('The new link was not returned.');
    const { claimId, claimPurpose, ...link } = row;
    if (link.accountId !== null || claimId === null || claimPurpose === null) return link;
    return { ...link, id: claimId, purpose: claimPurpose };
  }

  /** @returns a link that can still be used; a `verify` link only while the account has its email */
  async findLive(purpose: EmailLinkPurpose, id: string): Promise<LiveEmailLink | undefined> {
    const [row] = await sql<LiveEmailLink>(
      this.manager,
      `SELECT l.account_id AS "accountId", l.email, a.locale, ${ASKED}
       FROM email_links l JOIN accounts a ON a.id = l.account_id
       WHERE l.id = $2 AND l.purpose = $1 AND ${LIVE} AND a.disabled_at IS NULL
         AND ($1 = 'undo' OR lower(a.email) = lower(l.email))`,
      [purpose, id],
    );
    return row;
  }

  /** @returns a claim that can still be redeemed; of an account, while it is enabled and has the email or not yet */
  async findClaim(id: string, manager = this.manager): Promise<Claim | undefined> {
    const [row] = await sql<Claim>(
      manager,
      `SELECT l.id, l.purpose, l.account_id AS "accountId", l.email, coalesce(l.locale, a.locale) AS locale, ${ASKED},
         CASE WHEN l.purpose = 'sign_up' THEN l.password_hash ELSE a.password_hash END AS "passwordHash"
       FROM email_links l LEFT JOIN accounts a ON a.id = l.account_id
       WHERE l.id = $1 AND ${LIVE} AND (
         l.purpose = 'sign_up'
         OR l.purpose = 'change' AND a.disabled_at IS NULL
         OR l.purpose = 'verify' AND a.disabled_at IS NULL AND lower(a.email) = lower(l.email))`,
      [id],
    );
    return row;
  }

  /** Marks a claim as redeemed: of several calls at once, one succeeds. The caller holds the accounts and the email. */
  async redeem(tx: EntityManager, id: string): Promise<boolean> {
    const rows = await sql(
      tx,
      `UPDATE email_links l SET ended_at = now(), password_hash = NULL WHERE l.id = $1 AND ${LIVE} RETURNING l.id`,
      [id],
    );
    return rows.length === 1;
  }

  /** Ends every attempt to sign up with an email, and every pending change to it. The caller holds the email. */
  async endClaims(tx: EntityManager, email: string): Promise<void> {
    await sql(
      tx,
      `UPDATE email_links l SET ended_at = now(), password_hash = NULL
       WHERE l.purpose IN ('sign_up', 'change') AND ${isSpelt('l.email', '$1')} AND l.ended_at IS NULL RETURNING l.id`,
      [spellingsOf(email)],
    );
  }

  /** @returns the account that has this email and has proved it */
  async findProved(email: string): Promise<{ locale: string | null } | undefined> {
    const [row] = await sql<{ locale: string | null }>(
      this.manager,
      `SELECT locale FROM accounts WHERE ${isSpelt('email', '$1')} AND email_verified_at IS NOT NULL LIMIT 1`,
      [spellingsOf(email)],
    );
    return row;
  }

  /**
   * Marks a link as used: of several calls at once, one succeeds. Locks the account first, as every change of a
   * credential does.
   * @returns undefined when the link has been used, ended or has expired, or the account is disabled
   */
  async spend(
    tx: EntityManager,
    purpose: EmailLinkPurpose,
    id: string,
  ): Promise<Pick<LiveEmailLink, 'accountId' | 'email'> | undefined> {
    const enabled = await sql(
      tx,
      `SELECT a.id FROM accounts a JOIN email_links l ON l.account_id = a.id
       WHERE l.id = $1 AND a.disabled_at IS NULL FOR NO KEY UPDATE OF a`,
      [id],
    );
    if (enabled.length === 0) return undefined;
    const [row] = await sql<Pick<LiveEmailLink, 'accountId' | 'email'>>(
      tx,
      `UPDATE email_links l SET ended_at = now() WHERE l.id = $2 AND l.purpose = $1 AND ${LIVE}
       RETURNING l.account_id AS "accountId", l.email`,
      [purpose, id],
    );
    return row;
  }

  /** Ends the account's `verify` and `change` links. */
  async endVerifications(tx: EntityManager, accountId: string): Promise<void> {
    await sql(tx, `${ENDING_LINKS.verify} RETURNING id`, [accountId]);
  }

  /**
   * Ends the link that undoes a change of email, once the new mailbox has been proved: until then whoever had the account
   * before has the last word, and from then on whoever reads that mailbox.
   */
  async endUndo(tx: EntityManager, accountId: string): Promise<void> {
    await sql(tx, `${ENDING_LINKS.undo} RETURNING id`, [accountId]);
  }

  /**
   * Deletes what was asked for about the emails that an account has and had, but not for the account: redeemed attempts to sign up, and
   * verifications that were not needed. An email that another account has by now is left out.
   *
   * @returns the emails, and the ids of what was deleted
   */
  async forget(
    tx: EntityManager,
    accountId: string,
    email: string | null,
  ): Promise<{ emails: string[]; links: string[] }> {
    const former = await sql<{ email: string }>(
      tx,
      `SELECT DISTINCT l.email FROM email_links l
       WHERE l.account_id = $1 AND l.purpose IN ('verify', 'undo', 'tell')`,
      [accountId],
    );
    const emails: string[] = [];
    for (const one of new Set([...former.map((link) => link.email), ...(email === null ? [] : [email])])) {
      if (!(await this.isOfAnother(tx, one, accountId))) emails.push(one);
    }
    const links = await sql<{ id: string }>(
      tx,
      `DELETE FROM email_links l WHERE l.account_id IS NULL AND ${isSpelt('l.email', '$1')}
         AND (l.purpose = 'verify' OR l.ended_at IS NOT NULL)
       RETURNING l.id`,
      [emails.flatMap(spellingsOf)],
    );
    return { emails, links: links.map(({ id }) => id) };
  }

  private async isOfAnother(tx: EntityManager, email: string, accountId: string): Promise<boolean> {
    const found = await sql(tx, `SELECT 1 FROM accounts a WHERE ${isSpelt('a.email', '$1')} AND a.id <> $2 LIMIT 1`, [
      spellingsOf(email),
      accountId,
    ]);
    return found.length > 0;
  }
}
