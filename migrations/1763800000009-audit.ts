import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Audit1763800000009 implements MigrationInterface {
  name = 'Audit1763800000009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_events (
        id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        at           timestamptz NOT NULL DEFAULT now(),
        kind         text        NOT NULL,
        actor_id     uuid,
        on_behalf_of uuid,
        subject      text,
        address      text,
        request_id   text
      );
      CREATE INDEX audit_events_at_idx ON audit_events (at DESC, id DESC);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_events');
  }
}
