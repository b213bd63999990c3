import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexes, dropIndexes } from './concurrently.js';

const TABLES = ['account_networks', 'account_email_domains'];

const INDEXES = {
  account_networks_seniority_idx:
    'ON account_networks (network, seniority DESC, account_id DESC) WHERE seniority IS NOT NULL',
  account_email_domains_seniority_idx: 'ON account_email_domains (domain, seniority, account_id)',
};

/** How many accounts are brought up to date at once. */
const BATCH = 1_000;

/**
 * Of many accounts that share a network or a domain, an index leads to the one that has it: the oldest that is not disabled.
 * Triggers keep the column, also for the previous release.
 */
export class Seniority1764000000040 implements MigrationInterface {
  name = 'Seniority1764000000040';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // One statement for each lock: what is in its way is tried again, from the beginning.
    for (const table of TABLES)
      await runner.query(`ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS seniority timestamptz`);
    await runner.query(`
      CREATE OR REPLACE FUNCTION take_seniority() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          -- Locked, so that whoever disables the account at the same time comes before or after.
          SELECT CASE WHEN a.disabled_at IS NULL THEN a.created_at END INTO NEW.seniority
          FROM accounts a WHERE a.id = NEW.account_id FOR SHARE;
          RETURN NEW;
        END
      $$`);
    await runner.query(`
      CREATE OR REPLACE FUNCTION give_seniority() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
          given timestamptz := CASE WHEN NEW.disabled_at IS NULL THEN NEW.created_at END;
        BEGIN
          UPDATE account_networks SET seniority = given WHERE account_id = NEW.id;
          UPDATE account_email_domains SET seniority = given WHERE account_id = NEW.id;
          RETURN NULL;
        END
      $$`);
    for (const table of TABLES) {
      await runner.query(`
        CREATE OR REPLACE TRIGGER ${table}_take_seniority BEFORE INSERT OR UPDATE OF account_id ON ${table}
          FOR EACH ROW EXECUTE FUNCTION take_seniority()`);
    }
    await runner.query(`
      CREATE OR REPLACE TRIGGER accounts_give_seniority AFTER UPDATE OF disabled_at, created_at ON accounts FOR EACH ROW
        WHEN ((OLD.disabled_at IS NULL) <> (NEW.disabled_at IS NULL) OR OLD.created_at <> NEW.created_at)
        EXECUTE FUNCTION give_seniority()`);
    for (const table of TABLES) await fill(runner, table);
    await createIndexes(runner, INDEXES);
    // The new one begins with the same column.
    await dropIndexes(runner, ['account_email_domains_domain_idx']);
  }

  async down(runner: QueryRunner): Promise<void> {
    await createIndexes(runner, { account_email_domains_domain_idx: 'ON account_email_domains (domain)' });
    await dropIndexes(runner, Object.keys(INDEXES));
    await runner.query('DROP TRIGGER accounts_give_seniority ON accounts');
    for (const table of TABLES) {
      await runner.query(`DROP TRIGGER ${table}_take_seniority ON ${table}`);
      await runner.query(`ALTER TABLE ${table} DROP COLUMN seniority`);
    }
    await runner.query('DROP FUNCTION give_seniority(), take_seniority()');
  }
}

/** A few accounts at a time, each locked, so that nobody disables one that is taken for enabled. */
async function fill(runner: QueryRunner, table: string): Promise<void> {
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const [row] = (await runner.query(
      `WITH batch AS (
         SELECT DISTINCT account_id FROM (
           SELECT account_id FROM ${table} WHERE account_id > $1 ORDER BY account_id LIMIT ${BATCH}) AS next
       ), locked AS (
         SELECT a.id, a.created_at, a.disabled_at FROM accounts a JOIN batch ON batch.account_id = a.id
         ORDER BY a.id FOR SHARE OF a
       ), filled AS (
         UPDATE ${table} t SET seniority = l.created_at FROM locked l
         WHERE t.account_id = l.id AND l.disabled_at IS NULL AND t.seniority IS DISTINCT FROM l.created_at
       )
       SELECT max(account_id::text) AS last FROM batch`,
      [after],
    )) as { last: string | null }[];
    if (row?.last == null) return;
    after = row.last;
  }
}
