import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { APP_TOKEN_LOCKS } from '../database/locks.js';
import { longSql, sql } from '../database/sql.js';
import { IS_LIVE, named, type Owner, type TokenName } from './token-records.js';

/** Those that have expired are of no use, and many: they stay for TOKEN_RETENTION. */
const THROUGH = `app_token_id = $1 AND kind = 'user' AND ${IS_LIVE}`;

/**
 * The SQL expression for whether an App-Token is good, for a statement that gets a token through it: it shares the lock until its
 * transaction ends, and sees also what was committed while it waited.
 */
export const holdApp = (id: string) => `hold_app_token(${APP_TOKEN_LOCKS}, ${id})`;

/**
 * The user tokens that were got through an App-Token. Whoever gets one shares an advisory lock until it is committed, and whoever
 * ends them all has it alone: so none is left over. Taken after the accounts, and before the tokens.
 */
@Injectable()
export class GotThroughStore {
  /** Locks an App-Token, if there is one, and what was got through it, by their ids. */
  async lock(tx: EntityManager, name: TokenName, owner: Owner): Promise<void> {
    const [app] = await sql<{ id: string }>(
      tx,
      `SELECT id FROM tokens WHERE ${named(name)} AND ($3::uuid IS NULL OR account_id = $3)`,
      [name.value, name.kind, owner],
    );
    if (!app) return;
    await sql(tx, 'SELECT pg_advisory_xact_lock($1, hashtext($2))', [APP_TOKEN_LOCKS, app.id]);
    await longSql(
      tx,
      `WITH meant AS (SELECT $1::uuid AS id UNION SELECT id FROM tokens WHERE ${THROUGH}),
         held AS (SELECT t.id FROM tokens t WHERE t.id IN (SELECT id FROM meant) ORDER BY t.id FOR UPDATE)
       SELECT count(*) FROM held`,
      [app.id],
    );
  }

  /** Revokes what was got through an App-Token. @returns how many there were */
  async end(tx: EntityManager, appTokenId: string): Promise<number> {
    const [ended] = await longSql<{ count: number }>(
      tx,
      `WITH ended AS (UPDATE tokens SET revoked_at = now() WHERE ${THROUGH} RETURNING id)
       SELECT count(*)::int AS count FROM ended`,
      [appTokenId],
    );
    return ended?.count ?? 0;
  }
}
