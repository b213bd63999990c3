import { execFile } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { readTextIfExists } from './files.js';

const run = promisify(execFile);

/**
 * When a process started, as a text that only serves to be compared: together with the pid it names one
 * process for good, although pids are used again. Undefined when no such process runs (a zombie does not).
 */
export async function processStartTime(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') {
    const line = await ps(pid, 'stat=,lstart=');
    return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
  }
  const stat = await readTextIfExists(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name in brackets and may hold spaces; what follows begins with field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[22 - 3];
}

/** Whether `pid` is a postmaster that serves the database cluster in the folder `cluster`. */
export async function isPostmasterOf(pid: number, cluster: string): Promise<boolean> {
  if (process.platform !== 'linux') {
    const line = await ps(pid, 'command=');
    return line.includes('postgres') && line.includes(` -D ${cluster} `);
  }
  const words = ((await readTextIfExists(`/proc/${pid}/cmdline`)) ?? '').split('\0');
  if (!/(^|\/)postgres$/.test(words[0] ?? '')) return false;
  // The working folder still tells when the data folder was renamed meanwhile; it may be closed to us.
  return words.includes(cluster) || (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === cluster;
}

/** Looks every 25 ms whether `condition` holds; false when it still does not after `limitMs` milliseconds. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() >= end) return false;
    await sleep(25);
  }
  return true;
}

/** One line of `ps` about a process, '' when there is none. */
async function ps(pid: number, columns: string): Promise<string> {
  try {
    const options = { env: { PATH: process.env.PATH, LC_ALL: 'C' }, timeout: 5_000 };
    return (await run('ps', ['-o', columns, '-p', String(pid)], options)).stdout.trim();
  } catch (error) {
    // `ps` ends with 1 when it finds nothing; anything else is a real failure.
    if ((error as { code?: unknown }).code === 1) return '';
    throw error;
  }
}
