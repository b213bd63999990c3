import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { SessionPrincipal } from '../access/principal.js';
import { insertFrom, type EventRow } from '../audit-log/audit-events.store.js';
import type { AccountAtEpoch } from '../accounts/accounts.store.js';
import { CONFIG, type Config } from '../config/config.js';
import { keyset, where, type Cursor } from '../database/keyset.js';
import { LookUps, wanted } from '../database/look-ups.js';
import { sql } from '../database/sql.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import { Sweeper } from '../database/sweeper.service.js';
import type { Origin } from '../http/current-request.js';
import { announceEach, Revocations } from '../revocations/revocations.service.js';
import { MAX_AGE, OPEN_SESSION, REFRESH_TTL, TTL, type OpenSession } from './open-session.js';

/** A session as its account and admins see it. */
export interface SessionRecord {
  id: string;
  createdAt: Date;
  lastUsedAt: Date | null;
  expiresAt: Date;
  address: string | null;
  userAgent: string | null;
}

const RECORD = `
  id, created_at AS "createdAt", last_used_at AS "lastUsedAt", expires_at AS "expiresAt", address,
  user_agent AS "userAgent"`;

const NEWEST_FIRST = keyset('created_at', 'id', 'DESC');

const LIVE = 'revoked_at IS NULL AND expires_at > now()';

/** The look-up of every check of a session. */
export const FIND_LIVE: PreparedStatement = {
  name: 'find live session',
  text: `
    SELECT a.id AS "accountId", a.email, a.legacy_id AS "legacyId", s.id AS "sessionId", a.credential_epoch AS "credentialEpoch",
      extract(epoch FROM s.expires_at - now())::float8 AS "expiresIn", w.place::int AS place
    FROM ${wanted({ session: 'uuid', account: 'uuid' })} CROSS JOIN LATERAL (
      SELECT * FROM sessions s WHERE s.id = w.session AND s.account_id = w.account AND s.revoked_at IS NULL AND s.expires_at > now()
      OFFSET 0
    ) s CROSS JOIN LATERAL (SELECT * FROM accounts a WHERE a.id = s.account_id AND a.disabled_at IS NULL OFFSET 0) a`,
};

interface LiveSession extends SessionPrincipal {
  expiresIn: number;
}

/** How many sessions a sign-in ends at most, such as when fewer are allowed than before. */
const MOST_ENDED = 10;

/**
 * Opens a session of the account `$1` at the epoch `$5`. The share lock makes this wait for a password change under way, and then
 * see it. Ends the sessions, and announces that, which were used the longest time ago, if there are too many: of sign-ins at once,
 * none sees the others' sessions, and the next one ends those too. `$11` and `$12`: the events, but for the session; null: none.
 */
const OPEN = `
  WITH a AS (
    SELECT id, email FROM accounts
    WHERE id = $1 AND credential_epoch = $5 AND disabled_at IS NULL FOR SHARE
  ), s AS (
    INSERT INTO sessions (account_id, expires_at, refresh_expires_at, address, user_agent, password_checked_at)
    SELECT id, now() + least(greatest(${TTL}, CASE WHEN $6 THEN ${REFRESH_TTL} END), ${MAX_AGE}),
      CASE WHEN $6 THEN now() + least(${REFRESH_TTL}, ${MAX_AGE}) END, $7, $8,
      CASE WHEN $9::uuid IS NULL THEN now() ELSE (SELECT password_checked_at FROM sessions WHERE id = $9) END
    FROM a RETURNING *
  ), ended AS (
    UPDATE sessions SET revoked_at = now() WHERE id IN (
      SELECT id FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE account_id = (SELECT account_id FROM s) AND ${LIVE}
        ORDER BY coalesce(last_used_at, created_at) DESC, id OFFSET $10 LIMIT ${MOST_ENDED})
      AND ${LIVE} FOR UPDATE SKIP LOCKED)
    RETURNING id, ${announceEach(`'session ' || id`)}
  ), noted AS (
    ${insertFrom('jsonb_to_record($11::jsonb)', {
      details: `r.details || jsonb_build_object('session', s.id)`,
      among: 'CROSS JOIN s WHERE $11::jsonb IS NOT NULL',
    })}
  ), noted_ends AS (
    ${insertFrom('jsonb_to_record($12::jsonb)', {
      details: `r.details || jsonb_build_object('session', e.id)`,
      among: 'CROSS JOIN ended e',
    })}
  )
  SELECT ${OPEN_SESSION}, ARRAY(SELECT id FROM ended) AS ended FROM s JOIN a ON a.id = s.account_id`;

/** Events that are inserted when a session is opened, but for its id. */
export interface OpeningNotes {
  /** That of the session; null: none. */
  opened: EventRow | null;
  /** That of each session that was one too many. */
  ended: EventRow;
}

/** The session table. Every change of state is one conditional statement. */
@Injectable()
export class SessionStore implements OnModuleInit {
  private readonly live: LookUps<[id: string, accountId: string], LiveSession>;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly revocations: Revocations,
    private readonly sweeper: Sweeper,
    statements: Statements,
  ) {
    this.live = new LookUps(statements, FIND_LIVE, (asked) => [
      asked.map(([id]) => id),
      asked.map(([, account]) => account),
    ]);
  }

  onModuleInit(): void {
    // Kept for a week, for the analysis of incidents.
    this.sweeper.add({ table: 'sessions', time: 'least(expires_at, revoked_at)', before: `now() - interval '7 days'` });
  }

  /**
   * Opens a session, unless the account has been disabled or its epoch has been raised since its credential was checked, and
   * ends those that are too many.
   *
   * @param tx of {@link Revocations}, unless the account is new
   * @param notes the events to insert with it
   * @param continued the session whose check of the password counts for this one; absent: it was checked, or set, just now
   * @returns the session, and how many others were ended
   */
  async open(
    tx: EntityManager,
    account: AccountAtEpoch,
    remember: boolean,
    { address, userAgent }: Origin,
    notes: OpeningNotes,
    continued?: string,
  ): Promise<{ session: OpenSession; ended: number } | undefined> {
    const { sessionTtl, sessionMaxAge, refreshTtl, maxSessionsPerAccount } = this.config;
    const [row] = await sql<OpenSession & { ended: string[] }>(tx, OPEN, [
      account.id,
      sessionTtl,
      sessionMaxAge,
      refreshTtl,
      account.credentialEpoch,
      remember,
      address,
      userAgent,
      continued ?? null,
      // The new one is not seen yet.
      maxSessionsPerAccount - 1,
      notes.opened,
      notes.ended,
    ]);
    if (!row) return undefined;
    const { ended, ...session } = row;
    this.revocations.hasAnnounced(
      tx,
      ended.map((id) => `session ${id}` as const),
    );
    return { session, ended: ended.length };
  }

  /** @returns whether the account has signed in anywhere else: by another live session, or by a user token of its own */
  async hasOthers(accountId: string, id: string): Promise<boolean> {
    const rows = await sql(
      this.manager,
      `SELECT FROM sessions WHERE account_id = $1 AND id <> $2 AND ${LIVE}
       UNION ALL SELECT FROM tokens
       WHERE account_id = $1 AND kind = 'user' AND actor_id IS NULL AND ${LIVE} LIMIT 1`,
      [accountId, id],
    );
    return rows.length > 0;
  }

  /** @returns whether a live session of the account was ended; its end is announced */
  async end(tx: EntityManager, accountId: string, id: string): Promise<boolean> {
    const rows = await sql(
      tx,
      `UPDATE sessions SET revoked_at = now() WHERE id = $2 AND account_id = $1 AND ${LIVE} RETURNING id`,
      [accountId, id],
    );
    return rows.length === 1;
  }

  /** @returns at most `limit` live sessions of an account, newest first, from behind the cursor */
  list(accountId: string, limit: number, after: Cursor | undefined): Promise<(SessionRecord & Cursor)[]> {
    const values: unknown[] = [accountId];
    const conditions = ['account_id = $1', LIVE, ...NEWEST_FIRST.behind(after, values)];
    return sql<SessionRecord & Cursor>(
      this.manager,
      `SELECT ${RECORD}, ${NEWEST_FIRST.micros} FROM sessions
       ${where(conditions)} ${NEWEST_FIRST.orderBy} LIMIT ${limit}`,
      values,
    );
  }

  async find(accountId: string, id: string): Promise<SessionRecord | undefined> {
    const [row] = await sql<SessionRecord>(
      this.manager,
      `SELECT ${RECORD} FROM sessions WHERE id = $2 AND account_id = $1 AND ${LIVE}`,
      [accountId, id],
    );
    return row;
  }

  /**
   * Stores when sessions were last used, but for those whose rows are locked: nobody waits for that.
   *
   * @param uses how many seconds ago each was used
   * @returns the ids of those that were stored
   */
  async writeLastUsed(uses: Map<string, number>): Promise<string[]> {
    const rows = await sql<{ id: string }>(
      this.manager,
      `WITH used AS (
         SELECT s.id, now() - u.ago * interval '1 second' AS at
         FROM unnest($1::uuid[], $2::float8[]) AS u (id, ago) JOIN sessions s ON s.id = u.id
         ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED
       )
       UPDATE sessions SET last_used_at = greatest(last_used_at, used.at) FROM used WHERE sessions.id = used.id
       RETURNING sessions.id`,
      [[...uses.keys()], [...uses.values()]],
    );
    return rows.map(({ id }) => id);
  }

  /** Looks together for what is asked for at the same moment. @returns the principal of a live session, and in how many seconds it ends */
  async findLive(
    id: string,
    accountId: string,
  ): Promise<{ principal: SessionPrincipal; expiresIn: number } | undefined> {
    const row = await this.live.find([id, accountId]);
    if (!row) return undefined;
    const { accountId: owner, email, legacyId, sessionId, credentialEpoch, expiresIn } = row;
    return { principal: { accountId: owner, email, legacyId, sessionId, credentialEpoch }, expiresIn };
  }
}
