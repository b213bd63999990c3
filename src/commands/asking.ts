import type { FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { openFile, unreadable } from './files.js';
import { UsageError } from './running.js';
import { orStopped, StoppedError, stopSignal } from './stoppable.js';

/** More is no secret, but a mistake. In bytes. */
const LONGEST = 65_536;

/**
 * Asks whether to do what cannot be undone.
 *
 * @param question of what would be done
 * @throws UsageError when nobody says yes
 */
export async function confirm(question: string, { yes }: { yes?: boolean }): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY) throw new UsageError(`${question}\nNot running in a terminal. Pass --yes to confirm.`);
  const answer = await ask(`${question}\nType yes to continue: `);
  if (answer.trim().toLowerCase() !== 'yes') throw new UsageError('Cancelled. Nothing was changed.');
}

/**
 * Reads a secret, which is never an argument: everybody on a machine sees those.
 *
 * @param what asked for at a terminal, where nothing is shown of what is typed
 * @param file the file that has it; `-`, and none where there is no terminal: standard input
 */
export async function readSecret(what: string, file: string | undefined): Promise<string> {
  const text =
    file !== undefined && file !== '-'
      ? await readStart(file)
      : process.stdin.isTTY
        ? await ask(`${what}: `, { isSecret: true })
        : await orStopped(stopSignal(), readInput());
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '')
    throw new UsageError(
      `There is no ${what.toLowerCase()} in ${file === undefined || file === '-' ? 'standard input' : file}.`,
    );
  return secret;
}

async function ask(question: string, { isSecret = false } = {}): Promise<string> {
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  // The line that is typed in is written anew by the interface, unless nothing is shown there.
  const start = isSecret ? question.length : question.lastIndexOf('\n') + 1;
  const asking = createInterface({ input: process.stdin, output: isSecret ? nowhere : process.stderr, terminal: true });
  process.stderr.write(question.slice(0, start));
  const ended = new AbortController();
  let stopped: StoppedError | undefined;
  // The terminal sends no signal while somebody is asked.
  asking.on('SIGINT', () => {
    stopped = new StoppedError('SIGINT');
    ended.abort();
  });
  asking.on('close', () => {
    ended.abort();
  });
  try {
    return await asking.question(question.slice(start), { signal: AbortSignal.any([ended.signal, stopSignal()]) });
  } catch {
    stopSignal().throwIfAborted();
    throw stopped ?? new UsageError('Cancelled. Nothing was changed.');
  } finally {
    asking.close();
    if (isSecret) process.stderr.write('\n');
  }
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LONGEST) throw new UsageError('Standard input is too long.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readStart(path: string): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    handle = await openFile(path);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LONGEST + 1), 0, LONGEST + 1);
    if (bytesRead > LONGEST) throw new UsageError(`${path} is too long.`);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } catch (error) {
    throw error instanceof UsageError ? error : unreadable(path, error);
  } finally {
    await handle?.close();
  }
}
