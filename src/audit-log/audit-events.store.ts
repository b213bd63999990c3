import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { longSql, sql } from '../database/sql.js';
import { Sweeper } from '../database/sweeper.service.js';
import type { Outcome } from './audit-events.entity.js';
import type { AuditKind } from './audit-kinds.js';

/** Who acted. */
export interface AuditActor {
  actorId?: string;
  clientId?: string;
  appTokenId?: string;
  onBehalfOf?: string;
}

/** An event as it is stored. */
export interface NewAuditEvent extends AuditActor {
  kind: AuditKind;
  subject?: string;
  /** Absent: success. */
  outcome?: Outcome;
  /** Stored in a table of its own. */
  email?: string;
  details?: Record<string, unknown>;
  /** The client's address, and the id of the request. */
  address?: string;
  requestId?: string;
}

/** The append-only tables of audit events and of their emails. */
@Injectable()
export class AuditEventStore implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly sweeper: Sweeper,
  ) {}

  onModuleInit(): void {
    const where = `at < now() - interval '${this.config.auditRetention} seconds'`;
    // The table's trigger only allows deletions while this setting is on; see the migration.
    this.sweeper.add({ table: 'audit_events', where, setting: 'latchkey.audit_retention' });
    this.sweeper.add({ table: 'audit_emails', where });
  }

  async insert(manager: EntityManager, event: NewAuditEvent): Promise<void> {
    await sql(
      manager,
      `WITH e AS (
         INSERT INTO audit_events (kind, subject, outcome, actor_id, client_id, app_token_id, on_behalf_of, details,
           address, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id
       )
       INSERT INTO audit_emails (event_id, email, account_id)
       SELECT id, $11::text, (SELECT a.id FROM accounts a WHERE lower(a.email) = lower($11::text))
       FROM e WHERE $11::text IS NOT NULL RETURNING event_id`,
      [
        event.kind,
        event.subject ?? null,
        event.outcome ?? 'success',
        event.actorId ?? null,
        event.clientId ?? null,
        event.appTokenId ?? null,
        event.onBehalfOf ?? null,
        event.details ?? {},
        event.address ?? null,
        event.requestId ?? null,
        event.email ?? null,
      ],
    );
  }

  /** Deletes the emails of an account, and the same emails where they belong to no account. */
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
