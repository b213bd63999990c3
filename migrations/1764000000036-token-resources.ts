import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The previous release stores null, and takes a token for another resource too: ask for one when all replicas are new. */
export class TokenResources1764000000036 implements MigrationInterface {
  name = 'TokenResources1764000000036';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tokens ADD COLUMN resource text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tokens DROP COLUMN resource');
  }
}
