import { lchown, lstat, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The `code` of a system error (`ENOENT`, `EEXIST`, ...), undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  // Not by instanceof: under Jest, Node's own errors belong to another realm.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The text of a file; undefined when there is no such file (or process, under /proc). */
export async function readTextIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** Whether something is at `path`; a symbolic link counts even when it leads nowhere. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Changes the owner of a folder and everything below it, unless the folder has that owner already. */
export async function giveTree(folder: string, owner: { uid: number; gid: number }): Promise<void> {
  if ((await lstat(folder)).uid === owner.uid) return;
  for (const entry of await readdir(folder, { recursive: true })) {
    await lchown(join(folder, entry), owner.uid, owner.gid);
  }
  // The folder comes last, so that an interrupted run is repeated.
  await lchown(folder, owner.uid, owner.gid);
}

/** Flushes a file, or the entries of a folder, to the disk. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
