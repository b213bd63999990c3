import pg from 'pg';
import type { DatabaseConnection, DatabaseHost } from '../config/database-url.js';
import { activeTracing } from '../tracing/tracing.js';
import { requireTime, timeLeft, withDeadline } from './deadline.js';
import type { Gate } from './gate.js';
import { firstReachable, passOver } from './hosts.js';
import { spanOfStatement } from './statement-spans.js';

/** How long a request may wait for one statement, in milliseconds. */
const STATEMENT_TIMEOUT = 2_300;
/** How long a new session may take to be prepared, in milliseconds. */
const CONNECT_TIMEOUT = 1_000;
export const READ_TIMEOUT = 2_500;
/** How long the end of a transaction may take beyond the deadline, in milliseconds. */
const END_TIMEOUT = 1_000;
/** PostgreSQL ends sessions whose client is gone: within half a minute, or ten seconds while it has something to send. */
const KEEPALIVES = {
  tcp_keepalives_idle: 10,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 3,
  tcp_user_timeout: 10_000,
};
/**
 * A pool gives up what has been idle for ten seconds: a session that is idle for longer has lost its client, even if
 * something in between still keeps its connection open. In milliseconds.
 */
const IDLE_SESSION_TIMEOUT = 60_000;
/** What statements and transactions of requests may take. */
const LIMITS = {
  statement_timeout: STATEMENT_TIMEOUT,
  idle_in_transaction_session_timeout: STATEMENT_TIMEOUT * 2,
};

function assignments(command: string, values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${command} ${name} = ${value}`)
    .join('; ');
}

/** Settings of a session, such as `lock_timeout`, after those that end it soon when its client is gone. */
export function sessionSettings(values: Record<string, string | number> = {}): string {
  return assignments('SET', { ...KEEPALIVES, idle_session_timeout: IDLE_SESSION_TIMEOUT, ...values });
}

/** The database's own defaults do not count: all that races here is written for READ COMMITTED. */
const FOR_REQUESTS = sessionSettings({ ...LIMITS, default_transaction_isolation: `'read committed'` });
const BEGIN = `START TRANSACTION ISOLATION LEVEL READ COMMITTED; ${assignments('SET LOCAL', LIMITS)}`;

/**
 * What every connection of ours is made with: one that is lost fails what is asked of it next, and ends no process.
 * Whoever borrows it from a pool listens too late, as the server's last word may come in the same packet as an answer.
 *
 * Of several hosts it takes the first that is there and can be written to.
 */
export class DatabaseClient extends pg.Client {
  private readonly hosts: DatabaseHost[];

  constructor(config: DatabaseConnection & Omit<pg.ClientConfig, 'ssl'>) {
    // Pools hide the password from whoever lists what there is.
    const { ssl = false, otherHosts = [], password } = config;
    if (ssl === 'prefer') throw new Error('Whether the server offers TLS has to be found out first.');
    super({ ...config, ...(password !== undefined && { password }), ssl });
    this.hosts = otherHosts.length > 0 ? [{ host: config.host, port: config.port }, ...otherHosts] : [];
    this.on('error', () => undefined);
  }

  override connect(): Promise<this>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<unknown> | undefined {
    const connected = this.hosts.length > 0 ? this.connectToOne() : super.connect();
    if (!callback) return connected;
    connected.then(callback.bind(undefined, null as unknown as Error), callback);
    return undefined;
  }

  private async connectToOne(): Promise<void> {
    const host = await firstReachable(this.hosts);
    Object.assign(this, host);
    const status = new Map<string, string>();
    const { connection } = this as unknown as { connection: NodeJS.EventEmitter };
    connection.on('parameterStatus', ({ parameterName, parameterValue }: Record<string, string>) => {
      status.set(parameterName ?? '', parameterValue ?? '');
    });
    await super.connect();
    const isStandby = status.get('in_hot_standby') === 'on';
    if (!isStandby && status.get('default_transaction_read_only') !== 'on') return;
    passOver(host);
    await this.end();
    throw notWritable(isStandby);
  }
}

/** Why nothing can be written to a database. It may change (cannot_connect_now). */
export function notWritable(isStandby: boolean): Error {
  const message = isStandby
    ? 'The database server is a standby: nothing can be written to it.'
    : 'The database is read-only (default_transaction_read_only is on): nothing can be written to it.';
  return Object.assign(new Error(message), { code: '57P03' });
}

/** What is asked: of the settings of a query that `pg` takes, those that are used here. */
type Asked = Pick<pg.QueryConfig, 'text' | 'values' | 'name'> & { query_timeout?: number };
type Callback = (error: Error | null, result?: pg.QueryResult) => void;
type Done = ConstructorParameters<typeof pg.Query>[2];

/** Made here, as `pg` would first copy an object with the descriptors of all its properties. */
function queryOf({ text, values, name, query_timeout }: Asked, done: Done): pg.Query {
  return Object.assign(new pg.Query(text, values, done), { name, query_timeout });
}

/**
 * A client that closes its connection when a query times out. `pg` itself only fails the query and leaves the dead
 * connection in the pool, where the next request would wait for it.
 */
export class PooledClient extends DatabaseClient {
  private readonly ask: (query: Asked) => Promise<pg.QueryResult>;
  private readonly gate: Gate | undefined;

  /** @param config.gate what its statements go through */
  constructor(config: DatabaseConnection & Omit<pg.ClientConfig, 'ssl'> & { gate?: Gate }) {
    super(config);
    this.gate = config.gate;
    const submit = this.query.bind(this);
    this.ask = (query) =>
      new Promise((resolve, reject) => {
        submit(
          queryOf(query, (error, result) => {
            if (error) reject(error);
            else resolve(result);
          }),
        );
      });
    this.query = ((query: string | Asked, ...rest: unknown[]) => {
      const callback = typeof rest.at(-1) === 'function' ? (rest.pop() as Callback) : undefined;
      const values = rest[0] as unknown[] | undefined;
      const given = typeof query === 'string' ? { text: query } : query;
      const answered = this.send(values === undefined ? given : { ...given, values });
      if (!callback) return answered;
      answered.then((result) => {
        callback(null, result);
      }, callback);
      return undefined;
    }) as unknown as typeof this.query;
  }

  /** Asks within the deadline of whatever the caller runs for. What ends a transaction is always asked. */
  protected send(query: Asked): Promise<pg.QueryResult> {
    const tracing = activeTracing();
    return tracing ? tracing.span(spanOfStatement(query, this), () => this.sendOnce(query)) : this.sendOnce(query);
  }

  private async sendOnce(query: Asked): Promise<pg.QueryResult> {
    const isEnd = ENDS_TRANSACTION.test(query.text);
    if (!isEnd) {
      await this.gate?.pass();
      requireTime();
    }
    const left = isEnd ? Math.max(timeLeft(), 0) + END_TIMEOUT : timeLeft();
    try {
      return await this.ask({ query_timeout: Math.ceil(Math.min(READ_TIMEOUT, left)), ...query });
    } catch (error) {
      // It was made where the answer was read; this leads to whoever asked.
      Error.captureStackTrace(error as Error);
      // At once, or the pool would hand it to whoever comes next.
      if (isOfNoUse(error)) void this.end().catch(() => undefined);
      throw error;
    }
  }
}

/** Whether a connection is lost, mute, about to be ended by PostgreSQL, or leads to a standby. */
function isOfNoUse(error: unknown): boolean {
  const { message, severity, code } = error as { message?: unknown; severity?: unknown; code?: unknown };
  return message === 'Query read timeout' || severity === 'FATAL' || code === READ_ONLY;
}

/** A primary that has become a standby (read_only_sql_transaction). */
const READ_ONLY = '25006';

const ENDS_TRANSACTION = /^(COMMIT|ROLLBACK)$/;

/**
 * A client behind a pooler that gives each transaction any of its sessions: the limits come with the transaction, and
 * a statement alone is put into one.
 */
export class SessionlessClient extends PooledClient {
  private isInTransaction = false;

  protected override async send(query: Asked): Promise<pg.QueryResult> {
    if (query.text === 'START TRANSACTION') {
      const begun = await super.send({ ...query, text: BEGIN });
      this.isInTransaction = true;
      return begun;
    }
    if (ENDS_TRANSACTION.test(query.text)) this.isInTransaction = false;
    if (this.isInTransaction || ENDS_TRANSACTION.test(query.text)) return super.send(query);
    await super.send({ text: BEGIN });
    try {
      const result = await super.send(query);
      await super.send({ text: 'COMMIT' });
      return result;
    } catch (error) {
      // Its own failure adds nothing: the pooler rolls back what its client has left.
      await super.send({ text: 'ROLLBACK' }).catch(() => undefined);
      throw error;
    }
  }
}

/**
 * For a new connection that requests share. Runs in the context of whichever request has lost its connection, not of the one that waits for this one.
 */
export function prepareSession(client: pg.ClientBase): Promise<unknown> {
  const query = { text: FOR_REQUESTS, query_timeout: CONNECT_TIMEOUT };
  return withDeadline(Infinity, () => client.query(query as pg.QueryConfig));
}
