import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ALLOW_LONG, longSql, sql } from '../database/sql.js';
import { ANNOUNCE, Revocations } from './revocations.service.js';

/** What a revocation covers of all that an account has open. */
export interface Extent {
  sessions?: boolean;
  resets?: boolean;
  /** `verify`: links that verify an email or change it; `all`: also links that undo a change. */
  links?: 'verify' | 'all';
  tokens?: (keyof typeof TOKENS)[];
}

/** For signing out: what the account's own sign-ins have opened. */
export const SIGN_INS: Extent = { sessions: true, tokens: ['logins'] };
/**
 * For a change of credentials: whatever signs in as the account, resets that could, pending changes of its email, and
 * tokens that it has on behalf of others.
 */
export const CREDENTIALS: Extent = { sessions: true, resets: true, links: 'verify', tokens: ['user'] };
/** Also App-Tokens, and the access tokens of the clients that the account owns. */
export const EVERYTHING: Extent = { sessions: true, resets: true, links: 'verify', tokens: ['all'] };
/** Raises the epochs of clients. */
export const RAISE_CLIENT_EPOCHS = 'UPDATE oauth_clients SET epoch = epoch + 1';

const OWN = 'SELECT id FROM tokens WHERE account_id = $1 AND revoked_at IS NULL';
const ON_BEHALF_OF_OTHERS = 'SELECT id FROM tokens WHERE actor_id = $1 AND revoked_at IS NULL';
const OF_CLIENTS = `SELECT t.id FROM clients c JOIN tokens t ON t.client_id = c.id
  WHERE t.expires_at > now() AND t.revoked_at IS NULL`;

/** The ids of tokens of an account; `admin`: of those that only admins can have. An index serves each part. */
const TOKENS = {
  logins: `${OWN} AND kind = 'user' AND actor_id IS NULL`,
  user: `${OWN} AND kind = 'user' UNION ${ON_BEHALF_OF_OTHERS}`,
  admin: `${OWN} AND kind = 'app' AND scopes <> '{}' UNION ${ON_BEHALF_OF_OTHERS} UNION ${OF_CLIENTS}`,
  all: `${OWN} UNION ${ON_BEHALF_OF_OTHERS} UNION ${OF_CLIENTS}`,
};

const END_LINKS = 'UPDATE email_links SET ended_at = now() WHERE account_id = $1 AND ended_at IS NULL';

/** Ends live links of the account `$1`. */
export const ENDING_LINKS = {
  verify: `${END_LINKS} AND purpose IN ('verify', 'change')`,
  undo: `${END_LINKS} AND purpose = 'undo'`,
  all: END_LINKS,
};

/** Revokes what accounts have open. Nothing else does. */
@Injectable()
export class AccountRevocation {
  constructor(private readonly revocations: Revocations) {}

  /**
   * Raises the epoch of an account, which locks it, announces that, and marks what the extent covers as revoked. What
   * is being opened meanwhile at the old epoch is refused.
   *
   * @param tx of {@link Revocations.transaction}
   * @returns the new epoch
   */
  async revoke(tx: EntityManager, accountId: string, extent: Extent): Promise<number> {
    const [raised] = await sql<{ epoch: number }>(
      tx,
      `UPDATE accounts SET credential_epoch = credential_epoch + 1 WHERE id = $3
       RETURNING credential_epoch AS epoch, ${ANNOUNCE}, ${ALLOW_LONG}`,
      [...this.revocations.announcing(tx, `account ${accountId}`), accountId],
    );
    if (!raised) throw new Error('The account to revoke does not exist.');
    // A second statement, which sees what was opened while the first one waited for the lock.
    const marking = markingStatement(extent);
    if (marking !== undefined) await longSql(tx, marking, [accountId], { isAllowed: true });
    return raised.epoch;
  }

  /**
   * Like {@link revoke}, of several accounts at once.
   *
   * @param tx of {@link Revocations.transaction}
   */
  async revokeAll(tx: EntityManager, accountIds: string[], extent: Extent): Promise<void> {
    await longSql(
      tx,
      `WITH held AS (SELECT id FROM accounts WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE)
       UPDATE accounts SET credential_epoch = credential_epoch + 1 FROM held WHERE accounts.id = held.id`,
      [accountIds],
    );
    await this.revocations.announceAll(
      tx,
      accountIds.map((id) => `account ${id}` as const),
    );
    const marking = ofSeveral(markingStatement(extent));
    if (marking !== undefined) await longSql(tx, marking, [accountIds], { isAllowed: true });
  }

  /**
   * Marks as revoked what the extent covers of several accounts and was made by then. What was made later stays, so that no
   * epoch is raised.
   *
   * @param tx of {@link Revocations.transaction}
   */
  async revokeMadeUntil(tx: EntityManager, accountIds: string[], extent: Extent, until: Date): Promise<void> {
    await longSql(tx, 'SELECT id FROM accounts WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE', [
      accountIds,
    ]);
    await this.revocations.announceAll(
      tx,
      accountIds.map((id) => `account ${id}` as const),
    );
    const marking = ofSeveral(markingStatement(extent, { madeUntil: '$2' }));
    if (marking !== undefined) await longSql(tx, marking, [accountIds, until], { isAllowed: true });
  }
}

const ofSeveral = (statement: string | undefined) => statement?.replaceAll('= $1', '= ANY ($1::uuid[])');

/**
 * One statement, whose parts take locks in the common order: tokens last, by their ids.
 *
 * @param options.madeUntil an SQL expression for when the last was made that it marks; undefined: it marks all
 */
function markingStatement(
  { sessions, resets, links, tokens }: Extent,
  { madeUntil }: { madeUntil?: string } = {},
): string | undefined {
  const parts: [name: string, statement: string][] = [];
  if (sessions) {
    parts.push([
      'sessions_ended',
      'UPDATE sessions SET revoked_at = now() WHERE account_id = $1 AND revoked_at IS NULL',
    ]);
  }
  if (resets) {
    parts.push([
      'resets_ended',
      'UPDATE password_resets SET ended_at = now() WHERE account_id = $1 AND ended_at IS NULL',
    ]);
  }
  if (links) parts.push(['links_ended', ENDING_LINKS[links]]);
  const ids = tokens?.map((kind) => TOKENS[kind]).join(' UNION ');
  if (ids?.includes(OF_CLIENTS)) {
    const clients = madeUntil === undefined ? RAISE_CLIENT_EPOCHS : 'SELECT id FROM oauth_clients';
    parts.push(['clients', `${clients} WHERE account_id = $1`]);
  }
  // No lock can follow a UNION.
  const isUnion = ids?.includes(' UNION ');
  if (ids) parts.push(['live', isUnion ? `SELECT id FROM tokens WHERE id IN (${ids}) AND revoked_at IS NULL` : ids]);
  if (parts.length === 0) return undefined;
  const ctes = parts.map(([name, statement], index) => {
    const earlier = parts[index - 1]?.[0];
    // PostgreSQL runs CTEs in any order unless one refers to another, so each counts the rows of the one before it.
    const dated = madeUntil === undefined || name === 'clients' ? '' : ` AND created_at <= ${madeUntil}`;
    const ordered = earlier === undefined ? '' : ` AND (SELECT count(*) FROM ${earlier}) >= 0`;
    const rows = statement.startsWith('SELECT') ? 'ORDER BY id FOR UPDATE' : 'RETURNING id';
    return `${name} AS (${statement}${dated}${ordered} ${rows})`;
  });
  const last = tokens
    ? 'UPDATE tokens SET revoked_at = now() FROM live WHERE tokens.id = live.id'
    : `SELECT count(*) FROM ${parts.at(-1)?.[0] ?? ''}`;
  return `WITH ${ctes.join(', ')} ${last}`;
}
