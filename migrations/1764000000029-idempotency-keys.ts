import type { MigrationInterface, QueryRunner } from 'typeorm';

export class IdempotencyKeys1764000000029 implements MigrationInterface {
  name = 'IdempotencyKeys1764000000029';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE idempotency_keys (
        digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
        body_digest bytea NOT NULL CHECK (octet_length(body_digest) = 32),
        claim uuid NOT NULL,
        claimed_until timestamptz NOT NULL,
        acted_at timestamptz,
        answer bytea,
        expires_at timestamptz NOT NULL
      );
      CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (expires_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE idempotency_keys');
  }
}
