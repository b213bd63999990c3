import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ClientEpochs1764000000016 implements MigrationInterface {
  name = 'ClientEpochs1764000000016';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE oauth_clients ADD COLUMN epoch integer NOT NULL DEFAULT 0;
      -- Null: of another kind, or issued by a release that knew no epochs.
      ALTER TABLE tokens ADD COLUMN client_epoch integer;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Without epochs, the mark alone tells what was overtaken by a revocation.
      UPDATE tokens t SET revoked_at = now() FROM oauth_clients c
        WHERE c.id = t.client_id AND t.client_epoch <> c.epoch AND t.revoked_at IS NULL;
      ALTER TABLE tokens DROP COLUMN client_epoch;
      ALTER TABLE oauth_clients DROP COLUMN epoch;
    `);
  }
}
