import type { MigrationInterface, QueryRunner } from 'typeorm';

export class TokenKinds1763800000008 implements MigrationInterface {
  name = 'TokenKinds1763800000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tokens
        DROP CONSTRAINT tokens_kind_check,
        ADD CONSTRAINT tokens_kind_check CHECK (kind IN ('app', 'user', 'api', 'oauth')),
        ALTER COLUMN account_id DROP NOT NULL,
        ALTER COLUMN expires_at DROP NOT NULL,
        ADD COLUMN actor_id uuid,
        ADD COLUMN client_id text,
        ADD COLUMN gateway_account_id text CHECK (char_length(gateway_account_id) <= 255),
        ADD COLUMN description text CHECK (char_length(description) <= 1000),
        ADD COLUMN created_by text CHECK (char_length(created_by) <= 255),
        ADD COLUMN revoked_at timestamptz,
        ADD COLUMN last_used_at timestamptz,
        ADD CONSTRAINT tokens_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES accounts (id) ON DELETE CASCADE,
        ADD CONSTRAINT tokens_client_id_fkey FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE,
        ADD CONSTRAINT tokens_owner_check CHECK ((account_id IS NULL) = (kind IN ('api', 'oauth'))),
        ADD CONSTRAINT tokens_client_check CHECK ((client_id IS NULL) = (kind <> 'oauth')),
        ADD CONSTRAINT tokens_gateway_account_check CHECK ((gateway_account_id IS NULL) = (kind <> 'api'));
      DROP INDEX tokens_account_id_idx;
      CREATE INDEX tokens_account_id_idx ON tokens (account_id, kind, created_at DESC, id DESC);
      CREATE INDEX tokens_client_id_idx ON tokens (client_id) WHERE client_id IS NOT NULL;
      CREATE INDEX tokens_actor_id_idx ON tokens (actor_id) WHERE actor_id IS NOT NULL;
      CREATE INDEX tokens_kind_idx ON tokens (kind, created_at DESC, id DESC) WHERE revoked_at IS NULL;
      CREATE INDEX tokens_gateway_account_id_idx ON tokens (gateway_account_id, created_at DESC, id DESC)
        WHERE gateway_account_id IS NOT NULL;
      CREATE INDEX tokens_ended_idx ON tokens (least(expires_at, revoked_at));
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Without its column a revoked token would be good again.
      DELETE FROM tokens WHERE kind <> 'app' OR expires_at IS NULL OR revoked_at IS NOT NULL;
      DROP INDEX tokens_ended_idx, tokens_gateway_account_id_idx, tokens_kind_idx, tokens_actor_id_idx,
        tokens_client_id_idx,
        tokens_account_id_idx;
      ALTER TABLE tokens
        DROP CONSTRAINT tokens_gateway_account_check,
        DROP CONSTRAINT tokens_client_check,
        DROP CONSTRAINT tokens_owner_check,
        DROP CONSTRAINT tokens_client_id_fkey,
        DROP CONSTRAINT tokens_actor_id_fkey,
        DROP COLUMN last_used_at,
        DROP COLUMN revoked_at,
        DROP COLUMN created_by,
        DROP COLUMN description,
        DROP COLUMN gateway_account_id,
        DROP COLUMN client_id,
        DROP COLUMN actor_id,
        ALTER COLUMN expires_at SET NOT NULL,
        ALTER COLUMN account_id SET NOT NULL,
        DROP CONSTRAINT tokens_kind_check,
        ADD CONSTRAINT tokens_kind_check CHECK (kind IN ('app'));
      CREATE INDEX tokens_account_id_idx ON tokens (account_id);
    `);
  }
}
