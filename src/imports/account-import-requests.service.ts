import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { UserPrincipal } from '../access/principal.js';
import { requireAdmin } from '../access/refusals.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { extendDeadline } from '../database/deadline.js';
import { unavailable } from '../errors/api-error.js';
import { Revocations } from '../revocations/revocations.service.js';
import { Reauthentication } from '../sessions/reauthentication.service.js';
import { Callers } from '../tokens/callers.service.js';
import type { ImportRequest } from './account-import-requests.dto.js';
import { ImportBatches, sorted } from './import-batches.service.js';
import { sumOf, withPatience } from './imports.service.js';
import { NO_COUNTS, type Counts } from './imports.store.js';
import { refused, type Entry, type Outcome } from './outcomes.js';

/** What a batch may take longer than another request, with those that it waits for, in milliseconds. */
const LONG = 15_000;
/** How many wait for the one that is imported: each holds the locks of a thousand emails, and all that it does is work. */
const MOST_WAITING = 3;
/** For how long records are read before others have their turn, in milliseconds. */
const SLICE = 10;

const TYPES = ['account', 'organisation'];

const tooManyImports = () => unavailable('Other imports are in progress. Try again later.', 5);

/** Imports batches that admins send, one at a time: each in one transaction, with the event that it was imported. */
@Injectable()
export class AccountImportRequests {
  private waiting = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly batches: ImportBatches,
    private readonly callers: Callers,
    private readonly reauthentication: Reauthentication,
    private readonly revocations: Revocations,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @returns what has come of each record, in their order
   * @throws ApiError `forbidden`, `unauthorized`, `unavailable`; as {@link Reauthentication.require} for administrators
   */
  async run(caller: UserPrincipal, body: ImportRequest): Promise<{ counts: Counts; outcomes: Outcome[] }> {
    requireAdmin(caller);
    const { records, admins = false } = body;
    await this.reauthentication.requireIf(admins, caller, body.current_password);
    return this.inTurn(async () => {
      const { entries, outcomes } = await this.read(records);
      return withPatience(() => this.store(caller, entries, outcomes, admins));
    });
  }

  private store(caller: UserPrincipal, entries: Entry[], unreadable: Outcome[], admins: boolean) {
    return this.revocations.transaction(async (tx) => {
      await this.callers.holdUser(tx, caller);
      const imported = await this.batches.run(tx, entries, { admins });
      const outcomes = [...unreadable, ...imported].sort((one, other) => one.line - other.line);
      const counts = sumOf(NO_COUNTS, outcomes);
      await this.audit.record(tx, { kind: 'import.finished', details: { ...counts } });
      return { counts, outcomes };
    });
  }

  /** Reading a thousand records takes its time: others have their turn between them. */
  private async read(records: unknown[]): Promise<{ entries: Entry[]; outcomes: Outcome[] }> {
    const reader = this.batches.reader();
    const all = { entries: [] as Entry[], outcomes: [] as Outcome[] };
    let begun = performance.now();
    for (const [index, value] of records.entries()) {
      const line = index + 1;
      const problem = problemOfType(value);
      const { entries, outcomes } = problem
        ? { entries: [], outcomes: [refused(line, problem)] }
        : sorted([{ line, value }], reader);
      all.entries.push(...entries);
      all.outcomes.push(...outcomes);
      if (performance.now() - begun < SLICE) continue;
      await turn();
      begun = performance.now();
    }
    return all;
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.waiting > MOST_WAITING) throw tooManyImports();
    this.waiting += 1;
    extendDeadline(LONG);
    const done = this.last.then(work);
    this.last = done.catch(() => undefined);
    try {
      return await done;
    } finally {
      this.waiting -= 1;
    }
  }
}

/** A token with a secret of one's choice would act for an account, and nobody would know who does. */
function problemOfType(value: unknown): { type: string } | undefined {
  const type = (value as { type?: unknown } | null | undefined)?.type ?? 'account';
  return TYPES.some((one) => one === type) ? undefined : { type: `must be ${TYPES.join(' or ')}` };
}
