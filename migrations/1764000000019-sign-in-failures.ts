import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Beside `attempt_limits`, which the previous release goes on counting sign-ins in: while both run, each counts the failures
 * that it has seen.
 */
export class SignInFailures1764000000019 implements MigrationInterface {
  name = 'SignInFailures1764000000019';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE sign_in_failures (
        account       text        NOT NULL,
        place         text        NOT NULL,
        count         integer     NOT NULL,
        blocked_until timestamptz,
        ends_at       timestamptz NOT NULL,
        PRIMARY KEY (account, place)
      );
      CREATE INDEX sign_in_failures_ends_at_idx ON sign_in_failures (ends_at);

      CREATE TABLE known_addresses (
        account_id uuid        NOT NULL REFERENCES accounts ON DELETE CASCADE,
        digest     bytea       NOT NULL,
        seen_at    timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (account_id, digest)
      );
      CREATE INDEX known_addresses_seen_at_idx ON known_addresses (seen_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE known_addresses; DROP TABLE sign_in_failures');
  }
}
