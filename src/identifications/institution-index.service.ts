import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { DOES_WHAT_IS_DUE } from '../config/config.module.js';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { indexAllChangedInstitutions, indexChangedInstitutions } from './institution-index.js';

const FIRST_AFTER = 5_000;
const PERIOD = 60_000;

/** Keeps what organisations are found by up to date, whoever has changed them: this release, the previous one, an import. */
@Injectable()
export class InstitutionIndex implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('InstitutionIndex');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(
    @Inject(DOES_WHAT_IS_DUE) private readonly doesWhatIsDue: boolean,
    private readonly manager: EntityManager,
  ) {}

  onApplicationBootstrap(): void {
    if (this.doesWhatIsDue) this.schedule(FIRST_AFTER);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** So that what has just been changed is found. A bounded piece of work: what is left is done in the background. */
  async catchUp(): Promise<void> {
    await indexChangedInstitutions(this.manager);
  }

  private schedule(after: number): void {
    this.timer = setTimeout(() => {
      this.running = this.catchUpAndGoOn();
    }, after).unref();
  }

  private async catchUpAndGoOn(): Promise<void> {
    try {
      await indexAllChangedInstitutions(this.manager, () => this.stopping);
    } catch (error) {
      const cause = isDatabaseUnavailable(error) ? undefined : error;
      this.logger.warn('the search for institutions was not brought up to date; it is tried again', cause);
    }
    if (!this.stopping) this.schedule(PERIOD);
  }
}
