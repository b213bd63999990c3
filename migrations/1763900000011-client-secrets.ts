import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ClientSecrets1763900000011 implements MigrationInterface {
  name = 'ClientSecrets1763900000011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE oauth_clients
        ADD COLUMN account_id uuid,
        ADD CONSTRAINT oauth_clients_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE;
      CREATE INDEX oauth_clients_account_id_idx ON oauth_clients (account_id);
      CREATE INDEX oauth_clients_created_at_idx ON oauth_clients (created_at DESC, id DESC);
      -- Until now only the first start made a client, together with the first admin.
      UPDATE oauth_clients
      SET account_id = (
        SELECT id FROM accounts WHERE role = 'admin' AND disabled_at IS NULL ORDER BY created_at, id LIMIT 1);
      ALTER TABLE oauth_client_secrets
        ADD COLUMN hint text CHECK (char_length(hint) = 4),
        ADD COLUMN last_used_at timestamptz;
      -- A client has one token an hour or more, which are kept for TOKEN_RETENTION: only the live ones are ever changed.
      DROP INDEX tokens_client_id_idx;
      CREATE INDEX tokens_client_id_idx ON tokens (client_id, expires_at) WHERE client_id IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX tokens_client_id_idx;
      CREATE INDEX tokens_client_id_idx ON tokens (client_id) WHERE client_id IS NOT NULL;
      ALTER TABLE oauth_client_secrets DROP COLUMN last_used_at, DROP COLUMN hint;
      DROP INDEX oauth_clients_created_at_idx, oauth_clients_account_id_idx;
      ALTER TABLE oauth_clients DROP COLUMN account_id;
    `);
  }
}
