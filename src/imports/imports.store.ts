import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { isUniqueViolation } from '../errors/database-errors.js';

/** What has come of the records of an import. */
export interface Counts {
  records: number;
  made: number;
  changed: number;
  unchanged: number;
  refused: number;
}

export const NO_COUNTS: Counts = { records: 0, made: 0, changed: 0, unchanged: 0, refused: 0 };

/** How far an import has come. */
export interface Checkpoint {
  /** In bytes, and the SHA-256 of these. */
  position: number;
  digest: Buffer;
  counts: Counts;
  reportSize: number;
}

/** An import that is not finished. */
export interface StartedImport {
  id: string;
  /** The path of its report. */
  report: string;
  checkpoint: Checkpoint;
}

/** The table of imports that are not finished. */
@Injectable()
export class ImportStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns how far an import of this source had come, if one was broken off */
  async find(source: string, manager = this.manager): Promise<StartedImport | undefined> {
    const [row] = await sql<ImportRow>(
      manager,
      `SELECT id, report, position, digest, counts, report_size AS "reportSize" FROM imports WHERE source = $1`,
      [source],
    );
    if (!row) return undefined;
    const { id, report, position, reportSize, ...checkpoint } = row;
    return { id, report, checkpoint: { ...checkpoint, position: Number(position), reportSize: Number(reportSize) } };
  }

  /** @returns whether an import that is not finished has this report */
  async hasReport(path: string): Promise<boolean> {
    return (await sql(this.manager, 'SELECT id FROM imports WHERE report = $1', [path])).length > 0;
  }

  /** Begins an import, unless another one has begun. @throws when that of another source has the same report */
  async begin(tx: EntityManager, source: string, report: string, { digest, counts }: Checkpoint): Promise<void> {
    try {
      await sql(
        tx,
        `INSERT INTO imports (source, report, digest, counts) VALUES ($1, $2, $3, $4)
         ON CONFLICT (source) DO NOTHING RETURNING id`,
        [source, report, digest, JSON.stringify(counts)],
      );
    } catch (error) {
      throw isUniqueViolation(error, 'imports_report_key') ? reportInUse(report) : error;
    }
  }

  async forget(tx: EntityManager, source: string): Promise<void> {
    await sql(tx, 'DELETE FROM imports WHERE source = $1 RETURNING id', [source]);
  }

  /** Notes how far an import has come, in the transaction that has imported it. @throws when another process imports it too */
  async advance(tx: EntityManager, id: string, before: Checkpoint, now: Checkpoint): Promise<void> {
    const rows = await sql(
      tx,
      `UPDATE imports SET position = $3, digest = $4, counts = $5, report_size = $6, updated_at = now()
       WHERE id = $1 AND position = $2 RETURNING id`,
      [id, before.position, now.position, now.digest, JSON.stringify(now.counts), now.reportSize],
    );
    if (rows.length === 0) throw anotherProcess();
  }

  /** Ends an import, in the transaction that notes it. @throws when another process imports it too */
  async finish(tx: EntityManager, id: string, { position }: Checkpoint): Promise<void> {
    const rows = await sql(tx, 'DELETE FROM imports WHERE id = $1 AND position = $2 RETURNING id', [id, position]);
    if (rows.length === 0) throw anotherProcess();
  }
}

/** As PostgreSQL gives it: numbers of 64 bits as texts. */
type ImportRow = Omit<Checkpoint, 'position' | 'reportSize'> & {
  id: string;
  report: string;
  position: string;
  reportSize: string;
};

export const reportInUse = (path: string) =>
  new Error(`${path} is the report of another import, which is not finished. Choose another one (--report).`);

export const anotherProcess = () => new Error('Another process is importing the same file. This one has stopped.');
