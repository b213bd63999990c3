import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { sql } from '../database/sql.js';
import { isBadData } from '../errors/database-errors.js';
import { AccountImports } from './account-imports.service.js';
import { refused, type Entry, type ImportOptions, type Outcome } from './outcomes.js';
import { ClientImports } from './client-imports.service.js';
import {
  RecordReader,
  type AccountRecord,
  type ClientRecord,
  type ImportRecord,
  type RecordType,
  type TokenRecord,
} from './records.js';
import { TokenImports } from './token-imports.service.js';

/** A record as it was given. */
export interface GivenRecord {
  line: number;
  value: unknown;
}

/** Imports some records at once, in a transaction. */
@Injectable()
export class ImportBatches {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accounts: AccountImports,
    private readonly clients: ClientImports,
    private readonly tokens: TokenImports,
  ) {}

  /** @param usual what a record is that does not say it */
  reader(usual?: RecordType): RecordReader {
    const { bcryptCost, apiTokenBcryptSalt } = this.config;
    return new RecordReader({ bcryptCost, apiTokenBcryptSalt }, usual);
  }

  /**
   * What PostgreSQL does not take of a record refuses that one alone.
   *
   * @param tx of {@link Revocations.transaction}
   * @returns what has come of each record, in their order
   */
  async run(tx: EntityManager, entries: Entry[], options: ImportOptions): Promise<Outcome[]> {
    const all = await unlessBadData(tx, () => this.runTogether(tx, entries, options));
    if (all) return all;
    const outcomes: Outcome[] = [];
    const inOrder = (['account', 'client', 'token'] as const).flatMap((type) => ofType(entries, type));
    for (const entry of inOrder) {
      const one = await unlessBadData(tx, () => this.runTogether(tx, [entry], options));
      outcomes.push(...(one ?? [refused(entry.line, { record: 'conflicts with what is already stored' })]));
    }
    return outcomes.sort((one, other) => one.line - other.line);
  }

  /** Accounts, then clients, then tokens: what belongs to an account needs it, and locks are taken in this order. */
  private async runTogether(tx: EntityManager, entries: Entry[], options: ImportOptions): Promise<Outcome[]> {
    const outcomes = [
      ...(await this.accounts.run(tx, ofType<AccountRecord>(entries, 'account'), options)),
      ...(await this.clients.run(tx, ofType<ClientRecord>(entries, 'client'), options)),
      ...(await this.tokens.run(tx, ofType<TokenRecord>(entries, 'token'), options)),
    ];
    return outcomes.sort((one, other) => one.line - other.line);
  }
}

const ofType = <Record extends ImportRecord>(entries: Entry[], type: Record['type']) =>
  entries.filter(({ record }) => record.type === type) as Entry<Record>[];

/** @returns undefined when PostgreSQL does not take what is to be stored: then nothing of it is */
async function unlessBadData<T>(tx: EntityManager, work: () => Promise<T>): Promise<T | undefined> {
  await sql(tx, 'SAVEPOINT import');
  try {
    const result = await work();
    await sql(tx, 'RELEASE SAVEPOINT import');
    return result;
  } catch (error) {
    if (!isBadData(error)) throw error;
    await sql(tx, 'ROLLBACK TO SAVEPOINT import');
    return undefined;
  }
}

/** Reads records, and tells those that can be imported from those that are refused. */
export function sorted(
  given: GivenRecord[],
  reader: RecordReader,
  isCsv = false,
): { entries: Entry[]; outcomes: Outcome[] } {
  const entries: Entry[] = [];
  const outcomes: Outcome[] = [];
  for (const { line, value } of given) {
    const read = reader.read(value, isCsv);
    if ('problems' in read) outcomes.push(refused(line, read.problems));
    else entries.push({ line, record: read.record, digest: digestOfRecord(read.record) });
  }
  return { entries, outcomes };
}

/** The same for records that say the same, in whatever order. */
function digestOfRecord(record: ImportRecord): Buffer {
  const ordered = Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(ordered)).digest();
}
