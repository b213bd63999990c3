const MEANINGS: Partial<Record<string, string>> = {
  EACCES: 'permission is denied',
  EDQUOT: 'the quota is used up',
  EISDIR: 'it is a folder',
  ENOENT: 'there is no such folder',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'there is no such folder',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
};

/** @returns a sentence that says why something cannot be written, by the name that people know it by */
export function unwritable(what: string, error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return `${what} cannot be written: ${MEANINGS[code] ?? message}.`;
}
