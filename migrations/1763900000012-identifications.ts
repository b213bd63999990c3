import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Identifications1763900000012 implements MigrationInterface {
  name = 'Identifications1763900000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE identifications (
        id             uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        client_id      text        NOT NULL,
        -- No foreign keys: an organisation may have been found a million times, and must be deletable all the same.
        account_id     uuid,
        institution_id uuid,
        ip             inet        NOT NULL,
        url            text        NOT NULL CHECK (char_length(url) <= 2048),
        user_agent     text        NOT NULL CHECK (char_length(user_agent) <= 2048),
        email          text        CHECK (char_length(email) <= 254),
        created_at     timestamptz NOT NULL DEFAULT now(),
        expires_at     timestamptz NOT NULL,
        CONSTRAINT identifications_client_id_fkey
          FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE
      );
      CREATE INDEX identifications_expires_at_idx ON identifications (expires_at);
      CREATE INDEX identifications_client_id_idx ON identifications (client_id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE identifications');
  }
}
