import { Logger } from '@nestjs/common';
import type { DatabaseAccess } from '../database/connection.js';
import { TWO_DATABASES } from '../database/pooler.js';
import type { Heartbeat } from './heartbeat.js';

/** What has been committed is heard within so many milliseconds, or it is not certain where it was committed. */
const HEARD_WITHIN = 2_000;
/** How long is waited before it is told: a connection that has to be made anew may be all. In milliseconds. */
const TOLD_AFTER = 2_000;

const NOT_LISTENING = 'DATABASE_DIRECT_URL cannot be reached';
const NOT_HEARD = 'it is not certain yet that DATABASE_URL and DATABASE_DIRECT_URL lead to the same database';

/**
 * Lets statements through only while DATABASE_URL and DATABASE_DIRECT_URL are known to lead to one database. Either may come to
 * lead to another one, such as an old primary after a failover: what is revoked through one would go on being accepted
 * through the other.
 *
 * What was heard last through each proves it, until a connection is lost, or what was committed is not heard.
 */
export class OneDatabase {
  private readonly logger = new Logger('Database');
  /** At start nothing is closed, as the start itself makes sure. */
  private isWatching = false;
  private closedAt: number | undefined;
  private isTold = false;

  constructor(
    private readonly gates: NonNullable<DatabaseAccess['gates']>,
    private readonly heartbeats: Heartbeat[],
  ) {}

  watch(): void {
    this.isWatching = true;
  }

  /** Nothing is listened to any more: nothing can be revoked, but checked, as long as DATABASE_URL leads where it did. */
  stopsListening(): void {
    this.close([this.gates.direct], NOT_LISTENING);
  }

  /** DATABASE_URL may lead elsewhere from now on. */
  losesPool(): void {
    this.close([this.gates.pool, this.gates.direct], NOT_HEARD);
  }

  /** Something has been heard. */
  hears(isConnected: boolean): void {
    if (this.closedAt === undefined || !isConnected) return;
    this.gates.pool.open();
    this.gates.direct.open();
    this.closedAt = undefined;
    if (this.isTold)
      this.logger.log('DATABASE_URL and DATABASE_DIRECT_URL lead to the same database; requests are served again');
    this.isTold = false;
  }

  /**
   * To be called all the time while something is listened to.
   *
   * @returns whether the connection that is listened to should be made anew, as something committed was not heard on it
   */
  look(): boolean {
    if (!this.isWatching) return false;
    const isMissing = this.heartbeats.some((heartbeat) => heartbeat.missingFor() > HEARD_WITHIN);
    if (isMissing) this.close([this.gates.pool, this.gates.direct], NOT_HEARD);
    const isLong = this.closedAt !== undefined && performance.now() - this.closedAt > TOLD_AFTER;
    if (isMissing && isLong && !this.isTold) {
      this.isTold = true;
      this.close([this.gates.pool, this.gates.direct], TWO_DATABASES);
      this.logger.error(`${TWO_DATABASES}; every request that needs the database is answered 503 until they do`);
    }
    return isMissing;
  }

  private close(gates: { close(why: string): void }[], why: string): void {
    if (!this.isWatching) return;
    this.closedAt ??= performance.now();
    for (const gate of gates) gate.close(this.isTold ? TWO_DATABASES : why);
  }
}
