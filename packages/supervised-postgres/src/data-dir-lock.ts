import { randomUUID } from 'node:crypto';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Application } from './application.js';
import { errorCode, readTextIfExists } from './files.js';
import { processStartTime } from './processes.js';

/** Another process, or this one, already uses the data folder. */
export class DataDirInUseError extends Error {
  constructor({ name, dataDirLabel }: Application, pid: number, dataDir: string) {
    const who = pid === process.pid ? 'this process' : `process ${pid}`;
    const remedy = `Stop it, or use another ${dataDirLabel}.`;
    super(`Another ${name} (${who}) is using ${dataDirLabel} ${dataDir}. ${remedy}`);
    this.name = 'DataDirInUseError';
  }
}

/** The folders that this process has locked; its own pid in a lock file does not prove that (see `liveHolder`). */
const heldHere = new Set<string>();

/** The file `<id>.lock` in a data folder, which names the one process that may use it. */
export class DataDirLock {
  private constructor(
    private readonly dataDir: string,
    private readonly file: string,
    private readonly content: string,
  ) {}

  /**
   * Locks `dataDir` (an existing folder, without symbolic links in its path). Takes over a lock whose process has
   * exited. Throws DataDirInUseError when a live process holds it.
   */
  static async acquire(app: Application, dataDir: string): Promise<DataDirLock> {
    if (heldHere.has(dataDir)) throw new DataDirInUseError(app, process.pid, dataDir);
    heldHere.add(dataDir);
    try {
      const file = join(dataDir, `${app.id}.lock`);
      return new DataDirLock(dataDir, file, await takeLockFile(app, dataDir, file));
    } catch (error) {
      heldHere.delete(dataDir);
      throw error;
    }
  }

  /** Releases the lock; a lock file that is no longer ours stays. */
  async release(): Promise<void> {
    if ((await readTextIfExists(this.file)) === this.content) await rm(this.file, { force: true });
    heldHere.delete(this.dataDir);
  }
}

async function takeLockFile(app: Application, dataDir: string, file: string): Promise<string> {
  const startedAt = await processStartTime(process.pid);
  const mine = JSON.stringify({ pid: process.pid, startedAt, nonce: randomUUID() }) + '\n';
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await createWhole(file, mine)) {
      // Two processes that both removed a stale lock may both have created a file; the last one stays.
      if (attempt > 0) await sleep(50);
      if ((await readTextIfExists(file)) === mine) return mine;
    }
    const theirs = await readTextIfExists(file);
    if (theirs === undefined) continue;
    const holder = await liveHolder(theirs);
    if (holder !== undefined) throw new DataDirInUseError(app, holder, dataDir);
    await removeStale(file, theirs);
  }
  throw new Error(`Could not acquire the lock ${file}: other processes keep acquiring it.`);
}

/** Creates `file` and its content atomically; false when it exists. */
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

/** The pid in a lock file, if that process is still running. */
async function liveHolder(content: string): Promise<number | undefined> {
  let holder: unknown;
  try {
    holder = JSON.parse(content);
  } catch {
    // A power failure can leave the file empty.
    return undefined;
  }
  if (typeof holder !== 'object' || holder === null || !('pid' in holder) || !('startedAt' in holder)) return undefined;
  // Our own pid is from an earlier process: in a container, every start may be process 1.
  if (typeof holder.pid !== 'number' || holder.pid === process.pid) return undefined;
  return (await processStartTime(holder.pid)) === holder.startedAt ? holder.pid : undefined;
}

/** Removes a stale lock, but not the new one of a process that was faster. */
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
