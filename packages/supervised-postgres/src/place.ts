import { createHash, randomUUID } from 'node:crypto';
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { folderElsewhere, type Application } from './application.js';
import { binariesIn, type Binaries } from './binaries.js';
import { errorCode, exists, giveTree } from './files.js';
import type { SupervisorLog } from './server-log.js';
import { canRun, type RunAs } from './run-as.js';

/** The folder of the database cluster: `postgres` in `dataDir`, or its target if that is a symbolic link. */
export async function clusterFolder(dataDir: string): Promise<string> {
  const usual = join(dataDir, 'postgres');
  try {
    return resolve(dataDir, await readlink(usual));
  } catch (error) {
    if (['ENOENT', 'EINVAL'].includes(errorCode(error) ?? '')) return usual;
    throw error;
  }
}

/**
 * Makes sure that PostgreSQL's account can reach the folder of the cluster, and returns that folder. If it cannot reach
 * `dataDir`, a new cluster goes under /var/lib/<id>, with a link in `dataDir/postgres` and a line in the log. Throws
 * when it cannot reach an existing cluster.
 */
export async function reachableCluster(
  app: Application,
  dataDir: string,
  runAs: RunAs,
  log: SupervisorLog,
): Promise<string> {
  const cluster = await clusterFolder(dataDir);
  const parent = dirname(cluster);
  if (runAs.way === 'self' || (await canEnter(runAs, parent)) || (await letEnter(runAs, parent))) return cluster;
  if (await exists(join(dataDir, 'postgres'))) {
    const remedy = `Make the folders above it accessible to others (chmod o+x), or move it and set ${app.dataDirLabel}.`;
    throw new Error(`PostgreSQL runs as ${runAs.name}, which cannot reach its data in ${cluster}. ${remedy}`);
  }
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  const elsewhere = await makeElsewhere(app);
  // A unique name: a cluster left behind by a deleted data folder is neither used nor destroyed.
  const home = await mkdtemp(join(elsewhere, `${hash}-`));
  await chown(home, runAs.owner.uid, runAs.owner.gid);
  await symlink(join(home, 'postgres'), join(dataDir, 'postgres'));
  log.warn(`PostgreSQL runs as ${runAs.name}, which cannot reach ${dataDir}; its data goes to ${home}.`);
  return join(home, 'postgres');
}

/** The binaries, or a copy under /var/lib/<id> when PostgreSQL's account cannot reach them. */
export async function reachableBinaries(
  app: Application,
  binaries: Binaries,
  runAs: RunAs,
  log: SupervisorLog,
): Promise<Binaries> {
  if (runAs.way === 'self' || (await canRun(runAs, binaries.postgres, ['--version']))) return binaries;
  const folder = join(folderElsewhere(app), `postgresql-${binaries.version}-${runAs.owner.uid}`);
  const copied = binariesIn(folder, binaries.version);
  if (!(await exists(folder))) {
    await makeElsewhere(app);
    const draft = `${folder}.${randomUUID()}`;
    try {
      await cp(binaries.folder, draft, { recursive: true, verbatimSymlinks: true });
      await giveTree(draft, runAs.owner);
      await rename(draft, folder).catch((error: unknown) => {
        // Another process on this machine may have been faster.
        if (!['EEXIST', 'ENOTEMPTY'].includes(errorCode(error) ?? '')) throw error;
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    log.warn(`PostgreSQL runs as ${runAs.name}, which cannot use ${binaries.folder}; a copy is in ${folder}.`);
  }
  if (await canRun(runAs, copied.postgres, ['--version'])) return copied;
  throw new Error(`PostgreSQL does not run as ${runAs.name}, neither in ${binaries.folder} nor in ${folder}.`);
}

function canEnter(runAs: RunAs, folder: string): Promise<boolean> {
  return canRun(runAs, 'sh', ['-c', 'cd -- "$1"', 'sh', folder]);
}

/** Lets PostgreSQL's account enter a folder of ours, by its group; true when that helps. */
async function letEnter(runAs: RunAs, folder: string): Promise<boolean> {
  if (runAs.way !== 'setuid' || !(await exists(folder)) || !(await canEnter(runAs, dirname(folder)))) return false;
  const { uid, mode } = await lstat(folder);
  if (uid !== process.getuid?.()) return false;
  await chown(folder, uid, runAs.owner.gid);
  await chmod(folder, (mode & 0o707) | 0o010);
  return canEnter(runAs, folder);
}

async function makeElsewhere(app: Application): Promise<string> {
  const folder = folderElsewhere(app);
  await mkdir(folder, { recursive: true });
  // Whatever our umask is, as the accounts that own the folders below have to enter it.
  await chmod(folder, 0o755);
  return folder;
}
