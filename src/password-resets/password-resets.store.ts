import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { sql } from '../database/sql.js';
import { Sweeper } from '../database/sweeper.service.js';
import type { Asked } from '../mail/link-mail.js';
import { isSpelt, nearestFirst, spellingsOf } from '../emails/email-address.js';

const LIVE = 'r.ended_at IS NULL AND r.expires_at > now()';

/** How many resets a new one ends at most, such as when fewer are allowed than before. */
const MOST_ENDED = 10;

/** A reset that can be redeemed, and the account that it is for. */
export interface LiveReset extends Asked {
  accountId: string;
  email: string;
  name: string | null;
  locale: string | null;
  /** The identification on whose page it was asked for. */
  returnTo: string | null;
  /** The name of whoever has invited; null: nobody, or not known. */
  invitedBy: string | null;
}

/** The table of password resets. */
@Injectable()
export class PasswordResetStore implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly sweeper: Sweeper,
  ) {}

  onModuleInit(): void {
    this.sweeper.add({ table: 'password_resets', time: 'expires_at', before: `now() - interval '7 days'` });
  }

  /**
   * Opens a reset for whoever has this email, or for nobody: the same statement either way. Ends the account's oldest, if
   * there are too many (MAX_RESETS_PER_ACCOUNT).
   *
   * @param from the address of whoever asks for it, and the identification on whose page
   */
  async open(
    tx: EntityManager,
    email: string,
    from: { address: string | null; returnTo: string | undefined },
  ): Promise<{ id: string; accountId: string | null; email: string | null }> {
    const [row] = await sql<{ id: string; accountId: string | null; email: string | null }>(
      tx,
      `WITH a AS (
         SELECT id, email FROM accounts
         WHERE id = (SELECT id FROM accounts a WHERE ${isSpelt('email', '$4')} ORDER BY ${nearestFirst('a', '$1')} LIMIT 1)
           AND disabled_at IS NULL FOR SHARE
       ), ended AS (
         UPDATE password_resets SET ended_at = now() WHERE id IN (
           SELECT r.id FROM password_resets r WHERE r.account_id = (SELECT id FROM a) AND ${LIVE}
           ORDER BY r.created_at DESC, r.id OFFSET $3 LIMIT ${MOST_ENDED})
       )
       INSERT INTO password_resets (account_id, expires_at, identification_id, asked_from)
       VALUES ((SELECT id FROM a), now() + $2 * interval '1 second', $5, $6)
       RETURNING id, account_id AS "accountId", (SELECT email FROM a) AS email`,
      [
        ...[email, this.config.resetTtl, this.config.maxResetsPerAccount - 1, spellingsOf(email)],
        ...[from.returnTo ?? null, from.address],
      ],
    );
    if (!row) throw new Error('The new reset was not returned.');
    return row;
  }

  /**
   * Opens a reset as an invitation.
   *
   * @param by the account that invites; null: whoever did so before
   * @param lifetime in seconds
   */
  async invite(tx: EntityManager, accountId: string, by: string | null, lifetime: number): Promise<string> {
    const [row] = await sql<{ id: string }>(
      tx,
      `INSERT INTO password_resets (account_id, expires_at, invited_by)
       VALUES ($1, now() + $2 * interval '1 second', coalesce($3, (
         SELECT r.invited_by FROM password_resets r WHERE r.account_id = $1 AND r.invited_by IS NOT NULL
         ORDER BY r.created_at DESC LIMIT 1)))
       RETURNING id`,
      [accountId, lifetime, by],
    );
    if (!row) throw new Error('The new reset was not returned.');
    return row.id;
  }

  /**
   * Opens a reset for an account, whoever its link is given to.
   *
   * @returns undefined when there is no such account that is enabled and has an email
   */
  async openFor(tx: EntityManager, accountId: string): Promise<{ id: string; expiresAt: Date } | undefined> {
    const [row] = await sql<{ id: string; expiresAt: Date }>(
      tx,
      `WITH a AS (SELECT id FROM accounts WHERE id = $1 AND disabled_at IS NULL AND email IS NOT NULL FOR SHARE)
       INSERT INTO password_resets (account_id, expires_at)
       SELECT id, now() + $2 * interval '1 second' FROM a RETURNING id, expires_at AS "expiresAt"`,
      [accountId, this.config.resetTtl],
    );
    return row;
  }

  /** @returns the account that a live reset is for */
  async findLive(id: string): Promise<LiveReset | undefined> {
    const [row] = await sql<LiveReset>(
      this.manager,
      `SELECT a.id AS "accountId", a.email, a.name, a.locale, r.identification_id AS "returnTo",
         r.created_at AS "askedAt", r.asked_from AS "askedFrom", i.name AS "invitedBy",
         extract(epoch FROM r.expires_at - now())::float8 AS lifetime
       FROM password_resets r JOIN accounts a ON a.id = r.account_id LEFT JOIN accounts i ON i.id = r.invited_by
       WHERE r.id = $1 AND ${LIVE} AND a.disabled_at IS NULL AND a.email IS NOT NULL`,
      [id],
    );
    return row;
  }

  /**
   * Marks a reset as used: of several calls at once, one succeeds. Locks the account first, as every change of a
   * credential does, to avoid deadlocks.
   *
   * @returns the id of the account; undefined when the reset has been used, ended or has expired
   */
  async spend(tx: EntityManager, id: string): Promise<string | undefined> {
    await sql(
      tx,
      `SELECT a.id FROM accounts a JOIN password_resets r ON r.account_id = a.id
       WHERE r.id = $1 FOR NO KEY UPDATE OF a`,
      [id],
    );
    const [row] = await sql<{ account_id: string }>(
      tx,
      `UPDATE password_resets r SET ended_at = now() WHERE r.id = $1 AND r.account_id IS NOT NULL AND ${LIVE}
       RETURNING r.account_id`,
      [id],
    );
    return row?.account_id;
  }
}
