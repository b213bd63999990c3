import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The locale of accounts, and the identification that a reset leads back to. The previous release leaves both null. */
export class LanguagesOfMails1764000000044 implements MigrationInterface {
  name = 'LanguagesOfMails1764000000044';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE accounts ADD COLUMN locale text;
      ALTER TABLE password_resets ADD COLUMN identification_id uuid;
      ALTER TABLE email_links ADD COLUMN locale text;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE email_links DROP COLUMN locale;
      ALTER TABLE password_resets DROP COLUMN identification_id;
      ALTER TABLE accounts DROP COLUMN locale;
    `);
  }
}
