import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import type { SessionPrincipal } from '../access/principal.js';
import type { AccountAtEpoch } from '../accounts/accounts.store.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { prepared, sql, type PreparedStatement } from '../database/sql.js';
import { keyset, where, type Cursor } from '../database/keyset.js';
import { Sweeper } from '../database/sweeper.service.js';
import type { Origin } from '../http/current-request.js';
import { Revocations } from '../revocations/revocations.service.js';
import { VerifiedCache } from '../revocations/verified-cache.js';

/** What tokens are made from. Times are seconds since 1970, by the database's clock. */
export interface OpenSession {
  id: string;
  accountId: string;
  email: string;
  issuedAt: number;
  accessExpiresAt: number;
  refreshCounter: number;
  refreshable: boolean;
}

/** A session as its account sees it. */
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

/** For how long the previous refresh token gives the same successor: answers get lost, and browsers have tabs. */
const REPLAY_WINDOW = `interval '10 seconds'`;

const TTL = `$2 * interval '1 second'`;
const MAX_AGE = `$3 * interval '1 second'`;
const REFRESH_TTL = `$4 * interval '1 second'`;

/** Columns of an {@link OpenSession} from sessions `s` and accounts `a`. A JWT ends at the latest with its session. */
const OPEN_SESSION = `
  s.id, s.account_id AS "accountId", a.email,
  floor(extract(epoch FROM now()))::float8 AS "issuedAt",
  floor(extract(epoch FROM least(now() + ${TTL}, s.created_at + ${MAX_AGE})))::float8 AS "accessExpiresAt",
  s.refresh_counter AS "refreshCounter", s.refresh_expires_at IS NOT NULL AS refreshable`;

const LIVE = 'revoked_at IS NULL AND expires_at > now()';

/** The one look-up that every check of a session is. */
export const FIND_LIVE: PreparedStatement = {
  name: 'find live session',
  text: `
    SELECT a.id AS "accountId", a.email, s.id AS "sessionId", a.credential_epoch AS "credentialEpoch",
      extract(epoch FROM s.expires_at - now())::float8 AS "expiresIn"
    FROM sessions s JOIN accounts a ON a.id = s.account_id
    WHERE s.id = $1 AND s.account_id = $2 AND s.revoked_at IS NULL AND s.expires_at > now()
      AND a.disabled_at IS NULL`,
};

/** How many sessions a sign-in ends at most, such as when fewer are allowed than before. */
const MOST_ENDED = 10;

/** How many live sessions a process remembers. */
const REMEMBERED = 50_000;

/** The session table. Every change of state is one conditional statement. */
@Injectable()
export class SessionStore implements OnModuleInit {
  private readonly live: VerifiedCache<SessionPrincipal>;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly dataSource: DataSource,
    private readonly manager: EntityManager,
    private readonly revocations: Revocations,
    private readonly sweeper: Sweeper,
    private readonly audit: AuditLog,
  ) {
    this.live = new VerifiedCache(revocations, REMEMBERED);
  }

  onModuleInit(): void {
    // Kept for a week, so that an operator can still see what an incident was about.
    this.sweeper.add({ table: 'sessions', where: `least(expires_at, revoked_at) < now() - interval '7 days'` });
  }

  /**
   * Opens a session, unless the account has been disabled or its epoch has moved on since its credential was checked.
   * The share lock makes this wait for a password change that is under way, and then see it.
   */
  async open(
    tx: EntityManager,
    account: AccountAtEpoch,
    remember: boolean,
    { address, userAgent }: Origin,
  ): Promise<OpenSession | undefined> {
    const [row] = await sql<OpenSession>(
      tx,
      `WITH a AS (
         SELECT id, email FROM accounts
         WHERE id = $1 AND credential_epoch = $5 AND disabled_at IS NULL FOR SHARE
       ), s AS (
         INSERT INTO sessions (account_id, expires_at, refresh_expires_at, address, user_agent)
         SELECT id, now() + least(greatest(${TTL}, CASE WHEN $6 THEN ${REFRESH_TTL} END), ${MAX_AGE}),
           CASE WHEN $6 THEN now() + least(${REFRESH_TTL}, ${MAX_AGE}) END, $7, $8
         FROM a RETURNING *
       )
       SELECT ${OPEN_SESSION} FROM s JOIN a ON a.id = s.account_id`,
      [account.id, ...this.durations(), this.config.refreshTtl, account.credentialEpoch, remember, address, userAgent],
    );
    return row;
  }

  /**
   * Moves a session from this refresh token to the next one.
   *
   * @param remember false: there is no next one
   * @returns undefined when the counter is not the current one, or the session has ended or cannot be refreshed
   */
  async rotate(
    id: string,
    counter: number,
    remember: boolean,
    { address, userAgent }: Origin,
  ): Promise<OpenSession | undefined> {
    const [row] = await sql<OpenSession>(
      this.manager,
      `UPDATE sessions s SET
         refresh_counter = s.refresh_counter + 1,
         refreshed_at = now(),
         last_used_at = now(),
         address = $7,
         user_agent = $8,
         refresh_expires_at = CASE WHEN $6 THEN least(now() + ${REFRESH_TTL}, s.created_at + ${MAX_AGE}) END,
         expires_at = least(now() + greatest(${TTL}, CASE WHEN $6 THEN ${REFRESH_TTL} END), s.created_at + ${MAX_AGE})
       FROM accounts a
       WHERE s.id = $1 AND s.refresh_counter = $5 AND s.revoked_at IS NULL
         AND s.refresh_expires_at > now() AND s.expires_at > now()
         AND a.id = s.account_id AND a.disabled_at IS NULL
       RETURNING ${OPEN_SESSION}`,
      [id, ...this.durations(), this.config.refreshTtl, counter, remember, address, userAgent],
    );
    return row;
  }

  /** @returns the session as the rotation away from this counter left it, if that was only just now */
  async findJustRotated(id: string, counter: number): Promise<OpenSession | undefined> {
    const [row] = await sql<OpenSession>(
      this.manager,
      `SELECT ${OPEN_SESSION} FROM sessions s JOIN accounts a ON a.id = s.account_id
       WHERE s.id = $1 AND s.refresh_counter = $4 + 1 AND s.refreshed_at > now() - ${REPLAY_WINDOW}
         AND s.revoked_at IS NULL AND s.expires_at > now() AND a.disabled_at IS NULL`,
      [id, ...this.durations(), counter],
    );
    return row;
  }

  /** Ends a session of which a refresh token was used again too late: one of its two users is a thief. */
  async endReused(id: string, counter: number): Promise<boolean> {
    return this.revocations.during(
      (ended) => (ended ? `session ${id}` : undefined),
      async (tx) => {
        const [ended] = await sql<{ account_id: string }>(
          tx,
          `UPDATE sessions SET revoked_at = now() WHERE id = $1 AND refresh_counter > $2 AND revoked_at IS NULL
           RETURNING account_id`,
          [id, counter],
        );
        if (!ended) return false;
        const details = { session: id };
        await this.audit.record(tx, { kind: 'session.reused', subject: ended.account_id, outcome: 'refused', details });
        return true;
      },
    );
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

  /**
   * Ends the sessions of an account, and announces that, which were used the longest time ago, if there are too many
   * (MAX_SESSIONS_PER_ACCOUNT). Of sign-ins at once, none sees the others' sessions: the next one ends those too.
   *
   * @returns their ids
   */
  async endExcess(tx: EntityManager, accountId: string): Promise<string[]> {
    const rows = await sql<{ id: string }>(
      tx,
      `UPDATE sessions SET revoked_at = now() WHERE id IN (
         SELECT id FROM sessions WHERE id IN (
           SELECT id FROM sessions WHERE account_id = $1 AND ${LIVE}
           ORDER BY coalesce(last_used_at, created_at) DESC, id OFFSET $2 LIMIT ${MOST_ENDED})
         FOR UPDATE SKIP LOCKED)
       RETURNING id`,
      [accountId, this.config.maxSessionsPerAccount],
    );
    for (const { id } of rows) await this.revocations.announce(tx, `session ${id}`);
    return rows.map(({ id }) => id);
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
   * Notes when sessions were used. Rows that somebody else is changing are left out: they are used again soon enough.
   *
   * @param uses how many seconds ago each was used
   */
  async writeLastUsed(uses: Map<string, number>): Promise<void> {
    await sql(
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
  }

  /** @returns who a live session belongs to */
  findLive(id: string, accountId: string): Promise<SessionPrincipal | undefined> {
    return this.live.get(`${id} ${accountId}`, async () => {
      const [row] = await prepared<SessionPrincipal & { expiresIn: number }>(this.dataSource, FIND_LIVE, [
        id,
        accountId,
      ]);
      if (!row) return undefined;
      const { expiresIn, ...value } = row;
      return { value, tags: [`session ${id}`, `account ${accountId}`], expiresIn };
    });
  }

  /** `$2` and `$3` of every statement that gives an {@link OpenSession}. */
  private durations(): [ttl: number, maxAge: number] {
    return [this.config.sessionTtl, this.config.sessionMaxAge];
  }
}
