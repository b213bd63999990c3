import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { DatabaseConnection } from '../config/database-url.js';
import { databasePool } from '../database/connection.js';
import { DATABASE_TIME, type DatabaseClock, type WithDatabaseTime } from '../database/database-clock.service.js';

/** For how long a heartbeat proves that we hear, counted from when it was sent. In milliseconds. */
export const VALID_FOR = 2_000;
/**
 * The same over a pooler. This process announces nothing there: what arrives proves that both ways lead to one database,
 * and may have to wait for a crowd of requests in the pooler.
 */
export const POOLED_VALID_FOR = 10_000;
/** Reads the database's clock too, as it is asked all the time. */
const SEND = `SELECT pg_notify($1, $2), ${DATABASE_TIME}`;
const TIME_LIMIT = 1_500;
const TOO_SLOW = /Query read timeout|timeout exceeded when trying to connect/;
/** A database that has moved is found again when the connection is made anew. In seconds. */
const CONNECTION_LIFETIME = 30;

/** A moment on both clocks: the monotonic one may stand still while the machine sleeps, the other one may be set. */
interface Moment {
  monotonic: number;
  wall: number;
}

interface Beat {
  sentAt: Moment;
  /** When PostgreSQL said that it has committed, on the monotonic clock. */
  committedAt?: number;
}

const NEVER: Moment = { monotonic: -Infinity, wall: -Infinity };
const now = (): Moment => ({ monotonic: performance.now(), wall: Date.now() });

/**
 * Notifications that this process sends to itself over one way to its database, on a connection that nothing else uses.
 * While they arrive, so does what others announce over that way.
 */
export class Heartbeat {
  /** How often one should be sent, in milliseconds. */
  static readonly PERIOD = 1_000;

  private readonly sender = randomUUID();
  private readonly pool: pg.Pool;
  /** Those that have not been heard. */
  private readonly beats = new Map<number, Beat>();
  private beat = 0;
  private lastHeardSentAt = NEVER;
  /** Why the last one could not be sent. */
  private failure: unknown;

  constructor(
    way: DatabaseConnection,
    keepsSession: boolean,
    private readonly channel: string,
    private readonly validFor: number,
    private readonly clock: DatabaseClock,
    /** Told how long one was on its way, in seconds. */
    private readonly onHeard: (seconds: number) => void,
    /** Told when its connection is lost: the next one may lead elsewhere. */
    private readonly onLoss: () => void = () => undefined,
  ) {
    this.pool = databasePool(way, {
      application_name: 'latchkey heartbeat',
      max: 1,
      maxLifetimeSeconds: CONNECTION_LIFETIME,
      connectionTimeoutMillis: TIME_LIMIT,
      query_timeout: TIME_LIMIT,
      keepsSession,
    });
    this.pool.on('error', onLoss);
  }

  static isOne(payload: string): boolean {
    return payload.startsWith('heartbeat ');
  }

  async send(): Promise<void> {
    this.beat += 1;
    const number = this.beat;
    const beat: Beat = { sentAt: now() };
    this.beats.set(number, beat);
    // Those that never arrive must not pile up.
    this.beats.delete(number - 100);
    try {
      await this.clock.readFrom(async () => {
        const payload = `heartbeat ${this.sender} ${number}`;
        return (await this.pool.query<WithDatabaseTime>(SEND, [this.channel, payload])).rows;
      });
      this.failure = undefined;
      beat.committedAt = performance.now();
    } catch (error) {
      this.beats.delete(number);
      this.failure = error;
      // A crowd of requests in a pooler may keep one from being sent.
      if (!TOO_SLOW.test(String(error))) this.onLoss();
    }
  }

  /** Takes note of a heartbeat, if it is one of these. */
  hear(payload: string): void {
    const [, sender, number] = payload.split(' ');
    const beat = this.beats.get(Number(number));
    if (sender !== this.sender || beat === undefined) return;
    this.lastHeardSentAt = beat.sentAt;
    this.onHeard((performance.now() - beat.sentAt.monotonic) / 1_000);
    for (const earlier of this.beats.keys()) if (earlier <= Number(number)) this.beats.delete(earlier);
  }

  /** For how long one has been committed that has not arrived yet, in milliseconds. */
  missingFor(): number {
    const committed = [...this.beats.values()].map(({ committedAt = Infinity }) => committedAt);
    return performance.now() - Math.min(Infinity, ...committed);
  }

  /** Whether nothing has arrived for so long that the connection to listen on should be made anew. */
  isSilent(connectedAt: number): boolean {
    return performance.now() - Math.max(connectedAt, this.lastHeardSentAt.monotonic) > 2.5 * this.validFor;
  }

  /** @returns why the last one could not be sent; undefined: it was, or none has failed yet */
  lastFailure(): unknown {
    return this.failure;
  }

  /** Whether what was announced more than two seconds ago over this way has certainly been heard. */
  isHeard(): boolean {
    const { monotonic, wall } = this.lastHeardSentAt;
    return performance.now() - monotonic < this.validFor && Date.now() - wall < this.validFor;
  }

  /** What was heard so far proves nothing any more. */
  forget(): void {
    this.lastHeardSentAt = NEVER;
    this.beats.clear();
  }

  async stop(): Promise<void> {
    this.forget();
    await this.pool.end().catch(() => undefined);
  }
}
