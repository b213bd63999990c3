import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresConnection } from '@latchkey/supervised-postgres';
import { Line } from './line.js';
import { eventually, freePort } from './process.js';

/** Whether there is a PgBouncer to test with; CI has one. */
export const hasPgBouncer = spawnSync('pgbouncer', ['--version']).status === 0;

const NOBODY = 65_534;

/** A real PgBouncer in front of the test cluster, with its defaults but for what is given. */
export class PgBouncer {
  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly target: PostgresConnection,
    private readonly line: Line,
    private readonly child: ChildProcess,
  ) {}

  static async start(target: PostgresConnection, settings: Record<string, string | number>): Promise<PgBouncer> {
    const port = Number(settings.listen_port ?? (await freePort()));
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-pgbouncer-'));
    // It refuses to run as root, and nobody else may use the cluster's socket: hence the line in between.
    const line = await Line.open(target);
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const users = join(folder, 'users.txt');
    const ini = join(folder, 'pgbouncer.ini');
    const lines = {
      listen_addr: '127.0.0.1',
      listen_port: port,
      unix_socket_dir: '',
      auth_type: 'scram-sha-256',
      ...settings,
    };
    writeFileSync(users, `"${target.user}" "${target.password}"\n`, { mode: 0o600 });
    writeFileSync(
      ini,
      [
        '[databases]',
        `* = host=${line.connection.host} port=${line.connection.port}`,
        '[pgbouncer]',
        `auth_file = ${users}`,
        ...Object.entries(lines).map(([name, value]) => `${name} = ${value}`),
        '',
      ].join('\n'),
      { mode: 0o600 },
    );
    if (user.uid !== undefined) for (const path of [folder, users, ini]) chownSync(path, user.uid, user.gid);
    const child = spawn('pgbouncer', ['-q', ini], { ...user, stdio: 'ignore' });
    const started = new PgBouncer(port, folder, target, line, child);
    await started.answers();
    return started;
  }

  url(database = this.target.database): string {
    const { user, password } = this.target;
    return `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${this.port}/${database}`;
  }

  /** Does nothing the second time. */
  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    await this.line.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private answers(): Promise<void> {
    return eventually(async () => {
      const socket = connect(this.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
    });
  }
}
