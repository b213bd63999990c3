import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { withSecrets, type Config } from './config/config.js';
import { doorsOf, type DoorAddress } from './config/doors.js';
import { DRAIN_LIMIT, IDLE_GRACE } from './http/drain.js';
import { stopAccepting } from './http/connections.js';
import { listenOn, opening, withPort } from './http/port.js';
import { keptSecretKey } from './keys/secret-keys.js';
import type { Logger } from './logging/logger.js';
import { NumbersOfWorkers } from './metrics/numbers-of-workers.js';
import { QueueOwner } from './passwords/shared-queue.js';
import { announceReady, lookAround, openDatabase, prepareSchema, type RunningServer } from './prepare.js';
import { Front } from './workers/front.js';
import type { Start } from './workers/subjects.js';
import type { WorkerProcess } from './workers/worker-process.js';
import { Workers } from './workers/workers.js';

/** How long a revocation waits until every worker has heard of it, in milliseconds. */
const HEARD_WITHIN = 2_000;

/**
 * Starts a server of several processes, as `start` does one of a single process: the workers serve, and this process has the port,
 * the embedded database, and what the workers share. It listens when all of them can serve.
 *
 * @param signal aborts the wait for the database and the workers
 * @throws when anything fails, after stopping what had been started
 */
export async function startWorkers(config: Config, logger: Logger, signal: AbortSignal): Promise<RunningServer> {
  await lookAround(config, logger);
  const database = await openDatabase(config, logger);
  let crew: Crew | undefined;
  const stop = async (delay = 0) => {
    try {
      await crew?.stop(delay);
    } finally {
      await database.stop();
    }
  };
  try {
    await prepareSchema(config, database.connection, logger, signal);
    const secretKeys = config.secretKeys ?? [keptSecretKey(config.dataDir)];
    const connection = config.database ? undefined : database.connection;
    crew = new Crew(config, logger, { settings: withSecrets(process.env), secretKeys, connection });
    announceReady(config, await crew.start(signal), logger);
    return { stop, failed: crew.failed };
  } catch (error) {
    await stop().catch((failure: unknown) => {
      logger.error({ err: failure }, 'stopping after a failed start failed as well');
    });
    throw error;
  }
}

/** The workers, and what they share. */
class Crew {
  private readonly workers: Workers;
  private readonly front: Front;
  private readonly servers: Server[] = [];
  private readonly queue: QueueOwner;
  private readonly numbers = new NumbersOfWorkers();

  constructor(
    private readonly config: Config,
    logger: Logger,
    start: Omit<Start, 'number' | 'isFirst'>,
  ) {
    this.queue = new QueueOwner(config.hashingThreads);
    this.workers = new Workers({
      ...{ file: new URL('./worker.js', import.meta.url), count: config.workers, start, logger },
      onWorker: (worker) => {
        this.serve(worker);
      },
      onChange: () => {
        this.front.give();
      },
    });
    this.front = new Front(this.workers);
  }

  /** Rejects when no worker is left, and none can be started. */
  get failed(): Promise<never> {
    return this.workers.failed;
  }

  /** @returns the doors, with the ports that they have got */
  async start(signal: AbortSignal): Promise<DoorAddress[]> {
    const aborted = new Promise<never>((_, reject) => {
      const abort = () => {
        reject(signal.reason as Error);
      };
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
    await Promise.race([this.workers.start(), aborted]);
    const opened: DoorAddress[] = [];
    for (const address of doorsOf(this.config)) opened.push(await this.open(address));
    return opened;
  }

  private async open(address: DoorAddress): Promise<DoorAddress> {
    const servers = await opening(address, () => listenOn(address, () => this.front.createServer(address.door)));
    this.servers.push(...servers);
    return withPort(address, servers[0]);
  }

  /** As `stopServer` does one process. */
  async stop(delay: number): Promise<void> {
    this.workers.leave();
    await sleep(this.servers.length > 0 ? delay * 1_000 : 0);
    const begun = performance.now();
    await Promise.all(this.servers.map((server) => stopAccepting(server)));
    await this.front.drain();
    await this.workers.stop(IDLE_GRACE, DRAIN_LIMIT - (performance.now() - begun));
  }

  private serve(worker: WorkerProcess): void {
    this.queue.serve(worker.peer, worker.ended);
    this.numbers.serve(worker, () => this.workers.ready());
    worker.peer.answer('revoked', (tags) => this.forget(worker, tags));
    worker.peer.answer('mail', () => {
      for (const other of this.workers.ready()) if (other.number === 1) other.peer.tell('mail', undefined);
      return undefined;
    });
  }
  /** One that does not answer hears of it from the database, or trusts nothing that it remembers. */
  private async forget(by: WorkerProcess, tags: string[]): Promise<undefined> {
    const others = this.workers.ready().filter((worker) => worker !== by);
    const all = Promise.all(others.map(({ peer }) => peer.ask('revoked', tags).catch(() => undefined)));
    await Promise.race([all, sleep(HEARD_WITHIN, undefined, { ref: false })]);
    return undefined;
  }
}
