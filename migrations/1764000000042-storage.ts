import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexes, dropIndexes } from './concurrently.js';

/** Without the tokens of clients, which belong to no account and are never listed by kind: most of those that are made. */
const INDEXES = {
  tokens_owner_idx: 'ON tokens (account_id, kind, created_at DESC, id DESC) WHERE account_id IS NOT NULL',
  tokens_listed_idx: `ON tokens (kind, created_at DESC, id DESC) WHERE revoked_at IS NULL AND kind <> 'oauth'`,
};

/** What they take the place of. */
const REPLACED = {
  tokens_account_id_idx: 'ON tokens (account_id, kind, created_at DESC, id DESC)',
  tokens_kind_idx: 'ON tokens (kind, created_at DESC, id DESC) WHERE revoked_at IS NULL',
};

/** Dead rows are cleared away after so many of them, and a twentieth of the table, instead of a fifth. */
const CLEARED = 'autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05';
/** An end of the table that has become empty is kept for what comes next: to cut it off, PostgreSQL locks everybody out. */
const KEPT = 'vacuum_truncate = off';

/** Of the tables in which much changes; docs/decisions/indexes.md says why. A fill factor leaves room for what is updated in place. */
const SETTINGS = {
  tokens: `fillfactor = 90, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02, ${KEPT}`,
  sessions: `fillfactor = 80, ${CLEARED}, ${KEPT}`,
  attempt_limits: `fillfactor = 50, ${CLEARED}, ${KEPT}`,
  sign_in_failures: `fillfactor = 80, ${CLEARED}, ${KEPT}`,
  idempotency_keys: `fillfactor = 70, ${CLEARED}, ${KEPT}`,
  outgoing_mails: `${CLEARED}, ${KEPT}`,
  oauth_client_secrets: 'fillfactor = 80',
};

/** Smaller indexes, and room where rows change. The settings hold for pages that are written from now on. */
export class Storage1764000000042 implements MigrationInterface {
  name = 'Storage1764000000042';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    for (const [table, settings] of Object.entries(SETTINGS)) {
      await runner.query(`ALTER TABLE ${table} SET (${settings})`);
    }
    await createIndexes(runner, INDEXES);
    await dropIndexes(runner, Object.keys(REPLACED));
  }

  async down(runner: QueryRunner): Promise<void> {
    await createIndexes(runner, REPLACED);
    await dropIndexes(runner, Object.keys(INDEXES));
    for (const [table, settings] of Object.entries(SETTINGS)) {
      await runner.query(`ALTER TABLE ${table} RESET (${settings.replaceAll(/ = [^,]+/g, '')})`);
    }
  }
}
