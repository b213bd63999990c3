import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexes, dropIndexes } from './concurrently.js';

const UNIQUE_INDEXES = {
  tokens_foreign_hash_key: 'ON tokens (foreign_hash) WHERE foreign_hash IS NOT NULL',
};

/** Whether there are any is asked when a token is shown whose form is not Latchkey's. */
const INDEXES = { tokens_foreign_idx: 'ON tokens (kind) WHERE is_foreign' };

/**
 * The previous release stores false and null, and refuses tokens of other forms than its own: import them when all replicas are
 * new. The table may be large.
 */
export class ImportedTokens1764000000037 implements MigrationInterface {
  name = 'ImportedTokens1764000000037';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // A run that was broken off may have added some.
    await runner.query(`
      ALTER TABLE tokens ADD COLUMN IF NOT EXISTS is_foreign boolean NOT NULL DEFAULT false,
        ADD COLUMN IF NOT EXISTS foreign_hash text
    `);
    await runner.query('ALTER TABLE oauth_client_secrets ADD COLUMN IF NOT EXISTS foreign_hash text');
    await runner.query(`
      CREATE TABLE IF NOT EXISTS imported_records (
        key         bytea       PRIMARY KEY,
        row_id      text        NOT NULL,
        digest      bytea       NOT NULL,
        state       bytea       NOT NULL,
        imported_at timestamptz NOT NULL DEFAULT now()
      )
    `);
    await createIndexes(runner, UNIQUE_INDEXES, { unique: true });
    await createIndexes(runner, INDEXES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropIndexes(runner, [...Object.keys(UNIQUE_INDEXES), ...Object.keys(INDEXES)]);
    await runner.query('DROP TABLE imported_records');
    await runner.query('ALTER TABLE oauth_client_secrets DROP COLUMN foreign_hash');
    await runner.query('ALTER TABLE tokens DROP COLUMN is_foreign, DROP COLUMN foreign_hash');
  }
}
