import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whoever has waited for a lock judges a token by what has been committed since, with its owners and all that it was made with: a
 * function that is volatile sees that, and the statement that calls it does not. `is_good_token` says of tokens without a client what
 * `IS_GOOD_APP_TOKEN` does. A release before this one calls `hold_app_token` too, and is told the same.
 */
export class GoodTokens1764000000047 implements MigrationInterface {
  name = 'GoodTokens1764000000047';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION is_good_token(token uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
          RETURN EXISTS (
            SELECT FROM tokens t LEFT JOIN accounts a ON a.id = t.account_id LEFT JOIN accounts b ON b.id = t.actor_id
            WHERE t.id = token
              AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
              AND a.disabled_at IS NULL AND b.disabled_at IS NULL
              AND (t.kind <> 'app' OR t.scopes = '{}' OR a.role = 'admin')
              AND (t.made_with IS NULL OR NOT EXISTS (
                SELECT FROM unnest(t.made_with) AS made (token_id)
                WHERE (SELECT m.revoked_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > clock_timestamp())
                       FROM tokens m WHERE m.id = made.token_id) IS NOT TRUE)));
        END
      $$`);
    await runner.query(`
      CREATE OR REPLACE FUNCTION hold_app_token(namespace integer, app_token uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
          PERFORM pg_advisory_xact_lock_shared(namespace, hashtext(app_token::text));
          RETURN is_good_token(app_token);
        END
      $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE OR REPLACE FUNCTION hold_app_token(namespace integer, app_token uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
          PERFORM pg_advisory_xact_lock_shared(namespace, hashtext(app_token::text));
          RETURN EXISTS (
            SELECT FROM tokens WHERE id = app_token AND revoked_at IS NULL
              AND (expires_at IS NULL OR expires_at > clock_timestamp()));
        END
      $$`);
    await runner.query('DROP FUNCTION is_good_token(uuid)');
  }
}
