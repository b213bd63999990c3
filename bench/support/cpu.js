// What processes have used so far, as Linux counts it.
import { readdirSync, readFileSync } from 'node:fs';

const TICKS = 100;

/** @returns the text of a file under /proc; empty when the process or thread has ended */
function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const statOf = (pid) => read(`/proc/${pid}/stat`).split(') ').at(-1).split(' ');

/** The CPU time of a process's living threads, in seconds, to the nanosecond. */
export function cpuOf(pid) {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(read(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0] || 0);
  }
  return nanoseconds / 1e9;
}

/** The processes whose parent this is. */
function childrenOf(pid) {
  return read(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .filter((child) => child !== '');
}

/** The CPU time of a process and of all that it has started, those that have ended too, in seconds. */
export function cpuOfTree(pid) {
  const stat = statOf(pid);
  const living = [pid, ...childrenOf(pid)].map((one) => {
    try {
      return cpuOf(one);
    } catch {
      // It has ended meanwhile.
      return 0;
    }
  });
  return living.reduce((sum, one) => sum + one, 0) + (Number(stat[13] ?? 0) + Number(stat[14] ?? 0)) / TICKS;
}

/** The parent of a process. */
export const parentOf = (pid) => Number(statOf(pid)[1]);

/** The memory of a process that is in RAM, in MiB. */
export function residentMemory(pid) {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`)) ?? [];
  return Number(kilobytes ?? 0) / 1024;
}
