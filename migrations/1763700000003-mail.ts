import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Mail1763700000003 implements MigrationInterface {
  name = 'Mail1763700000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE outgoing_mails (
        id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        kind            text        NOT NULL,
        subject_id      uuid        NOT NULL,
        recipient       text        NOT NULL,
        created_at      timestamptz NOT NULL DEFAULT now(),
        attempts        integer     NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        done_at         timestamptz,
        last_error      text
      );
      CREATE INDEX outgoing_mails_done_at_idx ON outgoing_mails (done_at) WHERE done_at IS NOT NULL;
      CREATE INDEX outgoing_mails_due_idx ON outgoing_mails (next_attempt_at) WHERE done_at IS NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE outgoing_mails');
  }
}
