import type { DatabaseConnection } from '../config/database-url.js';
import type { SupervisedPostgres, SupervisedPostgresOptions } from '@latchkey/supervised-postgres';

const ALTERNATIVE = 'set DATABASE_URL to a PostgreSQL server';
const LATCHKEY = { id: 'latchkey', name: 'Latchkey', dataDirLabel: 'DATA_DIR', alternative: ALTERNATIVE };

/**
 * Starts the embedded PostgreSQL of a DATA_DIR, which keeps running until `stop`. Throws an Error that says what to do
 * when the optional package is not installed, and whatever `SupervisedPostgres.start` throws.
 */
export async function startEmbeddedPostgres(
  options: Omit<SupervisedPostgresOptions, 'app'>,
): Promise<SupervisedPostgres> {
  const { SupervisedPostgres } = await loadSupervisor();
  return SupervisedPostgres.start({ ...options, app: LATCHKEY });
}

/** @returns the connection to the PostgreSQL that another process runs on a DATA_DIR; undefined while it is starting */
export async function runningEmbeddedPostgres(dataDir: string): Promise<DatabaseConnection | undefined> {
  const { runningPostgres } = await loadSupervisor();
  return runningPostgres(LATCHKEY, dataDir);
}

async function loadSupervisor(): Promise<typeof import('@latchkey/supervised-postgres')> {
  try {
    return await import('@latchkey/supervised-postgres');
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const missing = 'The package @latchkey/supervised-postgres is not installed.';
    throw new Error(`${missing} Install it or ${ALTERNATIVE}.`, { cause });
  }
}
