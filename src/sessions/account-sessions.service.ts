import { Injectable } from '@nestjs/common';
import type { SessionPrincipal, UserPrincipal } from '../access/principal.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { notFound, notYours } from '../errors/api-error.js';
import { pageOf, PAGE_SIZE, readCursor, type Page } from '../http/cursor.js';
import { idIn, isUuid } from '../http/validation.js';
import { Revocations } from '../revocations/revocations.service.js';
import { Callers } from '../tokens/callers.service.js';
import { Reauthentication } from './reauthentication.service.js';
import { SessionStore, type SessionRecord } from './sessions.store.js';

/** The open sessions of an account, for its holder and for admins. */
@Injectable()
export class AccountSessions {
  constructor(
    private readonly store: SessionStore,
    private readonly callers: Callers,
    private readonly reauthentication: Reauthentication,
    private readonly revocations: Revocations,
    private readonly audit: AuditLog,
  ) {}

  /** @returns a page, newest first, and where the next one begins. @throws ApiError `invalid_params` */
  async list(accountId: string, cursor: string | undefined): Promise<Page<SessionRecord>> {
    return pageOf(await this.store.list(accountId, PAGE_SIZE + 1, readCursor(cursor)));
  }

  /** @throws ApiError `not_found`, also for a session that has ended or is another account's */
  async get(accountId: string, id: string): Promise<SessionRecord> {
    const session = isUuid(id) ? await this.store.find(accountId, id) : undefined;
    if (!session) throw notFound();
    return session;
  }

  /**
   * Ends one session. For another one of the own account the password may be asked for again.
   *
   * @param caller the account's holder, or an admin
   * @throws ApiError `not_found`, also for all but one of several calls at once; `unauthorized` when the caller's credential has been revoked meanwhile;
   *   and as {@link Reauthentication.require}
   */
  async end(
    accountId: string,
    id: string,
    caller: SessionPrincipal | UserPrincipal,
    currentPassword?: string,
  ): Promise<void> {
    if (!isUuid(id)) throw notFound();
    const isItself = 'sessionId' in caller && caller.sessionId === id.toLowerCase();
    await this.reauthentication.requireIf(accountId === caller.accountId && !isItself, caller, currentPassword);
    await this.revocations.during(`session ${id.toLowerCase()}`, async (tx) => {
      if ('sessionId' in caller) await this.callers.holdSession(tx, caller);
      else await this.callers.holdUser(tx, caller);
      if (!(await this.store.end(tx, accountId, id))) throw 'sessionId' in caller ? notYours(idIn(id)) : notFound();
      const details = { session: id.toLowerCase() };
      await this.audit.record(tx, { kind: 'session.ended', subject: accountId, details });
    });
  }
}
