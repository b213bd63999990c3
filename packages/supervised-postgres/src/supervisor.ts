import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from './run-as.js';
import type { SupervisorLog } from './server-log.js';
import { ServerProcess } from './server-process.js';

const START_LIMIT_MS = 30_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** A server that ran this long is restarted after the shortest delay. */
const STEADY_AFTER_MS = 10_000;

/** Keeps one PostgreSQL server running: restarts it whenever it exits, until `stop`. */
export class Supervisor {
  private server: ServerProcess | undefined;
  private watch: Promise<void> = Promise.resolve();
  private readonly stopping = new AbortController();
  private readonly abandon = (): void => {
    this.server?.abandon();
  };

  constructor(
    private readonly command: Command,
    private readonly cluster: string,
    private readonly log: SupervisorLog,
  ) {}

  /** Starts the server and waits until it accepts connections. Throws with its last output when it cannot. */
  async start(): Promise<void> {
    // For an exit without `stop`, by an uncaught exception or process.exit().
    process.once('exit', this.abandon);
    const end = Date.now() + START_LIMIT_MS;
    for (;;) {
      try {
        await this.launch();
        break;
      } catch (error) {
        // The last processes of a killed server take a moment to exit.
        const willPass = this.server?.output.said('pre-existing shared memory block') === true;
        if (!willPass || Date.now() > end || this.isStopping()) throw error;
        await this.pause(FIRST_PAUSE_MS);
      }
    }
    this.watch = this.keepRunning();
  }

  /** Stops the server and restarts it no more, even in the middle of a restart. */
  async stop(): Promise<void> {
    this.stopping.abort();
    process.off('exit', this.abandon);
    await this.server?.stop();
    await this.watch;
  }

  private async keepRunning(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      const ending = await this.server?.ended;
      if (this.isStopping()) return;
      if (Date.now() - (this.server?.startedAt ?? 0) > STEADY_AFTER_MS) pauseMs = FIRST_PAUSE_MS;
      this.log.error(`PostgreSQL exited (${ending ?? 'not started'}); restarting it in ${pauseMs} ms.`);
      await this.pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      if (this.isStopping()) return;
      await this.restart();
    }
  }

  /** Never throws: failures are logged, and the next round tries again. */
  private async restart(): Promise<void> {
    try {
      await this.launch();
      this.log.info('PostgreSQL is running again.');
    } catch (error) {
      if (this.isStopping()) return;
      this.log.error(String(error));
      await this.server?.stop().catch((failure: unknown) => {
        this.log.error(String(failure));
      });
    }
  }

  private async launch(): Promise<void> {
    this.server = await ServerProcess.spawn(this.command, this.cluster, this.log);
    // `stop` may have been called during the spawn.
    if (this.isStopping()) await this.server.stop();
    await this.server.ready();
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}
