import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { connect, createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresConnection } from '@latchkey/supervised-postgres';
import { call, type Answer } from './server.js';

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Options {
  /** What to run; the built server's `main.js` under Node unless given. */
  command?: string[];
  cwd?: string;
  user?: { uid: number; gid: number };
  /** Gives it a process group, so that {@link cleanUp} finds what it leaves behind. */
  group?: boolean;
}

const MAIN = resolve('dist/src/main.js');

const processes: ServerProcess[] = [];
const folders: string[] = [];

/** In milliseconds: longer than any start takes on any machine. */
export const START_LIMIT = 180_000;

/** A Latchkey in a process of its own. It has only those variables of ours that every program needs. */
export class ServerProcess {
  /** Settles when the process has ended and what it wrote has arrived. */
  readonly exited: Promise<Exit>;
  readonly url: string;
  readonly pid: number;
  stdout = '';
  stderr = '';
  private hasExited = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
    private readonly group: boolean,
  ) {
    this.url = `http://127.0.0.1:${port}`;
    this.pid = child.pid ?? NaN;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const closed = once(child, 'close');
    this.exited = once(child, 'exit').then(async ([code, signal]: (number | NodeJS.Signals | null)[]) => {
      this.hasExited = true;
      // A process that it leaves behind may keep the pipes open.
      await Promise.race([closed, sleep(500)]);
      return { code, signal } as Exit;
    });
    closed.catch(() => undefined);
    this.exited.catch(() => undefined);
  }

  /** Starts it, on a free port unless `PORT` is given. It is killed by {@link cleanUp} at the latest. */
  static async start(env: Record<string, string>, options: Options = {}): Promise<ServerProcess> {
    const port = env.PORT === undefined ? await freePort() : Number(env.PORT);
    const [file = process.execPath, ...args] = options.command ?? [process.execPath, MAIN];
    const { PATH, HOME } = process.env;
    const child = spawn(file, args, {
      cwd: options.cwd ?? tmpdir(),
      env: { PATH, HOME, PORT: String(port), LOG_LEVEL: 'debug', SHUTDOWN_DELAY: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: options.group ?? false,
      ...options.user,
    });
    const started = new ServerProcess(child, port, options.group ?? false);
    processes.push(started);
    return started;
  }

  /** Everything that it has written. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  /** Its log, one object for each line. */
  get log(): { level: string; msg: string; context?: string; err?: { stack: string } }[] {
    return this.stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { level: string; msg: string });
  }

  /** Waits until it can serve. Throws, with what it said, when it ends before that or takes too long. */
  async ready(limit = START_LIMIT): Promise<this> {
    const end = Date.now() + limit;
    while (!(await this.isReady())) {
      if (this.hasExited) throw new Error(`The server has ended:\n${this.output}`);
      if (Date.now() > end) throw new Error(`The server is not ready after ${limit} ms:\n${this.output}`);
      await sleep(25);
    }
    return this;
  }

  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return call(`${this.url}${path}`, method, body, headers);
  }

  /** Closes our ends of its standard output and error. */
  stopReading(): void {
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Kills it, and its group if it has one. */
  destroy(): void {
    this.kill('SIGKILL');
    if (!this.group) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Nobody is left in it.
    }
  }

  /** Stops it by a signal. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit & { seconds: number }> {
    const start = Date.now();
    this.kill(signal);
    const exit = await this.exited;
    return { ...exit, seconds: (Date.now() - start) / 1_000 };
  }

  private async isReady(): Promise<boolean> {
    return this.call('GET', '/readyz').then(
      ({ status }) => status === 200,
      () => false,
    );
  }
}

/** A folder that {@link cleanUp} removes, with the path that processes see. */
export function newFolder(user?: { uid: number; gid: number }): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'latchkey-process-')));
  if (user) chownSync(folder, user.uid, user.gid);
  folders.push(folder);
  return folder;
}

/** Kills what is still running, also the PostgreSQL of servers that were killed, and removes the folders. */
export async function cleanUp(): Promise<void> {
  const left = processes.splice(0);
  for (const server of left) server.destroy();
  await Promise.all(left.map((server) => server.exited.catch(() => undefined)));
  for (const folder of folders.splice(0)) {
    for (const orphan of postmastersIn(folder)) process.kill(orphan, 'SIGQUIT');
    await eventually(() => {
      if (postmastersIn(folder).length > 0) throw new Error(`The PostgreSQL in ${folder} does not end.`);
    });
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The pid of the PostgreSQL of a DATA_DIR, or NaN. */
export function postmasterOf(dataDir: string): number {
  const file = join(dataDir, 'postgres', 'postmaster.pid');
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : NaN;
}

function postmastersIn(folder: string): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' });
  const lines = stdout.split('\n').filter((line) => line.includes(`postgres -D ${folder}/`));
  return lines.map((line) => parseInt(line, 10));
}

/** The commands of all processes that have a text in their command line. */
export function processesNaming(text: string): string[] {
  const { stdout } = spawnSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(text));
}

/** The children of a process. */
export function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.filter(([, parent]) => parent === pid).map(([child]) => child ?? NaN);
}

export function isAlive(pid: number): boolean {
  if (Number.isNaN(pid)) return false;
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  return state !== '' && !state.startsWith('Z');
}

/**
 * Tries again until `check` passes, or throws its last failure after the limit, which no machine is to come near. It is
 * less than the minute for which a server remembers what it is not told about.
 */
export async function eventually<T>(check: () => T | Promise<T>, limit = 50_000): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await sleep(25);
  }
}

/** A port on loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A way to PostgreSQL over TCP that can be closed, mute or open. It listens once it is told to. */
export class Gate {
  readonly url: string;
  visitors = 0;
  private isOpen = false;
  private readonly server: Server;
  private readonly sockets: Socket[] = [];

  constructor(
    readonly port: number,
    private readonly target: PostgresConnection,
  ) {
    const { user, password, database } = target;
    this.url = `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
    this.server = createTcpServer((visitor) => {
      this.visitors += 1;
      this.keep(visitor);
      if (this.isOpen) this.lead(visitor);
    });
  }

  async listen(): Promise<void> {
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  open(): void {
    this.isOpen = true;
  }

  /** Lets nothing more through on the present connections, and keeps them; new ones work. */
  silence(): void {
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.server.listening) return;
    this.server.close();
    await once(this.server, 'close');
  }

  private lead(visitor: Socket): void {
    const socket = connect(join(this.target.host, `.s.PGSQL.${this.target.port}`));
    this.keep(socket);
    visitor.pipe(socket).pipe(visitor);
  }

  private keep(socket: Socket): void {
    this.sockets.push(socket);
    socket.on('error', () => socket.destroy());
  }
}
