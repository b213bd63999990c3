import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexes, dropIndexes } from './concurrently.js';

const INDEXES = {
  accounts_legacy_id_key: 'ON accounts (legacy_id) WHERE legacy_id IS NOT NULL',
  accounts_imported_as_key: 'ON accounts (imported_as) WHERE imported_as IS NOT NULL',
};

/** The table may be large. */
export class ImportIndexes1764000000035 implements MigrationInterface {
  name = 'ImportIndexes1764000000035';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await createIndexes(runner, INDEXES, { unique: true });
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropIndexes(runner, Object.keys(INDEXES));
  }
}
