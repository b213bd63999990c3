import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type pg from 'pg';
import { DataSource, type DataSourceOptions, type EntityManager } from 'typeorm';
import { poolOf } from './pool-of.js';

/** A machine that is busy with starting may be slow to connect. */
const ATTEMPTS = 5;

/**
 * Connections that lead to PostgreSQL past any pooler, and that no crowd of requests can use up: for what must
 * be done all the same, such as revoking.
 */
export class DirectDatabase implements OnModuleInit, OnApplicationShutdown {
  private readonly dataSource: DataSource;

  constructor(options: DataSourceOptions) {
    this.dataSource = new DataSource(options);
  }

  async onModuleInit(): Promise<void> {
    for (let attempt = 1; !this.dataSource.isInitialized; attempt += 1) {
      await this.dataSource.initialize().catch((error: unknown) => {
        if (attempt === ATTEMPTS) throw error;
      });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  get pool(): pg.Pool {
    return poolOf(this.dataSource);
  }

  /** @returns a manager of its own, whose statements are transactions by themselves */
  newManager(): EntityManager {
    return this.dataSource.createEntityManager();
  }

  /** Runs a transaction, which commits when the work is done and is rolled back when it throws. */
  transaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.dataSource.transaction(work);
  }
}
