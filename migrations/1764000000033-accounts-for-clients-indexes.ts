import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexes, dropIndexes } from './concurrently.js';

const INDEXES = {
  accounts_for_clients_idx: 'ON accounts (created_at, id) WHERE NOT individual OR email IS NULL',
  accounts_publisher_reference_idx:
    'ON accounts (publisher_reference, created_at, id) WHERE publisher_reference IS NOT NULL',
  identifications_account_id_idx: 'ON identifications (account_id, client_id) WHERE account_id IS NOT NULL',
};

/** For the accounts that clients see, and what they look for. */
export class AccountsForClientsIndexes1764000000033 implements MigrationInterface {
  name = 'AccountsForClientsIndexes1764000000033';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await createIndexes(runner, INDEXES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropIndexes(runner, Object.keys(INDEXES));
  }
}
