import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { EntityManager } from 'typeorm';
import { APPLIED, migrationNames } from '../database/migrate.js';
import { sql } from '../database/sql.js';

/** Whether this process can serve: it is not stopping, the database answers, and every migration is applied. */
@Injectable()
export class Readiness {
  private stopping = false;

  constructor(
    private readonly manager: EntityManager,
    private readonly indicator: HealthIndicatorService,
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
      return Number(row?.count) === migrationNames.length ? database.up() : database.down('not migrated');
    } catch {
      return database.down('unreachable');
    }
  }
}
