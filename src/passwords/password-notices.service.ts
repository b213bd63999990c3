import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { sql } from '../database/sql.js';
import { Sweeper } from '../database/sweeper.service.js';
import { currentOrigin } from '../http/current-request.js';
import { MailWriter } from '../mail/link-mail.js';
import { MailQueue } from '../mail/mail-queue.service.js';
import type { PasswordChangeWay } from './password-changes.entity.js';
import { passwordChangedMail, type PasswordChange } from './password-notices.mails.js';

const CHANGE_MAIL = 'password-changed';

/** Tells the holders of accounts by mail that their passwords were changed. */
@Injectable()
export class PasswordNotices implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly mailQueue: MailQueue,
    private readonly sweeper: Sweeper,
  ) {}

  onModuleInit(): void {
    this.sweeper.add({ table: 'password_changes', time: 'changed_at', before: `now() - interval '30 days'` });
    this.mailQueue.register(CHANGE_MAIL, async (id) => {
      const change = await this.find(id);
      return change && passwordChangedMail(change, new MailWriter(this.config, change.locale));
    });
  }

  /**
   * Queues the mail, in the transaction of the change. To be followed by {@link wake}.
   *
   * @param account its email is the address that is told
   */
  async tell(tx: EntityManager, account: { id: string; email: string }, way: PasswordChangeWay): Promise<void> {
    // Where an admin is does not concern the holder.
    const { address, userAgent } = way === 'admin' ? { address: null, userAgent: null } : currentOrigin();
    const [change] = await sql<{ id: string }>(
      tx,
      `INSERT INTO password_changes (account_id, way, address, user_agent) VALUES ($1, $2, $3, $4) RETURNING id`,
      [account.id, way, address, userAgent],
    );
    if (!change) throw new Error('The new change was not returned.');
    await this.mailQueue.add(tx, { kind: CHANGE_MAIL, subjectId: change.id, recipient: account.email });
  }

  /** Sends queued mails now. To be called after the commit. */
  wake(): void {
    this.mailQueue.wake();
  }

  private async find(id: string): Promise<(PasswordChange & { locale: string | null }) | undefined> {
    const [change] = await sql<PasswordChange & { locale: string | null }>(
      this.manager,
      `SELECT c.way, c.address, c.user_agent AS "userAgent", c.changed_at AS "changedAt", a.locale
       FROM password_changes c LEFT JOIN accounts a ON a.id = c.account_id WHERE c.id = $1`,
      [id],
    );
    return change;
  }
}
