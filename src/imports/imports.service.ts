import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { isConflict } from '../errors/database-errors.js';
import { Revocations } from '../revocations/revocations.service.js';
import { DryRun } from './dry-run.js';
import { ImportBatches, sorted } from './import-batches.service.js';
import { ImportReport } from './import-report.js';
import { ImportStore, NO_COUNTS, type Checkpoint, type Counts } from './imports.store.js';
import { batchesOf, RecordParser, type Batch } from './import-file.js';
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
  /** Where the records are listed that were refused. */
  report: string;
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
  async run(source: ImportSource, signal: AbortSignal, progress: (now: Progress) => void): Promise<Counts> {
    const run: Run = {
      source,
      checkpoint: await this.begin(source),
      report: new ImportReport(source.report),
      reader: this.batches.reader(source.usual),
      parser: new RecordParser(source.format),
      dryRun: source.isDryRun ? new DryRun() : undefined,
    };
    try {
      for await (const batch of batchesOf(source, run.checkpoint, run.parser)) {
        signal.throwIfAborted();
        run.checkpoint = await withPatience(() => this.runBatch(run, batch));
        progress({ position: run.checkpoint.position, counts: run.checkpoint.counts });
      }
      signal.throwIfAborted();
      if (!run.dryRun) await this.finish(source, run.checkpoint);
      return run.checkpoint.counts;
    } finally {
      run.report.close();
    }
  }

  private async begin({ name, isDryRun, isRestarted }: ImportSource): Promise<Checkpoint> {
    const fresh = { position: 0, digest: createHash('sha256').digest(), counts: NO_COUNTS, reportSize: 0 };
    if (isDryRun) return fresh;
    if (isRestarted) await this.store.forget(name);
    await this.store.begin(name, fresh);
    return (await this.store.find(name)) ?? fresh;
  }

  /** @returns how far the import is then */
  private async runBatch(run: Run, { records, position, digest }: Batch): Promise<Checkpoint> {
    const { source, checkpoint: before, reader, parser, report, dryRun } = run;
    const { given, unreadable } = parser.parse(records);
    const { entries, outcomes } = sorted(given, reader, source.format === 'csv');
    const { fresh, repeated } = dryRun?.sift(entries) ?? { fresh: entries, repeated: [] };
    const note = (imported: Outcome[]): Checkpoint => {
      const all = [...unreadable, ...outcomes, ...repeated, ...imported].sort((one, other) => one.line - other.line);
      const counts = sumOf(before.counts, all);
      return { position, digest, counts, reportSize: report.write(all, before.reportSize) };
    };
    if (dryRun) {
      const imported = await undone(
        (tx) => this.batches.run(tx, fresh, source),
        (work) => this.revocations.transaction(work),
      );
      dryRun.note(fresh, imported);
      return note(imported);
    }
    return this.revocations.transaction(async (tx) => {
      const now = note(await this.batches.run(tx, fresh, source));
      await this.store.advance(tx, source.name, before, now);
      return now;
    });
  }

  private async finish({ name }: ImportSource, { counts }: Checkpoint): Promise<void> {
    await this.revocations.transaction(async (tx) => {
      await this.store.finish(tx, name);
      await this.audit.record(tx, { kind: 'import.finished', details: { ...counts } });
    });
  }
}

/** An import under way. */
interface Run {
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
async function withPatience<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isConflict(error)) throw error;
    }
  }
}

function sumOf(before: Counts, outcomes: Outcome[]): Counts {
  const counts = { ...before };
  for (const { as } of outcomes) counts[as] += 1;
  counts.records += outcomes.length;
  return counts;
}
