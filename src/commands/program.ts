import { Command, CommanderError } from 'commander';
import { unwritable } from '../config/unwritable.js';
import { VERSION } from '../config/version.js';
import { addAccounts } from './account.declaration.js';
import { addCredentials } from './credentials.declaration.js';
import { addData } from './data.declaration.js';
import { addKeys } from './keys.declaration.js';
import { addOperations } from './operations.declaration.js';
import { EXIT, JSON_OPTION, jsonOf, messageOf, running, UsageError } from './running.js';

/**
 * The program `latchkey`. What a command needs is only loaded when it runs, so that `--help` waits for nothing. A new one is
 * a line here and a function in `NAME.command.ts`, which takes the signal that stops it.
 *
 * @param options.isQuiet it says nothing of what it does not understand: whoever runs it does
 */
export function latchkey({ isQuiet = false } = {}): Command {
  const program = new Command('latchkey')
    .description('A self-hosted backend for accounts, sessions and tokens. Settings are environment variables.')
    .version(VERSION)
    .showHelpAfterError('(use --help for usage)')
    .exitOverride()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false });
  if (isQuiet) program.configureOutput({ writeErr: () => undefined });
  addServing(program);
  addAccounts(program);
  addCredentials(program);
  addData(program);
  addKeys(program);
  addOperations(program);
  return program;
}

/** `latchkey serve`, `migrate`, `bootstrap` */
function addServing(program: Command): void {
  program
    .command('serve')
    .description('serve until a signal ends it, as npm start does')
    .addHelpText(
      'after',
      `
It logs on standard output: LOG_FORMAT=json in JSON, for machines.

Examples:
  latchkey serve
  PORT=8080 DATABASE_URL_FILE=/run/secrets/database-url latchkey serve`,
    )
    .action(async () => (await import('../serve.js')).serve());
  program
    .command('migrate')
    .description('bring an external database up to date, for servers with RUN_MIGRATIONS=false')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  DATABASE_URL_FILE=/run/secrets/database-url latchkey migrate')
    .action(
      running<{ json?: boolean }>(async (signal, options) => ({
        text: await (await import('./migrate.command.js')).migrateDatabase(signal, options),
      })),
    );
  program
    .command('bootstrap')
    .description('make the first credentials in an external database, and show them once')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  latchkey bootstrap > first-credentials.txt')
    .action(
      running<{ json?: boolean }>(async (signal, options) => ({
        text: await (await import('./bootstrap.command.js')).bootstrapDatabase(signal, options),
      })),
    );
}

/** As the shell tells of a program that wrote for nobody (128 and SIGPIPE). */
const NO_READER = 141;

/**
 * Ends the process without a word when nobody reads it any more, such as `head`. Node ignores the signal that does so. When what
 * it says cannot be written for another reason, such as a full disk, it says that.
 */
function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(NO_READER);
      if (stream === process.stdout) process.stderr.write(`${unwritable('Standard output', error)}\n`);
      process.exit(EXIT.failed);
    });
  }
}

/** @param args without Node and the file */
export async function runLatchkey(args: string[]): Promise<void> {
  if (args[0] !== 'serve') endWithReader();
  const inJson = args.includes('--json');
  try {
    await latchkey({ isQuiet: inJson }).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (inJson && error.exitCode !== 0) process.stderr.write(jsonOf(new UsageError(messageOf(error))));
    // Otherwise it has said what is wrong. Help and the version are no errors.
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}
