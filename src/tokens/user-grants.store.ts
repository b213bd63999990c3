import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { insertFrom, type EventRow } from '../audit-log/audit-events.store.js';
import { sql } from '../database/sql.js';
import { announceEach, Revocations } from '../revocations/revocations.service.js';
import { GOOD_HELD, holdingAccounts, holdingTokens } from './callers.service.js';
import { holdApp } from './got-through.store.js';
import { insertToken, valuesOf, type NewToken } from './new-tokens.store.js';
import { IS_LIVE } from './token-records.js';

/** A user token that is to be made, with the accounts that have to be at these epochs until it is. */
export interface UserGrant {
  token: NewToken;
  /** Epochs by account. */
  accounts: Map<string, number>;
  /** How many live user tokens its account may have, of one actor or of none. */
  most: number;
  /** The event of the token, and that of each that was one too many: without what only the statement knows. */
  events: { issued: EventRow; ended: EventRow };
}

/** What became of it: the token's id, unless it was refused. */
export interface UserGranted {
  id: string | null;
  /** Whether all accounts are enabled, and at their epochs. */
  isHeld: boolean;
  /** Which of the caller's tokens are good. */
  good: string[];
  /** The user tokens that were one too many. */
  ended: string[];
}

/** How many user tokens a new one ends at most, such as when fewer are allowed than before. */
const MOST_ENDED = 10;

const HOLDS_ALL = '(SELECT count(*) FROM accounts_held) = cardinality($20::uuid[])';

/**
 * Makes a user token while the accounts `$20` are at the epochs `$21`, and ends those of its account and actor, which it announces,
 * that were used the longest time ago, if there are more than `$22`. Of tokens that are made at once, none sees the others: the next
 * one ends those too. `$23` and `$24`: the events.
 *
 * @param options.allowed CTEs, the last of which, `allowed`, has one row if the token may be made
 * @param options.good what selects the ids of the caller's tokens that are good
 * @param options.event the subject and the details of its event, of the token `m`
 */
const grantBy = (options: { allowed: string; good: string; event: { subject?: string; details?: string } }) => `
  WITH accounts_held AS (${holdingAccounts('$20', '$21')}), ${options.allowed}, made AS (
    ${insertToken('FROM allowed')} RETURNING id, account_id, actor_id, expires_at
  ), ended AS (
    UPDATE tokens SET revoked_at = now() WHERE id IN (
      SELECT id FROM tokens WHERE id IN (
        SELECT id FROM tokens
        WHERE account_id = (SELECT account_id FROM made) AND kind = 'user' AND actor_id IS NOT DISTINCT FROM $16::uuid AND ${IS_LIVE}
        -- The new one is not seen yet.
        ORDER BY coalesce(last_used_at, created_at) DESC, id
        OFFSET $22::int - (SELECT count(*) FROM made WHERE expires_at IS NULL OR expires_at > now()) LIMIT ${MOST_ENDED})
      AND ${IS_LIVE} FOR UPDATE SKIP LOCKED)
    RETURNING id, ${announceEach(`'token ' || id`)}
  ), noted AS (
    ${insertFrom('jsonb_to_record($23::jsonb)', { ...options.event, among: 'CROSS JOIN made m' })}
  ), noted_ends AS (
    ${insertFrom('jsonb_to_record($24::jsonb)', { subject: 'e.id::text', among: 'CROSS JOIN ended e' })}
  )
  SELECT (SELECT id FROM made) AS id, ${HOLDS_ALL} AS "isHeld", ARRAY(${options.good}) AS good,
    ARRAY(SELECT id FROM ended) AS ended`;

/** Through the App-Token `$9`, which is not locked, as many requests use it at once. It is held after the accounts. */
const LOG_IN = grantBy({
  allowed: `allowed AS (
    SELECT WHERE CASE WHEN ${HOLDS_ALL} THEN ${holdApp('$9::uuid')} END
  )`,
  good: 'SELECT $9::uuid FROM allowed',
  event: { details: `r.details || jsonb_build_object('token', m.id)` },
});

/** With the tokens `$25`, all of which are locked: whoever ends what was got through the App-Token has it alone. */
const ACT_FOR = grantBy({
  allowed: `held AS (${holdingTokens('$25', 'FOR SHARE OF u', HOLDS_ALL)}), good AS (${GOOD_HELD}), allowed AS (
    SELECT WHERE (SELECT count(*) FROM good) = cardinality($25::uuid[])
  )`,
  good: 'SELECT id FROM good',
  event: { subject: 'm.id::text' },
});

/** Makes user tokens, each by one statement, in a transaction of {@link Revocations} or alone. */
@Injectable()
export class UserGrantStore {
  constructor(private readonly revocations: Revocations) {}

  /** Makes a token for whoever has logged in at an application, which has to be good. */
  logIn(tx: EntityManager, grant: UserGrant): Promise<UserGranted> {
    return this.grant(tx, LOG_IN, grant, []);
  }

  /** Makes a token on behalf of somebody. @param held the ids of the tokens that have to be good until it is made */
  actFor(tx: EntityManager, grant: UserGrant, held: string[]): Promise<UserGranted> {
    return this.grant(tx, ACT_FOR, grant, [held]);
  }

  private async grant(
    tx: EntityManager,
    statement: string,
    { token, accounts, most, events }: UserGrant,
    more: unknown[],
  ): Promise<UserGranted> {
    const values = [[...accounts.keys()], [...accounts.values()], most, events.issued, events.ended, ...more];
    const [granted] = await sql<UserGranted>(tx, statement, [...valuesOf(token), ...values]);
    if (!granted) throw new Error('Nothing was said about the new token.');
    this.revocations.hasAnnounced(
      tx,
      granted.ended.map((id) => `token ${id}` as const),
    );
    return granted;
  }
}
