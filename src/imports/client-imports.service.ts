import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { Revocations } from '../revocations/revocations.service.js';
import { ClientTokenStore } from '../tokens/client-tokens.store.js';
import { AccountReferences, type Referred } from './account-references.store.js';
import { ClientImportStore, type ClientRow, type StoredClient } from './client-imports.store.js';
import type { Problems } from './fields.js';
import { ImportedRecordStore, keyOf, type Trace } from './imported-records.store.js';
import {
  CHANGED_HERE,
  DELETED_HERE,
  MADE_MEANWHILE,
  NOT_IMPORTED,
  refused,
  waves,
  type Entry,
  type ImportOptions,
  type Outcome,
} from './outcomes.js';
import type { ClientRecord } from './records.js';
import { problemOfReference } from './reference-problems.js';

type ClientEntry = Entry<ClientRecord>;

/** What is stored of what a group of entries speaks of. */
interface Surroundings {
  accounts: Map<string, Referred | 'several'>;
  /** By their keys, in hexadecimal. */
  traces: Map<string, Trace>;
  stored: Map<string, StoredClient>;
}

/** Imports OAuth2 clients, with what another service kept of their secrets. */
@Injectable()
export class ClientImports {
  constructor(
    private readonly store: ClientImportStore,
    private readonly traces: ImportedRecordStore,
    private readonly references: AccountReferences,
    private readonly tokens: ClientTokenStore,
    private readonly revocations: Revocations,
    private readonly audit: AuditLog,
  ) {}

  /** @param tx of {@link Revocations.transaction} */
  async run(tx: EntityManager, entries: ClientEntry[], options: ImportOptions): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const wave of waves(entries, ({ record }) => [record.id])) {
      outcomes.push(...(await this.runWave(tx, wave, options)));
    }
    return outcomes;
  }

  private async runWave(tx: EntityManager, entries: ClientEntry[], options: ImportOptions): Promise<Outcome[]> {
    const around = await this.lookAround(tx, entries);
    const outcomes: Outcome[] = [];
    const [fresh, changed]: [ClientEntry[], ClientEntry[]] = [[], []];
    for (const entry of entries) {
      const { line, record, digest } = entry;
      const [trace, stored] = [traceOf(record, around), around.stored.get(record.id)];
      const isDryOnly = !around.accounts.has(record.account ?? '') && options.wouldHave?.(record.account ?? '');
      const problems = isDryOnly && !stored ? {} : problemsOf(record, around);
      if (trace && stored && trace.digest.equals(digest)) outcomes.push({ line, as: 'unchanged', id: record.id });
      else if (Object.keys(problems).length > 0) outcomes.push(refused(line, problems));
      else if (isDryOnly) outcomes.push({ line, as: 'made', id: '' });
      else (stored ? changed : fresh).push(entry);
    }
    const rowOf = ({ record }: ClientEntry): ClientRow => ({ ...record, accountId: ownerOf(record, around) });
    for (const entry of changed) await this.change(tx, rowOf(entry));
    const made = await this.store.insert(tx, fresh.map(rowOf));
    const written = [...changed, ...fresh.filter(({ record }) => made.has(record.id))];
    await this.note(tx, written, made);
    for (const { line, record } of [...fresh, ...changed]) {
      const isMade = made.has(record.id);
      const isWritten = isMade || around.stored.has(record.id);
      outcomes.push(
        isWritten
          ? { line, as: isMade ? 'made' : 'changed', id: record.id }
          : refused(line, { record: MADE_MEANWHILE }),
      );
    }
    return outcomes;
  }

  /** Accounts are locked before clients. */
  private async lookAround(tx: EntityManager, entries: ClientEntry[]): Promise<Surroundings> {
    const records = entries.map(({ record }) => record);
    const owners = records.flatMap(({ account }) => (account === undefined ? [] : [account]));
    const accounts = await this.references.find(tx, owners);
    const stored = await this.store.find(
      tx,
      records.map(({ id }) => id),
    );
    return {
      accounts,
      traces: await this.traces.find(tx, records.map(keyOf)),
      stored: new Map(stored.map((client) => [client.id, client])),
    };
  }

  /** What a client had before, its access tokens may have too: they end, and the client gets others. */
  private async change(tx: EntityManager, row: ClientRow): Promise<void> {
    await this.store.update(tx, row);
    await this.tokens.raiseEpoch(tx, row.id);
    await this.tokens.revokeAll(tx, row.id);
    await this.revocations.announce(tx, `client ${row.id}`);
  }

  private async note(tx: EntityManager, written: ClientEntry[], made: Set<string>): Promise<void> {
    const states = await this.store.statesOf(
      tx,
      written.map(({ record }) => record.id),
    );
    const traces = written.map(({ record, digest }) => ({
      key: keyOf(record),
      rowId: record.id,
      digest,
      state: states.get(record.id) ?? Buffer.alloc(0),
    }));
    await this.traces.save(tx, traces);
    for (const { record } of written) {
      const kind = made.has(record.id) ? 'oauth_client.created' : 'oauth_client.changed';
      const details = { scopes: record.scopes, by: 'import' };
      await this.audit.record(tx, { kind, subject: record.id, details });
    }
  }
}

const traceOf = (record: ClientRecord, { traces }: Surroundings) => traces.get(keyOf(record).toString('hex'));

function ownerOf({ account = '' }: ClientRecord, { accounts }: Surroundings): string | null {
  const owner = accounts.get(account);
  return owner && owner !== 'several' ? owner.id : null;
}

function problemsOf(record: ClientRecord, around: Surroundings): Problems {
  const [trace, stored] = [traceOf(record, around), around.stored.get(record.id)];
  const problems: Problems = {};
  if (stored && !trace) problems.id = NOT_IMPORTED;
  else if (trace && !stored) problems.id = DELETED_HERE;
  else if (trace && stored && !stored.state.equals(trace.state)) problems.id = CHANGED_HERE;
  const problem = problemOfReference(record.account, around.accounts);
  const owner = around.accounts.get(record.account ?? '');
  if (problem !== undefined) problems.account = problem;
  else if (owner && owner !== 'several' && !owner.isAdmin) {
    problems.account = 'is not an administrator, and only administrators can own clients';
  }
  return problems;
}
