import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { Clock } from '../config/clock.js';
import { sql } from './sql.js';

/** What a statement gives, among other things, from whose answer the database's clock is read. */
export interface WithDatabaseTime {
  databaseTime: number;
}

/** An SQL expression for {@link WithDatabaseTime}: seconds since 1970, when the statement runs. */
export const DATABASE_TIME = `extract(epoch FROM clock_timestamp())::float8 AS "databaseTime"`;

/** The database's clock as it was read once. Times are in seconds. */
interface Reading {
  databaseTime: number;
  /** When, on this process's monotonic clock. */
  at: number;
  /** By how much it may be wrong, either way: half of the time that the statement took. */
  uncertainty: number;
}

/** In seconds: a difference of the clocks that is told, and one below which all is well again. */
const TOLD = 5;
const WELL = 4;
/** In seconds: NTP moves a clock by less, which nothing here needs to know. */
const SET = 1;
/** By how much two clocks may drift apart while nobody looks, in seconds for each second. */
const DRIFT = 0.001;

/**
 * The database's time, as this process knows it without asking: as it was last read, and what has gone by since on the
 * monotonic clock. It tells of a process's clock that is wrong.
 */
@Injectable()
export class DatabaseClock implements OnModuleInit {
  private readonly logger = new Logger('Clock');
  private readonly listeners: (() => void)[] = [];
  private reading: Reading | undefined;
  private told = false;

  constructor(
    private readonly manager: EntityManager,
    private readonly clock: Clock,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.readFrom(() => sql<WithDatabaseTime>(this.manager, `SELECT ${DATABASE_TIME}`));
  }

  /**
   * Runs a statement that selects {@link DATABASE_TIME}, and reads the clock from its answer.
   *
   * @throws whatever the statement throws
   */
  async readFrom(statement: () => Promise<WithDatabaseTime[]>): Promise<void> {
    const sent = monotonic();
    const [row] = await statement();
    const received = monotonic();
    if (!row) return;
    const { databaseTime } = row;
    this.take({ databaseTime, at: (sent + received) / 2, uncertainty: (received - sent) / 2 });
  }

  /**
   * @param listener is called when the clock was set forward, or this machine has slept: what was to last until some time may have
   *   ended, although hardly any has gone by on the monotonic clock
   */
  whenSetForward(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** @returns seconds since 1970, with a fraction; by the process's own clock before the database's was read */
  now(): number {
    return this.reading ? timeAt(this.reading, monotonic()) : this.clock.now();
  }

  /** @returns by how many seconds the process's clock is ahead of the database's; negative: behind */
  offset(): number {
    return this.clock.now() - this.now();
  }

  /** @returns what is wrong, for operators; undefined while the clocks differ by a few seconds at most */
  warning(): string | undefined {
    return this.told ? this.describe() : undefined;
  }

  private describe(): string {
    const offset = this.offset();
    return `the clock of this process is ${Math.abs(offset).toFixed(1)} s ${offset > 0 ? 'ahead of' : 'behind'} the database's`;
  }

  /** Prefers what is certain: an answer that was long under way counts only if it contradicts what was known. */
  private take(next: Reading): void {
    const known = this.reading;
    const age = known ? next.at - known.at : 0;
    const uncertainty = known ? known.uncertainty + age * DRIFT : Infinity;
    const ahead = known ? next.databaseTime - timeAt(known, next.at) : 0;
    const contradicts = Math.abs(ahead) > next.uncertainty + uncertainty;
    if (next.uncertainty <= uncertainty || contradicts) this.reading = next;
    if (contradicts && ahead > SET) for (const listener of this.listeners) listener();
    this.tell(this.reading?.uncertainty ?? 0);
  }

  /** Once when the clocks begin to differ, and once when they agree again. */
  private tell(uncertainty: number): void {
    const difference = Math.abs(this.offset());
    if (!this.told && difference - uncertainty > TOLD) {
      this.told = true;
      this.logger.warn(`${this.describe()}; the database's decides. Both should follow NTP.`);
    } else if (this.told && difference + uncertainty < WELL) {
      this.told = false;
      this.logger.log("the clock of this process agrees with the database's again");
    }
  }
}

function timeAt({ databaseTime, at }: Reading, then: number): number {
  return databaseTime + then - at;
}

/** In seconds. It neither jumps nor is set. */
function monotonic(): number {
  return performance.now() / 1_000;
}
