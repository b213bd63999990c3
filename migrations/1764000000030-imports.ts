import type { MigrationInterface, QueryRunner } from 'typeorm';

/** All null: it was not imported. The previous release ignores these columns. */
export class Imports1764000000030 implements MigrationInterface {
  name = 'Imports1764000000030';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE accounts ADD COLUMN legacy_id text, ADD COLUMN imported_at timestamptz, ADD COLUMN imported_digest bytea,
        ADD COLUMN imported_password bytea, ADD COLUMN imported_as bytea;
      CREATE TABLE imports (
        id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        source      text        NOT NULL CONSTRAINT imports_source_key UNIQUE,
        position    bigint      NOT NULL DEFAULT 0,
        digest      bytea       NOT NULL,
        counts      jsonb       NOT NULL,
        report      text        NOT NULL CONSTRAINT imports_report_key UNIQUE,
        report_size bigint      NOT NULL DEFAULT 0,
        started_at  timestamptz NOT NULL DEFAULT now(),
        updated_at  timestamptz NOT NULL DEFAULT now()
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE imports;
      ALTER TABLE accounts DROP COLUMN legacy_id, DROP COLUMN imported_at, DROP COLUMN imported_digest,
        DROP COLUMN imported_password, DROP COLUMN imported_as;
    `);
  }
}
