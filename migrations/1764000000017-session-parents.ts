import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The previous release goes on working on these rows, by its own rule. What it rotates needs no mark: a counter that
 * `late_counter` does not name has the one before it for its parent. Late showings raise the counter by two, so that its rule
 * (the counter before the current one is good for ten seconds) applies to no token that was skipped: it ends the session then,
 * as this release does. A parent that it is shown late ends the session there, as it always has.
 */
export class SessionParents1764000000017 implements MigrationInterface {
  name = 'SessionParents1764000000017';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- All null: no parent has been shown late.
      ALTER TABLE sessions
        ADD COLUMN late_counter integer,
        ADD COLUMN late_parent integer,
        ADD COLUMN late_showings integer,
        ADD COLUMN late_network text;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sessions
        DROP COLUMN late_counter,
        DROP COLUMN late_parent,
        DROP COLUMN late_showings,
        DROP COLUMN late_network;
    `);
  }
}
