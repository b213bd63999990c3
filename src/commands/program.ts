import { Command, CommanderError, Option } from 'commander';
import { VERSION } from '../config/version.js';
import type { ExportArguments } from './export.command.js';
import type { ImportArguments } from './import.command.js';
import type { RotateArguments } from './keys.command.js';
import { addAccounts } from './account.declaration.js';
import { addCredentials } from './credentials.declaration.js';
import { addOperations } from './operations.declaration.js';
import { EXIT, JSON_OPTION, running, UsageError } from './running.js';

/**
 * The program `latchkey`. What a command needs is only loaded when it runs, so that `--help` waits for nothing. A new one is
 * a line here and a function in `NAME.command.ts`, which takes the signal that stops it.
 */
function latchkey(): Command {
  const program = new Command('latchkey')
    .description('A self-hosted backend for accounts, sessions and tokens. Settings are environment variables.')
    .version(VERSION)
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false });
  program
    .command('serve')
    .description('serve until a signal ends it, as npm start does')
    .action(async () => (await import('../serve.js')).serve());
  program
    .command('migrate')
    .description('bring an external database up to date, for servers with RUN_MIGRATIONS=false')
    .action(running(async (signal) => ({ text: await (await load.migrate()).migrateDatabase(signal) })));
  program
    .command('bootstrap')
    .description('make the first credentials in an external database, and show them once')
    .action(running(async (signal) => ({ text: await (await load.bootstrap()).bootstrapDatabase(signal) })));
  program
    .command('seed')
    .description('fill a database with sample data')
    .option('--yes', 'even where other people may be using the database')
    .action(
      running<{ yes?: boolean }>(async (signal, options) => {
        await (await load.seed()).seedDatabase(signal, options);
        return {};
      }),
    );
  addAccounts(program);
  addCredentials(program);
  addImport(program);
  addExport(program);
  addKeys(program);
  addOperations(program);
  return program;
}

function addKeys(program: Command): void {
  const keys = program.command('keys').description('the keys that sign session JWTs');
  keys
    .command('list')
    .description('list them: published, signing, retiring')
    .option(...JSON_OPTION)
    .action(
      running<{ json?: boolean }>(async (signal, options) => ({
        text: await (await load.keys()).listKeys(signal, options),
      })),
    );
  keys
    .command('rotate')
    .description('publish a new one, which signs an hour later')
    .option('--now', 'it signs at once')
    .option('--compromised', 'end all others, with every JWT that they have signed; the new one signs at once')
    .option(...JSON_OPTION)
    .action(
      running<RotateArguments>(async (signal, options) => ({
        text: await (await load.keys()).rotateKeys(signal, options),
      })),
    );
  program
    .command('secret')
    .description('SECRET_KEY')
    .command('rotate')
    .description('how to replace it')
    .option('--check', 'say what still needs an old one; ends with 1 while something does')
    .option(...JSON_OPTION)
    .action(
      running<{ check?: boolean; json?: boolean }>(async (signal, options) => {
        const { text, isDone } = await (await load.secret()).checkSecret(signal, options);
        return { text, code: isDone ? EXIT.done : EXIT.failed };
      }),
    );
}

function addImport(program: Command): void {
  program
    .command('import')
    .description('import what another service has; started again, it goes on where it was broken off')
    .argument('<file>', 'NDJSON or CSV; - is standard input')
    .addOption(new Option('--format <format>', 'unless the name of the file says it').choices(['ndjson', 'csv']))
    .addOption(
      new Option('--type <type>', 'what a record is that does not say it').choices(RECORD_TYPES).default('account'),
    )
    .option('--admins', 'also make administrators, and change them')
    .option('--dry-run', 'only say what would come of it')
    .option('--report <file>', 'where the refused records are listed (default: FILE.refused.ndjson, beside it)')
    .option('--restart', 'from its beginning, although a part of it was imported')
    .addHelpText('after', '\nEnds with 3 when some records were refused. docs/importing.md has what a record may say.')
    .action(
      running<ImportArguments>(async (signal, options, file = '') => {
        const { text, anyRefused } = await (await load.import()).importFile(signal, file, options);
        return { text, code: anyRefused ? EXIT.refused : EXIT.done };
      }),
    );
}

const RECORD_TYPES = ['account', 'organisation', 'client', 'app_token', 'user_token', 'api_token'];

function addExport(program: Command): void {
  program
    .command('export')
    .description('write all accounts as import takes them, or what is known of one')
    .addOption(new Option('--all', 'people and organisations, as NDJSON').conflicts('account'))
    .option('--account <id or email>', 'all that is known of one account, as JSON')
    .option('-o, --output <file>', 'where to, readable only by you (default: standard output)')
    .addHelpText('after', '\nSecrets are exported only as their digests. docs/exporting.md says what is exported.')
    .action(
      running<ExportArguments>(async (signal, options) => {
        if (!options.all && options.account === undefined)
          throw new UsageError("error: say '--all' or '--account <id or email>'");
        await (await load.export()).exportTo(signal, options);
        return {};
      }),
    );
}

const load = {
  export: () => import('./export.command.js'),
  import: () => import('./import.command.js'),
  migrate: () => import('./migrate.command.js'),
  bootstrap: () => import('./bootstrap.command.js'),
  seed: () => import('./seed.command.js'),
  keys: () => import('./keys.command.js'),
  secret: () => import('./secret.command.js'),
};

/** As the shell tells of a program that wrote for nobody (128 and SIGPIPE). */
const NO_READER = 141;

/** Ends the process without a word when nobody reads it any more, such as `head`. Node ignores the signal that does so. */
function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(NO_READER);
    });
  }
}

/** @param args without Node and the file */
export async function runLatchkey(args: string[]): Promise<void> {
  if (args[0] !== 'serve') endWithReader();
  try {
    await latchkey().parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // It has said what is wrong. Help and the version are no errors.
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}
