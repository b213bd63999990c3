import type { MigrationInterface, QueryRunner } from 'typeorm';

const WAYS = {
  before: `way IN ('session', 'link', 'admin')`,
  after: `way IN ('session', 'moved', 'link', 'admin', 'undo')`,
};

/** The table has the changes of 30 days: it is read while others go on writing it. */
export class WaysOfPasswordChanges1764000000026 implements MigrationInterface {
  name = 'WaysOfPasswordChanges1764000000026';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE password_changes
        DROP CONSTRAINT IF EXISTS password_changes_way_check,
        ADD CONSTRAINT password_changes_way_check CHECK (${WAYS.after}) NOT VALID;
    `);
    await runner.query('ALTER TABLE password_changes VALIDATE CONSTRAINT password_changes_way_check');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM password_changes WHERE way IN ('moved', 'undo');
      ALTER TABLE password_changes
        DROP CONSTRAINT password_changes_way_check,
        ADD CONSTRAINT password_changes_way_check CHECK (${WAYS.before});
    `);
  }
}
