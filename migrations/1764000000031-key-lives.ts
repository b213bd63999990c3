import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Signing keys have a life, and it is known which SECRET_KEY was in use until when. The previous release takes each key for one
 * of RS512 that signs at once, as these defaults have it for those that it makes, and signs with the one that has the latest
 * `created_at`; it does not see `secret_keys`.
 */
export class KeyLives1764000000031 implements MigrationInterface {
  name = 'KeyLives1764000000031';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE signing_keys
        ADD COLUMN algorithm text NOT NULL DEFAULT 'RS512'
          CONSTRAINT signing_keys_algorithm_check CHECK (algorithm IN ('RS512', 'PS512')),
        ADD COLUMN published_at timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN signs_from timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN token_ttl bigint NOT NULL DEFAULT 0;
      UPDATE signing_keys SET published_at = created_at, signs_from = created_at;
      CREATE TABLE secret_keys (
        id            text        PRIMARY KEY,
        current_from  timestamptz NOT NULL DEFAULT now(),
        current_until timestamptz NOT NULL DEFAULT now()
      );
    `);
  }

  /** The previous release would sign with a key before its time, and knows nothing but RS512. It makes a key if none is left. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM signing_keys WHERE algorithm <> 'RS512' OR signs_from > now();
      UPDATE signing_keys SET created_at = signs_from;
      DROP TABLE secret_keys;
      ALTER TABLE signing_keys
        DROP COLUMN algorithm,
        DROP COLUMN published_at,
        DROP COLUMN signs_from,
        DROP COLUMN token_ttl;
    `);
  }
}
