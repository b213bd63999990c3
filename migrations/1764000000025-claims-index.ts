import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexes, dropIndexes } from './concurrently.js';

const INDEXES = {
  email_links_claims_idx: `ON email_links (lower(email)) WHERE purpose IN ('sign_up', 'change')`,
};

/** The table may be large. */
export class ClaimsIndex1764000000025 implements MigrationInterface {
  name = 'ClaimsIndex1764000000025';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await createIndexes(runner, INDEXES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropIndexes(runner, Object.keys(INDEXES));
  }
}
