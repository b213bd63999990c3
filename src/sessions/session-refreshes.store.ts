import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { Batch } from '../database/batch.js';
import { inPlaces, type Placed } from '../database/look-ups.js';
import { sql } from '../database/sql.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import type { Origin } from '../http/current-request.js';
import { networkOf } from '../http/client-address.js';
import { MAX_AGE, OPEN_SESSION, REFRESH_TTL, TTL, type OpenSession } from './open-session.js';

/** A refresh token that somebody shows. */
export interface Showing {
  /** The session's. */
  id: string;
  /** The token's. */
  counter: number;
  /** False: there is to be no next refresh token. */
  remember: boolean;
  /** From where. */
  origin: Origin;
}

/** Why a refresh token was refused, and of which session it is, if it is genuine. */
export interface Refusal {
  reason: string;
  session?: string;
  accountId?: string;
}

export interface LateShowing extends OpenSession {
  /** From where the showing before it came. */
  earlierAddress: string | null;
  /** How many of this parent there were, with this one. */
  lateShowings: number;
  /** It was one too many. */
  isEnded: boolean;
}

/** For how long the parent gives the same successor: answers get lost, and browsers have tabs. */
const REPLAY_WINDOW = `interval '10 seconds'`;
/** How many late showings of one parent are taken for lost answers. */
const MOST_LATE_SHOWINGS = 20;
/**
 * By how much a late showing raises the counter. Not by one: a server of a release that knows no parents takes the counter
 * before the current one for the parent, and here that is one which nobody was ever given.
 */
const LATE_STEP = 2;

/** Whether the current counter of sessions `s` was made by a late showing of its parent; see the entity. */
const IS_LATE = '(s.late_counter IS NOT DISTINCT FROM s.refresh_counter)';
/** The parent of sessions `s`: the counter whose showing made the current one. -1 before the first refresh. */
const PARENT = `(CASE WHEN ${IS_LATE} THEN s.late_parent ELSE s.refresh_counter - 1 END)`;

/** Whether a showing of the parent of sessions `s` gives the same successor again. Parameters: from where it is shown. */
const isReplay = (network: string, userAgent: string) => `coalesce(
  s.refreshed_at > now() - ${REPLAY_WINDOW}
  AND (NOT ${IS_LATE} OR (s.late_network, s.user_agent) IS NOT DISTINCT FROM (${network}::text, ${userAgent}::text)),
  false)`;

/** Whether sessions `s` of accounts `a` answer their parent. Those that cannot be refreshed (any more) do, with a JWT. */
const ANSWERS_PARENT = `
  s.revoked_at IS NULL AND s.expires_at > now() AND coalesce(s.refresh_expires_at > now(), true)
  AND a.id = s.account_id AND a.disabled_at IS NULL`;

/** What a showing of the current counter and a late one of its parent change alike; `$2` to `$4`: see {@link TTL}. */
const refreshing = ({ remember, address, userAgent }: Record<'remember' | 'address' | 'userAgent', string>) => `
  refreshed_at = now(), last_used_at = now(), address = ${address}, user_agent = ${userAgent},
  refresh_expires_at = CASE WHEN ${remember} AND s.refresh_expires_at IS NOT NULL
    THEN least(now() + ${REFRESH_TTL}, s.created_at + ${MAX_AGE}) END,
  expires_at = CASE WHEN s.refresh_expires_at IS NULL THEN s.expires_at
    ELSE least(now() + greatest(${TTL}, CASE WHEN ${remember} THEN ${REFRESH_TTL} END), s.created_at + ${MAX_AGE}) END`;

const REFRESH = refreshing({ remember: '$5', address: '$6', userAgent: '$7' });

/** Whether sessions `s` can be moved on from a counter. */
const isCurrent = (counter: string) => `
  s.refresh_counter = ${counter} AND s.revoked_at IS NULL AND s.refresh_expires_at > now() AND s.expires_at > now()`;

/**
 * Moves sessions `$1` on from their current counters. Not those that somebody else holds: nobody waits for another one's. Each session is
 * looked up by itself: of a join, PostgreSQL might read all of them.
 */
export const ROTATE_MANY: PreparedStatement = {
  name: 'rotate refresh tokens',
  text: `
    WITH held AS (
      SELECT r.*, a.email FROM jsonb_to_recordset($1::jsonb)
          AS r (place int, id uuid, counter int, remember boolean, address text, "userAgent" text)
        CROSS JOIN LATERAL (
          SELECT s.account_id FROM sessions s WHERE s.id = r.id AND ${isCurrent('r.counter')}
          FOR NO KEY UPDATE OF s SKIP LOCKED OFFSET 0) s
        CROSS JOIN LATERAL (SELECT a.email FROM accounts a WHERE a.id = s.account_id AND a.disabled_at IS NULL OFFSET 0) a
    )
    UPDATE sessions s SET refresh_counter = s.refresh_counter + 1,
      ${refreshing({ remember: 'a.remember', address: 'a.address', userAgent: 'a."userAgent"' })}
    FROM held a WHERE s.id = ANY (ARRAY(SELECT id FROM held)) AND s.id = a.id AND ${isCurrent('a.counter')}
    RETURNING a.place, ${OPEN_SESSION}`,
};

/** The condition that `$2` is a skipped or an older counter of a session that lives. */
const IS_REUSED = `s.refresh_counter > $2 AND ${PARENT} <> $2 AND s.revoked_at IS NULL`;

/** What the session table knows of refresh tokens. Every change of state is one conditional statement. */
@Injectable()
export class SessionRefreshStore {
  private readonly batch: Batch<Showing, OpenSession | undefined>;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly statements: Statements,
  ) {
    this.batch = new Batch((showings) => this.rotateAll(showings));
  }

  /** Moves a session on from its current refresh token to the next one. @returns undefined: the token is not the current one */
  async moveOn(showing: Showing): Promise<OpenSession | undefined> {
    return (await this.batch.add(showing)) ?? (await this.rotate(showing));
  }

  /** @returns why a token was refused, as the session is now */
  async whyRefused({ id }: Showing): Promise<Refusal> {
    const [found] = await sql<Required<Refusal>>(
      this.manager,
      `SELECT s.id AS session, s.account_id AS "accountId", CASE
           WHEN s.revoked_at IS NOT NULL THEN 'ended'
           WHEN a.disabled_at IS NOT NULL THEN 'disabled'
           WHEN s.expires_at <= now() OR s.refresh_expires_at <= now() THEN 'expired'
           ELSE 'not_refreshable' END AS reason
       FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE s.id = $1`,
      [id],
    );
    return found ?? { reason: 'gone', session: id };
  }

  /** @returns the session whose parent this is, if it answers it; and whether by the successor that it gave before */
  async findByParent(showing: Showing): Promise<(OpenSession & { isReplay: boolean }) | undefined> {
    const { id, counter, origin } = showing;
    const [row] = await sql<OpenSession & { isReplay: boolean }>(
      this.manager,
      `SELECT ${OPEN_SESSION}, ${isReplay('$4', '$5')} AS "isReplay" FROM sessions s, accounts a
       WHERE s.id = $1 AND ${PARENT} = $3 AND ${ANSWERS_PARENT}`,
      [id, this.config.sessionTtl, counter, networkOf(origin.address ?? ''), origin.userAgent],
    );
    return row;
  }

  /**
   * Moves a session past a successor of its parent that was never shown, or ends it, when that has happened too often.
   *
   * @returns undefined when another showing has come first
   */
  async skip(tx: EntityManager, { id, counter, remember, origin }: Showing): Promise<LateShowing | undefined> {
    const [shown] = await sql<LateShowing>(
      tx,
      // What is locked first is what the UPDATE finds: it can tell of the showing before this one.
      `WITH earlier AS (
         SELECT s.id, s.address, CASE WHEN ${IS_LATE} THEN s.late_showings ELSE 0 END AS late_showings
         FROM sessions s, accounts a
         WHERE s.id = $1 AND ${PARENT} = $8 AND NOT ${isReplay('$9', '$7')} AND ${ANSWERS_PARENT}
         FOR NO KEY UPDATE OF s
       )
       UPDATE sessions s SET ${REFRESH},
         refresh_counter = s.refresh_counter + ${LATE_STEP}, late_counter = s.refresh_counter + ${LATE_STEP},
         late_parent = $8, late_showings = earlier.late_showings + 1, late_network = $9,
         revoked_at = CASE WHEN earlier.late_showings >= ${MOST_LATE_SHOWINGS} THEN now() END
       FROM earlier, accounts a WHERE s.id = earlier.id AND a.id = s.account_id
       RETURNING ${OPEN_SESSION}, earlier.address AS "earlierAddress", s.late_showings AS "lateShowings",
         s.revoked_at IS NOT NULL AS "isEnded"`,
      [id, ...this.durations(), remember, origin.address, origin.userAgent, counter, networkOf(origin.address ?? '')],
    );
    return shown;
  }

  /** @returns whether the token is a skipped or an older one of a session that lives */
  async isReused({ id, counter }: Showing): Promise<boolean> {
    const found = await sql(this.manager, `SELECT 1 FROM sessions s WHERE s.id = $1 AND ${IS_REUSED}`, [id, counter]);
    return found.length > 0;
  }

  /** Ends a session of which such a token was shown. @returns its account; undefined: it was not ended now */
  async endReused(tx: EntityManager, { id, counter }: Showing): Promise<string | undefined> {
    const [ended] = await sql<{ accountId: string }>(
      tx,
      `UPDATE sessions s SET revoked_at = now()
       WHERE s.id = $1 AND ${IS_REUSED}
       RETURNING s.account_id AS "accountId"`,
      [id, counter],
    );
    return ended?.accountId;
  }

  /** Like {@link rotate}, for all that are shown at the moment. @returns undefined also where somebody else holds the session */
  private async rotateAll(showings: Showing[]): Promise<(OpenSession | undefined)[]> {
    const asked = showings.map(({ origin, id, counter, remember }, index) => {
      const { address, userAgent } = origin;
      return { place: index + 1, id, counter, remember, address, userAgent };
    });
    const values = [JSON.stringify(asked), ...this.durations()];
    return inPlaces(await this.statements.run<Placed<OpenSession>>(ROTATE_MANY, values), showings.length);
  }

  /** Moves a session from its current refresh token to the next one. Waits for whoever holds the session. */
  private async rotate({ id, counter, remember, origin }: Showing): Promise<OpenSession | undefined> {
    const [row] = await sql<OpenSession>(
      this.manager,
      `UPDATE sessions s SET refresh_counter = s.refresh_counter + 1, ${REFRESH}
       FROM accounts a
       WHERE s.id = $1 AND ${isCurrent('$8')} AND a.id = s.account_id AND a.disabled_at IS NULL
       RETURNING ${OPEN_SESSION}`,
      [id, ...this.durations(), remember, origin.address, origin.userAgent, counter],
    );
    return row;
  }

  /** `$2` to `$4` of what makes a session last. */
  private durations(): [ttl: number, maxAge: number, refreshTtl: number] {
    return [this.config.sessionTtl, this.config.sessionMaxAge, this.config.refreshTtl];
  }
}
