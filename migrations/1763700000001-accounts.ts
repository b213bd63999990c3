import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Accounts1763700000001 implements MigrationInterface {
  name = 'Accounts1763700000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE accounts (
        id               uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        email            text        CHECK (char_length(email) <= 254),
        role             text        NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'user')),
        password_hash    text,
        credential_epoch integer     NOT NULL DEFAULT 0,
        created_at       timestamptz NOT NULL DEFAULT now(),
        updated_at       timestamptz NOT NULL DEFAULT now(),
        disabled_at      timestamptz
      );
      CREATE UNIQUE INDEX accounts_email_key ON accounts (lower(email));
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE accounts');
  }
}
