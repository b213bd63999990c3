import { randomBytes } from 'node:crypto';
import { constants, existsSync, realpathSync, statSync } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { unwritable } from '../config/unwritable.js';
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
  const target = await openPath(path).catch((error: unknown) => {
    throw new UsageError(whyNot(path, error));
  });
  return {
    write: (text) => orWhyNot(path, target.write(text)),
    finish: () => orWhyNot(path, target.finish()),
    discard: () => target.discard(),
  };
}

/** Failures of files name a draft that nobody has heard of. */
const whyNot = (path: string, error: unknown) => unwritable(path === '' ? 'A file without a name' : path, error);

/** @throws what {@link whyNot} says, in place of whatever the work throws */
const orWhyNot = (path: string, work: Promise<void>) =>
  work.catch((error: unknown) => {
    throw new Error(whyNot(path, error));
  });

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
  return {
    write: (text) => handle.writeFile(text),
    finish: async () => {
      await handle.sync();
      await handle.close();
      await rename(draft, path);
    },
    discard: async () => {
      await handle.close().catch(() => undefined);
      await rm(draft, { force: true });
    },
  };
}
