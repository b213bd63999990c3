/** A terminal, npm and a supervisor may pass on the same signal; what comes later than this is another. In milliseconds. */
const ECHO = 200;

/**
 * Listens for the signals that stop a process: SIGTERM, SIGHUP and SIGINT.
 *
 * @param onFirst told of the first one
 * @param onLater told of each that follows, unless it is an echo of the first
 */
export function onStopSignal(onFirst: (name: NodeJS.Signals) => void, onLater: (name: NodeJS.Signals) => void): void {
  let first: number | undefined;
  for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    process.on(name, () => {
      if (first === undefined) {
        first = performance.now();
        onFirst(name);
      } else if (performance.now() - first >= ECHO) {
        onLater(name);
      }
    });
  }
}
