import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Limits1763700000004 implements MigrationInterface {
  name = 'Limits1763700000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE attempt_limits (
        key            text        PRIMARY KEY,
        count          integer     NOT NULL,
        window_ends_at timestamptz NOT NULL
      );
      CREATE INDEX attempt_limits_window_ends_at_idx ON attempt_limits (window_ends_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE attempt_limits');
  }
}
