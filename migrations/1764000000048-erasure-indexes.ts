import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexes, dropIndexes } from './concurrently.js';

const INDEXES = {
  outgoing_mails_subject_id_idx: 'ON outgoing_mails (subject_id)',
  outgoing_mails_recipient_idx: 'ON outgoing_mails (lower(recipient))',
  email_links_unowned_idx: 'ON email_links (lower(email)) WHERE account_id IS NULL',
};

/** Without these, the erasure of an account reads all mails of a week while it keeps other changes of accounts waiting. */
export class ErasureIndexes1764000000048 implements MigrationInterface {
  name = 'ErasureIndexes1764000000048';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await createIndexes(runner, INDEXES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropIndexes(runner, Object.keys(INDEXES));
  }
}
