import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { EntityManager } from 'typeorm';
import { DATABASE_ACCESS, type DatabaseAccess } from '../database/connection.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { DirectDatabase } from '../database/direct-database.service.js';
import { APPLIED, migrationNames, WRITABILITY, type Writability } from '../database/migrate.js';
import { withDeadline } from '../database/deadline.js';
import { sql } from '../database/sql.js';
import { cachedFor, DATABASE_LIMIT, FRESH_FOR } from '../metrics/cached-for.js';
import { Metrics } from '../metrics/metrics.service.js';

const STATE = `SELECT (${APPLIED}) AS count, ${WRITABILITY}`;

/**
 * Whether this process can serve: it is not stopping, the database answers over each way to it and takes writes, and every
 * migration is applied.
 */
@Injectable()
export class Readiness {
  private stopping = false;

  constructor(
    private readonly manager: EntityManager,
    private readonly direct: DirectDatabase,
    @Inject(DATABASE_ACCESS) private readonly access: DatabaseAccess,
    private readonly indicator: HealthIndicatorService,
    private readonly clock: DatabaseClock,
    metrics: Metrics,
  ) {
    const read = cachedFor(FRESH_FOR, () => withDeadline(DATABASE_LIMIT, () => this.problem()));
    metrics.show({
      name: 'latchkey_ready',
      help: 'Whether the server is ready to serve, as /readyz says: 1 or 0.',
      type: 'gauge',
      aggregator: 'min',
      values: async () => [{ labels: {}, value: !this.stopping && (await read()) === undefined ? 1 : 0 }],
    });
  }

  /** To be called when a shutdown begins, so that load balancers stop sending requests. */
  stop(): void {
    this.stopping = true;
  }

  async check(): Promise<HealthIndicatorResult> {
    if (this.stopping) return this.indicator.check('server').down('stopping');
    const database = this.indicator.check('database');
    const problem = await this.problem();
    return problem === undefined ? { ...database.up(), ...this.clockIfWrong() } : database.down(problem);
  }

  /** @returns what is wrong with the database */
  private async problem(): Promise<string | undefined> {
    return (await this.problemOf('pool')) ?? (this.access.gates && (await this.problemOf('direct')));
  }

  /** @returns what is wrong with one of the ways to the database */
  private async problemOf(way: 'pool' | 'direct'): Promise<string | undefined> {
    try {
      const ask = (manager: EntityManager) => sql<{ count: string } & Writability>(manager, STATE, [migrationNames]);
      const [row] = await (way === 'pool' ? ask(this.manager) : this.direct.transaction(ask));
      if (row?.isReadOnly) return row.isStandby ? 'a standby' : 'read-only';
      return Number(row?.count) === migrationNames.length ? undefined : 'not migrated';
    } catch {
      return this.access.gates?.[way].reason ?? (way === 'pool' ? 'unreachable' : 'unreachable by DATABASE_DIRECT_URL');
    }
  }

  /** A warning: the server serves as well, as it goes by the database's clock. */
  private clockIfWrong(): HealthIndicatorResult {
    const warning = this.clock.warning();
    return warning === undefined ? {} : this.indicator.check('clock').up(warning);
  }
}
