/** How long a command may take to close what it has opened, in milliseconds. */
const LIMIT = 9_000;

/**
 * Runs a command until it is done, or a signal stops it. Then what it has begun is undone, and what it has opened is closed
 * by its own `finally`.
 *
 * @param run told of the signal; see {@link orStopped}
 * @throws whatever it throws, or that it was stopped
 */
export async function stoppable<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    process.on(name, () => {
      // A second one ends it at once.
      if (controller.signal.aborted) process.exit(1);
      controller.abort(new Error(`Stopped by ${name}.`));
      setTimeout(() => process.exit(1), LIMIT).unref();
    });
  }
  return run(controller.signal);
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
