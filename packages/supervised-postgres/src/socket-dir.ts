import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Application } from './application.js';
import type { RunAs } from './run-as.js';

/** Only a part of the socket's name, as PostgreSQL does not listen on TCP. */
export const SOCKET_PORT = 5432;

/**
 * The longest path of a Unix socket in bytes, without its final zero: of 108 on Linux, of 104 on macOS and the BSDs.
 */
const LONGEST = process.platform === 'linux' ? 107 : 103;

/**
 * Creates an empty folder of mode 0700 for PostgreSQL's socket and returns its path: `run` in `folder`, or one in the
 * system's temporary folder if the socket's path would be too long.
 */
export async function makeSocketDir(app: Application, folder: string, runAs: RunAs): Promise<string> {
  const usual = join(folder, 'run');
  let made = usual;
  if (fits(usual)) {
    // May contain the socket and the lock of a dead server.
    await rm(usual, { recursive: true, force: true });
    await mkdir(usual, { mode: 0o700 });
  } else {
    const base = fits(join(tmpdir(), `${app.id}-XXXXXX`)) ? tmpdir() : '/tmp';
    made = await mkdtemp(join(base, `${app.id}-`));
  }
  await chmod(made, 0o700);
  if (process.getuid?.() === 0) await chown(made, runAs.owner.uid, runAs.owner.gid);
  return made;
}

function fits(folder: string): boolean {
  return Buffer.byteLength(join(folder, `.s.PGSQL.${SOCKET_PORT}`)) <= LONGEST;
}
