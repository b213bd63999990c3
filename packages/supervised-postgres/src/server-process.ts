import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { disownPostmasterFile, readPostmasterFile, stopPostmaster } from './postmaster-file.js';
import { waitUntil } from './processes.js';
import type { Command } from './run-as.js';
import { ServerLog, type SupervisorLog } from './server-log.js';

/** How long a starting server may print nothing, in milliseconds; during a long recovery it does every 10 seconds. */
const SILENCE_LIMIT_MS = 30_000;
const READY_LIMIT_MS = 600_000;

/** One process of the PostgreSQL server, from its start to its exit. */
export class ServerProcess {
  readonly startedAt = Date.now();
  /** Resolves when it has exited, to the reason in words; never rejects. */
  readonly ended: Promise<string>;
  private hasEnded = false;

  private constructor(
    private readonly child: ChildProcess,
    private readonly cluster: string,
    /** Its output. */
    readonly output: ServerLog,
  ) {
    const ended = new Promise<string>((resolve) => {
      child.on('error', (error) => {
        resolve(error.message);
      });
      child.once('exit', (code, signal) => {
        resolve(signal ?? `exit code ${String(code)}`);
      });
    });
    // Without free file descriptors there is no stream.
    if (child.stderr) {
      createInterface({ input: child.stderr })
        .on('line', (line) => {
          output.add(line);
        })
        .on('error', () => undefined);
    }
    const closed = new Promise((resolve) => child.once('close', resolve));
    this.ended = ended.then(async (ending) => {
      this.hasEnded = true;
      // Its last lines may arrive after its exit; backends that are still running keep the pipe open.
      await Promise.race([closed, sleep(200)]);
      return ending;
    });
  }

  /** Starts the server of `cluster` by `command`; see `ready`. */
  static async spawn(command: Command, cluster: string, log: SupervisorLog): Promise<ServerProcess> {
    await disownPostmasterFile(cluster);
    const { file, args, options } = command;
    // Detached, so that Ctrl-C in a terminal only reaches us, and we stop PostgreSQL last.
    const child = spawn(file, args, { ...options, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
    return new ServerProcess(child, cluster, new ServerLog(log));
  }

  /**
   * Waits until the server accepts connections. Throws with its last output when it exits or prints nothing for 30 s.
   */
  async ready(): Promise<void> {
    const isOver = async (): Promise<boolean> =>
      this.hasEnded || Date.now() - this.output.lastWordAt > SILENCE_LIMIT_MS || (await this.isReady());
    if ((await waitUntil(isOver, READY_LIMIT_MS)) && (await this.isReady())) return;
    const what = this.hasEnded ? `exited (${await this.ended})` : 'was not ready in time';
    throw new Error(`PostgreSQL ${what} while starting. Its last output:\n${this.output.tail()}`);
  }

  /** Stops the server, by force if necessary, and waits until it has exited. */
  async stop(): Promise<void> {
    const { pid } = this.child;
    if (pid !== undefined) await stopPostmaster(pid, () => this.hasEnded);
    await this.ended;
    this.child.stderr?.destroy();
  }

  /** Asks the server to shut down without waiting, for when this process exits. */
  abandon(): void {
    if (!this.hasEnded) this.child.kill('SIGINT');
  }

  private async isReady(): Promise<boolean> {
    const file = await readPostmasterFile(this.cluster);
    return !this.hasEnded && file?.ready === true && file.pid === this.child.pid;
  }
}
