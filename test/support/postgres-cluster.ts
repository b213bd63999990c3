import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, freePort, newFolder } from './process.js';

/** Where Debian has what belongs together: the newest version. */
const ROOT = '/usr/lib/postgresql';
const versions = existsSync(ROOT) ? readdirSync(ROOT).filter((name) => existsSync(join(ROOT, name, 'bin/initdb'))) : [];
const newest = versions.sort((one, other) => Number(other) - Number(one))[0];

/** Whether there is a PostgreSQL with its tools; the embedded one has none. CI has one. */
export const hasPostgres = newest !== undefined;

const NOBODY = { uid: 65_534, gid: 65_534 };
const user = process.getuid?.() === 0 ? NOBODY : {};

/** Runs one of PostgreSQL's programs, as somebody who is not root. Throws with what it says. */
export function runPostgres(program: string, args: string[], env: Record<string, string> = {}): string {
  const { status, stdout, stderr } = spawnSync(join(ROOT, newest ?? '', 'bin', program), args, {
    ...user,
    cwd: '/',
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    maxBuffer: 100_000_000,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}:\n${stdout}${stderr}`);
  return stdout;
}

/** A folder for that user. {@link cleanUp} removes it. */
export function postgresFolder(): string {
  return newFolder(process.getuid?.() === 0 ? NOBODY : undefined);
}

/** A PostgreSQL of a test's own, with its tools, which can be backed up and restored. */
export class PostgresCluster {
  private child?: ChildProcess;

  private constructor(
    readonly data: string,
    readonly port: number,
  ) {}

  /** A new one. @param settings lines of postgresql.conf */
  static async create(settings: string[] = []): Promise<PostgresCluster> {
    const data = join(postgresFolder(), 'data');
    runPostgres('initdb', ['-D', data, '-U', 'latchkey', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C']);
    return PostgresCluster.at(data, settings);
  }

  /** One whose folder is there. */
  static async at(data: string, settings: string[] = []): Promise<PostgresCluster> {
    const port = await freePort();
    const lines = [`port = ${port}`, "listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", ...settings];
    appendFileSync(join(data, 'postgresql.conf'), `${lines.join('\n')}\n`);
    return new PostgresCluster(data, port);
  }

  urlOf(database: string): string {
    return `postgres://latchkey@127.0.0.1:${this.port}/${database}`;
  }

  async start(): Promise<this> {
    const program = join(ROOT, newest ?? '', 'bin', 'postgres');
    this.child = spawn(program, ['-D', this.data], { ...user, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
    await eventually(() => {
      if (this.child?.exitCode !== null) throw new Error(log);
      // Not while it recovers.
      const isReplica = this.query('postgres', 'SELECT pg_is_in_recovery()');
      if (isReplica !== 'f') throw new Error(`It is still recovering:\n${log}`);
    });
    return this;
  }

  /** By psql: the answer as text without decoration. */
  query(database: string, statement: string): string {
    return runPostgres('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', this.urlOf(database), '-c', statement]).trim();
  }

  /** At once, as by a crash. */
  stop(): Promise<void> {
    return this.end('SIGQUIT');
  }

  /** Once all is written, and archived. */
  shutDown(): Promise<void> {
    return this.end('SIGINT');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child?.exitCode !== null) return;
    this.child.kill(signal);
    await once(this.child, 'exit');
  }
}
