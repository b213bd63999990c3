import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The previous release writes none of these, and leaves the mails about them to replicas that know their kind. */
export class PasswordChanges1764000000018 implements MigrationInterface {
  name = 'PasswordChanges1764000000018';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE password_changes (
        id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        account_id uuid        NOT NULL CONSTRAINT password_changes_account_id_fkey REFERENCES accounts ON DELETE CASCADE,
        way        text        NOT NULL CONSTRAINT password_changes_way_check CHECK (way IN ('session', 'link', 'admin')),
        address    text,
        user_agent text,
        changed_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX password_changes_account_id_idx ON password_changes (account_id);
      CREATE INDEX password_changes_changed_at_idx ON password_changes (changed_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE password_changes');
  }
}
