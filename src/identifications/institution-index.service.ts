import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { RUNS_BACKGROUND_JOBS } from '../config/config.module.js';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { RepeatedWork } from '../database/repeated-work.js';
import { indexAllChangedInstitutions, indexChangedInstitutions } from './institution-index.js';

/** In milliseconds. */
const FIRST_AFTER = 5_000;
const MINUTE = 60_000;

/** Keeps what organisations are found by up to date, whoever has changed them: this release, the previous one, an import. */
@Injectable()
export class InstitutionIndex implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('InstitutionIndex');
  private readonly inBackground: RepeatedWork = new RepeatedWork(
    {
      firstAfter: FIRST_AFTER,
      every: MINUTE,
      rest: MINUTE,
      logger: this.logger,
      failed: 'updating the institution search index failed; it will be retried',
    },
    () => indexAllChangedInstitutions(this.manager, () => this.inBackground.isStopping),
  );

  constructor(
    @Inject(RUNS_BACKGROUND_JOBS) private readonly runsBackgroundJobs: boolean,
    private readonly manager: EntityManager,
  ) {}

  onApplicationBootstrap(): void {
    if (this.runsBackgroundJobs) this.inBackground.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.inBackground.stop();
  }

  /** So that what has just been changed is found. A bounded piece of work: what is left is done in the background. */
  async catchUp(): Promise<void> {
    try {
      await indexChangedInstitutions(this.manager);
    } catch (error) {
      if (isDatabaseUnavailable(error)) throw error;
      // What cannot be found by its new name does not keep the others from being found.
      this.logger.error('institution search index is stale: update failed', error);
    }
  }
}
