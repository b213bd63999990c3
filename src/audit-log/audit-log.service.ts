import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { Principal } from '../access/principal.js';
import { CONFIG, type Config } from '../config/config.js';
import { longSql, sql } from '../database/sql.js';
import { Sweeper } from '../database/sweeper.service.js';
import { currentRequest } from '../http/current-request.js';
import type { Outcome } from './audit-events.entity.js';
import type { AuditKind } from './audit-kinds.js';

/** What happened. Who did it, from where and in which request, the audit log finds out by itself. */
export interface AuditEntry {
  kind: AuditKind;
  /** The id of what was acted on; never a secret, and no email. */
  subject?: string;
  /** Absent: success. */
  outcome?: Outcome;
  /** The account that acts, where the request does not prove it: somebody who has just signed in. */
  actorId?: string;
  onBehalfOf?: string;
  /** Kept apart, so that it can be taken away later. */
  email?: string;
  /** What else there is to know: ids, names of fields, numbers; no secret, no email, no name of a person. */
  details?: Record<string, unknown>;
}

/** Who a request's credential proved to be, as the audit log has it. */
interface Actor {
  actorId?: string;
  clientId?: string;
  appTokenId?: string;
  onBehalfOf?: string;
}

/** The audit log of who did what. */
@Injectable()
export class AuditLog implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly sweeper: Sweeper,
  ) {}

  onModuleInit(): void {
    const where = `at < now() - interval '${this.config.auditRetention} seconds'`;
    // The word that the table's trigger wants to hear; see the migration.
    this.sweeper.add({ table: 'audit_events', where, setting: 'latchkey.audit_retention' });
    this.sweeper.add({ table: 'audit_emails', where });
  }

  /** Notes an act in the transaction of the act, so that neither exists without the other. */
  async record(tx: EntityManager, entry: AuditEntry): Promise<void> {
    const request = currentRequest();
    const actor = actorOf(request?.principal);
    await sql(
      tx,
      `WITH e AS (
         INSERT INTO audit_events (kind, subject, outcome, actor_id, client_id, app_token_id, on_behalf_of, details,
           address, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id
       )
       INSERT INTO audit_emails (event_id, email, account_id)
       SELECT id, $11::text, (SELECT a.id FROM accounts a WHERE lower(a.email) = lower($11::text))
       FROM e WHERE $11::text IS NOT NULL RETURNING event_id`,
      [
        entry.kind,
        entry.subject ?? null,
        entry.outcome ?? 'success',
        entry.actorId ?? actor.actorId ?? null,
        actor.clientId ?? null,
        actor.appTokenId ?? null,
        entry.onBehalfOf ?? actor.onBehalfOf ?? null,
        entry.details ?? {},
        request?.ip ?? null,
        request?.id ?? null,
        entry.email ?? null,
      ],
    );
  }

  /** Notes what has no transaction: a failure, or that somebody looked at something. */
  recordAlone(entry: AuditEntry): Promise<void> {
    return this.record(this.manager, entry);
  }

  /** Takes an account's emails out of the audit log, which stays whole without them. */
  async blankEmails(tx: EntityManager, accountId: string, email: string | null): Promise<void> {
    await longSql(
      tx,
      `WITH own AS (SELECT event_id, lower(email) AS email FROM audit_emails WHERE account_id = $1)
       DELETE FROM audit_emails WHERE event_id IN (
         SELECT event_id FROM own
         UNION SELECT m.event_id FROM (SELECT email FROM own UNION SELECT lower($2)) e
           JOIN audit_emails m ON lower(m.email) = e.email AND m.account_id IS NULL)`,
      [accountId, email],
    );
  }
}

/** Whoever acts on behalf of somebody is the one who acts. */
function actorOf(principal: Principal | undefined): Actor {
  if (!principal || 'gatewayAccountId' in principal) return {};
  if ('clientId' in principal) return { clientId: principal.clientId };
  if ('tokenId' in principal) return { appTokenId: principal.tokenId };
  if ('sessionId' in principal) return { actorId: principal.accountId };
  const { accountId, actorId, appTokenId } = principal;
  return actorId === null ? { actorId: accountId, appTokenId } : { actorId, onBehalfOf: accountId, appTokenId };
}
