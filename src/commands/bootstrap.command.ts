import 'reflect-metadata';
import { announce } from '../bootstrap/announcement.js';
import { BootstrapModule } from '../bootstrap/bootstrap.module.js';
import { Bootstrap } from '../bootstrap/bootstrap.service.js';
import { loadConfig } from '../config/config.js';
import { withContext } from './command-context.js';
import { orStopped } from './stoppable.js';

/** The command that creates the first credentials in an external database and prints them, once. */
export async function bootstrapDatabase(signal: AbortSignal): Promise<string> {
  const config = loadConfig(process.env);
  if (config.database === undefined || !config.secretKeys) {
    return 'Set DATABASE_URL. The embedded database gets its first credentials when the server first starts.\n';
  }
  return withContext(signal, [BootstrapModule], async (context) => {
    const made = await orStopped(signal, context.get(Bootstrap).generated());
    return made ? announce(config, made) : 'An admin and a valid App-Token already exist. Nothing was created.\n';
  });
}
