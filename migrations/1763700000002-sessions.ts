import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Sessions1763700000002 implements MigrationInterface {
  name = 'Sessions1763700000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE sessions (
        id                 uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        account_id         uuid        NOT NULL,
        created_at         timestamptz NOT NULL DEFAULT now(),
        expires_at         timestamptz NOT NULL,
        revoked_at         timestamptz,
        refresh_counter    integer     NOT NULL DEFAULT 0,
        refreshed_at       timestamptz,
        refresh_expires_at timestamptz,
        CONSTRAINT sessions_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
      );
      CREATE INDEX sessions_account_id_idx ON sessions (account_id);
      CREATE INDEX sessions_ended_idx ON sessions (least(expires_at, revoked_at));
      CREATE TABLE password_resets (
        id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        account_id uuid,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        ended_at   timestamptz,
        CONSTRAINT password_resets_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
      );
      CREATE INDEX password_resets_account_id_idx ON password_resets (account_id);
      CREATE INDEX password_resets_expires_at_idx ON password_resets (expires_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE password_resets; DROP TABLE sessions');
  }
}
