import { open, type FileHandle } from 'node:fs/promises';
import { UsageError } from './running.js';

/** Opens a file that was named to a command, to read it. @throws UsageError when there is none, or it cannot be opened */
export async function openFile(path: string): Promise<FileHandle> {
  return open(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

/** @returns what is told when a file that was named to a command cannot be read */
export function unreadable(path: string, error: unknown): UsageError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new UsageError(code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read: ${message}`);
}
