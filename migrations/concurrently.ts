import type { QueryRunner } from 'typeorm';

/**
 * Builds indexes while others go on reading and writing, for a migration with `transaction = false`. Each waits for the
 * transactions that were there before it, and nobody waits for it. What a build that was broken off has left behind is
 * built anew.
 *
 * @param indexes what stands behind `CREATE INDEX` and the name, by name
 */
export async function createIndexes(
  runner: QueryRunner,
  indexes: Record<string, string>,
  { unique = false } = {},
): Promise<void> {
  await withoutLockTimeout(runner, async () => {
    for (const [name, definition] of Object.entries(indexes)) {
      const [found] = (await runner.query(
        'SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)',
        [name],
      )) as { valid: boolean }[];
      if (found?.valid) continue;
      if (found) await runner.query(`DROP INDEX ${beside(runner)} ${name}`);
      await runner.query(`CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${beside(runner)} ${name} ${definition}`);
    }
  });
}

/** The reverse of {@link createIndexes}. */
export async function dropIndexes(runner: QueryRunner, names: string[]): Promise<void> {
  await withoutLockTimeout(runner, async () => {
    for (const name of names) await runner.query(`DROP INDEX ${beside(runner)} IF EXISTS ${name}`);
  });
}

/** TypeORM takes a migration back within a transaction, in which it cannot be done beside the traffic. */
function beside(runner: QueryRunner): string {
  return runner.isTransactionActive ? '' : 'CONCURRENTLY';
}

async function withoutLockTimeout(runner: QueryRunner, work: () => Promise<void>): Promise<void> {
  const [before] = (await runner.query(`SELECT current_setting('lock_timeout') AS value`)) as { value: string }[];
  await runner.query('SET lock_timeout = 0');
  try {
    await work();
  } finally {
    // A transaction that has failed takes no statement; it forgets the setting itself.
    await runner.query(`SELECT set_config('lock_timeout', $1, false)`, [before?.value]).catch(() => undefined);
  }
}
