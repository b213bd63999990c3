import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { UserPrincipal } from '../access/principal.js';
import { requireAdmin } from '../access/refusals.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import type { Cursor } from '../database/keyset.js';
import { extendDeadline } from '../database/deadline.js';
import { pageOf, PAGE_SIZE, readCursor, type Page } from '../http/cursor.js';
import { isUuid } from '../http/validation.js';
import { Callers } from '../tokens/callers.service.js';
import { AuditLogReaderStore, type AuditRecord } from './audit-log-reader.store.js';
import type { AuditFilter } from './audit-log-reader.dto.js';

/** How many events an export reads at a time. */
const BATCH = 1_000;

/** Lets admins read the audit log, and records that they did. */
@Injectable()
export class AuditLogReader {
  constructor(
    private readonly manager: EntityManager,
    private readonly store: AuditLogReaderStore,
    private readonly callers: Callers,
    private readonly audit: AuditLog,
  ) {}

  /** @returns a page, newest first, and where the next one begins. @throws ApiError `forbidden`, `invalid_params` */
  async list(caller: UserPrincipal, filter: AuditFilter): Promise<Page<AuditRecord>> {
    const after = await this.begin(caller, filter);
    return pageOf(await this.store.list(filter, PAGE_SIZE + 1, after));
  }

  /** @returns all matching events after the cursor, in batches. @throws ApiError as {@link list} */
  async export(caller: UserPrincipal, filter: AuditFilter): Promise<AsyncGenerator<AuditRecord[]>> {
    const batches = this.batches(caller, filter, await this.begin(caller, filter));
    const first = await batches.next();
    // From here on it takes as long as its reader.
    extendDeadline(Infinity);
    return resumed(first, batches);
  }

  private async begin(caller: UserPrincipal, filter: AuditFilter): Promise<Cursor | undefined> {
    requireAdmin(caller);
    const after = readCursor(filter.cursor);
    await this.audit.recordAlone({ kind: 'audit.read', details: noted(filter) });
    return after;
  }

  /** Checks the caller before each batch, and stops when they may no longer read. */
  private async *batches(
    caller: UserPrincipal,
    filter: AuditFilter,
    start: Cursor | undefined,
  ): AsyncGenerator<AuditRecord[]> {
    for (let after = start; ;) {
      await this.manager.transaction((tx) => this.callers.holdUser(tx, caller));
      const { records, next } = pageOf(await this.store.list(filter, BATCH + 1, after), BATCH);
      yield records;
      if (!next) return;
      after = next;
    }
  }
}

/** The batches after the first one, which is read before the answer begins, so that its failure can be answered. */
async function* resumed<T>(first: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

/**
 * The filters for the audit log. `actor` and `subject` may be any text, even a secret or an email, unless they are ids.
 */
function noted(filter: AuditFilter): Record<string, unknown> {
  const given = Object.entries(filter).filter(([name, value]) => value !== undefined && name !== 'cursor');
  const free = ['actor', 'subject'];
  return Object.fromEntries(
    given.map(([name, value]) => [name, free.includes(name) && !isUuid(String(value)) ? '…' : (value as unknown)]),
  );
}
