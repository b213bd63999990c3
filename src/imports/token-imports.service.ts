import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog, type AuditEntry } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { Revocations } from '../revocations/revocations.service.js';
import { AccountReferences, type Referred } from './account-references.store.js';
import type { Problems } from './fields.js';
import { ImportedRecordStore, keyOf, type Trace } from './imported-records.store.js';
import {
  CHANGED_HERE,
  DELETED_HERE,
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
import type { TokenRecord } from './records.js';
import { problemOfReference } from './reference-problems.js';
import { holderOf, TokenImportStore, type StoredToken, type TokenRow } from './token-imports.store.js';

type TokenEntry = Entry<TokenRecord>;

/** What is stored of what a group of entries speaks of. */
interface Surroundings {
  accounts: Map<string, Referred | 'several'>;
  /** By their keys, in hexadecimal. */
  traces: Map<string, Trace>;
  byId: Map<string, StoredToken>;
  /** By digest or hash. */
  bySecret: Map<string, StoredToken>;
  live: Map<string, number>;
  /** The secrets of what a dry run would have made, had its accounts been there. */
  wouldBe: Set<string>;
}

/** A token that is to be written. */
interface Writing {
  entry: TokenEntry;
  row: TokenRow;
  /** Undefined: it is new. */
  before: StoredToken | undefined;
}

/** What is to be done with an entry: to write it, unless its outcome is known. */
type Plan = Writing | { outcome: Outcome };

/** Imports App-Tokens, user tokens and API tokens by what another service kept of them. */
@Injectable()
export class TokenImports {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: TokenImportStore,
    private readonly traces: ImportedRecordStore,
    private readonly references: AccountReferences,
    private readonly revocations: Revocations,
    private readonly audit: AuditLog,
  ) {}

  /** @param tx of {@link Revocations.transaction} */
  async run(tx: EntityManager, entries: TokenEntry[], options: ImportOptions): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const wouldBe = new Set<string>();
    for (const wave of waves(entries, keysOf)) {
      const around = { ...(await this.lookAround(tx, wave)), wouldBe };
      outcomes.push(...(await this.runWave(tx, wave, around, options)));
    }
    return outcomes;
  }

  private async runWave(
    tx: EntityManager,
    entries: TokenEntry[],
    around: Surroundings,
    options: ImportOptions,
  ): Promise<Outcome[]> {
    const plans = entries.map((entry) => this.plan(entry, around, options));
    const writings = plans.filter((plan) => 'row' in plan);
    const rows = (isNew: boolean) => writings.filter(({ before }) => isNew === !before).map(({ row }) => row);
    await this.store.update(tx, rows(false));
    const { appTokenTtl: app, userTokenTtl: user } = this.config;
    const made = await this.store.insert(tx, rows(true), { app, user });
    const written = writings.filter(({ before, row }) => before ?? made.has(row.id));
    await this.note(tx, written);
    return plans.map((plan) => {
      if ('outcome' in plan) return plan.outcome;
      const { entry, row, before } = plan;
      if (!written.includes(plan)) return refused(entry.line, { record: MADE_MEANWHILE });
      return { line: entry.line, as: before ? 'changed' : 'made', id: row.id };
    });
  }

  /** Accounts are locked before tokens. */
  private async lookAround(tx: EntityManager, entries: TokenEntry[]): Promise<Omit<Surroundings, 'wouldBe'>> {
    const records = entries.map(({ record }) => record);
    const given = (values: (string | undefined)[]) => values.filter((value) => value !== undefined);
    const accounts = await this.references.find(tx, given(records.flatMap(({ account, actor }) => [account, actor])));
    const traces = await this.traces.find(tx, records.map(keyOf));
    const ids = [...given(records.map(({ id }) => id)), ...[...traces.values()].map(({ rowId }) => rowId)];
    const stored = await this.store.find(tx, { ids, records });
    const owners = [...accounts.values()].flatMap((account) => (account === 'several' ? [] : [account.id]));
    return {
      accounts,
      traces,
      byId: new Map(stored.map((token) => [token.id, token])),
      bySecret: new Map(stored.flatMap((token) => [token.digest, token.hash ?? ''].map((key) => [key, token]))),
      live: await this.store.countLive(tx, owners),
    };
  }

  private plan(entry: TokenEntry, around: Surroundings, options: ImportOptions): Plan {
    const { line, record, digest } = entry;
    const key = keyOf(record).toString('hex');
    const trace = around.traces.get(key);
    const before = trace && around.byId.get(trace.rowId);
    const isSame = trace?.digest.equals(digest) ?? false;
    if (trace && isSame && (before ?? hasEnded(record))) return { outcome: { line, as: 'unchanged', id: trace.rowId } };
    if (!trace && isOfDryRun(record, around, options)) {
      const as = around.wouldBe.has(key) ? 'changed' : 'made';
      around.wouldBe.add(key);
      return { outcome: { line, as, id: '' } };
    }
    const problems = {
      ...problemsOfOwners(record, around, options),
      ...(trace ? problemsOfChange(record, trace, before) : problemsOfNew(record, around)),
    };
    const idOf = (reference = '') => (around.accounts.get(reference) as Referred | undefined)?.id ?? null;
    const row: TokenRow = {
      ...record,
      id: trace?.rowId ?? record.id ?? randomUUID(),
      accountId: idOf(record.account),
      actorId: idOf(record.actor),
    };
    if (before && isMoved(row, before)) problems.record = 'cannot be given to another account';
    if (!before && Object.keys(problems).length === 0) Object.assign(problems, this.takeRoom(row, around));
    if (Object.keys(problems).length > 0) return { outcome: refused(line, problems) };
    return { entry, row, before };
  }

  /** So that everything of an account can be ended at once, it has not too much of it. */
  private takeRoom(row: TokenRow, { live }: Surroundings): Problems {
    if (row.kind === 'api' || hasEnded(row)) return {};
    const { maxAppTokensPerAccount, maxSessionsPerAccount } = this.config;
    const [most, name] =
      row.kind === 'app'
        ? [maxAppTokensPerAccount, 'MAX_APP_TOKENS_PER_ACCOUNT']
        : [maxSessionsPerAccount, 'MAX_SESSIONS_PER_ACCOUNT'];
    const count = live.get(holderOf(row)) ?? 0;
    if (count >= most) return { account: `has ${most} already, which is the most (${name})` };
    live.set(holderOf(row), count + 1);
    return {};
  }

  /** Remembers what was imported, and tells everybody who has looked at it. */
  private async note(tx: EntityManager, written: Writing[]): Promise<void> {
    const states = await this.store.statesOf(
      tx,
      written.map(({ row }) => row.id),
    );
    const traces = written.map(({ entry: { record, digest }, row: { id } }) => ({
      key: keyOf(record),
      rowId: id,
      digest,
      state: states.get(id) ?? Buffer.alloc(0),
    }));
    await this.traces.save(tx, traces);
    if (written.some(({ row, before }) => !before && row.isForeign)) {
      await this.revocations.announce(tx, 'foreign tokens');
    }
    await this.audit.recordAll(tx, written.map(eventOf));
    for (const { row, before } of written) {
      if (before) await this.revocations.announce(tx, `token ${row.id}`);
    }
  }
}

function eventOf({ row, before }: Writing): AuditEntry {
  const { id, kind, accountId, actorId, scopes = [], revokedAt } = row;
  const details = {
    kind,
    ...(kind === 'api' ? { gateway_account: row.gatewayAccountId } : { account: accountId }),
    ...(actorId !== null && { actor: actorId }),
    by: 'import',
  };
  if (!before) return { kind: 'token.issued', subject: id, details: { ...details, scopes } };
  const isEnded = revokedAt !== undefined && !before.isRevoked;
  return { kind: isEnded ? 'token.revoked' : 'token.changed', subject: id, details };
}

/** What no two records of a group may share. */
const keysOf = ({ record }: TokenEntry): string[] => [
  `secret ${record.hash ?? record.digest ?? ''}`,
  ...(record.id === undefined ? [] : [`id ${record.id}`]),
];

const hasEnded = ({ revokedAt, expiresAt }: TokenRecord) =>
  revokedAt !== undefined || (expiresAt !== undefined && Date.parse(expiresAt) < Date.now());

/** Whether it is of accounts some of which only a dry run would have made. */
function isOfDryRun(
  { account, actor }: TokenRecord,
  { accounts }: Surroundings,
  { wouldHave }: ImportOptions,
): boolean {
  const unknown = [account, actor].filter((reference) => reference !== undefined && !accounts.has(reference));
  return unknown.length > 0 && unknown.every((reference = '') => wouldHave?.(reference) ?? false);
}

function problemsOfNew({ id, digest, hash }: TokenRecord, { byId, bySecret }: Surroundings): Problems {
  const isSecretTaken = [digest, hash].some((secret) => secret !== undefined && bySecret.has(secret));
  return {
    ...(id !== undefined && byId.has(id) && { id: NOT_IMPORTED }),
    ...(isSecretTaken && { [hash === undefined ? 'token' : 'token_hash']: TAKEN }),
  };
}

function problemsOfChange({ id }: TokenRecord, trace: Trace, before: StoredToken | undefined): Problems {
  if (!before) return { record: DELETED_HERE };
  if (!before.state.equals(trace.state)) return { record: CHANGED_HERE };
  return id !== undefined && id !== trace.rowId ? { id: 'is not the id stored for this token' } : {};
}

const isMoved = ({ accountId, actorId, gatewayAccountId, kind }: TokenRow, before: StoredToken) =>
  kind !== before.kind ||
  accountId !== before.accountId ||
  actorId !== before.actorId ||
  (gatewayAccountId ?? null) !== before.gatewayAccountId;

/** An import gives nobody the rights of an administrator unless it is told to. */
function problemsOfOwners(record: TokenRecord, { accounts }: Surroundings, { admins }: ImportOptions): Problems {
  const problems: Problems = {};
  for (const field of ['account', 'actor'] as const) {
    const problem = problemOfReference(record[field], accounts);
    if (problem !== undefined) problems[field] = problem;
  }
  const [account, actor] = [record.account, record.actor].map((reference = '') => accounts.get(reference));
  if (account && account !== 'several') {
    const isOfAdmin = record.kind === 'user' && account.isAdmin;
    const hasScopes = (record.scopes?.length ?? 0) > 0;
    if (hasScopes && !account.isAdmin) problems.scopes = 'are only for App-Tokens of an administrator';
    else if ((isOfAdmin || hasScopes) && !admins) problems.account = NEEDS_ADMINS;
    else if (record.kind === 'user' && isOlderThanPassword(record, account)) {
      problems.created_at = 'is earlier than a password change of the account here, which ended such tokens';
    }
  }
  if (actor && actor !== 'several' && !actor.isAdmin && record.kind !== 'api') {
    problems.actor = 'is not an administrator, and only administrators can act on behalf of others';
  }
  return problems;
}

const isOlderThanPassword = ({ createdAt = '' }: TokenRecord, { passwordChangedAt: changedAt }: Referred) =>
  changedAt !== null && !(Date.parse(createdAt) >= changedAt);
