import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { tooManyAttempts } from '../errors/api-error.js';
import { siteOf } from '../http/client-address.js';
import { currentOrigin } from '../http/current-request.js';
import { Limits, type Limit } from '../limits/limits.service.js';
import { AccountIds } from './account-ids.service.js';

const DAY = 86_400;

/** How many of an address's mails the clients of one network can have sent, if that is more than a share of them. */
const FEW = 5;
/** That share, one in so many: others are left some, whoever asks for all of them. */
const SHARES = 5;

/**
 * `links` and `claims`: mails that anybody can have sent to an address, by asking for links to its account, and by signing up
 * with it or changing to it; `notices`: that it is no longer an account's; `passwords`: that its
 * account has another password. They are counted apart, so that nobody uses up the ones to keep a holder from hearing the
 * others.
 */
export type MailClass = 'links' | 'claims' | 'notices' | 'passwords';

/** How many mails an address is sent in a day (MAX_MAILS_PER_ADDRESS). */
@Injectable()
export class MailCaps {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accountIds: AccountIds,
    private readonly limits: Limits,
  ) {}

  limitsFor(mails: MailClass, email: string): Limit[] {
    const most = this.config.maxMailsPerAddress;
    const key = `mail-${mails} ${this.accountIds.digest(email).toString('base64url')}`;
    const whole = { key, most, seconds: DAY };
    const { address } = currentOrigin();
    if (address === null || mails === 'notices' || mails === 'passwords') return [whole];
    const share = Math.max(FEW, Math.ceil(most / SHARES));
    return [{ key: `${key} ${siteOf(address)}`, most: share, seconds: DAY }, whole];
  }

  /** Counts a mail that is queued in a transaction. @throws ApiError `rate_limited`, which is to end the transaction */
  async take(tx: EntityManager, mails: MailClass, email: string): Promise<void> {
    const seconds = await this.limits.tryTake(this.limitsFor(mails, email), { manager: tx });
    if (seconds !== undefined) throw tooManyAttempts(seconds);
  }
}
