import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The previous release leaves it where it changes a password. Whoever has changed a first one through that release, during a
 * rolling upgrade, asks for a link once it has expired, as if it had not been changed.
 */
export class InitialPasswords1764000000027 implements MigrationInterface {
  name = 'InitialPasswords1764000000027';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE accounts ADD COLUMN initial_password_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE accounts DROP COLUMN initial_password_at');
  }
}
