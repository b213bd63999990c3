import type { MigrationInterface, QueryRunner } from 'typeorm';

const PURPOSES = {
  before: `purpose IN ('verify', 'undo', 'tell')`,
  after: `purpose IN ('verify', 'undo', 'tell', 'sign_up', 'change')`,
};

/**
 * Attempts to sign up, and pending changes of email, are links too. The previous release asks for the purposes that it knows
 * and does not see these.
 */
export class ProofsOfEmails1764000000024 implements MigrationInterface {
  name = 'ProofsOfEmails1764000000024';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE email_links
        ADD COLUMN password_hash text,
        DROP CONSTRAINT email_links_purpose_check,
        ADD CONSTRAINT email_links_purpose_check CHECK (${PURPOSES.after}) NOT VALID;
    `);
    await runner.query('ALTER TABLE email_links VALIDATE CONSTRAINT email_links_purpose_check');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM email_links WHERE purpose IN ('sign_up', 'change');
      ALTER TABLE email_links
        DROP COLUMN password_hash,
        DROP CONSTRAINT email_links_purpose_check,
        ADD CONSTRAINT email_links_purpose_check CHECK (${PURPOSES.before});
    `);
  }
}
