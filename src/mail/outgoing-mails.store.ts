import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { longSql, sql } from '../database/sql.js';
import { isSpelt, spellingsOf } from '../emails/email-address.js';
import type { Turn } from './domain-shares.js';

/** A mail to be queued. */
export interface NewMail {
  kind: string;
  /** A uuid that is passed to the renderer. */
  subjectId: string;
  /** One bare address, such as `jane@example.org`. */
  recipient: string;
}

/** A mail that only this worker may send until `nextAttemptAt`. */
export interface ClaimedMail extends NewMail {
  id: string;
  /** What stands behind the `@` of the recipient, in lower case. */
  domain: string;
  /** This attempt included. */
  attempts: number;
  nextAttemptAt: Date;
}

/** How often the delay doubles at most. */
const DOUBLINGS = 7;

/**
 * The delay before the next attempt: 30 s, 60 s, … at most an hour, minus up to a tenth as jitter. It is also the lease
 * of the worker: the shortest, 27 s, is longer than `SEND_LIMIT`.
 */
const PAUSE = `make_interval(secs => least(3600, 30 * 2 ^ least(attempts, ${DOUBLINGS})) * (1 - random() / 10))`;

/** What places are shared by. Cheap, as it is asked of every mail that is due and may not go yet. */
const DOMAIN = `lower(split_part(recipient, '@', 2))`;

/** The last two labels; see `groupOf`. */
const GROUP = `substring(${DOMAIN} FROM '[^.]*(?:[.][^.]*)?$')`;

/** How many due mails are looked at for the domains that they go to. */
const IN_VIEW = 500;

/**
 * At most one mail for each group of domains, the one that has been due longest; whoever wants more asks again.
 *
 * Raising `next_attempt_at` before the mail is sent is what has a mail sent again, should this process die meanwhile. That a mail is due is asked
 * again where it is locked, as another worker may have taken it up since.
 */
const CLAIM = `
  WITH due AS (
    SELECT id, next_attempt_at, ${GROUP} AS domains FROM outgoing_mails
    WHERE done_at IS NULL AND next_attempt_at <= now() AND kind = ANY($1) AND ${DOMAIN} <> ALL($3)
      AND (${DOMAIN} = ANY($4) OR (NOT $6 AND ${GROUP} <> ALL($5)))
    ORDER BY next_attempt_at LIMIT ${IN_VIEW}
  ), first AS (
    SELECT DISTINCT ON (domains) id FROM due ORDER BY domains, next_attempt_at, id
  ), claimed AS (
    SELECT m.id FROM outgoing_mails m JOIN first ON first.id = m.id
    WHERE m.done_at IS NULL AND m.next_attempt_at <= now()
    ORDER BY m.next_attempt_at LIMIT $2 FOR UPDATE OF m SKIP LOCKED
  )
  UPDATE outgoing_mails SET attempts = attempts + 1, next_attempt_at = now() + ${PAUSE}
  WHERE id IN (SELECT id FROM claimed)
  RETURNING id, kind, subject_id AS "subjectId", recipient, ${DOMAIN} AS domain, attempts,
    next_attempt_at AS "nextAttemptAt"`;

/** What the mails of the account `$1` are about. */
const SUBJECTS = ['email_links', 'password_resets', 'password_changes']
  .map((table) => `SELECT id FROM ${table} WHERE account_id = $1`)
  .join(' UNION ALL ');

/** The table of outgoing mails. */
@Injectable()
export class OutgoingMailStore {
  constructor(private readonly dataSource: DataSource) {}

  /** @param discard whether the mail is done already; see `MailQueue.add` */
  async insert(tx: EntityManager, mail: NewMail, discard: boolean): Promise<void> {
    await sql(
      tx,
      `INSERT INTO outgoing_mails (kind, subject_id, recipient, done_at)
       VALUES ($1, $2, $3, CASE WHEN $4 THEN now() END)`,
      [mail.kind, mail.subjectId, mail.recipient, discard],
    );
  }

  /**
   * Takes up mails that are due. No other worker gets them before their `nextAttemptAt`.
   *
   * @param kinds only these: a newer replica may have queued what this one cannot render
   */
  async claim(kinds: string[], turn: Turn): Promise<ClaimedMail[]> {
    const { limit, exceptDomains, quickDomains, exceptGroups, onlyQuick } = turn;
    const parameters = [kinds, limit, exceptDomains, quickDomains, exceptGroups, onlyQuick];
    return sql<ClaimedMail>(this.dataSource.manager, CLAIM, parameters);
  }

  async markDone(id: string): Promise<void> {
    await sql(this.dataSource.manager, 'UPDATE outgoing_mails SET done_at = now(), last_error = NULL WHERE id = $1', [
      id,
    ]);
  }

  /**
   * Ends a mail that was refused for good.
   *
   * @param alsoNote runs in the same transaction
   * @returns whether it was not done yet
   */
  async markRefused(id: string, failure: string, alsoNote: (tx: EntityManager) => Promise<void>): Promise<boolean> {
    return this.dataSource.transaction(async (tx) => {
      const ended = await sql(
        tx,
        'UPDATE outgoing_mails SET done_at = now(), last_error = $2 WHERE id = $1 AND done_at IS NULL RETURNING id',
        [id, failure],
      );
      if (ended.length > 0) await alsoNote(tx);
      return ended.length > 0;
    });
  }

  /**
   * Deletes the mails of an account, sent or not, before it is deleted itself. What was sent to its emails goes too; what waits there
   * for somebody else stays.
   *
   * @param emails that it has and had
   * @param others what else of its mails are about
   */
  async forget(tx: EntityManager, accountId: string, emails: string[], others: string[]): Promise<void> {
    await longSql(
      tx,
      `DELETE FROM outgoing_mails WHERE id IN (
         SELECT id FROM outgoing_mails WHERE subject_id = ANY (ARRAY(${SUBJECTS} UNION ALL SELECT unnest($3::uuid[])))
         UNION ALL SELECT id FROM outgoing_mails WHERE done_at IS NOT NULL AND ${isSpelt('recipient', '$2')})`,
      [accountId, emails.flatMap(spellingsOf), others],
    );
  }

  async markFailed(id: string, failure: string): Promise<void> {
    await sql(this.dataSource.manager, 'UPDATE outgoing_mails SET last_error = $2 WHERE id = $1 AND done_at IS NULL', [
      id,
      failure,
    ]);
  }
}
