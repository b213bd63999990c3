import type { Command } from 'commander';
import { YES_OPTION } from './account.declaration.js';
import type { Destructive } from './account.command.js';
import type { DoctorOptions } from './doctor.command.js';
import { JSON_OPTION, running } from './running.js';

const load = {
  doctor: () => import('./doctor.command.js'),
  revoke: () => import('./revoke-everything.command.js'),
  sweep: () => import('./sweep.command.js'),
};

/** `latchkey doctor`, `sweep`, `revoke-everything` */
export function addOperations(program: Command): void {
  program
    .command('doctor')
    .description('say what is wrong with settings, database, mail and keys, and what to do about it')
    .option('--send-test-mail <address>', 'also send a mail there')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
It changes nothing. Ends with 1 when something fails; what only should be looked at is no failure.

Examples:
  latchkey doctor
  latchkey doctor --send-test-mail ada@example.org`,
    )
    .action(running<DoctorOptions>(async (signal, options) => (await load.doctor()).examine(signal, options)));
  program
    .command('sweep')
    .description('delete what has expired for long enough, as servers do every minute')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Run it with the settings of the servers: TOKEN_RETENTION, AUDIT_RETENTION and the like say what is deleted.

Example:
  latchkey sweep`,
    )
    .action(
      running<{ json?: boolean }>(async (signal, options) => ({
        text: await (await load.sweep()).sweep(signal, options),
      })),
    );
  program
    .command('revoke-everything')
    .description('end all sessions, resets, user, access, API and App-Tokens: after a leak, or after a restore')
    .option('--events <file>', 'an exported audit log (NDJSON; - is standard input): end only what that says was ended')
    .option(...YES_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Passwords and secrets of clients stay. Servers may run meanwhile: they refuse what has ended within two seconds. Broken off, it is run again.

Examples:
  latchkey revoke-everything --yes
  latchkey revoke-everything --events audit-log.ndjson`,
    )
    .action(
      running<Destructive & { events?: string }>(async (signal, options) => ({
        text: await (await load.revoke()).revokeEverything(signal, options),
      })),
    );
}
