import { AsyncLocalStorage } from 'node:async_hooks';
import { constants } from 'node:os';
import { onStopSignal } from '../signals.js';

/** How long a command may take to close what it has opened, in milliseconds. */
const LIMIT = 9_000;

const stopping = new AsyncLocalStorage<AbortSignal>();

/** @returns the signal that stops the command that is running; one that never aborts, if none is */
export const stopSignal = (): AbortSignal => stopping.getStore() ?? new AbortController().signal;

/** A signal has stopped a command. */
export class StoppedError extends Error {
  /** What the process ends with, as the shell tells of one that a signal ended: 128 and its number. */
  readonly exitCode: number;

  constructor(name: NodeJS.Signals) {
    super(`Stopped by ${name}.`);
    this.exitCode = 128 + constants.signals[name];
  }
}

/**
 * Runs a command until it is done, or a signal stops it. Then what it has begun is undone, and what it has opened is closed
 * by its own `finally`.
 *
 * @param run told of the signal; see {@link orStopped}
 * @throws StoppedError when it was stopped, otherwise whatever it throws
 */
export async function stoppable<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  onStopSignal(
    (name) => {
      const stopped = new StoppedError(name);
      controller.abort(stopped);
      setTimeout(() => process.exit(stopped.exitCode), LIMIT).unref();
    },
    (name) => process.exit(new StoppedError(name).exitCode),
  );
  try {
    return await stopping.run(signal, () => run(signal));
  } catch (error) {
    // What fails then, fails because of it.
    signal.throwIfAborted();
    throw error;
  }
}

/** @throws the signal's reason as soon as it aborts, whatever the work does */
export async function orStopped<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  return Promise.race([work, stopped]);
}
