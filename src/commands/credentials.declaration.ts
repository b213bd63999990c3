import { Option, type Command } from 'commander';
import { CLIENT_SCOPE_NAMES } from '../access/client-scopes.js';
import { count, each, YES_OPTION } from './account.declaration.js';
import type { Destructive } from './account.command.js';
import type { AppTokenListOptions, NewAppTokenOptions } from './app-token.command.js';
import type { NewClientOptions } from './client.command.js';
import { JSON_OPTION, running } from './running.js';

const load = {
  appTokens: () => import('./app-token.command.js'),
  clients: () => import('./client.command.js'),
  inspect: () => import('./token.command.js'),
};

const LIMIT = () => new Option('--limit <number>', 'how many at most').argParser(count).default(100);

/** `latchkey app-token …`, `client …`, `token …` */
export function addCredentials(program: Command): void {
  addAppTokens(program);
  addClients(program);
  addClientChanges(program);
  addInspection(program);
}

function addAppTokens(program: Command): void {
  const appToken = program.command('app-token').description('tokens of applications, for the App-Token header');
  appToken
    .command('create')
    .description('make one, and show it once')
    .argument('<account>', 'the owner: its id, its legacy_id or its email')
    .option('--name <name>', 'what you call the application')
    .option('--scope <scope>', 'frontend or client-address, of an admin; may be given several times', each)
    .option('--network <network>', 'with client-address: from where it may pass on addresses', each)
    .addOption(new Option('--expires-in <seconds>', 'instead of APP_TOKEN_TTL').argParser(Number))
    .option(...JSON_OPTION)
    .addHelpText('after', "\nExample:\n  latchkey app-token create ada@example.org --name 'The till'")
    .action(
      running<NewAppTokenOptions>(async (signal, options, account = '') => ({
        text: await (await load.appTokens()).createAppToken(signal, account, options),
      })),
    );
  appToken
    .command('list')
    .description('list them, newest first')
    .option('--account <account>', 'only those of this one')
    .addOption(LIMIT())
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  latchkey app-token list --account ada@example.org')
    .action(
      running<AppTokenListOptions>(async (signal, options) => ({
        text: await (await load.appTokens()).listAppTokens(signal, options),
      })),
    );
  appToken
    .command('revoke')
    .description('end one')
    .argument('<id>', 'never the token itself')
    .option('--cascade', 'also end the user tokens that were obtained through it')
    .option(...YES_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  latchkey app-token revoke 0b6c6a1e-6a5f-4d0e-9f7e-0f1f6f3f7d55 --cascade')
    .action(
      running<Destructive & { cascade?: boolean }>(async (signal, options, id = '') => ({
        text: await (await load.appTokens()).revokeAppToken(signal, id, options),
      })),
    );
}

function addClients(program: Command): void {
  const client = program.command('client').description('OAuth2 clients');
  client
    .command('create')
    .description('make one, and show its secret once')
    .argument('<name>', 'what it is called')
    .requiredOption('--owner <account>', 'an enabled admin, who answers for it')
    .requiredOption('--scope <scope>', `${CLIENT_SCOPE_NAMES.join(', ')}; may be given several times`, each)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      "\nExample:\n  latchkey client create 'Reading room' --owner ada@example.org --scope identifications",
    )
    .action(
      running<NewClientOptions>(async (signal, options, name = '') => ({
        text: await (await load.clients()).createClient(signal, name, options),
      })),
    );
  client
    .command('list')
    .description('list them, newest first')
    .addOption(LIMIT())
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  latchkey client list')
    .action(
      running<{ limit: number; json?: boolean }>(async (signal, options) => ({
        text: await (await load.clients()).listClients(signal, options),
      })),
    );
}

function addClientChanges(program: Command): void {
  const client = program.commands.find((one) => one.name() === 'client') ?? program;
  client
    .command('rotate-secret')
    .description('add a second secret, and show it once: both are good')
    .argument('<id>', 'the client_id')
    .option('--only', 'refuse the secrets that it has from now on')
    .option(...YES_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Examples:
  latchkey client rotate-secret 6c2f41c2-9f32-4f0b-bb39-5a2d5e1f8f0a
  latchkey client rotate-secret 6c2f41c2-9f32-4f0b-bb39-5a2d5e1f8f0a --only --yes`,
    )
    .action(
      running<Destructive & { only?: boolean }>(async (signal, options, id = '') => ({
        text: await (await load.clients()).rotateClientSecret(signal, id, options),
      })),
    );
  for (const [name, does, run] of [
    ['revoke', 'end its access tokens; its secrets stay valid', 'revokeClient'],
    ['delete', 'delete it with its secrets, access tokens and identifications', 'deleteClient'],
  ] as const) {
    client
      .command(name)
      .description(does)
      .argument('<id>', 'the client_id')
      .option(...YES_OPTION)
      .option(...JSON_OPTION)
      .addHelpText('after', `\nExample:\n  latchkey client ${name} 6c2f41c2-9f32-4f0b-bb39-5a2d5e1f8f0a`)
      .action(
        running<Destructive>(async (signal, options, id = '') => ({
          text: await (await load.clients())[run](signal, id, options),
        })),
      );
  }
}

function addInspection(program: Command): void {
  program
    .command('token')
    .description('tokens of every kind')
    .command('inspect')
    .description('say what a string is: its kind, its owner, its state, or that it is not a Latchkey credential')
    .option('--file <file>', 'that has it (default: it is asked for, or read from standard input)')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Never give it as an argument: others on the machine could see it.
Ends with 0 when it is good, with 1 when it is not (any more), and with 4 when it is not a Latchkey credential.

Example:
  latchkey token inspect < found-in-a-log.txt`,
    )
    .action(
      running<{ file?: string; json?: boolean }>(async (signal, options) =>
        (await load.inspect()).inspectToken(signal, options),
      ),
    );
}
