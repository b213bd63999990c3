import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { longSql, sql } from '../database/sql.js';

/**
 * Whether account `a` has something open that its revocation ends. An index serves each part.
 *
 * @param made a condition for `one`, which is what it has
 * @param ofClients whether one of its clients has something, or may have it made
 */
const hasSomething = (made: string, ofClients: string) => `(
  EXISTS (SELECT FROM sessions one WHERE one.account_id = a.id AND one.revoked_at IS NULL AND one.expires_at > now() AND ${made})
  OR EXISTS (SELECT FROM tokens one WHERE one.account_id = a.id AND one.revoked_at IS NULL AND ${made})
  OR EXISTS (SELECT FROM tokens one WHERE one.actor_id = a.id AND one.revoked_at IS NULL AND ${made})
  OR EXISTS (SELECT FROM password_resets one WHERE one.account_id = a.id AND one.ended_at IS NULL AND one.expires_at > now()
    AND ${made})
  OR EXISTS (SELECT FROM email_links one WHERE one.account_id = a.id AND one.ended_at IS NULL AND one.expires_at > now()
    AND one.purpose IN ('verify', 'change') AND ${made})
  OR ${ofClients})`;

const HAS_SOMETHING = hasSomething('true', 'EXISTS (SELECT FROM oauth_clients c WHERE c.account_id = a.id)');
const MADE = 'one.created_at <= $3';
const HAS_SOMETHING_MADE = hasSomething(
  MADE,
  `EXISTS (SELECT FROM oauth_clients c JOIN tokens one ON one.client_id = c.id
    WHERE c.account_id = a.id AND one.revoked_at IS NULL AND one.expires_at > now() AND ${MADE})`,
);

/** What a revocation of everything looks for. */
@Injectable()
export class EverythingStore {
  constructor(private readonly manager: EntityManager) {}

  /**
   * @param last null: from the first on
   * @param until whether what was made by then is open; undefined: anything
   * @returns the ids of accounts behind this one that have something open
   */
  async accountsAfter(last: string | null, most: number, until?: Date): Promise<string[]> {
    const rows = await this.manager.transaction((tx) =>
      longSql<{ id: string }>(
        tx,
        `SELECT a.id FROM accounts a WHERE ($1::uuid IS NULL OR a.id > $1)
           AND ${until ? HAS_SOMETHING_MADE : HAS_SOMETHING} ORDER BY a.id LIMIT $2`,
        [last, most, ...(until ? [until] : [])],
      ),
    );
    return rows.map(({ id }) => id);
  }

  async countAccounts(): Promise<number> {
    const [row] = await sql<{ count: number }>(
      this.manager,
      `SELECT greatest(reltuples, 0)::float8 AS count FROM pg_class WHERE oid = 'accounts'::regclass`,
    );
    return row?.count ?? 0;
  }

  /** @returns a place in the order of all transactions, behind all that have begun to write */
  async moment(): Promise<string> {
    const [row] = await sql<{ id: string }>(this.manager, 'SELECT pg_current_xact_id()::text AS id');
    return row?.id ?? '0';
  }

  /** @returns whether every transaction has ended that had begun to write before */
  async hasSettled(moment: string): Promise<boolean> {
    const [row] = await sql<{ settled: boolean }>(
      this.manager,
      'SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8 AS settled',
      [moment],
    );
    return row?.settled ?? false;
  }

  /** @returns clients for which no account answers */
  async ownerlessClients(): Promise<string[]> {
    const rows = await sql<{ id: string }>(this.manager, 'SELECT id FROM oauth_clients WHERE account_id IS NULL');
    return rows.map(({ id }) => id);
  }

  /** Revokes the access tokens of a client that were made by then. @returns how many there were */
  async endClientTokens(tx: EntityManager, client: string, until: Date): Promise<number> {
    const rows = await longSql(
      tx,
      `WITH live AS (SELECT id FROM tokens WHERE client_id = $1 AND expires_at > now() AND revoked_at IS NULL
         AND created_at <= $2 ORDER BY id FOR UPDATE)
       UPDATE tokens SET revoked_at = now() FROM live WHERE tokens.id = live.id RETURNING tokens.id`,
      [client, until],
    );
    return rows.length;
  }

  /** Revokes some API tokens that were made before. @returns whose they were */
  async revokeApiTokens(tx: EntityManager, before: Date, most: number): Promise<string[]> {
    const rows = await longSql<{ account: string }>(
      tx,
      `WITH found AS (SELECT id FROM tokens WHERE kind = 'api' AND revoked_at IS NULL AND created_at <= $1
         ORDER BY created_at DESC, id DESC LIMIT $2),
       live AS (SELECT t.id FROM tokens t JOIN found ON found.id = t.id WHERE t.revoked_at IS NULL ORDER BY t.id FOR UPDATE OF t)
       UPDATE tokens SET revoked_at = now() FROM live WHERE tokens.id = live.id
       RETURNING tokens.gateway_account_id AS account`,
      [before, most],
    );
    return rows.map(({ account }) => account);
  }

  /** Ends a session. @returns whether there was one that had not ended */
  async endSession(tx: EntityManager, id: string): Promise<boolean> {
    const rows = await sql(
      tx,
      'UPDATE sessions SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING id',
      [id],
    );
    return rows.length > 0;
  }

  /** Revokes a token and what was got through it. @returns whether there was one that had not ended */
  async endToken(tx: EntityManager, id: string, cascade: boolean): Promise<boolean> {
    const rows = await longSql(
      tx,
      `WITH live AS (SELECT id FROM tokens WHERE (id = $1 OR ($2 AND app_token_id = $1 AND kind = 'user'))
         AND revoked_at IS NULL ORDER BY id FOR UPDATE)
       UPDATE tokens SET revoked_at = now() FROM live WHERE tokens.id = live.id RETURNING tokens.id`,
      [id, cascade],
    );
    return rows.length > 0;
  }

  /** Has a token expire by then, and never later than it does. @returns whether it would have lived for longer */
  async shorten(tx: EntityManager, id: string, expiresAt: Date): Promise<boolean> {
    // The log's times are cut to milliseconds.
    const rows = await sql(
      tx,
      `UPDATE tokens SET expires_at = $2 WHERE id = $1 AND revoked_at IS NULL
         AND (expires_at IS NULL OR expires_at >= $2::timestamptz + interval '1 millisecond') RETURNING id`,
      [id, expiresAt],
    );
    return rows.length > 0;
  }

  /** @returns those of these events that are in the audit log of this database */
  async eventsHere(ids: string[]): Promise<Set<string>> {
    const rows = await sql<{ id: string }>(this.manager, 'SELECT id FROM audit_events WHERE id = ANY ($1::uuid[])', [
      ids,
    ]);
    return new Set(rows.map(({ id }) => id));
  }

  async now(): Promise<Date> {
    const [row] = await sql<{ now: Date }>(this.manager, 'SELECT clock_timestamp() AS now');
    return row?.now ?? new Date();
  }

  async hasAccount(id: string): Promise<boolean> {
    return (await sql(this.manager, 'SELECT id FROM accounts WHERE id = $1', [id])).length > 0;
  }
}
