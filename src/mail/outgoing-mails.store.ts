import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';

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

/** Raises `next_attempt_at` before the mail is sent, so that it is retried should this process die meanwhile. */
const CLAIM = `
  UPDATE outgoing_mails SET attempts = attempts + 1, next_attempt_at = now() + ${PAUSE}
  WHERE id IN (
    SELECT id FROM outgoing_mails
    WHERE done_at IS NULL AND next_attempt_at <= now() AND kind = ANY($1)
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING id, kind, subject_id AS "subjectId", recipient, attempts, next_attempt_at AS "nextAttemptAt"`;

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

  /** Claims mails that are due. No other worker gets them before their `nextAttemptAt`.
   * @param kinds the kinds that this process can render; a newer replica may have queued others
   */
  async claim(kinds: string[], limit: number): Promise<ClaimedMail[]> {
    return sql<ClaimedMail>(this.dataSource.manager, CLAIM, [kinds, limit]);
  }

  async markDone(id: string): Promise<void> {
    await sql(this.dataSource.manager, 'UPDATE outgoing_mails SET done_at = now(), last_error = NULL WHERE id = $1', [
      id,
    ]);
  }

  async markFailed(id: string, failure: string): Promise<void> {
    await sql(this.dataSource.manager, 'UPDATE outgoing_mails SET last_error = $2 WHERE id = $1 AND done_at IS NULL', [
      id,
      failure,
    ]);
  }
}
