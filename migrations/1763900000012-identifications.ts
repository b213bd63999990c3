import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Identifications1763900000012 implements MigrationInterface {
  name = 'Identifications1763900000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE identifications (
        id             uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        client_id      text        NOT NULL,
        account_id     uuid,
        institution_id uuid,
        ip             inet        NOT NULL,
        url            text        NOT NULL CHECK (char_length(url) <= 2048),
        user_agent     text        NOT NULL CHECK (char_length(user_agent) <= 2048),
        email          text        CHECK (char_length(email) <= 254),
        created_at     timestamptz NOT NULL DEFAULT now(),
        expires_at     timestamptz NOT NULL,
        CONSTRAINT identifications_client_id_fkey
          FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE,
        CONSTRAINT identifications_account_id_fkey
          FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE SET NULL,
        CONSTRAINT identifications_institution_id_fkey
          FOREIGN KEY (institution_id) REFERENCES accounts (id) ON DELETE SET NULL
      );
      CREATE INDEX identifications_expires_at_idx ON identifications (expires_at);
      CREATE INDEX identifications_client_id_idx ON identifications (client_id);
      CREATE INDEX identifications_account_id_idx ON identifications (account_id) WHERE account_id IS NOT NULL;
      CREATE INDEX identifications_institution_id_idx ON identifications (institution_id)
        WHERE institution_id IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE identifications');
  }
}
