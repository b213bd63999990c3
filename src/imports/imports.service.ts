import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { isConflict } from '../errors/database-errors.js';
import { Revocations } from '../revocations/revocations.service.js';
import { DryRun } from './dry-run.js';
import { ImportBatches, sorted } from './import-batches.service.js';
import { ImportReport, reportOf } from './import-report.js';
import {
  anotherProcess,
  ImportStore,
  NO_COUNTS,
  reportInUse,
  type Checkpoint,
  type Counts,
  type StartedImport,
} from './imports.store.js';
import { batchesOf, RecordParser, type Batch, type Parsed } from './import-file.js';
import type { Format } from './lines.js';
import type { ImportOptions, Outcome } from './outcomes.js';
import type { RecordReader, RecordType } from './records.js';

/** What is imported, and how. */
export interface ImportSource extends ImportOptions {
  /** By which it is known when it is started again: the path of the file. */
  name: string;
  bytes: AsyncIterable<Buffer>;
  format: Format;
  /** What a record is that does not say it. */
  usual?: RecordType;
  /** Where the records are listed that were refused; undefined: beside the file, or where the report of an import is that was broken off. */
  report?: string;
  /** Nothing is changed. */
  isDryRun: boolean;
  /** From the beginning, whatever was imported of it before. */
  isRestarted: boolean;
}

/** How far an import is. */
export interface Progress {
  /** In bytes. */
  position: number;
  counts: Counts;
}

/** What has come of an import. */
export interface ImportResult {
  counts: Counts;
  /** The path of the report, if there is one. */
  report: string;
}

/** How often a batch is tried that others were in the way of. */
const ATTEMPTS = 5;

/**
 * Imports a file: batch by batch, each in a transaction with how far the import has come, so that one that is broken off at any
 * moment goes on from there.
 */
@Injectable()
export class Imports {
  constructor(
    private readonly store: ImportStore,
    private readonly batches: ImportBatches,
    private readonly revocations: Revocations,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @param progress is called after each batch
   * @throws when the file is not the one that was imported before, or another process imports it
   */
  async run(source: ImportSource, signal: AbortSignal, progress: (now: Progress) => void): Promise<ImportResult> {
    const run: Run = {
      source,
      ...(await this.begin(source)),
      reader: this.batches.reader(source.usual),
      parser: new RecordParser(source.format),
      dryRun: source.isDryRun ? new DryRun() : undefined,
    };
    try {
      for await (const batch of batchesOf(source, run.checkpoint, run.parser)) {
        signal.throwIfAborted();
        const parsed = run.parser.parse(batch.records);
        run.checkpoint = await withPatience(() => this.runBatch(run, batch, parsed));
        progress({ position: run.checkpoint.position, counts: run.checkpoint.counts });
      }
      signal.throwIfAborted();
      await this.finish(run);
      return { counts: run.checkpoint.counts, report: run.report.path };
    } finally {
      run.report.close();
    }
  }

  private async begin(source: ImportSource): Promise<Pick<Run, 'id' | 'checkpoint' | 'report'>> {
    const { name, isDryRun, isRestarted } = source;
    const fresh = { position: 0, digest: createHash('sha256').digest(), counts: NO_COUNTS, reportSize: 0 };
    const found = isDryRun || isRestarted ? undefined : await this.store.find(name);
    const path = reportPath(source, found);
    if (isDryRun && (await this.store.hasReport(path))) throw reportInUse(path);
    const report = new ImportReport(path, found?.checkpoint.reportSize ?? 0, name);
    if (isDryRun) return { id: undefined, checkpoint: fresh, report };
    try {
      return {
        report,
        ...(await this.revocations.transaction((tx) => this.start(tx, source, path, found ? undefined : fresh))),
      };
    } catch (error) {
      report.close();
      throw error;
    }
  }

  private async start(
    tx: EntityManager,
    { name, isRestarted, admins }: ImportSource,
    path: string,
    fresh: Checkpoint | undefined,
  ): Promise<Pick<Run, 'id' | 'checkpoint'>> {
    if (isRestarted) await this.store.forget(tx, name);
    if (fresh) await this.store.begin(tx, name, path, fresh);
    const started = await this.store.find(name, tx);
    if (started?.report !== path) throw anotherProcess();
    const { id, checkpoint } = started;
    const details = { admins, records: checkpoint.counts.records };
    await this.audit.record(tx, { kind: 'import.started', subject: id, details });
    return { id, checkpoint };
  }

  /** @returns how far the import is then */
  private async runBatch(
    { id, source, checkpoint: before, reader, report, dryRun }: Run,
    { position, digest }: Batch,
    { given, unreadable }: Parsed,
  ): Promise<Checkpoint> {
    const { entries, outcomes } = sorted(given, reader, source.format === 'csv');
    const { fresh, repeated } = dryRun?.sift(entries) ?? { fresh: entries, repeated: [] };
    const note = (imported: Outcome[]): { now: Checkpoint; refusals: Buffer } => {
      const all = [...unreadable, ...outcomes, ...repeated, ...imported].sort((one, other) => one.line - other.line);
      const refusals = reportOf(all);
      const reportSize = before.reportSize + refusals.length;
      return { now: { position, digest, counts: sumOf(before.counts, all), reportSize }, refusals };
    };
    if (dryRun) {
      const imported = await undone(
        (tx) => this.batches.run(tx, fresh, { ...source, wouldHave: dryRun.hasAccount }),
        (work) => this.revocations.transaction(work),
      );
      dryRun.note(fresh, imported);
      const { now, refusals } = note(imported);
      report.write(refusals, before.reportSize);
      return now;
    }
    return this.revocations.transaction(async (tx) => {
      const { now, refusals } = note(await this.batches.run(tx, fresh, source));
      // Whoever has noted it holds a lock: nobody else writes to the report.
      if (id !== undefined) await this.store.advance(tx, id, before, now);
      report.write(refusals, before.reportSize);
      return now;
    });
  }

  private async finish({ id, checkpoint, report }: Run): Promise<void> {
    if (id === undefined) {
      report.finish(checkpoint.reportSize);
      return;
    }
    await this.revocations.transaction(async (tx) => {
      await this.store.finish(tx, id, checkpoint);
      await this.audit.record(tx, { kind: 'import.finished', subject: id, details: { ...checkpoint.counts } });
      report.finish(checkpoint.reportSize);
    });
  }
}

/** @throws when an import was broken off that has another one */
function reportPath({ name, report, isDryRun }: ImportSource, found: StartedImport | undefined): string {
  const chosen = report === undefined ? undefined : resolve(report);
  if (!found) return chosen ?? `${name === '-' ? resolve('import') : name}${isDryRun ? '.dry-run' : ''}.refused.ndjson`;
  if (chosen === undefined || chosen === found.report) return found.report;
  throw new Error(
    `A part of this file was imported before, and what was refused of it is in ${found.report}: that is its report.`,
  );
}

/** An import under way. */
interface Run {
  /** undefined: a dry run. */
  id: string | undefined;
  source: ImportSource;
  checkpoint: Checkpoint;
  report: ImportReport;
  reader: RecordReader;
  parser: RecordParser;
  dryRun: DryRun | undefined;
}

/** Runs work in a transaction that is rolled back. */
async function undone<T>(
  work: (tx: EntityManager) => Promise<T>,
  transaction: (work: (tx: EntityManager) => Promise<never>) => Promise<never>,
): Promise<T> {
  let result: { of: T } | undefined;
  try {
    await transaction(async (tx) => {
      result = { of: await work(tx) };
      throw new Error('rolled back');
    });
  } catch (error) {
    if (!result) throw error;
  }
  if (!result) throw new Error('The work of a dry run was not done.');
  return result.of;
}

/** Others may be in the way, such as people who sign up. */
export async function withPatience<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isConflict(error)) throw error;
    }
  }
}

export function sumOf(before: Counts, outcomes: Outcome[]): Counts {
  const counts = { ...before };
  for (const { as } of outcomes) counts[as] += 1;
  counts.records += outcomes.length;
  return counts;
}
