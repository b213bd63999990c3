import { setTimeout as sleep } from 'node:timers/promises';
import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DatabaseClient, sessionSettings } from '../database/clients.js';
import { DATABASE_ACCESS, type DatabaseAccess } from '../database/connection.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { DirectDatabase } from '../database/direct-database.service.js';
import { TWO_DATABASES } from '../database/pooler.js';
import { sql } from '../database/sql.js';
import type { Primary } from '../workers/subjects.js';
import { PRIMARY } from '../workers/workers.module.js';
import { Metrics } from '../metrics/metrics.service.js';
import { Heartbeat, POOLED_VALID_FOR, VALID_FOR } from './heartbeat.js';
import { OneDatabase } from './one-database.js';

/** What a cached credential depends on: when it changes, the credential has to be looked up again. */
export type RevocationTag =
  /** The keys that sign session JWTs. */
  | 'signing keys'
  /** Whether tokens are stored that another service has made. */
  | 'foreign tokens'
  | `account ${string}`
  | `session ${string}`
  | `token ${string}`
  | `gateway ${string}`
  | `client ${string}`;

/** Notified of every revocation that this process receives. */
export interface RevocationListener {
  revoked(tag: RevocationTag): void;
  /** Revocations may have been missed. */
  disconnected(): void;
}

const CHANNEL = 'latchkey_revocations';
/** An SQL expression that announces a revocation when its transaction commits; see {@link Revocations.announcing}. */
export const ANNOUNCE = 'pg_notify($1, $2)';
/** An SQL expression that announces one revocation for each row. @param tag an SQL expression for what is revoked */
export const announceEach = (tag: string) => `pg_notify('${CHANNEL}', ${tag})`;
/** Seconds. */
const LAGS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2];
const ASK_EVERY = 20_000;
const RECONNECT_AFTER = 500;
/** How long PostgreSQL may take to close a connection, in milliseconds. */
const CLOSE_LIMIT = 500;
/** How long the first heartbeats may take at start, in milliseconds. */
const START_LIMIT = 10_000;

/** Announces revocations to every replica, by PostgreSQL's NOTIFY in the transaction that revokes.
 *
 * A connection that is cut without a word would leave a replica disconnected without its knowing. So it sends itself a
 * notification every second, over each way on which a revocation can commit, and trusts what it has cached only while the
 * last of each to arrive was sent less than two seconds ago.
 */
@Injectable()
export class Revocations implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Revocations');
  private readonly listeners: RevocationListener[] = [];
  /** What the transactions under way have announced. */
  private readonly announced = new WeakMap<EntityManager, Set<RevocationTag>>();
  private readonly heartbeats: Heartbeat[];
  /** Where there are two ways to the database. */
  private readonly oneDatabase: OneDatabase | undefined;
  private connectedAt = 0;
  private askedAt = 0;
  private client: DatabaseClient | undefined;
  private isListening = false;
  private timer: NodeJS.Timeout | undefined;
  private reconnecting: NodeJS.Timeout | undefined;
  private stopped = false;
  private warned = false;
  private received = 0;

  constructor(
    @Inject(DATABASE_ACCESS) private readonly access: DatabaseAccess,
    private readonly database: DirectDatabase,
    clock: DatabaseClock,
    metrics: Metrics,
    @Optional() @Inject(PRIMARY) private readonly primary?: Primary,
  ) {
    primary?.answer('revoked', (tags) => {
      for (const tag of tags) this.dropHere(tag as RevocationTag);
      return undefined;
    });
    const lag = this.showFigures(metrics);
    this.heartbeats = [new Heartbeat(access.direct, true, CHANNEL, VALID_FOR, clock, lag)];
    if (!access.gates) return;
    const pooled = new Heartbeat(access.pool, access.keepsSession, CHANNEL, POOLED_VALID_FOR, clock, lag, () => {
      pooled.forget();
      this.oneDatabase?.losesPool();
    });
    this.heartbeats.push(pooled);
    this.oneDatabase = new OneDatabase(access.gates, this.heartbeats);
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.connect();
    this.timer = setInterval(() => {
      this.sendHeartbeats();
    }, Heartbeat.PERIOD).unref();
    if (!this.oneDatabase) return;
    await this.requireOneDatabase();
    this.oneDatabase.watch();
  }

  async beforeApplicationShutdown(): Promise<void> {
    const { client } = this;
    this.stopped = true;
    this.client = undefined;
    clearInterval(this.timer);
    clearTimeout(this.reconnecting);
    if (client) await endConnection(client);
    await Promise.all(this.heartbeats.map((heartbeat) => heartbeat.stop()));
  }

  listen(listener: RevocationListener): void {
    this.listeners.push(listener);
  }

  /** Whether every revocation from more than two seconds ago has certainly been received. */
  isConnected(): boolean {
    return this.heartbeats.every((heartbeat) => heartbeat.isHeard());
  }

  /** Runs a {@link transaction}, and announces its revocation at the end.
   * @param tag what is revoked, which may depend on the result of the work; undefined: nothing
   */
  during<T>(
    tag: RevocationTag | ((result: T) => RevocationTag | undefined),
    work: (tx: EntityManager) => Promise<T>,
  ): Promise<T> {
    return this.transaction(async (tx) => {
      const result = await work(tx);
      const revoked = typeof tag === 'function' ? tag(result) : tag;
      if (revoked !== undefined) await this.announce(tx, revoked);
      return result;
    });
  }

  /**
   * Runs a transaction that may revoke. Other replicas receive what it announces when it commits; this process, and the other
   * workers of its server, drop it from their caches before the promise resolves.
   */
  async transaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    const announced = new Set<RevocationTag>();
    const result = await this.database.transaction((tx) => {
      this.announced.set(tx, announced);
      return work(tx);
    });
    await this.drop(announced);
    return result;
  }

  /**
   * Like {@link transaction}, of a single statement, which is a transaction by itself. What it announces by {@link announceEach}
   * is known when it has been made.
   *
   * @param work makes one statement by the manager that it gets
   */
  async alone<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const announced = new Set<RevocationTag>();
    const manager = this.database.newManager();
    this.announced.set(manager, announced);
    const result = await work(manager);
    await this.drop(announced);
    return result;
  }

  /** Notes what a statement of a {@link transaction}, or {@link alone}, has announced itself, by {@link announceEach}. */
  hasAnnounced(tx: EntityManager, tags: RevocationTag[]): void {
    for (const tag of tags) this.announcing(tx, tag);
  }

  private async drop(announced: Set<RevocationTag>): Promise<void> {
    if (announced.size === 0) return;
    for (const tag of announced) this.dropHere(tag);
    await this.primary?.ask('revoked', [...announced]).catch(() => undefined);
    // Meanwhile it may have turned out that it was revoked where nobody looks.
    await this.access.gates?.direct.pass();
  }

  /** Announces a revocation in a {@link transaction}. */
  async announce(tx: EntityManager, tag: RevocationTag): Promise<void> {
    await sql(tx, `SELECT ${ANNOUNCE}`, this.announcing(tx, tag));
  }

  /** Announces several revocations in a {@link transaction}, by one statement. */
  async announceAll(tx: EntityManager, tags: RevocationTag[]): Promise<void> {
    if (tags.length === 0) return;
    this.hasAnnounced(tx, tags);
    await sql(tx, 'SELECT pg_notify($1, tag) FROM unnest($2::text[]) AS tag', [CHANNEL, tags]);
  }

  /** For a statement of a {@link transaction} that itself announces the revocation, by {@link ANNOUNCE}.
   *
   * @returns the parameters `$1` and `$2` of that statement
   */
  announcing(tx: EntityManager, tag: RevocationTag): [channel: string, payload: string] {
    const announced = this.announced.get(tx);
    if (!announced) throw new Error('A revocation can only be announced in a transaction of Revocations.');
    announced.add(tag);
    return [CHANNEL, tag];
  }

  /** @returns what is told how long a notification was on its way, in seconds */
  private showFigures(metrics: Metrics): (seconds: number) => void {
    metrics.show({
      name: 'latchkey_revocations_connected',
      help: 'How many processes are certain to receive revocations; the others look up credentials in the database on every request.',
      type: 'gauge',
      values: () => [{ labels: {}, value: this.isConnected() ? 1 : 0 }],
    });
    metrics.show({
      name: 'latchkey_revocations_received_total',
      help: 'Total number of revocations that were received, by each process.',
      type: 'counter',
      values: () => [{ labels: {}, value: this.received }],
    });
    const lag = metrics.durations(
      'latchkey_revocations_lag_seconds',
      'How long it takes from the sending of a notification until it is received, in seconds; measured every second.',
      LAGS,
    );
    return (seconds) => {
      lag.observe(seconds);
    };
  }

  private dropHere(tag: RevocationTag): void {
    for (const listener of this.listeners) listener.revoked(tag);
  }

  private async connect(): Promise<void> {
    const client = new DatabaseClient({
      ...this.access.direct,
      application_name: 'latchkey revocations',
      keepAlive: true,
      connectionTimeoutMillis: 2_000,
    });
    client.on('error', () => {
      this.lose(client);
    });
    client.on('end', () => {
      this.lose(client);
    });
    client.on('notification', ({ payload = '' }) => {
      // A replaced connection may still be alive, but may miss notifications.
      if (this.client === client) this.receive(payload);
    });
    this.client = client;
    this.connectedAt = performance.now();
    try {
      await client.connect();
      await client.query(`${sessionSettings()}; LISTEN ${CHANNEL}`);
    } catch {
      this.lose(client);
      return;
    }
    if (this.client !== client) return;
    this.isListening = true;
    // What was sent before was heard by nobody.
    for (const heartbeat of this.heartbeats) heartbeat.forget();
    this.sendHeartbeats();
  }

  /** A revocation that commits in another database than the one that is listened to would never be heard. */
  private async requireOneDatabase(): Promise<void> {
    const deadline = performance.now() + START_LIMIT;
    while (!this.isConnected()) {
      if (performance.now() > deadline) {
        for (const heartbeat of this.heartbeats) if (heartbeat.lastFailure()) throw heartbeat.lastFailure();
        throw new Error(`${TWO_DATABASES}.`);
      }
      await sleep(50);
    }
  }

  private lose(client: DatabaseClient): void {
    if (this.client !== client || this.stopped) return;
    this.client = undefined;
    this.isListening = false;
    for (const heartbeat of this.heartbeats) heartbeat.forget();
    this.oneDatabase?.stopsListening();
    for (const listener of this.listeners) listener.disconnected();
    void endConnection(client);
    if (!this.warned)
      this.logger.warn(
        'the revocation channel is disconnected; credentials are looked up in the database on every request',
      );
    this.warned = true;
    // The first time at once: with two ways, nothing can be revoked meanwhile.
    const isYoung = performance.now() - this.connectedAt < 2 * RECONNECT_AFTER;
    this.reconnecting = setTimeout(() => void this.connect(), isYoung ? RECONNECT_AFTER : 0).unref();
  }

  private receive(payload: string): void {
    if (!Heartbeat.isOne(payload)) {
      this.received += 1;
      this.dropHere(payload as RevocationTag);
      return;
    }
    for (const heartbeat of this.heartbeats) heartbeat.hear(payload);
    this.oneDatabase?.hears(this.isConnected());
    if (!this.warned || !this.isConnected()) return;
    this.logger.log('the revocation channel is connected again');
    this.warned = false;
  }

  private sendHeartbeats(): void {
    const isDeaf = this.isListening && (this.oneDatabase?.look() ?? false);
    if (this.client && (isDeaf || this.heartbeats.some((one) => one.isSilent(this.connectedAt))))
      this.lose(this.client);
    for (const heartbeat of this.heartbeats) void heartbeat.send();
    if (performance.now() - this.askedAt > ASK_EVERY) this.keepSession();
  }

  /** PostgreSQL ends a session that asks nothing for a minute; see {@link sessionSettings}. */
  private keepSession(): void {
    this.askedAt = performance.now();
    // A connection that is lost tells so itself, by its events.
    void this.client?.query('SELECT 1').catch(() => undefined);
  }
}

/** Closes a connection, by force if the server does not respond. */
async function endConnection(client: DatabaseClient): Promise<void> {
  const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection;
  const impatience = setTimeout(() => {
    stream.destroy();
  }, CLOSE_LIMIT);
  await client.end().catch(() => undefined);
  clearTimeout(impatience);
}
