import { Injectable } from '@nestjs/common';
import type { UserPrincipal } from '../access/principal.js';
import { requireAdmin } from '../access/refusals.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import type { Page } from '../http/cursor.js';
import { AccountSessions } from '../sessions/account-sessions.service.js';
import type { SessionRecord } from '../sessions/sessions.store.js';
import { AccountAdmin } from './account-admin.service.js';

/** How admins see and end the sessions of accounts. */
@Injectable()
export class SessionAdmin {
  constructor(
    private readonly accounts: AccountAdmin,
    private readonly sessions: AccountSessions,
    private readonly audit: AuditLog,
  ) {}

  /** @throws ApiError `forbidden`, `not_found` when there is no such account, `invalid_params` */
  async list(caller: UserPrincipal, accountId: string, cursor: string | undefined): Promise<Page<SessionRecord>> {
    requireAdmin(caller);
    const { id } = await this.accounts.find(accountId);
    const page = await this.sessions.list(id, cursor);
    await this.audit.recordAlone({ kind: 'session.listed', subject: id });
    return page;
  }

  /** @throws ApiError `forbidden`, `not_found` */
  async get(caller: UserPrincipal, accountId: string, sessionId: string): Promise<SessionRecord> {
    requireAdmin(caller);
    const { id } = await this.accounts.find(accountId);
    const session = await this.sessions.get(id, sessionId);
    await this.audit.recordAlone({ kind: 'session.read', subject: id, details: { session: session.id } });
    return session;
  }

  /** @throws ApiError `forbidden`, `not_found` */
  async end(
    caller: UserPrincipal,
    accountId: string,
    sessionId: string,
    currentPassword: string | undefined,
  ): Promise<void> {
    requireAdmin(caller);
    const { id } = await this.accounts.find(accountId);
    await this.sessions.end(id, sessionId, caller, currentPassword);
  }
}
