import { Option, type Command } from 'commander';
import type { ExportArguments } from './export.command.js';
import type { ImportArguments } from './import.command.js';
import { EXIT, JSON_OPTION, running, UsageError } from './running.js';

const load = {
  export: () => import('./export.command.js'),
  import: () => import('./import.command.js'),
  seed: () => import('./seed.command.js'),
};

/** `latchkey seed`, `import`, `export` */
export function addData(program: Command): void {
  addSeed(program);
  addImport(program);
  addExport(program);
}

function addSeed(program: Command): void {
  program
    .command('seed')
    .description('fill a database with sample data')
    .option('--yes', 'even where other people may be using the database')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  latchkey seed')
    .action(
      running<{ yes?: boolean; json?: boolean }>(async (signal, options) => {
        await (await load.seed()).seedDatabase(signal, options);
        return {};
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
      new Option('--type <type>', 'the type of records that do not have one').choices(RECORD_TYPES).default('account'),
    )
    .option('--admins', 'also make administrators, and change them')
    .option('--dry-run', 'only report what would happen')
    .option('--report <file>', 'where the refused records are listed (default: FILE.refused.ndjson, beside it)')
    .option('--restart', 'from its beginning, although a part of it was imported')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Ends with 3 when some records were refused. docs/importing.md has what a record may say.

Examples:
  latchkey import people.ndjson --dry-run
  latchkey import people.csv
  zcat clients.ndjson.gz | latchkey import - --type client --report refused.ndjson`,
    )
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
    .option('--json', 'say in JSON, on standard error, how much it was')
    .addHelpText(
      'after',
      `
Secrets are exported only as their digests. docs/exporting.md says what is exported.

Examples:
  latchkey export --all --output everything.ndjson
  latchkey export --account ada@example.org --output ada.json`,
    )
    .action(
      running<ExportArguments>(async (signal, options) => {
        if (!options.all && options.account === undefined)
          throw new UsageError('Specify --all or --account <id or email>.');
        await (await load.export()).exportTo(signal, options);
        return {};
      }),
    );
}
