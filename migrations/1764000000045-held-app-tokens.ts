import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Makes a login one statement. A function that is volatile sees what has been committed since its statement began: whoever has
 * waited for the lock learns of an App-Token that has ended meanwhile. The previous release does not call it.
 */
export class HeldAppTokens1764000000045 implements MigrationInterface {
  name = 'HeldAppTokens1764000000045';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION hold_app_token(namespace integer, app_token uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
          PERFORM pg_advisory_xact_lock_shared(namespace, hashtext(app_token::text));
          RETURN EXISTS (
            SELECT FROM tokens WHERE id = app_token AND revoked_at IS NULL
              AND (expires_at IS NULL OR expires_at > clock_timestamp()));
        END
      $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION hold_app_token(integer, uuid)');
  }
}
