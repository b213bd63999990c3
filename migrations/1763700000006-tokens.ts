import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Tokens1763700000006 implements MigrationInterface {
  name = 'Tokens1763700000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE tokens (
        id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        kind       text        NOT NULL CHECK (kind IN ('app')),
        digest     bytea       NOT NULL CONSTRAINT tokens_digest_key UNIQUE,
        hint       text        NOT NULL CHECK (char_length(hint) = 4),
        scopes     text[]      NOT NULL DEFAULT '{}',
        account_id uuid        NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        CONSTRAINT tokens_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
      );
      CREATE INDEX tokens_account_id_idx ON tokens (account_id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE tokens');
  }
}
