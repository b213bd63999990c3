import 'reflect-metadata';
import { loadConfig } from '../config/config.js';
import { createLogger } from '../logging/logger.js';
import { migrationNames } from '../database/migrate.js';
import { prepareSchema } from '../start.js';
import { json } from './running.js';
import { orStopped } from './stoppable.js';

/** The command that migrates an external database, for servers with RUN_MIGRATIONS=false. */
export async function migrateDatabase(signal: AbortSignal, options: { json?: boolean }): Promise<string> {
  const config = loadConfig(process.env);
  if (config.database === undefined) {
    throw new Error('Set DATABASE_URL. The embedded database is migrated whenever the server starts.');
  }
  // The command may share its environment with those servers.
  const asked = { ...config, runMigrations: true };
  await orStopped(
    signal,
    prepareSchema(asked, config.database, createLogger('warn', process.stderr, { format: config.logFormat }), signal),
  );
  return options.json ? json({ migrations: migrationNames.length }) : 'The database is up to date.\n';
}
