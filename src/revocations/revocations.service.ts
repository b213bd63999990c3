import { randomUUID } from 'node:crypto';
import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { DATABASE_CONNECTION, DatabaseClient, type DatabaseConnection } from '../database/connection.js';
import { sql } from '../database/sql.js';

/** What a cached credential depends on: when it changes, the credential has to be looked up again. */
export type RevocationTag =
  `account ${string}` | `session ${string}` | `token ${string}` | `gateway ${string}` | `client ${string}`;

/** Notified of every revocation that this process receives. */
export interface RevocationListener {
  revoked(tag: RevocationTag): void;
  /** Revocations may have been missed. */
  disconnected(): void;
}

const CHANNEL = 'latchkey_revocations';
/** An SQL expression that announces a revocation when its transaction commits; see {@link Revocations.announcing}. */
export const ANNOUNCE = 'pg_notify($1, $2)';
const HEARTBEAT = 1_000;
/** How long a received heartbeat proves the connection, counted from when it was sent. In milliseconds. */
const HEARTBEAT_VALID_FOR = 2_000;
const RECONNECT_AFTER = 500;
/** After how long without a heartbeat the connection is replaced, in milliseconds. */
const SILENCE_LIMIT = 5_000;
/** How long PostgreSQL may take to close a connection, in milliseconds. */
const CLOSE_LIMIT = 500;

/** A moment on two clocks: the monotonic one may stop while the machine sleeps, and the wall clock may be changed. */
interface Moment {
  monotonic: number;
  wall: number;
}

const NEVER: Moment = { monotonic: -Infinity, wall: -Infinity };
const now = (): Moment => ({ monotonic: performance.now(), wall: Date.now() });

/** Announces revocations to every replica, by PostgreSQL's NOTIFY in the transaction that revokes.
 *
 * A replica may not notice that its connection is lost. So it sends itself a notification through the pool every second, and only trusts what it has cached while the last one to arrive was sent less than two seconds ago.
 */
@Injectable()
export class Revocations implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Revocations');
  private readonly listeners: RevocationListener[] = [];
  private readonly self = randomUUID();
  /** What each transaction under way has announced. */
  private readonly announced = new WeakMap<EntityManager, Set<RevocationTag>>();
  private readonly sentAt = new Map<number, Moment>();
  private beat = 0;
  private lastReceivedSentAt = NEVER;
  private connectedAt = 0;
  private client: DatabaseClient | undefined;
  private timer: NodeJS.Timeout | undefined;
  private reconnecting: NodeJS.Timeout | undefined;
  private stopped = false;
  private warned = false;

  constructor(
    @Inject(DATABASE_CONNECTION) private readonly connection: DatabaseConnection,
    private readonly manager: EntityManager,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.connect();
    this.timer = setInterval(() => void this.sendHeartbeat(), HEARTBEAT).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    const { client } = this;
    this.stopped = true;
    this.client = undefined;
    this.lastReceivedSentAt = NEVER;
    clearInterval(this.timer);
    clearTimeout(this.reconnecting);
    if (client) await endConnection(client);
  }

  listen(listener: RevocationListener): void {
    this.listeners.push(listener);
  }

  /** Whether every revocation from more than two seconds ago has certainly been received. */
  isConnected(): boolean {
    const { monotonic, wall } = this.lastReceivedSentAt;
    return performance.now() - monotonic < HEARTBEAT_VALID_FOR && Date.now() - wall < HEARTBEAT_VALID_FOR;
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
   * Runs a transaction that may revoke. Other replicas receive what it announces when it commits; this process drops it
   * from its caches before the promise resolves.
   */
  async transaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    const announced = new Set<RevocationTag>();
    const result = await this.manager.transaction((tx) => {
      this.announced.set(tx, announced);
      return work(tx);
    });
    for (const tag of announced) this.dropHere(tag);
    return result;
  }

  /** Announces a revocation in a {@link transaction}. */
  async announce(tx: EntityManager, tag: RevocationTag): Promise<void> {
    await sql(tx, `SELECT ${ANNOUNCE}`, this.announcing(tx, tag));
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

  private dropHere(tag: RevocationTag): void {
    for (const listener of this.listeners) listener.revoked(tag);
  }

  private async connect(): Promise<void> {
    const client = new DatabaseClient({
      ...this.connection,
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
      await client.query(`LISTEN ${CHANNEL}`);
    } catch {
      this.lose(client);
      return;
    }
    await this.sendHeartbeat();
  }

  private lose(client: DatabaseClient): void {
    if (this.client !== client || this.stopped) return;
    this.client = undefined;
    this.lastReceivedSentAt = NEVER;
    this.sentAt.clear();
    for (const listener of this.listeners) listener.disconnected();
    void endConnection(client);
    if (!this.warned)
      this.logger.warn(
        'the revocation channel is disconnected; credentials are looked up in the database on every request',
      );
    this.warned = true;
    this.reconnecting = setTimeout(() => void this.connect(), RECONNECT_AFTER).unref();
  }

  private receive(payload: string): void {
    const [, sender, beat] = /^heartbeat (\S+) (\d+)$/.exec(payload) ?? [];
    if (sender === undefined) {
      this.dropHere(payload as RevocationTag);
      return;
    }
    const sentAt = this.sentAt.get(Number(beat));
    if (sender !== this.self || sentAt === undefined) return;
    this.lastReceivedSentAt = sentAt;
    if (this.warned) this.logger.log('the revocation channel is connected again');
    this.warned = false;
    for (const earlier of this.sentAt.keys()) if (earlier <= Number(beat)) this.sentAt.delete(earlier);
  }

  private async sendHeartbeat(): Promise<void> {
    const silentSince = Math.max(this.lastReceivedSentAt.monotonic, this.connectedAt);
    if (this.client && performance.now() - silentSince > SILENCE_LIMIT) this.lose(this.client);
    this.beat += 1;
    const beat = this.beat;
    this.sentAt.set(beat, now());
    // Heartbeats that never arrive must not accumulate.
    this.sentAt.delete(beat - 100);
    try {
      await sql(this.manager, `SELECT ${ANNOUNCE}`, [CHANNEL, `heartbeat ${this.self} ${beat}`]);
    } catch {
      this.sentAt.delete(beat);
    }
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
