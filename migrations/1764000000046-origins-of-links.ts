import type { MigrationInterface, QueryRunner } from 'typeorm';

/** From where links were asked for, and who has invited, for the mails that carry them. The previous release leaves all null. */
export class OriginsOfLinks1764000000046 implements MigrationInterface {
  name = 'OriginsOfLinks1764000000046';
  // One statement for each lock: no table is held while another is waited for.
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE password_resets ADD COLUMN IF NOT EXISTS asked_from text, ADD COLUMN IF NOT EXISTS invited_by uuid`);
    await runner.query('ALTER TABLE email_links ADD COLUMN IF NOT EXISTS asked_from text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE email_links DROP COLUMN IF EXISTS asked_from');
    await runner.query(`
      ALTER TABLE password_resets DROP COLUMN IF EXISTS asked_from, DROP COLUMN IF EXISTS invited_by`);
  }
}
