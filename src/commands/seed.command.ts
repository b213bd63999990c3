import 'reflect-metadata';
import { join } from 'node:path';
import { Module, type INestApplicationContext } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { BootstrapModule } from '../bootstrap/bootstrap.module.js';
import { writePrivateFile } from '../bootstrap/private-file.js';
import { loadConfig, type Config } from '../config/config.js';
import { isLoopback } from '../config/loopback.js';
import { IdentificationsModule } from '../identifications/identifications.module.js';
import { OauthClientsModule } from '../oauth/oauth-clients.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { bootstrap } from '../start.js';
import { withContext, type CommandWork } from './command-context.js';
import { json } from './running.js';
import { orStopped } from './stoppable.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { countSeed, describeSeed } from './seed-text.js';
import { Seeder, type Seeded } from './seeder.js';

@Module({
  imports: [BootstrapModule, AccountsModule, PasswordsModule, TokensModule, OauthClientsModule, IdentificationsModule],
  providers: [Seeder],
})
class SeedModule {}

const CONNECTIONS = 4;

/** The command that fills a database with sample data. A second run changes nothing. */
export async function seedDatabase(signal: AbortSignal, options: { yes?: boolean; json?: boolean }): Promise<void> {
  const config = loadConfig(process.env);
  if (!options.yes) refuseWhereUnsafe(config);
  await withContext(signal, [SeedModule], fill, { connections: CONNECTIONS });

  async function fill(context: INestApplicationContext, { logger, isAlone }: CommandWork): Promise<void> {
    // A running server and an outside database have seen to their first credentials.
    if (isAlone) await orStopped(signal, bootstrap(context, config, logger, options.json ? tell : print));
    await orStopped(signal, seed(context, config, options));
  }
}

/** @throws when people may be using the database, whose visitors would be taken for those of made-up organisations */
function refuseWhereUnsafe({ database, publicUrl }: Config): void {
  const reason =
    database !== undefined
      ? 'DATABASE_URL is set'
      : isLoopback(new URL(publicUrl).hostname)
        ? undefined
        : 'PUBLIC_URL is not a loopback address';
  if (reason === undefined) return;
  throw new Error(
    `${reason}: other people may be using this database. The seed adds people, organisations and clients that do not ` +
      'exist, and no command removes them again. To seed it anyway, run: latchkey seed --yes',
  );
}

async function seed(context: INestApplicationContext, config: Config, options: { json?: boolean }): Promise<void> {
  const path = config.database === undefined ? join(config.dataDir, 'seed.txt') : undefined;
  const made = await context.get(Seeder).run((seeded) => {
    if (path !== undefined) writePrivateFile(path, describeSeed(config, seeded));
  });
  if (options.json) {
    print(json({ created: made !== undefined, ...(made && fieldsOf(made)), file: path ?? null }));
    return;
  }
  if (!made) {
    const where = path === undefined ? '' : ` Its credentials are in ${path}.`;
    print(`The database is already seeded. Nothing was changed.${where}\n`);
    return;
  }
  const where = path === undefined ? 'These credentials are only shown once' : `These credentials are also in ${path}`;
  print(`\nCreated ${countSeed()}.\n${where}:\n\n${describeSeed(config, made)}\n`);
}

const fieldsOf = (made: Seeded) => ({
  password: made.password,
  app_token: made.appToken,
  token: made.userToken,
  frontend_app_token: made.frontendAppToken,
  api_token: made.apiToken,
  clients: made.clients,
});

/** What is no answer to the command. */
function tell(text: string): void {
  process.stderr.write(text);
}

function print(text: string): void {
  process.stdout.write(text);
}
