import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Binaries } from './binaries.js';
import { exists, flush, readTextIfExists } from './files.js';
import type { RunAs } from './run-as.js';

const run = promisify(execFile);

const INITDB_LIMIT_MS = 60_000;

/** The input of `initdb`. */
export interface Initialisation {
  /** The folder of the cluster. */
  cluster: string;
  /** The name of the superuser in a new cluster. */
  superuser: string;
  /** The file that keeps the superuser's password (mode 0600). */
  passwordFile: string;
  binaries: Binaries;
  runAs: RunAs;
  /** Whether to wait until everything is on the disk. */
  sync: boolean;
}

/**
 * Creates the cluster if there is none, and returns the superuser's password. Throws when the folder contains something
 * else, a cluster of another major version, or one whose password is lost, and when `initdb` fails.
 */
export async function openCluster(what: Initialisation): Promise<string> {
  await removeDrafts(what.cluster);
  const version = (await readTextIfExists(join(what.cluster, 'PG_VERSION')))?.trim();
  if (version === undefined) return initialise(what);
  const ours = what.binaries.version.split('.')[0] ?? '';
  if (version !== ours) {
    throw new Error(
      `${what.cluster} was created by PostgreSQL ${version}, but this is PostgreSQL ${ours}. ` +
        `Migrate the data with pg_dump and pg_restore, or move the folder away to start with an empty database.`,
    );
  }
  const password = (await readTextIfExists(what.passwordFile))?.trim() ?? '';
  if (password !== '') return password;
  throw new Error(
    `${what.passwordFile}, the password of the database in ${what.cluster}, is missing. ` +
      `Restore it, or move the database away to start with an empty one.`,
  );
}

/** Creates the cluster in a temporary folder and renames it when it is complete. */
async function initialise(what: Initialisation): Promise<string> {
  const { cluster, passwordFile, runAs } = what;
  if ((await exists(cluster)) && (await readdir(cluster)).length > 0) {
    throw new Error(`${cluster} exists but is not a PostgreSQL database. Move it away.`);
  }
  const password = randomBytes(24).toString('base64url');
  await rm(passwordFile, { force: true });
  await writePrivate(passwordFile, password);
  const draft = await mkdtemp(draftPrefix(cluster));
  try {
    const handover = join(draft, 'password');
    await writePrivate(handover, password);
    if (process.getuid?.() === 0) {
      for (const path of [handover, draft]) await chown(path, runAs.owner.uid, runAs.owner.gid);
    }
    await runInitdb(what, join(draft, 'data'), handover);
    await rename(join(draft, 'data'), cluster);
    await Promise.all([flush(dirname(cluster)), flush(dirname(passwordFile))]);
  } finally {
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
  }
  return password;
}

async function runInitdb(what: Initialisation, data: string, pwfile: string): Promise<void> {
  const encoding = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = [`--username=${what.superuser}`, `--pwfile=${pwfile}`, '--auth=scram-sha-256'];
  const others = ['--no-instructions', ...(what.sync ? [] : ['--no-sync'])];
  const command = what.runAs.command(what.binaries.initdb, [`--pgdata=${data}`, ...encoding, ...access, ...others]);
  try {
    const limits = { timeout: INITDB_LIMIT_MS, killSignal: 'SIGKILL' as const };
    await run(command.file, command.args, { ...command.options, ...limits });
  } catch (error) {
    // Without the error as the cause, which repeats the whole command line.
    const { killed, stderr, code } = error as { killed?: boolean; stderr?: string; code?: unknown };
    if (stderr?.includes('No space left on device')) {
      throw new Error(`The disk of ${what.cluster} is full: PostgreSQL needs about 100 MiB to begin with.`);
    }
    const reason = killed === true ? `took more than ${INITDB_LIMIT_MS / 1000} seconds` : `failed (${String(code)})`;
    throw new Error(`PostgreSQL's initdb ${reason}. Its last output:\n${lastLines(stderr ?? '')}`);
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-10).join('\n');
}

async function writePrivate(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text + '\n');
    await file.sync();
  } finally {
    await file.close();
  }
}

function draftPrefix(cluster: string): string {
  return `${cluster}.new-`;
}

/** Removes what an interrupted `initdb` left, including passwords. */
async function removeDrafts(cluster: string): Promise<void> {
  const prefix = basename(draftPrefix(cluster));
  for (const name of await readdir(dirname(cluster))) {
    if (!name.startsWith(prefix)) continue;
    await rm(join(dirname(cluster), name), { recursive: true, force: true, maxRetries: 5 });
  }
}
