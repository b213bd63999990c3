import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexes, dropIndexes } from './concurrently.js';

const CHECKS = {
  tokens_name_check: 'char_length(name) <= 255',
  tokens_source_check: `source IN ('API', 'PRODUCTS')`,
  tokens_payment_type_check: `payment_type IN ('CARD', 'DIRECT_DEBIT')`,
  tokens_service_external_id_check: 'char_length(service_external_id) <= 255',
  tokens_service_mode_check: `service_mode IN ('LIVE', 'TEST')`,
};

const INDEXES = {
  tokens_app_token_id_idx: 'ON tokens (app_token_id, created_at DESC, id DESC) WHERE app_token_id IS NOT NULL',
  tokens_service_idx:
    'ON tokens (service_external_id, service_mode, created_at DESC, id DESC) WHERE service_external_id IS NOT NULL',
};

/** The table may be large. */
export class TokenOriginsIndexes1764000000034 implements MigrationInterface {
  name = 'TokenOriginsIndexes1764000000034';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    const names = Object.keys(CHECKS);
    // A run that was broken off may have added them.
    const drops = names.map((name) => `DROP CONSTRAINT IF EXISTS ${name}`);
    const adds = Object.entries(CHECKS).map(([name, check]) => `ADD CONSTRAINT ${name} CHECK (${check}) NOT VALID`);
    await runner.query(`ALTER TABLE tokens ${[...drops, ...adds].join(', ')}`);
    // Reads the table, while others go on reading and writing it.
    await runner.query(`ALTER TABLE tokens ${names.map((name) => `VALIDATE CONSTRAINT ${name}`).join(', ')}`);
    await createIndexes(runner, INDEXES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropIndexes(runner, Object.keys(INDEXES));
    const drops = Object.keys(CHECKS).map((name) => `DROP CONSTRAINT ${name}`);
    await runner.query(`ALTER TABLE tokens ${drops.join(', ')}`);
  }
}
