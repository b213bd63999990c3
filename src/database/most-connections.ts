import type { Config } from '../config/config.js';

/** How many connections one replica has at most: those for requests, as many for what revokes, and those of each worker for itself. */
export function mostConnections({
  databasePoolSize,
  workers,
  directDatabase,
}: Pick<Config, 'databasePoolSize' | 'workers' | 'directDatabase'>): number {
  // One that listens, and a heartbeat for each URL.
  const ofWorker = directDatabase === undefined ? 2 : 3;
  return 2 * databasePoolSize + ofWorker * workers;
}
