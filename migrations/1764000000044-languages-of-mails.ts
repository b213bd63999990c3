import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The locale of accounts, and the identification that a reset leads back to. The previous release leaves both null. */
export class LanguagesOfMails1764000000044 implements MigrationInterface {
  name = 'LanguagesOfMails1764000000044';
  // One statement for each lock: no table is held while another is waited for.
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE accounts ADD COLUMN IF NOT EXISTS locale text');
    await runner.query('ALTER TABLE password_resets ADD COLUMN IF NOT EXISTS identification_id uuid');
    await runner.query('ALTER TABLE email_links ADD COLUMN IF NOT EXISTS locale text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE email_links DROP COLUMN locale;
      ALTER TABLE password_resets DROP COLUMN identification_id;
      ALTER TABLE accounts DROP COLUMN locale;
    `);
  }
}
