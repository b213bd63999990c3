import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an organisation is found by depends on these. */
const TRIGGERS = {
  accounts_note_new_institution: 'AFTER INSERT ON accounts FOR EACH ROW WHEN (NOT NEW.individual)',
  accounts_note_changed_institution: `AFTER UPDATE OF name, aliases, individual, disabled_at ON accounts FOR EACH ROW
    WHEN (NOT (OLD.individual AND NEW.individual) AND (OLD.name, OLD.aliases, OLD.individual, OLD.disabled_at IS NULL)
      IS DISTINCT FROM (NEW.name, NEW.aliases, NEW.individual, NEW.disabled_at IS NULL))`,
  accounts_note_deleted_institution: 'AFTER DELETE ON accounts FOR EACH ROW WHEN (NOT OLD.individual)',
};

/**
 * Other names of organisations, and what they are found by. A trigger notes which have changed, also when the previous release
 * changes them, and all that there are are noted here; a server brings them up to date as it starts. The previous release searches by accounts_institution_idx, which a later
 * one can drop.
 */
export class InstitutionSearch1764000000043 implements MigrationInterface {
  name = 'InstitutionSearch1764000000043';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // One statement for each lock: what is in its way is tried again, from the beginning.
    await runner.query(`ALTER TABLE accounts ADD COLUMN IF NOT EXISTS aliases text[] NOT NULL DEFAULT '{}'`);
    await runner.query(`
      CREATE TABLE IF NOT EXISTS institution_search (
        account_id uuid   PRIMARY KEY,
        folded     text   COLLATE "C" NOT NULL,
        aliases    text[] COLLATE "C" NOT NULL,
        words      tsvector NOT NULL
      );
      CREATE INDEX IF NOT EXISTS institution_search_folded_idx ON institution_search (folded, account_id);
      -- Without a list of what is not in the index yet, which every search would have to read.
      CREATE INDEX IF NOT EXISTS institution_search_aliases_idx ON institution_search
        USING gin (aliases) WITH (fastupdate = off);
      CREATE INDEX IF NOT EXISTS institution_search_words_idx ON institution_search
        USING gin (words) WITH (fastupdate = off);
      CREATE TABLE IF NOT EXISTS institution_words (
        word text   COLLATE "C" PRIMARY KEY,
        keys text[] COLLATE "C" NOT NULL
      );
      CREATE INDEX IF NOT EXISTS institution_words_keys_idx ON institution_words USING gin (keys) WITH (fastupdate = off);
      CREATE TABLE IF NOT EXISTS institution_changes (
        id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        account_id uuid NOT NULL
      );
      CREATE OR REPLACE FUNCTION note_institution_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO institution_changes (account_id) VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END);
          RETURN NULL;
        END
      $$`);
    for (const [name, when] of Object.entries(TRIGGERS)) {
      await runner.query(`CREATE OR REPLACE TRIGGER ${name} ${when} EXECUTE FUNCTION note_institution_change()`);
    }
    await runner.query(`
      INSERT INTO institution_changes (account_id)
      SELECT id FROM accounts WHERE NOT individual AND name IS NOT NULL AND disabled_at IS NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const name of Object.keys(TRIGGERS)) await runner.query(`DROP TRIGGER ${name} ON accounts`);
    await runner.query(`
      DROP FUNCTION note_institution_change();
      DROP TABLE institution_changes, institution_words, institution_search;
      ALTER TABLE accounts DROP COLUMN aliases`);
  }
}
