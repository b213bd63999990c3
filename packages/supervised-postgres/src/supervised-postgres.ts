import { mkdir, realpath, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkApplication, orElse, type Application } from './application.js';
import { findBinaries, type Binaries } from './binaries.js';
import { DataDirLock } from './data-dir-lock.js';
import { ensureDatabase } from './database.js';
import { giveTree } from './files.js';
import { openCluster } from './initdb.js';
import { reachableBinaries, reachableCluster } from './place.js';
import { stopOrphan } from './postmaster-file.js';
import { chooseRunAs, type RunAs, type Way } from './run-as.js';
import type { SupervisorLog } from './server-log.js';
import { makeSocketDir, SOCKET_PORT } from './socket-dir.js';
import { Supervisor } from './supervisor.js';
import { Undo } from './undo.js';

/** The options of a server. */
export interface SupervisedPostgresOptions {
  /** The application that the server belongs to. */
  app: Application;
  /** Absolute path of the data folder; the cluster lives in `${dataDir}/postgres`. */
  dataDir: string;
  /** Receives the supervisor's messages and PostgreSQL's, one line each; never a password. */
  log: SupervisorLog;
  /** Extra server settings, e.g. { fsync: 'off' } in tests. */
  settings?: Record<string, string>;
}

/** The name of the superuser's password file in the data folder. */
export const PASSWORD_FILE = 'postgres.password';

/** A connection for `pg`; `host` is the folder of a Unix socket. */
export interface PostgresConnection {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

/**
 * Our settings, which the caller's override. The log has neither details of errors nor statements, which could contain
 * personal data or secrets; clients receive their own errors anyway.
 */
const SETTINGS: Record<string, string> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  log_line_prefix: '',
  log_error_verbosity: 'terse',
  // Failed statements are reported to the client, and are not failures of PostgreSQL.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
  log_startup_progress_interval: '10s',
};

/** A PostgreSQL server of our own, kept running until `stop`. */
export class SupervisedPostgres {
  private stopping: Promise<void> | undefined;

  private constructor(
    /** The connection to its database, which stays the same across restarts. */
    readonly connection: PostgresConnection,
    private readonly undo: Undo,
  ) {}

  /**
   * Starts PostgreSQL on `options.dataDir`. Creates the folder, the cluster and the database if they are missing.
   * `runAs` is for tests. Throws DataDirInUseError when another process uses the folder, and an Error that says what to
   * do when PostgreSQL is not installed, cannot run here or does not become ready. Nothing is left running or locked
   * then.
   */
  static async start(options: SupervisedPostgresOptions, runAs?: Way): Promise<SupervisedPostgres> {
    checkApplication(options.app);
    if (process.platform === 'win32') {
      throw new Error(`The supervised PostgreSQL does not run on Windows. Use Linux or macOS${orElse(options.app)}.`);
    }
    const undo = new Undo();
    try {
      const dataDir = await lockDataDir(options, undo);
      const prepared = await prepare(dataDir, options, undo, runAs);
      return new SupervisedPostgres(await serve(prepared, options, undo), undo);
    } catch (error) {
      await undo.run().catch((failure: unknown) => {
        options.log.error(String(failure));
      });
      throw error;
    }
  }

  /** Shuts PostgreSQL down within about 12 seconds, and releases the folder. A second call waits too. */
  stop(): Promise<void> {
    this.stopping ??= this.undo.run();
    return this.stopping;
  }
}

/** A cluster that is ready to be started. */
interface Prepared {
  cluster: string;
  password: string;
  binaries: Binaries;
  runAs: RunAs;
}

/** Creates and locks the folder; returns its path without symbolic links. */
async function lockDataDir(options: SupervisedPostgresOptions, undo: Undo): Promise<string> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = await realpath(options.dataDir);
  await lock(options.app, dataDir, undo);
  return dataDir;
}

async function lock(app: Application, folder: string, undo: Undo): Promise<void> {
  const held = await DataDirLock.acquire(app, folder);
  undo.later(() => held.release());
}

async function prepare(dataDir: string, options: SupervisedPostgresOptions, undo: Undo, way?: Way): Promise<Prepared> {
  const { app, log, settings } = options;
  const installed = await findBinaries(app);
  const runAs = await chooseRunAs(app, installed.postgres, way);
  const binaries = await reachableBinaries(app, installed, runAs, log);
  const cluster = await reachableCluster(app, dataDir, runAs, log);
  // Two data folders may link to the same cluster, when one is a copy of the other.
  if (dirname(cluster) !== dataDir) await lock(app, dirname(cluster), undo);
  await stopOrphan(app, cluster, log);

  const passwordFile = join(dataDir, PASSWORD_FILE);
  const sync = settings?.fsync !== 'off';
  const password = await openCluster({ cluster, superuser: app.id, passwordFile, binaries, runAs, sync });
  // The cluster may have been created when PostgreSQL ran in another way here.
  if (process.getuid?.() === 0) await giveTree(cluster, runAs.owner);
  return { cluster, password, binaries, runAs };
}

async function serve(prepared: Prepared, options: SupervisedPostgresOptions, undo: Undo): Promise<PostgresConnection> {
  const { cluster, password, binaries, runAs } = prepared;
  const host = await makeSocketDir(options.app, dirname(cluster), runAs);
  undo.later(() => rm(host, { recursive: true, force: true }));

  const settings = Object.entries({ ...SETTINGS, ...options.settings, unix_socket_directories: host });
  const args = [
    '-D',
    cluster,
    '-p',
    String(SOCKET_PORT),
    ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const supervisor = new Supervisor(runAs.command(binaries.postgres, args), cluster, options.log);
  undo.later(() => supervisor.stop());
  await supervisor.start();

  const connection = { host, port: SOCKET_PORT, user: options.app.id, password, database: options.app.id };
  await ensureDatabase(connection);
  return connection;
}
