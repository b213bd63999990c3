import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Application } from './application.js';
import { errorCode, readTextIfExists } from './files.js';
import { isPostmasterOf, processStartTime, waitUntil } from './processes.js';
import type { SupervisorLog } from './server-log.js';

/** The signals to stop a server, the gentlest first, and how long to wait after each, in milliseconds. */
const MEANS = [
  ['SIGINT', 5_000],
  ['SIGQUIT', 2_000],
  ['SIGKILL', 5_000],
] as const;

/** The content of `postmaster.pid` in a cluster's folder. */
export interface PostmasterFile {
  /** The pid of the postmaster. */
  pid: number;
  port: number;
  /** The folder of its Unix socket. */
  socketDir: string;
  /** Whether it accepts connections. */
  ready: boolean;
}

/** Reads `postmaster.pid`; undefined when there is none. */
export async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  const lines = ((await readTextIfExists(postmasterFile(cluster))) ?? '').split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3]), socketDir: lines[4] ?? '', ready: lines[7]?.trim() === 'ready' };
}

/**
 * Stops a postmaster: by a fast shutdown, then an immediate one, then by force. `isGone` tells whether it has exited.
 * Throws when it survives all of these, after about 12 seconds.
 */
export async function stopPostmaster(pid: number, isGone: () => boolean | Promise<boolean>): Promise<void> {
  for (const [signal, limitMs] of MEANS) {
    if (await isGone()) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (errorCode(error) !== 'ESRCH') throw error;
    }
    if (await waitUntil(isGone, limitMs)) return;
  }
  throw new Error(`PostgreSQL (process ${pid}) does not exit, not even after SIGKILL.`);
}

/** Stops the server that a killed process left behind; call it only while holding the lock. */
export async function stopOrphan(app: Application, cluster: string, log: SupervisorLog): Promise<void> {
  const pid = (await readPostmasterFile(cluster))?.pid;
  if (pid === undefined || !(await isPostmasterOf(pid, cluster))) return;
  log.warn(`An earlier ${app.name} left its PostgreSQL (process ${pid}) behind; stopping it.`);
  await stopPostmaster(pid, async () => !(await isPostmasterOf(pid, cluster)));
}

/**
 * PostgreSQL refuses to start while the pid in a dead server's `postmaster.pid` belongs to another process, for
 * instance after a restart of a container. The file must stay, as it names the shared memory that the dead server's
 * last processes may still use. So our own pid is written to it, which PostgreSQL ignores, as it is its parent's.
 */
export async function disownPostmasterFile(cluster: string): Promise<void> {
  const pid = (await readPostmasterFile(cluster))?.pid;
  if (pid === undefined || pid === process.pid) return;
  if ((await processStartTime(pid)) === undefined || (await isPostmasterOf(pid, cluster))) return;
  const text = (await readTextIfExists(postmasterFile(cluster))) ?? '';
  await writeFile(postmasterFile(cluster), text.replace(/^\d+/, String(process.pid)));
}

function postmasterFile(cluster: string): string {
  return join(cluster, 'postmaster.pid');
}
