import 'reflect-metadata';
import { announce } from '../bootstrap/announcement.js';
import { BootstrapModule } from '../bootstrap/bootstrap.module.js';
import { Bootstrap, type FirstCredentials } from '../bootstrap/bootstrap.service.js';
import { loadConfig } from '../config/config.js';
import { withContext } from './command-context.js';
import { json } from './running.js';
import { orStopped } from './stoppable.js';

/** The command that creates the first credentials in an external database and prints them, once. */
export async function bootstrapDatabase(signal: AbortSignal, options: { json?: boolean }): Promise<string> {
  const config = loadConfig(process.env);
  if (config.database === undefined || !config.secretKeys) {
    const how = 'Set DATABASE_URL. The embedded database gets its first credentials when the server first starts.';
    return options.json ? json({ created: false, message: how }) : `${how}\n`;
  }
  return withContext(signal, [BootstrapModule], async (context) => {
    const made = await orStopped(signal, context.get(Bootstrap).generated());
    if (options.json) return json({ created: made !== undefined, ...(made && fieldsOf(made)) });
    return made ? announce(config, made) : 'An admin and a valid App-Token already exist. Nothing was created.\n';
  });
}

/** Null: there was one already. */
const fieldsOf = (made: FirstCredentials) => ({
  admin_email: made.adminEmail ?? null,
  admin_password: made.adminPassword ?? null,
  app_token: made.appToken ?? null,
  client_id: made.clientId ?? null,
  client_secret: made.clientSecret ?? null,
});
