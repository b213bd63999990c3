import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** Says why a path names no file that can be read, as the end of a sentence. */
export class NotAFile extends Error {}

/**
 * Reads a file that a variable names.
 *
 * @param limit.largest how many bytes it may have
 * @param limit.otherwise why it has no more, as the end of a sentence
 * @throws NotAFile, or the error of the file system
 */
export function readRegularFile(
  path: string,
  { largest, otherwise = '' }: { largest: number; otherwise?: string },
): Buffer {
  // A pipe that nobody writes to would be waited for.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(file);
    if (stat.isDirectory()) throw new NotAFile('names a folder; it must be the path of a file');
    if (!stat.isFile()) throw new NotAFile('must be the path of a regular file');
    if (stat.size > largest) throw new NotAFile(`names a file of more than ${largest / 1_024} KiB${otherwise}`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
