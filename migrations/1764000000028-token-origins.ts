import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The previous release ignores these columns, and stores null in them: no name, unknown App-Token, API, CARD, no service. */
export class TokenOrigins1764000000028 implements MigrationInterface {
  name = 'TokenOrigins1764000000028';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tokens
        ADD COLUMN name text,
        -- No foreign key: where a token came from stays known when the App-Token is gone.
        ADD COLUMN app_token_id uuid,
        ADD COLUMN source text,
        ADD COLUMN payment_type text,
        ADD COLUMN service_external_id text,
        ADD COLUMN service_mode text;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tokens
        DROP COLUMN service_mode,
        DROP COLUMN service_external_id,
        DROP COLUMN payment_type,
        DROP COLUMN source,
        DROP COLUMN app_token_id,
        DROP COLUMN name;
    `);
  }
}
