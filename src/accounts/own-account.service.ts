import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { SessionPrincipal } from '../access/principal.js';
import { sessionEnded } from '../access/refusals.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { sql } from '../database/sql.js';
import { requireMatch } from '../http/if-match.js';
import { Callers } from '../tokens/callers.service.js';
import { canonicalLocale } from './account-fields.js';
import { toOwnAccountAnswer, type OwnAccountChange, type OwnAccountRecord } from './own-account.dto.js';

/** What a holder sees: an account that a session was opened for has an email, as long as that session lives. */
const SHOWN = 'id, email, locale, legacy_id AS "legacyId"';

/** The account of a session, as far as its holder sees and changes it without the password. */
@Injectable()
export class OwnAccount {
  constructor(
    private readonly manager: EntityManager,
    private readonly callers: Callers,
    private readonly audit: AuditLog,
  ) {}

  /** @throws ApiError `unauthorized` when the account is gone meanwhile */
  async get({ accountId }: SessionPrincipal, manager = this.manager): Promise<OwnAccountRecord> {
    const [account] = await sql<OwnAccountRecord>(
      manager,
      `SELECT ${SHOWN} FROM accounts WHERE id = $1 AND email IS NOT NULL`,
      [accountId],
    );
    if (!account) throw sessionEnded();
    return account;
  }

  /**
   * Changes the language of the account's mails, those that wait to be sent too. Of several changes at once the last one counts.
   *
   * @throws ApiError `unauthorized` when the session was ended or the account disabled meanwhile, `precondition_failed`
   */
  async change(caller: SessionPrincipal, { locale }: OwnAccountChange): Promise<OwnAccountRecord> {
    return this.manager.transaction(async (tx) => {
      await this.callers.holdSession(tx, caller);
      await requireMatch(async () => toOwnAccountAnswer(await this.get(caller, tx)));
      const [changed] = await sql<OwnAccountRecord>(
        tx,
        `UPDATE accounts SET locale = $2, updated_at = now() WHERE id = $1 RETURNING ${SHOWN}`,
        [caller.accountId, canonicalLocale(locale)],
      );
      if (!changed) throw sessionEnded();
      await this.audit.record(tx, {
        kind: 'account.changed',
        subject: changed.id,
        details: { fields: ['locale'] },
      });
      return changed;
    });
  }
}
