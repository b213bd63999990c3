import type { MigrationInterface, QueryRunner } from 'typeorm';

export class SigningKeys1763700000005 implements MigrationInterface {
  name = 'SigningKeys1763700000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE signing_keys (
        kid                   text        PRIMARY KEY,
        public_jwk            jsonb       NOT NULL,
        encrypted_private_key bytea       NOT NULL,
        secret_key_id         text        NOT NULL,
        created_at            timestamptz NOT NULL DEFAULT now()
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE signing_keys');
  }
}
