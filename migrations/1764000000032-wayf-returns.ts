import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Results of the WAYF page can be redeemed by the URL that the visitor came back to. Those of the previous release have none
 * of these, and are not.
 */
export class WayfReturns1764000000032 implements MigrationInterface {
  name = 'WayfReturns1764000000032';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE identifications
        ADD COLUMN return_to        text,
        ADD COLUMN credential_epoch integer,
        ADD COLUMN returned_at      timestamptz;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE identifications
        DROP COLUMN return_to,
        DROP COLUMN credential_epoch,
        DROP COLUMN returned_at;
    `);
  }
}
