import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';

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

/** The table of imports that are not finished. */
@Injectable()
export class ImportStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns how far an import of this source had come, if one was broken off */
  async find(source: string): Promise<Checkpoint | undefined> {
    const [row] = await sql<Omit<Checkpoint, 'position' | 'reportSize'> & { position: string; reportSize: string }>(
      this.manager,
      'SELECT position, digest, counts, report_size AS "reportSize" FROM imports WHERE source = $1',
      [source],
    );
    return row && { ...row, position: Number(row.position), reportSize: Number(row.reportSize) };
  }

  /** Begins an import, unless another one has begun. */
  async begin(source: string, { digest, counts }: Checkpoint): Promise<void> {
    await sql(
      this.manager,
      'INSERT INTO imports (source, digest, counts) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id',
      [source, digest, JSON.stringify(counts)],
    );
  }

  async forget(source: string): Promise<void> {
    await sql(this.manager, 'DELETE FROM imports WHERE source = $1 RETURNING id', [source]);
  }

  /** Notes how far an import has come, in the transaction that has imported it. @throws when another process imports it too */
  async advance(tx: EntityManager, source: string, before: Checkpoint, now: Checkpoint): Promise<void> {
    const rows = await sql(
      tx,
      `UPDATE imports SET position = $3, digest = $4, counts = $5, report_size = $6, updated_at = now()
       WHERE source = $1 AND position = $2 RETURNING id`,
      [source, before.position, now.position, now.digest, JSON.stringify(now.counts), now.reportSize],
    );
    if (rows.length === 0) throw new Error('Another process is importing the same file. This one has stopped.');
  }

  /** Ends an import, in the transaction that notes it. */
  async finish(tx: EntityManager, source: string): Promise<void> {
    await sql(tx, 'DELETE FROM imports WHERE source = $1 RETURNING id', [source]);
  }
}
