import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { longSql, sql } from '../database/sql.js';

/** Whether account `a` has something open that its revocation ends, or may have it made. An index serves each part. */
const HAS_SOMETHING = `(
  EXISTS (SELECT FROM sessions s WHERE s.account_id = a.id AND s.revoked_at IS NULL AND s.expires_at > now())
  OR EXISTS (SELECT FROM tokens t WHERE t.account_id = a.id AND t.revoked_at IS NULL)
  OR EXISTS (SELECT FROM tokens t WHERE t.actor_id = a.id AND t.revoked_at IS NULL)
  OR EXISTS (SELECT FROM password_resets r WHERE r.account_id = a.id AND r.ended_at IS NULL AND r.expires_at > now())
  OR EXISTS (SELECT FROM email_links l WHERE l.account_id = a.id AND l.ended_at IS NULL AND l.expires_at > now()
    AND l.purpose IN ('verify', 'change'))
  OR EXISTS (SELECT FROM oauth_clients c WHERE c.account_id = a.id))`;

/** What a revocation of everything looks for. */
@Injectable()
export class EverythingStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns the ids of accounts behind this one that have something open; null: from the first on */
  async accountsAfter(last: string | null, most: number): Promise<string[]> {
    const rows = await this.manager.transaction((tx) =>
      longSql<{ id: string }>(
        tx,
        `SELECT a.id FROM accounts a WHERE ($1::uuid IS NULL OR a.id > $1) AND ${HAS_SOMETHING} ORDER BY a.id LIMIT $2`,
        [last, most],
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

  async now(): Promise<Date> {
    const [row] = await sql<{ now: Date }>(this.manager, 'SELECT clock_timestamp() AS now');
    return row?.now ?? new Date();
  }

  async hasAccount(id: string): Promise<boolean> {
    return (await sql(this.manager, 'SELECT id FROM accounts WHERE id = $1', [id])).length > 0;
  }
}
