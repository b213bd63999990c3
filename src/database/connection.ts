import pg from 'pg';
import type { DataSourceOptions } from 'typeorm';

/** How to reach PostgreSQL: what `pg` takes, either a connection string or its parts. */
export type DatabaseConnection =
  { connectionString: string } | { host: string; port: number; user: string; password: string; database: string };

/** The injection token of the {@link DatabaseConnection}, for what needs a connection outside the pool. */
export const DATABASE_CONNECTION = Symbol('DATABASE_CONNECTION');

/** How long a request may wait for a connection and for one statement, in milliseconds: together under 5 s. */
const CONNECT_TIMEOUT = 2_000;
const STATEMENT_TIMEOUT = 2_300;
const READ_TIMEOUT = 2_500;

/**
 * The client of every connection. When the connection is lost, the next query fails; the process does not end. The
 * listener is there from the start, as the server's last message may arrive in the same packet as an answer, before a
 * borrower from the pool listens.
 */
export class DatabaseClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}

/**
 * A client that closes its connection when a query times out. `pg` itself only fails the query and leaves the dead
 * connection in the pool, where the next request would wait for it.
 */
class PooledClient extends DatabaseClient {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    this.query = ((...args: unknown[]) => {
      const callback = args.at(-1);
      if (typeof callback === 'function') {
        args[args.length - 1] = (error: unknown, ...rest: unknown[]): void => {
          this.destroyIfTimedOut(error);
          Reflect.apply(callback, undefined, [error, ...rest]);
        };
      }
      const result = query(...args);
      if (result instanceof Promise) result.catch(this.destroyIfTimedOut.bind(this));
      return result;
    }) as typeof this.query;
  }

  private destroyIfTimedOut(error: unknown): void {
    if (!(error instanceof Error) || error.message !== 'Query read timeout') return;
    (this as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }
}

/** The options of the data source that serves requests; see {@link DatabaseModule}. */
export function poolOptions(
  connection: DatabaseConnection,
  poolSize: number,
  onPoolError: (error: Error) => void,
): DataSourceOptions {
  return {
    ...ormOptions(connection),
    poolSize,
    connectTimeoutMS: CONNECT_TIMEOUT,
    poolErrorHandler: onPoolError,
    extra: {
      ...connection,
      Client: PooledClient,
      statement_timeout: STATEMENT_TIMEOUT,
      query_timeout: READ_TIMEOUT,
      idle_in_transaction_session_timeout: STATEMENT_TIMEOUT * 2,
      keepAlive: true,
      application_name: 'latchkey',
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
    extra: { ...connection, Client: DatabaseClient },
  };
}
