import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Application } from './application.js';
import { readTextIfExists } from './files.js';
import { clusterFolder } from './place.js';
import { readPostmasterFile } from './postmaster-file.js';
import { PASSWORD_FILE, type PostgresConnection } from './supervised-postgres.js';

/**
 * The connection to the PostgreSQL that another process of the application runs on a data folder, for commands beside a
 * running server.
 * @returns undefined when it does not accept connections (yet)
 */
export async function runningPostgres(
  { id }: Pick<Application, 'id'>,
  folder: string,
): Promise<PostgresConnection | undefined> {
  const dataDir = await realpath(folder);
  const postmaster = await readPostmasterFile(await clusterFolder(dataDir));
  const password = (await readTextIfExists(join(dataDir, PASSWORD_FILE)))?.trim();
  if (!postmaster?.ready || password === undefined) return undefined;
  return { host: postmaster.socketDir, port: postmaster.port, user: id, password, database: id };
}
