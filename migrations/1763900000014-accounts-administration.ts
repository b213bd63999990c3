import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AccountsAdministration1763900000014 implements MigrationInterface {
  name = 'AccountsAdministration1763900000014';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sessions
        ADD COLUMN address text,
        ADD COLUMN user_agent text CHECK (char_length(user_agent) <= 512),
        ADD COLUMN last_used_at timestamptz;

      -- The accounts that are there are taken as verified: nobody asked them until now. A default of now() is the same for
      -- all of them, and so no row is written.
      ALTER TABLE accounts ADD COLUMN email_verified_at timestamptz DEFAULT now();
      ALTER TABLE accounts ALTER COLUMN email_verified_at DROP DEFAULT;

      CREATE TABLE email_links (
        id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        purpose    text        NOT NULL CHECK (purpose IN ('verify', 'undo', 'tell')),
        account_id uuid,
        email      text        NOT NULL CHECK (char_length(email) <= 254),
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        ended_at   timestamptz,
        CONSTRAINT email_links_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
      );
      CREATE INDEX email_links_account_id_idx ON email_links (account_id);
      CREATE INDEX email_links_email_idx ON email_links (lower(email)) WHERE purpose = 'undo';
      CREATE INDEX email_links_expires_at_idx ON email_links (expires_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE email_links;
      ALTER TABLE accounts DROP COLUMN email_verified_at;
      ALTER TABLE sessions DROP COLUMN last_used_at, DROP COLUMN user_agent, DROP COLUMN address;
    `);
  }
}
