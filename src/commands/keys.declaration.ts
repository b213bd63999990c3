import type { Command } from 'commander';
import { YES_OPTION } from './account.declaration.js';
import type { RotateArguments } from './keys.command.js';
import { EXIT, JSON_OPTION, running } from './running.js';

const load = {
  keys: () => import('./keys.command.js'),
  secret: () => import('./secret.command.js'),
};

/** `latchkey keys …`, `secret rotate` */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description('the keys that sign session JWTs');
  keys
    .command('list')
    .description('list them: published, signing, retiring')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  latchkey keys list')
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
    .option(...YES_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Servers do it every KEY_ROTATION_DAYS by themselves. With --now, services elsewhere refuse new JWTs until they fetch the key set again.
After the loss of SECRET_KEY, --compromised makes a key that the new one opens; only then it asks first.

Examples:
  latchkey keys rotate
  latchkey keys rotate --compromised`,
    )
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
    .addHelpText(
      'after',
      `
Examples:
  latchkey secret rotate
  SECRET_KEY_FILE=/run/secrets/new-and-old latchkey secret rotate --check`,
    )
    .action(
      running<{ check?: boolean; json?: boolean }>(async (signal, options) => {
        const { text, isDone } = await (await load.secret()).checkSecret(signal, options);
        return { text, code: isDone ? EXIT.done : EXIT.failed };
      }),
    );
}
