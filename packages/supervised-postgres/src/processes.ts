import { execFile } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { readTextIfExists } from './files.js';

const run = promisify(execFile);

/**
 * When a process started, as an opaque text: together with the pid it identifies a process, although pids are reused.
 * Undefined when no such process is running (a zombie is not).
 */
export async function processStartTime(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') {
    const line = await ps(pid, 'stat=,lstart=');
    return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
  }
  const stat = await readTextIfExists(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name in parentheses, which may contain spaces; field 3 follows it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[22 - 3];
}

/** Whether `pid` is the postmaster of the database cluster in the folder `cluster`. */
export async function isPostmasterOf(pid: number, cluster: string): Promise<boolean> {
  if (process.platform !== 'linux') {
    const line = await ps(pid, 'command=');
    return line.includes('postgres') && line.includes(` -D ${cluster} `);
  }
  const words = ((await readTextIfExists(`/proc/${pid}/cmdline`)) ?? '').split('\0');
  if (!/(^|\/)postgres$/.test(words[0] ?? '')) return false;
  // The working directory is still right when the data folder was renamed meanwhile; we may not be allowed to read it.
  return words.includes(cluster) || (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === cluster;
}

/** Polls `condition` every 25 ms; false when it does not become true within `limitMs` milliseconds. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() >= end) return false;
    await sleep(25);
  }
  return true;
}

/** The line of `ps` for a process; '' when there is none. */
async function ps(pid: number, columns: string): Promise<string> {
  try {
    const options = { env: { PATH: process.env.PATH, LC_ALL: 'C' }, timeout: 5_000 };
    return (await run('ps', ['-o', columns, '-p', String(pid)], options)).stdout.trim();
  } catch (error) {
    // `ps` exits with 1 when it finds nothing.
    if ((error as { code?: unknown }).code === 1) return '';
    throw error;
  }
}
