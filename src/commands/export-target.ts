import { randomBytes } from 'node:crypto';
import { constants, existsSync, realpathSync, statSync } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { UsageError } from './running.js';

/** Where an export goes. */
export interface ExportTarget {
  /** Settles when it is taken, so that no more is read than is written. */
  write(text: string): Promise<void>;
  /** All of it is written. */
  finish(): Promise<void>;
  /** It was broken off: nothing of it stays. */
  discard(): Promise<void>;
}

/**
 * @param path undefined or `-`: standard output
 * @throws UsageError when nothing can be written there
 */
export async function openTarget(path: string | undefined): Promise<ExportTarget> {
  if (path === undefined || path === '-') return toStandardOutput();
  return openPath(path).catch((error: unknown) => {
    throw new UsageError(whyNot(path, error));
  });
}

/** Failures of files name a draft that nobody has heard of. */
const whyNot = (path: string, error: unknown) =>
  `${path === '' ? 'A file without a name' : path} cannot be written: ${MEANINGS[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message}`;

const MEANINGS: Record<string, string> = {
  EACCES: 'permission is denied.',
  ENOENT: 'there is no such folder.',
  ENOSPC: 'the disk is full.',
  ENOTDIR: 'there is no such folder.',
  EROFS: 'the disk is read-only.',
};

async function openPath(path: string): Promise<ExportTarget> {
  if (path === '') throw Object.assign(new Error(), { code: 'ENOENT' });
  const target = existsSync(path) ? realpathSync(path) : path;
  // A pipe or a device is written to, and never replaced.
  if (existsSync(target) && !statSync(target).isFile()) return toDevice(await open(target, constants.O_WRONLY));
  return toFile(target);
}

function toStandardOutput(): ExportTarget {
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        process.stdout.write(text, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
    finish: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  };
}

function toDevice(handle: FileHandle): ExportTarget {
  const close = () => handle.close();
  return { write: (text) => handle.writeFile(text), finish: close, discard: close };
}

/** For this user only, and under its name when all of it is on the disk. */
async function toFile(path: string): Promise<ExportTarget> {
  const draft = `${path}.${randomBytes(4).toString('hex')}.part`;
  const handle = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  const failed = (error: unknown) => {
    throw new Error(whyNot(path, error));
  };
  const finish = async () => {
    await handle.sync();
    await handle.close();
    await rename(draft, path);
  };
  return {
    write: (text) => handle.writeFile(text).catch(failed),
    finish: () => finish().catch(failed),
    discard: async () => {
      await handle.close().catch(() => undefined);
      await rm(draft, { force: true });
    },
  };
}
