import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { keyset, where, type Cursor } from '../database/keyset.js';
import { sql } from '../database/sql.js';
import { isUuid } from '../http/validation.js';
import type { AuditEventEntity } from '../audit-log/audit-events.entity.js';
import type { AuditFilter } from './audit-log-reader.dto.js';

export type AuditRecord = AuditEventEntity & { email: string | null; appTokenName: string | null };

const equals = (column: string) => (value: string) => `${column} = ${value}`;
/** The index has hashes. What else has the same hash is a CASE, or PostgreSQL would expect far fewer rows than there are. */
const equalsLong = (column: string) => (value: string) =>
  `hashtextextended(${column}, 0) = hashtextextended(${value}, 0) AND CASE WHEN ${column} = ${value} THEN true END`;

/** The SQL condition of each filter. An index of each partition serves each of them, newest first. */
const CONDITIONS = {
  actor: equalsLong('coalesce(e.client_id, e.actor_id::text, e.app_token_id::text)'),
  app_token: equals('e.app_token_id'),
  on_behalf_of: equals('e.on_behalf_of'),
  subject: equalsLong('e.subject'),
  kind: equals('e.kind'),
  outcome: equals('e.outcome'),
  from: (value) => `e.at >= ${value}`,
  to: (value) => `e.at < ${value}`,
} satisfies Partial<Record<keyof AuditFilter, (value: string) => string>>;

const NAMES = Object.keys(CONDITIONS) as (keyof typeof CONDITIONS)[];

const NEWEST_FIRST = keyset('e.at', 'e.id', 'DESC');

/** The audit log, as it is read. */
@Injectable()
export class AuditLogReaderStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns at most `limit` events after the cursor, newest first */
  list(filter: AuditFilter, limit: number, after: Cursor | undefined): Promise<(AuditRecord & Cursor)[]> {
    const { statement, values } = listStatement(filter, limit, after);
    return sql<AuditRecord & Cursor>(this.manager, statement, values);
  }
}

/** The statement for a page; exported for the benchmark. */
export function listStatement(
  filter: AuditFilter,
  limit: number,
  after?: Cursor,
): { statement: string; values: unknown[] } {
  const names = NAMES.filter((name) => filter[name] !== undefined && !(name === 'to' && isBefore(after, filter.to)));
  const values: unknown[] = names.map((name) =>
    name === 'from' || name === 'to' ? atUtc(filter[name]) : oneCase(filter[name]),
  );
  const conditions = names.map((name, index) => CONDITIONS[name](`$${index + 1}`));
  conditions.push(...NEWEST_FIRST.behind(after, values));
  const statement = `
    SELECT e.id, e.at, e.kind, e.outcome, e.actor_id AS "actorId", e.client_id AS "clientId",
      e.app_token_id AS "appTokenId", e.on_behalf_of AS "onBehalfOf", e.subject, e.address,
      e.request_id AS "requestId", e.details, m.email, ${NEWEST_FIRST.micros},
      (SELECT t.name FROM tokens t WHERE t.id = e.app_token_id) AS "appTokenName"
    FROM audit_events e LEFT JOIN audit_emails m ON m.event_id = e.id
    ${where(conditions)} ${NEWEST_FIRST.orderBy} LIMIT ${limit}`;
  return { statement, values };
}

/** Converts a time to UTC, as PostgreSQL refuses some offsets that JavaScript accepts. */
const atUtc = (time = '') => new Date(time).toISOString();

/** Whether a cursor makes the condition `to` redundant, with which PostgreSQL would start to scan at `to`. */
const isBefore = (cursor: Cursor | undefined, time = '') =>
  cursor !== undefined && Number(cursor.micros) < Date.parse(time) * 1_000;

/** Ids are stored in lower case; other texts are compared as they are. */
const oneCase = (text = '') => (isUuid(text) ? text.toLowerCase() : text);
