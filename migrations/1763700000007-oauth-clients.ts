import type { MigrationInterface, QueryRunner } from 'typeorm';

export class OauthClients1763700000007 implements MigrationInterface {
  name = 'OauthClients1763700000007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE oauth_clients (
        id         text        PRIMARY KEY,
        name       text        NOT NULL,
        scopes     text[]      NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE TABLE oauth_client_secrets (
        id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        client_id  text        NOT NULL,
        digest     bytea       NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT oauth_client_secrets_client_id_fkey FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE
      );
      CREATE INDEX oauth_client_secrets_client_id_idx ON oauth_client_secrets (client_id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE oauth_client_secrets; DROP TABLE oauth_clients');
  }
}
