import { resolve } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { cleanUp, newFolder, ServerProcess } from './support/process.js';

const PROGRAM = [process.execPath, resolve('dist/src/commands/latchkey.js')];

afterAll(cleanUp);

async function latchkey(...args: string[]) {
  const run = await ServerProcess.start({}, { command: [...PROGRAM, ...args] });
  const { code } = await run.exited;
  return { code, stdout: run.stdout, stderr: run.stderr };
}

it('The program says what it can do, and its version', async () => {
  const help = await latchkey('--help');
  expect(help).toMatchObject({ code: 0, stderr: '' });
  for (const name of ['serve', 'migrate', 'bootstrap', 'seed', 'keys', 'secret'])
    expect(help.stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
  expect(await latchkey('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  expect(await latchkey('seed', '--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('--yes') });
});

it.each([
  { what: 'no command', args: [], says: 'Usage: latchkey' },
  { what: 'an unknown command', args: ['sed'], says: "unknown command 'sed'\n(Did you mean seed?)" },
  { what: 'an unknown option', args: ['seed', '--maybe'], says: "unknown option '--maybe'" },
  { what: 'an argument too many', args: ['migrate', 'now'], says: "too many arguments for 'migrate'" },
])('$what ends it with 2, and says so on standard error', async ({ args, says }) => {
  expect(await latchkey(...args)).toEqual({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
});

it('A command that cannot do what it is told ends with 1', async () => {
  const stderr = 'Set DATABASE_URL. The embedded database is migrated whenever the server starts.\n';
  expect(await latchkey('migrate')).toEqual({ code: 1, stdout: '', stderr });
});

it('latchkey serve is the server, until a signal ends it', async () => {
  const env = { DATA_DIR: newFolder(), BCRYPT_COST: '4' };
  const server = await ServerProcess.start(env, { command: [...PROGRAM, 'serve'] });
  await server.ready();
  expect(await server.stop()).toMatchObject({ code: 0 });
  expect(server.log.at(-1)).toMatchObject({ msg: 'stopped' });
});
