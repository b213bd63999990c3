import { Injectable } from '@nestjs/common';
import { requireAdmin, type Caller } from '../access/caller.js';
import { pageOf, readCursor, type Cursor } from '../http/cursor.js';
import { AuditEventStore, type AuditRecord } from './audit-event.store.js';
import type { AuditFilter } from './audit-events.dto.js';
import { Audit } from './audit.service.js';

const PAGE = 100;
/** How many are read at once for an export. */
const BATCH = 1_000;

/** What ids look like; other texts may be anything, such as an email. */
const ID = /^[\w.-]{1,100}$/;

/** Reading the trail, for admins, which the trail tells of too. */
@Injectable()
export class AuditEvents {
  constructor(
    private readonly store: AuditEventStore,
    private readonly audit: Audit,
  ) {}

  /** @returns a page, newest first, and where the next one begins. @throws ApiError `forbidden`, `invalid_params` */
  async list(caller: Caller, filter: AuditFilter): Promise<{ records: AuditRecord[]; next: Cursor | undefined }> {
    const after = await this.begin(caller, filter);
    return pageOf(await this.store.list(filter, PAGE + 1, after), PAGE);
  }

  /** @returns all that there is behind the cursor, a batch at a time. @throws ApiError as {@link list} */
  async export(caller: Caller, filter: AuditFilter): Promise<AsyncGenerator<AuditRecord[]>> {
    return this.batches(filter, await this.begin(caller, filter));
  }

  private async begin(caller: Caller, filter: AuditFilter): Promise<Cursor | undefined> {
    requireAdmin(caller);
    const after = readCursor(filter.cursor);
    const ids = Object.entries(filter).filter(([, value]) => typeof value === 'string' && ID.test(value));
    await this.audit.recordAlone({ kind: 'audit.read', details: Object.fromEntries(ids) });
    return after;
  }

  private async *batches(filter: AuditFilter, start: Cursor | undefined): AsyncGenerator<AuditRecord[]> {
    for (let after = start; ;) {
      const { records, next } = pageOf(await this.store.list(filter, BATCH + 1, after), BATCH);
      yield records;
      if (!next) return;
      after = next;
    }
  }
}
