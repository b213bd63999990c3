import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { rateLimited } from '../errors/api-error.js';
import { Limits, type Limit } from '../limits/limits.service.js';
import { AccountIds } from './account-ids.service.js';

const DAY = 86_400;

/**
 * `links`: mails that anybody can have sent to an address; `notices`: that it is no longer an account's; `passwords`: that its
 * account has another password. They are counted apart, so that nobody uses up the ones to keep a holder from hearing the
 * others.
 */
export type MailClass = 'links' | 'notices' | 'passwords';

/** How many mails an address is sent in a day (MAX_MAILS_PER_ADDRESS). */
@Injectable()
export class MailCaps {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accountIds: AccountIds,
    private readonly limits: Limits,
  ) {}

  limitFor(mails: MailClass, email: string): Limit {
    const key = `mail-${mails} ${this.accountIds.digest(email).toString('base64url')}`;
    return { key, most: this.config.maxMailsPerAddress, seconds: DAY };
  }

  /** Counts a mail that is queued in a transaction. @throws ApiError `rate_limited`, which is to end the transaction */
  async take(tx: EntityManager, mails: MailClass, email: string): Promise<void> {
    const seconds = await this.limits.tryTake([this.limitFor(mails, email)], { manager: tx });
    if (seconds !== undefined) throw rateLimited(seconds);
  }
}
