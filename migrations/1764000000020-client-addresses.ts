import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The previous release ignores the column, and the header that it is for. */
export class ClientAddresses1764000000020 implements MigrationInterface {
  name = 'ClientAddresses1764000000020';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Null: of no App-Token that passes on the addresses of its users.
      ALTER TABLE tokens ADD COLUMN networks cidr[];
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tokens DROP COLUMN networks');
  }
}
