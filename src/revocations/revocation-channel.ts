import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@nestjs/common';
import { DatabaseClient, sessionSettings } from '../database/clients.js';
import type { DatabaseAccess } from '../database/connection.js';
import type { DatabaseClock } from '../database/database-clock.service.js';
import { TWO_DATABASES } from '../database/pooler.js';
import type { Metrics } from '../metrics/metrics.service.js';
import { Heartbeat, POOLED_VALID_FOR, VALID_FOR } from './heartbeat.js';
import { OneDatabase } from './one-database.js';
import { CHANNEL, type RevocationListener, type RevocationTag } from './revocation-tags.js';

/** Seconds. */
const LAGS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2];
const ASK_EVERY = 20_000;
const RECONNECT_AFTER = 500;
/** How long PostgreSQL may take to close a connection, in milliseconds. */
const CLOSE_LIMIT = 500;
/** How long the first heartbeats may take at start, in milliseconds. */
const START_LIMIT = 10_000;

/**
 * Hears what all replicas announce, by PostgreSQL's LISTEN on a connection of its own.
 *
 * A connection that is cut without a word would leave a replica disconnected without its knowing. So it sends itself a
 * notification every second, over each way on which a revocation can commit, and is certain to hear only while the
 * last of each to arrive was sent less than two seconds ago.
 */
export class RevocationChannel {
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

  /** @param listener is told of what is heard, and when something may have been missed */
  constructor(
    private readonly access: DatabaseAccess,
    private readonly listener: RevocationListener,
    private readonly logger: Logger,
    clock: DatabaseClock,
    metrics: Metrics,
  ) {
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

  /** @throws when there are two ways to the database, and they do not lead to one */
  async start(): Promise<void> {
    await this.connect();
    this.timer = setInterval(() => {
      this.sendHeartbeats();
    }, Heartbeat.PERIOD).unref();
    if (!this.oneDatabase) return;
    await this.requireOneDatabase();
    this.oneDatabase.watch();
  }

  async stop(): Promise<void> {
    const { client } = this;
    this.stopped = true;
    this.client = undefined;
    clearInterval(this.timer);
    clearTimeout(this.reconnecting);
    if (client) await endConnection(client);
    await Promise.all(this.heartbeats.map((heartbeat) => heartbeat.stop()));
  }

  /** Whether every revocation from more than two seconds ago has certainly been heard. */
  isConnected(): boolean {
    return this.heartbeats.every((heartbeat) => heartbeat.isHeard());
  }

  /** @returns what is told how long a notification was on its way, in seconds */
  private showFigures(metrics: Metrics): (seconds: number) => void {
    metrics.show({
      name: 'latchkey_revocations_connected',
      help: '1 while every process of the server is certain to receive revocations; one that is not looks up credentials in the database on every request.',
      type: 'gauge',
      aggregator: 'min',
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
    this.listener.disconnected();
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
      this.listener.revoked(payload as RevocationTag);
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
