import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The previous release ignores lineages, but honours what bounds such tokens besides: `actor_id`, whose revocation it marks, and
 * `expires_at`.
 */
export class Lineage1764000000021 implements MigrationInterface {
  name = 'Lineage1764000000021';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- All null: nobody acted for somebody else.
      ALTER TABLE tokens ADD COLUMN made_with uuid[];
      ALTER TABLE oauth_clients ADD COLUMN actor_id uuid, ADD COLUMN made_with uuid[];
      ALTER TABLE oauth_client_secrets ADD COLUMN actor_id uuid, ADD COLUMN made_with uuid[];
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Without lineages, clients and their secrets would last for ever; tokens keep their own end.
      DELETE FROM oauth_clients WHERE made_with IS NOT NULL;
      DELETE FROM oauth_client_secrets WHERE made_with IS NOT NULL;
      UPDATE tokens t SET revoked_at = now() WHERE t.made_with IS NOT NULL AND t.revoked_at IS NULL
        AND EXISTS (SELECT FROM unnest(t.made_with) AS made (id) LEFT JOIN tokens m ON m.id = made.id AND m.revoked_at IS NULL
                    WHERE m.id IS NULL);
      ALTER TABLE oauth_client_secrets DROP COLUMN made_with, DROP COLUMN actor_id;
      ALTER TABLE oauth_clients DROP COLUMN made_with, DROP COLUMN actor_id;
      ALTER TABLE tokens DROP COLUMN made_with;
    `);
  }
}
