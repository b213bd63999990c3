import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AccountLists } from '../accounts/account-lists.store.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { lockEmails } from '../email-links/email-locks.js';
import { foldEmail, spellingsOf } from '../emails/email-address.js';
import { AccountRevocation } from '../revocations/account-revocation.store.js';
import { Revocations } from '../revocations/revocations.service.js';
import { AccountImportStore, type NewAccountRow, type StoredAccount } from './account-imports.store.js';
import {
  CHANGED_HERE,
  MADE_MEANWHILE,
  NEEDS_ADMINS,
  NOT_IMPORTED,
  refused,
  TAKEN,
  waves,
  type Entry,
  type ImportOptions,
  type Outcome,
} from './outcomes.js';
import { consequencesOf, creationOf, endedBy, eventsOf } from './account-import.changes.js';
import type { Problems } from './fields.js';
import { ImportOrigins } from './origins.service.js';
import type { AccountRecord } from './records.js';

type AccountEntry = Entry<AccountRecord>;

const DELETED = 'belonged to an account that has been deleted';

/** What is stored of the accounts that a group of entries speaks of. */
interface Surroundings {
  byId: Map<string, StoredAccount>;
  byLegacyId: Map<string, StoredAccount>;
  byEmail: Map<string, StoredAccount[]>;
  /** Whose undo link keeps an email. */
  keptFor: Map<string, string[]>;
  byName: Map<string, StoredAccount>;
  /** By the digest of what it was imported under without ids, as the account keeps it. */
  byOrigin: Map<string, StoredAccount>;
  /** The ids, legacy ids and digests of deleted ones. */
  deleted: Set<string>;
}

/** Imports accounts: makes those that are not there, and changes only those that an import has made. */
@Injectable()
export class AccountImports {
  constructor(
    private readonly store: AccountImportStore,
    private readonly origins: ImportOrigins,
    private readonly lists: AccountLists,
    private readonly revocations: Revocations,
    private readonly revocation: AccountRevocation,
    private readonly audit: AuditLog,
  ) {}

  /** @param tx of {@link Revocations.transaction} */
  async run(tx: EntityManager, entries: AccountEntry[], options: ImportOptions): Promise<Outcome[]> {
    if (entries.length === 0) return [];
    await this.lock(tx, entries);
    const outcomes: Outcome[] = [];
    for (const wave of waves(entries, keysOf)) outcomes.push(...(await this.runWave(tx, wave, options)));
    return outcomes;
  }

  private async runWave(tx: EntityManager, entries: AccountEntry[], options: ImportOptions): Promise<Outcome[]> {
    const around = await this.lookAround(tx, entries);
    const outcomes: Outcome[] = [];
    const fresh: (NewAccountRow & { line: number })[] = [];
    for (const entry of entries) {
      const { line, record, digest } = entry;
      const origins = this.origins.possible(record).map(hex);
      const stored = findStored(record, origins, around);
      const problems = problemsOf(entry, { stored, origins }, around, options);
      if (problems) outcomes.push(refused(line, problems));
      else if (!stored) fresh.push({ ...this.rowOf(entry), line, id: record.id ?? randomUUID() });
      else if (stored.importedDigest?.equals(digest)) outcomes.push({ line, as: 'unchanged', id: stored.id });
      else outcomes.push(await this.change(tx, entry, stored));
    }
    const made = await this.store.insert(tx, fresh);
    await this.audit.recordAll(tx, fresh.filter(({ id }) => made.has(id)).map(creationOf));
    for (const { id, line } of fresh) {
      outcomes.push(made.has(id) ? { line, as: 'made', id } : refused(line, { record: MADE_MEANWHILE }));
    }
    return outcomes.sort((one, other) => one.line - other.line);
  }

  private rowOf({ record, digest }: AccountEntry) {
    return { ...record, digest, importedAs: this.origins.kept(record) };
  }

  /** What entries say that accounts are found by. */
  private keysOf(entries: AccountEntry[]) {
    const all = (name: keyof typeof FIELDS) => entries.flatMap(({ record }) => record[name] ?? []);
    const origins = entries.flatMap(({ record }) => this.origins.possible(record));
    return { ids: all('id'), legacyIds: all('legacyId'), origins, emails: all('email'), names: all('name') };
  }

  /** In the common order: accounts, then emails, also those that they may lose. */
  private async lock(tx: EntityManager, entries: AccountEntry[]): Promise<void> {
    const { emails, ...keys } = this.keysOf(entries);
    const lost = await this.store.lock(tx, { ...keys, spellings: emails.flatMap(spellingsOf) });
    await lockEmails(tx, [...emails, ...lost]);
  }

  /** Reads again what may have changed before it was locked. */
  private async lookAround(tx: EntityManager, entries: AccountEntry[]): Promise<Surroundings> {
    const { emails, names, ...keys } = this.keysOf(entries);
    const found = await this.store.withKeys(tx, keys);
    const byEmail = new Map<string, StoredAccount[]>();
    const spellings = emails.flatMap((email, place) => spellingsOf(email).map((spelling) => ({ spelling, place })));
    for (const { place, ...account } of await this.store.withEmails(tx, spellings)) {
      const email = emails[place] ?? '';
      byEmail.set(email, [...(byEmail.get(email) ?? []), account]);
    }
    const keptFor = new Map<string, string[]>();
    for (const { place, accountId } of await this.store.keptEmails(tx, spellings)) {
      const email = emails[place] ?? '';
      keptFor.set(email, [...(keptFor.get(email) ?? []), accountId]);
    }
    const named = await this.store.withNames(tx, names);
    const deleted = await this.store.deleted(tx, keys);
    return {
      byId: new Map(found.map((account) => [account.id, account])),
      byLegacyId: new Map(found.map((account) => [account.legacyId ?? '', account])),
      byEmail,
      keptFor,
      byName: new Map(named.map((account) => [account.name ?? '', account])),
      byOrigin: new Map(found.flatMap((account) => (account.importedAs ? [[hex(account.importedAs), account]] : []))),
      deleted: new Set(
        deleted.flatMap(({ id, legacyId, importedAs }) =>
          [id, legacyId ?? [], importedAs ? hex(importedAs) : []].flat(),
        ),
      ),
    };
  }

  /** Changes an account as the service that it came from has changed it, and ends what that ends. */
  private async change(tx: EntityManager, entry: AccountEntry, stored: StoredAccount): Promise<Outcome> {
    const { line, record } = entry;
    const { id } = stored;
    if (!(await this.store.update(tx, id, this.rowOf(entry)))) return refused(line, { [keyOf(record)]: CHANGED_HERE });
    await this.lists.replace(tx, id, {
      ...(record.aliases && { aliases: record.aliases }),
      ...(record.networks && { networks: record.networks }),
      ...(record.emailDomains && { emailDomains: record.emailDomains }),
    });
    const consequences = consequencesOf(record, stored);
    const extent = endedBy(consequences);
    if (extent) await this.revocation.revoke(tx, id, extent);
    else await this.revocations.announce(tx, `account ${id}`);
    for (const event of eventsOf(record, stored, consequences)) {
      await this.audit.record(tx, { ...event, subject: id, details: { ...event.details, by: 'import' } });
    }
    return { line, as: 'changed', id };
  }
}

/** What no two records of a group may share. */
function keysOf({ record: { id, legacyId, email, name } }: AccountEntry): string[] {
  return [
    ...(id === undefined ? [] : [`id ${id}`]),
    ...(legacyId === undefined ? [] : [`legacy ${legacyId}`]),
    ...(email === undefined ? [] : [`email ${foldEmail(email)}`]),
    ...(name === undefined ? [] : [`name ${name}`]),
  ];
}

/** The account that a record is about: by its ids or, where it has none, by its email or its name, at first those of the last import. */
function findStored(record: AccountRecord, origins: string[], around: Surroundings): StoredAccount | undefined {
  if (record.id !== undefined && around.byId.has(record.id)) return around.byId.get(record.id);
  if (record.legacyId !== undefined) return around.byLegacyId.get(record.legacyId);
  if (record.id !== undefined) return undefined;
  const imported = importedAs(origins, around);
  if (imported) return imported;
  if (record.email === undefined) return around.byName.get(record.name ?? '');
  const [holder, ...others] = around.byEmail.get(record.email) ?? [];
  return others.length === 0 ? holder : undefined;
}

/** By what an account is found, as it is called in records. */
const FIELDS = { id: 'id', legacyId: 'legacy_id', email: 'email', name: 'name' };

function keyOf(record: AccountRecord): string {
  return FIELDS[(['id', 'legacyId', 'email', 'name'] as const).find((name) => record[name] !== undefined) ?? 'id'];
}

/** @returns why a record is refused; undefined: it is not */
function problemsOf(
  { record, digest }: AccountEntry,
  { stored, origins }: { stored: StoredAccount | undefined; origins: string[] },
  around: Surroundings,
  { admins }: ImportOptions,
): Problems | undefined {
  if (stored?.isImported && stored.importedDigest?.equals(digest)) return undefined;
  const problems: Problems = {};
  const own = stored?.id;
  if (stored && !stored.isImported) problems[keyOf(record)] = NOT_IMPORTED;
  else if (stored?.isChangedHere) problems[keyOf(record)] = CHANGED_HERE;
  if (stored && record.id !== undefined && record.id !== own) problems.id = 'is not the id stored for this legacy_id';
  if (stored && record.legacyId !== undefined && record.legacyId !== stored.legacyId) {
    if (stored.legacyId !== null) problems.legacy_id = 'is not the legacy_id stored for this id';
    else if (around.byLegacyId.has(record.legacyId)) problems.legacy_id = TAKEN;
  }
  if (stored && stored.individual !== record.individual) problems.individual = 'cannot be changed';
  if (!stored) Object.assign(problems, problemsOfDeleted(record, origins, around));
  if (record.email !== undefined) {
    const holders = (around.byEmail.get(record.email) ?? []).map(({ id }) => id);
    const keepers = around.keptFor.get(record.email) ?? [];
    if ([...holders, ...keepers].some((id) => id !== own)) problems.email = problems.email ?? TAKEN;
  }
  const named = record.name === undefined ? undefined : around.byName.get(record.name)?.id;
  if (named !== undefined && named !== own) problems.name = TAKEN;
  const imported = importedAs(origins, around);
  if (imported && imported.id !== own) problems[record.email === undefined ? 'name' : 'email'] ??= TAKEN;
  Object.assign(problems, problemsOfAdmin(record, stored, admins));
  return Object.keys(problems).length > 0 ? problems : undefined;
}

const importedAs = (origins: string[], { byOrigin }: Surroundings) =>
  origins.map((digest) => byOrigin.get(digest)).find((account) => account !== undefined);

/** What is deleted here does not come back, as it was somebody's will. */
function problemsOfDeleted(record: AccountRecord, origins: string[], { deleted }: Surroundings): Problems {
  const { id, legacyId, email } = record;
  return {
    ...(id !== undefined && deleted.has(id) && { id: DELETED }),
    ...(legacyId !== undefined && deleted.has(legacyId) && { legacy_id: DELETED }),
    ...(origins.some((digest) => deleted.has(digest)) && { [email === undefined ? 'name' : 'email']: DELETED }),
  };
}

/** An import must not take the last administrator away, nor make one unless it is told to. */
function problemsOfAdmin(record: AccountRecord, stored: StoredAccount | undefined, admins: boolean): Problems {
  if (record.role !== 'admin' && stored?.role !== 'admin') return {};
  if (!admins) return { role: NEEDS_ADMINS };
  const isLost = stored?.role === 'admin' && (record.role === 'user' || typeof record.disabledAt === 'string');
  return isLost ? { role: 'belongs to an administrator: disable or demote them yourself' } : {};
}

const hex = (bytes: Buffer) => bytes.toString('hex');
