import { randomUUID } from 'node:crypto';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, readTextIfExists } from './files.js';
import { processStartTime } from './processes.js';

/** Another live Latchkey holds the lock of this DATA_DIR. */
export class DataDirInUseError extends Error {
  constructor(pid: number, dataDir: string) {
    const who = pid === process.pid ? 'this very process' : `process ${pid}`;
    super(`Another Latchkey (${who}) is using DATA_DIR ${dataDir}. Stop it, or give this one its own DATA_DIR.`);
    this.name = 'DataDirInUseError';
  }
}

/** The folders this process holds: its own pid in a lock file says nothing (see `liveHolder`). */
const heldHere = new Set<string>();

/** The file `latchkey.lock` in a data folder, which names the one process that may use it. */
export class DataDirLock {
  private constructor(
    private readonly dataDir: string,
    private readonly content: string,
  ) {}

  /**
   * Takes the lock of `dataDir` (an existing folder, without symbolic links in its path). A lock whose
   * process is gone is taken over. Throws DataDirInUseError when a live process holds it.
   */
  static async acquire(dataDir: string): Promise<DataDirLock> {
    if (heldHere.has(dataDir)) throw new DataDirInUseError(process.pid, dataDir);
    heldHere.add(dataDir);
    try {
      return new DataDirLock(dataDir, await takeLockFile(dataDir));
    } catch (error) {
      heldHere.delete(dataDir);
      throw error;
    }
  }

  /** Gives the lock back; a lock file that is no longer ours stays. */
  async release(): Promise<void> {
    const file = lockFile(this.dataDir);
    if ((await readTextIfExists(file)) === this.content) await rm(file, { force: true });
    heldHere.delete(this.dataDir);
  }
}

function lockFile(dataDir: string): string {
  return join(dataDir, 'latchkey.lock');
}

async function takeLockFile(dataDir: string): Promise<string> {
  const file = lockFile(dataDir);
  const startedAt = await processStartTime(process.pid);
  const mine = JSON.stringify({ pid: process.pid, startedAt, nonce: randomUUID() }) + '\n';
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await createWhole(file, mine)) {
      // Two processes that both removed a stale lock could each think they won; only one is still in the file.
      if (attempt > 0) await sleep(50);
      if ((await readTextIfExists(file)) === mine) return mine;
    }
    const theirs = await readTextIfExists(file);
    if (theirs === undefined) continue;
    const holder = await liveHolder(theirs);
    if (holder !== undefined) throw new DataDirInUseError(holder, dataDir);
    await removeStale(file, theirs);
  }
  throw new Error(`Could not take the lock ${file}: other processes keep taking it.`);
}

/** Creates `file` with its content in one step, so that nobody reads half of it; false when it exists. */
async function createWhole(file: string, content: string): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, content, { flag: 'wx', mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** The pid in a lock file, if that process still runs. */
async function liveHolder(content: string): Promise<number | undefined> {
  let holder: unknown;
  try {
    holder = JSON.parse(content);
  } catch {
    // A power cut can leave the file empty; a whole one is all that `createWhole` writes.
    return undefined;
  }
  if (typeof holder !== 'object' || holder === null || !('pid' in holder) || !('startedAt' in holder)) return undefined;
  // Our own pid was written by an earlier process: in a container every start may be process 1.
  if (typeof holder.pid !== 'number' || holder.pid === process.pid) return undefined;
  return (await processStartTime(holder.pid)) === holder.startedAt ? holder.pid : undefined;
}

/** Removes a stale lock, but not the fresh one of a process that was faster. */
async function removeStale(file: string, stale: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
    if ((await readTextIfExists(aside)) !== stale) await link(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(errorCode(error) ?? '')) throw error;
  } finally {
    await rm(aside, { force: true });
  }
}
