import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresConnection } from '@latchkey/supervised-postgres';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { Line } from '../support/line.js';
import { childrenOf, eventually, freePort, newFolder, postmasterOf, ServerProcess } from '../support/process.js';
import { TEST_SECRET_KEY, type Answer } from '../support/server.js';

export const ADMIN = { email: 'root@example.org', password: 'the password of root' };
export const APP_TOKEN = '0123456789abcdef0123456789abcdef';
export const CLIENT = { id: 'faults', secret: 'a-client-secret-of-the-fault-suite' };

/** What a client waits for an answer, in milliseconds. */
const PATIENCE = 8_000;

/** A replica, under the same address through all restarts. */
export class Replica {
  private process: ServerProcess | undefined;
  /** Deaths that nobody has asked for. */
  died = 0;
  private isAsked = false;

  constructor(
    readonly name: string,
    private readonly env: Record<string, string>,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.env.PORT}`;
  }

  async start(): Promise<void> {
    const started = await ServerProcess.start(this.env);
    this.process = started;
    this.isAsked = false;
    void started.exited.then(() => {
      if (this.process === started && !this.isAsked) this.died += 1;
    });
  }

  async ready(): Promise<void> {
    await this.process?.ready();
  }

  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGKILL' || signal === 'SIGTERM') this.isAsked = true;
    this.process?.kill(signal);
  }

  async ended(): Promise<void> {
    await this.process?.exited;
  }

  /** The lines that its log has of these levels. */
  lines(...levels: string[]): string[] {
    return (this.process?.log ?? []).filter(({ level }) => levels.includes(level)).map(({ msg }) => msg);
  }

  /** @returns undefined when there was no answer, or none in time */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer | undefined> {
    const process = this.process;
    if (!process) return undefined;
    const answer = process.call(method, path, body, headers).catch(() => undefined);
    return Promise.race([answer, sleep(PATIENCE, undefined, { ref: false })]);
  }
}

/** Where the data of a PostgreSQL is, and how it is reached and stopped. */
interface Postgres {
  dataDir: string;
  connection: PostgresConnection;
  stop(): Promise<void>;
}

async function ordinaryPostgres(): Promise<Postgres> {
  const dataDir = newFolder();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const postgres = await startEmbeddedPostgres({ dataDir, log });
  return { dataDir, connection: postgres.connection, stop: () => postgres.stop() };
}

/** Whether a file system of one's own can be made here: it takes root, and a kernel that lets it. */
export const canMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

/** One whose disk has room for little more than an empty database. */
async function postgresOnSmallDisk(): Promise<Postgres> {
  const folder = newFolder();
  const script = `mount -t tmpfs -o size=${DISK} none "$1" && exec "$2" "$3" "$1"`;
  const program = resolve('test/faults/postgres-on-small-disk.js');
  const child = spawn('unshare', ['-m', 'sh', '-c', script, 'sh', folder, process.execPath, program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const connection = JSON.parse(line) as PostgresConnection;
  // The file system is seen by that process and its children only; this is how others look through their eyes.
  const seen = (path: string) => join(`/proc/${child.pid}/root`, path);
  return {
    dataDir: seen(folder),
    connection: { ...connection, host: seen(connection.host) },
    stop: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

const DISK = '200m';

/** Two replicas on one PostgreSQL, with a line in between that can be disturbed. */
export class World {
  private constructor(
    private readonly postgres: Postgres,
    readonly line: Line,
    readonly replicas: [Replica, Replica],
  ) {}

  static async start(options: { smallDisk?: boolean } = {}): Promise<World> {
    const postgres = await (options.smallDisk ? postgresOnSmallDisk() : ordinaryPostgres());
    const line = await Line.open(postgres.connection);
    const env = {
      DATABASE_URL: line.url,
      SECRET_KEY: TEST_SECRET_KEY,
      PUBLIC_URL: 'http://latchkey.test',
      BCRYPT_COST: '4',
      RATE_LIMIT_PER_MINUTE: '0',
      LOG_LEVEL: 'info',
      SHUTDOWN_DELAY: '0',
      BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
      BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
      BOOTSTRAP_APP_TOKEN: APP_TOKEN,
      BOOTSTRAP_CLIENT_ID: CLIENT.id,
      BOOTSTRAP_CLIENT_SECRET: CLIENT.secret,
    };
    const replicas: [Replica, Replica] = [
      new Replica('one', { ...env, PORT: String(await freePort()) }),
      new Replica('other', { ...env, PORT: String(await freePort()) }),
    ];
    for (const replica of replicas) {
      await replica.start();
      await replica.ready();
    }
    return new World(postgres, line, replicas);
  }

  get postmaster(): number {
    return postmasterOf(this.postgres.dataDir);
  }

  /** The processes of PostgreSQL, the postmaster first. */
  get processes(): number[] {
    return [this.postmaster, ...childrenOf(this.postmaster)];
  }

  /** A connection past the line. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client(this.postgres.connection);
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async query<Row extends pg.QueryResultRow>(statement: string): Promise<Row[]> {
    const client = await this.connect();
    try {
      return (await client.query<Row>(statement)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Fills the disk of the database. @returns what makes room again */
  fillDisk(): () => void {
    const path = join(this.postgres.dataDir, 'filler');
    const file = openSync(path, 'w');
    for (let size = 1_048_576; size >= 1;) {
      try {
        writeSync(file, Buffer.alloc(size));
      } catch {
        size = Math.floor(size / 4);
      }
    }
    closeSync(file);
    return () => {
      rmSync(path, { force: true });
    };
  }

  /** Waits until the replicas are ready. @returns after how many seconds */
  async recovered(): Promise<number> {
    const begun = performance.now();
    await eventually(async () => {
      for (const replica of this.replicas) {
        if ((await replica.ask('GET', '/readyz'))?.status !== 200) throw new Error(`${replica.name} is not ready.`);
      }
    }, 180_000);
    return (performance.now() - begun) / 1_000;
  }

  async stop(): Promise<void> {
    for (const replica of this.replicas) {
      replica.signal('SIGCONT');
      replica.signal('SIGTERM');
      await replica.ended();
    }
    await this.line.close();
    await this.postgres.stop();
  }
}
