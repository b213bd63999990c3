import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { EntityManager } from 'typeorm';
import { DatabaseClock } from '../database/database-clock.service.js';
import { APPLIED, migrationNames } from '../database/migrate.js';
import { sql } from '../database/sql.js';

/** Whether this process can serve: it is not stopping, the database answers, and every migration is applied. */
@Injectable()
export class Readiness {
  private stopping = false;

  constructor(
    private readonly manager: EntityManager,
    private readonly indicator: HealthIndicatorService,
    private readonly clock: DatabaseClock,
  ) {}

  /** To be called when a shutdown begins, so that load balancers stop sending requests. */
  stop(): void {
    this.stopping = true;
  }

  async check(): Promise<HealthIndicatorResult> {
    if (this.stopping) return this.indicator.check('server').down('stopping');
    const database = this.indicator.check('database');
    try {
      const [row] = await sql<{ count: string }>(this.manager, APPLIED, [migrationNames]);
      if (Number(row?.count) !== migrationNames.length) return database.down('not migrated');
      return { ...database.up(), ...this.clockIfWrong() };
    } catch {
      return database.down('unreachable');
    }
  }

  /** A warning: the server serves as well, as it goes by the database's clock. */
  private clockIfWrong(): HealthIndicatorResult {
    const warning = this.clock.warning();
    return warning === undefined ? {} : this.indicator.check('clock').up(warning);
  }
}
