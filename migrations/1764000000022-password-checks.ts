import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The previous release writes nothing here: of its sessions it is not known that the password was checked for them. */
export class PasswordChecks1764000000022 implements MigrationInterface {
  name = 'PasswordChecks1764000000022';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE sessions ADD COLUMN password_checked_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE sessions DROP COLUMN password_checked_at');
  }
}
