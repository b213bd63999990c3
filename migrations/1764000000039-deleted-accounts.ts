import type { MigrationInterface, QueryRunner } from 'typeorm';

/** By a trigger, which also notes what a server of the previous release deletes. */
export class DeletedAccounts1764000000039 implements MigrationInterface {
  name = 'DeletedAccounts1764000000039';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE deleted_accounts (
        id          uuid        PRIMARY KEY,
        legacy_id   text,
        imported_as bytea,
        deleted_at  timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX deleted_accounts_legacy_id_idx ON deleted_accounts (legacy_id) WHERE legacy_id IS NOT NULL;
      CREATE INDEX deleted_accounts_imported_as_idx ON deleted_accounts (imported_as) WHERE imported_as IS NOT NULL;
      CREATE FUNCTION note_deleted_account() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO deleted_accounts (id, legacy_id, imported_as) VALUES (OLD.id, OLD.legacy_id, OLD.imported_as)
          ON CONFLICT DO NOTHING;
          RETURN NULL;
        END
      $$;
      CREATE TRIGGER accounts_note_deleted AFTER DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION note_deleted_account();
      -- What the audit log still knows.
      INSERT INTO deleted_accounts (id, deleted_at)
      SELECT subject::uuid, min(at) FROM audit_events
      WHERE kind = 'account.deleted' AND outcome = 'success'
        AND subject ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
      GROUP BY subject ON CONFLICT DO NOTHING;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER accounts_note_deleted ON accounts;
      DROP FUNCTION note_deleted_account();
      DROP TABLE deleted_accounts;
    `);
  }
}
