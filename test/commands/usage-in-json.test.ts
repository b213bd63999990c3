import { afterEach, expect, it, jest } from '@jest/globals';
import { runLatchkey } from '../../src/commands/program.js';

afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

/** What a command line that is not understood says on standard error, and how it ends. */
async function told(...args: string[]): Promise<{ code: typeof process.exitCode; text: string }> {
  let text = '';
  jest.spyOn(process.stderr, 'write').mockImplementation((piece) => {
    text += String(piece);
    return true;
  });
  await runLatchkey(args);
  return { code: process.exitCode, text };
}

it.each([
  [['account', 'list', '--json', '--nonsense'], "unknown option '--nonsense'"],
  [['account', 'show', '--json'], "missing required argument 'account'"],
  [['keys', 'rotate', 'now', '--json'], expect.stringContaining('too many arguments')],
  [['account', 'list', '--limit', '-1', '--json'], expect.stringContaining('It must be a whole number')],
  [['account', 'list', '--role', 'king', '--json'], expect.stringContaining('Allowed choices are admin, user.')],
  [['client', 'create', 'x', '--json'], "required option '--owner <account>' not specified"],
  [['export', '--all', '--account', 'x', '--json'], expect.stringContaining('cannot be used with')],
  [['--json'], "unknown option '--json'"],
])('latchkey %j is told in JSON what is wrong with it', async (args, message) => {
  const { code, text } = await told(...args);
  expect([code, JSON.parse(text)]).toEqual([2, { error: 'usage', message }]);
});

it('is told so in words without --json', async () => {
  const { code, text } = await told('account', 'list', '--nonsense');
  expect([code, text]).toEqual([2, "error: unknown option '--nonsense'\n(use --help for usage)\n"]);
});
