import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Destructive, ListOptions, NewAccountOptions } from './account.command.js';
import { JSON_OPTION, running } from './running.js';

const load = () => import('./account.command.js');

const ACCOUNT = ['<account>', 'its id, its legacy_id or its email'] as const;
export const YES_OPTION = ['-y, --yes', 'do not ask'] as const;
const ROLE = () => new Option('--role <role>').choices(['admin', 'user']);

/** A number of things that is given. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 9999999.');
  return Number(text);
}

/** Gathers an option that may be given several times. */
export const each = (text: string, earlier: string[] = []): string[] => [...earlier, text];

/** `latchkey account …` */
export function addAccounts(program: Command): void {
  const account = program
    .command('account')
    .description('people and organisations')
    .helpGroup('Accounts and credentials:');
  addMaking(account);
  addLooking(account);
  addChanging(account);
}

function addMaking(account: Command): void {
  account
    .command('create')
    .description('make one: a link to choose a password is shown, unless one is given or mailed')
    .argument('[email]', 'of a person; an organisation needs none')
    .option('--name <name>', 'unique; of an organisation, required')
    .addOption(ROLE().default('user'))
    .option('--organisation', 'not a person')
    .option('--publisher-reference <text>')
    .option('--locale <tag>', 'the language of its mails, such as de')
    .option('--alias <name>', 'another name of an organisation; may be given several times', each)
    .option('--network <network>', 'whose visitors belong to it; may be given several times', each)
    .option('--email-domain <domain>', 'the same', each)
    .option('--allow-wide', 'networks may be private, or a large part of the internet')
    .option(
      '--password-file [file]',
      'set the password that the file has; without a file, ask for it or read standard input',
    )
    .option('--invite', 'mail an invitation instead')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Examples:
  latchkey account create ada@example.org --role admin
  latchkey account create ada@example.org --password-file < password.txt
  latchkey account create --organisation --name 'Fernhill Press' --network 192.0.2.0/24`,
    )
    .action(
      running<NewAccountOptions>(async (signal, options, email) => ({
        text: await (await load()).createAccount(signal, email, options),
      })),
    );
}

function addLooking(account: Command): void {
  account
    .command('show')
    .description('show one')
    .argument(...ACCOUNT)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  latchkey account show ada@example.org')
    .action(
      running<Destructive>(async (signal, options, named = '') => ({
        text: await (await load()).showAccount(signal, named, options),
      })),
    );
  account
    .command('list')
    .description('list them, newest first')
    .option('--email <text>', 'whose email begins so')
    .option('--name <text>', 'whose name begins so')
    .addOption(ROLE())
    .option('--disabled', 'only these')
    .addOption(new Option('--enabled', 'only these').conflicts('disabled'))
    .option('--people', 'only these')
    .addOption(new Option('--organisations', 'only these').conflicts('people'))
    .addOption(new Option('--limit <number>', 'how many at most').argParser(count).default(100))
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      '\nExamples:\n  latchkey account list --role admin\n  latchkey account list --disabled --json',
    )
    .action(
      running<ListOptions>(async (signal, options) => ({ text: await (await load()).listAccounts(signal, options) })),
    );
}

/** What is done to one account, by its name. */
const CHANGES = [
  { name: 'disable', does: 'refuse it everywhere, and end all that it has open', asks: true, run: 'disableAccount' },
  { name: 'enable', does: 'let it sign in again; what it had open stays ended', asks: false, run: 'enableAccount' },
  { name: 'revoke', does: 'end its sessions and tokens; it can sign in again', asks: true, run: 'revokeAccount' },
  {
    name: 'unlock',
    does: 'forget the failed sign-ins because of which it has to wait',
    asks: false,
    run: 'unlockAccount',
  },
  {
    name: 'reset-password',
    does: 'show a link with which a new password is chosen; nothing is mailed',
    asks: false,
    run: 'resetPassword',
  },
  { name: 'delete', does: 'delete it with all that belongs to it', asks: true, run: 'deleteAccount' },
] as const;

function addChanging(account: Command): void {
  for (const { name, does, asks, run } of CHANGES) {
    const command = account
      .command(name)
      .description(does)
      .argument(...ACCOUNT);
    if (asks) command.option(...YES_OPTION);
    command
      .option(...JSON_OPTION)
      .addHelpText('after', `\nExample:\n  latchkey account ${name} ada@example.org`)
      .action(
        running<Destructive>(async (signal, options, named = '') => ({
          text: await (await load())[run](signal, named, options),
        })),
      );
  }
}
