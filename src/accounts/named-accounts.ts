import type { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { isSpelt, nearestFirst, spellingsOf } from '../emails/email-address.js';
import { isLegacyId } from '../http/account-ids.js';
import { isUuid } from '../http/validation.js';

/** An account that somebody has named. */
export interface NamedAccount {
  id: string;
  email: string | null;
}

/** @param named its id, its `legacy_id` or its email, in whatever spelling */
export async function findNamedAccount(manager: EntityManager, named: string): Promise<NamedAccount | undefined> {
  const [row] = await sql<NamedAccount>(
    manager,
    `SELECT a.id, a.email FROM accounts a WHERE ${conditionOf(named)} ORDER BY ${nearestFirst('a', '$1')} LIMIT 1`,
    [named.toLowerCase(), spellingsOf(named)],
  );
  return row;
}

function conditionOf(named: string): string {
  const isId = isUuid(named) ? 'a.id = $1::uuid' : isLegacyId(named) ? 'a.legacy_id = $1' : isSpelt('a.email', '$2');
  return `$2::text[] IS NOT NULL AND ${isId}`;
}
