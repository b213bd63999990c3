import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Peer } from './peer.js';
import type { AskedByWorkers, AskedOfWorkers } from './subjects.js';

/** A worker, as the process sees it that has started it. */
export class WorkerProcess {
  readonly peer: Peer<AskedOfWorkers, AskedByWorkers>;
  /** Settles when it has ended, with how: a signal, or an exit code. */
  readonly ended: Promise<string>;
  readonly begun = performance.now();
  /** Whether it can serve. */
  isReady = false;
  /** Whether it is being given a connection. */
  isTaking = false;
  /** How many connections it has, as far as is known. */
  connections = 0;
  /** How many times in a row it has not answered whether it lives. */
  silences = 0;
  private readonly child: ChildProcess;

  constructor(
    readonly number: number,
    file: URL,
  ) {
    this.child = fork(fileURLToPath(file), [], { serialization: 'advanced' });
    this.peer = new Peer(this.child);
    this.ended = new Promise((resolve) => {
      // One that could not be started has no end.
      this.child.once('error', ({ message }) => {
        resolve(message);
      });
      this.child.once('exit', (code, signal) => {
        this.isReady = false;
        // Its channel may stay open while a connection is on its way to it.
        this.peer.end();
        resolve(signal ?? `exit code ${String(code)}`);
      });
    });
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
