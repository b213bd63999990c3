import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DATABASE_ACCESS, type DatabaseAccess } from '../database/connection.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { DirectDatabase } from '../database/direct-database.service.js';
import { sql } from '../database/sql.js';
import type { Primary } from '../workers/subjects.js';
import { PRIMARY } from '../workers/workers.module.js';
import { Metrics } from '../metrics/metrics.service.js';
import { RevocationChannel } from './revocation-channel.js';
import { CHANNEL, type RevocationListener, type RevocationTag } from './revocation-tags.js';

/** An SQL expression that announces a revocation when its transaction commits; see {@link Revocations.announcing}. */
export const ANNOUNCE = 'pg_notify($1, $2)';
/** An SQL expression that announces one revocation for each row. @param tag an SQL expression for what is revoked */
export const announceEach = (tag: string) => `pg_notify('${CHANNEL}', ${tag})`;

/** Announces revocations to every replica, by PostgreSQL's NOTIFY in the transaction that revokes, and tells of those that are heard. */
@Injectable()
export class Revocations implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly listeners: RevocationListener[] = [];
  /** What the transactions under way have announced. */
  private readonly announced = new WeakMap<EntityManager, Set<RevocationTag>>();
  private readonly channel: RevocationChannel;

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
    const listener: RevocationListener = {
      revoked: (tag) => {
        this.dropHere(tag);
      },
      disconnected: () => {
        for (const one of this.listeners) one.disconnected();
      },
    };
    clock.whenSetForward(() => {
      listener.disconnected();
    });
    this.channel = new RevocationChannel(access, listener, new Logger('Revocations'), clock, metrics);
  }

  onApplicationBootstrap(): Promise<void> {
    return this.channel.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.channel.stop();
  }

  listen(listener: RevocationListener): void {
    this.listeners.push(listener);
  }

  /** Whether every revocation from more than two seconds ago has certainly been received. */
  isConnected(): boolean {
    return this.channel.isConnected();
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

  private dropHere(tag: RevocationTag): void {
    for (const listener of this.listeners) listener.revoked(tag);
  }
}
