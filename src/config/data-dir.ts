import { constants, existsSync, mkdirSync, statfsSync } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What a new cluster of PostgreSQL takes with its first log files, and some room. In bytes. */
const ROOM = 200 * 1_048_576;
const MIB = 1_048_576;

const PROBLEMS: Partial<Record<string, string>> = {
  EEXIST: 'is a file',
  ENOTDIR: 'is, or lies below, a file',
  EACCES: 'may not be written by this user',
  EPERM: 'may not be written by this user',
  EROFS: 'is on a file system that is read-only',
  ENOENT: 'cannot be made there',
  ENOSPC: 'cannot be made: the disk is full',
  ELOOP: 'is a symbolic link that leads to itself',
  ENAMETOOLONG: 'is a path that is too long',
};

/**
 * Makes a DATA_DIR, for its owner only, and looks whether it can be written.
 *
 * @throws an Error that says what is wrong with it, and what to do
 */
export async function openDataDir(dataDir: string): Promise<void> {
  try {
    makeFolder(dataDir);
    if (!(await stat(dataDir)).isDirectory()) throw Object.assign(new Error('it is no folder'), { code: 'EEXIST' });
    await access(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string };
    const problem = PROBLEMS[code] ?? `cannot be used (${message})`;
    const remedy = 'Set DATA_DIR to a folder that this user can write to.';
    throw new Error(`DATA_DIR ${dataDir} ${problem}. ${remedy}`, { cause: error });
  }
}

/** Not by `recursive`, with which Node tries for ever in a folder that takes none, such as /proc. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}

/** @returns what to say when a new database would hardly find room in a DATA_DIR; undefined when there is enough */
export function littleRoom(dataDir: string): string | undefined {
  const { bavail, bsize } = statfsSync(dataDir);
  const free = bavail * bsize;
  if (free >= ROOM) return undefined;
  return `only ${Math.floor(free / MIB)} MiB are free in DATA_DIR ${dataDir}; PostgreSQL wants ${ROOM / MIB} MiB to begin with`;
}
