import { renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Writes secrets that their owner is to find again: for this user only, on the disk when it returns, and in one step, so
 * that nobody reads half of them.
 *
 * @throws when the file cannot be written; what stood there before stays
 */
export function writePrivateFile(path: string, text: string): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
  renameSync(draft, path);
}
