import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { cleanUp, eventually, newFolder, ServerProcess } from './support/process.js';

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

/** Whether a process handles a signal, as Linux says. */
function catches(pid: number, signal: number): boolean {
  const [, mask = '0'] = /SigCgt:\s+([\da-f]+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

describe('Whoever is asked', () => {
  const QUESTION = 'Type yes to continue: ';

  /** Runs a command at a terminal, and types once it has asked. @returns how it ends, and what is on the screen from the question on */
  async function atTerminal(command: string, typed: string) {
    const { PATH } = process.env;
    const run = spawn('script', ['-qec', [...PROGRAM, command].join(' '), '/dev/null'], {
      env: { PATH, TERM: 'xterm' },
    });
    let screen = '';
    run.stdout.on('data', (text: Buffer) => (screen += text.toString()));
    const closed = once(run, 'close');
    await eventually(() => {
      expect(screen).toContain(QUESTION);
    });
    run.stdin.write(typed);
    const [code] = (await closed) as [number];
    // What stands in the line is erased by the codes for that.
    const seen = screen.split('\x1b[0J').at(-1) ?? '';
    return { code, seen };
  }

  it.each([
    ['no', 'no\r', 2, 'Cancelled. Nothing was changed.'],
    ['what ends the input', '\x04', 2, 'Cancelled. Nothing was changed.'],
    ['Ctrl-C', '\x03', 130, 'Stopped by SIGINT.'],
  ])('sees the question, and nothing is done when the answer is %s', async (_, typed, code, said) => {
    const answer = await atTerminal('revoke-everything', typed);
    expect(answer).toEqual({ code, seen: expect.stringContaining(said) });
    expect(answer.seen).toMatch(new RegExp(`^${QUESTION}`));
  });

  it('may be stopped by a signal while nothing comes', async () => {
    const run = spawn(process.execPath, [...PROGRAM.slice(1), 'token', 'inspect'], { env: {} });
    let stderr = '';
    run.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
    const exited = once(run, 'exit');
    // Before it listens for signals, one would end it without a word. Node itself listens for the others.
    await eventually(() => {
      expect(catches(run.pid ?? 0, constants.signals.SIGHUP)).toBe(true);
    });
    run.kill('SIGTERM');
    expect([await exited, stderr]).toEqual([[143, null], 'Stopped by SIGTERM.\n']);
  });
});
