import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { isSpelt, nearestFirst, spellingsOf, storedEmail } from '../emails/email-address.js';
import { longSql, sql } from '../database/sql.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import { Sweeper } from '../database/sweeper.service.js';
import type { Outcome } from './audit-events.entity.js';
import type { AuditKind } from './audit-kinds.js';

/** Who acted. */
export interface AuditActor {
  actorId?: string | undefined;
  clientId?: string | undefined;
  appTokenId?: string | undefined;
  onBehalfOf?: string | undefined;
}

/** An event as it is stored. */
export interface NewAuditEvent extends AuditActor {
  kind: AuditKind;
  subject?: string | undefined;
  /** Absent: success. */
  outcome?: Outcome | undefined;
  /** Stored in a table of its own. */
  email?: string | undefined;
  details?: Record<string, unknown> | undefined;
  /** The client's address, and the id of the request. */
  address?: string | undefined;
  requestId?: string | undefined;
}

/** A row of `audit_events` in JSON, by the names of its columns; what is undefined is null there. */
export type EventRow = Record<string, unknown>;

/**
 * An INSERT of events.
 *
 * @param rows an SQL function that gives records from {@link EventRow}s in JSON
 * @param options.subject an SQL expression, instead of the rows' own
 * @param options.details another one
 * @param options.among more of the FROM clause, and a condition
 */
export function insertFrom(rows: string, { subject = 'r.subject', details = 'r.details', among = '' } = {}): string {
  return `
    INSERT INTO audit_events (kind, subject, outcome, actor_id, client_id, app_token_id, on_behalf_of, details, address,
      request_id)
    SELECT r.kind, ${subject}, r.outcome, r.actor_id, r.client_id, r.app_token_id, r.on_behalf_of, ${details}, r.address,
      r.request_id
    FROM ${rows} AS r (kind text, subject text, outcome text, actor_id uuid, client_id text, app_token_id uuid,
      on_behalf_of uuid, details jsonb, address text, request_id text) ${among}`;
}

const INSERT_ALL: PreparedStatement = {
  name: 'insert audit events',
  text: `${insertFrom('jsonb_to_recordset($1::jsonb)')} RETURNING id`,
};

/** The tables of audit events and of their emails: rows are added, and never changed. */
@Injectable()
export class AuditEventStore implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly sweeper: Sweeper,
    private readonly statements: Statements,
  ) {}

  onModuleInit(): void {
    const { auditRetention: retention } = this.config;
    const past = { time: 'at', before: `now() - interval '${retention} seconds'` };
    this.sweeper.addPartitioned({
      table: 'audit_events',
      time: 'at',
      retention,
      // The table's trigger only allows deletions while this setting is the name of the partition; see the migration.
      rows: { ...past, setting: 'latchkey.audit_retention' },
      prepare: (partition) =>
        `CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON ${partition}
         FOR EACH STATEMENT EXECUTE FUNCTION audit_events_kept()`,
    });
    this.sweeper.add({ table: 'audit_emails', ...past });
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
       SELECT id, $11::text, (
         SELECT a.id FROM accounts a WHERE ${isSpelt('a.email', '$12')} ORDER BY ${nearestFirst('a', '$13')} LIMIT 1)
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
        event.email === undefined ? null : storedEmail(event.email),
        event.email === undefined ? [] : spellingsOf(event.email),
        event.email ?? null,
      ],
    );
  }

  /** Inserts events without emails, in one statement. */
  async insertAll(manager: EntityManager, events: NewAuditEvent[]): Promise<void> {
    const rows = events.map((event) => this.rowOf(event));
    await sql(manager, INSERT_ALL.text, [JSON.stringify(rows)]);
  }

  /** Inserts events without emails that have no transaction, in one statement. */
  async insertTogether(rows: EventRow[]): Promise<void> {
    await this.statements.run(INSERT_ALL, [JSON.stringify(rows)]);
  }

  /** @returns the event as a statement takes it that is made with {@link insertFrom} */
  rowOf(event: NewAuditEvent): EventRow {
    return {
      kind: event.kind,
      subject: event.subject,
      outcome: event.outcome ?? 'success',
      actor_id: event.actorId,
      client_id: event.clientId,
      app_token_id: event.appTokenId,
      on_behalf_of: event.onBehalfOf,
      details: event.details ?? {},
      address: event.address,
      request_id: event.requestId,
    };
  }

  /** Deletes the emails of an account, and those that are the same and of no account. */
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
