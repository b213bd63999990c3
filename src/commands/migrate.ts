import 'reflect-metadata';
import { loadConfig } from '../config/config.js';
import { createLogger } from '../logging/logger.js';
import { prepareSchema } from '../start.js';

/** The command that brings the schema of an outside database up to date, for servers that have RUN_MIGRATIONS=false. */
async function run(): Promise<string> {
  const config = loadConfig(process.env);
  if (config.database === undefined) {
    throw new Error('Set DATABASE_URL. Every start migrates the embedded database by itself.');
  }
  // It may share the variables of those servers, and is asked to migrate all the same.
  const asked = { ...config, runMigrations: true };
  await prepareSchema(asked, config.database, createLogger('warn'));
  return 'The database is migrated.\n';
}

run().then(
  (text) => process.stdout.write(text),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
