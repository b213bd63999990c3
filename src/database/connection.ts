import pg from 'pg';
import type { DataSourceOptions } from 'typeorm';
import type { DatabaseConnection } from '../config/database-url.js';
import {
  DatabaseClient,
  PooledClient,
  prepareSession,
  READ_TIMEOUT,
  SessionlessClient,
  sessionSettings,
} from './clients.js';
import type { Gate } from './gate.js';

/** How this process reaches its database. */
export interface DatabaseAccess {
  /** For requests; may lead through a pooler. */
  pool: DatabaseConnection;
  /** For what needs a session of PostgreSQL (LISTEN, migrations) and for what revokes. Without a pooler the same as `pool`. */
  direct: DatabaseConnection;
  /** Whether a connection of `pool` stays with one session of PostgreSQL: not through a pooler in transaction mode. */
  keepsSession: boolean;
  /** Whether a named statement that was prepared on a connection of `pool` is there the next time. */
  keepsStatements: boolean;
  /** Whether there is a pooler in the way of both, so that what they have together should be few. */
  isDirectPooled?: boolean;
  /** Where `pool` and `direct` are two: closed while it is not certain that they lead to one database. */
  gates?: { pool: Gate; direct: Gate };
}

/** The way to a database with nothing in between, such as the embedded one. */
export function withoutPooler(connection: DatabaseConnection): DatabaseAccess {
  return { pool: connection, direct: connection, keepsSession: true, keepsStatements: true };
}

/** Where the database is, for the few that keep a connection of their own. */
export const DATABASE_ACCESS = Symbol('DATABASE_ACCESS');

/** A database that has moved is found again when connections are made anew. In seconds. */
const CONNECTION_LIFETIME = 60;

/** What a pool is made for. */
export interface PoolOptions {
  size: number;
  /** How long a connection is waited for, in milliseconds. */
  connectTimeout: number;
  /** Whether a connection stays with one session of PostgreSQL; see {@link DatabaseAccess}. */
  keepsSession: boolean;
  gate?: Gate | undefined;
  onError: (error: Error) => void;
}

/** What TypeORM needs to serve requests on a database; see {@link DatabaseModule}. */
export function poolOptions(
  connection: DatabaseConnection,
  { size, connectTimeout, keepsSession, gate, onError }: PoolOptions,
): DataSourceOptions {
  return {
    ...ormOptions(connection),
    poolSize: size,
    connectTimeoutMS: connectTimeout,
    poolErrorHandler: onError,
    extra: {
      ...clientOptions(connection),
      ...(keepsSession ? { Client: PooledClient, onConnect: prepareSession } : { Client: SessionlessClient }),
      ...(gate && { gate }),
      query_timeout: READ_TIMEOUT,
      maxLifetimeSeconds: CONNECTION_LIFETIME,
      keepAlive: true,
    },
  };
}

/** The options that requests and migrations share. Without timeouts, as a migration may take long. */
export function ormOptions(connection: DatabaseConnection) {
  return {
    type: 'postgres' as const,
    uuidExtension: 'pgcrypto' as const,
    installExtensions: false,
    logging: false,
    extra: clientOptions(connection),
  };
}

function clientOptions(connection: DatabaseConnection) {
  return { application_name: 'latchkey', ...connection, Client: DatabaseClient as typeof pg.Client };
}

/**
 * A pool of plain connections, for the few that keep some of their own.
 *
 * @param options.keepsSession see {@link DatabaseAccess}
 */
export function databasePool(
  connection: DatabaseConnection,
  { keepsSession, ...options }: pg.PoolConfig & { keepsSession: boolean },
): pg.Pool {
  const onConnect = (client: pg.ClientBase) => client.query(sessionSettings());
  const config = { ...clientOptions(connection), keepAlive: true, ...(keepsSession && { onConnect }), ...options };
  // eslint-disable-next-line no-restricted-syntax -- its clients are DatabaseClients, by `clientOptions`
  const pool = new pg.Pool(config as pg.PoolConfig);
  pool.on('error', () => undefined);
  return pool;
}
