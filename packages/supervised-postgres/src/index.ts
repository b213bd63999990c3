export type { Application } from './application.js';
export { DataDirInUseError } from './data-dir-lock.js';
export { runningPostgres } from './running.js';
export type { SupervisorLog } from './server-log.js';
export { SupervisedPostgres, type PostgresConnection, type SupervisedPostgresOptions } from './supervised-postgres.js';
