import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { spellingsOf } from '../emails/email-address.js';
import { isUuid } from '../http/validation.js';
import { isLegacyId } from './readings.js';

/** An account that a record refers to. */
export interface Referred {
  id: string;
  isAdmin: boolean;
  isDisabled: boolean;
  /** Whether its email is certainly that of the person who had it in the old service: else anybody may have signed up with it. */
  isProved: boolean;
  /** When its password was last changed here, in milliseconds; null: not lately. */
  passwordChangedAt: number | null;
}

/** The accounts that records refer to. */
@Injectable()
export class AccountReferences {
  /**
   * Finds the accounts with these ids, legacy ids or emails, and locks them: what ends something of an account waits, and then ends
   * what was imported too.
   *
   * @returns them by the references; `several`: the email is that of several
   */
  async find(tx: EntityManager, references: string[]): Promise<Map<string, Referred | 'several'>> {
    const wanted = [...new Set(references)];
    if (wanted.length === 0) return new Map();
    const spelt = wanted.flatMap((reference) =>
      reference.includes('@') ? spellingsOf(reference).map((spelling) => ({ reference, spelling })) : [],
    );
    const found = await sql<{ reference: string; id: string }>(
      tx,
      `SELECT a.id::text AS reference, a.id FROM accounts a WHERE a.id = ANY ($1::uuid[])
       UNION SELECT a.legacy_id, a.id FROM accounts a WHERE a.legacy_id = ANY ($2::text[])
       UNION SELECT s.reference, a.id FROM unnest($3::text[], $4::text[]) AS s (reference, spelling)
         JOIN accounts a ON lower(a.email) = lower(s.spelling)`,
      [
        wanted.filter(isUuid),
        wanted.filter(isLegacyId),
        spelt.map(({ reference }) => reference),
        spelt.map(({ spelling }) => spelling),
      ],
    );
    const locked = await this.hold(
      tx,
      found.map(({ id }) => id),
    );
    const byReference = new Map<string, Referred | 'several'>();
    for (const { reference, id } of found) {
      const account = locked.get(id);
      if (account) byReference.set(reference, byReference.has(reference) ? 'several' : account);
    }
    return byReference;
  }

  private async hold(tx: EntityManager, ids: string[]): Promise<Map<string, Referred>> {
    const rows = await sql<Omit<Referred, 'passwordChangedAt'>>(
      tx,
      `SELECT id, role = 'admin' AS "isAdmin", disabled_at IS NOT NULL AS "isDisabled",
         imported_at IS NOT NULL OR email_verified_at IS NOT NULL OR role = 'admin' AS "isProved"
       FROM accounts WHERE id = ANY ($1::uuid[]) ORDER BY id FOR SHARE`,
      [ids],
    );
    // A second statement, which sees what the first one has waited for.
    const changes = await sql<{ id: string; at: number }>(
      tx,
      `SELECT account_id AS id, 1000 * extract(epoch FROM max(changed_at))::float8 AS at
       FROM password_changes WHERE account_id = ANY ($1::uuid[]) GROUP BY account_id`,
      [ids],
    );
    const changedAt = new Map(changes.map(({ id, at }) => [id, at]));
    return new Map(rows.map((row) => [row.id, { ...row, passwordChangedAt: changedAt.get(row.id) ?? null }]));
  }
}
