import type { MigrationInterface, QueryRunner } from 'typeorm';
import { foldEmail, isSpelt, spellingsOf } from '../src/emails/email-address.js';

/** Emails that are in the stored form as they are, but for case. */
const PLAIN = `email ~ '^[!#-?A-~]+@[A-Za-z0-9.-]+$'`;

/**
 * Reports accounts whose emails were two and are one now, because they differ only in how it is spelt: an audit event for
 * each of them names the others. The accounts stay as they are, and so does what is stored of every email: the previous
 * release finds its rows by it.
 */
export class EmailsInOneForm1764000000023 implements MigrationInterface {
  name = 'EmailsInOneForm1764000000023';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    const others = (await runner.query(`SELECT id, email FROM accounts WHERE NOT (${PLAIN})`)) as Row[];
    const groups = new Map<string, Set<string>>();
    for (const { id, email } of others) {
      const key = foldEmail(email);
      const group = groups.get(key) ?? new Set();
      const found = (await runner.query(`SELECT id FROM accounts WHERE ${isSpelt('email', '$1')}`, [
        spellingsOf(email),
      ])) as Row[];
      for (const row of [{ id }, ...found]) group.add(row.id);
      groups.set(key, group);
    }
    for (const group of groups.values()) {
      if (group.size > 1) for (const id of group) await report(runner, id, [...group]);
    }
  }

  async down(): Promise<void> {
    // Nothing was changed, and the audit log keeps what it has.
  }
}

interface Row {
  id: string;
  email: string;
}

async function report(runner: QueryRunner, id: string, group: string[]): Promise<void> {
  const details = { accounts: group.filter((other) => other !== id) };
  await runner.query(
    `INSERT INTO audit_events (kind, subject, outcome, details) SELECT 'account.email_shared', $1::text, 'success', $2
     WHERE NOT EXISTS (SELECT FROM audit_events WHERE kind = 'account.email_shared' AND subject = $1::text)`,
    [id, details],
  );
}
