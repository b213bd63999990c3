import { Command, CommanderError, Option } from 'commander';
import { VERSION } from '../config/version.js';
import type { ExportArguments } from './export.command.js';
import type { ImportArguments } from './import.command.js';
import type { RotateArguments } from './keys.command.js';
import { stoppable } from './stoppable.js';

/** How a command ends. */
export const EXIT = {
  done: 0,
  /** It could not do what it was told, or was stopped. */
  failed: 1,
  /** It was told what it does not know. */
  usage: 2,
  /** It has done what could be done: some records were refused. */
  refused: 3,
} as const;

/** What a command says when it is done; how it ends, unless {@link EXIT.done}. */
interface Ending {
  text?: string;
  code?: number;
}

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
  addImport(program);
  addExport(program);
  addKeys(program);
  return program;
}

const JSON_OPTION = ['--json', 'answer in JSON'] as const;

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
    .action((file: string, options: ImportArguments) =>
      running(async (signal) => {
        const { text, anyRefused } = await (await load.import()).importFile(signal, file, options);
        return { text, code: anyRefused ? EXIT.refused : EXIT.done };
      })(options),
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
    .action((options: ExportArguments, command: Command) => {
      if (!options.all && options.account === undefined)
        command.error("error: say '--all' or '--account <id or email>'");
      return running<ExportArguments>(async (signal) => {
        await (await load.export()).exportTo(signal, options);
        return {};
      })(options);
    });
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

/** Runs a command that signals stop, says what came of it, and sets how the process ends. */
function running<Options>(run: (signal: AbortSignal, options: Options) => Promise<Ending>) {
  return async (options: Options): Promise<void> => {
    try {
      const ending = await stoppable((signal) => run(signal, options));
      if (ending.text !== undefined) process.stdout.write(ending.text);
      process.exitCode = ending.code ?? EXIT.done;
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(EXIT.failed);
    }
  };
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
